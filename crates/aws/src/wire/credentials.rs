//! Keys: the root key of the data folder, and temporary ones that are derived from it.
//!
//! A temporary key is not stored. Its secret is an HMAC of its id under the root secret; its session token states whom
//! it stands for and until when, sealed with another HMAC. Any server that holds the root key can check it.

mod file;
mod token;

pub use file::CredentialsFileError;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ebb_model::{
    AccessKeyId, AccountId, Clock, Credentials, FunctionArn, FunctionVersion, SecretAccessKey, Timestamp,
};
use subtle::ConstantTimeEq as _;

use super::call::Principal;
use super::sigv4::hmac_sha256;
use token::Statement;

/// How long the key of a function's instance is valid: a day longer than an instance is used, which is more than its last
/// event can take. It cannot be renewed in place.
pub const INSTANCE_KEY_LIFETIME: Duration =
    ebb_invoker::LONGEST_LIFE.saturating_add(Duration::from_secs(24 * 60 * 60));

/// Every key that this server accepts. Cheap to clone.
#[derive(Clone)]
pub struct KeyRing(Arc<Inner>);

struct Inner {
    root: Credentials,
    account: AccountId,
    clock: Arc<dyn Clock>,
    /// Seals session tokens; derived from the root secret.
    seal: [u8; 32],
}

/// Why a key is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No such key, or its session token is missing, altered or another's.
    #[error("The security token included in the request is invalid.")]
    Invalid,
    /// It was valid once.
    #[error("The security token included in the request is expired")]
    Expired,
}

/// A key that is accepted.
#[derive(Debug, Clone)]
pub struct ResolvedKey {
    /// What its requests are signed with.
    pub secret: SecretAccessKey,
    /// Whom it stands for.
    pub principal: Principal,
}

impl KeyRing {
    /// Reads the root key from `path` (profile `default` of an AWS shared-credentials file), or makes one and writes
    /// it there, readable by its owner only.
    ///
    /// # Errors
    /// [`CredentialsFileError`] where the file cannot be read, written or understood.
    pub fn open(
        path: &Path,
        account: AccountId,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CredentialsFileError> {
        let root = match file::read(path)? {
            Some(root) => root,
            None => {
                let root = random_root()?;
                file::write(path, &root)?;
                root
            }
        };
        Ok(Self::new(root, account, clock))
    }

    /// A ring around a root key that is known already.
    #[must_use]
    pub fn new(root: Credentials, account: AccountId, clock: Arc<dyn Clock>) -> Self {
        let seal = hmac_sha256(root.secret_access_key.expose().as_bytes(), b"ebb session token v1");
        Self(Arc::new(Inner { root, account, clock, seal }))
    }

    /// The root key.
    #[must_use]
    pub fn root(&self) -> &Credentials {
        &self.0.root
    }

    /// Makes a temporary key that stands for `principal` for so long.
    #[must_use]
    pub fn issue(&self, principal: &Principal, lifetime: Duration) -> Credentials {
        let id = format!("ASIA{}", random_id());
        let expires = self.0.clock.now().plus(lifetime);
        let statement = Statement::new(&id, principal, expires);
        Credentials {
            secret_access_key: self.derive_secret(&id),
            session_token: Some(SecretAccessKey::new(statement.seal(&self.0.seal))),
            access_key_id: AccessKeyId(id),
        }
    }

    /// Whom a key stands for, and its secret.
    ///
    /// # Errors
    /// [`KeyError`] where it is not accepted.
    pub fn resolve(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        now: Timestamp,
    ) -> Result<ResolvedKey, KeyError> {
        let Inner { root, account, .. } = &*self.0;
        let is_root: bool = root.access_key_id.0.as_bytes().ct_eq(access_key_id.as_bytes()).into();
        if is_root {
            return match session_token {
                None => Ok(ResolvedKey {
                    secret: root.secret_access_key.clone(),
                    principal: Principal::Root { account: account.clone() },
                }),
                Some(_) => Err(KeyError::Invalid),
            };
        }
        let statement =
            session_token.and_then(|token| Statement::open(token, &self.0.seal)).ok_or(KeyError::Invalid)?;
        if !statement.is_for(access_key_id) {
            return Err(KeyError::Invalid);
        }
        if statement.expires() <= now {
            return Err(KeyError::Expired);
        }
        Ok(ResolvedKey { secret: self.derive_secret(access_key_id), principal: statement.into_principal() })
    }

    /// The secret of a key that may be one of ours: whether a temporary one is, only its session token tells.
    #[must_use]
    pub fn secret_of(&self, access_key_id: &str) -> Option<SecretAccessKey> {
        let root = &self.0.root;
        if root.access_key_id.0 == access_key_id {
            return Some(root.secret_access_key.clone());
        }
        access_key_id.starts_with("ASIA").then(|| self.derive_secret(access_key_id))
    }

    /// When a session token that this ring sealed ends; nothing for any other.
    #[must_use]
    pub fn expiry(&self, credentials: &Credentials) -> Option<Timestamp> {
        Statement::open(credentials.session_token.as_ref()?.expose(), &self.0.seal).map(|s| s.expires())
    }

    fn derive_secret(&self, access_key_id: &str) -> SecretAccessKey {
        let message = format!("ebb temporary key v1\n{access_key_id}");
        let derived = hmac_sha256(self.0.root.secret_access_key.expose().as_bytes(), message.as_bytes());
        SecretAccessKey::new(STANDARD.encode(&derived[..30]))
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").field("root", &self.0.root.access_key_id).finish_non_exhaustive()
    }
}

impl ebb_invoker::InstanceCredentials for KeyRing {
    fn issue(&self, version: &FunctionVersion, arn: &FunctionArn) -> Credentials {
        let role = version.settings.role.rsplit('/').next().unwrap_or_default().to_owned();
        let principal = Principal::AssumedRole {
            account: arn.account.clone(),
            role,
            session: session_name(arn.name.as_str()),
            function: Some(arn.qualified(None).to_string()),
        };
        KeyRing::issue(self, &principal, INSTANCE_KEY_LIFETIME)
    }
}

/// The session is called as the function; a name of one letter is too short for one (recorded 2025).
fn session_name(function: &str) -> String {
    if function.len() < 2 { format!("{function}@lambda_function") } else { function.to_owned() }
}

fn random_root() -> Result<Credentials, CredentialsFileError> {
    let mut secret = [0; 30];
    getrandom::fill(&mut secret).map_err(|error| CredentialsFileError::Random(error.to_string()))?;
    Ok(Credentials {
        access_key_id: AccessKeyId(format!("AKIA{}", random_id())),
        secret_access_key: SecretAccessKey::new(STANDARD.encode(secret)),
        session_token: None,
    })
}

/// Sixteen letters and digits of the base32 alphabet, as the ids of keys end in. An id is public; it need only be
/// unique.
fn random_id() -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let random = ebb_model::RequestId::random().uuid().into_bytes();
    random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

#[cfg(test)]
mod tests;
