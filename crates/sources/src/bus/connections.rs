//! Connections: how requests to API destinations are authorized.
//!
//! What authorizes is kept with the connection, in the database, and never told again. Source: EventBridge user guide,
//! "Connections for HTTP endpoint targets" (2026-11).

use std::sync::Arc;

use ebb_model::{RequestId, Timestamp};
use serde::{Deserialize, Serialize};

use super::authorization::{Authorization, AuthorizationChange, AuthorizationKind, CallParameters};
use super::{BusError, EventBuses, is_name};

/// A connection. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Its name, unique.
    pub name: String,
    /// Tells it from others of the same name before and after it.
    pub id: String,
    /// Names the secret that its authorization would be kept in, were there a service of secrets.
    pub secret_id: String,
    /// For people.
    pub description: Option<String>,
    /// How it authorizes.
    pub kind: AuthorizationKind,
    /// What it authorizes with; nothing once it was taken away.
    pub authorization: Option<Authorization>,
    /// What is added to every request.
    pub parameters: Option<CallParameters>,
    /// A key of a key service, as it was given.
    pub kms_key: Option<String>,
    /// Whether it authorizes.
    pub state: ConnectionState,
    /// Why it is in this state.
    pub reason: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
    /// When it was last found to authorize.
    pub authorized: Option<Timestamp>,
}

/// Whether a connection authorizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConnectionState {
    /// A token is being asked for.
    Authorizing,
    /// It does.
    Authorized,
    /// It does not: no token was given, or its authorization was taken away.
    Deauthorized,
}

impl ConnectionState {
    /// As the service writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorizing => "AUTHORIZING",
            Self::Authorized => "AUTHORIZED",
            Self::Deauthorized => "DEAUTHORIZED",
        }
    }
}

/// What is set of a connection; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ConnectionChange {
    /// For people.
    pub description: Option<String>,
    /// How it authorizes.
    pub kind: Option<AuthorizationKind>,
    /// What it authorizes with.
    pub authorization: AuthorizationChange,
    /// What is added to every request.
    pub parameters: Option<CallParameters>,
    /// A key of a key service.
    pub kms_key: Option<String>,
}

impl EventBuses {
    /// Makes a connection. One that needs a token asks for it afterwards.
    ///
    /// # Errors
    /// [`BusError::Exists`], [`BusError::Invalid`] for its name, or where what its kind needs is missing.
    pub async fn create_connection(
        &self,
        name: &str,
        kind: AuthorizationKind,
        change: ConnectionChange,
    ) -> Result<Arc<Connection>, BusError> {
        if !is_name(name, 64, &[]) {
            return Err(BusError::Invalid(format!("{name:?} is no name of a connection")));
        }
        let authorization = change.authorization.apply(kind, None)?;
        let now = self.inner.clock.now();
        let made = self.inner.connections.edit(name, |before| {
            if before.is_some() {
                return Err(BusError::Exists(format!("Connection {name} already exists.")));
            }
            let id = RequestId::random();
            let suffix: String = RequestId::random().uuid().simple().to_string().chars().take(6).collect();
            let mut connection = Connection {
                name: name.to_owned(),
                id: id.to_string(),
                secret_id: format!("{}-{suffix}", RequestId::random()),
                description: change.description.clone(),
                kind,
                authorization: None,
                parameters: change.parameters.clone(),
                kms_key: change.kms_key.clone(),
                state: ConnectionState::Deauthorized,
                reason: None,
                created: now,
                modified: now,
                authorized: None,
            };
            connection.authorize_with(authorization.clone(), now);
            Ok(Some(connection))
        });
        let made = made.await?.ok_or_else(|| not_found("describe", name))?;
        self.ask_for_token(&made);
        Ok(made)
    }

    /// Changes a connection; where it needs a token, it asks for a new one afterwards.
    ///
    /// # Errors
    /// [`BusError::NotFound`], [`BusError::Invalid`] where what its kind needs is missing.
    pub async fn update_connection(
        &self,
        name: &str,
        change: ConnectionChange,
    ) -> Result<Arc<Connection>, BusError> {
        let now = self.inner.clock.now();
        let edited = self.inner.connections.edit(name, |before| {
            let mut connection = before.cloned().ok_or_else(|| not_found("describe", name))?;
            let kind = change.kind.unwrap_or(connection.kind);
            let present = connection.authorization.take().filter(|present| present.kind() == kind);
            let authorization = change.authorization.apply(kind, present.as_ref())?;
            connection.kind = kind;
            connection.authorize_with(authorization, now);
            connection.description = change.description.clone().or(connection.description);
            connection.parameters = change.parameters.clone().or(connection.parameters);
            connection.kms_key = change.kms_key.clone().or(connection.kms_key);
            connection.modified = now;
            Ok::<_, BusError>(Some(connection))
        });
        let connection = edited.await?.ok_or_else(|| not_found("describe", name))?;
        self.ask_for_token(&connection);
        Ok(connection)
    }

    /// Takes the authorization of a connection away.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub async fn deauthorize_connection(&self, name: &str) -> Result<Arc<Connection>, BusError> {
        let now = self.inner.clock.now();
        let edited = self.inner.connections.edit(name, |before| {
            let mut connection = before.cloned().ok_or_else(|| not_found("describe", name))?;
            connection.authorization = None;
            connection.parameters = None;
            connection.state = ConnectionState::Deauthorized;
            connection.reason = None;
            connection.modified = now;
            Ok::<_, BusError>(Some(connection))
        });
        let connection = edited.await?.ok_or_else(|| not_found("describe", name))?;
        self.inner.tokens.forget(&connection.id);
        Ok(connection)
    }

    /// Removes a connection. Gives what it was.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub async fn delete_connection(&self, name: &str) -> Result<Arc<Connection>, BusError> {
        let connection = self.connection_for(name, "delete")?;
        self.inner.connections.edit(name, |_| Ok::<_, BusError>(None)).await?;
        self.inner.tokens.forget(&connection.id);
        Ok(connection)
    }

    /// A connection.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub fn connection(&self, name: &str) -> Result<Arc<Connection>, BusError> {
        self.connection_for(name, "describe")
    }

    fn connection_for(&self, name: &str, action: &str) -> Result<Arc<Connection>, BusError> {
        self.inner.connections.get(name).ok_or_else(|| not_found(action, name))
    }

    /// The connection that an ARN names, where it is still there.
    pub(super) fn connection_of(&self, arn: &str) -> Option<Arc<Connection>> {
        let (name, id) = arn.split_once(":connection/")?.1.split_once('/')?;
        self.inner.connections.get(name).filter(|connection| connection.id == id)
    }

    /// The connections whose names begin so, by name.
    #[must_use]
    pub fn connections(&self, prefix: &str) -> Vec<Arc<Connection>> {
        let all = self.inner.connections.all();
        all.values().filter(|connection| connection.name.starts_with(prefix)).cloned().collect()
    }

    /// The ARN of a connection.
    #[must_use]
    pub fn connection_arn(&self, connection: &Connection) -> String {
        self.arn(&format!("connection/{}/{}", connection.name, connection.id))
    }

    /// The ARN that the secret of a connection would have. No service tells it.
    #[must_use]
    pub fn connection_secret_arn(&self, connection: &Connection) -> String {
        let (region, account) = (&self.inner.region, &self.inner.account);
        let Connection { name, secret_id, .. } = connection;
        format!("arn:aws:secretsmanager:{region}:{account}:secret:events!connection/{name}/{secret_id}")
    }

    /// Asks for the token of a connection that is to get one, and notes what came of it.
    pub(super) fn ask_for_token(&self, connection: &Arc<Connection>) {
        if connection.state != ConnectionState::Authorizing {
            return;
        }
        let connection = connection.clone();
        self.spawn(|buses| async move {
            let asked = buses.token(&connection, true).await;
            let now = buses.inner.clock.now();
            let noted = buses.inner.connections.edit(&connection.name, |before| {
                // Unless it was changed meanwhile: then another asks.
                let Some(before) = before.filter(|before| **before == *connection) else {
                    return Ok::<_, BusError>(before.cloned());
                };
                let mut after = before.clone();
                match &asked {
                    Ok(_) => after.is_authorized(now),
                    Err(error) => {
                        after.state = ConnectionState::Deauthorized;
                        after.reason = Some(error.to_string());
                    }
                }
                Ok(Some(after))
            });
            if let Err(error) = noted.await {
                tracing::error!(connection = connection.name, %error, "whether it is authorized could not be noted");
            }
        });
    }
}

impl Connection {
    fn authorize_with(&mut self, authorization: Authorization, now: Timestamp) {
        match &authorization {
            Authorization::OAuth(_) => {
                self.state = ConnectionState::Authorizing;
                self.authorized = self.authorized.or(Some(now));
            }
            // Whether they are right shows when they are used.
            Authorization::Basic { .. } | Authorization::ApiKey { .. } => self.is_authorized(now),
        }
        self.reason = None;
        self.authorization = Some(authorization);
    }

    fn is_authorized(&mut self, now: Timestamp) {
        self.state = ConnectionState::Authorized;
        self.reason = None;
        self.authorized = Some(now);
    }
}

fn not_found(action: &str, name: &str) -> BusError {
    BusError::NotFound(format!("Failed to {action} the connection(s). Connection '{name}' does not exist."))
}
