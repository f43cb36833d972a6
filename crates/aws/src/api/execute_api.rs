//! The calls about open connections of WebSocket APIs (`apigatewaymanagementapi`): REST-JSON; shapes are those of the
//! public model (`apigatewaymanagementapi/2018-11-29`, 2026-11).
//!
//! They are answered at an API's own host too, where ids of API and stage are known; here is where functions reach them,
//! whose only way out to ebb is the API port.

use ebb_sources::http_api::{ApiConnection, HttpApis, SendError, ToClient};
use http::{Method, Response, StatusCode};
use serde_json::json;

use crate::wire::{Api, AwsError, Body, Call, empty_response, json_response};

/// The most that a message may have, in bytes.
const MESSAGE_BYTES: usize = 128 * 1024;

/// The operations.
#[must_use]
pub fn api(apis: HttpApis) -> Api {
    Api::rest_json("execute-api", "InternalServerErrorException", apis)
        .route(Method::POST, "/@connections/{id}", "PostToConnection", post)
        .body_limit(MESSAGE_BYTES)
        .route(Method::POST, "/{stage}/@connections/{id}", "PostToConnection", post)
        .body_limit(MESSAGE_BYTES)
        .route(Method::GET, "/@connections/{id}", "GetConnection", get)
        .route(Method::GET, "/{stage}/@connections/{id}", "GetConnection", get)
        .route(Method::DELETE, "/@connections/{id}", "DeleteConnection", delete)
        .route(Method::DELETE, "/{stage}/@connections/{id}", "DeleteConnection", delete)
        .build()
}

fn gone() -> AwsError {
    AwsError::new("GoneException", StatusCode::GONE, "the connection is gone")
}

fn found(apis: &HttpApis, call: &Call) -> Result<std::sync::Arc<ApiConnection>, AwsError> {
    let stage = call.path.get("stage");
    let open = apis.connections().get(call.path.get("id"));
    open.filter(|own| stage.is_empty() || own.stage == stage).ok_or_else(gone)
}

async fn sent(connection: &ApiConnection, what: ToClient) -> Result<(), AwsError> {
    connection.send(what).await.map_err(|error| match error {
        SendError::Gone => gone(),
        SendError::Slow => {
            AwsError::new("LimitExceededException", StatusCode::TOO_MANY_REQUESTS, error.to_string())
        }
    })
}

async fn post(apis: HttpApis, call: Call) -> Result<Response<Body>, AwsError> {
    sent(&*found(&apis, &call)?, ToClient::Message(call.body.clone())).await?;
    Ok(empty_response(StatusCode::OK))
}

async fn get(apis: HttpApis, call: Call) -> Result<Response<Body>, AwsError> {
    let connection = found(&apis, &call)?;
    let about = json!({
        "connectedAt": connection.connected.to_rfc3339(),
        "lastActiveAt": connection.last_active().to_rfc3339(),
        "identity": { "sourceIp": connection.source_ip, "userAgent": connection.user_agent },
    });
    json_response(StatusCode::OK, &about)
}

async fn delete(apis: HttpApis, call: Call) -> Result<Response<Body>, AwsError> {
    sent(&*found(&apis, &call)?, ToClient::Close).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}
