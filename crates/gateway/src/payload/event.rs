//! From a request to an event.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ebb_model::{RequestId, Timestamp, TraceHeader};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderName, USER_AGENT};
use http::{HeaderMap, Method, Version};
use percent_encoding::percent_decode_str;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::ports::Caller;
use crate::sent_head::SentHead;

/// Everything that an event is made of.
pub(crate) struct EventSource<'a> {
    pub(crate) method: &'a Method,
    /// The path: as it was sent, or what a rule of the app made of it.
    pub(crate) path: &'a str,
    /// The path as it was sent.
    pub(crate) sent_path: &'a str,
    /// The query, without the question mark: as it was sent, or what a rule of the app made of it.
    pub(crate) query: &'a str,
    pub(crate) version: Version,
    pub(crate) headers: &'a HeaderMap,
    /// The head as it was sent, where that is known.
    pub(crate) head: Option<&'a SentHead>,
    pub(crate) body: &'a [u8],
    pub(crate) source_ip: IpAddr,
    /// The port that the client connected to.
    pub(crate) port: u16,
    /// The host without port.
    pub(crate) domain: &'a str,
    /// The function URL's id, or the app's name.
    pub(crate) api_id: &'a str,
    pub(crate) request_id: RequestId,
    pub(crate) trace: &'a TraceHeader,
    pub(crate) now: Timestamp,
    /// Who signed it, where the URL asks for signatures.
    pub(crate) caller: Option<&'a Caller>,
    /// Whether it came to a function URL.
    pub(crate) of_url: bool,
    /// The route that took it.
    pub(crate) route: RouteFields<'a>,
}

/// What only routes of HTTP APIs have; the default is that of function URLs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouteFields<'a> {
    pub(crate) key: &'a str,
    pub(crate) stage: &'a str,
    pub(crate) path_parameters: &'a [(String, String)],
    pub(crate) stage_variables: Option<&'a BTreeMap<String, String>>,
    /// What an authorizer added.
    pub(crate) authorizer: Option<&'a Value>,
    /// Whose API it is.
    pub(crate) account: Option<&'a str>,
}

impl Default for RouteFields<'_> {
    fn default() -> Self {
        Self {
            key: "$default",
            stage: "$default",
            path_parameters: &[],
            stage_variables: None,
            authorizer: None,
            account: None,
        }
    }
}

/// The event, as JSON text.
pub(crate) fn encode(source: &EventSource<'_>) -> Result<Bytes, serde_json::Error> {
    let is_text = source.body.is_empty() || is_text(source.headers);
    let text = is_text.then(|| std::str::from_utf8(source.body).ok()).flatten();
    let encoded;
    let body = match text {
        Some("") => None,
        Some(text) => Some(text),
        None => {
            encoded = STANDARD.encode(source.body);
            Some(encoded.as_str())
        }
    };
    let event = Event {
        version: "2.0",
        route_key: source.route.key,
        raw_path: source.path,
        raw_query_string: source.query,
        cookies: cookies(source.headers),
        headers: Headers(source),
        query_string_parameters: query_parameters(source.query),
        request_context: context(source),
        path_parameters: Some(Parameters(source.route.path_parameters.to_vec()))
            .filter(|own| !own.is_empty()),
        stage_variables: source.route.stage_variables.filter(|own| !own.is_empty()),
        body,
        is_base64_encoded: text.is_none(),
    };
    let mut out = Vec::with_capacity(body.map_or(0, str::len) + 1024);
    serde_json::to_writer(&mut out, &event)?;
    Ok(out.into())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<&'a str>,
    headers: Headers<'a>,
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    query_string_parameters: Parameters,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_parameters: Option<Parameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_variables: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'a str,
    api_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<AnyAuthorizer<'a>>,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: RequestId,
    route_key: &'a str,
    stage: &'a str,
    time: String,
    time_epoch: i64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum AnyAuthorizer<'a> {
    Signed(Authorizer<'a>),
    Decided(&'a Value),
}

#[derive(Serialize)]
struct Authorizer<'a> {
    iam: Iam<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Iam<'a> {
    access_key: &'a str,
    account_id: &'a str,
    caller_id: &'a str,
    cognito_identity: Option<&'a str>,
    principal_org_id: Option<&'a str>,
    user_arn: &'a str,
    user_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: Cow<'a, str>,
    protocol: &'static str,
    source_ip: IpAddr,
    user_agent: String,
}

fn context<'a>(source: &EventSource<'a>) -> Context<'a> {
    Context {
        // The service says "anonymous" where nobody signed.
        account_id: source
            .route
            .account
            .or_else(|| source.caller.map(|caller| caller.account.as_str()))
            .unwrap_or("anonymous"),
        api_id: source.api_id,
        authorizer: source
            .caller
            .map(|caller| AnyAuthorizer::Signed(signed(caller)))
            .or_else(|| source.route.authorizer.map(AnyAuthorizer::Decided)),
        domain_name: source.domain,
        domain_prefix: source.domain.split('.').next().unwrap_or_default(),
        http: Http {
            method: source.method.as_str(),
            path: http_path(source),
            protocol: protocol(source.version),
            source_ip: source.source_ip,
            user_agent: source.headers.get(USER_AGENT).map(text_of).unwrap_or_default(),
        },
        request_id: source.request_id,
        route_key: source.route.key,
        stage: source.route.stage,
        time: source.now.format("%d/%b/%Y:%H:%M:%S +0000"),
        time_epoch: source.now.millis(),
    }
}

/// The path as it was sent; function URLs decode it, and make one slash of several in front (recorded 2025).
fn http_path<'a>(source: &EventSource<'a>) -> Cow<'a, str> {
    let sent = source.sent_path;
    if !source.of_url {
        return sent.into();
    }
    let slashes = sent.len() - sent.trim_start_matches('/').len();
    percent_decode_str(&sent[slashes.saturating_sub(1)..]).decode_utf8_lossy()
}

fn signed(caller: &Caller) -> Authorizer<'_> {
    Authorizer {
        iam: Iam {
            access_key: &caller.access_key,
            account_id: caller.account.as_str(),
            caller_id: &caller.user_id,
            cognito_identity: None,
            principal_org_id: None,
            user_arn: &caller.arn,
            user_id: &caller.user_id,
        },
    }
}

pub(crate) fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

/// Whether a body of this content type goes into the event as text.
pub(super) fn is_text(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(
        essence.as_str(),
        "application/json"
            | "application/xml"
            | "application/javascript"
            | "application/x-www-form-urlencoded"
    ) || essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

fn cookies(headers: &HeaderMap) -> Vec<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .map(str::trim)
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

/// Decoded query parameters in the order of their first appearance; several values of one are joined by commas.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Parameters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn query_parameters(query: &str) -> Parameters {
    let mut found: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => {
                values.push(',');
                values.push_str(&value);
            }
            None => found.push((name, value)),
        }
    }
    Parameters(found)
}

pub(crate) fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// The request's headers by lower-case name, several values of one joined by commas, with what a front end adds.
struct Headers<'a>(&'a EventSource<'a>);

/// Headers that belong to one connection (RFC 9110, section 7.6.1), or to the event's own fields.
pub(super) fn is_left_out(name: &HeaderName, signed: bool) -> bool {
    matches!(
        name.as_str(),
        "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "te" | "upgrade" | "expect"
            | "cookie" | "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-port" | "x-amzn-trace-id"
    ) // A signature is not the function's business: it could be replayed.
        || (signed && name == AUTHORIZATION)
}

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = self.0;
        let mut map = serializer.serialize_map(None)?;
        for name in source.headers.keys().filter(|name| !is_left_out(name, source.caller.is_some())) {
            map.serialize_entry(name.as_str(), &joined(source.headers, name))?;
        }
        if !source.headers.contains_key(http::header::HOST) {
            map.serialize_entry("host", source.domain)?;
        }
        map.serialize_entry("x-amzn-trace-id", &trace_header(source))?;
        map.serialize_entry("x-forwarded-for", &forwarded_for(source))?;
        map.serialize_entry("x-forwarded-port", &source.port.to_string())?;
        map.serialize_entry("x-forwarded-proto", "http")?;
        map.end()
    }
}

/// The caller's own trace header, else the root of the trace that was begun here: that much the service shows.
pub(super) fn trace_header(source: &EventSource<'_>) -> String {
    match (source.headers.get("x-amzn-trace-id").map(text_of), source.trace.root()) {
        (Some(own), _) if own == source.trace.0 => own,
        (_, Some(root)) => format!("Root={root}"),
        (_, None) => source.trace.0.clone(),
    }
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = headers.get_all(name).iter().map(text_of).collect();
    values.join(",")
}

pub(crate) fn forwarded_for(source: &EventSource<'_>) -> String {
    let mut hops: Vec<_> = source.headers.get_all("x-forwarded-for").iter().map(text_of).collect();
    hops.push(source.source_ip.to_string());
    hops.join(", ")
}

/// A header's value as text: UTF-8, else each byte as the character of that number.
pub(super) fn text_of(value: &http::HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|&byte| char::from(byte)).collect(),
    }
}

#[cfg(test)]
mod tests;
