//! The calls about open connections (`@connections`), at the API's own host.
//!
//! Source: API Gateway developer guide, "Use @connections commands in your backend service" (2026-11).

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderValue, Method, Response, StatusCode};
use bytes::Bytes;
use ebb_sources::http_api::{HttpApi, SendError, ToClient};
use serde_json::json;

use super::super::authorize;
use super::super::call::{ApiCall, decoded};
use super::super::refusal::ApiRefusal;
use crate::answer::AnswerBody;
use crate::edge::Edge;

/// The most that a message may have, in bytes. Source: "Quotas for configuring and running a WebSocket API".
const MESSAGE_BYTES: usize = 128 * 1024;

/// Answers a call about a connection.
pub(super) async fn answer(
    edge: &Edge,
    api: &HttpApi,
    call: &ApiCall<'_>,
    id: &str,
) -> Result<Response<AnswerBody>, ApiRefusal> {
    authorize::signed(edge, call, ApiRefusal::NoRoute)?;
    let found = call.shared.apis.connections().get(&decoded(id));
    let Some(connection) =
        found.filter(|own| own.api == api.api_id && Some(&own.stage) == call.found.stage.as_ref())
    else {
        return Ok(gone());
    };
    let sent = match call.parts.method {
        Method::POST if call.body.len() > MESSAGE_BYTES => {
            return Err(ApiRefusal::Edge(crate::refusal::Refusal::BodyTooLarge));
        }
        Method::POST => connection.send(ToClient::Message(call.body.clone())).await,
        Method::DELETE => connection.send(ToClient::Close).await,
        Method::GET => {
            let about = json!({
                "connectedAt": connection.connected.to_rfc3339(),
                "lastActiveAt": connection.last_active().to_rfc3339(),
                "identity": { "sourceIp": connection.source_ip, "userAgent": connection.user_agent },
            });
            return Ok(said(StatusCode::OK, about.to_string()));
        }
        _ => return Err(ApiRefusal::NoRoute),
    };
    match sent {
        Ok(()) if call.parts.method == Method::DELETE => Ok(said(StatusCode::NO_CONTENT, String::new())),
        Ok(()) => Ok(said(StatusCode::OK, String::new())),
        Err(SendError::Gone) => Ok(gone()),
        Err(SendError::Slow) => Err(ApiRefusal::Throttled),
    }
}

fn gone() -> Response<AnswerBody> {
    let mut response = said(StatusCode::GONE, json!({ "message": null }).to_string());
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static("GoneException"));
    response
}

fn said(status: StatusCode, body: String) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
