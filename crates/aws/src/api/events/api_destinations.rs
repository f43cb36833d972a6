//! API destinations.

use ebb_sources::bus::{ApiDestination, ApiDestinationChange, DESTINATION_METHODS, EventBuses};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{done, done_with, listed, present, required, seconds, violations};
use crate::wire::{AwsError, Body, Call, json_response};

/// What the ARNs of connections are like, as the service writes it in errors.
const CONNECTION_PATTERN: &str = "^arn:aws([a-z]|\\-)*:events:([a-z]|\\d|\\-)*:([0-9]{12})?:connection\\/[\\.\\-_A-Za-z0-9]+\\/[\\-A-Za-z0-9]+$";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    name: Option<String>,
    description: Option<String>,
    connection_arn: Option<String>,
    invocation_endpoint: Option<String>,
    http_method: Option<String>,
    invocation_rate_limit_per_second: Option<u32>,
    name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

impl Request {
    fn name(&self) -> Result<String, AwsError> {
        required(self.name.clone(), "name")
    }

    fn change(self) -> Result<ApiDestinationChange, AwsError> {
        let mut wrong = Vec::new();
        if let Some(arn) = self.connection_arn.as_deref().filter(|arn| !is_connection_arn(arn)) {
            wrong.push(format!(
                "Value '{arn}' at 'connectionArn' failed to satisfy constraint: Member must satisfy regular \
                 expression pattern: {CONNECTION_PATTERN}"
            ));
        }
        if let Some(method) =
            self.http_method.as_deref().filter(|method| !DESTINATION_METHODS.contains(method))
        {
            wrong.push(format!(
                "Value '{method}' at 'httpMethod' failed to satisfy constraint: Member must satisfy enum value set: \
                 [{}]",
                DESTINATION_METHODS.join(", ")
            ));
        }
        if !wrong.is_empty() {
            return Err(violations(&wrong));
        }
        Ok(ApiDestinationChange {
            description: self.description,
            connection: self.connection_arn,
            endpoint: self.invocation_endpoint,
            method: self.http_method,
            calls_per_second: self.invocation_rate_limit_per_second,
        })
    }
}

fn is_connection_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", _, "events", _, _, resource] if {
        matches!(resource.split('/').collect::<Vec<_>>().as_slice(), ["connection", name, id] if !name.is_empty() && !id.is_empty())
    })
}

pub(super) async fn create(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = super::checked_name(request.name()?)?;
    required(request.connection_arn.as_ref(), "connectionArn")?;
    required(request.invocation_endpoint.as_ref(), "invocationEndpoint")?;
    required(request.http_method.as_ref(), "httpMethod")?;
    done_with(&changed(&buses, &*buses.create_api_destination(&name, request.change()?).await?))
}

pub(super) async fn update(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = request.name()?;
    done_with(&changed(&buses, &*buses.update_api_destination(&name, request.change()?).await?))
}

pub(super) async fn describe(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let destination = buses.api_destination(&request.name()?)?;
    let mut answer = shown(&buses, &destination);
    answer["Description"] = destination.description.clone().into();
    json_response(StatusCode::OK, &present(answer))
}

pub(super) async fn list(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let mut all = buses.api_destinations(request.name_prefix.as_deref().unwrap_or_default());
    all.retain(|destination| {
        request.connection_arn.as_ref().is_none_or(|arn| *arn == destination.connection)
    });
    let page = (request.next_token.as_deref(), request.limit);
    listed("ApiDestinations", all, page, |one| one.name.clone(), |one| shown(&buses, one))
}

pub(super) async fn delete(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    buses.delete_api_destination(&request.name()?).await?;
    done()
}

fn shown(buses: &EventBuses, destination: &ApiDestination) -> Value {
    let mut shown = changed(buses, destination);
    shown["Name"] = destination.name.as_str().into();
    shown["ConnectionArn"] = destination.connection.as_str().into();
    shown["InvocationEndpoint"] = destination.endpoint.as_str().into();
    shown["HttpMethod"] = destination.method.as_str().into();
    shown["InvocationRateLimitPerSecond"] = destination.calls_per_second.into();
    shown
}

fn changed(buses: &EventBuses, destination: &ApiDestination) -> Value {
    json!({
        "ApiDestinationArn": buses.api_destination_arn(destination),
        "ApiDestinationState": if buses.is_active(destination) { "ACTIVE" } else { "INACTIVE" },
        "CreationTime": seconds(destination.created),
        "LastModifiedTime": seconds(destination.modified),
    })
}
