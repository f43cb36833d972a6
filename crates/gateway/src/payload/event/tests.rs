use std::net::Ipv4Addr;

use ebb_model::AccountId;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

struct Case<'a> {
    path: &'a str,
    query: &'a str,
    headers: &'a [(&'static str, &'a str)],
    body: &'a [u8],
    caller: Option<Caller>,
}

const PLAIN: Case<'_> = Case { path: "/", query: "", headers: &[], body: b"", caller: None };

fn event(case: &Case<'_>) -> Value {
    let headers: HeaderMap = case
        .headers
        .iter()
        .map(|&(name, value)| (HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap()))
        .collect();
    let encoded = encode(&EventSource {
        method: &Method::POST,
        path: case.path,
        sent_path: case.path,
        query: case.query,
        version: Version::HTTP_11,
        headers: &headers,
        head: None,
        body: case.body,
        source_ip: Ipv4Addr::LOCALHOST.into(),
        port: 8440,
        domain: "abc.lambda-url.us-east-1.localhost",
        api_id: "abc",
        request_id: RequestId::parse("f47ac10b-58cc-4372-a567-0e02b2c3d479").unwrap(),
        trace: &TraceHeader("Root=1-0-0;Parent=0;Sampled=0".into()),
        now: Timestamp(1_795_579_506_789),
        caller: case.caller.as_ref(),
        of_url: true,
        route: super::RouteFields::default(),
    })
    .unwrap();
    serde_json::from_slice(&encoded).unwrap()
}

#[test]
fn the_whole_event() {
    let case = Case {
        path: "/my/path%20x",
        query: "parameter1=value1&parameter1=value2&parameter2=value",
        headers: &[
            ("host", "abc.lambda-url.us-east-1.localhost:8440"),
            ("cookie", "cookie1; cookie2=v"),
            ("header1", "value1"),
            ("header1", "value2"),
            ("user-agent", "agent"),
            ("content-type", "text/plain; charset=utf-8"),
            ("x-forwarded-for", "10.0.0.1"),
            ("connection", "keep-alive"),
            ("x-amzn-trace-id", "nonsense"),
        ],
        body: b"Hello from client!",
        caller: None,
    };
    assert_eq!(
        event(&case),
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/my/path%20x",
            "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
            "cookies": ["cookie1", "cookie2=v"],
            "headers": {
                "host": "abc.lambda-url.us-east-1.localhost:8440",
                "header1": "value1,value2",
                "user-agent": "agent",
                "content-type": "text/plain; charset=utf-8",
                "x-amzn-trace-id": "Root=1-0-0",
                "x-forwarded-for": "10.0.0.1, 127.0.0.1",
                "x-forwarded-port": "8440",
                "x-forwarded-proto": "http"
            },
            "queryStringParameters": { "parameter1": "value1,value2", "parameter2": "value" },
            "requestContext": {
                "accountId": "anonymous",
                "apiId": "abc",
                "domainName": "abc.lambda-url.us-east-1.localhost",
                "domainPrefix": "abc",
                "http": {
                    "method": "POST",
                    "path": "/my/path x",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "agent"
                },
                "requestId": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
                "routeKey": "$default",
                "stage": "$default",
                "time": "25/Nov/2026:04:05:06 +0000",
                "timeEpoch": 1_795_579_506_789_i64
            },
            "body": "Hello from client!",
            "isBase64Encoded": false
        })
    );
}

#[test]
fn a_callers_trace_is_shown_as_it_is() {
    let own = "Root=1-0-0;Parent=0;Sampled=0";
    let shown = event(&Case { headers: &[("x-amzn-trace-id", own)], ..PLAIN });
    assert_eq!(shown["headers"]["x-amzn-trace-id"], own);
}

#[test]
fn a_bare_request_has_no_optional_parts() {
    let event = event(&PLAIN);
    for absent in ["cookies", "queryStringParameters", "body"] {
        assert!(event.get(absent).is_none(), "{absent}");
    }
    assert_eq!((&event["rawQueryString"], &event["isBase64Encoded"]), (&json!(""), &json!(false)));
    assert_eq!(event["headers"]["host"], "abc.lambda-url.us-east-1.localhost");
}

#[test]
fn a_signed_request_names_its_caller_and_hides_its_signature() {
    let caller = Caller {
        access_key: "AKIA1".into(),
        account: AccountId::parse("000000000000").unwrap(),
        arn: "arn:aws:iam::000000000000:root".into(),
        user_id: "000000000000".into(),
    };
    let event = event(&Case { headers: &[("authorization", "AWS4-…")], caller: Some(caller), ..PLAIN });
    assert_eq!(event["requestContext"]["accountId"], "000000000000");
    assert_eq!(
        event["requestContext"]["authorizer"]["iam"],
        json!({
            "accessKey": "AKIA1", "accountId": "000000000000", "callerId": "000000000000", "cognitoIdentity": null,
            "principalOrgId": null, "userArn": "arn:aws:iam::000000000000:root", "userId": "000000000000"
        })
    );
    assert!(event["headers"].get("authorization").is_none());
}

#[test]
fn bodies_are_text_by_content_type_where_they_are_utf8() {
    let check = |kind: &str, body: &[u8], text: bool| {
        let event = event(&Case { headers: &[("content-type", kind)], body, ..PLAIN });
        assert_eq!(event["isBase64Encoded"], !text, "{kind}");
        let got = event["body"].as_str().unwrap();
        let bytes = if text { got.as_bytes().to_vec() } else { STANDARD.decode(got).unwrap() };
        assert_eq!(bytes, body, "{kind}");
    };
    for kind in
        ["text/plain", "application/json", "Application/JSON; charset=utf-8", "application/xml", "text/csv"]
    {
        check(kind, "é".as_bytes(), true);
        check(kind, b"\xff\xfe", false);
    }
    for kind in [
        "application/vnd.api+json",
        "image/svg+xml",
        "application/javascript",
        "application/x-www-form-urlencoded",
    ] {
        check(kind, b"a", true);
    }
    for kind in
        ["application/octet-stream", "image/png", "multipart/form-data; boundary=x", "application/jsonp", ""]
    {
        check(kind, b"a", false);
    }
    let untyped = event(&Case { body: b"a", ..PLAIN });
    assert_eq!((&untyped["isBase64Encoded"], &untyped["body"]), (&json!(true), &json!("YQ==")));
}

#[test]
fn query_parameters_are_decoded_and_joined() {
    let check = |query: &str, expected: Value| {
        let event = event(&Case { query, ..PLAIN });
        assert_eq!(event["rawQueryString"], query);
        assert_eq!(event.get("queryStringParameters").cloned().unwrap_or_default(), expected, "{query}");
    };
    check("x=1&x=2&e=", json!({ "x": "1,2", "e": "" }));
    check("x=%20y&x=z&flag", json!({ "x": " y,z", "flag": "" }));
    check("a+b=c+d%2Be&=v", json!({ "a b": "c d+e", "": "v" }));
    check("%C3%A9=%FF&%zz=%", json!({ "é": "\u{fffd}", "%zz": "%" }));
    check("&&", Value::Null);
}

proptest! {
    #[test]
    fn any_body_comes_back(body in proptest::collection::vec(any::<u8>(), 1..200), text in any::<bool>()) {
        let kind = if text { "text/plain" } else { "image/png" };
        let event = event(&Case { headers: &[("content-type", kind)], body: &body, ..PLAIN });
        let got = event["body"].as_str().unwrap();
        let bytes = if event["isBase64Encoded"] == true { STANDARD.decode(got).unwrap() } else { got.as_bytes().to_vec() };
        prop_assert_eq!(bytes, body);
    }

    #[test]
    fn any_query_is_taken(query in "[!-~]{0,60}") {
        let event = event(&Case { query: &query, ..PLAIN });
        prop_assert_eq!(event["rawQueryString"].as_str().unwrap(), query);
    }
}
