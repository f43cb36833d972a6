//! What the edge needs from others: who signed a request, which function an app's path goes to, and functions.

use std::sync::Arc;

use ebb_invoker::{Boxed, Delivery, InvokeError, Invoker};
use ebb_model::{
    AccountId, Function, FunctionReference, FunctionUrl, Invocation, InvokeMode, Outcome, Qualifier, Version,
};
use http::{HeaderMap, Method, Uri};

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

/// Says where the requests of apps go.
pub trait AppRoutes: Send + Sync + 'static {
    /// The route of `app` that takes this method and path (as sent, not decoded).
    fn route(&self, app: &str, method: &Method, path: &str) -> RouteMatch;
}

/// What [`AppRoutes::route`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteMatch {
    /// No app has this name.
    NoApp,
    /// The app has no route for it.
    NoRoute,
    /// It goes to a function.
    Function(RouteTarget),
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
}

/// A function URL and what it invokes.
#[derive(Debug, Clone)]
pub(crate) struct UrlTarget {
    pub(crate) function: FunctionReference,
    pub(crate) url: FunctionUrl,
}

/// The functions behind the edge: the invoker, or a fake in tests.
pub(crate) trait Functions: Send + Sync + 'static {
    /// The function URL with this id.
    fn url(&self, id: &str) -> Option<UrlTarget>;

    /// Runs one invocation. Dropping the future gives it up.
    fn invoke(
        &self,
        invocation: Invocation,
        delivery: Delivery,
    ) -> Boxed<'static, Result<Outcome, InvokeError>>;
}

impl Functions for Invoker {
    fn url(&self, id: &str) -> Option<UrlTarget> {
        let (function, qualifier, url) = self.catalog().snapshot().url(id)?;
        Some(UrlTarget { function: reference(&function, qualifier), url })
    }

    fn invoke(
        &self,
        invocation: Invocation,
        delivery: Delivery,
    ) -> Boxed<'static, Result<Outcome, InvokeError>> {
        let invoker = self.clone();
        Box::pin(async move { invoker.invoke(invocation, delivery).await })
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
