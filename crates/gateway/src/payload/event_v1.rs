//! Payload format 1.0: what REST APIs give to functions, and HTTP APIs where it is asked for.
//!
//! Source: API Gateway developer guide, "Lambda proxy integrations in API Gateway", section "Input format", and "Create
//! AWS Lambda proxy integrations for HTTP APIs" (2026-11).
//!
//! Names of headers: AWS hands them on as they were sent, and writes those that it adds with capitals. Where there is no
//! case to know of (HTTP/2), the common ones are written as browsers and tools send them over HTTP/1.1 (`Content-Type`), and
//! all others in lower case.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HOST, HeaderName, USER_AGENT};
use serde::Serialize;
use serde_json::Value;

use crate::sent_head::SentHead;

use super::event::{
    EventSource, decode, forwarded_for, is_left_out, is_text, protocol, text_of, trace_header,
};

/// What only this format has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestFields<'a> {
    /// `1.0` for HTTP APIs; REST APIs say nothing.
    pub(crate) version: Option<&'static str>,
    pub(crate) resource_id: &'a str,
    pub(crate) resource_path: &'a str,
    /// The path as the client sees it, with the stage.
    pub(crate) context_path: &'a str,
    /// Whether the body is bytes; by its content type where nothing is said.
    pub(crate) binary: Option<bool>,
    /// The API key that was shown, and its id.
    pub(crate) api_key: Option<(&'a str, &'a str)>,
    pub(crate) deployment_id: Option<&'a str>,
}

type Single = BTreeMap<String, String>;
type Multi = BTreeMap<String, Vec<String>>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    resource: &'a str,
    path: &'a str,
    http_method: &'a str,
    headers: Single,
    multi_value_headers: Multi,
    query_string_parameters: Option<Single>,
    multi_value_query_string_parameters: Option<Multi>,
    path_parameters: Option<Single>,
    stage_variables: Option<&'a BTreeMap<String, String>>,
    request_context: Context<'a>,
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'a str,
    api_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment_id: Option<&'a str>,
    domain_name: &'a str,
    domain_prefix: &'a str,
    extended_request_id: String,
    http_method: &'a str,
    identity: Identity<'a>,
    path: &'a str,
    protocol: &'static str,
    request_id: String,
    request_time: String,
    request_time_epoch: i64,
    resource_id: &'a str,
    resource_path: &'a str,
    stage: &'a str,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    access_key: Option<&'a str>,
    account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_id: Option<&'a str>,
    caller: Option<&'a str>,
    cognito_authentication_provider: Option<&'a str>,
    cognito_authentication_type: Option<&'a str>,
    cognito_identity_id: Option<&'a str>,
    cognito_identity_pool_id: Option<&'a str>,
    principal_org_id: Option<&'a str>,
    source_ip: String,
    user: Option<&'a str>,
    user_agent: Option<String>,
    user_arn: Option<&'a str>,
}

/// The event, as JSON text.
pub(crate) fn encode_v1(source: &EventSource<'_>, rest: &RestFields<'_>) -> Result<Bytes, serde_json::Error> {
    let text = std::str::from_utf8(source.body).ok();
    // Bytes that are no text cannot be one, whatever is said of them.
    let binary =
        rest.binary.unwrap_or_else(|| !source.body.is_empty() && !is_text(source.headers)) || text.is_none();
    let body = match text {
        _ if source.body.is_empty() => None,
        Some(text) if !binary => Some(text.to_owned()),
        _ => Some(STANDARD.encode(source.body)),
    };
    let multi_headers = headers(source);
    let multi_query = query(source.query);
    let event = Event {
        version: rest.version,
        resource: rest.resource_path,
        path: source.path,
        http_method: source.method.as_str(),
        headers: last(&multi_headers),
        multi_value_headers: multi_headers,
        query_string_parameters: Some(last(&multi_query)).filter(|own| !own.is_empty()),
        multi_value_query_string_parameters: Some(multi_query).filter(|own| !own.is_empty()),
        path_parameters: Some(source.route.path_parameters.iter().cloned().collect())
            .filter(|own: &Single| !own.is_empty()),
        stage_variables: source.route.stage_variables.filter(|own| !own.is_empty()),
        request_context: context(source, rest),
        is_base64_encoded: binary && body.is_some(),
        body,
    };
    serde_json::to_vec(&event).map(Bytes::from)
}

fn context<'a>(source: &EventSource<'a>, rest: &RestFields<'a>) -> Context<'a> {
    let signed = source.caller.map(|caller| Identity {
        access_key: Some(&caller.access_key),
        account_id: Some(caller.account.as_str()),
        caller: Some(&caller.user_id),
        user: Some(&caller.user_id),
        user_arn: Some(&caller.arn),
        ..Identity::default()
    });
    Context {
        account_id: source.route.account.unwrap_or_default(),
        api_id: source.api_id,
        authorizer: source.route.authorizer,
        deployment_id: rest.deployment_id,
        domain_name: source.domain,
        domain_prefix: source.domain.split('.').next().unwrap_or_default(),
        extended_request_id: extended_id(source),
        http_method: source.method.as_str(),
        identity: Identity {
            api_key: rest.api_key.map(|(value, _)| value),
            api_key_id: rest.api_key.map(|(_, id)| id),
            source_ip: source.source_ip.to_string(),
            user_agent: source.headers.get(USER_AGENT).map(text_of),
            ..signed.unwrap_or_default()
        },
        path: rest.context_path,
        protocol: protocol(source.version),
        request_id: source.request_id.to_string(),
        request_time: source.now.format("%d/%b/%Y:%H:%M:%S +0000"),
        request_time_epoch: source.now.millis(),
        resource_id: rest.resource_id,
        resource_path: rest.resource_path,
        stage: source.route.stage,
    }
}

/// A second name of the request, of the form that the service has.
fn extended_id(source: &EventSource<'_>) -> String {
    let id = STANDARD.encode(source.request_id.uuid().as_bytes());
    format!("{}=", &id[..15])
}

/// The last value of each.
fn last(multi: &Multi) -> Single {
    multi.iter().filter_map(|(name, values)| Some((name.clone(), values.last()?.clone()))).collect()
}

fn query(text: &str) -> Multi {
    let mut found = Multi::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        found.entry(decode(name)).or_default().push(decode(value));
    }
    found
}

fn headers(source: &EventSource<'_>) -> Multi {
    let mut found = Multi::new();
    for (name, value) in source.headers {
        if name != http::header::COOKIE && is_left_out(name, source.caller.is_some()) {
            continue;
        }
        let shown = shown(name, source.head);
        found.entry(shown).or_default().push(text_of(value));
    }
    for (name, value) in [
        ("X-Amzn-Trace-Id", trace_header(source)),
        ("X-Forwarded-For", forwarded_for(source)),
        ("X-Forwarded-Port", source.port.to_string()),
        ("X-Forwarded-Proto", "http".to_owned()),
    ] {
        found.insert(name.to_owned(), vec![value]);
    }
    if !source.headers.contains_key(HOST) {
        found.insert("Host".to_owned(), vec![source.domain.to_owned()]);
    }
    found
}

/// A header's name as events show it.
pub(crate) fn shown(name: &HeaderName, head: Option<&SentHead>) -> String {
    match head.and_then(|head| head.name(name)) {
        // The service writes this one by itself.
        Some(_) if name == HOST => "Host".to_owned(),
        Some(sent) => sent.to_owned(),
        None => with_capitals(name.as_str()),
    }
}

fn with_capitals(name: &str) -> String {
    let common = [
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "authorization",
        "cache-control",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "origin",
        "pragma",
        "range",
        "referer",
        "user-agent",
    ];
    if !common.contains(&name) {
        return name.to_owned();
    }
    let capital = |word: &str| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(capital).collect::<Vec<_>>().join("-")
}
