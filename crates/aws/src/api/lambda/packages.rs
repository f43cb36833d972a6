//! Where packages are downloaded from: a route of ebb's own, which the presigned addresses in answers lead to.

use std::time::Duration;

use ebb_model::Digest;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

use super::Lambda;
use crate::wire::{AwsError, Body, Call, full_body};

/// The route.
pub(super) const PATH: &str = "/lambda-packages/{Digest}";

/// How long an address holds. Source: the Lambda API reference, `GetFunction`: ten minutes.
const EXPIRES: Duration = Duration::from_secs(600);

/// An address that gives the package to whoever has it.
pub(super) fn location(lambda: &Lambda, call: &Call, digest: Digest) -> String {
    call.context.presigned_url(&lambda.keys, &format!("/lambda-packages/{digest}"), EXPIRES)
}

pub(super) async fn download(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let missing =
        || AwsError::new("ResourceNotFoundException", StatusCode::NOT_FOUND, "There is no such package.");
    let digest = Digest::parse_hex(call.path.get("Digest")).map_err(|_| missing())?;
    let bytes = lambda.catalog().package(digest).await.map_err(|error| match error {
        ebb_invoker::catalog::CatalogError::Package(_) => missing(),
        other => other.into(),
    })?;
    let mut response = Response::new(full_body(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    Ok(response)
}
