use proptest::prelude::*;

use super::*;

fn check(payload: &str, status: u16, body: &[u8], headers: &[(&str, &str)]) {
    let answer =
        infer(&Bytes::copy_from_slice(payload.as_bytes())).unwrap_or_else(|e| panic!("{payload}: {e}"));
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (status, body), "{payload}");
    let got: Vec<_> = answer.headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
    assert_eq!(got, headers, "{payload}");
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn anything_without_a_status_code_is_the_body_of_a_200() {
    check(r#"{"hello": 1}"#, 200, br#"{"hello":1}"#, &[JSON]);
    check(r#""plain""#, 200, br#""plain""#, &[JSON]);
    check(r#"["hello", 3, true]"#, 200, br#"["hello",3,true]"#, &[JSON]);
    check("3.10", 200, b"3.10", &[JSON]);
    check("null", 200, b"null", &[JSON]);
    check(r#"{"statusCode": null}"#, 200, br#"{"statusCode":null}"#, &[JSON]);
    check(r#"{"body": "x", "headers": {"a": "b"}}"#, 200, br#"{"body":"x","headers":{"a":"b"}}"#, &[JSON]);
    check(" {\"z\": 1, \"a\": 2}\n", 200, br#"{"z":1,"a":2}"#, &[JSON]);
}

#[test]
fn a_status_code_makes_it_a_response() {
    check(r#"{"statusCode": 204}"#, 204, b"", &[JSON]);
    check(r#"{"statusCode": "418", "body": "teapot"}"#, 418, b"teapot", &[JSON]);
    check(r#"{"statusCode": 200, "body": null}"#, 200, b"", &[JSON]);
    check(r#"{"statusCode": 200, "body": {"a": [1]}}"#, 200, br#"{"a":[1]}"#, &[JSON]);
    check(r#"{"statusCode": 200, "body": 5}"#, 200, b"5", &[JSON]);
    check(r#"{"statusCode": 200, "body": "\u00e9\n"}"#, 200, "é\n".as_bytes(), &[JSON]);
    check(r#"{"statusCode": 200, "headers": null, "cookies": null}"#, 200, b"", &[JSON]);
}

#[test]
fn base64_of_any_content_type_becomes_bytes() {
    let plain = ("content-type", "text/plain");
    check(r#"{"statusCode": 200, "body": "AP8=", "isBase64Encoded": true}"#, 200, b"\x00\xff", &[JSON]);
    check(
        r#"{"statusCode": 200, "body": "aGk=", "isBase64Encoded": true, "headers": {"Content-Type": "text/plain"}}"#,
        200,
        b"hi",
        &[plain],
    );
    check(r#"{"statusCode": 200, "body": "aGk=", "isBase64Encoded": false}"#, 200, b"aGk=", &[JSON]);
}

#[test]
fn headers_of_other_types_become_text_and_cookies_set_cookie() {
    check(
        r#"{"statusCode": 302, "headers": {"location": "/x", "x-n": 5, "x-b": true, "x-l": ["a", "b"], "x-0": null}}"#,
        302,
        b"",
        &[("location", "/x"), ("x-b", "true"), ("x-l", "a,b"), ("x-n", "5"), JSON],
    );
    check(
        r#"{"statusCode": 200, "cookies": ["a=1; Path=/", "b=2"], "headers": {"Content-Length": "99", "Connection": "close"}}"#,
        200,
        b"",
        &[("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2"), JSON],
    );
}

#[test]
fn what_is_no_response_is_refused() {
    for payload in [
        "",
        "not json",
        "{",
        r#"{"statusCode": 99}"#,
        r#"{"statusCode": 101}"#,
        r#"{"statusCode": 600}"#,
        r#"{"statusCode": "ok"}"#,
        r#"{"statusCode": 200, "headers": ["a"]}"#,
        r#"{"statusCode": 200, "headers": {"a": {}}}"#,
        r#"{"statusCode": 200, "headers": {"a b": "c"}}"#,
        r#"{"statusCode": 200, "headers": {"a": "x\ny"}}"#,
        r#"{"statusCode": 200, "cookies": "a=b"}"#,
        r#"{"statusCode": 200, "body": "not base64!", "isBase64Encoded": true}"#,
    ] {
        assert!(infer(&Bytes::copy_from_slice(payload.as_bytes())).is_err(), "{payload}");
    }
}

#[test]
fn a_streamed_answer_that_was_collected_keeps_its_prelude() {
    let payload = [br#"{"statusCode": 201, "headers": {"x-a": "1"}}"#.as_slice(), &[0; 8], b"body"].concat();
    let answer = infer(&payload.into()).unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (201, b"body".as_slice()));
    assert_eq!(answer.headers["x-a"], "1");
}

proptest! {
    #[test]
    fn any_text_body_survives(body in ".*", status in 200_u16..600) {
        let payload = serde_json::json!({ "statusCode": status, "body": body }).to_string();
        let answer = infer(&payload.into()).unwrap();
        prop_assert_eq!(answer.status.as_u16(), status);
        prop_assert_eq!(&answer.body[..], body.as_bytes());
    }

    #[test]
    fn any_binary_body_survives(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = STANDARD.encode(&body);
        let payload = serde_json::json!({ "statusCode": 200, "body": text, "isBase64Encoded": true }).to_string();
        prop_assert_eq!(&infer(&payload.into()).unwrap().body[..], &body[..]);
    }

    #[test]
    fn inferred_json_keeps_its_meaning(text in ".*", number in any::<i64>()) {
        let value = serde_json::json!({ "text": text, "list": [number, null, { "k y": text }] });
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let answer = infer(&pretty.into()).unwrap();
        prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap(), value.clone());
        let compact = value.to_string();
        prop_assert_eq!(&answer.body[..], compact.as_bytes());
    }

    #[test]
    fn no_bytes_make_it_panic(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = infer(&payload.into());
    }
}
