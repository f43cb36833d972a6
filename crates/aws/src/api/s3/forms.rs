//! Uploads by forms of browsers: their fields stand for the headers of other uploads.
//!
//! Source: S3 API reference, "POST Object" (2026-11).

use http::header::{HeaderMap, HeaderName, HeaderValue};
use s3s::S3Request;
use s3s::dto::*;

/// The upload of a form as any other. The headers of its request are about the form, so those of the object are made of
/// the fields. The protocol's crate does not tell the field `tagging`.
pub(super) fn as_headers(mut request: S3Request<PutObjectInput>) -> S3Request<PutObjectInput> {
    let input = &request.input;
    let fields = [
        ("content-type", input.content_type.clone()),
        ("content-encoding", input.content_encoding.clone()),
        ("content-disposition", input.content_disposition.clone()),
        ("content-language", input.content_language.clone()),
        ("cache-control", input.cache_control.clone()),
        ("expires", input.expires.as_ref().and_then(http_date)),
        ("x-amz-storage-class", input.storage_class.as_ref().map(|class| class.as_str().to_owned())),
        ("x-amz-website-redirect-location", input.website_redirect_location.clone()),
        ("x-amz-tagging", input.tagging.clone()),
        (
            "x-amz-server-side-encryption",
            input.server_side_encryption.as_ref().map(|algorithm| algorithm.as_str().to_owned()),
        ),
        ("x-amz-server-side-encryption-aws-kms-key-id", input.ssekms_key_id.clone()),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let value = value.and_then(|value| HeaderValue::from_str(&value).ok());
        headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
    }
    request.headers = headers;
    request
}

fn http_date(at: &Timestamp) -> Option<String> {
    let mut text = Vec::new();
    at.format(TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}
