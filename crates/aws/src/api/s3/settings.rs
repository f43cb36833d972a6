//! Configurations that are kept as they are given, and those of them that are acted on here: CORS.

use ebb_sources::bucket::{Bucket, Buckets};
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use s3s::dto::CORSRule;
use s3s::{S3Error, S3ErrorCode, S3Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

use super::access::virtual_bucket;
use super::convert;
use crate::wire::{Body, empty_body, full_body};

pub(super) const CORS: &str = "cors";
pub(super) const POLICY: &str = "policy";
pub(super) const PUBLIC_ACCESS_BLOCK: &str = "public-access-block";
pub(super) const LIFECYCLE: &str = "lifecycle";
pub(super) const WEBSITE: &str = "website";
pub(super) const ENCRYPTION: &str = "encryption";
pub(super) const OWNERSHIP: &str = "ownership";
pub(super) const OBJECT_LOCK: &str = "object-lock";
pub(super) const ACL: &str = "acl";
pub(super) const ACCELERATE: &str = "accelerate";
pub(super) const LOGGING: &str = "logging";
pub(super) const REPLICATION: &str = "replication";
pub(super) const REQUEST_PAYMENT: &str = "request-payment";

/// Checks rules for pages of other origins. Source: S3 user guide, "Elements of a CORS configuration" (2026-11).
pub(super) fn check_cors(rules: &[CORSRule]) -> S3Result<()> {
    if rules.is_empty() || rules.len() > 100 {
        return Err(convert::malformed());
    }
    let is_known = |method: &str| ["GET", "PUT", "HEAD", "POST", "DELETE"].contains(&method);
    let unknown = rules.iter().flat_map(|rule| &rule.allowed_methods).find(|method| !is_known(method));
    match unknown {
        Some(method) => {
            let message =
                format!("Found unsupported HTTP method in CORS config. Unsupported method is {method}");
            Err(S3Error::with_message(S3ErrorCode::InvalidRequest, message))
        }
        None => Ok(()),
    }
}

/// Keeps a configuration.
pub(super) async fn set(buckets: &Buckets, bucket: &str, kind: &str, value: &impl Serialize) -> S3Result<()> {
    let text = serde_json::to_string(value).map_err(S3Error::internal_error)?;
    let set = buckets.configure(bucket, |bucket| {
        bucket.settings.insert(kind.to_owned(), text.clone());
        Ok(())
    });
    set.await.map(drop).map_err(convert::error)
}

/// Takes a configuration away.
pub(super) async fn unset(buckets: &Buckets, bucket: &str, kind: &str) -> S3Result<()> {
    let unset = buckets.configure(bucket, |bucket| {
        bucket.settings.remove(kind);
        Ok(())
    });
    unset.await.map(drop).map_err(convert::error)
}

/// A configuration, where there is one.
pub(super) fn find<T: DeserializeOwned>(buckets: &Buckets, bucket: &str, kind: &str) -> S3Result<Option<T>> {
    let bucket = buckets.bucket(bucket).map_err(convert::error)?;
    of(&bucket, kind)
}

/// As [`find`], of a bucket that is at hand.
pub(super) fn of<T: DeserializeOwned>(bucket: &Bucket, kind: &str) -> S3Result<Option<T>> {
    bucket
        .settings
        .get(kind)
        .map(|text| serde_json::from_str(text).map_err(S3Error::internal_error))
        .transpose()
}

/// A configuration; the error of the service where there is none.
pub(super) fn get<T: DeserializeOwned>(
    buckets: &Buckets,
    bucket: &str,
    kind: &str,
    (code, message): (S3ErrorCode, &'static str),
) -> S3Result<T> {
    find(buckets, bucket, kind)?.ok_or_else(|| convert::not_found(code, message))
}

/// The bucket that a request names by its host or its path.
fn named(buckets: &Buckets, domain: &str, parts: &Parts) -> Option<Arc<Bucket>> {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = virtual_bucket(host, domain)
        .or_else(|| parts.uri.path().trim_start_matches('/').split('/').next())?;
    buckets.bucket(name).ok()
}

/// The rule that lets a page of another origin do this.
fn rule(bucket: &Bucket, origin: &str, method: &str, headers: &[String]) -> Option<(CORSRule, bool)> {
    let rules: Vec<CORSRule> = of(bucket, CORS).ok()??;
    let like =
        |form: &str, text: &str| ebb_model::like(&form.to_ascii_lowercase(), &text.to_ascii_lowercase());
    rules.into_iter().find_map(|rule| {
        let by_origin = rule.allowed_origins.iter().find(|form| like(form, origin))?;
        let any = by_origin == "*";
        let allowed = rule.allowed_headers.clone().unwrap_or_default();
        let holds = rule.allowed_methods.iter().any(|allowed| allowed == method)
            && headers.iter().all(|header| allowed.iter().any(|form| like(form, header)));
        holds.then_some((rule, any))
    })
}

/// The answer to a browser that asks whether it may. Source: S3 user guide, "How does Amazon S3 evaluate the CORS
/// configuration on a bucket?" (2026-11).
pub(super) fn preflight(buckets: &Buckets, domain: &str, parts: &Parts) -> Option<Response<Body>> {
    if parts.method != Method::OPTIONS {
        return None;
    }
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let (origin, method) = (text("origin"), text("access-control-request-method"));
    let Some(origin) = origin else {
        let message = "Insufficient information. Origin request header needed.";
        return Some(refused(StatusCode::BAD_REQUEST, "BadRequest", message, None));
    };
    let asked: Vec<String> = text("access-control-request-headers")
        .map(|headers| {
            headers
                .split(',')
                .map(|header| header.trim().to_owned())
                .filter(|header| !header.is_empty())
                .collect()
        })
        .unwrap_or_default();
    let forbidden = |message: &str, what: &str| {
        let about = (method.unwrap_or("OPTIONS"), what);
        Some(refused(StatusCode::FORBIDDEN, "AccessForbidden", message, Some(about)))
    };
    let Some(bucket) = named(buckets, domain, parts) else {
        return forbidden("CORSResponse: Bucket not found", "BUCKET");
    };
    if !bucket.settings.contains_key(CORS) {
        return forbidden("CORSResponse: CORS is not enabled for this bucket.", "BUCKET");
    }
    let found = method.and_then(|method| rule(&bucket, origin, method, &asked));
    let Some((rule, any)) = found else {
        let message = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / \
                       Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the \
                       resource's CORS spec.";
        return forbidden(message, "OBJECT");
    };
    let mut response = Response::new(empty_body());
    let headers = response.headers_mut();
    headers.extend(shared(&rule, any, origin));
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    if !asked.is_empty() {
        put("access-control-allow-headers", &asked.join(", "));
    }
    Some(response)
}

fn refused(status: StatusCode, code: &str, message: &str, about: Option<(&str, &str)>) -> Response<Body> {
    let about =
        about.map(|(method, what)| format!("<Method>{method}</Method><ResourceType>{what}</ResourceType>"));
    let about = about.unwrap_or_default();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message>{about}</Error>"
    );
    let mut response = Response::new(full_body(text));
    *response.status_mut() = status;
    response
}

/// What an answer says to a page of another origin.
pub(super) fn allowed_origin(buckets: &Buckets, domain: &str, parts: &Parts) -> HeaderMap {
    let Some(origin) = parts.headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()) else {
        return HeaderMap::new();
    };
    let found =
        named(buckets, domain, parts).and_then(|bucket| rule(&bucket, origin, parts.method.as_str(), &[]));
    found.map(|(rule, any)| shared(&rule, any, origin)).unwrap_or_default()
}

fn shared(rule: &CORSRule, any: bool, origin: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("access-control-allow-origin", if any { "*" } else { origin });
    if !any {
        put("access-control-allow-credentials", "true");
    }
    put("access-control-allow-methods", &rule.allowed_methods.join(", "));
    if let Some(seconds) = rule.max_age_seconds {
        put("access-control-max-age", &seconds.to_string());
    }
    if let Some(exposed) = &rule.expose_headers {
        put("access-control-expose-headers", &exposed.join(", "));
    }
    headers.insert(
        VARY,
        HeaderValue::from_static("Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
    );
    headers
}
