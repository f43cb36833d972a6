//! What a handler is given: who asks, for what, with what.

use std::time::Duration;

use bytes::Bytes;
use ebb_model::{AccountId, FunctionArn, FunctionReference, Region, RequestId, Timestamp};
use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;

use super::credentials::KeyRing;
use super::error::AwsError;
use super::query_string::QueryString;
use super::sigv4;

/// Who signed a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The root key of the data folder.
    Root {
        /// Its account.
        account: AccountId,
    },
    /// A temporary key: of a function's instance, or of a role that was assumed.
    AssumedRole {
        /// Its account.
        account: AccountId,
        /// The role's name, without path.
        role: String,
        /// The session: the function's name, for an instance.
        session: String,
        /// The function, where it is one.
        function: Option<String>,
    },
}

impl Principal {
    /// `arn:aws:iam::ACCOUNT:root` or `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    #[must_use]
    pub fn arn(&self) -> String {
        match self {
            Self::Root { account } => format!("arn:aws:iam::{account}:root"),
            Self::AssumedRole { account, role, session, .. } => {
                format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
            }
        }
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        match self {
            Self::Root { account } | Self::AssumedRole { account, .. } => account,
        }
    }

    /// The `UserId` of `GetCallerIdentity`: the account for root, `ROLE-ID:SESSION` otherwise.
    #[must_use]
    pub fn user_id(&self) -> String {
        match self {
            Self::Root { account } => account.to_string(),
            Self::AssumedRole { role, session, .. } => format!("{}:{session}", role_id(role)),
        }
    }
}

/// The id of a role, in the form of IAM's (`AROA` and 17 letters or digits); the same name has always the same id.
#[must_use]
pub(super) fn role_id(role: &str) -> String {
    let digest = ebb_model::Digest::of(role.as_bytes()).to_string().to_ascii_uppercase();
    format!("AROA{}", &digest[..17])
}

/// One request, authenticated, on its way to its operation.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Names this request in the answer and in the log; `Invoke` gives it to the invocation.
    pub request_id: RequestId,
    /// Who signed.
    pub principal: Principal,
    /// The region that this server is.
    pub region: Region,
    /// The account that this server is.
    pub account: AccountId,
    /// The service's signing name, such as `lambda`.
    pub service: &'static str,
    /// The operation's name, such as `GetFunction`.
    pub operation: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path as it was sent, percent-encoded.
    pub path: String,
    /// The query string, decoded.
    pub query: QueryString,
    /// All headers.
    pub headers: HeaderMap,
    /// Scheme and host by which the client reached us, such as `http://127.0.0.1:9440`.
    pub base_url: String,
    /// When the request arrived.
    pub received: Timestamp,
}

impl RequestContext {
    /// A header as text, where it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The ARN, in this account and region, of the function that `reference` names.
    #[must_use]
    pub fn function_arn(&self, reference: &FunctionReference) -> FunctionArn {
        FunctionArn {
            region: self.region.clone(),
            account: self.account.clone(),
            name: reference.name.clone(),
            qualifier: reference.qualifier.clone(),
        }
    }

    /// A URL to `path` on this server that the client may `GET` for `expires` (at most 7 days) without a key of its
    /// own: signed with the root key for this request's service.
    #[must_use]
    pub fn presigned_url(&self, keys: &KeyRing, path: &str, expires: Duration) -> String {
        let scope = sigv4::SigningScope { region: self.region.as_str(), service: self.service };
        let url = format!("{}{path}", self.base_url);
        sigv4::presign(&Method::GET, &url, keys.root(), scope, self.received, expires)
    }
}

/// The values of a path template's parameters, decoded.
#[derive(Debug, Clone, Default)]
pub struct PathParameters(pub(crate) Vec<(&'static str, String)>);

impl PathParameters {
    /// The value of a parameter; empty where the template has none of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str())
    }
}

/// One call of one operation.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who asks, and how.
    pub context: RequestContext,
    /// The path's parameters.
    pub path: PathParameters,
    /// The body, whole.
    pub body: Bytes,
}

impl Call {
    /// The body as JSON; an empty body reads as `{}`.
    ///
    /// # Errors
    /// `SerializationException` (400) for anything that is not JSON of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, AwsError> {
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        serde_json::from_slice(body).map_err(|error| {
            AwsError::new("SerializationException", StatusCode::BAD_REQUEST, error.to_string())
        })
    }

    /// The body as a form, joined with the query string: where the query protocol puts its parameters.
    #[must_use]
    pub fn form(&self) -> QueryString {
        std::str::from_utf8(&self.body).map(QueryString::parse_form).unwrap_or_default()
    }
}
