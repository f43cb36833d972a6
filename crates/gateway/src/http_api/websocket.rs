//! WebSocket APIs: who may connect, and what becomes of the connection.
//!
//! Source: API Gateway developer guide, "API Gateway WebSocket APIs" (2026-11). The socket lives here; functions are
//! called for its beginning, for each message and for its end, and scale to zero in between.

mod event;
mod manage;
mod session;

use std::sync::Arc;

use ::http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue, Response, StatusCode};
use ebb_sources::http_api::{ApiConnection, Connections, Definition, HttpApi, NewConnection, Route, Stage};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::authorize;
use super::authorizer;
use super::call::{ApiCall, Routed};
use super::decided::Decided;
use super::mapping;
use super::refusal::{ApiRefusal, Style};
use crate::answer::AnswerBody;
use crate::edge::Edge;
use crate::payload::{self, Answer, Decoding};

use event::Kind;
use session::Session;

/// Whether a request asks to become a WebSocket.
pub(crate) fn is_upgrade(parts: &Parts) -> bool {
    let asked = parts.headers.get(UPGRADE).and_then(|value| value.to_str().ok());
    asked.is_some_and(|asked| asked.eq_ignore_ascii_case("websocket"))
        && parts.headers.contains_key(SEC_WEBSOCKET_KEY)
}

/// Answers a request of a WebSocket API: one that opens a connection, or one about an open one.
pub(crate) async fn serve(
    edge: &Arc<Edge>,
    api: &HttpApi,
    call: &ApiCall<'_>,
    upgrade: Option<OnUpgrade>,
) -> Response<AnswerBody> {
    let answered = match call.found.path.strip_prefix("/@connections/") {
        Some(id) => manage::answer(edge, api, call, id).await,
        None => match upgrade.filter(|_| is_upgrade(call.parts)) {
            Some(upgrade) => open(edge, api, call, upgrade).await,
            None => Err(ApiRefusal::Forbidden),
        },
    };
    answered.unwrap_or_else(|refusal| refusal.into_response(Style::Rest))
}

async fn open(
    edge: &Arc<Edge>,
    api: &HttpApi,
    call: &ApiCall<'_>,
    upgrade: OnUpgrade,
) -> Result<Response<AnswerBody>, ApiRefusal> {
    let stage = call.found.stage.as_deref().and_then(|name| api.stage(name)).ok_or(ApiRefusal::Closed)?;
    let definition = api.served(stage).ok_or(ApiRefusal::Closed)?;
    let (connection, receiver) = Connections::prepare(NewConnection {
        api: api.api_id.clone(),
        stage: stage.stage_name.clone(),
        source_ip: call.connection.peer.ip().to_canonical().to_string(),
        user_agent: call.header("user-agent").map(str::to_owned),
        now: call.now,
    });
    let mut decided = None;
    let mut headers = HeaderMap::new();
    if let Some(route) = definition.keyed("$connect") {
        decided = authorized(edge, api, call, (stage, definition, route), &connection).await?;
        let place = Place { api, stage, definition, route, decided: decided.as_ref() };
        let answer = integrate(edge, call, &place, &connection, &Kind::Connect).await?;
        if let Some(answer) = answer {
            if !answer.status.is_success() {
                return Ok(super::http::response(answer));
            }
            headers.extend(
                answer.headers.get(SEC_WEBSOCKET_PROTOCOL).cloned().map(|own| (SEC_WEBSOCKET_PROTOCOL, own)),
            );
        }
    }
    let key = call.parts.headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    let accept = HeaderValue::try_from(derive_accept_key(key)).map_err(|_| ApiRefusal::NotCallable)?;
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    let session = Session {
        edge: edge.clone(),
        parts: mapping::copied(call.parts),
        found: call.found.clone(),
        ends: call.connection,
        connection,
        decided,
    };
    edge.sockets.spawn(session.run(upgrade, receiver, edge.sockets.stopping()));
    let mut response = Response::new(AnswerBody::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    Ok(response)
}

/// A route in its API, and who passed its authorizer.
struct Place<'a> {
    api: &'a HttpApi,
    stage: &'a Stage,
    definition: &'a Definition,
    route: &'a Route,
    decided: Option<&'a Decided>,
}

impl Place<'_> {
    fn routed(&self) -> Routed<'_> {
        Routed {
            api_id: &self.api.api_id,
            key: &self.route.route_key,
            stage: &self.stage.stage_name,
            parameters: &[],
            variables: &self.stage.stage_variables,
            authorizer: self.decided,
            caller: None,
        }
    }
}

async fn authorized(
    edge: &Edge,
    api: &HttpApi,
    call: &ApiCall<'_>,
    (stage, definition, route): (&Stage, &Definition, &Route),
    connection: &ApiConnection,
) -> Result<Option<Decided>, ApiRefusal> {
    let place = Place { api, stage, definition, route, decided: None };
    match route.authorization_type.as_str() {
        "NONE" => Ok(None),
        "AWS_IAM" => authorize::signed(edge, call, ApiRefusal::NoRoute).map(|_| None),
        "CUSTOM" => {
            let found = route.authorizer_id.as_deref().and_then(|id| definition.authorizer(id));
            let found = found.ok_or(ApiRefusal::NotCallable)?;
            let event = event::of_authorizer(call, &place.routed(), connection);
            authorizer::websocket(edge, call, &place.routed(), found, event).await.map(Some)
        }
        other => Err(ApiRefusal::NotBuilt(format!("authorizers of the type {other}"))),
    }
}

/// Calls what is behind a route; nothing where it answers nothing.
async fn integrate(
    edge: &Edge,
    call: &ApiCall<'_>,
    place: &Place<'_>,
    connection: &ApiConnection,
    kind: &Kind,
) -> Result<Option<Answer>, ApiRefusal> {
    let integration = place.definition.integration(place.route).ok_or(ApiRefusal::NotCallable)?;
    match integration.integration_type.as_str() {
        "MOCK" => Ok(None),
        "AWS_PROXY" => {
            let routed = place.routed();
            let event = event::encode(call, &routed, connection, kind).ok_or(ApiRefusal::NotCallable)?;
            let function = super::function::FunctionCall {
                uri: integration.integration_uri.as_deref().unwrap_or_default(),
                variables: &place.stage.stage_variables,
                api_id: &place.api.api_id,
                source: &format!("{}/{}", place.stage.stage_name, place.route.route_key),
                by_role: integration.credentials_arn.is_some(),
                timeout: super::http::timeout(integration),
            };
            let returned = super::function::call(edge, call, &function, event).await?;
            let decoding =
                Decoding { always: true, binary_types: &[], accept: None, default_type: "application/json" };
            match payload::proxy_answer(&returned, &decoding) {
                Ok(answer) => Ok(Some(answer)),
                // Only a connection depends on what a function says.
                Err(error) if *kind == Kind::Connect => {
                    tracing::info!(request_id = %call.id, %error, "invalid response");
                    Err(ApiRefusal::IntegrationFailed)
                }
                Err(_) => Ok(None),
            }
        }
        other => Err(ApiRefusal::NotBuilt(format!("integrations of the type {other} of WebSocket APIs"))),
    }
}
