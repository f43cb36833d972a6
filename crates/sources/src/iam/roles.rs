//! Roles.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Iam, IamError, Role, check_document, check_name, check_path, unique};

fn missing(name: &str) -> IamError {
    IamError::NotFound(format!("The role with name {name} cannot be found."))
}

impl Iam {
    /// Makes a role. Its id and its time are filled in.
    ///
    /// # Errors
    /// [`IamError::Exists`], [`IamError::Invalid`], [`IamError::Malformed`].
    pub async fn create_role(&self, mut role: Role) -> Result<Arc<Role>, IamError> {
        check_name("roleName", &role.name, 64)?;
        check_path(&role.path)?;
        check_document(&role.trust)?;
        check_seconds(role.session_seconds)?;
        for document in role.inline.values() {
            check_document(document)?;
        }
        (role.id, role.created) = (unique("AROA"), self.now());
        let name = role.name.clone();
        let made = self.inner.roles.edit(&name, |before| match before {
            Some(_) => Err(IamError::Exists(format!("Role with name {name} already exists."))),
            None => Ok(Some(role.clone())),
        });
        made.await?.ok_or_else(|| missing(&name))
    }

    /// Changes a role. `change` may be called several times.
    ///
    /// # Errors
    /// [`IamError::NotFound`], and those of `change`.
    pub async fn edit_role(
        &self,
        name: &str,
        mut change: impl FnMut(&mut Role) -> Result<(), IamError>,
    ) -> Result<Arc<Role>, IamError> {
        let changed = self.inner.roles.edit(name, |before| {
            let mut role = before.cloned().ok_or_else(|| missing(name))?;
            change(&mut role)?;
            check_seconds(role.session_seconds)?;
            check_document(&role.trust)?;
            Ok::<_, IamError>(Some(role))
        });
        changed.await?.ok_or_else(|| missing(name))
    }

    /// Removes a role that has no policies any more.
    ///
    /// # Errors
    /// [`IamError::NotFound`], [`IamError::InUse`].
    pub async fn delete_role(&self, name: &str) -> Result<(), IamError> {
        let removed = self.inner.roles.edit(name, |before| {
            let role = before.ok_or_else(|| missing(name))?;
            if !role.attached.is_empty() {
                return Err(IamError::InUse(
                    "Cannot delete entity, must detach all policies first.".to_owned(),
                ));
            }
            if !role.inline.is_empty() {
                return Err(IamError::InUse("Cannot delete entity, must delete policies first.".to_owned()));
            }
            Ok(None)
        });
        removed.await.map(drop)
    }

    /// A role.
    ///
    /// # Errors
    /// [`IamError::NotFound`].
    pub fn role(&self, name: &str) -> Result<Arc<Role>, IamError> {
        self.inner.roles.get(name).ok_or_else(|| missing(name))
    }

    /// All roles, by name.
    #[must_use]
    pub fn roles(&self) -> Vec<Arc<Role>> {
        self.inner.roles.all().values().cloned().collect()
    }

    /// Gives a role a policy of its own, in place of one with this name.
    ///
    /// # Errors
    /// [`IamError::NotFound`], [`IamError::Malformed`], [`IamError::Invalid`].
    pub async fn put_role_policy(&self, role: &str, name: &str, document: &str) -> Result<(), IamError> {
        check_name("policyName", name, 128)?;
        check_document(document)?;
        let put = |role: &mut Role| {
            role.inline.insert(name.to_owned(), document.to_owned());
            Ok(())
        };
        self.edit_role(role, put).await.map(drop)
    }

    /// Attaches a managed policy to a role. Those of AWS itself (`arn:aws:iam::aws:policy/…`) are taken by their name.
    ///
    /// # Errors
    /// [`IamError::NotFound`] for the role, and for a policy of this account.
    pub async fn attach_role_policy(&self, role: &str, arn: &str) -> Result<(), IamError> {
        if !arn.starts_with("arn:aws:iam::aws:policy/") {
            self.policy(arn)?;
        }
        let attach = |role: &mut Role| {
            if !role.attached.iter().any(|own| own == arn) {
                role.attached.push(arn.to_owned());
            }
            Ok(())
        };
        self.edit_role(role, attach).await.map(drop)
    }

    /// Detaches a managed policy from a role.
    ///
    /// # Errors
    /// [`IamError::NotFound`].
    pub async fn detach_role_policy(&self, role: &str, arn: &str) -> Result<(), IamError> {
        let detach = |role: &mut Role| {
            let before = role.attached.len();
            role.attached.retain(|own| own != arn);
            match role.attached.len() == before {
                true => Err(IamError::NotFound(format!("Policy {arn} was not found."))),
                false => Ok(()),
            }
        };
        self.edit_role(role, detach).await.map(drop)
    }

    /// The names of the roles that have a managed policy.
    #[must_use]
    pub fn roles_with(&self, arn: &str) -> Vec<Arc<Role>> {
        let has = |role: &Arc<Role>| {
            role.attached.iter().any(|own| own == arn) || role.boundary.as_deref() == Some(arn)
        };
        self.roles().into_iter().filter(has).collect()
    }
}

impl Role {
    /// A role without policies.
    #[must_use]
    pub fn new(name: &str, path: &str, trust: &str) -> Self {
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
            id: String::new(),
            trust: trust.to_owned(),
            description: None,
            session_seconds: 3600,
            attached: Vec::new(),
            inline: BTreeMap::new(),
            boundary: None,
            tags: BTreeMap::new(),
            created: ebb_model::Timestamp(0),
        }
    }
}

fn check_seconds(seconds: u32) -> Result<(), IamError> {
    if (3600..=43_200).contains(&seconds) {
        return Ok(());
    }
    Err(IamError::Invalid(format!(
        "MaxSessionDuration must be between 3600 and 43200 seconds, not {seconds}"
    )))
}
