//! The cross-origin settings of a function URL.
//!
//! Source: the Lambda API reference, `Cors`, and the Fetch standard, "CORS protocol".

use ebb_model::UrlCors;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::answer::AnswerBody;

/// The answer to a preflight, which never reaches the function; nothing where the request is none.
pub(crate) fn preflight(
    cors: &UrlCors,
    method: &Method,
    request: &HeaderMap,
) -> Option<Response<AnswerBody>> {
    let asked = request.get(ACCESS_CONTROL_REQUEST_METHOD)?;
    if method != Method::OPTIONS || !request.contains_key(ORIGIN) {
        return None;
    }
    let mut response = Response::new(AnswerBody::empty());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    if !allow_origin(cors, request, headers) {
        return Some(response);
    }
    let credentials = cors.allow_credentials == Some(true);
    put(headers, ACCESS_CONTROL_ALLOW_METHODS, list(cors.allow_methods.as_deref(), credentials, Some(asked)));
    let asked = request.get(ACCESS_CONTROL_REQUEST_HEADERS);
    put(headers, ACCESS_CONTROL_ALLOW_HEADERS, list(cors.allow_headers.as_deref(), credentials, asked));
    put(headers, ACCESS_CONTROL_MAX_AGE, cors.max_age.map(HeaderValue::from));
    Some(response)
}

/// Adds the settings to a function's response. They win over what the function itself says.
pub(crate) fn apply(cors: &UrlCors, request: &HeaderMap, response: &mut HeaderMap) {
    for name in [
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_MAX_AGE,
    ] {
        response.remove(name);
    }
    if allow_origin(cors, request, response) {
        let credentials = cors.allow_credentials == Some(true);
        put(response, ACCESS_CONTROL_EXPOSE_HEADERS, list(cors.expose_headers.as_deref(), credentials, None));
    }
}

/// Whether the request's origin may call; says so in `headers` where it may.
fn allow_origin(cors: &UrlCors, request: &HeaderMap, headers: &mut HeaderMap) -> bool {
    let origins = cors.allow_origins.as_deref().unwrap_or_default();
    let any = origins.iter().any(|origin| origin == "*");
    let credentials = cors.allow_credentials == Some(true);
    // A wildcard means the origin itself once credentials come with it: browsers take no `*` then.
    let by_origin = !any || credentials;
    if by_origin {
        headers.append(VARY, HeaderValue::from_name(ORIGIN));
    }
    let Some(origin) = request.get(ORIGIN) else { return false };
    if !any && !origins.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes())) {
        return false;
    }
    let value = if by_origin { origin.clone() } else { HeaderValue::from_static("*") };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
    if credentials {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    true
}

/// The configured list; with credentials a wildcard means what was asked for.
fn list(
    configured: Option<&[String]>,
    credentials: bool,
    asked: Option<&HeaderValue>,
) -> Option<HeaderValue> {
    let configured = configured.filter(|values| !values.is_empty())?;
    if credentials && configured.iter().any(|value| value == "*") {
        return asked.cloned();
    }
    HeaderValue::try_from(configured.join(",")).ok()
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests;
