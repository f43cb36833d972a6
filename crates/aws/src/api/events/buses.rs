//! Buses and their policies.

use ebb_sources::bus::{Bus, BusChange, EventBuses};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Tag, done, invalid, listed, present, required, seconds, tag_map};
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    name: Option<String>,
    name_prefix: Option<String>,
    event_source_name: Option<String>,
    description: Option<String>,
    kms_key_identifier: Option<String>,
    dead_letter_config: Option<Value>,
    log_config: Option<Value>,
    tags: Option<Vec<Tag>>,
    next_token: Option<String>,
    limit: Option<usize>,
}

impl Request {
    fn change(&self) -> BusChange {
        let dead_letter = self.dead_letter_config.as_ref().and_then(|config| config["Arn"].as_str());
        BusChange {
            description: self.description.clone(),
            kms_key: self.kms_key_identifier.clone(),
            dead_letter: dead_letter.map(str::to_owned),
            log_config: self.log_config.clone(),
        }
    }
}

pub(super) async fn create(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    if request.event_source_name.is_some() {
        return Err(invalid("EventSourceName: ebb has no partner event sources"));
    }
    let change = request.change();
    let name = required(request.name, "name")?;
    let bus = buses.create_bus(&name, change, tag_map(request.tags)).await?;
    json_response(StatusCode::OK, &changed(&buses, &bus, "EventBusArn"))
}

pub(super) async fn update(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let bus = buses.update_bus(request.name.as_deref().unwrap_or("default"), request.change()).await?;
    let mut shown = changed(&buses, &bus, "Arn");
    shown["Name"] = bus.name.clone().into();
    json_response(StatusCode::OK, &shown)
}

pub(super) async fn describe(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let bus = buses.bus(request.name.as_deref().unwrap_or("default"))?;
    let mut shown = shown(&buses, &bus);
    shown["KmsKeyIdentifier"] = bus.kms_key.clone().into();
    shown["DeadLetterConfig"] = dead_letter(&bus);
    shown["LogConfig"] = bus.log_config.clone().into();
    json_response(StatusCode::OK, &present(shown))
}

pub(super) async fn list(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let prefix = request.name_prefix.unwrap_or_default();
    let all = buses.buses().into_iter().filter(|bus| bus.name.starts_with(&prefix)).collect();
    let page = (request.next_token.as_deref(), request.limit);
    listed("EventBuses", all, page, |bus| bus.name.clone(), |bus| shown(&buses, bus))
}

pub(super) async fn delete(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    buses.delete_bus(&required(request.name, "name")?).await?;
    done()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PermissionRequest {
    event_bus_name: Option<String>,
    action: Option<String>,
    principal: Option<String>,
    statement_id: Option<String>,
    condition: Option<Value>,
    policy: Option<String>,
    #[serde(default)]
    remove_all_permissions: bool,
}

pub(super) async fn put_permission(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: PermissionRequest = call.json()?;
    let name = request.event_bus_name.as_deref().unwrap_or("default");
    if let Some(policy) = &request.policy {
        buses.set_policy(name, policy).await?;
        return done();
    }
    let (Some(id), Some(action), Some(principal)) = (request.statement_id, request.action, request.principal)
    else {
        return Err(invalid("Parameter(s) StatementId, Action and Principal must be specified, or Policy."));
    };
    buses.bus(name)?;
    // What another account may be let do. Source: EventBridge API reference, `PutPermission` (2026-11).
    if !["events:PutEvents", "events:PutRule"].contains(&action.as_str()) {
        return Err(invalid("Provided value in parameter 'action' is not supported."));
    }
    let principal = match principal.as_str() {
        "*" => json!("*"),
        account => json!({ "AWS": format!("arn:aws:iam::{account}:root") }),
    };
    let resource = buses.bus_arn(&buses.bus(name)?.name);
    let mut statement = json!({ "Sid": id, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource });
    if let Some(condition) = request.condition {
        let text = |name: &str| condition[name].as_str().unwrap_or_default().to_owned();
        statement["Condition"] = json!({ text("Type"): { text("Key"): text("Value") } });
    }
    buses.add_statement(name, statement).await?;
    done()
}

pub(super) async fn remove_permission(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: PermissionRequest = call.json()?;
    let name = request.event_bus_name.as_deref().unwrap_or("default");
    let id = request.statement_id.as_deref().filter(|_| !request.remove_all_permissions);
    if id.is_none() && !request.remove_all_permissions {
        return Err(invalid("Parameter(s) StatementId must be specified."));
    }
    buses.remove_statement(name, id).await?;
    done()
}

fn shown(buses: &EventBuses, bus: &Bus) -> Value {
    present(json!({
        "Name": bus.name,
        "Arn": buses.bus_arn(&bus.name),
        "Description": bus.description,
        "Policy": bus.policy.as_ref().map(Value::to_string),
        "CreationTime": seconds(bus.created),
        "LastModifiedTime": seconds(bus.modified),
    }))
}

fn changed(buses: &EventBuses, bus: &Bus, arn: &str) -> Value {
    present(json!({
        arn: buses.bus_arn(&bus.name),
        "Description": bus.description,
        "KmsKeyIdentifier": bus.kms_key,
        "DeadLetterConfig": dead_letter(bus),
        "LogConfig": bus.log_config,
    }))
}

fn dead_letter(bus: &Bus) -> Value {
    bus.dead_letter.as_ref().map_or(Value::Null, |arn| json!({ "Arn": arn }))
}
