//! Tests of methods and authorisers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use bytes::Bytes;
use ebb_model::RequestId;
use ebb_sources::http_api::{HttpApiError, Identified, TrialRequest};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::apigatewayv2::{HttpApiState, bad_request};
use super::resources::missing;
use crate::wire::{AwsError, Body, Call, json_response};

/// A request to be tried.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    path_with_query_string: Option<String>,
    body: Option<String>,
    headers: BTreeMap<String, String>,
    multi_value_headers: BTreeMap<String, Vec<String>>,
    stage_variables: BTreeMap<String, String>,
}

impl Asked {
    fn trial(self, request: Request<Bytes>) -> TrialRequest {
        let names = self.multi_value_headers.into_keys().chain(self.headers.into_keys()).collect();
        TrialRequest { request, names, variables: self.stage_variables }
    }

    /// The request, to `path` where it names none.
    fn request(&self, method: &str, path: &str) -> Result<Request<Bytes>, AwsError> {
        let wrong = |error: &dyn std::fmt::Display| bad_request(format!("Invalid test request: {error}"));
        let target = self.path_with_query_string.as_deref().filter(|target| !target.is_empty());
        let mut target = target.unwrap_or(path).to_owned();
        if !target.starts_with('/') {
            target.insert(0, '/');
        }
        let body = Bytes::from(self.body.clone().unwrap_or_default());
        let request = Request::builder().method(method).uri(target).body(body);
        let mut request = request.map_err(|error| wrong(&error))?;
        // A header of many values is not in the other map as well.
        let single = self.headers.iter().filter(|(name, _)| !self.multi_value_headers.contains_key(*name));
        let many = self.multi_value_headers.iter();
        let all = single.chain(many.flat_map(|(name, values)| values.iter().map(move |value| (name, value))));
        for (name, value) in all {
            let name = HeaderName::try_from(name).map_err(|error| wrong(&error))?;
            let value = HeaderValue::try_from(value).map_err(|error| wrong(&error))?;
            request.headers_mut().append(name, value);
        }
        Ok(request)
    }
}

pub(super) async fn method(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let asked: Asked = call.json()?;
    let api = state.apis.rest(call.path.get("api"))?;
    let resource = api.definition.resource(call.path.get("resource")).ok_or_else(missing)?;
    let request = asked.request(call.path.get("method"), &resource.path)?;
    let (id, begun) = (RequestId::random(), Instant::now());
    let mut log = Log::begun(&state, id);
    log.line(&format!("HTTP Method: {}, Resource Path: {}", request.method(), resource.path));
    log.line(&format!("Method request query string: {{{}}}", request.uri().query().unwrap_or_default()));
    log.line(&format!("Method request headers: {}", shown(request.headers())));
    log.line(&format!("Method request body before transformations: {}", text(request.body())));
    let trial = asked.trial(request);
    let answered = state.edge_port.method(api.clone(), resource.id.clone(), trial).await;
    let answered =
        answered.ok_or_else(|| HttpApiError::NotFound("Invalid Method identifier specified".to_owned()))?;
    let (headers, body) = (answered.headers(), text(answered.body()));
    log.line(&format!("Method response headers: {}", shown(headers)));
    log.line(&format!("Method response body after transformations: {body}"));
    log.line(&format!("Method completed with status: {}", answered.status().as_u16()));
    let answer = json!({
        "status": answered.status().as_u16(),
        "body": body,
        "headers": single(headers),
        "multiValueHeaders": many(headers),
        "log": log.text,
        "latency": millis(begun),
    });
    json_response(StatusCode::OK, &answer)
}

pub(super) async fn authorizer(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let asked: Asked = call.json()?;
    let api = state.apis.rest(call.path.get("api"))?;
    let id = call.path.get("id");
    if api.definition.authorizer(id).is_none() {
        return Err(HttpApiError::NotFound("Invalid Authorizer identifier specified".to_owned()).into());
    }
    let request = asked.request("GET", "/")?;
    let (begun, mut log) = (Instant::now(), Log::begun(&state, RequestId::random()));
    log.line(&format!("Incoming identity: {}", shown(request.headers())));
    let asking = state.edge_port.authorizer(api.clone(), id.to_owned(), asked.trial(request));
    let mut answer = Map::new();
    match asking.await {
        Ok(Identified { principal, policy, context }) => {
            log.line(&format!("Using principal: {}", principal.as_deref().unwrap_or_default()));
            answer.insert("clientStatus".to_owned(), 200.into());
            answer.insert("principalId".to_owned(), principal.into());
            answer.insert("policy".to_owned(), policy.to_string().into());
            // What functions add; the service has the claims of tokens here, too.
            let values = context.into_iter().map(|(name, value)| (name, json!([value])));
            answer.insert("authorization".to_owned(), Value::Object(values.collect()));
        }
        Err(status) => {
            log.line(&format!("The authorizer lets nobody in: {status}"));
            answer.insert("clientStatus".to_owned(), status.as_u16().into());
        }
    }
    answer.insert("log".to_owned(), log.text.into());
    answer.insert("latency".to_owned(), millis(begun).into());
    json_response(StatusCode::OK, &answer)
}

/// What is said to whoever tries something out.
struct Log {
    text: String,
    time: String,
}

impl Log {
    fn begun(state: &HttpApiState, id: RequestId) -> Self {
        let time = state.apis.now().format("%a %b %d %H:%M:%S UTC %Y");
        let mut log = Self { text: format!("Execution log for request {id}\n"), time };
        log.line(&format!("Starting execution for request: {id}"));
        log
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{} : {line}", self.time);
    }
}

fn millis(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn value(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn shown(headers: &HeaderMap) -> String {
    let pairs = headers.iter().map(|(name, own)| format!("{name}={}", value(own)));
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
}

/// A name as the service writes it: each word with a capital.
fn cased(name: &HeaderName) -> String {
    let word = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) => first.to_ascii_uppercase() + rest,
        None => String::new(),
    };
    name.as_str().split('-').map(word).collect::<Vec<_>>().join("-")
}

/// The last value of each.
fn single(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers.iter().map(|(name, own)| (cased(name), value(own))).collect()
}

fn many(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for (name, own) in headers {
        all.entry(cased(name)).or_default().push(value(own));
    }
    all
}
