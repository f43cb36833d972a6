//! A request of a function from its event to its answer: whole, as it is written, or as a WebSocket.

use bytes::Bytes;
use ebb_invoker::{Delivery, Tunnel};
use ebb_model::{
    Invocation, InvokeMode, RateLimit, RequestId, Response as FunctionResponse, TraceHeader, Trigger, UrlAuth,
};
use http::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use tokio::sync::mpsc;

use super::{Connection, Edge, Target, plain_answer, trace_of};
use crate::answer::AnswerBody;
use crate::cors;
use crate::host;
use crate::http_api::throttle::Limit;
use crate::http_api::websocket;
use crate::payload::{self, EventSource, RouteFields};
use crate::ports::{Caller, SignedRequest};
use crate::refusal::Refusal;
use crate::request_body;
use crate::stream::{PIECES_IN_FLIGHT, StreamedBody};
use crate::tunnel;

impl Edge {
    /// Whether a function still takes requests, from this client where each has a share of its own.
    pub(super) fn takes(&self, target: &Target, connection: &Connection) -> bool {
        let Some(RateLimit { requests, seconds, by_client, .. }) = target.rate_limit else { return true };
        let client = if by_client { connection.peer.ip().to_canonical().to_string() } else { String::new() };
        let burst = f64::from(requests);
        let limit = Limit { rate: burst / f64::from(seconds.max(1)), burst };
        self.limits.take(&format!("{} {client}", target.function.name), limit, self.config.clock.now())
    }

    pub(super) async fn run<B>(
        &self,
        (id, connection): (RequestId, Connection),
        (parts, upgrade): (&Parts, Option<OnUpgrade>),
        body: B,
        target: &Target,
    ) -> Result<Response<AnswerBody>, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let body = request_body::read(body, &parts.headers, &self.config.limits).await?;
        let caller = self.authorize(id, parts, &body, target.auth)?;
        let trace = trace_of(&parts.headers);
        let (path, query) = match &target.rewritten {
            Some((path, query)) => (path.as_str(), query.as_str()),
            None => (parts.uri.path(), parts.uri.query().unwrap_or_default()),
        };
        let event = payload::encode(&EventSource {
            method: &parts.method,
            path,
            query,
            sent_path: parts.uri.path(),
            version: parts.version,
            headers: &parts.headers,
            head: parts.extensions.get(),
            body: &body,
            source_ip: connection.peer.ip().to_canonical(),
            port: host::port(&parts.uri, &parts.headers).unwrap_or(connection.local.port()),
            domain: &target.domain,
            api_id: &target.api_id,
            request_id: id,
            trace: &trace,
            now: self.config.clock.now(),
            caller: caller.as_ref(),
            of_url: target.of_url,
            route: RouteFields::default(),
        })
        .map_err(|error| {
            tracing::error!(request_id = %id, %error, "an event could not be encoded");
            Refusal::Internal
        })?;
        let function = target.function.clone();
        let invocation = Invocation::of_request(id, trace.clone(), function, event, Trigger::Http);
        let mut response = match (target.mode, upgrade.filter(|_| websocket::is_upgrade(parts))) {
            _ if target.background => self.accept(invocation).await?,
            (InvokeMode::Buffered, _) => self.whole(invocation).await?,
            (InvokeMode::ResponseStream, Some(upgrade)) => self.tunnel(invocation, upgrade).await?,
            (InvokeMode::ResponseStream, None) => {
                self.stream(invocation, parts.method == Method::HEAD).await?
            }
        };
        finish(&mut response, id, &trace);
        for (name, value) in &target.headers {
            if !response.headers().contains_key(name) {
                response.headers_mut().insert(name.clone(), value.clone());
            }
        }
        if let Some(cors) = &target.cors {
            cors::apply(cors, &parts.headers, response.headers_mut());
        }
        Ok(response)
    }

    /// Whoever signs with a key of this account may call; a URL without authorisation is open to everyone.
    fn authorize(
        &self,
        id: RequestId,
        parts: &Parts,
        body: &[u8],
        auth: UrlAuth,
    ) -> Result<Option<Caller>, Refusal> {
        if auth == UrlAuth::None {
            return Ok(None);
        }
        let (method, uri, headers) = (&parts.method, &parts.uri, &parts.headers);
        let signed = SignedRequest { method, uri, headers, body, service: "lambda" };
        let caller = self.authenticator.authenticate(&signed).map_err(|error| {
            tracing::info!(request_id = %id, %error, "a signed function URL was called without a valid signature");
            Refusal::Forbidden
        })?;
        if caller.account != self.config.account {
            return Err(Refusal::Forbidden);
        }
        Ok(Some(caller))
    }

    /// Takes an event for later.
    async fn accept(&self, mut invocation: Invocation) -> Result<Response<AnswerBody>, Refusal> {
        let id = invocation.id;
        invocation.trigger = Trigger::Direct;
        self.functions.accept(invocation).await.map_err(|error| {
            tracing::warn!(request_id = %id, %error, "an event was not accepted");
            Refusal::from(&error)
        })?;
        Ok(plain_answer(StatusCode::ACCEPTED, None, HeaderMap::new()))
    }

    async fn whole(&self, invocation: Invocation) -> Result<Response<AnswerBody>, Refusal> {
        let id = invocation.id;
        let outcome = self.functions.invoke(invocation, Delivery::Whole).await.map_err(|error| {
            tracing::warn!(request_id = %id, %error, "an invocation did not run");
            Refusal::from(&error)
        })?;
        let payload = match outcome.result {
            Ok(FunctionResponse::Whole(payload)) => payload,
            Ok(FunctionResponse::Streamed(_)) | Err(_) => return Err(Refusal::FunctionFailed),
        };
        let answer = payload::infer(&payload).map_err(|error| {
            tracing::info!(request_id = %id, %error, "invalid response");
            Refusal::FunctionFailed
        })?;
        let mut response = Response::new(AnswerBody::whole(answer.body));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }

    async fn stream(&self, invocation: Invocation, head_only: bool) -> Result<Response<AnswerBody>, Refusal> {
        let id = invocation.id;
        let (sender, parts) = mpsc::channel(PIECES_IN_FLIGHT);
        let running = self.functions.invoke(invocation, Delivery::Stream(sender));
        let (prelude, mut body) = StreamedBody::start(id, running, parts).await?;
        if prelude.status.is_informational() {
            tracing::info!(request_id = %id, "a function switched protocols, and nobody had asked for it");
            return Err(Refusal::FunctionFailed);
        }
        let body = if head_only || has_no_body(prelude.status) {
            // Nobody will read it, and dropping it now would give the invocation up.
            body.discard().await;
            AnswerBody::empty()
        } else {
            AnswerBody::Streamed(Box::new(body))
        };
        let mut response = Response::new(body);
        *response.status_mut() = prelude.status;
        *response.headers_mut() = prelude.headers;
        Ok(response)
    }

    /// Lets the function decide whether the connection becomes a WebSocket; where it does, bytes go both ways from then on.
    async fn tunnel(
        &self,
        invocation: Invocation,
        upgrade: OnUpgrade,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let id = invocation.id;
        let (answer, parts) = mpsc::channel(PIECES_IN_FLIGHT);
        let (from_client, sent) = mpsc::channel(PIECES_IN_FLIGHT);
        let running = self.functions.invoke(invocation, Delivery::Tunnel(Tunnel { answer, sent }));
        let (prelude, body) = StreamedBody::start(id, running, parts).await?;
        let agreed = prelude.status == StatusCode::SWITCHING_PROTOCOLS;
        let mut response = Response::new(AnswerBody::empty());
        *response.status_mut() = prelude.status;
        *response.headers_mut() = prelude.headers;
        if agreed {
            let headers = response.headers_mut();
            headers.remove(CONTENT_TYPE);
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            let stopping = self.sockets.stopping();
            self.sockets.spawn(tunnel::run(upgrade, from_client, body, stopping));
        } else {
            *response.body_mut() = AnswerBody::Streamed(Box::new(body));
        }
        Ok(response)
    }
}

/// What every response of a function carries, and what some statuses must not.
fn finish(response: &mut Response<AnswerBody>, id: RequestId, trace: &TraceHeader) {
    for (name, text) in [("x-amzn-requestid", id.to_string()), ("x-amzn-trace-id", trace.0.clone())] {
        if let Ok(value) = HeaderValue::try_from(text) {
            response.headers_mut().insert(name, value);
        }
    }
    if has_no_body(response.status()) {
        *response.body_mut() = AnswerBody::empty();
        response.headers_mut().remove(CONTENT_TYPE);
    }
}

fn has_no_body(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}
