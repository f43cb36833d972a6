//! Roles.

use ebb_sources::iam::{Iam, IamError, Role};
use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{done, encoded, listed};
use crate::wire::{AwsError, Body, Call, Tag, form_list, show_tags, tags_of};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    #[serde(default)]
    role_name: String,
    path: Option<String>,
    assume_role_policy_document: Option<String>,
    description: Option<String>,
    max_session_duration: Option<String>,
    permissions_boundary: Option<String>,
    #[serde(default = "Vec::new", deserialize_with = "form_list")]
    tags: Vec<Tag>,
    #[serde(default = "Vec::new", deserialize_with = "form_list")]
    tag_keys: Vec<String>,
    policy_name: Option<String>,
    policy_document: Option<String>,
    policy_arn: Option<String>,
    path_prefix: Option<String>,
}

fn required(value: Option<String>, name: &str) -> Result<String, AwsError> {
    value.ok_or_else(|| {
        AwsError::client(
            "ValidationError",
            format!(
                "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be \
                 null"
            ),
        )
    })
}

fn seconds(text: Option<&str>) -> Result<Option<u32>, AwsError> {
    let read = |text: &str| {
        text.parse().map_err(|_| AwsError::client("ValidationError", "MaxSessionDuration must be a number"))
    };
    text.map(read).transpose()
}

pub(super) async fn create(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let trust = required(given.assume_role_policy_document, "assumeRolePolicyDocument")?;
    let mut role = Role::new(&given.role_name, given.path.as_deref().unwrap_or("/"), &trust);
    role.description = given.description;
    role.session_seconds = seconds(given.max_session_duration.as_deref())?.unwrap_or(role.session_seconds);
    role.boundary = given.permissions_boundary;
    role.tags = tags_of(given.tags);
    let role = iam.create_role(role).await?;
    done(&json!({ "Role": show(&iam, &role, true) }))
}

fn show(iam: &Iam, role: &Role, whole: bool) -> Value {
    let mut shown = json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": iam.role_arn(role),
        "CreateDate": role.created.to_rfc3339(),
        "AssumeRolePolicyDocument": encoded(&role.trust),
        "MaxSessionDuration": role.session_seconds,
    });
    if let Some(description) = &role.description {
        shown["Description"] = description.as_str().into();
    }
    if whole {
        if let Some(boundary) = &role.boundary {
            shown["PermissionsBoundary"] =
                json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary });
        }
        shown["Tags"] = show_tags(&role.tags);
        shown["RoleLastUsed"] = json!({});
    }
    shown
}

pub(super) async fn get(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let role = iam.role(&given.role_name)?;
    done(&json!({ "Role": show(&iam, &role, true) }))
}

pub(super) async fn list(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let prefix = given.path_prefix.unwrap_or_default();
    let roles = iam.roles();
    let shown =
        roles.iter().filter(|role| role.path.starts_with(&prefix)).map(|role| show(&iam, role, false));
    listed(&call, "Roles", shown.collect(), "RoleName")
}

pub(super) async fn update(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let length = seconds(given.max_session_duration.as_deref())?;
    let change = |role: &mut Role| {
        if given.description.is_some() {
            role.description.clone_from(&given.description);
        }
        role.session_seconds = length.unwrap_or(role.session_seconds);
        Ok(())
    };
    let role = iam.edit_role(&given.role_name, change).await?;
    match call.context.operation {
        "UpdateRoleDescription" => done(&json!({ "Role": show(&iam, &role, false) })),
        _ => done(&json!({})),
    }
}

pub(super) async fn update_trust(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let trust = required(given.policy_document, "policyDocument")?;
    let change = |role: &mut Role| {
        role.trust.clone_from(&trust);
        Ok(())
    };
    iam.edit_role(&given.role_name, change).await?;
    done(&json!({}))
}

pub(super) async fn delete(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    iam.delete_role(&given.role_name).await?;
    done(&json!({}))
}

pub(super) async fn tag(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let tags = tags_of(given.tags);
    let change = |role: &mut Role| {
        role.tags.extend(tags.clone());
        Ok(())
    };
    iam.edit_role(&given.role_name, change).await?;
    done(&json!({}))
}

pub(super) async fn untag(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let change = |role: &mut Role| {
        role.tags.retain(|key, _| !given.tag_keys.contains(key));
        Ok(())
    };
    iam.edit_role(&given.role_name, change).await?;
    done(&json!({}))
}

pub(super) async fn list_tags(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let tags = show_tags(&iam.role(&given.role_name)?.tags);
    listed(&call, "Tags", tags.as_array().cloned().unwrap_or_default(), "Key")
}

pub(super) async fn put_policy(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let name = required(given.policy_name, "policyName")?;
    let document = required(given.policy_document, "policyDocument")?;
    iam.put_role_policy(&given.role_name, &name, &document).await?;
    done(&json!({}))
}

fn no_policy(name: &str) -> IamError {
    IamError::NotFound(format!("The role policy with name {name} cannot be found."))
}

pub(super) async fn get_policy(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let name = required(given.policy_name, "policyName")?;
    let role = iam.role(&given.role_name)?;
    let document = role.inline.get(&name).ok_or_else(|| no_policy(&name))?;
    done(&json!({ "RoleName": role.name, "PolicyName": name, "PolicyDocument": encoded(document) }))
}

pub(super) async fn list_policies(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let role = iam.role(&given.role_name)?;
    listed(&call, "PolicyNames", role.inline.keys().map(|name| name.as_str().into()).collect(), "")
}

pub(super) async fn delete_policy(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let name = required(given.policy_name, "policyName")?;
    let change = |role: &mut Role| role.inline.remove(&name).map(drop).ok_or_else(|| no_policy(&name));
    iam.edit_role(&given.role_name, change).await?;
    done(&json!({}))
}

pub(super) async fn attach(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    iam.attach_role_policy(&given.role_name, &required(given.policy_arn, "policyArn")?).await?;
    done(&json!({}))
}

pub(super) async fn detach(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    iam.detach_role_policy(&given.role_name, &required(given.policy_arn, "policyArn")?).await?;
    done(&json!({}))
}

pub(super) async fn list_attached(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let role = iam.role(&given.role_name)?;
    let show =
        |arn: &String| json!({ "PolicyName": arn.rsplit('/').next().unwrap_or(arn), "PolicyArn": arn });
    listed(&call, "AttachedPolicies", role.attached.iter().map(show).collect(), "PolicyArn")
}

pub(super) async fn put_boundary(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let boundary = required(given.permissions_boundary, "permissionsBoundary")?;
    let change = |role: &mut Role| {
        role.boundary = Some(boundary.clone());
        Ok(())
    };
    iam.edit_role(&given.role_name, change).await?;
    done(&json!({}))
}

pub(super) async fn delete_boundary(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let change = |role: &mut Role| {
        role.boundary = None;
        Ok(())
    };
    iam.edit_role(&given.role_name, change).await?;
    done(&json!({}))
}

/// There are no machines here that would have one.
pub(super) async fn list_profiles(iam: Iam, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    iam.role(&given.role_name)?;
    listed(&call, "InstanceProfiles", Vec::new(), "")
}
