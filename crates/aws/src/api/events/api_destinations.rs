//! API destinations.

use ebb_sources::bus::{ApiDestination, ApiDestinationChange, EventBuses};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{done, done_with, listed, present, required, seconds};
use crate::wire::{AwsError, Body, Call, json_response};

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

    fn change(self) -> ApiDestinationChange {
        ApiDestinationChange {
            description: self.description,
            connection: self.connection_arn,
            endpoint: self.invocation_endpoint,
            method: self.http_method,
            calls_per_second: self.invocation_rate_limit_per_second,
        }
    }
}

pub(super) async fn create(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = request.name()?;
    done_with(&changed(&buses, &*buses.create_api_destination(&name, request.change()).await?))
}

pub(super) async fn update(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = request.name()?;
    done_with(&changed(&buses, &*buses.update_api_destination(&name, request.change()).await?))
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
