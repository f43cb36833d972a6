//! Changes that HTTP APIs make to requests before an integration, and to answers after it.
//!
//! Source: API Gateway developer guide, "Transform API requests and responses for HTTP APIs" (2026-11).

use std::collections::BTreeMap;

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::call::{ApiCall, Routed};
use super::find::Found;
use super::refusal::ApiRefusal;
use super::variables;
use crate::payload::{Answer, decode_query};
use crate::sent_head::SentHead;

const QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b':');

/// A request as an integration shall see it.
pub(crate) struct Changed {
    pub(crate) parts: Parts,
    pub(crate) found: Found,
    /// Whether the path is another than the client's.
    pub(crate) new_path: bool,
}

/// What a single change does.
#[derive(Clone, Copy)]
enum Action {
    Append,
    Overwrite,
    Remove,
}

/// A change, read: as in `append:header.name`.
fn read(key: &str) -> Option<(Action, &str, &str)> {
    let (action, what) = key.split_once(':')?;
    let action = match action {
        "append" => Action::Append,
        "overwrite" => Action::Overwrite,
        "remove" => Action::Remove,
        _ => return None,
    };
    let (part, name) = what.split_once('.').unwrap_or((what, ""));
    Some((action, part, name))
}

fn unknown(key: &str) -> ApiRefusal {
    ApiRefusal::NotBuilt(format!("the parameter {key}"))
}

/// The same parts, but for what only the connection knows.
pub(crate) fn copied(parts: &Parts) -> Parts {
    let (mut copy, ()) = Request::new(()).into_parts();
    copy.method = parts.method.clone();
    copy.version = parts.version;
    copy.headers = parts.headers.clone();
    copy.uri = parts.uri.clone();
    if let Some(head) = parts.extensions.get::<SentHead>() {
        copy.extensions.insert(head.clone());
    }
    copy
}

/// The request with the changes of an integration.
///
/// # Errors
/// [`ApiRefusal::NotBuilt`] for a change that there is not.
pub(crate) fn request(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    changes: &BTreeMap<String, String>,
) -> Result<Changed, ApiRefusal> {
    let mut parts = copied(call.parts);
    let mut found = call.found.clone();
    let mut new_path = false;
    let mut query: Vec<(String, String)> = pairs(parts.uri.query().unwrap_or_default());
    let sources = |expression: &str| variables::value(call, routed, expression);
    for (key, template) in changes {
        let (action, part, name) = read(key).ok_or_else(|| unknown(key))?;
        let value = filled(template, &sources);
        match (part, action) {
            ("header", action) => change_header(&mut parts.headers, action, name, value),
            ("querystring", action) => {
                if !matches!(action, Action::Append) {
                    query.retain(|(own, _)| decode_query(own) != name);
                }
                if let Some(value) = value.filter(|_| !matches!(action, Action::Remove)) {
                    query.push((encoded(name), encoded(&value)));
                }
            }
            ("path", Action::Overwrite) => {
                if let Some(value) = value {
                    found.path = if value.starts_with('/') { value } else { format!("/{value}") };
                    new_path = true;
                }
            }
            _ => return Err(unknown(key)),
        }
    }
    parts.uri = with_query(&parts.uri, &query);
    Ok(Changed { parts, found, new_path })
}

/// A name or a value as queries write it.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// The names and values of a query, as they are written.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let split = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    };
    query.split('&').filter(|pair| !pair.is_empty()).map(split).collect()
}

/// The same target with another query.
pub(crate) fn with_query(uri: &Uri, query: &[(String, String)]) -> Uri {
    let text: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let target = match text.is_empty() {
        true => uri.path().to_owned(),
        false => format!("{}?{}", uri.path(), text.join("&")),
    };
    let mut parts = uri.clone().into_parts();
    // What was a target stays one: names and values are encoded.
    parts.path_and_query = target.parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

fn change_header(headers: &mut HeaderMap, action: Action, name: &str, value: Option<String>) {
    let Ok(name) = HeaderName::try_from(name) else { return };
    if !matches!(action, Action::Append) {
        headers.remove(&name);
    }
    let value = value.filter(|_| !matches!(action, Action::Remove));
    if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
        headers.append(name, value);
    }
}

/// Makes the changes that an integration has for answers of this status.
///
/// # Errors
/// [`ApiRefusal::NotBuilt`] for a change that there is not.
pub(crate) fn response(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    all: &BTreeMap<String, BTreeMap<String, String>>,
    answer: &mut Answer,
) -> Result<(), ApiRefusal> {
    let Some(changes) = all.get(answer.status.as_str()) else { return Ok(()) };
    let (headers, body) = (answer.headers.clone(), answer.body.clone());
    let sources = |expression: &str| match expression.strip_prefix("$response.") {
        Some(rest) => {
            let (kind, name) = rest.split_once('.').unwrap_or((rest, ""));
            match kind {
                "header" => variables::header(&headers, name),
                "body" => variables::body(&body, name),
                _ => None,
            }
        }
        None => variables::value(call, routed, expression),
    };
    for (key, template) in changes {
        let (action, part, name) = read(key).ok_or_else(|| unknown(key))?;
        let value = filled(template, &sources);
        match (part, action) {
            ("header", action) => change_header(&mut answer.headers, action, name, value),
            ("statuscode", Action::Overwrite) => {
                let status = value.and_then(|value| StatusCode::from_bytes(value.trim().as_bytes()).ok());
                answer.status = status.unwrap_or(answer.status);
            }
            _ => return Err(unknown(key)),
        }
    }
    Ok(())
}

/// A value with its expressions filled in: one alone (`$request.path`), or several in text (`${request.path}/x`).
/// Nothing where it is one that has no value.
pub(crate) fn filled(template: &str, sources: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if template.starts_with('$') && !template.contains("${") {
        return sources(template);
    }
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((expression, after)) = after.split_once('}') else {
            rest = after;
            break;
        };
        let expression =
            if expression.starts_with('$') { expression.to_owned() } else { format!("${expression}") };
        out.push_str(&sources(&expression).unwrap_or_default());
        rest = after;
    }
    Some(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled() {
        let sources = |expression: &str| match expression {
            "$request.path" => Some("/a".to_owned()),
            "$context.stage" => Some("dev".to_owned()),
            _ => None,
        };
        for (template, expected) in [
            ("static", Some("static")),
            ("$request.path", Some("/a")),
            ("$request.header.none", None),
            ("${request.path}/${context.stage}!", Some("/a/dev!")),
            ("x${$request.path}", Some("x/a")),
            ("${stageVariables.none}-", Some("-")),
            ("", Some("")),
        ] {
            assert_eq!(filled(template, &sources).as_deref(), expected, "{template:?}");
        }
    }

    #[test]
    fn headers_are_appended_overwritten_and_removed() {
        let mut headers =
            HeaderMap::from_iter([(HeaderName::from_static("a"), HeaderValue::from_static("1"))]);
        change_header(&mut headers, Action::Append, "a", Some("2".into()));
        assert_eq!(variables::header(&headers, "a").as_deref(), Some("1,2"));
        change_header(&mut headers, Action::Overwrite, "A", Some("3".into()));
        assert_eq!(variables::header(&headers, "a").as_deref(), Some("3"));
        change_header(&mut headers, Action::Remove, "a", Some(String::new()));
        assert!(headers.is_empty());
    }

    #[test]
    fn a_query_is_put_into_a_target() {
        let uri: Uri = "http://h/p?a=1&b=%20".parse().unwrap();
        let mut query = pairs(uri.query().unwrap());
        query.push((encoded("c d"), encoded("é&")));
        assert_eq!(with_query(&uri, &query).to_string(), "http://h/p?a=1&b=%20&c%20d=%C3%A9%26");
        assert_eq!(with_query(&uri, &[]).to_string(), "http://h/p");
    }
}
