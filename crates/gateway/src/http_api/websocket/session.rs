//! One open connection: messages in, messages out, until either side ends it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ebb_model::RequestId;
use ebb_sources::http_api::{ApiConnection, ToClient};
use futures_util::{SinkExt as _, StreamExt as _};
use http::request::Parts;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::event::Kind;
use super::{Place, integrate};
use crate::edge::{Connection, Edge};
use crate::http_api::call::ApiCall;
use crate::http_api::decided::Decided;
use crate::http_api::find::Found;
use crate::http_api::refusal::ApiRefusal;
use crate::http_api::variables;

/// Source of all: API Gateway developer guide, "Quotas for configuring and running a WebSocket API" (2026-11).
const IDLE: Duration = Duration::from_mins(10);
const LONGEST: Duration = Duration::from_hours(2);
const MESSAGE_BYTES: usize = 128 * 1024;
/// Messages of one client that functions work on at once; more wait in the socket.
const AT_ONCE: usize = 32;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// An open connection, with the request that opened it.
pub(super) struct Session {
    pub(super) edge: Arc<Edge>,
    pub(super) parts: Parts,
    pub(super) found: Found,
    pub(super) ends: Connection,
    pub(super) connection: Arc<ApiConnection>,
    pub(super) decided: Option<Decided>,
}

/// Why a connection ends.
struct End {
    code: u16,
    reason: String,
}

impl End {
    fn new(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.to_owned() }
    }
}

impl Session {
    /// Runs the connection to its end. Ends early, and tells the client so, where `stopping` is cancelled.
    pub(super) async fn run(
        self,
        upgrade: OnUpgrade,
        receiver: mpsc::Receiver<ToClient>,
        stopping: CancellationToken,
    ) {
        let upgraded = match upgrade.await {
            Ok(upgraded) => upgraded,
            Err(error) => return tracing::debug!(%error, "a connection was not upgraded"),
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES))
            .max_frame_size(Some(MESSAGE_BYTES));
        let socket = TokioIo::new(upgraded);
        let mut socket = WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await;
        let Some(shared) = &self.edge.apis else { return };
        shared.apis.connections().add(self.connection.clone());
        let session = Arc::new(self);
        let end = session.clone().talk(&mut socket, receiver, stopping).await;
        if let Some(shared) = &session.edge.apis {
            shared.apis.connections().remove(&session.connection.id);
        }
        let _ = socket.close(None).await;
        let kind = Kind::Disconnect { code: end.code, reason: end.reason };
        // Nobody hears how it went.
        let _ = session.handle("$disconnect", kind, Bytes::new()).await;
    }

    async fn talk(
        self: Arc<Self>,
        socket: &mut Socket,
        mut receiver: mpsc::Receiver<ToClient>,
        stopping: CancellationToken,
    ) -> End {
        let mut working = JoinSet::new();
        let latest = Instant::now() + LONGEST;
        let mut idle = Instant::now() + IDLE;
        loop {
            let out = tokio::select! {
                said = socket.next(), if working.len() < AT_ONCE => {
                    idle = Instant::now() + IDLE;
                    self.connection.touch(self.edge.config.clock.now());
                    match said {
                        Some(Ok(Message::Close(frame))) => {
                            let (code, reason) = frame
                                .map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                            return End { code, reason };
                        }
                        Some(Ok(Message::Text(text))) => {
                            working.spawn(self.clone().answer(Bytes::copy_from_slice(text.as_bytes()), false));
                            continue;
                        }
                        Some(Ok(Message::Binary(bytes))) => {
                            working.spawn(self.clone().answer(bytes, true));
                            continue;
                        }
                        // Pings are answered by the socket itself.
                        Some(Ok(_)) => continue,
                        Some(Err(error)) => {
                            tracing::debug!(%error, "a socket failed");
                            return End::new(1006, "Connection closed abnormally");
                        }
                        None => return End::new(1006, "Connection closed abnormally"),
                    }
                }
                Some(done) = working.join_next() => match done {
                    Ok(Some(reply)) => reply,
                    Ok(None) => continue,
                    Err(error) => {
                        tracing::error!(%error, "a message of a connection was lost");
                        continue;
                    }
                },
                what = receiver.recv() => match what {
                    Some(ToClient::Message(bytes)) => message(&bytes),
                    Some(ToClient::Close) | None => {
                        close(socket, CloseCode::Normal, "Connection Closed Normally").await;
                        return End::new(1000, "Connection Closed Normally");
                    }
                },
                () = sleep_until(idle.min(latest)) => {
                    close(socket, CloseCode::Away, "Going away").await;
                    return End::new(1001, "Going away");
                }
                () = stopping.cancelled() => {
                    close(socket, CloseCode::Away, "Going away").await;
                    return End::new(1001, "Going away");
                }
            };
            idle = Instant::now() + IDLE;
            self.connection.touch(self.edge.config.clock.now());
            if socket.send(out).await.is_err() {
                return End::new(1006, "Connection closed abnormally");
            }
        }
    }

    /// Calls what a message is for; gives what the client gets to read.
    async fn answer(self: Arc<Self>, body: Bytes, bytes: bool) -> Option<Message> {
        let text = (!bytes).then(|| String::from_utf8_lossy(&body).into_owned());
        let kind = Kind::Message { body: text.unwrap_or_else(|| STANDARD.encode(&body)), base64: bytes };
        let key = self.key(&body);
        match self.handle(&key, kind, body).await {
            Ok(reply) => reply.map(|reply| message(&reply)),
            Err((refusal, id)) => {
                let what = refusal.message(crate::http_api::refusal::Style::Rest);
                let said = json!({
                    "message": what, "connectionId": self.connection.id, "requestId": id.to_string(),
                });
                Some(Message::text(said.to_string()))
            }
        }
    }

    /// The key of the route that a message is for, by the API's expression over it.
    fn key(&self, body: &[u8]) -> String {
        let shared = self.edge.apis.as_ref();
        let api = shared.and_then(|shared| shared.apis.http(&self.connection.api).ok());
        let expression = api.map(|api| api.route_selection_expression.clone()).unwrap_or_default();
        let path = expression.trim_start_matches("${").trim_start_matches('$').trim_end_matches('}');
        let path = path.strip_prefix("request.body.");
        path.and_then(|path| variables::body(body, path)).unwrap_or_else(|| "$default".to_owned())
    }

    /// Calls what is behind a route, or behind `$default` where there is no such route.
    async fn handle(
        &self,
        key: &str,
        kind: Kind,
        body: Bytes,
    ) -> Result<Option<Bytes>, (ApiRefusal, RequestId)> {
        let id = RequestId::random();
        let handled = async {
            let shared = self.edge.apis.as_ref().ok_or(ApiRefusal::Closed)?;
            let api = shared.apis.http(&self.connection.api).map_err(|_| ApiRefusal::Closed)?;
            let stage = api.stage(&self.connection.stage).ok_or(ApiRefusal::Closed)?;
            let definition = api.served(stage).ok_or(ApiRefusal::Closed)?;
            let found = definition
                .keyed(key)
                .filter(|_| !key.starts_with('$') || !matches!(kind, Kind::Message { .. }));
            let fallback = || definition.keyed("$default").filter(|_| matches!(kind, Kind::Message { .. }));
            let Some(route) = found.or_else(fallback) else {
                return if matches!(kind, Kind::Message { .. }) {
                    Err(ApiRefusal::Forbidden)
                } else {
                    Ok(None)
                };
            };
            let call = ApiCall::new((id, self.ends), (&self.parts, body), &self.found, &self.edge, shared);
            let decided = self.decided.as_ref();
            let place = Place { api: &api, stage, definition, route, decided };
            let answer = integrate(&self.edge, &call, &place, &self.connection, &kind).await?;
            // Answers go to the client only where the route says so.
            let replies =
                route.others.get("routeResponseSelectionExpression").is_some_and(|own| own == "$default");
            Ok(answer.filter(|_| replies).map(|answer| answer.body).filter(|body| !body.is_empty()))
        };
        handled.await.map_err(|refusal| (refusal, id))
    }
}

fn message(bytes: &Bytes) -> Message {
    match std::str::from_utf8(bytes) {
        Ok(text) => Message::text(text),
        Err(_) => Message::binary(bytes.clone()),
    }
}

async fn close(socket: &mut Socket, code: CloseCode, reason: &'static str) {
    let _ = socket.close(Some(CloseFrame { code, reason: reason.into() })).await;
}
