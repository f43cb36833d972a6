//! Tokens of connections, asked for with a client's secret and kept in memory until they end.
//!
//! Source: RFC 6749, section 4.4; EventBridge user guide, "Authorization methods for connections" (2026-11).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ebb_model::{Secret, Timestamp};
use http::Request;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body_util::Full;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::authorization::{Authorization, CallParameters, OAuth};
use super::destination_call::{DEADLINE, QUERY, pairs, put_headers, url};
use super::{Connection, EventBuses};

/// How long before its end a token is no longer used.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a token holds that does not say so.
const UNSAID: Duration = Duration::from_secs(60 * 60);

/// Tokens by the id of their connection.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    held: Mutex<HashMap<String, Token>>,
}

#[derive(Debug, Clone)]
struct Token {
    text: Secret,
    /// The state of the connection that it was asked for with.
    of: Timestamp,
    until: Timestamp,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[error("no token from {endpoint}: {reason}")]
pub(super) struct NoToken {
    endpoint: String,
    reason: String,
}

#[derive(Deserialize)]
struct Given {
    access_token: Option<String>,
    expires_in: Option<Value>,
}

impl Tokens {
    pub(super) fn forget(&self, connection: &str) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
    }

    fn held(&self, connection: &Connection, now: Timestamp) -> Option<Secret> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let token = held.get(&connection.id)?;
        (token.of == connection.modified && now < token.until).then(|| token.text.clone())
    }
}

impl EventBuses {
    /// The token of a connection; another one where `anew`, or the last ends soon.
    pub(super) async fn token(&self, connection: &Connection, anew: bool) -> Result<Secret, NoToken> {
        let now = self.inner.clock.now();
        if let Some(token) = self.inner.tokens.held(connection, now).filter(|_| !anew) {
            return Ok(token);
        }
        let Some(Authorization::OAuth(oauth)) = &connection.authorization else {
            let reason = format!("connection {} asks for none", connection.name);
            return Err(NoToken { endpoint: connection.name.clone(), reason });
        };
        let no_token = |reason: String| NoToken { endpoint: oauth.endpoint.clone(), reason };
        let request = request(oauth).map_err(no_token)?;
        let answer =
            self.inner.client.call(request, DEADLINE).await.map_err(|error| no_token(error.to_string()))?;
        if !answer.status.is_success() {
            return Err(no_token(format!("it answered {}", answer.status)));
        }
        let given: Given = serde_json::from_slice(&answer.body)
            .map_err(|_| no_token("the answer is no JSON object".to_owned()))?;
        let text = given.access_token.ok_or_else(|| no_token("the answer has no access_token".to_owned()))?;
        let text = Secret::new(text);
        // Some servers write the number as a text.
        let holds = given
            .expires_in
            .as_ref()
            .and_then(|value| value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok())));
        let holds = holds.map_or(UNSAID, Duration::from_secs);
        let until = now.plus(holds.saturating_sub(MARGIN));
        let token = Token { text: text.clone(), of: connection.modified, until };
        self.inner
            .tokens
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(connection.id.clone(), token);
        Ok(text)
    }
}

/// The request for a token: who asks stands in a form, or in JSON where a header parameter says so; in the query where
/// the method has no body.
fn request(oauth: &OAuth) -> Result<Request<Full<Bytes>>, String> {
    let none = CallParameters::default();
    let added = oauth.parameters.as_ref().unwrap_or(&none);
    let mut fields = vec![
        ("grant_type".to_owned(), "client_credentials".to_owned()),
        ("client_id".to_owned(), oauth.client_id.clone()),
        ("client_secret".to_owned(), oauth.client_secret.expose().to_owned()),
    ];
    for (name, value) in pairs(&added.body) {
        fields.retain(|(other, _)| *other != name);
        fields.push((name, value));
    }
    let headers = pairs(&added.headers);
    let is_json = headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("content-type") && value.contains("json"));
    let in_query = oauth.method == "GET";
    let (body, query) = match (in_query, is_json) {
        (true, _) => (String::new(), fields),
        (false, true) => {
            let members: Map<String, Value> =
                fields.into_iter().map(|(name, value)| (name, value.into())).collect();
            (Value::Object(members).to_string(), Vec::new())
        }
        (false, false) => (form(&fields), Vec::new()),
    };
    let mut request = Request::builder()
        .method(oauth.method.as_str())
        .uri(url(&oauth.endpoint, &[], &[&query, &pairs(&added.query)])?)
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    if !in_query {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form);
    }
    put_headers(request.headers_mut(), &headers)?;
    Ok(request)
}

fn form(fields: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::super::authorization::CallParameter;
    use super::*;

    fn oauth(method: &str, headers: &[(&str, &str)], body: &[(&str, &str)]) -> OAuth {
        let parameters = |pairs: &[(&str, &str)]| {
            let parameter = |(key, value): &(&str, &str)| CallParameter {
                key: (*key).to_owned(),
                value: Secret::new((*value).to_owned()),
                is_secret: false,
            };
            pairs.iter().map(parameter).collect()
        };
        OAuth {
            client_id: "me".to_owned(),
            client_secret: Secret::new("s&1".to_owned()),
            endpoint: "https://h/token".to_owned(),
            method: method.to_owned(),
            parameters: Some(CallParameters {
                headers: parameters(headers),
                query: Vec::new(),
                body: parameters(body),
            }),
        }
    }

    #[tokio::test]
    async fn a_client_says_who_it_is_in_a_form_or_in_json_or_in_the_query() {
        let json = [("Content-Type", "application/json")];
        for (oauth, url, kind, body) in [
            (
                oauth("POST", &[], &[("scope", "a b")]),
                "https://h/token",
                Some("application/x-www-form-urlencoded"),
                "grant_type=client_credentials&client_id=me&client_secret=s%261&scope=a%20b",
            ),
            (
                oauth("PUT", &json, &[("grant_type", "password")]),
                "https://h/token",
                Some("application/json"),
                r#"{"client_id":"me","client_secret":"s&1","grant_type":"password"}"#,
            ),
            (
                oauth("GET", &[], &[]),
                "https://h/token?grant_type=client_credentials&client_id=me&client_secret=s%261",
                None,
                "",
            ),
        ] {
            let request = request(&oauth).expect("a request");
            assert_eq!(request.uri().to_string(), url);
            let given = request.headers().get(CONTENT_TYPE).map(|value| value.to_str().expect("text"));
            assert_eq!(given, kind);
            let bytes = request.into_body().collect().await.expect("a body").to_bytes();
            assert_eq!(bytes, body.as_bytes());
        }
    }
}
