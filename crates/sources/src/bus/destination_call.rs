//! Calls of API destinations: what a request consists of, and what follows from the answer.
//!
//! Source: EventBridge user guide, "API destinations as targets in Amazon EventBridge" (2026-11): headers, error codes,
//! the time that an endpoint has.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::authorization::{Authorization, CallParameter, CallParameters};
use super::{ApiDestination, Connection, EventBuses};
use crate::delivery::{Again, Delivery, Undelivered};
use crate::http_client::{HttpAnswer, NoAnswer};

/// How long an endpoint may take to answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);
/// What every request says, unless a parameter says otherwise.
const HEADERS: [(&str, &str); 5] = [
    ("user-agent", "Amazon/EventBridge/ApiDestinations"),
    ("content-type", "application/json; charset=utf-8"),
    ("range", "bytes=0-1048575"),
    ("accept-encoding", "gzip,deflate"),
    ("connection", "close"),
];
/// Headers that no parameter changes.
const FIXED: [&str; 5] = ["user-agent", "range", "host", "content-length", "transfer-encoding"];
/// Characters of path parameters that are encoded: they would end the path.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');
/// Characters of queries and forms that are encoded.
pub(super) const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What the target of a rule adds to a request.
#[derive(Debug, Default)]
pub(super) struct TargetParameters {
    pub(super) path: Vec<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
}

impl EventBuses {
    /// How long a call of a destination has to wait, where it takes no more for now.
    pub(super) fn admit_to_destination(&self, arn: &str) -> Option<Duration> {
        let destination = self.destination_of(arn)?;
        self.inner.rates.wait(arn, destination.calls_per_second, self.inner.clock.now())
    }

    /// Calls the destination that a delivery is for.
    pub(super) async fn call_destination(&self, delivery: &Delivery) -> Result<(), Undelivered> {
        let gone = |what: &str| {
            Undelivered::refused("RESOURCE_NOT_FOUND", format!("{what} {} does not exist", delivery.target))
        };
        let destination = self.destination_of(&delivery.target).ok_or_else(|| gone("API destination"))?;
        let connection =
            self.connection_of(&destination.connection).ok_or_else(|| gone("the connection of"))?;
        let token = self.authorize(&connection).await?;
        let request = request(&destination, &connection, token.as_deref(), delivery)
            .map_err(|error| Undelivered::refused("INVALID_PARAMETER", error))?;
        let answer = self.inner.client.call(request, DEADLINE).await;
        if let Ok(HttpAnswer {
            status: StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            ..
        }) = &answer
        {
            // The next attempt asks for another.
            self.inner.tokens.forget(&connection.id);
        }
        outcome(&destination.endpoint, answer, self.inner.clock.now().millis())
    }

    /// The token of a connection that needs one.
    async fn authorize(&self, connection: &Connection) -> Result<Option<String>, Undelivered> {
        match &connection.authorization {
            Some(Authorization::OAuth(_)) => match self.token(connection, false).await {
                Ok(token) => Ok(Some(token.expose().to_owned())),
                Err(error) => Err(Undelivered::for_now("CONNECTION_FAILURE", error.to_string())),
            },
            Some(_) => Ok(None),
            None => {
                let message = format!("connection {} is deauthorized", connection.name);
                Err(Undelivered::for_now("CONNECTION_FAILURE", message))
            }
        }
    }
}

/// What follows from what an endpoint answered.
pub(super) fn outcome(
    endpoint: &str,
    answer: Result<HttpAnswer, NoAnswer>,
    now: i64,
) -> Result<(), Undelivered> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let code = if matches!(error, NoAnswer::Late(_)) { "TIMEOUT" } else { "CONNECTION_FAILURE" };
            return Err(Undelivered::for_now(code, format!("{endpoint}: {error}")));
        }
    };
    if answer.status.is_success() {
        return Ok(());
    }
    let again = match answer.status.as_u16() {
        401 | 407 | 409 | 429 | 500.. => match retry_after(&answer.headers, now) {
            None => Again::ByPolicy,
            // Whoever says a time before now wants it no more.
            Some(seconds) => u64::try_from(seconds)
                .map_or(Again::Never, |seconds| Again::NotBefore(Duration::from_secs(seconds))),
        },
        _ => Again::Never,
    };
    let message = format!("{endpoint} answered {}", answer.status);
    Err(Undelivered { code: "ERROR_FROM_TARGET".to_owned(), message, again })
}

/// How many seconds an endpoint wants to be left alone: a number, or a date. Source: RFC 9110, section 10.2.3.
fn retry_after(headers: &HeaderMap, now: i64) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    text.parse().ok().or_else(|| {
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
        Some((at - now).max(0) / 1000)
    })
}

/// The request of a delivery.
fn request(
    destination: &ApiDestination,
    connection: &Connection,
    token: Option<&str>,
    delivery: &Delivery,
) -> Result<Request<Full<Bytes>>, String> {
    let given = TargetParameters::of(delivery);
    let none = CallParameters::default();
    let added = connection.parameters.as_ref().unwrap_or(&none);
    let url = url(&destination.endpoint, &given.path, &[&given.query, &pairs(&added.query)])?;
    let body = merged(&delivery.message.body, &added.body)?;
    let mut request = Request::builder()
        .method(destination.method.as_str())
        .uri(url)
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let headers = request.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    put_headers(headers, &given.headers)?;
    put_headers(headers, &pairs(&added.headers))?;
    match (&connection.authorization, token) {
        (Some(Authorization::Basic { username, password }), _) => {
            let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
            headers.insert(AUTHORIZATION, secret_value(&format!("Basic {pair}"))?);
        }
        (Some(Authorization::ApiKey { name, value }), _) => {
            let name: HeaderName = name.parse().map_err(|_| format!("{name} is no name of a header"))?;
            headers.insert(name, secret_value(value.expose())?);
        }
        (_, Some(token)) => drop(headers.insert(AUTHORIZATION, secret_value(&format!("Bearer {token}"))?)),
        _ => {}
    }
    Ok(request)
}

/// The URL with path parameters in the place of its stars, and the query; of two parameters of one name the last holds.
pub(super) fn url(endpoint: &str, path: &[String], query: &[&[(String, String)]]) -> Result<Uri, String> {
    let (mut before, rest) =
        endpoint.split_once('?').map_or((endpoint.to_owned(), ""), |(a, b)| (a.to_owned(), b));
    for value in path {
        before = before.replacen('*', &utf8_percent_encode(value, PATH).to_string(), 1);
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in query.iter().copied().flatten() {
        pairs.retain(|(other, _)| other != name);
        pairs.push((name.clone(), value.clone()));
    }
    let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    let query: Vec<String> =
        std::iter::once(rest.to_owned()).filter(|rest| !rest.is_empty()).chain(pairs).collect();
    let text = if query.is_empty() { before } else { format!("{before}?{}", query.join("&")) };
    text.parse().map_err(|error| format!("{endpoint}: {error}"))
}

/// The body with the members that a connection adds.
fn merged(body: &str, added: &[CallParameter]) -> Result<String, String> {
    if added.is_empty() {
        return Ok(body.to_owned());
    }
    let Ok(Value::Object(mut members)) = serde_json::from_str(body) else {
        return Err("the connection has body parameters, and the target's input is no JSON object".to_owned());
    };
    members.extend(added.iter().map(|one| (one.key.clone(), one.value.expose().into())));
    Ok(Value::Object(members).to_string())
}

pub(super) fn pairs(parameters: &[CallParameter]) -> Vec<(String, String)> {
    parameters.iter().map(|one| (one.key.clone(), one.value.expose().to_owned())).collect()
}

pub(super) fn put_headers(headers: &mut HeaderMap, given: &[(String, String)]) -> Result<(), String> {
    for (name, value) in given {
        if FIXED.iter().any(|fixed| name.eq_ignore_ascii_case(fixed)) {
            continue;
        }
        let header: HeaderName = name.parse().map_err(|_| format!("{name} is no name of a header"))?;
        let value =
            HeaderValue::from_str(value).map_err(|_| format!("the value of header {name} is not valid"))?;
        headers.insert(header, value);
    }
    Ok(())
}

fn secret_value(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| "what the connection authorizes with is no value of a header")?;
    value.set_sensitive(true);
    Ok(value)
}

impl TargetParameters {
    /// Those of the rule's target that a delivery is for.
    pub(super) fn of(delivery: &Delivery) -> Self {
        let given = delivery.message.extra.as_ref().map(|extra| &extra["HttpParameters"]);
        Self::read(given.unwrap_or(&Value::Null))
    }

    fn read(given: &Value) -> Self {
        let texts = |values: &Map<String, Value>| {
            values.iter().map(|(name, value)| (name.clone(), text(value))).collect::<Vec<_>>()
        };
        Self {
            path: given["PathParameterValues"].as_array().into_iter().flatten().map(text).collect(),
            headers: given["HeaderParameters"].as_object().map(texts).unwrap_or_default(),
            query: given["QueryStringParameters"].as_object().map(texts).unwrap_or_default(),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_get_their_parameters() {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        for (endpoint, path, target, connection, expected) in [
            ("https://h/a", &[][..], &[][..], &[][..], "https://h/a"),
            ("https://h/*/b/*", &["x y", "1?2"], &[], &[], "https://h/x%20y/b/1%3F2"),
            ("https://h/a?z=1", &[], &[("b", "2&3")], &[("c", "é")], "https://h/a?z=1&b=2%263&c=%C3%A9"),
            // What the connection says holds.
            ("https://h/a", &[], &[("b", "target")], &[("b", "connection")], "https://h/a?b=connection"),
        ] {
            let path: Vec<String> = path.iter().map(|part: &&str| (*part).to_owned()).collect();
            let made = url(endpoint, &path, &[&owned(target), &owned(connection)]).expect("a URL");
            assert_eq!(made.to_string(), expected);
        }
    }

    #[test]
    fn answers_say_whether_and_when_it_is_tried_again() {
        let check = |status: u16, after: Option<&str>, expected: Option<Again>| {
            let mut headers = HeaderMap::new();
            if let Some(after) = after {
                headers.insert(RETRY_AFTER, after.parse().expect("a value"));
            }
            let status = StatusCode::from_u16(status).expect("a status");
            let answer = HttpAnswer { status, headers, body: Bytes::new() };
            let again = outcome("https://h", Ok(answer), 1_000_000_000_000).err().map(|error| error.again);
            assert_eq!(again, expected, "{status} {after:?}");
        };
        check(200, None, None);
        check(204, Some("5"), None);
        for status in [401, 407, 409, 429, 500, 503] {
            check(status, None, Some(Again::ByPolicy));
        }
        for status in [301, 400, 403, 404, 410] {
            check(status, None, Some(Again::Never));
        }
        check(429, Some("7"), Some(Again::NotBefore(Duration::from_secs(7))));
        check(503, Some("-1"), Some(Again::Never));
        let date = Some("Sun, 09 Sep 2001 01:47:40 GMT");
        check(503, date, Some(Again::NotBefore(Duration::from_secs(60))));
        assert!(outcome("h", Err(NoAnswer::Late(DEADLINE)), 0).is_err_and(|error| error.code == "TIMEOUT"));
    }

    #[test]
    fn members_of_the_body_are_added_to_objects() {
        let added = [CallParameter {
            key: "a".to_owned(),
            value: ebb_model::Secret::new("1".to_owned()),
            is_secret: true,
        }];
        assert_eq!(merged(r#"{"a": 0, "b": 2}"#, &added).as_deref(), Ok(r#"{"a":"1","b":2}"#));
        assert_eq!(merged("[1]", &[]).as_deref(), Ok("[1]"));
        assert!(merged("[1]", &added).is_err());
    }
}
