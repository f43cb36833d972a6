//! Roles and policies.

use std::collections::BTreeMap;

use ebb_sources::iam::{IamError, Role};

use super::super::Inner;
use super::super::record::MadeResource;
use super::{Made, Message, Properties, Wanted, said};

fn gone<T>(result: Result<T, IamError>) -> Result<(), Message> {
    match result {
        Ok(_) | Err(IamError::NotFound(_)) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

/// The policies that a role has in itself.
fn inline(own: &Properties<'_>) -> Result<BTreeMap<String, String>, Message> {
    let one = |given: &serde_json::Value| {
        let given = Properties::of(given);
        Ok((given.required("PolicyName")?, given.document("PolicyDocument").unwrap_or_default()))
    };
    own.list("Policies").iter().map(one).collect()
}

fn role(wanted: &Wanted<'_>) -> Result<Role, Message> {
    let own = wanted.properties();
    let trust = own.document("AssumeRolePolicyDocument").unwrap_or_default();
    let mut role = Role::new(&wanted.named("RoleName"), &path(&own), &trust);
    role.description = own.text("Description");
    role.session_seconds = own.small("MaxSessionDuration")?.unwrap_or(role.session_seconds);
    role.attached = own.texts("ManagedPolicyArns").unwrap_or_default();
    role.inline = inline(&own)?;
    role.boundary = own.text("PermissionsBoundary");
    role.tags = own.tags();
    Ok(role)
}

fn path(own: &Properties<'_>) -> String {
    own.text("Path").unwrap_or_else(|| "/".to_owned())
}

pub(super) async fn create_role(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let role = inner.services.iam.create_role(role(wanted)?).await.map_err(said)?;
    Ok(role_made(inner, &role))
}

fn role_made(inner: &Inner, role: &Role) -> Made {
    let arn = inner.services.iam.role_arn(role);
    Made::new(role.name.clone(), [("Arn", arn), ("RoleId", role.id.clone())])
}

pub(super) async fn update_role(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let new = role(wanted)?;
    let old = Properties::of(&before.properties);
    let (old_inline, old_attached) = (inline(&old)?, old.texts("ManagedPolicyArns").unwrap_or_default());
    let edited = inner.services.iam.edit_role(&before.physical, |role| {
        // What other resources and calls gave it stays.
        role.inline.retain(|name, _| !old_inline.contains_key(name));
        role.inline.extend(new.inline.clone());
        role.attached.retain(|arn| !old_attached.contains(arn) && !new.attached.contains(arn));
        role.attached.extend(new.attached.iter().cloned());
        role.trust.clone_from(&new.trust);
        role.description.clone_from(&new.description);
        role.boundary.clone_from(&new.boundary);
        role.session_seconds = new.session_seconds;
        role.tags.clone_from(&new.tags);
        Ok(())
    });
    edited.await.map(|role| role_made(inner, &role)).map_err(said)
}

pub(super) async fn delete_role(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let emptied = inner.services.iam.edit_role(&made.physical, |role| {
        role.inline.clear();
        role.attached.clear();
        Ok(())
    });
    gone(emptied.await)?;
    gone(inner.services.iam.delete_role(&made.physical).await)
}

/// A policy that its roles have as their own.
pub(super) async fn put_policy(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let name = wanted.named("PolicyName");
    let document = own.document("PolicyDocument").unwrap_or_default();
    for role in own.texts("Roles").unwrap_or_default() {
        inner.services.iam.put_role_policy(&role, &name, &document).await.map_err(said)?;
    }
    Ok(Made::new(name, [("Id", wanted.name.clone())]))
}

pub(super) async fn delete_policy(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let own = Properties::of(&made.properties);
    let name = own.text("PolicyName").unwrap_or_else(|| made.physical.clone());
    for role in own.texts("Roles").unwrap_or_default() {
        let edited = inner.services.iam.edit_role(&role, |role| {
            role.inline.remove(&name);
            Ok(())
        });
        gone(edited.await)?;
    }
    Ok(())
}

pub(super) async fn update_policy(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    delete_policy(inner, before).await?;
    put_policy(inner, wanted).await
}

pub(super) async fn create_managed(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (name, path) = (wanted.named("ManagedPolicyName"), path(&own));
    let document = own.document("PolicyDocument").unwrap_or_default();
    let iam = &inner.services.iam;
    let made = iam.create_policy((&name, &path), &document, own.text("Description"), BTreeMap::new());
    let policy = made.await.map_err(said)?;
    let arn = iam.policy_arn(&policy);
    for role in own.texts("Roles").unwrap_or_default() {
        if let Err(error) = iam.attach_role_policy(&role, &arn).await {
            delete_managed_arn(inner, &arn).await?;
            return Err(said(error));
        }
    }
    Ok(Made::new(arn.clone(), [("PolicyArn", arn), ("PolicyId", policy.id.clone())]))
}

pub(super) async fn update_managed(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let (own, old) = (wanted.properties(), Properties::of(&before.properties));
    let (iam, arn) = (&inner.services.iam, before.physical.clone());
    if own.document("PolicyDocument") != old.document("PolicyDocument") {
        let oldest = iam.policy(&arn).map_err(said)?;
        let spare = oldest.versions.iter().find(|own| own.id != oldest.default_version);
        if let Some(spare) = spare.filter(|_| oldest.versions.len() >= 5) {
            iam.delete_policy_version(&arn, &spare.id).await.map_err(said)?;
        }
        let document = own.document("PolicyDocument").unwrap_or_default();
        iam.add_policy_version(&arn, &document, true).await.map_err(said)?;
    }
    let (now, then) = (own.texts("Roles").unwrap_or_default(), old.texts("Roles").unwrap_or_default());
    for role in then.iter().filter(|role| !now.contains(role)) {
        gone(iam.detach_role_policy(role, &arn).await)?;
    }
    for role in now {
        iam.attach_role_policy(&role, &arn).await.map_err(said)?;
    }
    let id = iam.policy(&arn).map_err(said)?.id.clone();
    Ok(Made::new(arn.clone(), [("PolicyArn", arn), ("PolicyId", id)]))
}

pub(super) async fn delete_managed(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    if made.physical.starts_with("arn:") {
        return delete_managed_arn(inner, &made.physical).await;
    }
    // What was about to be made is known by its name.
    let path = path(&Properties::of(&made.properties));
    let account = inner.services.catalog.account();
    delete_managed_arn(inner, &format!("arn:aws:iam::{account}:policy{path}{}", made.physical)).await
}

async fn delete_managed_arn(inner: &Inner, arn: &str) -> Result<(), Message> {
    let iam = &inner.services.iam;
    for role in iam.roles_with(arn) {
        gone(iam.detach_role_policy(&role.name, arn).await)?;
    }
    if let Ok(policy) = iam.policy(arn) {
        for version in policy.versions.iter().filter(|own| own.id != policy.default_version) {
            gone(iam.delete_policy_version(arn, &version.id).await)?;
        }
    }
    gone(iam.delete_policy(arn).await)
}
