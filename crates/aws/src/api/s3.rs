//! S3: buckets, on the `s3s` crate, which knows the protocol (routes, XML, signatures of every kind, chunked bodies).
//! What the operations do is in `ebb-sources`; this maps between the two and nothing more.
//!
//! Bodies are streams, so requests come here before the other services collect theirs. Source: S3 API reference
//! (2026-11).

mod access;
mod acl;
mod adapter;
mod attributes;
mod body;
mod buckets;
mod checksums;
mod conditions;
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
mod mend;
mod notifications;
mod object_tags;
mod objects;
mod reads;
mod reports;
mod restore;
mod settings;
mod signatures;
mod uploads;
mod website;

use ebb_model::Clock;
use ebb_sources::bucket::Buckets;
use http::header::{HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response};
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
use mend::Again;

/// The service.
#[derive(Clone)]
pub struct S3Api {
    buckets: Buckets,
    domain: String,
    keys: KeyRing,
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
        builder.set_access(Access {
            buckets: buckets.clone(),
            keys: keys.clone(),
            clock: Arc::clone(&clock),
        });
        builder.set_host(Hosts { domain: domain.clone() });
        let mut trusted = S3ServiceBuilder::new(Adapter { buckets: buckets.clone() });
        trusted.set_access(Trusting);
        trusted.set_host(Hosts { domain: domain.clone() });
        Self { buckets, domain, keys, clock, service: builder.build(), trusted: trusted.build() }
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
        let again = Again::of(&parts);
        let method = parts.method.clone();
        if let Some(answer) = settings::preflight(&self.buckets, &self.domain, &parts) {
            return about(&parts).tell(answer).await;
        }
        let origin = settings::allowed_origin(&self.buckets, &self.domain, &parts);
        let has_no_body = errors::has_no_body(&parts);
        let about = about(&parts);
        if let Some(bucket) = about.bucket_of_form(&parts) {
            let answer = forms::post(self, &parts, bucket, body).await.unwrap_or_else(errors::answer);
            let mut response = about.tell(answer).await;
            response.headers_mut().extend(origin);
            return response;
        }
        let request = Request::from_parts(parts, body);
        let request = if about.makes_a_bucket() {
            match buckets::keep_configuration(request).await {
                Ok(request) => request,
                Err(error) => return about.tell(errors::answer(error)).await,
            }
        } else {
            request.map(s3s::Body::from)
        };
        let called = match self.service.call(request).await {
            // The request was found to be signed and allowed by then.
            Ok(response) => match again.and_then(|again| again.mended(&response)) {
                Some(mended) => self.trusted.call(mended).await,
                None => Ok(response),
            },
            called => called,
        };
        let response = errors::missing_body(told(called), has_no_body).await;
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

/// What the protocol's crate answered.
fn told(called: Result<Response<s3s::Body>, s3s::HttpError>) -> Response<Body> {
    match called {
        Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
        Err(error) => {
            let error: Box<dyn std::error::Error + Send + Sync> = error.into();
            tracing::error!(%error, "a request to a bucket failed");
            let mut response = Response::new(full_body("<Error><Code>InternalError</Code></Error>"));
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
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

impl std::fmt::Debug for S3Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Api").field("domain", &self.domain).finish_non_exhaustive()
    }
}
