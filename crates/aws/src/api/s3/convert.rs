//! Between the shapes of the protocol and those of the inside.

use std::collections::BTreeMap;

use ebb_model::Timestamp;
use ebb_sources::bucket::{BucketError, Condition, Headers, NewObject, Object};
use http::HeaderMap;
use http::header::{ETAG, LAST_MODIFIED};
use s3s::dto;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::errors::with_details;

/// Headers that are kept with an object.
const KEPT: [&str; 7] = [
    "content-type",
    "content-encoding",
    "content-language",
    "content-disposition",
    "cache-control",
    "expires",
    "x-amz-website-redirect-location",
];

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(super) fn error(error: BucketError) -> S3Error {
    let code = match &error {
        BucketError::NoSuchBucket => S3ErrorCode::NoSuchBucket,
        BucketError::Exists => S3ErrorCode::BucketAlreadyOwnedByYou,
        BucketError::BucketName => S3ErrorCode::InvalidBucketName,
        BucketError::NotEmpty | BucketError::VersionsLeft => S3ErrorCode::BucketNotEmpty,
        BucketError::NoSuchKey => S3ErrorCode::NoSuchKey,
        BucketError::NoSuchVersion => S3ErrorCode::NoSuchVersion,
        BucketError::DeleteMarker { version, named } => return marker(version.as_deref(), *named),
        BucketError::NoSuchUpload => S3ErrorCode::NoSuchUpload,
        BucketError::InvalidPart => S3ErrorCode::InvalidPart,
        BucketError::PartOrder => S3ErrorCode::InvalidPartOrder,
        BucketError::PartTooSmall => S3ErrorCode::EntityTooSmall,
        BucketError::KeyTooLong => S3ErrorCode::KeyTooLongError,
        BucketError::Precondition(_) => S3ErrorCode::PreconditionFailed,
        BucketError::NotModified => S3ErrorCode::NotModified,
        BucketError::Locked => S3ErrorCode::AccessDenied,
        BucketError::LockMissing => S3ErrorCode::InvalidRequest,
        BucketError::LockPresent => S3ErrorCode::InvalidBucketState,
        BucketError::Conflict => S3ErrorCode::Custom("ConditionalRequestConflict".into()),
        BucketError::Range => S3ErrorCode::InvalidRange,
        BucketError::Digest(_) => S3ErrorCode::BadDigest,
        BucketError::Invalid(_) => S3ErrorCode::InvalidArgument,
        BucketError::Incomplete => S3ErrorCode::IncompleteBody,
        BucketError::Store(cause) => {
            tracing::error!(error = %cause, "a bucket could not be read or written");
            return s3_error!(InternalError, "We encountered an internal error. Please try again.");
        }
    };
    let mut answer = S3Error::with_message(code, error.to_string());
    if let BucketError::Precondition(condition) = &error {
        answer = with_details(answer, &[("Condition", condition)]);
    }
    if matches!(error, BucketError::Conflict | BucketError::LockPresent) {
        answer.set_status_code(http::StatusCode::CONFLICT);
    }
    answer
}

/// The answer to a reader whose conditions do not hold: where it has the object as it is, it is told which that is.
pub(super) fn unmet(error: BucketError, object: &Object) -> S3Error {
    let is_same = matches!(error, BucketError::NotModified);
    let mut answer = self::error(error);
    if is_same {
        let mut headers = HeaderMap::new();
        let modified = object.modified.format("%a, %d %b %Y %H:%M:%S GMT");
        for (name, value) in [(ETAG, format!("\"{}\"", object.etag)), (LAST_MODIFIED, modified)] {
            headers.extend(value.parse().ok().map(|value: http::HeaderValue| (name, value)));
        }
        answer.set_headers(headers);
    }
    answer
}

/// What asks for a delete marker hears that there is one.
fn marker(version: Option<&str>, named: bool) -> S3Error {
    let mut answer = if named {
        s3_error!(MethodNotAllowed, "The specified method is not allowed against this resource.")
    } else {
        s3_error!(NoSuchKey, "The specified key does not exist.")
    };
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-delete-marker", http::HeaderValue::from_static("true"));
    if let Some(version) = version.and_then(|version| version.parse().ok()) {
        headers.insert("x-amz-version-id", version);
    }
    answer.set_headers(headers);
    answer
}

pub(super) fn bad_request(message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom("BadRequest".into()), message);
    error.set_status_code(http::StatusCode::BAD_REQUEST);
    error
}

pub(super) fn malformed() -> S3Error {
    s3_error!(
        MalformedXML,
        "The XML you provided was not well-formed or did not validate against our published schema"
    )
}

pub(super) fn not_found(code: S3ErrorCode, message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(code, message);
    error.set_status_code(http::StatusCode::NOT_FOUND);
    error
}

/// An object to be, from the headers of the request that makes it.
pub(super) fn new_object(
    key: &str,
    headers: &HeaderMap,
    metadata: Option<&dto::Metadata>,
) -> S3Result<NewObject> {
    let metadata: BTreeMap<String, String> = metadata
        .iter()
        .flat_map(|metadata| metadata.iter())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > 2048 {
        return Err(s3_error!(
            MetadataTooLarge,
            "Your metadata headers exceed the maximum allowed metadata size"
        ));
    }
    Ok(NewObject {
        key: key.to_owned(),
        headers: kept_headers(headers),
        metadata,
        tags: header_tags(headers)?,
        settings: storage_class(headers)?,
        ..NewObject::default()
    })
}

pub(super) fn kept_headers(headers: &HeaderMap) -> Headers {
    let kept = |name: &&str| {
        let value = headers.get(*name)?.to_str().ok()?;
        // How the body was sent is not how it is kept.
        let value = match *name {
            "content-encoding" => value
                .split(',')
                .map(str::trim)
                .filter(|part| *part != "aws-chunked" && !part.is_empty())
                .collect::<Vec<_>>()
                .join(","),
            _ => value.to_owned(),
        };
        (!value.is_empty()).then(|| ((*name).to_owned(), value))
    };
    KEPT.iter().filter_map(kept).collect()
}

/// The storage class of an object to be. Source: S3 API reference, `PutObject` (2026-11).
fn storage_class(headers: &HeaderMap) -> S3Result<BTreeMap<String, String>> {
    const CLASSES: [&str; 9] = [
        dto::StorageClass::STANDARD,
        dto::StorageClass::REDUCED_REDUNDANCY,
        dto::StorageClass::STANDARD_IA,
        dto::StorageClass::ONEZONE_IA,
        dto::StorageClass::INTELLIGENT_TIERING,
        dto::StorageClass::GLACIER,
        dto::StorageClass::GLACIER_IR,
        dto::StorageClass::DEEP_ARCHIVE,
        "EXPRESS_ONEZONE",
    ];
    let Some(class) = headers.get("x-amz-storage-class").and_then(|class| class.to_str().ok()) else {
        return Ok(BTreeMap::new());
    };
    if !CLASSES.contains(&class) {
        let error = s3_error!(InvalidStorageClass, "The storage class you specified is not valid");
        return Err(with_details(error, &[("StorageClassRequested", class)]));
    }
    Ok(BTreeMap::from([("storage-class".to_owned(), class.to_owned())]))
}

fn header_tags(headers: &HeaderMap) -> S3Result<BTreeMap<String, String>> {
    let Some(text) = headers.get("x-amz-tagging").and_then(|tags| tags.to_str().ok()) else {
        return Ok(BTreeMap::new());
    };
    let form = crate::wire::QueryString::parse_form(text);
    let tags: Vec<(String, String)> =
        form.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let distinct: BTreeMap<&String, &String> = tags.iter().map(|(key, value)| (key, value)).collect();
    if distinct.len() < tags.len() || tags.iter().any(|(_, value)| !is_tag_text(value)) {
        let error = s3_error!(
            InvalidArgument,
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name \
             duplicates."
        );
        return Err(with_details(error, &[("ArgumentName", "x-amz-tagging"), ("ArgumentValue", text)]));
    }
    check_tags(tags)
}

/// Tags of an object, checked. Source: S3 user guide, "Categorizing your storage using tags" (2026-11).
pub(super) fn check_tags(tags: Vec<(String, String)>) -> S3Result<BTreeMap<String, String>> {
    if tags.len() > 10 {
        return Err(bad_request("Object tags cannot be greater than 10"));
    }
    unique_tags(tags, "Your TagKey cannot be prefixed with aws:")
}

/// Tags whose keys and values may be so; `reserved` is what is said of keys that only the service may use.
pub(super) fn unique_tags(
    tags: Vec<(String, String)>,
    reserved: &'static str,
) -> S3Result<BTreeMap<String, String>> {
    let mut unique = BTreeMap::new();
    for (key, value) in tags {
        let invalid = |message: &'static str, more: &[(&str, &str)]| {
            let mut details = vec![("TagKey", key.as_str())];
            details.extend(more);
            Err(with_details(s3_error!(InvalidTag, "{}", message), &details))
        };
        if key.is_empty() || key.chars().count() > 128 || !is_tag_text(&key) {
            return invalid("The TagKey you have provided is invalid", &[]);
        }
        if value.chars().count() > 256 || !is_tag_text(&value) {
            return invalid("The TagValue you have provided is invalid", &[("TagValue", &value)]);
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return invalid(reserved, &[]);
        }
        if unique.contains_key(&key) {
            return invalid("Cannot provide multiple Tags with the same key", &[]);
        }
        unique.insert(key, value);
    }
    Ok(unique)
}

/// Whether tags may have these characters: letters and numbers of all alphabets, spaces, and a few signs.
fn is_tag_text(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c))
}

pub(super) fn tag_set(tags: &BTreeMap<String, String>) -> Vec<dto::Tag> {
    tags.iter().map(|(key, value)| dto::Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

pub(super) fn read_tags(tagging: dto::Tagging) -> S3Result<Vec<(String, String)>> {
    let read = |tag: dto::Tag| tag.key.zip(tag.value).ok_or_else(malformed);
    tagging.tag_set.into_iter().map(read).collect()
}

/// A time of the protocol, which has whole seconds.
pub(super) fn time(at: Timestamp) -> dto::Timestamp {
    let seconds = u64::try_from(at.millis() / 1000).unwrap_or(0);
    (std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).into()
}

pub(super) fn from_time(at: &dto::Timestamp) -> S3Result<Timestamp> {
    let mut text = Vec::new();
    at.format(dto::TimestampFormat::EpochSeconds, &mut text).map_err(S3Error::internal_error)?;
    let seconds: Option<f64> = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
    #[expect(clippy::cast_possible_truncation, reason = "years of the protocol have four digits")]
    let millis = seconds.map(|seconds| (seconds * 1000.0).round() as i64);
    millis.map(Timestamp).ok_or_else(|| s3_error!(InvalidArgument, "The time is not valid"))
}

pub(super) fn etag(text: &str) -> dto::ETag {
    dto::ETag::Strong(text.to_owned())
}

/// The version, where the bucket keeps versions.
pub(super) fn version(object: &Object, versioned: bool) -> Option<String> {
    versioned.then(|| object.version.clone())
}

/// The version that a write made, or was made of: nobody is told of the one that has no name.
pub(super) fn named_version(object: &Object, versioned: bool) -> Option<String> {
    version(object, versioned).filter(|version| version != "null")
}

/// The conditions of a write.
pub(super) fn condition(
    if_match: Option<dto::ETagCondition>,
    if_none_match: Option<dto::ETagCondition>,
) -> S3Result<Condition> {
    let refused = |header: &str, more: &str| {
        let error =
            s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented");
        Err(with_details(error, &[("Header", header), ("additionalMessage", more)]))
    };
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::None),
        (None, Some(dto::ETagCondition::Any)) => Ok(Condition::Absent),
        (Some(dto::ETagCondition::ETag(etag)), None) => Ok(Condition::Etag(etag.value().to_owned())),
        (Some(_), Some(_)) => {
            refused("If-Match,If-None-Match", "Multiple conditional request headers present in the request")
        }
        (Some(_), None) => {
            refused("If-Match", "We don't accept the provided value of If-Match header for this API")
        }
        (None, Some(_)) => refused(
            "If-None-Match",
            "We don't accept the provided value of If-None-Match header for this API",
        ),
    }
}

pub(super) fn owner(account: &str) -> dto::Owner {
    // The service tells no names of owners any more. Source: S3 API reference, `Owner` (2026-11).
    dto::Owner { display_name: None, id: Some(format!("{account:0>64}")) }
}

/// Who began an upload: whoever owns the bucket.
pub(super) fn initiator(account: &str) -> dto::Initiator {
    dto::Initiator { display_name: Some("root".to_owned()), id: owner(account).id }
}

/// A number of the protocol as a size; `name` is what the service calls it.
pub(super) fn count(number: Option<i32>, most: usize, name: &str) -> S3Result<usize> {
    match number {
        None => Ok(most),
        Some(number) => usize::try_from(number).map(|number| number.min(most)).map_err(|_| {
            let message = format!("Argument {name} must be an integer between 0 and {}", i32::MAX);
            let error = S3Error::with_message(S3ErrorCode::InvalidArgument, message);
            with_details(error, &[("ArgumentName", name), ("ArgumentValue", &number.to_string())])
        }),
    }
}

/// Keys in listings, where they are asked for encoded.
pub(super) fn encoded(text: &str, encoding: Option<&dto::EncodingType>) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const SET: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');
    match encoding {
        Some(encoding) if encoding.as_str() == dto::EncodingType::URL => {
            utf8_percent_encode(text, SET).to_string().replace(' ', "+")
        }
        _ => text.to_owned(),
    }
}

pub(super) fn size(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
