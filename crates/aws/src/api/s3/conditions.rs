//! What a reader asks of an object first: conditions, and a piece of it instead of all.

use ebb_sources::bucket::{BucketError, Object, ObjectPart};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::convert;
use super::errors::with_details;

/// What a reader wants of an object.
pub(super) struct Reading {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

impl Reading {
    /// Source: RFC 9110, sections 13.1.3 (a date in the future is none) and 13.2.2.
    pub(super) fn check(&self, object: &Object, now: ebb_model::Timestamp) -> Result<(), BucketError> {
        let same = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(etag) => etag.value() == object.etag,
        };
        let (modified, now) = (convert::time(object.modified), convert::time(now));
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !same(condition) => return Err(BucketError::Precondition("If-Match")),
            (None, Some(since)) if modified > *since => {
                return Err(BucketError::Precondition("If-Unmodified-Since"));
            }
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if same(condition) => Err(BucketError::NotModified),
            (None, Some(since)) if modified <= *since && *since <= now => Err(BucketError::NotModified),
            _ => Ok(()),
        }
    }
}

impl Reading {
    /// What did not hold of what a copy is made of.
    pub(super) fn unmet(&self, error: &BucketError) -> &'static str {
        match error {
            BucketError::Precondition("If-Match") => "x-amz-copy-source-If-Match",
            BucketError::NotModified if self.if_none_match.is_some() => "x-amz-copy-source-If-None-Match",
            BucketError::NotModified => "x-amz-copy-source-If-Modified-Since",
            _ => "x-amz-copy-source-If-Unmodified-Since",
        }
    }
}

/// A piece of an object: by a range, or by the number of a part.
pub(super) fn piece(
    object: &Object,
    range: Option<Range>,
    part: Option<i32>,
    headers: &http::HeaderMap,
) -> S3Result<Option<std::ops::Range<u64>>> {
    if range.is_some() && part.is_some() {
        let message = "Cannot specify both Range header and partNumber query parameter";
        return Err(s3_error!(InvalidRequest, "{message}"));
    }
    // One without any number is none.
    let has_number = |text: &http::HeaderValue| text.as_bytes().iter().any(u8::is_ascii_digit);
    if let Some(range) = range.filter(|_| headers.get(http::header::RANGE).is_some_and(has_number)) {
        return range.check(object.size).map(Some).map_err(|_| unsatisfiable(object, headers, part));
    }
    let Some(number) = part else { return Ok(None) };
    let index = usize::try_from(number - 1).map_err(|_| unsatisfiable(object, headers, part))?;
    let before: u64 = object.parts.iter().take(index).map(|part| part.size).sum();
    let found: &ObjectPart = object.parts.get(index).ok_or_else(|| unsatisfiable(object, headers, part))?;
    Ok(Some(before..before + found.size))
}

/// What is told of a piece that is not there.
fn unsatisfiable(object: &Object, headers: &http::HeaderMap, part: Option<i32>) -> S3Error {
    let error = BucketError::Range;
    let size = object.size.to_string();
    let range = headers.get(http::header::RANGE).and_then(|range| range.to_str().ok());
    match (range, part) {
        (Some(range), _) => {
            let details = [("ActualObjectSize", size.as_str()), ("RangeRequested", range)];
            with_details(convert::error(error), &details)
        }
        (None, Some(part)) => {
            let mut error = S3Error::with_message(
                S3ErrorCode::Custom("InvalidPartNumber".into()),
                "The requested partnumber is not satisfiable",
            );
            error.set_status_code(http::StatusCode::RANGE_NOT_SATISFIABLE);
            let (count, part) = (object.parts.len().max(1).to_string(), part.to_string());
            with_details(error, &[("ActualPartCount", &count), ("PartNumberRequested", &part)])
        }
        (None, None) => convert::error(error),
    }
}

pub(super) fn content_range(object: &Object, range: &std::ops::Range<u64>) -> String {
    format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), object.size)
}
