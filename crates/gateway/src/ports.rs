//! What the edge needs from others: who signed a request, which function an app's path goes to, and functions.

use std::sync::Arc;

use bytes::Bytes;
use ebb_invoker::{Boxed, Delivery, InvokeError, Invoker};
use ebb_model::{
    AccountId, Function, FunctionReference, FunctionUrl, Invocation, InvokeMode, Outcome, Qualifier,
    RateLimit, RequestId, ServiceCaller, Version,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;

/// Tells who signed a request. The binary wires the verifier of the AWS protocols.
pub trait RequestAuthenticator: Send + Sync + 'static {
    /// Checks the signature (SigV4, in headers or query) for the service `lambda` in this region.
    ///
    /// # Errors
    /// [`AuthenticationError`] where there is none, or it is not right.
    fn authenticate(&self, request: &SignedRequest<'_>) -> Result<Caller, AuthenticationError>;
}

/// The parts of a request that its signature covers.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query, as they were sent.
    pub uri: &'a Uri,
    /// All headers, `host` among them.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
    /// The service that the signature must be for, by its name in the scope: one for another does not count.
    pub service: &'static str,
}

/// Who signed a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The access key of the signature.
    pub access_key: String,
    /// The account that it belongs to.
    pub account: AccountId,
    /// The ARN of the user or the role session.
    pub arn: String,
    /// The unique id of the user or role.
    pub user_id: String,
}

/// Why a request's signature was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthenticationError(pub String);

/// Answers the requests for websites of buckets. The binary wires the buckets.
pub trait Websites: Send + Sync + 'static {
    /// The answer to a request; nothing where its host names no website.
    fn answer<'a>(&'a self, request: &'a Parts) -> Boxed<'a, Option<Response<PageBody>>>;
}

/// A page of a website, as it is read.
pub type PageBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// Says where the requests of apps go, and gives their files.
pub trait AppRoutes: Send + Sync + 'static {
    /// What of `app` takes this request.
    fn route(&self, app: &str, request: &AppRequest<'_>) -> AppRoute;

    /// The content of a file; nothing where it cannot be had.
    fn file(&self, file: &AppFile) -> Boxed<'static, Option<Bytes>>;
}

/// A request to an app.
#[derive(Debug, Clone, Copy)]
pub struct AppRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path, as it was sent, not decoded.
    pub path: &'a str,
    /// The query, as it was sent.
    pub query: &'a str,
    /// The host without its port.
    pub host: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// Whether the functions that stand in front of the app have had it already.
    pub inside: bool,
}

/// What [`AppRoutes::route`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRoute {
    /// What takes the request.
    pub to: RouteMatch,
    /// Headers that the answer gets.
    pub headers: HeaderMap,
}

/// What takes a request to an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteMatch {
    /// No app has this name.
    NoApp,
    /// The app has no route for it.
    NoRoute,
    /// It goes to a function.
    Function(RouteTarget),
    /// A file answers it.
    File(AppFile),
    /// Another host answers it: the URL.
    Proxy(Uri),
    /// It is answered with a status, and a location for redirects.
    Answer {
        /// The status.
        status: StatusCode,
        /// Where else.
        location: Option<HeaderValue>,
    },
}

/// A file of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppFile {
    /// Its path, which gives its type.
    pub path: String,
    /// Its content, by the name that [`AppRoutes::file`] knows it by.
    pub content: String,
    /// The status it answers with.
    pub status: StatusCode,
}

/// The function behind a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTarget {
    /// Which function.
    pub function: FunctionReference,
    /// The part of the path that the route matched.
    pub matched_prefix: String,
    /// Whether its answers are sent as they are written.
    pub mode: InvokeMode,
    /// Whether the request is answered with 202 at once, and its event runs later.
    pub background: bool,
    /// How many requests it takes.
    pub rate_limit: Option<RateLimit>,
    /// The path and query that the function gets in place of the request's own.
    pub rewritten: Option<(String, String)>,
}

/// A function URL and what it invokes.
#[derive(Debug, Clone)]
pub(crate) struct UrlTarget {
    pub(crate) function: FunctionReference,
    pub(crate) url: FunctionUrl,
}

/// Calls the AWS services as the account, for APIs that lead to them.
pub trait ServiceCalls: Send + Sync + 'static {
    /// Signs and sends a request, whose URI has no host; says for the log why there is no answer.
    fn call<'a>(
        &'a self,
        service: &'a str,
        request: http::Request<Bytes>,
    ) -> Boxed<'a, Result<http::Response<Bytes>, String>>;
}

/// The functions behind the edge: the invoker, or a fake in tests.
pub(crate) trait Functions: Send + Sync + 'static {
    /// The function URL with this id.
    fn url(&self, id: &str) -> Option<UrlTarget>;

    /// Whether a service may call a function; says what is missing where it may not.
    fn granted(&self, function: &FunctionReference, caller: &ServiceCaller) -> Result<(), String>;

    /// Runs one invocation. Dropping the future gives it up.
    fn invoke(
        &self,
        invocation: Invocation,
        delivery: Delivery,
    ) -> Boxed<'static, Result<Outcome, InvokeError>>;

    /// Accepts an event for later; durable when the future ends.
    fn accept(&self, invocation: Invocation) -> Boxed<'static, Result<RequestId, InvokeError>>;
}

impl Functions for Invoker {
    fn url(&self, id: &str) -> Option<UrlTarget> {
        let (function, qualifier, url) = self.catalog().snapshot().url(id)?;
        Some(UrlTarget { function: reference(&function, qualifier), url })
    }

    fn granted(&self, function: &FunctionReference, caller: &ServiceCaller) -> Result<(), String> {
        self.catalog().granted(function, caller).map_err(|missing| missing.to_string())
    }

    fn invoke(
        &self,
        invocation: Invocation,
        delivery: Delivery,
    ) -> Boxed<'static, Result<Outcome, InvokeError>> {
        let invoker = self.clone();
        Box::pin(async move { invoker.invoke(invocation, delivery).await })
    }

    fn accept(&self, invocation: Invocation) -> Boxed<'static, Result<RequestId, InvokeError>> {
        let invoker = self.clone();
        Box::pin(async move { invoker.accept(invocation).await })
    }
}

fn reference(function: &Arc<Function>, qualifier: Qualifier) -> FunctionReference {
    let mut reference = FunctionReference::named(function.name.clone());
    // The catalog files the URL of the unqualified function under `$LATEST`.
    if qualifier != Qualifier::Version(Version::Latest) {
        reference.qualifier = Some(qualifier);
    }
    reference
}
