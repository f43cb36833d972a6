//! S3: buckets, on the `s3s` crate, which knows the protocol (routes, XML, signatures of every kind, chunked bodies).
//! What the operations do is in `ebb-sources`; this maps between the two and nothing more.
//!
//! Bodies are streams, so requests come here before the other services collect theirs. Source: S3 API reference
//! (2026-11).

mod access;
mod acl;
mod adapter;
mod body;
mod buckets;
mod checksums;
mod configurations;
mod convert;
mod copies;
mod defaults;
mod encryption;
mod errors;
mod forms;
mod lifecycle;
mod listing;
mod lock;
mod object_tags;
mod objects;
mod reports;
mod restore;
mod settings;
mod signatures;
mod uploads;
mod website;

use ebb_model::Clock;
use ebb_sources::bucket::Buckets;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, RANGE};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::sync::Arc;

use crate::wire::credentials::KeyRing;
use crate::wire::sigv4::Authorization;
use crate::wire::{Body, QueryString, full_body};
use access::{Access, Auth, Hosts, Trusting, virtual_bucket};
use adapter::Adapter;
use errors::About;

/// The service.
#[derive(Clone)]
pub struct S3Api {
    buckets: Buckets,
    domain: String,
    clock: Arc<dyn Clock>,
    service: S3Service,
    /// The same without signatures and permissions, for what was found to be signed and allowed.
    trusted: S3Service,
}

impl S3Api {
    /// The buckets, for whoever signs with one of the keys. `domain` is the server's: `BUCKET.s3.DOMAIN` is a bucket.
    #[must_use]
    pub fn new(buckets: Buckets, keys: KeyRing, clock: Arc<dyn Clock>, domain: String) -> Self {
        let mut builder = S3ServiceBuilder::new(Adapter { buckets: buckets.clone() });
        builder.set_auth(Auth { keys: keys.clone() });
        builder.set_access(Access { buckets: buckets.clone(), keys, clock: Arc::clone(&clock) });
        builder.set_host(Hosts { domain: domain.clone() });
        let mut trusted = S3ServiceBuilder::new(Adapter { buckets: buckets.clone() });
        trusted.set_access(Trusting);
        trusted.set_host(Hosts { domain: domain.clone() });
        Self { buckets, domain, clock, service: builder.build(), trusted: trusted.build() }
    }

    /// Whether a request is for this service: it is signed for it, or names a bucket by its host, or is not signed at
    /// all and names one by its path.
    #[must_use]
    pub fn wants(&self, parts: &Parts) -> bool {
        let query = parts.uri.query().unwrap_or_default();
        match Authorization::read(&parts.headers, query) {
            Ok(Some(authorization)) => authorization.scope().service == "s3",
            Ok(None) if parts.headers.contains_key("x-amz-target") => false,
            Ok(None) => {
                self.names_a_bucket(parts)
                    || query.contains("X-Amz-Credential=") && query.contains("%2Fs3%2F")
            }
            Err(_) => self.names_a_bucket(parts),
        }
    }

    fn names_a_bucket(&self, parts: &Parts) -> bool {
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if virtual_bucket(host, &self.domain).is_some() {
            return true;
        }
        let anonymous = matches!(
            parts.method,
            Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::POST | Method::DELETE
        );
        let first = parts.uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
        anonymous && self.buckets.bucket(first).is_ok()
    }

    /// Answers one request; never fails.
    pub async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let about = |parts: &Parts| About::of(parts, &self.domain, Arc::clone(&self.clock));
        if let Some(answer) = signatures::refuse(&parts) {
            return about(&parts).tell(answer).await;
        }
        take_headers_of_query(&mut parts);
        let without_range = without_range(&parts);
        let method = parts.method.clone();
        if let Some(answer) = settings::preflight(&self.buckets, &self.domain, &parts) {
            return about(&parts).tell(answer).await;
        }
        let origin = settings::allowed_origin(&self.buckets, &self.domain, &parts);
        let about = about(&parts);
        let request = Request::from_parts(parts, s3s::Body::from(body));
        let called = match (self.service.call(request).await, without_range) {
            // A range that makes no sense is as good as none. The request was found to be signed and allowed by then.
            (Ok(response), Some(whole)) if is_bad_range(&response) => self.trusted.call(whole).await,
            (called, _) => called,
        };
        let response = match called {
            Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
            Err(error) => {
                let error: Box<dyn std::error::Error + Send + Sync> = error.into();
                tracing::error!(%error, "a request to a bucket failed");
                let mut response = Response::new(full_body("<Error><Code>InternalError</Code></Error>"));
                *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        };
        let region = about.bucket_read().and_then(|name| self.buckets.bucket(name).ok());
        let region = region.map(|bucket| bucket.region(self.buckets.region()).to_owned());
        let mut response = about.tell(response).await;
        if let Some(region) = region.and_then(|region| HeaderValue::from_str(&region).ok()) {
            response.headers_mut().entry("x-amz-bucket-region").or_insert(region);
        }
        response.headers_mut().extend(origin);
        if method == Method::HEAD {
            *response.body_mut() = crate::wire::empty_body();
        }
        response
    }
}

/// Headers that are signed within the query of a presigned URL count as headers.
fn take_headers_of_query(parts: &mut Parts) {
    let query = QueryString::parse(parts.uri.query().unwrap_or_default());
    if !signatures::is_presigned(&query) {
        return;
    }
    const OF_SIGNATURES: [&str; 7] =
        ["algorithm", "credential", "date", "expires", "signedheaders", "signature", "security-token"];
    for (name, value) in query.iter() {
        let name = name.to_ascii_lowercase();
        let of_signature = name.strip_prefix("x-amz-").is_some_and(|end| OF_SIGNATURES.contains(&end));
        let counts = name.starts_with("x-amz-") || ["if-match", "if-none-match"].contains(&name.as_str());
        if counts
            && !of_signature
            && let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value))
            && !parts.headers.contains_key(&name)
        {
            parts.headers.insert(name, value);
        }
    }
}

/// The request for the whole of an object, where a range of it is asked for.
fn without_range(parts: &Parts) -> Option<Request<s3s::Body>> {
    if !matches!(parts.method, Method::GET | Method::HEAD) || !parts.headers.contains_key(RANGE) {
        return None;
    }
    let mut whole = Request::new(s3s::Body::empty());
    *whole.method_mut() = parts.method.clone();
    let query = parts.uri.query().unwrap_or_default().split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !name.starts_with("X-Amz-") && !["AWSAccessKeyId", "Signature", "Expires"].contains(&name)
    });
    let query = query.collect::<Vec<_>>().join("&");
    *whole.uri_mut() = format!("{}?{query}", parts.uri.path()).parse().ok()?;
    *whole.headers_mut() = parts.headers.clone();
    whole.headers_mut().remove(RANGE);
    whole.headers_mut().remove(AUTHORIZATION);
    Some(whole)
}

/// Whether the protocol's crate could not read a range.
fn is_bad_range(response: &Response<s3s::Body>) -> bool {
    let body = response.body().bytes();
    let text = body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    response.status() == StatusCode::BAD_REQUEST && text.contains("<Message>invalid header: range")
}

impl std::fmt::Debug for S3Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Api").field("domain", &self.domain).finish_non_exhaustive()
    }
}
