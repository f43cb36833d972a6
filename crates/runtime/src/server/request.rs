//! From an event to the requests that a server gets. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ebb_invoker::Event;
use ebb_model::{EventEncoding, ServerSettings};
use http::header::{CONTENT_TYPE, COOKIE, HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use super::cloud_events;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;

/// What an event is to a server.
#[derive(Debug)]
pub(super) enum Exchange {
    /// A request, whose response is the answer.
    Http(Box<Request<Full<Bytes>>>),
    /// Something that happened: one request for each part of it, in order, until one fails.
    Events(Vec<Request<Full<Bytes>>>),
}

/// What an event of the payload format 2.0 says of a request.
/// Source: the API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs".
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpEvent<'a> {
    version: &'a str,
    #[serde(borrow)]
    raw_path: Cow<'a, str>,
    #[serde(borrow, default)]
    raw_query_string: Cow<'a, str>,
    #[serde(borrow, default)]
    cookies: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    headers: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(borrow)]
    request_context: Context<'a>,
    #[serde(borrow, default)]
    body: Option<Cow<'a, str>>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Debug, Deserialize)]
struct Context<'a> {
    #[serde(borrow)]
    http: Http<'a>,
}

#[derive(Debug, Deserialize)]
struct Http<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
}

/// The header of requests that the platform itself makes: servers know by it that an event is none from outside.
pub(super) const EVENT_HEADER: &str = "ebb-event";

/// Characters that a path or query may not hold as they are.
const ILLEGAL: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}').add(b'#');

/// Makes the requests for an event.
pub(super) fn of(event: &Event, settings: &ServerSettings) -> Exchange {
    let http = serde_json::from_slice::<HttpEvent<'_>>(&event.payload).ok();
    match http.filter(|http| http.version == "2.0").and_then(|http| http_request(&http, settings)) {
        Some(request) => Exchange::Http(Box::new(request)),
        None => Exchange::Events(match settings.events {
            EventEncoding::Json => vec![posted(event)],
            EventEncoding::CloudEvents => cloud_events::requests(event).into_iter().map(marked).collect(),
        }),
    }
}

/// None where the event only looks like one of a request.
fn http_request(event: &HttpEvent<'_>, settings: &ServerSettings) -> Option<Request<Full<Bytes>>> {
    let body = match &event.body {
        Some(body) if event.is_base64_encoded => Bytes::from(STANDARD.decode(body.as_bytes()).ok()?),
        Some(body) => Bytes::copy_from_slice(body.as_bytes()),
        None => Bytes::new(),
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::from_bytes(event.request_context.http.method.as_bytes()).ok()?;
    *request.uri_mut() = target(stripped(&event.raw_path, &settings.strip_prefix), &event.raw_query_string)?;
    headers(event, request.headers_mut());
    Some(request)
}

/// The path without the prefix, where it begins with it as whole segments.
fn stripped<'a>(path: &'a str, prefix: &str) -> &'a str {
    match path.strip_prefix(prefix) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

fn target(path: &str, query: &str) -> Option<Uri> {
    let whole = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    // API Gateway's events have the path decoded.
    whole.parse().ok().or_else(|| utf8_percent_encode(&whole, ILLEGAL).to_string().parse().ok())
}

fn headers(event: &HttpEvent<'_>, headers: &mut HeaderMap) {
    for (name, value) in &event.headers {
        if is_of_connection(name) || name.eq_ignore_ascii_case(EVENT_HEADER) {
            continue;
        }
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value_of(value)) {
            headers.append(name, value);
        }
    }
    if !event.cookies.is_empty()
        && let Some(value) = value_of(&event.cookies.join("; "))
    {
        headers.insert(COOKIE, value);
    }
    headers.entry(HOST).or_insert(HeaderValue::from_static("localhost"));
}

/// Headers that the connection to the server has its own of (RFC 9110, section 7.6.1).
pub(super) fn is_of_connection(name: &str) -> bool {
    [
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "content-length",
    ]
    .iter()
    .any(|own| own.eq_ignore_ascii_case(name))
}

fn value_of(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

/// The event as it is, to `/`.
fn posted(event: &Event) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(event.payload.clone()));
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    marked(request)
}

/// Asks a server whether anything goes on in it.
pub(super) fn settled() -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::new()));
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    headers.insert(EVENT_HEADER, HeaderValue::from_static("settled"));
    request
}

/// The request, as one of the platform's own.
fn marked(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    request.headers_mut().insert(EVENT_HEADER, HeaderValue::from_static("1"));
    request
}

#[cfg(test)]
pub(super) mod tests;
