//! What connections authorize with, and what they add to requests.

use ebb_model::Secret;
use serde::{Deserialize, Serialize};

use super::BusError;

/// How a connection authorizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthorizationKind {
    /// By a name and a password.
    Basic,
    /// By a token, which is asked for with a client's secret. Source: RFC 6749, section 4.4.
    OauthClientCredentials,
    /// By a header.
    ApiKey,
}

impl AuthorizationKind {
    /// All of them, in the order of the service's errors.
    pub const ALL: [Self; 3] = [Self::Basic, Self::OauthClientCredentials, Self::ApiKey];

    /// As the service writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "BASIC",
            Self::OauthClientCredentials => "OAUTH_CLIENT_CREDENTIALS",
            Self::ApiKey => "API_KEY",
        }
    }
}

/// What a connection authorizes with. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Authorization {
    /// `Authorization: Basic …`.
    Basic {
        /// Who.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A header of this name.
    ApiKey {
        /// The name of the header.
        name: String,
        /// Its value.
        value: Secret,
    },
    /// `Authorization: Bearer …`, with a token that is asked for.
    OAuth(OAuth),
}

/// How a token is asked for. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OAuth {
    /// Who asks.
    pub client_id: String,
    /// The secret of who asks.
    pub client_secret: Secret,
    /// Where.
    pub endpoint: String,
    /// `GET`, `POST` or `PUT`.
    pub method: String,
    /// What is added to the request.
    pub parameters: Option<CallParameters>,
}

/// What is added to requests. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CallParameters {
    /// Headers.
    pub headers: Vec<CallParameter>,
    /// Parameters of the query string.
    pub query: Vec<CallParameter>,
    /// Members of the body.
    pub body: Vec<CallParameter>,
}

/// A header, or a parameter of the query string or the body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallParameter {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: Secret,
    /// Whether the value is never told.
    pub is_secret: bool,
}

/// What is set of an authorization; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct AuthorizationChange {
    /// A name and a password.
    pub basic: Option<(Option<String>, Option<Secret>)>,
    /// The name of a header and its value.
    pub api_key: Option<(Option<String>, Option<Secret>)>,
    /// How a token is asked for.
    pub oauth: Option<OAuthChange>,
}

/// What is set of how a token is asked for; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct OAuthChange {
    /// Who asks.
    pub client_id: Option<String>,
    /// The secret of who asks.
    pub client_secret: Option<Secret>,
    /// Where.
    pub endpoint: Option<String>,
    /// How.
    pub method: Option<String>,
    /// What is added to the request.
    pub parameters: Option<CallParameters>,
}

impl Authorization {
    /// How it authorizes.
    #[must_use]
    pub fn kind(&self) -> AuthorizationKind {
        match self {
            Self::Basic { .. } => AuthorizationKind::Basic,
            Self::ApiKey { .. } => AuthorizationKind::ApiKey,
            Self::OAuth(_) => AuthorizationKind::OauthClientCredentials,
        }
    }
}

impl AuthorizationChange {
    /// What is there with what is set.
    ///
    /// # Errors
    /// [`BusError::Invalid`] where something is neither there nor set, or there is something of another kind.
    pub(super) fn apply(
        &self,
        kind: AuthorizationKind,
        present: Option<&Authorization>,
    ) -> Result<Authorization, BusError> {
        let given = [
            (AuthorizationKind::Basic, self.basic.is_some()),
            (AuthorizationKind::ApiKey, self.api_key.is_some()),
            (AuthorizationKind::OauthClientCredentials, self.oauth.is_some()),
        ];
        if given.iter().any(|(other, given)| *given && *other != kind) {
            let message =
                format!("The authorization parameters do not match AuthorizationType {}.", kind.as_str());
            return Err(BusError::Invalid(message));
        }
        match kind {
            AuthorizationKind::Basic => {
                let (username, password) = self.basic.clone().unwrap_or_default();
                let (old_name, old_password) = match present {
                    Some(Authorization::Basic { username, password }) => {
                        (Some(username.clone()), Some(password.clone()))
                    }
                    _ => (None, None),
                };
                Ok(Authorization::Basic {
                    username: needed("BasicAuthParameters.Username", username.or(old_name))?,
                    password: needed("BasicAuthParameters.Password", password.or(old_password))?,
                })
            }
            AuthorizationKind::ApiKey => {
                let (name, value) = self.api_key.clone().unwrap_or_default();
                let (old_name, old_value) = match present {
                    Some(Authorization::ApiKey { name, value }) => (Some(name.clone()), Some(value.clone())),
                    _ => (None, None),
                };
                Ok(Authorization::ApiKey {
                    name: needed("ApiKeyAuthParameters.ApiKeyName", name.or(old_name))?,
                    value: needed("ApiKeyAuthParameters.ApiKeyValue", value.or(old_value))?,
                })
            }
            AuthorizationKind::OauthClientCredentials => {
                let present = match present {
                    Some(Authorization::OAuth(oauth)) => Some(oauth.clone()),
                    _ => None,
                };
                self.oauth.clone().unwrap_or_default().apply(present).map(Authorization::OAuth)
            }
        }
    }
}

impl OAuthChange {
    fn apply(self, present: Option<OAuth>) -> Result<OAuth, BusError> {
        let old = |get: &dyn Fn(&OAuth) -> String| present.as_ref().map(get);
        let secret = self.client_secret.or(present.as_ref().map(|present| present.client_secret.clone()));
        let method = self.method.map(|method| method.to_ascii_uppercase());
        let method = needed("OAuthParameters.HttpMethod", method.or(old(&|old| old.method.clone())))?;
        if !["GET", "POST", "PUT"].contains(&method.as_str()) {
            return Err(BusError::Invalid(format!(
                "OAuthParameters.HttpMethod {method} is not one of GET, POST, PUT."
            )));
        }
        Ok(OAuth {
            client_id: needed(
                "OAuthParameters.ClientParameters.ClientID",
                self.client_id.or(old(&|old| old.client_id.clone())),
            )?,
            client_secret: needed("OAuthParameters.ClientParameters.ClientSecret", secret)?,
            endpoint: needed(
                "OAuthParameters.AuthorizationEndpoint",
                self.endpoint.or(old(&|old| old.endpoint.clone())),
            )?,
            method,
            parameters: self.parameters.or(present.and_then(|present| present.parameters)),
        })
    }
}

fn needed<T>(name: &str, value: Option<T>) -> Result<T, BusError> {
    value.ok_or_else(|| BusError::Invalid(format!("Parameter(s) {name} must be specified.")))
}
