//! Who else's pages may call the APIs of a service.
//!
//! Source: Serverless Framework documentation, "HTTP API", "CORS Setup" and "API Gateway", "Enabling CORS" (2026-11).

use serde_json::{Map, Value as Json, json};

use super::Service;
use super::events::place;
use crate::template::Node;

/// Headers that may be sent where nothing is said.
const HEADERS: &str = "Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token,X-Amz-User-Agent";

/// `provider.httpApi.cors`, as SAM has it.
pub(super) fn of_http(service: &Service<'_>) -> Option<Json> {
    let cors = service.provider.get("httpApi")?.get("cors")?;
    if cors.as_map().is_none() {
        return (cors.scalar().as_deref() == Some("true")).then(|| true.into());
    }
    Some(Json::Object(given(cors)))
}

/// The settings of an HTTP API or a function URL, by their names in CloudFormation.
pub(super) fn given(cors: &Node) -> Map<String, Json> {
    let names = [
        ("allowedOrigins", "AllowOrigins"),
        ("allowedHeaders", "AllowHeaders"),
        ("allowedMethods", "AllowMethods"),
        ("allowCredentials", "AllowCredentials"),
        ("exposedResponseHeaders", "ExposeHeaders"),
        ("maxAge", "MaxAge"),
    ];
    names.iter().filter_map(|(from, to)| Some(((*to).to_owned(), cors.get(from)?.to_json()))).collect()
}

/// What the `cors` of `http` events say, by their paths.
pub(super) fn of_rest(service: &Service<'_>) -> Option<Json> {
    let mut paths = Map::new();
    for (_, event) in service.events() {
        let Some(http) = event.get("http") else { continue };
        let cors = http.get("cors").filter(|cors| cors.scalar().as_deref() != Some("false"));
        let (Some(cors), Some((_, path))) = (cors, place(http)) else { continue };
        paths.entry(path).or_insert_with(|| settings(cors));
    }
    (!paths.is_empty()).then(|| json!({ "Paths": paths }))
}

fn settings(cors: &Node) -> Json {
    let items = |name: &str| {
        let node = cors.get(name)?;
        let items = node.as_list().map(|items| items.iter().filter_map(Node::scalar).collect::<Vec<_>>());
        items.or_else(|| Some(node.scalar()?.split(',').map(|one| one.trim().to_owned()).collect()))
    };
    let origins = items("origin").or_else(|| items("origins")).unwrap_or_else(|| vec!["*".to_owned()]);
    let headers = items("headers").map_or_else(|| HEADERS.to_owned(), |headers| headers.join(","));
    let mut settings = json!({
        "AllowOrigin": origins.first(), "AllowOrigins": origins, "AllowHeaders": headers,
        "AllowCredentials": cors.get("allowCredentials").and_then(Node::scalar).as_deref() == Some("true"),
    });
    if let Some(age) = cors.get("maxAge").and_then(Node::scalar) {
        settings["MaxAge"] = age.into();
    }
    settings
}
