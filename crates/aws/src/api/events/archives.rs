//! Archives.

use ebb_sources::bus::{Archive, ArchiveChange, EventBuses};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{check_filters, done, listed, present, required, seconds};
use crate::wire::{AwsError, Body, Call, json_response};

/// The states that a list may ask for, in the order of the service's errors.
const STATES: [&str; 6] = ["ENABLED", "DISABLED", "CREATING", "UPDATING", "CREATE_FAILED", "UPDATE_FAILED"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    archive_name: Option<String>,
    event_source_arn: Option<String>,
    description: Option<String>,
    event_pattern: Option<String>,
    retention_days: Option<u32>,
    kms_key_identifier: Option<String>,
    name_prefix: Option<String>,
    state: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

impl Request {
    fn name(&self) -> Result<String, AwsError> {
        required(self.archive_name.clone(), "archiveName")
    }

    fn change(&self) -> ArchiveChange {
        ArchiveChange {
            description: self.description.clone(),
            pattern: self.event_pattern.clone(),
            retention_days: self.retention_days,
            kms_key: self.kms_key_identifier.clone(),
        }
    }
}

pub(super) async fn create(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let bus = required(request.event_source_arn.clone(), "eventSourceArn")?;
    let archive = buses.create_archive(&request.name()?, &bus, request.change()).await?;
    json_response(StatusCode::OK, &changed(&buses, &archive))
}

pub(super) async fn update(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let archive = buses.update_archive(&request.name()?, request.change()).await?;
    json_response(StatusCode::OK, &changed(&buses, &archive))
}

pub(super) async fn describe(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let archive = buses.archive(&request.name()?)?;
    let mut answer = shown(&buses, &archive).await?;
    answer["ArchiveArn"] = buses.archive_arn(&archive.name).into();
    answer["Description"] = archive.description.clone().into();
    answer["EventPattern"] = archive.pattern.clone().into();
    answer["KmsKeyIdentifier"] = archive.kms_key.clone().into();
    json_response(StatusCode::OK, &present(answer))
}

pub(super) async fn list(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let (state, bus) = (request.state.as_deref(), request.event_source_arn.as_deref());
    check_filters("ListArchives", [request.name_prefix.as_deref(), state, bus], state, &STATES)?;
    let prefix = request.name_prefix.as_deref().unwrap_or_default();
    if let Some(bus) = bus {
        buses.bus(bus)?;
    }
    let mut all = Vec::new();
    for archive in buses.archives() {
        let of_bus = request.event_source_arn.as_ref().is_none_or(|arn| *arn == buses.bus_arn(&archive.bus));
        if of_bus
            && archive.name.starts_with(prefix)
            && request.state.as_deref().is_none_or(|state| state == "ENABLED")
        {
            all.push(shown(&buses, &archive).await?);
        }
    }
    let key = |archive: &Value| archive["ArchiveName"].as_str().unwrap_or_default().to_owned();
    listed("Archives", all, (request.next_token.as_deref(), request.limit), key, Value::clone)
}

pub(super) async fn delete(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    buses.delete_archive(&call.json::<Request>()?.name()?).await?;
    done()
}

async fn shown(buses: &EventBuses, archive: &Archive) -> Result<Value, AwsError> {
    let statistics = buses.archive_statistics(&archive.name).await?;
    Ok(json!({
        "ArchiveName": archive.name,
        "EventSourceArn": buses.bus_arn(&archive.bus),
        "State": "ENABLED",
        "RetentionDays": archive.retention_days,
        "SizeBytes": statistics.bytes,
        "EventCount": statistics.events,
        "CreationTime": seconds(archive.created),
    }))
}

fn changed(buses: &EventBuses, archive: &Archive) -> Value {
    json!({
        "ArchiveArn": buses.archive_arn(&archive.name),
        "State": "ENABLED",
        "CreationTime": seconds(archive.created),
    })
}
