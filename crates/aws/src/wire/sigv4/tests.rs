//! Requests that official signers made must verify, and nothing that differs from them may.

use std::time::Duration;

use ebb_model::{AccessKeyId, Credentials, SecretAccessKey};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// 2026-11-25T04:59:00Z.
const NOW: Timestamp = Timestamp(1_795_582_740_000);
const SCOPE: SigningScope<'static> = SigningScope { region: "us-east-1", service: "lambda" };

#[derive(Debug, Clone)]
struct Sent {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    fn check(&self, secret: &str, now: Timestamp) -> Result<(), SignatureError> {
        let authorization = Authorization::read(&self.headers, &self.query)?
            .ok_or_else(|| SignatureError::Incomplete("not signed".to_owned()))?;
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            authority: None,
            body: &self.body,
        };
        verify(request, &authorization, secret, now)
    }

    fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }
}

/// Made by botocore's own signers, at a fixed time.
fn by_botocore() -> Vec<(String, Sent)> {
    #[derive(Deserialize)]
    struct Table {
        requests: Vec<Row>,
    }
    #[derive(Deserialize)]
    struct Row {
        name: String,
        method: String,
        path: String,
        query: String,
        headers: Vec<(String, String)>,
        /// A character for each byte.
        body: String,
        token: Option<String>,
    }
    let table: Table = serde_json::from_str(include_str!("tests/botocore.json")).unwrap();
    let sent = table.requests.into_iter().map(|row| {
        let mut headers = HeaderMap::new();
        for (name, value) in row.headers {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(&value).unwrap());
        }
        let body = row.body.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let sent = Sent { method: row.method, path: row.path, query: row.query, headers, body };
        let token = Authorization::read(&sent.headers, &sent.query).unwrap().unwrap().session_token;
        assert_eq!(token, row.token, "{}", row.name);
        (row.name, sent)
    });
    sent.collect()
}

fn credentials(token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: AccessKeyId("AKIAIOSFODNN7EXAMPLE".to_owned()),
        secret_access_key: SecretAccessKey::new(SECRET.to_owned()),
        session_token: token.map(|token| SecretAccessKey::new(token.to_owned())),
    }
}

/// A request that our own signer signed.
fn by_us(
    method: &str,
    path_and_query: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    token: Option<&str>,
) -> Sent {
    let mut request =
        http::Request::builder().method(method).uri(format!("http://localhost:9440{path_and_query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    sign(&mut parts, body, &credentials(token), SCOPE, NOW);
    Sent {
        method: method.to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: body.to_vec(),
    }
}

fn presigned(token: Option<&str>, expires: Duration) -> Sent {
    let url =
        presign(&Method::GET, "http://localhost:9440/a%20b?x=1", &credentials(token), SCOPE, NOW, expires);
    let uri: http::Uri = url.parse().unwrap();
    let headers = HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("localhost:9440"))]);
    Sent {
        method: "GET".to_owned(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap().to_owned(),
        headers,
        body: Vec::new(),
    }
}

#[test]
fn what_botocore_signs_verifies() {
    for (name, sent) in by_botocore() {
        assert_eq!(sent.check(SECRET, NOW), Ok(()), "{name}");
        assert_eq!(sent.check("another secret", NOW), Err(SignatureError::Mismatch), "{name}");
    }
}

#[test]
fn we_sign_as_botocore_does() {
    for (name, sent) in by_botocore() {
        let claims = Authorization::read(&sent.headers, &sent.query).unwrap().unwrap();
        let uri =
            if sent.query.is_empty() { sent.path.clone() } else { format!("{}?{}", sent.path, sent.query) };
        if claims.placement != Placement::Header {
            continue;
        }
        let (mut parts, ()) =
            http::Request::builder().method(sent.method.as_str()).uri(uri).body(()).unwrap().into_parts();
        parts.headers = sent.headers.clone();
        parts.headers.remove(http::header::AUTHORIZATION);
        sign(&mut parts, &sent.body, &credentials(claims.session_token.as_deref()), claims.scope(), NOW);
        let ours = Authorization::read(&parts.headers, "").unwrap().unwrap();
        assert_eq!(ours, claims, "{name}");
    }
}

#[test]
fn time_is_checked() {
    let minutes = |n: i64| Timestamp(NOW.millis() + n * 60_000);
    let header = by_us("GET", "/", &[], b"", None);
    let url = presigned(None, Duration::from_secs(60 * 60));
    for (sent, at, accepted) in [
        (&header, 0, true),
        (&header, 5, true),
        (&header, 6, false),
        (&header, -5, true),
        (&header, -6, false),
        (&url, 60, true),
        (&url, 61, false),
        (&url, -15, true),
        (&url, -16, false),
    ] {
        let result = sent.check(SECRET, minutes(at));
        assert_eq!(result.is_ok(), accepted, "after {at} minutes: {result:?}");
    }
    let expired = header.check(SECRET, minutes(10)).unwrap_err().to_string();
    let told = "Signature expired: 20261125T045900Z is now earlier than 20261125T050400Z (20261125T050900Z - 5 min.)";
    assert_eq!(expired, told);
    assert_eq!(url.check(SECRET, minutes(90)), Err(SignatureError::PresignedExpired));
    let far = presigned(None, Duration::from_secs(365 * 24 * 60 * 60));
    assert!(far.query.contains("X-Amz-Expires=604800&"));
}

#[test]
fn malformed_claims_are_told_apart() {
    let good = by_us("GET", "/", &[], b"", None);
    let authorization = good.headers["authorization"].to_str().unwrap().to_owned();
    let check = |from: &str, to: &str, told: &str| {
        let sent = good.clone().with_header("authorization", &authorization.replace(from, to));
        let error = sent.check(SECRET, NOW).unwrap_err();
        assert!(error.to_string().contains(told), "{from} -> {to}: {error}");
    };
    check("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA1 ", "Unsupported AWS 'algorithm'");
    check("Credential=", "Cred=", "requires 'Credential' parameter");
    check("SignedHeaders=", "Headers=", "requires 'SignedHeaders' parameter");
    check("Signature=", "Sig=", "requires 'Signature' parameter");
    check("/aws4_request", "", "5 slash-delimited elements");
    check("/20261125/", "/20261124/", "'20261124' != '20261125'");
    check("host;", "", "must be a 'SignedHeader'");
    let undated = good.clone().with_header("x-amz-date", "yesterday");
    assert!(undated.check(SECRET, NOW).unwrap_err().to_string().contains("Got 'yesterday'"));
    let mut dateless = good.clone();
    dateless.headers.remove("x-amz-date");
    assert!(dateless.check(SECRET, NOW).unwrap_err().to_string().contains("X-Amz-Date"));
    for (name, value, told) in [("X-Amz-Expires", "0", "604800"), ("X-Amz-Expires", "604801", "604800")] {
        let mut sent = presigned(None, Duration::from_secs(60));
        sent.query = sent.query.replace(&format!("{name}=60"), &format!("{name}={value}"));
        assert!(sent.check(SECRET, NOW).unwrap_err().to_string().contains(told));
    }
    let mut twice = presigned(None, Duration::from_secs(60));
    twice.query.push_str("&X-Amz-Date=20261125T045900Z");
    assert!(twice.check(SECRET, NOW).unwrap_err().to_string().contains("given twice"));
}

#[test]
fn headers_are_joined_and_folded() {
    let mut sent = by_us("GET", "/", &[("x-amz-meta", "a, b c,d")], b"", None);
    let name = HeaderName::from_static("x-amz-meta");
    sent.headers.remove(&name);
    for value in ["a, b   c ", "d"] {
        sent.headers.append(&name, HeaderValue::from_static(value));
    }
    assert_eq!(sent.check(SECRET, NOW), Ok(()));
    // Over HTTP/2 there may be an authority and no host.
    let claims = Authorization::read(&sent.headers, "").unwrap().unwrap();
    sent.headers.remove("host");
    let request = SignedRequest {
        method: "GET",
        path: "/",
        query: "",
        headers: &sent.headers,
        authority: Some("localhost:9440"),
        body: b"",
    };
    assert_eq!(verify(request, &claims, SECRET, NOW), Ok(()));
}

#[test]
fn a_declared_payload_hash_must_be_the_bodys() {
    let hash = sha256_hex(b"hello");
    let sent = by_us("PUT", "/", &[("x-amz-content-sha256", &hash)], b"hello", None);
    assert_eq!(sent.check(SECRET, NOW), Ok(()));
    assert_eq!(Sent { body: b"hallo".to_vec(), ..sent }.check(SECRET, NOW), Err(SignatureError::Mismatch));
    let unsigned = by_us("PUT", "/", &[("x-amz-content-sha256", UNSIGNED_PAYLOAD)], b"hello", None);
    assert_eq!(Sent { body: b"anything".to_vec(), ..unsigned }.check(SECRET, NOW), Ok(()));
}

#[test]
fn an_unsigned_header_that_matters_is_refused() {
    let sent = by_us("POST", "/", &[], b"{}", None);
    for name in ["x-amz-target", "x-amz-security-token", "x-amz-invocation-type"] {
        let changed = sent.clone().with_header(name, "Logs_20140328.DeleteLogGroup");
        let error = changed.check(SECRET, NOW).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!(sent.with_header("x-amzn-trace-id", "Root=1").check(SECRET, NOW), Ok(()));
}

/// The ways in which a request could be changed on its way.
#[derive(Debug, Clone)]
enum Mutation {
    Method,
    Path(String),
    Query(String),
    Header(prop::sample::Index, String),
    Body(prop::sample::Index, u8),
    Longer(u8),
    Signature(prop::sample::Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        Just(Mutation::Method),
        "[a-z0-9]{1,5}".prop_map(Mutation::Path),
        "[a-z0-9]{1,5}".prop_map(Mutation::Query),
        (any::<prop::sample::Index>(), "[a-z0-9]{1,5}").prop_map(|(at, text)| Mutation::Header(at, text)),
        (any::<prop::sample::Index>(), 1u8..).prop_map(|(at, flip)| Mutation::Body(at, flip)),
        any::<u8>().prop_map(Mutation::Longer),
        any::<prop::sample::Index>().prop_map(Mutation::Signature),
    ]
}

/// The changed request; nothing where there is nothing to change.
fn mutate(mut sent: Sent, mutation: &Mutation) -> Option<Sent> {
    match mutation {
        Mutation::Method => sent.method = if sent.method == "PATCH" { "PUT" } else { "PATCH" }.to_owned(),
        Mutation::Path(text) => sent.path = format!("{}/{text}", sent.path.trim_end_matches('/')),
        Mutation::Query(text) => {
            let mark = if sent.query.is_empty() { "" } else { "&" };
            sent.query = format!("{}{mark}{text}=1", sent.query);
        }
        Mutation::Header(at, text) => {
            let claims = Authorization::read(&sent.headers, &sent.query).unwrap().unwrap();
            let name = &claims.signed_headers[at.index(claims.signed_headers.len())];
            let value = format!("{}{text}", sent.headers[name].to_str().unwrap());
            let name: HeaderName = name.parse().unwrap();
            sent.headers.insert(name, HeaderValue::from_str(&value).unwrap());
        }
        Mutation::Body(at, flip) => {
            if sent.body.is_empty() {
                return None;
            }
            let at = at.index(sent.body.len());
            sent.body[at] ^= flip;
        }
        Mutation::Longer(byte) => sent.body.push(*byte),
        Mutation::Signature(at) => {
            let signature = Authorization::read(&sent.headers, &sent.query).unwrap().unwrap().signature;
            let at = at.index(signature.len());
            let other = if &signature[at..=at] == "0" { "1" } else { "0" };
            let changed = format!("{}{other}{}", &signature[..at], &signature[at + 1..]);
            sent.query = sent.query.replace(&signature, &changed);
            if let Some(value) = sent.headers.get("authorization") {
                let value = value.to_str().unwrap().replace(&signature, &changed);
                sent = sent.with_header("authorization", &value);
            }
        }
    }
    Some(sent)
}

proptest! {
    #[test]
    fn what_we_sign_verifies_and_no_change_of_it_does(
        method in prop::sample::select(vec!["GET", "POST", "PUT", "DELETE"]),
        path in "(/[A-Za-z0-9._~:@%-]{0,8}){1,4}/?",
        query in prop::option::of("[a-z]{1,3}=[A-Za-z0-9%+:-]{0,5}(&[a-z]{1,3}(=[a-z0-9]{0,3})?){0,3}"),
        header in "[!-~]( {0,3}[!-~]){0,4}",
        body in prop::collection::vec(any::<u8>(), 0..40),
        token in prop::option::of("[A-Za-z0-9/+=]{1,20}"),
        mutation in mutation(),
    ) {
        let uri = query.map_or(path.clone(), |query| format!("{path}?{query}"));
        prop_assume!(format!("http://localhost{uri}").parse::<http::Uri>().is_ok());
        let sent = by_us(method, &uri, &[("x-amz-extra", &header)], &body, token.as_deref());
        prop_assert_eq!(sent.check(SECRET, NOW), Ok(()));
        if let Some(changed) = mutate(sent, &mutation) {
            prop_assert!(changed.check(SECRET, NOW).is_err());
        }
    }

    #[test]
    fn a_presigned_url_verifies_and_no_change_of_it_does(
        token in prop::option::of("[A-Za-z0-9/+=]{1,20}"),
        seconds in 1u64..604_800,
        mutation in mutation(),
    ) {
        let sent = presigned(token.as_deref(), Duration::from_secs(seconds));
        prop_assert_eq!(sent.check(SECRET, NOW), Ok(()));
        if let Some(changed) = mutate(sent, &mutation) {
            prop_assert!(changed.check(SECRET, NOW).is_err());
        }
    }

    #[test]
    fn a_botocore_request_that_is_changed_is_refused(
        which in any::<prop::sample::Index>(),
        mutation in mutation(),
    ) {
        let all = by_botocore();
        let (name, sent) = all[which.index(all.len())].clone();
        // S3 signs no payload in a presigned URL.
        let free_body = name == "s3 presigned" && matches!(mutation, Mutation::Body(..) | Mutation::Longer(_));
        if let Some(changed) = mutate(sent, &mutation) {
            prop_assert_eq!(changed.check(SECRET, NOW).is_ok(), free_body, "{}", name);
        }
    }

    #[test]
    fn no_text_breaks_the_reader(value in "[ -~]{0,80}", query in "[ -~]{0,80}") {
        let headers = HeaderMap::from_iter([
            (http::header::AUTHORIZATION, HeaderValue::from_str(&format!("AWS4-HMAC-SHA256 {value}")).unwrap()),
        ]);
        let _ = Authorization::read(&headers, "");
        let _ = Authorization::read(&HeaderMap::new(), &format!("X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}"));
    }
}
