//! One service as a table: its protocol, and for each operation a name, a route, a limit and a handler.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::{Method, Response};

use super::body::Body;
use super::call::{Call, PathParameters};
use super::constraints::{self, Member};
use super::error::AwsError;
use super::identify::Protocol;
use super::paths::Route;
use super::query_shapes::QueryShapes;
use super::query_string::QueryString;

/// The body that an operation takes unless its table says otherwise, in bytes.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, AwsError>> + Send>>;
type Handler = Arc<dyn Fn(Call) -> Answer + Send + Sync>;

/// A service. Made once at start by an [`ApiBuilder`].
#[derive(Debug)]
pub struct Api {
    /// The signing name, such as `lambda`.
    pub(crate) service: &'static str,
    /// How it speaks.
    pub(crate) protocol: Protocol,
    /// What stands before the dot of `X-Amz-Target`, for the JSON protocols.
    pub(crate) target: Option<&'static str>,
    /// What it calls its own failures.
    pub(crate) internal_code: &'static str,
    /// How its JSON looks in the query protocol, where it speaks that too.
    pub(crate) query: Option<&'static QueryShapes>,
    /// Whether every operation of the model is here, so that no other exists.
    pub(crate) is_whole: bool,
    operations: Vec<Operation>,
    by_name: HashMap<&'static str, usize>,
}

/// An operation of an [`Api`].
pub struct Operation {
    pub(crate) name: &'static str,
    pub(crate) body_limit: usize,
    pub(crate) handler: Option<Handler>,
    /// In the query protocol: whether it is asked for at the service's own path only, and at none of a resource.
    pub(crate) at_root: bool,
    route: Option<Route>,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Api {
    /// A service of the REST-JSON protocol, whose handlers share `state`.
    pub fn rest_json<S: Clone + Send + Sync + 'static>(
        service: &'static str,
        internal_code: &'static str,
        state: S,
    ) -> ApiBuilder<S> {
        ApiBuilder::new(Self::empty(service, Protocol::RestJson, internal_code), state)
    }

    /// A service of JSON 1.0 or 1.1; `target` is what stands before the dot of `X-Amz-Target`.
    pub fn json<S: Clone + Send + Sync + 'static>(
        service: &'static str,
        content_type: &'static str,
        target: &'static str,
        internal_code: &'static str,
        state: S,
    ) -> ApiBuilder<S> {
        let api = Self::empty(service, Protocol::Json { content_type }, internal_code);
        ApiBuilder::new(Self { target: Some(target), ..api }, state)
    }

    /// A service of the query protocol; `namespace` is that of its XML.
    pub fn query<S: Clone + Send + Sync + 'static>(
        service: &'static str,
        namespace: &'static str,
        internal_code: &'static str,
        state: S,
    ) -> ApiBuilder<S> {
        ApiBuilder::new(Self::empty(service, Protocol::Query { namespace }, internal_code), state)
    }

    /// A service of the query protocol whose handlers speak JSON, as `shapes` says.
    pub fn query_json<S: Clone + Send + Sync + 'static>(
        service: &'static str,
        shapes: &'static QueryShapes,
        internal_code: &'static str,
        state: S,
    ) -> ApiBuilder<S> {
        let api = Self::empty(service, Protocol::Query { namespace: shapes.namespace }, internal_code);
        ApiBuilder::new(Self { query: Some(shapes), ..api }, state)
    }

    fn empty(service: &'static str, protocol: Protocol, internal_code: &'static str) -> Self {
        let (operations, by_name) = (Vec::new(), HashMap::new());
        Self {
            service,
            protocol,
            target: None,
            internal_code,
            query: None,
            is_whole: false,
            operations,
            by_name,
        }
    }

    /// The operation of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Operation> {
        self.by_name.get(name).and_then(|index| self.operations.get(*index))
    }

    /// The operation whose route matches, with the parameters of its path.
    pub(crate) fn routed(
        &self,
        method: &Method,
        path: &str,
        query: &QueryString,
    ) -> Option<(&Operation, PathParameters)> {
        self.operations
            .iter()
            .filter_map(|operation| {
                let route = operation.route.as_ref()?;
                Some((operation, route.matches(method, path, query)?, route.specificity()))
            })
            .max_by_key(|(_, _, specificity)| *specificity)
            .map(|(operation, parameters, _)| (operation, parameters))
    }
}

/// Fills an [`Api`].
#[derive(Debug)]
pub struct ApiBuilder<S> {
    api: Api,
    state: S,
}

impl<S: Clone + Send + Sync + 'static> ApiBuilder<S> {
    fn new(api: Api, state: S) -> Self {
        Self { api, state }
    }

    /// An operation with a route: for the REST protocols. `template` is the model's `requestUri`, as in
    /// `/2015-03-31/functions/{FunctionName}`; a query in it (`?find=LayerVersion`) must match too.
    #[must_use]
    pub fn route<H, F>(self, method: Method, template: &'static str, name: &'static str, handler: H) -> Self
    where
        H: Fn(S, Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Response<Body>, AwsError>> + Send + 'static,
    {
        let handler = self.erase(handler);
        self.add(name, Some(Route::new(method, template)), Some(handler))
    }

    /// An operation with a route that ebb does not have: calls get the service's own error, naming it.
    #[must_use]
    pub fn unbuilt(self, method: Method, template: &'static str, name: &'static str) -> Self {
        self.add(name, Some(Route::new(method, template)), None)
    }

    /// An operation that is known by its name: for the JSON and query protocols.
    #[must_use]
    pub fn operation<H, F>(self, name: &'static str, handler: H) -> Self
    where
        H: Fn(S, Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Response<Body>, AwsError>> + Send + 'static,
    {
        let handler = self.erase(handler);
        self.add(name, None, Some(handler))
    }

    /// The most that the body of the operation added last may hold, in bytes (8 MiB unless told).
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        if let Some(operation) = self.api.operations.last_mut() {
            operation.body_limit = bytes;
        }
        self
    }

    /// Checks the requests of the operation added last before its handler gets them.
    #[must_use]
    pub(crate) fn keeping(mut self, members: &'static [Member]) -> Self {
        if let Some(operation) = self.api.operations.last_mut()
            && let Some(handler) = operation.handler.take()
        {
            operation.handler = Some(Arc::new(move |call: Call| -> Answer {
                match constraints::check(&call, members) {
                    Ok(()) => handler(call),
                    Err(error) => Box::pin(std::future::ready(Err(error))),
                }
            }));
        }
        self
    }

    /// Says of the operation added last that the query protocol has it at the service's own path only.
    #[must_use]
    pub fn at_root(mut self) -> Self {
        if let Some(operation) = self.api.operations.last_mut() {
            operation.at_root = true;
        }
        self
    }

    /// Says that the service has no other operations.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.api.is_whole = true;
        self
    }

    /// Lets a service of a JSON protocol be spoken to in the query protocol too.
    #[must_use]
    pub fn also_query(mut self, shapes: &'static QueryShapes) -> Self {
        self.api.query = Some(shapes);
        self
    }

    /// The table, finished.
    #[must_use]
    pub fn build(self) -> Api {
        self.api
    }

    fn erase<H, F>(&self, handler: H) -> Handler
    where
        H: Fn(S, Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Response<Body>, AwsError>> + Send + 'static,
    {
        let state = self.state.clone();
        Arc::new(move |call| Box::pin(handler(state.clone(), call)))
    }

    fn add(mut self, name: &'static str, route: Option<Route>, handler: Option<Handler>) -> Self {
        self.api.by_name.insert(name, self.api.operations.len());
        self.api.operations.push(Operation { name, body_limit: BODY_LIMIT, handler, at_root: false, route });
        self
    }
}
