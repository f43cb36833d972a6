//! HTTP servers behind routes (`HTTP_PROXY`): the request goes on as it is, and so does the answer.
//!
//! Source: API Gateway developer guide, "Create HTTP proxy integrations for HTTP APIs" and "Set up HTTP integrations in
//! API Gateway" (2026-11).

use std::time::Duration;

use ::http::header::{CONTENT_LENGTH, FORWARDED, HOST};
use ::http::request::Parts;
use ::http::{HeaderValue, Method, Request, Uri};
use bytes::Bytes;
use ebb_sources::https;
use http_body_util::{BodyExt as _, Full, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::call::{ApiCall, Routed};
use super::function::with_variables;
use super::refusal::ApiRefusal;
use crate::payload::{Answer, forwarded_for};
use crate::proxy::end_to_end;

/// The most of an answer that is taken. Source: "Amazon API Gateway quotas": 10 MB.
const ANSWER_BYTES: usize = 10 * 1024 * 1024;
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A request that goes on to a server.
pub(crate) struct Onward<'a> {
    /// The integration's URL, in which `{name}` stands for a parameter of the path.
    pub(crate) uri: &'a str,
    /// The integration's method; that of the request for `ANY`, and where there is none.
    pub(crate) method: Option<&'a str>,
    /// What `{name}` in the URL stands for.
    pub(crate) parameters: &'a [(String, String)],
    /// The path in place of the URL's.
    pub(crate) path: Option<&'a str>,
    /// The request, as it goes on.
    pub(crate) parts: &'a Parts,
    pub(crate) timeout: Duration,
    /// Whether the hops are told by `Forwarded` (HTTP APIs) rather than by `X-Forwarded-For` and its like (REST APIs).
    pub(crate) forwarded: bool,
}

/// Asks the server.
///
/// # Errors
/// [`ApiRefusal`]; the reason is in the log.
pub(crate) async fn call(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    onward: &Onward<'_>,
) -> Result<Answer, ApiRefusal> {
    let id = call.id;
    let request = request(call, routed, onward).map_err(|error| {
        tracing::warn!(request_id = %id, uri = onward.uri, error, "an API's URL is none");
        ApiRefusal::NotCallable
    })?;
    let asked = async {
        let answer = call.shared.upstream.request(request).await.map_err(|error| https::chain(&error))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|error| error.to_string())?;
        Ok::<_, String>((parts, body.to_bytes()))
    };
    match tokio::time::timeout(onward.timeout, asked).await {
        Ok(Ok((parts, body))) => {
            Ok(Answer { status: parts.status, headers: end_to_end(&parts.headers), body })
        }
        Ok(Err(error)) => {
            tracing::warn!(request_id = %id, uri = onward.uri, error, "the server behind an API failed");
            Err(ApiRefusal::Unreachable)
        }
        Err(_) => {
            tracing::info!(request_id = %id, uri = onward.uri, "the server behind an API took too long");
            Err(ApiRefusal::TimedOut)
        }
    }
}

fn request(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    onward: &Onward<'_>,
) -> Result<Request<Full<Bytes>>, String> {
    let uri = with_variables(onward.uri, routed.variables);
    let query = onward.parts.uri.query();
    let uri: Uri =
        target(&uri, onward.parameters, onward.path, query).parse().map_err(|error| format!("{error}"))?;
    let method = match onward.method {
        None | Some("ANY" | "") => onward.parts.method.clone(),
        Some(name) => Method::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?,
    };
    let authority = uri.authority().ok_or("it has no host")?.as_str().to_owned();
    let mut headers = end_to_end(&onward.parts.headers);
    headers.remove(CONTENT_LENGTH);
    let value = |text: &str| HeaderValue::try_from(text).map_err(|error| error.to_string());
    headers.insert(HOST, value(&authority)?);
    let source = call.source(&call.found.path, routed, None);
    if onward.forwarded {
        let host = call.header("host").unwrap_or(&call.found.domain);
        let by = format!("by={};for={};host={host};proto=http", call.connection.local.ip(), source.source_ip);
        headers.append(FORWARDED, value(&by)?);
    } else {
        headers.insert("x-forwarded-for", value(&forwarded_for(&source))?);
        headers.insert("x-forwarded-port", HeaderValue::from(source.port));
        headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    }
    headers.insert("x-amzn-trace-id", value(&call.trace.0)?);
    let mut request = Request::new(Full::new(call.body.clone()));
    (*request.method_mut(), *request.uri_mut()) = (method, uri);
    *request.headers_mut() = headers;
    Ok(request)
}

/// A URL with its parameters, another path where there is one, and the request's query behind its own.
pub(crate) fn target(
    uri: &str,
    parameters: &[(String, String)],
    path: Option<&str>,
    query: Option<&str>,
) -> String {
    let (base, own) = uri.split_once('?').map_or((uri, None), |(base, own)| (base, Some(own)));
    let mut base = base.to_owned();
    for (name, value) in parameters {
        base = base
            .replace(&format!("{{{name}+}}"), &segments(value))
            .replace(&format!("{{{name}}}"), &segments(value));
    }
    if let Some(path) = path {
        let start = base.find("://").map_or(0, |at| at + 3);
        let end = base[start..].find('/').map_or(base.len(), |at| start + at);
        base.truncate(end);
        base.push_str(&segments(path));
    }
    let query: Vec<&str> = [own, query].into_iter().flatten().filter(|query| !query.is_empty()).collect();
    if query.is_empty() { base } else { format!("{base}?{}", query.join("&")) }
}

/// Percent-encoded, but for the slashes.
fn segments(path: &str) -> String {
    path.split('/').map(|part| utf8_percent_encode(part, SEGMENT).to_string()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_get_parameters_paths_and_queries() {
        let parameters = [("proxy".to_owned(), "a b/c".to_owned()), ("id".to_owned(), "7".to_owned())];
        for (uri, path, query, expected) in [
            ("http://h/{proxy}", None, Some("x=1"), "http://h/a%20b/c?x=1"),
            ("http://h:1/x/{proxy+}", None, None, "http://h:1/x/a%20b/c"),
            ("http://h/{id}?k=1", None, Some("x=1"), "http://h/7?k=1&x=1"),
            ("http://h/old", Some("/new one"), None, "http://h/new%20one"),
            ("http://h", Some("/p"), Some(""), "http://h/p"),
        ] {
            assert_eq!(target(uri, &parameters, path, query), expected, "{uri}");
        }
    }
}
