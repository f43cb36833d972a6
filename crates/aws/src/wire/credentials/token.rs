//! Session tokens: a sealed statement of whom a temporary key stands for, and until when.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ebb_model::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::super::call::Principal;
use super::super::sigv4::hmac_sha256;

/// What a token states.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Statement {
    key: String,
    account: AccountId,
    /// Absent where it stands for root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    session: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    expires: Timestamp,
}

impl Statement {
    pub(super) fn new(key: &str, principal: &Principal, expires: Timestamp) -> Self {
        let account = principal.account().clone();
        let (role, session, function) = match principal {
            Principal::Root { .. } => (None, String::new(), None),
            Principal::AssumedRole { role, session, function, .. } => {
                (Some(role.clone()), session.clone(), function.clone())
            }
        };
        Self { key: key.to_owned(), account, role, session, function, expires }
    }

    /// `BODY.SEAL`, each in base64 for URLs.
    pub(super) fn seal(&self, key: &[u8; 32]) -> String {
        let body = serde_json::to_vec(self).expect("a statement is plain strings and a number");
        let body = URL_SAFE_NO_PAD.encode(body);
        let seal = URL_SAFE_NO_PAD.encode(hmac_sha256(key, body.as_bytes()));
        format!("{body}.{seal}")
    }

    /// The statement, where the seal is whole.
    pub(super) fn open(token: &str, key: &[u8; 32]) -> Option<Self> {
        let (body, seal) = token.split_once('.')?;
        let seal = URL_SAFE_NO_PAD.decode(seal).ok()?;
        let whole: bool = hmac_sha256(key, body.as_bytes()).as_slice().ct_eq(&seal).into();
        if !whole {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    }

    pub(super) fn is_for(&self, access_key_id: &str) -> bool {
        self.key == access_key_id
    }

    pub(super) fn expires(&self) -> Timestamp {
        self.expires
    }

    pub(super) fn into_principal(self) -> Principal {
        let Self { account, role, session, function, .. } = self;
        match role {
            None => Principal::Root { account },
            Some(role) => Principal::AssumedRole { account, role, session, function },
        }
    }
}
