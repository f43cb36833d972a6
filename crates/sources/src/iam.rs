//! Roles and policies, as AWS IAM has them: kept for the tools that make them, and evaluated nowhere yet.
//!
//! What ebb enforces (who may call a function, send to a queue, read a bucket) is in the policies of those resources;
//! whoever has a key of the account may do everything else. Source: IAM API reference (2026-11).

mod policies;
mod roles;

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_invoker::Boxed;
use ebb_model::{AccountId, Clock, RequestId, Timestamp};
use ebb_store::{Change, Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::registry::{Follow, Registry};

/// The most versions that a policy has at once.
const VERSIONS: usize = 5;

/// All roles and policies. Cheap to clone.
#[derive(Clone)]
pub struct Iam {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    account: AccountId,
    roles: Registry<Role>,
    policies: Registry<ManagedPolicy>,
}

/// What IAM is opened with.
pub struct IamParts {
    /// Where everything is kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whose it is.
    pub account: AccountId,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// As in `/service-role/`.
    pub path: String,
    /// Its unique id.
    pub id: String,
    /// Who may take it, as JSON text.
    pub trust: String,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// How long a session may last, in seconds.
    pub session_seconds: u32,
    /// The ARNs of managed policies.
    #[serde(default)]
    pub attached: Vec<String>,
    /// Policies of its own, by name, as JSON text.
    #[serde(default)]
    pub inline: BTreeMap<String, String>,
    /// The ARN of a policy that bounds what it may do.
    #[serde(default)]
    pub boundary: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created: Timestamp,
}

/// A policy that many may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// Its name.
    pub name: String,
    /// As in `/`.
    pub path: String,
    /// Its unique id.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// Its versions, the first first.
    pub versions: Vec<PolicyVersion>,
    /// The id of the version that counts.
    pub default_version: String,
    /// How many versions there ever were.
    pub numbered: u32,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// A version of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// As in `v1`.
    pub id: String,
    /// JSON text.
    pub document: String,
    /// When it was made.
    pub created: Timestamp,
}

/// Why a change of a role or policy, or a question about one, is refused.
#[derive(Debug, thiserror::Error)]
pub enum IamError {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// There is one already.
    #[error("{0}")]
    Exists(String),
    /// Something else still needs it.
    #[error("{0}")]
    InUse(String),
    /// More than there may be.
    #[error("{0}")]
    Limit(String),
    /// A document is no policy.
    #[error("{0}")]
    Malformed(String),
    /// A name or a value makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Follow for Iam {
    fn follow(&self, change: Change) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.inner.roles.follow(change.clone()).await?;
            self.inner.policies.follow(change).await.map(drop)
        })
    }
}

impl Iam {
    /// Reads what there is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(parts: IamParts) -> Result<Self, StoreError> {
        Ok(Self {
            inner: Arc::new(Inner {
                roles: Registry::open(parts.store.clone(), "iam-role").await?,
                policies: Registry::open(parts.store, "iam-policy").await?,
                clock: parts.clock,
                account: parts.account,
            }),
        })
    }

    /// The ARN of a role.
    #[must_use]
    pub fn role_arn(&self, role: &Role) -> String {
        format!("arn:aws:iam::{}:role{}{}", self.inner.account, role.path, role.name)
    }

    /// The ARN of a policy.
    #[must_use]
    pub fn policy_arn(&self, policy: &ManagedPolicy) -> String {
        format!("arn:aws:iam::{}:policy{}{}", self.inner.account, policy.path, policy.name)
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

/// A unique id with the prefix of its kind.
fn unique(prefix: &str) -> String {
    let random: String =
        RequestId::random().to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{prefix}{}", random[..17].to_ascii_uppercase())
}

fn check_name(what: &str, name: &str, longest: usize) -> Result<(), IamError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    if !name.is_empty() && name.len() <= longest && name.chars().all(legal) {
        return Ok(());
    }
    Err(IamError::Invalid(format!(
        "The specified value for {what} is invalid. It must contain only alphanumeric characters and/or the following: \
         +=,.@_- and have at most {longest} of them"
    )))
}

fn check_path(path: &str) -> Result<(), IamError> {
    if path.starts_with('/') && path.ends_with('/') && path.len() <= 512 {
        return Ok(());
    }
    Err(IamError::Invalid(format!(
        "The specified value for path is invalid: {path} must begin and end with /"
    )))
}

/// Refuses what is no policy document: JSON with statements.
fn check_document(text: &str) -> Result<(), IamError> {
    let malformed = |why: &str| IamError::Malformed(why.to_owned());
    let document: Value =
        serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
    let statements = match &document["Statement"] {
        Value::Array(all) => all.as_slice(),
        one @ Value::Object(_) => std::slice::from_ref(one),
        _ => return Err(malformed("Syntax errors in policy.")),
    };
    let sound = |statement: &Value| matches!(statement["Effect"].as_str(), Some("Allow" | "Deny"));
    if !statements.iter().all(sound) {
        return Err(malformed("Syntax errors in policy: a statement has no Effect of Allow or Deny"));
    }
    Ok(())
}
