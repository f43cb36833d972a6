//! A client for tests: signs requests as SDKs do, and reads the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use ebb_model::{AccessKeyId, AccountId, Clock, Credentials, Region, SecretAccessKey, Timestamp};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;

use crate::wire::Api;
use crate::wire::credentials::KeyRing;
use crate::wire::sigv4::{SigningScope, sign};
use crate::{AwsConfig, AwsService};

/// 2026-11-25T04:59:00Z.
pub(crate) const NOW: i64 = 1_795_582_740_000;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(NOW)))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn account() -> AccountId {
    AccountId::parse("000000000000").unwrap()
}

pub(crate) fn keys() -> KeyRing {
    let root = Credentials {
        access_key_id: AccessKeyId("AKIAROOT".to_owned()),
        secret_access_key: SecretAccessKey::new("secret".to_owned()),
        session_token: None,
    };
    KeyRing::new(root, account(), TestClock::new())
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The text of the first XML element of this name.
    pub(crate) fn element(&self, name: &str) -> &str {
        let (_, rest) = self.text.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{}", self.text));
        rest.split_once(&format!("</{name}>")).unwrap().0
    }
}

/// A client of one service.
pub(crate) struct Client {
    service: AwsService,
    name: &'static str,
    key: Credentials,
}

impl Client {
    pub(crate) fn new(api: Api, keys: &KeyRing) -> Self {
        let config =
            AwsConfig { region: Region::parse("us-east-1").unwrap(), account: account(), scheme: "http" };
        let (name, key) = (api.service, keys.root().clone());
        Self { service: AwsService::new(config, keys.clone(), TestClock::new(), vec![api]), name, key }
    }

    /// The same, with another key.
    pub(crate) fn with_key(&self, key: Credentials) -> Self {
        Self { service: self.service.clone(), name: self.name, key }
    }

    /// Calls a JSON operation.
    pub(crate) async fn json(&self, target: &str, body: &Value) -> Answer {
        self.send(
            &[("x-amz-target", target), ("content-type", "application/x-amz-json-1.1")],
            &body.to_string(),
        )
        .await
    }

    /// Calls a query operation.
    pub(crate) async fn form(&self, body: &str) -> Answer {
        self.send(&[("content-type", "application/x-www-form-urlencoded; charset=utf-8")], body).await
    }

    /// Calls a REST-JSON operation.
    pub(crate) async fn rest(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.request(method, path, &[], &body).await
    }

    async fn send(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        self.request("POST", "/", headers, body).await
    }

    async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("http://localhost:9440{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let scope = SigningScope { region: "us-east-1", service: self.name };
        sign(&mut parts, body.as_bytes(), &self.key, scope, Timestamp(NOW));
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        let response = self.service.handle(Request::from_parts(parts, body)).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }
}
