//! The cross-origin settings of an HTTP API, in the terms of those of function URLs.
//!
//! Source: API Gateway developer guide, "Configure CORS for HTTP APIs" (2026-11).

use ebb_model::UrlCors;
use ebb_sources::http_api::Cors;
use http::Method;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::request::Parts;

/// Whether a browser asks what it may do.
pub(crate) fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(ORIGIN)
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The same settings.
pub(crate) fn settings(cors: &Cors) -> UrlCors {
    UrlCors {
        allow_credentials: cors.allow_credentials,
        allow_headers: cors.allow_headers.clone(),
        allow_methods: cors.allow_methods.clone(),
        allow_origins: cors.allow_origins.clone(),
        expose_headers: cors.expose_headers.clone(),
        max_age: cors.max_age.and_then(|seconds| u32::try_from(seconds).ok()),
    }
}
