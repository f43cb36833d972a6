//! Managed policies.

use ebb_sources::iam::{Iam, IamError, ManagedPolicy, PolicyVersion};
use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{done, encoded, listed};
use crate::wire::{AwsError, Body, Call, Tag, form_list, show_tags, tags_of};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    #[serde(default)]
    policy_name: String,
    #[serde(default)]
    policy_arn: String,
    #[serde(default)]
    policy_document: String,
    path: Option<String>,
    path_prefix: Option<String>,
    description: Option<String>,
    scope: Option<String>,
    only_attached: Option<String>,
    version_id: Option<String>,
    set_as_default: Option<String>,
    #[serde(default = "Vec::new", deserialize_with = "form_list")]
    tags: Vec<Tag>,
    #[serde(default = "Vec::new", deserialize_with = "form_list")]
    tag_keys: Vec<String>,
}

fn show(iam: &Iam, policy: &ManagedPolicy) -> Value {
    let arn = iam.policy_arn(policy);
    let mut shown = json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Path": policy.path,
        "DefaultVersionId": policy.default_version,
        "AttachmentCount": iam.roles_with(&arn).len(),
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": true,
        "CreateDate": policy.created.to_rfc3339(),
        "UpdateDate": policy.updated.to_rfc3339(),
        "Tags": show_tags(&policy.tags),
        "Arn": arn,
    });
    if let Some(description) = &policy.description {
        shown["Description"] = description.as_str().into();
    }
    shown
}

pub(super) async fn create(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let place = (given.policy_name.as_str(), given.path.as_deref().unwrap_or("/"));
    let policy =
        iam.create_policy(place, &given.policy_document, given.description, tags_of(given.tags)).await?;
    done(&json!({ "Policy": show(&iam, &policy) }))
}

pub(super) async fn get(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    done(&json!({ "Policy": show(&iam, &*iam.policy(&given.policy_arn)?) }))
}

pub(super) async fn list(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let prefix = given.path_prefix.unwrap_or_default();
    let attached = given.only_attached.as_deref() == Some("true");
    let policies = iam.policies();
    // Those of AWS itself are not kept here.
    let own = policies.iter().filter(|_| given.scope.as_deref() != Some("AWS"));
    let wanted = own
        .filter(|policy| policy.path.starts_with(&prefix))
        .filter(|policy| !attached || !iam.roles_with(&iam.policy_arn(policy)).is_empty());
    listed(&call, "Policies", wanted.map(|policy| show(&iam, policy)).collect(), "Arn")
}

pub(super) async fn delete(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    iam.delete_policy(&given.policy_arn).await?;
    done(&json!({}))
}

fn show_version(policy: &ManagedPolicy, version: &PolicyVersion, whole: bool) -> Value {
    let mut shown = json!({
        "VersionId": version.id,
        "IsDefaultVersion": version.id == policy.default_version,
        "CreateDate": version.created.to_rfc3339(),
    });
    if whole {
        shown["Document"] = encoded(&version.document).into();
    }
    shown
}

pub(super) async fn create_version(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let default = given.set_as_default.as_deref() == Some("true");
    let made = iam.add_policy_version(&given.policy_arn, &given.policy_document, default).await?;
    let policy = iam.policy(&given.policy_arn)?;
    done(&json!({ "PolicyVersion": show_version(&policy, &made, false) }))
}

pub(super) async fn get_version(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let policy = iam.policy(&given.policy_arn)?;
    let id = given.version_id.unwrap_or_default();
    let version = policy.version(Some(&id)).ok_or_else(|| {
        IamError::NotFound(format!(
            "Policy {} version {id} does not exist or is not attachable.",
            given.policy_arn
        ))
    })?;
    done(&json!({ "PolicyVersion": show_version(&policy, version, true) }))
}

pub(super) async fn list_versions(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let policy = iam.policy(&given.policy_arn)?;
    let shown = policy.versions.iter().rev().map(|version| show_version(&policy, version, false));
    listed(&call, "Versions", shown.collect(), "VersionId")
}

pub(super) async fn set_default(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let id = given.version_id.unwrap_or_default();
    let change = |policy: &mut ManagedPolicy| {
        if policy.version(Some(&id)).is_none() {
            return Err(IamError::NotFound(format!("Policy version {id} does not exist.")));
        }
        policy.default_version.clone_from(&id);
        Ok(())
    };
    iam.edit_policy(&given.policy_arn, change).await?;
    done(&json!({}))
}

pub(super) async fn delete_version(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    iam.delete_policy_version(&given.policy_arn, &given.version_id.unwrap_or_default()).await?;
    done(&json!({}))
}

pub(super) async fn tag(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let tags = tags_of(given.tags);
    let change = |policy: &mut ManagedPolicy| {
        policy.tags.extend(tags.clone());
        Ok(())
    };
    iam.edit_policy(&given.policy_arn, change).await?;
    done(&json!({}))
}

pub(super) async fn untag(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let change = |policy: &mut ManagedPolicy| {
        policy.tags.retain(|key, _| !given.tag_keys.contains(key));
        Ok(())
    };
    iam.edit_policy(&given.policy_arn, change).await?;
    done(&json!({}))
}

pub(super) async fn list_tags(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let tags = show_tags(&iam.policy(&given.policy_arn)?.tags);
    listed(&call, "Tags", tags.as_array().cloned().unwrap_or_default(), "Key")
}

pub(super) async fn list_entities(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let roles = iam.roles_with(&given.policy_arn);
    let shown: Vec<Value> =
        roles.iter().map(|role| json!({ "RoleName": role.name, "RoleId": role.id })).collect();
    done(&json!({ "PolicyRoles": shown, "PolicyUsers": [], "PolicyGroups": [], "IsTruncated": false }))
}
