//! What errors tell besides their code and message: which bucket, key, version or upload they are about.

use std::sync::Arc;

use base64::Engine as _;
use http::header::{
    ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SERVER,
    TRANSFER_ENCODING,
};
use http::request::Parts;
use http::{Method, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::{S3Error, S3ErrorCode, S3Response};

use ebb_model::{Clock, RequestId};

use super::access::virtual_bucket;
use super::forms;
use super::signatures::Signed;
use crate::wire::{Body, QueryString, full_body};

/// The header that carries further elements of an error as far as here, as a form: it goes no further.
const DETAILS: &str = "x-ebb-error-details";

/// An error that tells more than a code and a message: elements by their names.
pub(super) fn with_details(mut error: S3Error, details: &[(&str, &str)]) -> S3Error {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", encode(value));
    let form = details.iter().map(pair).collect::<Vec<_>>().join("&");
    let mut headers = error.headers().cloned().unwrap_or_default();
    headers.extend(HeaderValue::from_str(&form).ok().map(|form| (HeaderName::from_static(DETAILS), form)));
    error.set_headers(headers);
    error
}

/// An error as an answer.
pub(super) fn answer(error: S3Error) -> Response<Body> {
    match error.to_http_response() {
        Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
        Err(error) => {
            tracing::error!(%error, "an error cannot be told");
            let mut response = Response::new(full_body("<Error><Code>InternalError</Code></Error>"));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

/// Whether a request that is to change something has no body.
pub(super) fn has_no_body(parts: &Parts) -> bool {
    let length = parts.headers.get(CONTENT_LENGTH).map(HeaderValue::as_bytes);
    matches!(parts.method, Method::PUT | Method::POST)
        && length.is_none_or(|length| length == b"0")
        && !parts.headers.contains_key(TRANSFER_ENCODING)
}

/// Says of a document that cannot be read that there is none, where there is none. Source: S3 API reference, "List of
/// error codes" (2026-11).
pub(super) async fn missing_body(response: Response<Body>, has_no_body: bool) -> Response<Body> {
    if !has_no_body || response.status() != StatusCode::BAD_REQUEST {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if !String::from_utf8_lossy(&body).contains("<Code>MalformedXML</Code>") {
        return Response::from_parts(parts, full_body(body));
    }
    let code = S3ErrorCode::Custom("MissingRequestBodyError".into());
    let mut error = S3Error::with_message(code, "Request Body is empty");
    error.set_status_code(StatusCode::BAD_REQUEST);
    answer(error)
}

/// The header that carries the status of an answer as far as here, where it is not the one that the protocol's crate
/// gives: it goes no further.
const STATUS: &str = "x-ebb-status";

/// An answer with a status of its own.
pub(super) fn with_status<T>(output: T, status: StatusCode) -> S3Response<T> {
    let mut answer = S3Response::new(output);
    answer.headers.insert(STATUS, HeaderValue::from(status.as_u16()));
    answer
}

/// What a request is about, kept aside until its answer is there.
pub(super) struct About {
    bucket: String,
    key: String,
    version: Option<String>,
    upload: Option<String>,
    method: String,
    /// Whether it asks for the attributes of an object.
    asks_attributes: bool,
    /// Whether the query asks for something about the bucket or object.
    asks_more: bool,
    /// Whether it asks for a document, and not for an object.
    asks_document: bool,
    signed: Option<Signed>,
    clock: Arc<dyn Clock>,
    /// The id of the request, and another that the service has besides.
    ids: (String, String),
}

impl About {
    pub(super) fn of(parts: &Parts, domain: &str, clock: Arc<dyn Clock>) -> Self {
        let host =
            parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let path = path(&parts.uri);
        let (bucket, key) = match virtual_bucket(host, domain) {
            Some(bucket) => (bucket.to_owned(), path),
            None => path
                .split_once('/')
                .map_or((path.clone(), String::new()), |(bucket, key)| (bucket.to_owned(), key.to_owned())),
        };
        let query = QueryString::parse(parts.uri.query().unwrap_or_default());
        let parameter = |name: &str| query.get(name).map(str::to_owned);
        let random = || RequestId::random().uuid().simple().to_string();
        let ids = (random()[..16].to_ascii_uppercase(), random());
        let asks_document = key.is_empty() || DOCUMENTS.iter().any(|name| query.get(name).is_some());
        Self {
            bucket,
            key,
            version: parameter("versionId"),
            upload: parameter("uploadId"),
            method: parts.method.to_string(),
            asks_attributes: query.get("attributes").is_some(),
            asks_more: parts.uri.query().is_some_and(|query| !query.is_empty()),
            asks_document,
            signed: Signed::of(parts, host, domain),
            clock,
            ids,
        }
    }

    /// The bucket to which a form is posted, where one is.
    pub(super) fn bucket_of_form(&self, parts: &Parts) -> Option<&str> {
        forms::is_form(parts, &self.bucket, &self.key).then_some(self.bucket.as_str())
    }

    /// Whether it makes a bucket.
    pub(super) fn makes_a_bucket(&self) -> bool {
        self.method == "PUT" && self.key.is_empty() && !self.asks_more
    }

    /// The bucket, where it is only read, and no object.
    pub(super) fn bucket_read(&self) -> Option<&str> {
        let reads = self.key.is_empty() && ["GET", "HEAD"].contains(&self.method.as_str());
        Some(self.bucket.as_str()).filter(|bucket| reads && !bucket.is_empty())
    }

    /// The answer, with more in it where it is an error, and the status of a part where it is one: `HeadObject`'s answer
    /// has no place for it in s3s.
    pub(super) async fn tell(self, mut response: Response<Body>) -> Response<Body> {
        if response.status() == StatusCode::OK && response.headers().contains_key(CONTENT_RANGE) {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        let status = response.headers_mut().remove(STATUS);
        let status = status.and_then(|status| StatusCode::from_bytes(status.as_bytes()).ok());
        if let Some(status) = status {
            *response.status_mut() = status;
        }
        for (name, id) in [("x-amz-request-id", &self.ids.0), ("x-amz-id-2", &self.ids.1)] {
            if let Ok(id) = HeaderValue::from_str(id) {
                response.headers_mut().insert(name, id);
            }
        }
        response.headers_mut().insert(SERVER, HeaderValue::from_static("AmazonS3"));
        let is_error = response.status().is_client_error() || response.status().is_server_error();
        if !is_error {
            metadata_in_letters(response.headers_mut());
            return if self.is_completed_here() { self.complete(response).await } else { response };
        }
        let (mut parts, body) = response.into_parts();
        let details = parts.headers.remove(DETAILS);
        let details = details.as_ref().and_then(|details| details.to_str().ok()).unwrap_or_default();
        let details = QueryString::parse(details);
        // Errors are made whole, and short.
        let Ok(body) = body.collect().await else {
            return Response::from_parts(parts, full_body(""));
        };
        let body = body.to_bytes();
        let text = String::from_utf8_lossy(&body);
        let Some((before, after)) = text.rsplit_once("</Error>") else {
            return Response::from_parts(parts, full_body(body));
        };
        let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        let code = code.map(|(code, _)| code).unwrap_or_default();
        let mut more = if text.contains("<Message>") {
            String::new()
        } else {
            default_message(code).map(|message| element("Message", message)).unwrap_or_default()
        };
        // A copy may be about another key than the request.
        if details.get("Key").is_none() {
            more.push_str(&self.more(code, &text));
        }
        more.extend(details.iter().map(|(name, value)| element(name, value)));
        if !text.contains("<RequestId>") {
            more.push_str(&element("RequestId", &self.ids.0));
            more.push_str(&element("HostId", &self.ids.1));
        }
        let (before, said) = in_words_of_the_service(before);
        more.push_str(&said);
        let before = before.replacen("?><Error>", "?>\n<Error>", 1);
        let text = format!("{before}{more}</Error>{after}");
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        if code == "MethodNotAllowed" {
            parts.headers.insert(ALLOW, HeaderValue::from_static("DELETE"));
        }
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
        Response::from_parts(parts, full_body(text))
    }

    /// Whether the answer is a document, in which some things are missing that the protocol's crate does not know: a new
    /// line after its first, ARNs in the list of buckets, and entity tags without quotes in attributes.
    fn is_completed_here(&self) -> bool {
        self.method == "GET" && (self.asks_document || self.asks_attributes)
    }

    async fn complete(self, response: Response<Body>) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        let Ok(body) = body.collect().await else {
            return Response::from_parts(parts, full_body(""));
        };
        let body = body.to_bytes();
        let text = String::from_utf8_lossy(&body);
        let text = if self.asks_attributes {
            text.replace("<ETag>&quot;", "<ETag>")
                .replace("&quot;</ETag>", "</ETag>")
                .replace("<ETag>\"", "<ETag>")
                .replace("\"</ETag>", "</ETag>")
        } else if self.bucket.is_empty() {
            with_arns(&text)
        } else {
            text.into_owned()
        };
        let text = text.replacen("?><", "?>\n<", 1);
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
        Response::from_parts(parts, full_body(text))
    }

    fn more(&self, code: &str, text: &str) -> String {
        match code {
            "SignatureDoesNotMatch" => self.signed.as_ref().map(Signed::explained).unwrap_or_default(),
            "AccessDenied" if text.contains("<Message>Request has expired<") => {
                self.signed.as_ref().map(|signed| signed.expired(&*self.clock)).unwrap_or_default()
            }
            "NoSuchKey" => element("Key", &self.key),
            "NoSuchVersion" => {
                let version = self.version.as_deref().unwrap_or_default();
                element("Key", &self.key) + &element("VersionId", version)
            }
            "MethodNotAllowed" => element("Method", &self.method) + &element("ResourceType", "DeleteMarker"),
            "MissingSecurityHeader" => element("MissingHeaderName", "x-amz-acl"),
            "InvalidPartOrder" => element("UploadId", self.upload.as_deref().unwrap_or_default()),
            "NoSuchUpload" => element("UploadId", self.upload.as_deref().unwrap_or_default()),
            "NoSuchBucket"
            | "NoSuchBucketPolicy"
            | "NoSuchCORSConfiguration"
            | "NoSuchLifecycleConfiguration"
            | "NoSuchPublicAccessBlockConfiguration"
            | "NoSuchTagSet"
            | "NoSuchWebsiteConfiguration"
            | "ObjectLockConfigurationNotFoundError"
            | "ReplicationConfigurationNotFoundError"
            | "OwnershipControlsNotFoundError"
            | "BucketAlreadyExists"
            | "BucketAlreadyOwnedByYou"
            | "BucketNotEmpty"
            | "InvalidBucketName" => element("BucketName", &self.bucket),
            _ => String::new(),
        }
    }
}

/// What the protocol's crate cannot read, as the service says it (recorded 2025): the document, and more elements.
fn in_words_of_the_service(document: &str) -> (String, String) {
    let wrong = document.split_once("<Message>invalid ").and_then(|(before, rest)| {
        let (wrong, after) = rest.split_once("</Message>")?;
        let (kind, wrong) = wrong.split_once(": ")?;
        let (name, value) = wrong.split_once(": ")?;
        Some((before, kind, name, value, after))
    });
    let (before, message, name, value, after) = match wrong {
        Some((before, "header", name @ "x-amz-copy-source", _, after)) => {
            (before, "Invalid copy source object key".to_owned(), name, name, after)
        }
        Some((
            before,
            "query",
            name @ ("max-keys" | "max-parts" | "max-uploads" | "part-number-marker"),
            value,
            after,
        )) => (before, format!("Provided {name} not an integer or within integer range"), name, value, after),
        _ => return (document.to_owned(), String::new()),
    };
    let said = element("ArgumentName", name) + &element("ArgumentValue", value);
    (format!("{before}{}{after}", element("Message", &message)), said)
}

/// Parameters that ask for something about an object instead of the object.
const DOCUMENTS: [&str; 5] = ["acl", "legal-hold", "retention", "tagging", "uploadId"];

/// Metadata that is no ASCII in the notation of the service: quoted, where the protocol's crate writes base64 (RFC 2047,
/// section 4; recorded 2025).
fn metadata_in_letters(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut().filter(|(name, _)| name.as_str().starts_with("x-amz-meta-")) {
        let text = value.to_str().unwrap_or_default();
        let words = text.split_ascii_whitespace().map(|word| {
            let word = word.strip_prefix("=?UTF-8?B?")?.strip_suffix("?=")?;
            base64::engine::general_purpose::STANDARD.decode(word).ok()
        });
        let Some(words) = words.collect::<Option<Vec<_>>>().filter(|words| !words.is_empty()) else {
            continue;
        };
        let bytes = words.concat();
        let letters = String::from_utf8_lossy(&bytes);
        // What is no text stays as it is.
        if letters.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
            continue;
        }
        let quoted: String = bytes.iter().map(|byte| quoted(*byte)).collect();
        match HeaderValue::from_str(&format!("=?UTF-8?Q?{quoted}?=")) {
            Ok(quoted) => *value = quoted,
            Err(error) => tracing::debug!(%name, %error, "metadata cannot be quoted"),
        }
    }
}

fn quoted(byte: u8) -> String {
    match byte {
        b' ' => "_".to_owned(),
        b'_' | b'?' | b'=' => format!("={byte:02X}"),
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("={byte:02X}"),
    }
}

/// The list of buckets, with the ARN of each.
fn with_arns(text: &str) -> String {
    let mut whole = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<Bucket>") {
        whole.push_str(before);
        whole.push_str("<Bucket>");
        let name = after.split_once("<Name>").and_then(|(_, after)| after.split_once("</Name>"));
        if let Some((name, _)) = name {
            whole.push_str(&element("BucketArn", &format!("arn:aws:s3:::{name}")));
        }
        rest = after;
    }
    whole + rest
}

/// What the service says where nothing else is said. Source: S3 API reference, "Error responses" (2026-11).
fn default_message(code: &str) -> Option<&'static str> {
    Some(match code {
        "AccessDenied" => "Access Denied",
        "EntityTooLarge" => "Your proposed upload exceeds the maximum allowed size",
        "EntityTooSmall" => "Your proposed upload is smaller than the minimum allowed size",
        "IncompleteBody" => {
            "You did not provide the number of bytes specified by the Content-Length HTTP header"
        }
        "InternalError" => "We encountered an internal error. Please try again.",
        "InvalidAccessKeyId" => "The AWS Access Key Id you provided does not exist in our records.",
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long",
        "MalformedXML" => {
            "The XML you provided was not well-formed or did not validate against our published schema"
        }
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "MissingRequestBodyError" => "Request Body is empty",
        "SignatureDoesNotMatch" => {
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        }
        _ => return None,
    })
}

/// The path without its first slash, decoded.
fn path(uri: &Uri) -> String {
    let path = uri.path().strip_prefix('/').unwrap_or(uri.path());
    percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()
}

pub(super) fn element(name: &str, value: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(value))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
