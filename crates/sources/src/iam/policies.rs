//! Managed policies and their versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    Iam, IamError, ManagedPolicy, PolicyVersion, VERSIONS, check_document, check_name, check_path, unique,
};

fn missing(arn: &str) -> IamError {
    IamError::NotFound(format!("Policy {arn} does not exist or is not attachable."))
}

impl Iam {
    /// Makes a policy with one version.
    ///
    /// # Errors
    /// [`IamError::Exists`], [`IamError::Invalid`], [`IamError::Malformed`].
    pub async fn create_policy(
        &self,
        (name, path): (&str, &str),
        document: &str,
        description: Option<String>,
        tags: BTreeMap<String, String>,
    ) -> Result<Arc<ManagedPolicy>, IamError> {
        check_name("policyName", name, 128)?;
        check_path(path)?;
        check_document(document)?;
        let now = self.now();
        let first = PolicyVersion { id: "v1".to_owned(), document: document.to_owned(), created: now };
        let policy = ManagedPolicy {
            name: name.to_owned(),
            path: path.to_owned(),
            id: unique("ANPA"),
            description,
            versions: vec![first],
            default_version: "v1".to_owned(),
            numbered: 1,
            tags,
            created: now,
            updated: now,
        };
        let arn = self.policy_arn(&policy);
        let made = self.inner.policies.edit(&arn, |before| match before {
            Some(_) => Err(IamError::Exists(format!(
                "A policy called {name} already exists. Duplicate names are not allowed."
            ))),
            None => Ok(Some(policy.clone())),
        });
        made.await?.ok_or_else(|| missing(&arn))
    }

    /// Changes a policy. `change` may be called several times.
    ///
    /// # Errors
    /// [`IamError::NotFound`], and those of `change`.
    pub async fn edit_policy(
        &self,
        arn: &str,
        mut change: impl FnMut(&mut ManagedPolicy) -> Result<(), IamError>,
    ) -> Result<Arc<ManagedPolicy>, IamError> {
        let now = self.now();
        let changed = self.inner.policies.edit(arn, |before| {
            let mut policy = before.cloned().ok_or_else(|| missing(arn))?;
            change(&mut policy)?;
            policy.updated = now;
            Ok::<_, IamError>(Some(policy))
        });
        changed.await?.ok_or_else(|| missing(arn))
    }

    /// Adds a version to a policy; gives its id.
    ///
    /// # Errors
    /// [`IamError::NotFound`], [`IamError::Malformed`], [`IamError::Limit`].
    pub async fn add_policy_version(
        &self,
        arn: &str,
        document: &str,
        default: bool,
    ) -> Result<PolicyVersion, IamError> {
        check_document(document)?;
        let now = self.now();
        let mut added = PolicyVersion { id: String::new(), document: document.to_owned(), created: now };
        let add = |policy: &mut ManagedPolicy| {
            if policy.versions.len() >= VERSIONS {
                return Err(IamError::Limit(format!(
                    "A managed policy can have up to {VERSIONS} versions. Before you create a new version, you must \
                     delete an existing version."
                )));
            }
            policy.numbered += 1;
            added.id = format!("v{}", policy.numbered);
            policy.versions.push(added.clone());
            if default {
                policy.default_version.clone_from(&added.id);
            }
            Ok(())
        };
        self.edit_policy(arn, add).await?;
        Ok(added)
    }

    /// Removes a version that is not the default.
    ///
    /// # Errors
    /// [`IamError::NotFound`], [`IamError::InUse`].
    pub async fn delete_policy_version(&self, arn: &str, id: &str) -> Result<(), IamError> {
        let remove = |policy: &mut ManagedPolicy| {
            if policy.default_version == id {
                return Err(IamError::InUse("Cannot delete the default version of a policy.".to_owned()));
            }
            let before = policy.versions.len();
            policy.versions.retain(|own| own.id != id);
            match policy.versions.len() == before {
                true => Err(IamError::NotFound(format!("Policy {arn} version {id} does not exist."))),
                false => Ok(()),
            }
        };
        self.edit_policy(arn, remove).await.map(drop)
    }

    /// Removes a policy that nobody has and that has only one version.
    ///
    /// # Errors
    /// [`IamError::NotFound`], [`IamError::InUse`].
    pub async fn delete_policy(&self, arn: &str) -> Result<(), IamError> {
        let policy = self.policy(arn)?;
        if !self.roles_with(arn).is_empty() {
            return Err(IamError::InUse("Cannot delete a policy attached to entities.".to_owned()));
        }
        if policy.versions.len() > 1 {
            return Err(IamError::InUse(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                 versions. The default version is deleted with the policy."
                    .to_owned(),
            ));
        }
        self.inner.policies.edit(arn, |_| Ok::<_, IamError>(None)).await.map(drop)
    }

    /// A policy of this account.
    ///
    /// # Errors
    /// [`IamError::NotFound`].
    pub fn policy(&self, arn: &str) -> Result<Arc<ManagedPolicy>, IamError> {
        self.inner.policies.get(arn).ok_or_else(|| missing(arn))
    }

    /// All policies of this account, by ARN.
    #[must_use]
    pub fn policies(&self) -> Vec<Arc<ManagedPolicy>> {
        self.inner.policies.all().values().cloned().collect()
    }
}

impl ManagedPolicy {
    /// The version that counts, else the one with this id.
    #[must_use]
    pub fn version(&self, id: Option<&str>) -> Option<&PolicyVersion> {
        let id = id.unwrap_or(&self.default_version);
        self.versions.iter().find(|own| own.id == id)
    }
}
