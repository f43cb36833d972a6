//! Whole requests through the service, signed as a client signs them.

use std::time::Duration;

use ebb_model::{AccessKeyId, Credentials, SecretAccessKey};
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use super::*;
use crate::wire::sigv4::{SigningScope, sign};
use crate::wire::{Fault, json_response, xml_response};

const NOW: Timestamp = Timestamp(1_795_582_740_000);
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

async fn echo((): (), call: Call) -> Result<Response<Body>, AwsError> {
    let context = &call.context;
    json_response(
        StatusCode::CREATED,
        &json!({
            "operation": context.operation,
            "name": call.path.get("Name"),
            "principal": context.principal.arn(),
            "body": String::from_utf8_lossy(&call.body),
            "url": context.base_url,
        }),
    )
}

async fn fail((): (), call: Call) -> Result<Response<Body>, AwsError> {
    match call.path.get("Name") {
        "internal" => Err(AwsError::internal("the disk is full")),
        "panic" => panic!("a bug"),
        "busy" => {
            Err(AwsError::new("TooManyRequestsException", StatusCode::TOO_MANY_REQUESTS, "Rate Exceeded.")
                .with("Reason", "CallerRateLimitExceeded")
                .with_header(http::header::RETRY_AFTER, HeaderValue::from_static("1")))
        }
        name => Err(AwsError::new("ResourceNotFoundException", StatusCode::NOT_FOUND, name)),
    }
}

async fn who((): (), call: Call) -> Result<Response<Body>, AwsError> {
    Ok(xml_response("Who", "urn:x", "<Arn>a</Arn>", call.context.request_id))
}

fn service() -> AwsService {
    let account = AccountId::parse("000000000000").unwrap();
    let root = Credentials {
        access_key_id: AccessKeyId("AKIAROOT".to_owned()),
        secret_access_key: SecretAccessKey::new("secret".to_owned()),
        session_token: None,
    };
    let clock: Arc<dyn Clock> = Arc::new(At(NOW));
    let keys = KeyRing::new(root, account.clone(), Arc::clone(&clock));
    let config = AwsConfig { region: Region::parse("us-east-1").unwrap(), account, scheme: "http" };
    let rest = Api::rest_json("lambda", "ServiceException", ())
        .route(Method::POST, "/f/{Name}", "Echo", echo)
        .body_limit(10)
        .route(Method::GET, "/fail/{Name}", "Fail", fail)
        .unbuilt(Method::GET, "/later", "Later")
        .build();
    let rpc = Api::json("logs", "application/x-amz-json-1.1", "Logs_1", "ServiceUnavailableException", ())
        .operation("Echo", echo)
        .build();
    let query = Api::query("sts", "urn:x", "InternalFailure", ()).operation("Who", who).build();
    AwsService::new(config, keys, clock, vec![rest, rpc, query])
}

/// A request that is signed for `scope` where one is given.
struct Ask<'a> {
    method: Method,
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
    scope: Option<&'a str>,
    key: Credentials,
}

impl Ask<'_> {
    fn build(self) -> Request<Full<Bytes>> {
        let mut request =
            Request::builder().method(self.method).uri(format!("http://localhost:9440{}", self.path));
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        if let Some(service) = self.scope {
            let scope = SigningScope { region: "us-east-1", service };
            sign(&mut parts, self.body.as_bytes(), &self.key, scope, NOW);
        }
        Request::from_parts(parts, Full::new(Bytes::copy_from_slice(self.body.as_bytes())))
    }
}

fn ask<'a>(service: &AwsService, method: Method, path: &'a str, scope: &'a str) -> Ask<'a> {
    Ask { method, path, headers: &[], body: "", scope: Some(scope), key: service.keys().root().clone() }
}

struct Answer {
    status: u16,
    content_type: String,
    error_type: String,
    request_id: String,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

async fn send(service: &AwsService, ask: Ask<'_>) -> Answer {
    let response = service.handle(ask.build()).await;
    let header =
        |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (content_type, error_type, request_id) =
        (header("content-type"), header("x-amzn-errortype"), header("x-amzn-requestid"));
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(RequestId::parse(&request_id).is_some());
    Answer { status, content_type, error_type, request_id, text }
}

#[tokio::test]
async fn each_protocol_reaches_its_operation() {
    let service = service();
    let rest = send(&service, Ask { body: "hi", ..ask(&service, Method::POST, "/f/a%3Ab", "lambda") }).await;
    assert_eq!((rest.status, rest.content_type.as_str()), (201, "application/json"));
    let expected = json!({
        "operation": "Echo", "name": "a:b", "principal": "arn:aws:iam::000000000000:root", "body": "hi",
        "url": "http://localhost:9440",
    });
    assert_eq!(rest.json(), expected);

    for content_type in ["application/x-amz-json-1.0", "application/x-amz-json-1.1"] {
        let headers = [("x-amz-target", "Logs_1.Echo"), ("content-type", content_type)];
        let rpc = send(&service, Ask { headers: &headers, ..ask(&service, Method::POST, "/", "logs") }).await;
        assert_eq!((rpc.status, rpc.content_type.as_str()), (201, content_type));
    }
    for (path, body) in [("/", "Version=1&Action=Who"), ("/?Action=Who", "")] {
        let headers = [("content-type", FORM)];
        let query =
            send(&service, Ask { headers: &headers, body, ..ask(&service, Method::POST, path, "sts") }).await;
        let id = &query.request_id;
        assert_eq!(
            query.text,
            format!(
                "<WhoResponse xmlns=\"urn:x\"><WhoResult><Arn>a</Arn></WhoResult><ResponseMetadata><RequestId>{id}\
                 </RequestId></ResponseMetadata></WhoResponse>"
            )
        );
    }
}

#[tokio::test]
async fn errors_have_the_shape_of_their_service() {
    let service = service();
    let check = async |path: &str, status: u16, code: &str, body: Value| {
        let answer = send(&service, ask(&service, Method::GET, path, "lambda")).await;
        assert_eq!((answer.status, answer.error_type.as_str()), (status, code), "{path}");
        assert_eq!(answer.json(), body, "{path}");
    };
    let missing = json!({ "Type": "User", "Message": "gone" });
    check("/fail/gone", 404, "ResourceNotFoundException", missing).await;
    let busy = json!({ "Type": "User", "message": "Rate Exceeded.", "Reason": "CallerRateLimitExceeded" });
    check("/fail/busy", 429, "TooManyRequestsException", busy).await;
    let later = json!({ "message": "ebb does not implement lambda:Later yet" });
    check("/later", 404, "UnknownOperationException", later).await;
    let unknown = json!({ "message": "ebb does not implement lambda:GET /nothing yet" });
    check("/nothing", 404, "UnknownOperationException", unknown).await;
    for path in ["/fail/internal", "/fail/panic"] {
        let answer = send(&service, ask(&service, Method::GET, path, "lambda")).await;
        assert_eq!((answer.status, answer.error_type.as_str()), (500, "ServiceException"), "{path}");
        assert_eq!(answer.json()["Type"], "Service");
        assert!(!answer.text.contains("disk") && !answer.text.contains("bug"), "{}", answer.text);
    }

    let headers = [("x-amz-target", "Logs_1.Other")];
    let rpc = send(&service, Ask { headers: &headers, ..ask(&service, Method::POST, "/", "logs") }).await;
    let expected =
        json!({ "__type": "UnknownOperationException", "message": "ebb does not implement logs:Other yet" });
    assert_eq!((rpc.status, rpc.json()), (400, expected));

    let headers = [("content-type", FORM)];
    let query = Ask { headers: &headers, body: "Action=<Other>", ..ask(&service, Method::POST, "/", "sts") };
    let query = send(&service, query).await;
    assert_eq!(query.status, 400);
    assert!(query.text.contains("<Type>Sender</Type><Code>InvalidAction</Code>"), "{}", query.text);
    assert!(query.text.contains("sts:&lt;Other&gt; yet"), "{}", query.text);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named_in_the_form_of_the_request() {
    let service = service();
    let headers =
        [("x-amz-target", "DynamoDB_20120810.ListTables"), ("content-type", "application/x-amz-json-1.0")];
    let rpc = send(&service, Ask { headers: &headers, ..ask(&service, Method::POST, "/", "dynamodb") }).await;
    assert_eq!(rpc.content_type, "application/x-amz-json-1.0");
    assert_eq!(rpc.json()["message"], "ebb does not implement dynamodb:ListTables yet");
    let headers = [("content-type", FORM)];
    let query =
        Ask { headers: &headers, body: "Action=ListQueues", ..ask(&service, Method::POST, "/", "sns") };
    let query = send(&service, query).await;
    assert!(query.text.starts_with("<ErrorResponse"), "{}", query.text);
    assert!(
        query.text.contains("<Message>ebb does not implement sns:ListQueues yet</Message>"),
        "{}",
        query.text
    );
    let rest = send(&service, ask(&service, Method::GET, "/bucket", "s3")).await;
    assert!(rest.status == 501 && rest.text.contains("<Code>NotImplemented</Code>"), "{}", rest.text);
}

#[tokio::test]
async fn who_may_not_ask_is_refused_in_the_words_of_the_protocol() {
    let service = service();
    let root = service.keys().root().clone();
    let wrong = Credentials { secret_access_key: SecretAccessKey::new("wrong".to_owned()), ..root.clone() };
    let unknown = Credentials { access_key_id: AccessKeyId("AKIANONE".to_owned()), ..root.clone() };
    let expired = service.keys().issue(&Principal::Root { account: root_account() }, Duration::ZERO);
    let cases = [
        (None, root, "MissingAuthenticationTokenException", "MissingAuthenticationToken"),
        (Some(()), wrong, "InvalidSignatureException", "SignatureDoesNotMatch"),
        (Some(()), unknown, "UnrecognizedClientException", "InvalidClientTokenId"),
        (Some(()), expired, "ExpiredTokenException", "ExpiredToken"),
    ];
    for (signed, key, json_code, query_code) in cases {
        let rest = Ask {
            scope: signed.map(|()| "lambda"),
            key: key.clone(),
            ..ask(&service, Method::POST, "/f/x", "")
        };
        let rest = send(&service, rest).await;
        assert_eq!((rest.status, rest.error_type.as_str()), (403, json_code));
        assert!(rest.json().get("Type").is_none());
        let headers = [("x-amz-target", "Logs_1.Echo")];
        let rpc = Ask {
            headers: &headers,
            scope: signed.map(|()| "logs"),
            key: key.clone(),
            ..ask(&service, Method::POST, "/", "")
        };
        assert_eq!(send(&service, rpc).await.json()["__type"], json_code);
        let headers = [("content-type", FORM)];
        let body = "Action=Who";
        let query = Ask {
            headers: &headers,
            body,
            scope: signed.map(|()| "sts"),
            key,
            ..ask(&service, Method::POST, "/", "")
        };
        let query = send(&service, query).await;
        assert!(
            query.status == 403 && query.text.contains(&format!("<Code>{query_code}</Code>")),
            "{}",
            query.text
        );
    }
}

fn root_account() -> AccountId {
    AccountId::parse("000000000000").unwrap()
}

#[tokio::test]
async fn a_temporary_key_acts_as_its_principal() {
    let service = service();
    let principal = Principal::AssumedRole {
        account: root_account(),
        role: "r".to_owned(),
        session: "f".to_owned(),
        function: None,
    };
    let key = service.keys().issue(&principal, Duration::from_secs(60));
    let answer = send(&service, Ask { key, ..ask(&service, Method::POST, "/f/x", "lambda") }).await;
    assert_eq!(answer.json()["principal"], "arn:aws:sts::000000000000:assumed-role/r/f");
}

#[tokio::test]
async fn a_body_over_the_limit_of_its_operation_is_refused() {
    let service = service();
    let fits =
        send(&service, Ask { body: "0123456789", ..ask(&service, Method::POST, "/f/x", "lambda") }).await;
    assert_eq!(fits.status, 201);
    let large =
        send(&service, Ask { body: "0123456789!", ..ask(&service, Method::POST, "/f/x", "lambda") }).await;
    assert_eq!((large.status, large.error_type.as_str()), (413, "RequestEntityTooLargeException"));
}

#[tokio::test]
async fn a_presigned_url_needs_no_key() {
    let service = service();
    let root = service.keys().root();
    let scope = SigningScope { region: "us-east-1", service: "lambda" };
    let url = crate::wire::sigv4::presign(
        &Method::GET,
        "http://localhost:9440/fail/gone",
        root,
        scope,
        NOW,
        Duration::from_secs(60),
    );
    let request = |url: &str| {
        let host = HeaderValue::from_static("localhost:9440");
        Request::get(url).header(HOST, host).body(Full::new(Bytes::new())).unwrap()
    };
    assert_eq!(service.handle(request(&url)).await.status(), StatusCode::NOT_FOUND);
    let other = url.replace("/fail/gone", "/fail/busy");
    assert_eq!(service.handle(request(&other)).await.status(), StatusCode::FORBIDDEN);
}

#[test]
fn whose_fault_follows_from_the_status() {
    assert_eq!(AwsError::client("X", "").fault, Fault::Client);
    assert_eq!(AwsError::internal("x").fault, Fault::Service);
}
