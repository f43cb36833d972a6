//! What functions are told of a connection.
//!
//! Source: API Gateway developer guide, "Set up a route integration request in API Gateway" and "Lambda authorizer input
//! format for WebSocket APIs" (2026-11).

use bytes::Bytes;
use ebb_sources::http_api::ApiConnection;
use serde_json::{Map, Value, json};

use super::super::call::{ApiCall, Routed};
use super::super::decided::Decided;
use crate::payload::{self, RestFields};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Somebody wants to connect.
    Connect,
    /// A message came.
    Message {
        /// Its text, or its bytes in base64.
        body: String,
        /// Whether it is bytes.
        base64: bool,
    },
    /// The connection ended.
    Disconnect {
        /// The code of its end.
        code: u16,
        /// Why.
        reason: String,
    },
}

/// The event, as JSON text.
pub(super) fn encode(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    connection: &ApiConnection,
    kind: &Kind,
) -> Option<Bytes> {
    let mut event = Map::new();
    let mut context = context(call, routed, connection);
    if let Some(decided) = routed.authorizer {
        context["authorizer"] = Decided::event_v1(decided);
    }
    match kind {
        Kind::Connect => {
            event = handshake(call, routed)?;
            context["eventType"] = "CONNECT".into();
            event.insert("isBase64Encoded".to_owned(), false.into());
        }
        Kind::Message { body, base64 } => {
            context["eventType"] = "MESSAGE".into();
            context["messageId"] = context["extendedRequestId"].clone();
            event.insert("body".to_owned(), body.as_str().into());
            event.insert("isBase64Encoded".to_owned(), (*base64).into());
            variables(&mut event, routed);
        }
        Kind::Disconnect { code, reason } => {
            event = handshake(call, routed)?;
            for own in ["queryStringParameters", "multiValueQueryStringParameters"] {
                event.remove(own);
            }
            context["eventType"] = "DISCONNECT".into();
            context["disconnectStatusCode"] = (*code).into();
            context["disconnectReason"] = reason.as_str().into();
            event.insert("isBase64Encoded".to_owned(), false.into());
        }
    }
    event.insert("requestContext".to_owned(), context);
    serde_json::to_vec(&event).ok().map(Bytes::from)
}

/// The question to an authorizer.
pub(super) fn of_authorizer(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    connection: &ApiConnection,
) -> Option<Map<String, Value>> {
    let mut event = handshake(call, routed)?;
    let mut context = context(call, routed, connection);
    context["eventType"] = "CONNECT".into();
    for map in ["queryStringParameters", "multiValueQueryStringParameters", "stageVariables"] {
        event.entry(map).or_insert_with(|| json!({}));
    }
    event.insert("type".to_owned(), "REQUEST".into());
    event.insert("requestContext".to_owned(), context);
    Some(event)
}

fn variables(event: &mut Map<String, Value>, routed: &Routed<'_>) {
    if !routed.variables.is_empty() {
        event.insert("stageVariables".to_owned(), json!(routed.variables));
    }
}

/// The headers and the query of the request that opens the connection.
fn handshake(call: &ApiCall<'_>, routed: &Routed<'_>) -> Option<Map<String, Value>> {
    let fields = RestFields {
        version: None,
        resource_id: "",
        resource_path: "",
        context_path: "",
        binary: None,
        api_key: None,
        deployment_id: None,
    };
    let source = call.source(&call.found.path, routed, None);
    let mut whole: Map<String, Value> =
        serde_json::from_slice(&payload::encode_v1(&source, &fields).ok()?).ok()?;
    let mut event = Map::new();
    for name in ["headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters"] {
        event.extend(whole.remove_entry(name).filter(|(_, value)| !value.is_null()));
    }
    variables(&mut event, routed);
    Some(event)
}

fn context(call: &ApiCall<'_>, routed: &Routed<'_>, connection: &ApiConnection) -> Value {
    let id = call.id.to_string();
    json!({
        "routeKey": routed.key,
        "messageDirection": "IN",
        "stage": routed.stage,
        "connectedAt": connection.connected.millis(),
        "requestTime": call.now.format("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": call.now.millis(),
        "identity": { "sourceIp": connection.source_ip, "userAgent": connection.user_agent },
        "requestId": id,
        "extendedRequestId": id,
        "domainName": call.found.domain,
        "connectionId": connection.id,
        "apiId": routed.api_id,
    })
}
