//! One request from end to end.

mod run;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use ebb_model::{FunctionReference, InvokeMode, RateLimit, RequestId, TraceHeader, UrlAuth, UrlCors};
use ebb_sources::https::HttpsClient;
use http::header::{CONTENT_LENGTH, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use hyper::upgrade::OnUpgrade;

use crate::answer::AnswerBody;
use crate::config::GatewayConfig;
use crate::cors;
use crate::files;
use crate::host::Host;
use crate::http_api::throttle::Throttles;
use crate::http_api::{self, ApiEdge, Found};
use crate::ports::{
    AppFile, AppRequest, AppRoute, AppRoutes, Functions, RequestAuthenticator, RouteMatch, ServiceCalls,
    Websites,
};
use crate::proxy;
use crate::refusal::Refusal;
use crate::request_body;
use crate::sockets::Sockets;

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

/// A mark of requests that an app makes of itself, from behind the functions that stand in front of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inside;

/// Everything that requests share.
pub(crate) struct Edge {
    pub(crate) config: GatewayConfig,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) authenticator: Arc<dyn RequestAuthenticator>,
    pub(crate) apps: Arc<dyn AppRoutes>,
    /// HTTP APIs, where there is a home for them.
    pub(crate) apis: Option<ApiEdge>,
    /// Connections that became WebSockets.
    pub(crate) sockets: Sockets,
    /// Asks other hosts.
    pub(crate) upstream: HttpsClient,
    /// Calls services, for APIs that lead to them.
    pub(crate) services: Option<Arc<dyn ServiceCalls>>,
    /// Websites of buckets, where there are buckets.
    pub(crate) websites: Option<Arc<dyn Websites>>,
    /// What clients may still ask of functions that take so many requests.
    pub(crate) limits: Throttles,
}

/// Where a request goes.
struct Target {
    function: FunctionReference,
    mode: InvokeMode,
    auth: UrlAuth,
    cors: Option<UrlCors>,
    /// The function URL's id, or the app's name.
    api_id: String,
    /// Whether it is a function URL.
    of_url: bool,
    /// The host without port.
    domain: String,
    /// The path and query that the function gets in place of the request's own.
    rewritten: Option<(String, String)>,
    /// Whether the request is answered at once, and its event runs later.
    background: bool,
    /// How many requests it takes.
    rate_limit: Option<RateLimit>,
    /// Headers that the answer gets where the function does not set them.
    headers: HeaderMap,
}

/// What answers a request.
enum Way<'a> {
    Api(Box<Found>, &'a ApiEdge),
    Function(Box<Target>),
    File(AppFile, HeaderMap),
    Proxy(Uri, HeaderMap),
    Answer { status: StatusCode, location: Option<HeaderValue>, headers: HeaderMap },
}

impl Edge {
    /// Answers one request. Dropping the future gives the invocation up.
    pub(crate) async fn handle<B>(
        self: &Arc<Self>,
        request: Request<B>,
        connection: Connection,
    ) -> Response<AnswerBody>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let id = RequestId::random();
        let (mut parts, body) = request.into_parts();
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        if let Some(websites) = &self.websites
            && let Some(page) = websites.answer(&parts).await
        {
            return page.map(AnswerBody::Page);
        }
        let routed = self.check_limits(&parts).and_then(|()| match self.find_api(&parts) {
            Some((found, apis)) => Ok(Way::Api(Box::new(found), apis)),
            None => self.within_rates(&mut parts, &connection),
        });
        let mut response = match routed {
            Ok(Way::Api(found, apis)) => {
                self.serve_api((id, connection), (&parts, upgrade), body, *found, apis).await
            }
            Ok(Way::Function(target)) => {
                let answered = match target
                    .cors
                    .as_ref()
                    .and_then(|c| cors::preflight(c, &parts.method, &parts.headers))
                {
                    Some(preflight) => Ok(preflight),
                    None => self.run((id, connection), (&parts, upgrade), body, &target).await,
                };
                answered.unwrap_or_else(|refusal| {
                    let mut response = refusal.into_response(id);
                    if let Some(cors) = &target.cors {
                        cors::apply(cors, &parts.headers, response.headers_mut());
                    }
                    response
                })
            }
            Ok(Way::Proxy(url, headers)) => {
                let answered = self.pass_on(id, &parts, body, url, connection).await;
                let mut response = answered.unwrap_or_else(|refusal| refusal.into_response(id));
                for (name, value) in &headers {
                    response.headers_mut().insert(name.clone(), value.clone());
                }
                response
            }
            Ok(Way::File(file, headers)) => self.file(id, &parts, &file, headers).await,
            Ok(Way::Answer { status, location, headers }) => plain_answer(status, location, headers),
            Err(refusal) => refusal.into_response(id),
        };
        if parts.method == Method::HEAD {
            without_body(&mut response);
        }
        response
    }

    fn check_limits(&self, parts: &Parts) -> Result<(), Refusal> {
        let limits = &self.config.limits;
        if parts.uri.path_and_query().map_or(0, |target| target.as_str().len()) > limits.target_bytes {
            return Err(Refusal::TargetTooLong);
        }
        let header_bytes: usize =
            parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if header_bytes > limits.header_bytes {
            return Err(Refusal::HeadersTooLarge);
        }
        Ok(())
    }

    /// What the host of a request stands for.
    fn host(&self, parts: &Parts) -> Host {
        let config = &self.config;
        match Host::of(&parts.uri, &parts.headers, &config.domain, config.region.as_str()) {
            Host::Unknown(name) => match config.domains.get(&name) {
                Some(app) => Host::App { app: app.clone(), name },
                None => Host::Unknown(name),
            },
            known => known,
        }
    }

    /// The HTTP API that takes the request, where one does.
    fn find_api(&self, parts: &Parts) -> Option<(Found, &ApiEdge)> {
        let edge = self.apis.as_ref()?;
        let apis = &edge.apis;
        let found = match self.host(parts) {
            Host::Api { id, name } => http_api::at_own_host(apis, &id, parts, &name),
            Host::App { app, name } => http_api::of_app(apis, &app, parts, &name),
            Host::FunctionUrl { .. } | Host::Unknown(_) => None,
        };
        Some((found?, edge))
    }

    fn route(&self, parts: &Parts) -> Result<Way<'_>, Refusal> {
        match self.host(parts) {
            Host::FunctionUrl { id, name } => {
                let target = self.functions.url(&id).ok_or(Refusal::UnknownUrl)?;
                Ok(Way::Function(Box::new(Target {
                    function: target.function,
                    mode: target.url.mode,
                    auth: target.url.auth,
                    cors: target.url.cors,
                    api_id: id,
                    of_url: true,
                    domain: name,
                    rewritten: None,
                    background: false,
                    rate_limit: None,
                    headers: HeaderMap::new(),
                })))
            }
            Host::App { app, name } => self.app_target(parts, app, name),
            Host::Api { id, .. } => Err(Refusal::UnknownApi(id)),
            Host::Unknown(host) => Err(Refusal::UnknownHost { host, domain: self.config.domain.clone() }),
        }
    }

    /// Where a request goes, once the function that it is for has had as many as it takes.
    fn within_rates(&self, parts: &mut Parts, connection: &Connection) -> Result<Way<'_>, Refusal> {
        let over = |way: &Way<'_>| match way {
            Way::Function(target) if !self.takes(target, connection) => {
                Some(target.rate_limit.as_ref().and_then(|limit| limit.rewrite.clone()))
            }
            _ => None,
        };
        let way = self.route(parts)?;
        let Some(instead) = over(&way) else { return Ok(way) };
        parts.uri = instead.and_then(|path| at(&parts.uri, &path)).ok_or(Refusal::RateLimited)?;
        let way = self.route(parts)?;
        match over(&way) {
            None => Ok(way),
            Some(_) => Err(Refusal::RateLimited),
        }
    }

    fn app_target(&self, parts: &Parts, app: String, domain: String) -> Result<Way<'_>, Refusal> {
        let request = AppRequest {
            method: &parts.method,
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            host: &domain,
            headers: &parts.headers,
            inside: parts.extensions.get::<Inside>().is_some(),
        };
        let AppRoute { to, headers } = self.apps.route(&app, &request);
        match to {
            RouteMatch::NoApp => Err(Refusal::UnknownApp(app)),
            RouteMatch::NoRoute => Err(Refusal::NoRoute {
                app,
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
            }),
            RouteMatch::Function(target) => Ok(Way::Function(Box::new(Target {
                function: target.function,
                mode: target.mode,
                auth: UrlAuth::None,
                cors: None,
                api_id: app,
                of_url: false,
                domain,
                rewritten: target.rewritten,
                background: target.background,
                rate_limit: target.rate_limit,
                headers,
            }))),
            RouteMatch::File(file) => Ok(Way::File(file, headers)),
            RouteMatch::Proxy(url) => Ok(Way::Proxy(url, headers)),
            RouteMatch::Answer { status, location } => Ok(Way::Answer { status, location, headers }),
        }
    }

    async fn file(
        &self,
        id: RequestId,
        parts: &Parts,
        file: &AppFile,
        headers: HeaderMap,
    ) -> Response<AnswerBody> {
        let Some(content) = self.apps.file(file).await else {
            tracing::error!(request_id = %id, path = file.path, "a file of an app could not be read");
            return Refusal::Internal.into_response(id);
        };
        let AppFile { path, content: tag, status } = file;
        let mut response = files::answer(&parts.method, &parts.headers, path, tag, *status, content);
        for (name, value) in &headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }

    /// Has another host answer.
    async fn pass_on<B>(
        &self,
        id: RequestId,
        parts: &Parts,
        body: B,
        url: Uri,
        connection: Connection,
    ) -> Result<Response<AnswerBody>, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let body = request_body::read(body, &parts.headers, &self.config.limits).await?;
        let client = connection.peer.ip().to_canonical();
        proxy::pass(&self.upstream, parts, body, (url, client)).await.map_err(|error| {
            tracing::warn!(request_id = %id, error, "the host that an app's rule leads to failed");
            Refusal::Unreachable
        })
    }
}

/// The same target with another path.
fn at(uri: &Uri, path: &str) -> Option<Uri> {
    let mut own = uri.clone().into_parts();
    own.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(own).ok()
}

/// An answer of the edge's own, without a body.
fn plain_answer(
    status: StatusCode,
    location: Option<HeaderValue>,
    headers: HeaderMap,
) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::empty());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The caller's trace where it is one, else a fresh one.
pub(crate) fn trace_of(headers: &HeaderMap) -> TraceHeader {
    headers
        .get("x-amzn-trace-id")
        .and_then(|value| value.to_str().ok())
        .map(|text| TraceHeader(text.to_owned()))
        .filter(|trace| trace.root().is_some())
        .unwrap_or_else(TraceHeader::fresh)
}

/// The response to HEAD: the headers that GET would have, and no body.
fn without_body(response: &mut Response<AnswerBody>) {
    let length = response.body().size_hint().exact().filter(|&length| length > 0);
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    *response.body_mut() = AnswerBody::empty();
}
