//! The buckets that keep key-value stores, reached as every function reaches them: by the control API, with its own key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::signature::{Keys, hex, now};

/// The variables that say where the services are and whose the calls are.
pub(super) const VARIABLES: &[&str] = &[
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
];

/// The buckets of a function.
#[derive(Debug)]
pub(super) struct Buckets {
    /// Host and port.
    authority: String,
    keys: Keys,
    /// Those that are known to be there.
    made: Mutex<BTreeSet<String>>,
}

impl Buckets {
    /// Those that this environment leads to.
    pub(super) fn of(environment: &BTreeMap<String, String>) -> Self {
        let value = |name: &str| environment.get(name).cloned().unwrap_or_default();
        let endpoint = value("AWS_ENDPOINT_URL");
        Self {
            authority: endpoint.trim_start_matches("http://").to_owned(),
            keys: Keys {
                id: value("AWS_ACCESS_KEY_ID"),
                secret: value("AWS_SECRET_ACCESS_KEY"),
                token: environment.get("AWS_SESSION_TOKEN").cloned(),
                region: value("AWS_REGION"),
            },
            made: Mutex::default(),
        }
    }

    /// The value of a key; none where it has none.
    ///
    /// # Errors
    /// What went wrong, for whoever wrote the component.
    pub(super) async fn get(&self, bucket: &str, key: &str) -> Result<Option<Bytes>, String> {
        match self.object(Method::GET, bucket, key, Vec::new()).await? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (_, body) => Ok(Some(body)),
        }
    }

    /// Whether a key has a value.
    ///
    /// # Errors
    /// As in [`Buckets::get`].
    pub(super) async fn has(&self, bucket: &str, key: &str) -> Result<bool, String> {
        let (status, _) = self.object(Method::HEAD, bucket, key, Vec::new()).await?;
        Ok(status != StatusCode::NOT_FOUND)
    }

    /// Sets the value of a key. Makes the bucket, where it is the first.
    ///
    /// # Errors
    /// As in [`Buckets::get`].
    pub(super) async fn put(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), String> {
        self.make(bucket).await?;
        self.object(Method::PUT, bucket, key, value).await.map(|_| ())
    }

    /// Removes a key, where it is there.
    ///
    /// # Errors
    /// As in [`Buckets::get`].
    pub(super) async fn delete(&self, bucket: &str, key: &str) -> Result<(), String> {
        self.object(Method::DELETE, bucket, key, Vec::new()).await.map(|_| ())
    }

    /// All keys.
    ///
    /// # Errors
    /// As in [`Buckets::get`].
    pub(super) async fn keys(&self, bucket: &str) -> Result<Vec<String>, String> {
        let mut keys = Vec::new();
        loop {
            let after = keys.last().map(|key: &String| format!("&start-after={}", name_of(key)));
            let target = format!("/{bucket}?list-type=2{}", after.unwrap_or_default());
            let (status, body) = self.call(Method::GET, &target, Vec::new()).await?;
            if status == StatusCode::NOT_FOUND {
                return Ok(keys);
            }
            let page = String::from_utf8_lossy(expected(status, body)?.as_ref()).into_owned();
            keys.extend(between(&page, "<Key>", "</Key>").filter_map(key_of));
            if !page.contains("<IsTruncated>true</IsTruncated>") {
                return Ok(keys);
            }
        }
    }

    async fn object(
        &self,
        method: Method,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), String> {
        let (status, body) = self.call(method, &format!("/{bucket}/{}", name_of(key)), body).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok((status, Bytes::new()));
        }
        Ok((status, expected(status, body)?))
    }

    async fn make(&self, bucket: &str) -> Result<(), String> {
        let is_made = || self.made.lock().unwrap_or_else(PoisonError::into_inner).contains(bucket);
        if is_made() {
            return Ok(());
        }
        let (status, body) = self.call(Method::PUT, &format!("/{bucket}"), Vec::new()).await?;
        // Another instance may have made it.
        if status != StatusCode::CONFLICT {
            expected(status, body)?;
        }
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket.to_owned());
        Ok(())
    }

    async fn call(&self, method: Method, target: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes), String> {
        let failed = |error: &dyn std::fmt::Display| format!("the store cannot be reached: {error}");
        let uri = format!("http://{}{target}", self.authority);
        let mut request =
            Request::builder().method(method).uri(uri).body(body).map_err(|error| failed(&error))?;
        self.keys.sign("s3", &mut request, now());
        let host = HeaderValue::try_from(&self.authority).map_err(|error| failed(&error))?;
        request.headers_mut().insert(HOST, host);
        *request.uri_mut() = target.parse().map_err(|error| failed(&error))?;
        let stream = TcpStream::connect(&self.authority).await.map_err(|error| failed(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| failed(&error))?;
        Ok((status, body.to_bytes()))
    }
}

fn expected(status: StatusCode, body: Bytes) -> Result<Bytes, String> {
    if status.is_success() {
        return Ok(body);
    }
    Err(format!("the store answered {status}: {}", String::from_utf8_lossy(&body)))
}

/// The name of the object that keeps a key: hex keeps the order, and no character of a key means anything to a URL.
fn name_of(key: &str) -> String {
    // An empty name would be the bucket.
    format!("k{}", hex(key.as_bytes()))
}

fn key_of(name: &str) -> Option<String> {
    let digits = name.strip_prefix('k')?.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(digits.chunks(2).map(byte).collect::<Option<_>>()?).ok()
}

fn between<'a>(text: &'a str, start: &'static str, end: &'static str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |rest| rest.split_once(end).map(|(value, _)| value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_a_key() {
        for key in ["", "a", "a/../b?c", "\u{e9}", " "] {
            let name = name_of(key);
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}");
            assert_eq!(key_of(&name).as_deref(), Some(key));
        }
        assert_eq!(key_of("other"), None);
        let page = "<X><Key>k61</Key></X><X><Key>k62</Key></X>";
        assert_eq!(between(page, "<Key>", "</Key>").filter_map(key_of).collect::<Vec<_>>(), ["a", "b"]);
    }
}
