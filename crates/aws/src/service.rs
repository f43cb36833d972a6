//! The path of a request: identify, authenticate, route, handle, answer.

mod dialect;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use ebb_model::{AccountId, Clock, Region, RequestId, Timestamp};
use futures_util::FutureExt as _;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response};
use http_body_util::BodyExt as _;

use crate::wire::credentials::KeyRing;
use crate::wire::sigv4::{Authorization, SignedRequest, verify};
use crate::wire::{
    Api, AwsError, Body, BodyError, Call, Identified, Operation, PathParameters, Principal, Protocol,
    QueryShapes, QueryString, RequestContext, json_response, read_body,
};

/// What a server is, for the services.
#[derive(Debug, Clone)]
pub struct AwsConfig {
    /// Its region.
    pub region: Region,
    /// Its account.
    pub account: AccountId,
    /// The scheme of the listener: `http` or `https`. With the client's `Host` it makes the URLs that are handed out.
    pub scheme: &'static str,
}

/// Answers AWS requests. A cheap handle: clone it for each connection.
#[derive(Clone)]
pub struct AwsService(Arc<Inner>);

struct Inner {
    config: AwsConfig,
    keys: KeyRing,
    clock: Arc<dyn Clock>,
    apis: HashMap<&'static str, Api>,
}

/// How to answer, once it is known who is asked.
#[derive(Clone, Copy)]
struct Dialect {
    protocol: Protocol,
    internal_code: &'static str,
}

impl AwsService {
    /// A service made of these APIs, one for each signing name.
    #[must_use]
    pub fn new(config: AwsConfig, keys: KeyRing, clock: Arc<dyn Clock>, apis: Vec<Api>) -> Self {
        let apis = apis.into_iter().map(|api| (api.service, api)).collect();
        Self(Arc::new(Inner { config, keys, clock, apis }))
    }

    /// The keys that it accepts.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.0.keys
    }

    /// Answers one request; never fails. Cancel safe: dropping the future drops the work of the operation.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<BodyError>,
    {
        let request_id = RequestId::random();
        let (parts, body) = request.into_parts();
        let head_only = parts.method == http::Method::HEAD;
        let mut dialect = Dialect { protocol: Protocol::RestJson, internal_code: "InternalFailure" };
        let answer = self.answer(request_id, &parts, body, &mut dialect).await;
        let mut response = match answer {
            Ok(mut response) => {
                if let Protocol::Json { content_type } = dialect.protocol
                    && response.headers().get(CONTENT_TYPE).is_some_and(|value| value == "application/json")
                {
                    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
                }
                response
            }
            Err(error) => {
                log(&error, request_id, &parts);
                error.into_response(dialect.protocol, dialect.internal_code, request_id)
            }
        };
        if let Ok(value) = HeaderValue::from_str(&request_id.to_string()) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        if head_only {
            *response.body_mut() = crate::wire::empty_body();
        }
        response
    }

    /// Checks a signed request without running any operation: for handlers outside the AWS protocols, such as
    /// `AWS_IAM` function URLs and ebb's own API.
    ///
    /// # Errors
    /// The error that the caller of a REST-JSON service would get.
    pub fn authenticate(&self, parts: &Parts, body: &[u8]) -> Result<Principal, AwsError> {
        let dialect = Dialect { protocol: Protocol::RestJson, internal_code: "InternalFailure" };
        let query = parts.uri.query().unwrap_or_default();
        let authorization = Authorization::read(&parts.headers, query)
            .map_err(|error| dialect.signature_error(&error))?
            .ok_or_else(|| dialect.unsigned())?;
        self.0.verify(parts, body, &authorization, self.0.clock.now(), dialect)
    }

    /// Reads and authenticates a request for a handler outside the AWS protocols, such as ebb's own API.
    ///
    /// # Errors
    /// The refusal, ready to be sent: the caller's body was too large, or its signature was not right.
    pub async fn open<B>(
        &self,
        request: Request<B>,
        body_limit: usize,
    ) -> Result<Request<Bytes>, Response<Body>>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<BodyError>,
    {
        let (parts, body) = request.into_parts();
        let opened = async {
            let body = read_body(body, body_limit).await?;
            self.authenticate(&parts, &body)?;
            Ok(body)
        };
        match opened.await {
            Ok(body) => Ok(Request::from_parts(parts, body)),
            Err(error) => {
                let request_id = RequestId::random();
                log(&error, request_id, &parts);
                Err(error.into_response(Protocol::RestJson, "InternalFailure", request_id))
            }
        }
    }

    async fn answer<B>(
        &self,
        request_id: RequestId,
        parts: &Parts,
        body: B,
        dialect: &mut Dialect,
    ) -> Result<Response<Body>, AwsError>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<BodyError>,
    {
        let inner = &*self.0;
        let received = inner.clock.now();
        let raw_query = parts.uri.query().unwrap_or_default();
        let authorization = Authorization::read(&parts.headers, raw_query);
        let scope = match &authorization {
            Ok(Some(authorization)) => Some(authorization.scope().service),
            _ => None,
        };
        let identified = crate::wire::identify(&parts.method, parts.uri.path(), &parts.headers, scope);
        let api = inner.find_api(&identified, parts);
        dialect.adopt(api, &identified);
        let authorization = authorization
            .map_err(|error| dialect.signature_error(&error))?
            .ok_or_else(|| dialect.unsigned())?;
        // A key that is not known is refused before its body is read.
        inner
            .keys
            .resolve(&authorization.access_key_id, authorization.session_token.as_deref(), received)
            .map_err(|error| dialect.key_error(error))?;
        let query = QueryString::parse(raw_query);
        let early = api.and_then(|api| find_operation(api, parts, &identified, &query));
        let limit = early.as_ref().map_or(UNKNOWN_BODY_LIMIT, |(operation, _)| operation.body_limit);
        let body = read_body(body, limit).await?;
        let principal = inner.verify(parts, &body, &authorization, received, *dialect)?;

        let api = api.ok_or_else(|| unknown_service(&identified, parts, &query, &body, *dialect))?;
        let (operation, path) = match early {
            Some(found) => found,
            None => by_action(api, dialect.protocol, parts, &identified, &query, &body)?,
        };
        let shapes = api.query.filter(|_| matches!(dialect.protocol, Protocol::Query { .. }));
        let body = match shapes {
            Some(shapes) => form_as_json(shapes, parts, &query, &body)?,
            None => body,
        };
        let handler = operation
            .handler
            .as_ref()
            .ok_or_else(|| AwsError::not_implemented(api.service, operation.name, api.protocol))?;
        let context = RequestContext {
            request_id,
            principal,
            region: inner.config.region.clone(),
            account: inner.config.account.clone(),
            service: api.service,
            operation: operation.name,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query,
            headers: parts.headers.clone(),
            base_url: inner.base_url(parts),
            received,
        };
        let call = Call { context, path, body };
        // A panic in one operation must not take the connection, and the requests that share it, along.
        let answer = match AssertUnwindSafe(handler(call)).catch_unwind().await {
            Ok(answer) => answer?,
            Err(_) => return Err(AwsError::internal(format!("{}:{} panicked", api.service, operation.name))),
        };
        match shapes {
            Some(shapes) => {
                let as_json = parts.headers.get(ACCEPT).is_some_and(|accept| accept == "application/json");
                json_as_asked(shapes, as_json, operation.name, answer, request_id).await
            }
            None => Ok(answer),
        }
    }
}

impl Inner {
    fn find_api(&self, identified: &Identified, parts: &Parts) -> Option<&Api> {
        if let Some(api) = self.apis.get(identified.service.as_str()) {
            return Some(api);
        }
        let by_target = |api: &&Api| api.target == Some(identified.service.as_str());
        self.apis.values().find(by_target).or_else(|| {
            // Unsigned and without a target: the path may still tell, so that the refusal has the right shape.
            let query = QueryString::parse(parts.uri.query().unwrap_or_default());
            let routed = |api: &&Api| api.routed(&parts.method, parts.uri.path(), &query).is_some();
            if identified.service.is_empty() { self.apis.values().find(routed) } else { None }
        })
    }

    fn verify(
        &self,
        parts: &Parts,
        body: &[u8],
        authorization: &Authorization,
        now: Timestamp,
        dialect: Dialect,
    ) -> Result<Principal, AwsError> {
        let key = self
            .keys
            .resolve(&authorization.access_key_id, authorization.session_token.as_deref(), now)
            .map_err(|error| dialect.key_error(error))?;
        let request = SignedRequest {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            authority: parts.uri.authority().map(http::uri::Authority::as_str),
            body,
        };
        verify(request, authorization, key.secret.expose(), now)
            .map_err(|error| dialect.signature_error(&error))?;
        Ok(key.principal)
    }

    fn base_url(&self, parts: &Parts) -> String {
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str));
        format!("{}://{}", self.config.scheme, host.unwrap_or("localhost"))
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// What is read of a request whose operation is not known from its head, in bytes.
const UNKNOWN_BODY_LIMIT: usize = 8 * 1024 * 1024;

/// The operation, where the head of the request tells it.
fn find_operation<'a>(
    api: &'a Api,
    parts: &Parts,
    identified: &Identified,
    query: &QueryString,
) -> Option<(&'a Operation, PathParameters)> {
    match api.protocol {
        Protocol::RestJson | Protocol::RestXml => api.routed(&parts.method, parts.uri.path(), query),
        Protocol::Json { .. } => api
            .named(identified.operation.as_deref()?)
            .map(|operation| (operation, PathParameters::default())),
        Protocol::Query { .. } => None,
    }
}

/// The operation that only the body tells, or the error for one that nothing tells.
fn by_action<'a>(
    api: &'a Api,
    protocol: Protocol,
    parts: &Parts,
    identified: &Identified,
    query: &QueryString,
    body: &[u8],
) -> Result<(&'a Operation, PathParameters), AwsError> {
    let name = asked(protocol, parts, identified, query, body).ok_or_else(|| match protocol {
        // Nothing is asked of what the path names (recorded 2025).
        Protocol::Query { .. } if parts.method == http::Method::GET && parts.uri.path() != "/" => {
            AwsError::unknown_operation()
        }
        Protocol::Query { .. } => {
            AwsError::client("MissingAction", "The request is missing an action: the parameter Action.")
        }
        _ => AwsError::client("UnknownOperationException", "The request has no X-Amz-Target header."),
    })?;
    let operation = api.named(&name).filter(|operation| {
        let of_a_path = matches!(protocol, Protocol::Query { .. }) && parts.uri.path() != "/";
        !(of_a_path && operation.at_root)
    });
    let operation = operation.ok_or_else(|| match protocol {
        Protocol::Query { .. } if api.is_whole || api.named(&name).is_some() => {
            AwsError::client("InvalidAction", format!("The action {name} is not valid for this endpoint."))
        }
        _ => AwsError::not_implemented(api.service, &name, protocol),
    })?;
    Ok((operation, PathParameters::default()))
}

/// The form of a request, which may stand in the body or in the query, as the JSON that the handler expects.
fn form_as_json(
    shapes: &QueryShapes,
    parts: &Parts,
    query: &QueryString,
    body: &[u8],
) -> Result<Bytes, AwsError> {
    let text = std::str::from_utf8(body)
        .map_err(|_| AwsError::client("InvalidParameterValue", "The form is not UTF-8."))?;
    let form = if parts.method == http::Method::GET { query.clone() } else { QueryString::parse_form(text) };
    serde_json::to_vec(&shapes.read(&form)).map(Bytes::from).map_err(AwsError::internal)
}

/// The JSON of an answer as XML, or in the frame of that where JSON is asked for (recorded 2025).
async fn json_as_asked(
    shapes: &QueryShapes,
    as_json: bool,
    operation: &str,
    answer: Response<Body>,
    request_id: RequestId,
) -> Result<Response<Body>, AwsError> {
    let body = answer.into_body().collect().await.map_err(AwsError::internal)?.to_bytes();
    let answer = serde_json::from_slice(&body).map_err(AwsError::internal)?;
    if as_json {
        return json_response(http::StatusCode::OK, &shapes.frame(operation, answer, request_id));
    }
    Ok(shapes.write(operation, &answer, request_id))
}

/// What a request calls its operation; for the REST protocols, method and path.
fn asked(
    protocol: Protocol,
    parts: &Parts,
    identified: &Identified,
    query: &QueryString,
    body: &[u8],
) -> Option<String> {
    match protocol {
        Protocol::Query { .. } => {
            let form = QueryString::parse_form(std::str::from_utf8(body).unwrap_or_default());
            form.get("Action").or_else(|| query.get("Action")).map(str::to_owned)
        }
        Protocol::Json { .. } => identified.operation.clone(),
        Protocol::RestJson | Protocol::RestXml => Some(format!("{} {}", parts.method, parts.uri.path())),
    }
}

fn unknown_service(
    identified: &Identified,
    parts: &Parts,
    query: &QueryString,
    body: &[u8],
    dialect: Dialect,
) -> AwsError {
    let service = if identified.service.is_empty() { "the service asked for" } else { &identified.service };
    let operation = asked(dialect.protocol, parts, identified, query, body);
    AwsError::not_implemented(service, operation.as_deref().unwrap_or("*"), dialect.protocol)
}

fn log(error: &AwsError, request_id: RequestId, parts: &Parts) {
    let (method, path) = (&parts.method, parts.uri.path());
    if error.status.is_server_error() {
        tracing::error!(%request_id, %method, path, %error, "request failed");
    } else {
        tracing::debug!(%request_id, %method, path, %error, "request refused");
    }
}

#[cfg(test)]
mod tests;
