//! Uploads by forms of browsers: a form is checked here, and its file is put as any other object.
//!
//! Sources: S3 API reference, "POST Object" and "Creating a POST policy" (2026-11); what is said of wrong forms was
//! recorded 2025.

mod fields;
mod policy;
mod signature;

use http::header::{CONTENT_TYPE, ETAG, HOST, HeaderName, HeaderValue, LOCATION};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::access::{Action, denied, everybody_may};
use super::errors::{element, with_details};
use super::{S3Api, convert};
use crate::wire::{Body, full_body};
use fields::Form;
use policy::Policy;
use signature::Signature;

/// Marks the request that puts the file of a form.
#[derive(Clone, Copy)]
pub(super) struct OfForm;

/// Fields that are headers of other uploads, besides those that begin with `x-amz-`.
const HEADERS: [&str; 6] = [
    "cache-control",
    "content-type",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
];
/// What stands in paths as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Whether a request is a form, or should be one: nothing else is posted to a bucket without more words.
pub(super) fn is_form(parts: &Parts, bucket: &str, key: &str) -> bool {
    parts.method == Method::POST
        && !bucket.is_empty()
        && key.is_empty()
        && parts.uri.query().unwrap_or_default().is_empty()
        && !parts.headers.contains_key("x-amz-target")
}

/// Puts the file of a form into a bucket.
pub(super) async fn post(
    api: &S3Api,
    parts: &Parts,
    bucket: &str,
    body: Incoming,
) -> S3Result<Response<Body>> {
    let content_type =
        parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let form = Form::read(content_type, body).await?;
    let key = form.get("key").unwrap_or_default().to_owned();
    if key.is_empty() {
        return Err(missing("key"));
    }
    let sizes = allowed(api, bucket, &key, &form).await?;
    let put = request(api, bucket, &key, &form)?;
    let (answer, etag) = (Answer::of(&form), ETAG);
    let (file, failure) = form.into_file(sizes);
    let put = put.map(|()| s3s::Body::http_body_unsync(file));
    let called = api.trusted.call(put).await;
    let response = called.map_err(|error| S3Error::with_source(S3ErrorCode::InternalError, error.into()))?;
    if let Some(error) = failure.take() {
        return Err(error);
    }
    if !response.status().is_success() {
        return Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()));
    }
    let mut headers = response.headers().clone();
    headers.remove(http::header::CONTENT_LENGTH);
    let etag = headers.get(etag).and_then(|etag| etag.to_str().ok()).unwrap_or_default().to_owned();
    Ok(answer.made(headers, &Made { bucket, key: &key, etag: &etag, url: url(parts, bucket, &key) }))
}

/// Who posts may; gives the sizes that the file may have.
async fn allowed(
    api: &S3Api,
    bucket: &str,
    key: &str,
    form: &Form,
) -> S3Result<std::ops::RangeInclusive<u64>> {
    let refused = || s3_error!(AccessDenied, "Access Denied");
    let Some(text) = form.get("policy") else {
        let public = everybody_may(&api.buckets, bucket, Some(key), Action::Write).await;
        return if public { Ok(0..=u64::MAX) } else { Err(refused()) };
    };
    let signature = Signature::of(form)?.ok_or_else(refused)?;
    signature.verify(&api.keys, text, form.get("x-amz-security-token"), api.clock.now())?;
    let sizes = Policy::read(text)?.check(api.clock.now(), bucket, form)?;
    if denied(&api.buckets, bucket, Some(key), Action::Write) {
        return Err(refused());
    }
    Ok(sizes)
}

/// The request that puts the file, without it.
fn request(api: &S3Api, bucket: &str, key: &str, form: &Form) -> S3Result<Request<()>> {
    let path = format!("/{bucket}/{}", utf8_percent_encode(key, PATH));
    let mut request = Request::put(path).body(()).map_err(S3Error::internal_error)?;
    request.extensions_mut().insert(OfForm);
    let headers = request.headers_mut();
    headers.extend(HeaderValue::from_str(&api.domain).ok().map(|domain| (HOST, domain)));
    for (name, value) in form.iter() {
        let is_header = HEADERS.contains(&name) || (name.starts_with("x-amz-") && !signature::is_part(name));
        let (name, value) = match name {
            "acl" => ("x-amz-acl", value.to_owned()),
            name if name.starts_with("x-amz-meta-") => (name, in_letters(value)),
            name if is_header => (name, value.to_owned()),
            _ => continue,
        };
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    if let Some(tags) = form.get("tagging") {
        let tags = HeaderValue::from_str(&tags_as_form(tags)?).map_err(S3Error::internal_error)?;
        headers.insert("x-amz-tagging", tags);
    }
    Ok(request)
}

/// Metadata as headers carry it (RFC 2047, section 4).
fn in_letters(text: &str) -> String {
    use base64::Engine as _;
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    if plain && !text.starts_with("=?") {
        return text.to_owned();
    }
    format!("=?UTF-8?B?{}?=", base64::engine::general_purpose::STANDARD.encode(text))
}

/// Tags stand in a form as the document of `PutObjectTagging`; another document is one without tags (recorded 2025).
fn tags_as_form(document: &str) -> S3Result<String> {
    use s3s::xml::{Deserialize as _, Deserializer};
    if !document.trim_start().starts_with('<') {
        return Err(convert::malformed());
    }
    let read = s3s::dto::Tagging::deserialize(&mut Deserializer::new(document.as_bytes()));
    let tags = read.map(|tagging| tagging.tag_set).unwrap_or_default();
    let encode =
        |text: Option<String>| utf8_percent_encode(&text.unwrap_or_default(), NON_ALPHANUMERIC).to_string();
    let pair = |tag: s3s::dto::Tag| format!("{}={}", encode(tag.key), encode(tag.value));
    Ok(tags.into_iter().map(pair).collect::<Vec<_>>().join("&"))
}

/// The URL of an object, at the address by which the form was sent.
fn url(parts: &Parts, bucket: &str, key: &str) -> String {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let key = utf8_percent_encode(key, PATH);
    if host.strip_prefix(bucket).is_some_and(|rest| rest.starts_with('.')) {
        format!("http://{host}/{key}")
    } else if host.starts_with("s3.") {
        format!("http://{bucket}.{host}/{key}")
    } else {
        format!("http://{host}/{bucket}/{key}")
    }
}

/// What a form lacks.
fn missing(name: &str) -> S3Error {
    let message = format!(
        "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
    );
    let error = S3Error::with_message(S3ErrorCode::InvalidArgument, message);
    with_details(error, &[("ArgumentName", name), ("ArgumentValue", "")])
}

/// The object that a form made.
struct Made<'a> {
    bucket: &'a str,
    key: &'a str,
    etag: &'a str,
    url: String,
}

/// How a form is answered.
struct Answer {
    redirect: Option<String>,
    status: StatusCode,
}

impl Answer {
    fn of(form: &Form) -> Self {
        let redirect = form.get("success_action_redirect").or_else(|| form.get("redirect"));
        // What is no URL is as good as none.
        let is_url = |text: &&str| {
            text.parse::<http::Uri>().is_ok_and(|uri| uri.scheme().is_some() && uri.authority().is_some())
        };
        let status = match form.get("success_action_status") {
            Some("200") => StatusCode::OK,
            Some("201") => StatusCode::CREATED,
            _ => StatusCode::NO_CONTENT,
        };
        Self { redirect: redirect.filter(is_url).map(str::to_owned), status }
    }

    fn made(self, headers: HeaderMap, made: &Made<'_>) -> Response<Body> {
        let mut response = Response::new(full_body(""));
        *response.headers_mut() = headers;
        let mut location = made.url.clone();
        *response.status_mut() = self.status;
        if let Some(redirect) = self.redirect {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let mark = if redirect.contains('?') { '&' } else { '?' };
            let (bucket, key, etag) = (encode(made.bucket), encode(made.key), encode(made.etag));
            location = format!("{redirect}{mark}bucket={bucket}&key={key}&etag={etag}");
            *response.status_mut() = StatusCode::SEE_OTHER;
        } else if self.status == StatusCode::CREATED {
            let members = [
                ("Location", made.url.as_str()),
                ("Bucket", made.bucket),
                ("Key", made.key),
                ("ETag", made.etag),
            ];
            let members: String = members.iter().map(|(name, value)| element(name, value)).collect();
            let text =
                format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>{members}</PostResponse>");
            *response.body_mut() = full_body(text);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        }
        let location = HeaderValue::from_str(&location).ok();
        response.headers_mut().extend(location.map(|location| (LOCATION, location)));
        response
    }
}
