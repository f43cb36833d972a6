//! From a request to its answer.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use ebb_invoker::Invoker;
use ebb_model::{Clock as _, Region, SystemClock};
use ebb_store::Store;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::error::ConsoleError;
use crate::events::{self, EventQuery};
use crate::logs::LogQuery;
use crate::ports::{AppPort, LogPatterns, RuntimePort};
use crate::upload::Upload;
use crate::{functions, logs, metrics};

/// The body of every answer.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// What a console is made of.
pub struct ConsoleParts {
    /// Runs functions, and knows them.
    pub invoker: Invoker,
    /// Where the logs are.
    pub store: Store,
    /// Deploys.
    pub apps: Arc<dyn AppPort>,
    /// Installs what functions run on.
    pub runtimes: Arc<dyn RuntimePort>,
    /// Reads filter patterns.
    pub patterns: Arc<dyn LogPatterns>,
    /// The region of this server.
    pub region: Region,
    /// Function URLs are at `http://ID.lambda-url.REGION.<domain>:<port>/`.
    pub domain: String,
    /// The edge's port.
    pub port: u16,
}

/// Answers requests below `/_ebb/`. A cheap handle: clone it freely.
#[derive(Clone)]
pub struct Console {
    parts: Arc<ConsoleParts>,
}

/// The answer of `GET /_ebb/health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// The version of ebb.
    pub version: String,
    /// The region that clients sign for.
    pub region: String,
}

/// Whether a path is open to everyone, unsigned.
#[must_use]
pub fn is_open(path: &str) -> bool {
    path == "/_ebb/health"
}

impl Console {
    /// A console.
    #[must_use]
    pub fn new(parts: ConsoleParts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Answers one request, which was authenticated unless its path [is open](is_open). Cancel safe but for deploys and
    /// removals, which run to their end.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Body> {
        match self.answer(request).await {
            Ok(response) => response,
            Err(error) => error.into_response(),
        }
    }

    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Body>, ConsoleError> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        let segments: Vec<_> = path.split('/').skip(2).map(decode).collect();
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let method = &parts.method;
        match segments.as_slice() {
            ["health"] if method == Method::GET => json(&self.health()),
            ["metrics"] if method == Method::GET => Ok(text(self.metrics().await?)),
            ["console", ..] => Err(ConsoleError::NoWebConsole),
            ["v1", "apps"] if method == Method::GET => Ok(document(self.parts.apps.list()?)),
            ["v1", "apps", name] if method == Method::GET => Ok(document(self.parts.apps.get(name)?)),
            ["v1", "apps", name] if method == Method::PUT => {
                self.deploy((*name).to_owned(), &query, body).await
            }
            ["v1", "apps", name] if method == Method::DELETE => {
                Ok(document(self.parts.apps.remove((*name).to_owned()).await?))
            }
            ["v1", "packages"] if method == Method::POST => {
                Ok(document(self.parts.apps.missing(body).await?))
            }
            ["v1", "runtimes"] if method == Method::GET => json(&self.parts.runtimes.installed()),
            ["v1", "runtimes", name] if method == Method::POST => {
                self.parts.runtimes.add((*name).to_owned()).await?;
                json(&self.parts.runtimes.installed())
            }
            ["v1", "functions"] if method == Method::GET => json(&self.functions()),
            ["v1", "functions", name] if method == Method::GET => {
                let found = self.functions().into_iter().find(|function| function.name == *name);
                json(&found.ok_or_else(|| ConsoleError::NoSuchName((*name).to_owned()))?)
            }
            ["v1", "logs"] if method == Method::GET => self.logs(&query).await,
            ["v1", "events"] if method == Method::GET => {
                let (id, since, limit) = (query.get("id"), query.number("since")?, query.number("limit")?);
                json(&events::read(&self.parts.store, &EventQuery { id, since, limit }).await?)
            }
            ["health" | "metrics"]
            | ["v1", "packages" | "functions" | "logs" | "events"]
            | ["v1", "apps" | "functions" | "runtimes", ..] => {
                Err(ConsoleError::NoSuchMethod { method: method.to_string(), path: path.to_owned() })
            }
            _ => Err(ConsoleError::NoSuchPath(path.to_owned())),
        }
    }

    fn health(&self) -> Health {
        Health {
            status: "ok".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            region: self.parts.region.to_string(),
        }
    }

    async fn metrics(&self) -> Result<String, ConsoleError> {
        let (stock_hits, stock_misses) = self.parts.runtimes.stock_use();
        let now = SystemClock.now();
        let accepted = self.parts.invoker.accepted_events().await?;
        let server = metrics::ServerCounters {
            dropped_log_events: self.parts.store.logs().dropped(),
            stock_hits,
            stock_misses,
            accepted,
            oldest_accepted: accepted.oldest_enqueued.map(|at| now.since(at)).unwrap_or_default(),
        };
        Ok(metrics::page(&self.functions(), &server))
    }

    fn functions(&self) -> Vec<functions::FunctionView> {
        let ConsoleParts { invoker, region, domain, port, .. } = &*self.parts;
        functions::all(invoker, &|id| format!("http://{id}.lambda-url.{region}.{domain}:{port}/"))
    }

    async fn deploy(
        &self,
        name: String,
        query: &Query<'_>,
        body: Bytes,
    ) -> Result<Response<Body>, ConsoleError> {
        let dry_run = match query.get("dry_run").as_deref() {
            None | Some("false") => false,
            Some("true" | "") => true,
            Some(other) => {
                return Err(ConsoleError::BadRequest(format!("dry_run is true or false, not {other:?}")));
            }
        };
        let upload = Upload::decode(body).map_err(|error| ConsoleError::BadRequest(error.to_string()))?;
        Ok(document(self.parts.apps.deploy(name, upload.plan, upload.packages, dry_run).await?))
    }

    async fn logs(&self, query: &Query<'_>) -> Result<Response<Body>, ConsoleError> {
        let query = LogQuery {
            name: query.get("name"),
            since: query.number("since")?,
            filter: query.get("filter"),
            limit: query.number("limit")?,
        };
        let filter = query.filter.as_deref().map(|pattern| self.parts.patterns.compile(pattern)).transpose();
        let filter = filter.map_err(ConsoleError::BadRequest)?;
        json(&logs::read(&self.parts.invoker, self.parts.store.logs(), &query, filter).await?)
    }
}

/// The parameters of a request.
struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    fn parse(query: &'a str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(k, v)| (decode(k), decode(v)))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone().into_owned())
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, ConsoleError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| ConsoleError::BadRequest(format!("{name} is a number, not {text:?}")))
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// An answer in JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<Response<Body>, ConsoleError> {
    Ok(document(serde_json::to_vec(value)?.into()))
}

/// An answer that is JSON text already.
fn document(text: Bytes) -> Response<Body> {
    whole(text, "application/json")
}

fn text(text: String) -> Response<Body> {
    whole(text.into(), "text/plain; version=0.0.4; charset=utf-8")
}

fn whole(bytes: Bytes, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Full::new(bytes).map_err(|never| match never {}).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
