//! API destinations: HTTP endpoints that rules call, through a connection that authorizes.
//!
//! Source: EventBridge user guide, "API destinations as targets in Amazon EventBridge" (2026-11).

use std::sync::Arc;

use ebb_model::{RequestId, Timestamp};
use serde::{Deserialize, Serialize};

use super::connections::ConnectionState;
use super::{BusError, EventBuses, is_name};

/// The methods that a destination may be called with, in the order of the service's errors.
pub const DESTINATION_METHODS: [&str; 7] = ["HEAD", "POST", "PATCH", "DELETE", "PUT", "GET", "OPTIONS"];
/// Calls in a second where nothing is said. Source: EventBridge user guide, "Amazon EventBridge quotas" (2026-11).
const CALLS_PER_SECOND: u32 = 300;

/// An API destination. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiDestination {
    /// Its name, unique.
    pub name: String,
    /// Tells it from others of the same name before and after it.
    pub id: String,
    /// For people.
    pub description: Option<String>,
    /// The ARN of the connection that authorizes.
    pub connection: String,
    /// The URL; each `*` in it stands for a path parameter of the target.
    pub endpoint: String,
    /// The method of the requests.
    pub method: String,
    /// The most calls in a second.
    pub calls_per_second: u32,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
}

/// What is set of an API destination; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ApiDestinationChange {
    /// For people.
    pub description: Option<String>,
    /// The ARN of the connection.
    pub connection: Option<String>,
    /// The URL.
    pub endpoint: Option<String>,
    /// The method of the requests.
    pub method: Option<String>,
    /// The most calls in a second.
    pub calls_per_second: Option<u32>,
}

impl EventBuses {
    /// Makes an API destination.
    ///
    /// # Errors
    /// [`BusError::Exists`]; [`BusError::NotFound`] for the connection; [`BusError::Invalid`].
    pub async fn create_api_destination(
        &self,
        name: &str,
        change: ApiDestinationChange,
    ) -> Result<Arc<ApiDestination>, BusError> {
        if !is_name(name, 64, &[]) {
            return Err(BusError::Invalid(format!("{name:?} is no name of an API destination")));
        }
        self.check_destination(&change)?;
        let needed = |name: &str, value: &Option<String>| {
            value.clone().ok_or_else(|| BusError::Invalid(format!("Parameter(s) {name} must be specified.")))
        };
        let now = self.inner.clock.now();
        let new = ApiDestination {
            name: name.to_owned(),
            id: RequestId::random().to_string(),
            description: change.description.clone(),
            connection: needed("ConnectionArn", &change.connection)?,
            endpoint: needed("InvocationEndpoint", &change.endpoint)?,
            method: needed("HttpMethod", &change.method)?,
            calls_per_second: change.calls_per_second.unwrap_or(CALLS_PER_SECOND),
            created: now,
            modified: now,
        };
        let made = self.inner.destinations.edit(name, |before| match before {
            Some(_) => Err(BusError::Exists(format!("An api-destination '{name}' already exists."))),
            None => Ok(Some(new.clone())),
        });
        made.await?.ok_or_else(|| not_found("describe", name))
    }

    /// Changes an API destination.
    ///
    /// # Errors
    /// [`BusError::NotFound`], also for the connection; [`BusError::Invalid`].
    pub async fn update_api_destination(
        &self,
        name: &str,
        change: ApiDestinationChange,
    ) -> Result<Arc<ApiDestination>, BusError> {
        let now = self.inner.clock.now();
        self.api_destination_for(name, "update")?;
        self.check_destination(&change)?;
        let edited = self.inner.destinations.edit(name, |before| {
            let before = before.cloned().ok_or_else(|| not_found("update", name))?;
            let change = change.clone();
            Ok::<_, BusError>(Some(ApiDestination {
                description: change.description.or(before.description),
                connection: change.connection.unwrap_or(before.connection),
                endpoint: change.endpoint.unwrap_or(before.endpoint),
                method: change.method.unwrap_or(before.method),
                calls_per_second: change.calls_per_second.unwrap_or(before.calls_per_second),
                modified: now,
                ..before
            }))
        });
        edited.await?.ok_or_else(|| not_found("update", name))
    }

    /// Removes an API destination. Rules that have it as a target keep it, and their deliveries are refused.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub async fn delete_api_destination(&self, name: &str) -> Result<(), BusError> {
        self.api_destination_for(name, "delete")?;
        self.inner.destinations.edit(name, |_| Ok::<_, BusError>(None)).await.map(drop)
    }

    /// An API destination.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub fn api_destination(&self, name: &str) -> Result<Arc<ApiDestination>, BusError> {
        self.api_destination_for(name, "describe")
    }

    fn api_destination_for(&self, name: &str, action: &str) -> Result<Arc<ApiDestination>, BusError> {
        self.inner.destinations.get(name).ok_or_else(|| not_found(action, name))
    }

    /// The destination that an ARN names, where it is still there.
    pub(super) fn destination_of(&self, arn: &str) -> Option<Arc<ApiDestination>> {
        let (name, id) = arn.split_once(":api-destination/")?.1.split_once('/')?;
        self.inner.destinations.get(name).filter(|destination| destination.id == id)
    }

    /// The API destinations whose names begin so, by name.
    #[must_use]
    pub fn api_destinations(&self, prefix: &str) -> Vec<Arc<ApiDestination>> {
        let all = self.inner.destinations.all();
        all.values().filter(|destination| destination.name.starts_with(prefix)).cloned().collect()
    }

    /// The ARN of an API destination.
    #[must_use]
    pub fn api_destination_arn(&self, destination: &ApiDestination) -> String {
        self.arn(&format!("api-destination/{}/{}", destination.name, destination.id))
    }

    /// Whether an API destination can be called: its connection authorizes.
    #[must_use]
    pub fn is_active(&self, destination: &ApiDestination) -> bool {
        let connection = self.connection_of(&destination.connection);
        connection.is_some_and(|connection| connection.state == ConnectionState::Authorized)
    }

    fn check_destination(&self, change: &ApiDestinationChange) -> Result<(), BusError> {
        if let Some(arn) = change.connection.as_deref().filter(|arn| self.connection_of(arn).is_none()) {
            let name = arn.split_once(":connection/").map_or(arn, |(_, name)| name);
            let name = name.split('/').next().unwrap_or(name);
            return Err(BusError::NotFound(format!("Connection '{name}' does not exist.")));
        }
        if let Some(endpoint) = &change.endpoint {
            let url: Option<http::Uri> = endpoint.parse().ok();
            if !url
                .is_some_and(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some())
            {
                let message = format!(
                    "Parameter InvocationEndpoint is not valid. Reason: {endpoint} is no URL of HTTP or HTTPS."
                );
                return Err(BusError::Invalid(message));
            }
        }
        if change.calls_per_second == Some(0) {
            let message =
                "Parameter InvocationRateLimitPerSecond is not valid. Reason: it must be at least 1.";
            return Err(BusError::Invalid(message.to_owned()));
        }
        Ok(())
    }
}

fn not_found(action: &str, name: &str) -> BusError {
    BusError::NotFound(format!(
        "Failed to {action} the api-destination(s). An api-destination '{name}' does not exist."
    ))
}
