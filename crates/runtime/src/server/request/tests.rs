use ebb_model::{AccountId, FunctionArn, FunctionName, Region};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::*;

pub(crate) fn event(payload: &Value) -> Event {
    Event {
        id: ebb_model::RequestId::random(),
        payload: payload.to_string().into(),
        deadline: ebb_model::Timestamp(0),
        arn: FunctionArn {
            region: Region::parse("us-east-1").unwrap(),
            account: AccountId::parse("000000000000").unwrap(),
            name: FunctionName::parse("f").unwrap(),
            qualifier: None,
        },
        trace: ebb_model::TraceHeader(String::new()),
        client_context: None,
        cognito_identity: None,
    }
}

fn http_event(path: &str, changes: &Value) -> Value {
    let mut event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "host": "a.localhost" },
        "requestContext": { "http": { "method": "GET" } },
        "isBase64Encoded": false,
    });
    for (name, value) in changes.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

fn body_of(request: Request<Full<Bytes>>) -> Bytes {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(request.into_body().collect()).unwrap().to_bytes()
}

#[test]
fn requests_are_made_of_http_events() {
    let check = |changes: Value, prefix: &str, line: &str, headers: &[(&str, &str)], body: &[u8]| {
        let path = changes.get("rawPath").and_then(Value::as_str).unwrap_or("/a/b").to_owned();
        let settings = ServerSettings { strip_prefix: prefix.into(), ..ServerSettings::default() };
        let Exchange::Http(request) = of(&event(&http_event(&path, &changes)), &settings) else {
            panic!("{changes} is a request");
        };
        assert_eq!(format!("{} {}", request.method(), request.uri()), line);
        for (name, value) in headers {
            let found: Vec<_> =
                request.headers().get_all(*name).iter().map(|v| v.to_str().unwrap()).collect();
            assert_eq!(found.join("|"), *value, "{name}");
        }
        assert_eq!(body_of(*request), body);
    };
    check(json!({}), "", "GET /a/b", &[("host", "a.localhost")], b"");
    check(json!({ "rawQueryString": "q=1&q=2" }), "/a", "GET /b?q=1&q=2", &[], b"");
    check(json!({}), "/a/b", "GET /", &[], b"");
    check(json!({ "rawPath": "/ab" }), "/a", "GET /ab", &[], b"");
    check(json!({ "rawPath": "/a b/{c}" }), "", "GET /a%20b/%7Bc%7D", &[], b"");
    check(json!({ "cookies": ["a=1", "b=2"] }), "", "GET /a/b", &[("cookie", "a=1; b=2")], b"");
    let posted = json!({
        "requestContext": { "http": { "method": "POST" } },
        "headers": { "content-length": "9", "connection": "close", "x-a": "1" },
        "body": "aGk=",
        "isBase64Encoded": true,
    });
    let headers = [("content-length", ""), ("connection", ""), ("x-a", "1"), ("host", "localhost")];
    check(posted, "", "POST /a/b", &headers, b"hi");
}

#[test]
fn everything_else_is_posted_to_the_root() {
    let check = |payload: Value| {
        let Exchange::Events(requests) = of(&event(&payload), &ServerSettings::default()) else {
            panic!("{payload} is no request");
        };
        let [request] = <[_; 1]>::try_from(requests).unwrap();
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/"));
        assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(body_of(request), payload.to_string());
    };
    check(json!({ "k": 1 }));
    check(json!("2.0"));
    check(json!({ "Records": [{ "body": "x" }] }));
    check(http_event("/", &json!({ "version": "1.0" })));
    check(http_event("/", &json!({ "body": "not base64", "isBase64Encoded": true })));
}
