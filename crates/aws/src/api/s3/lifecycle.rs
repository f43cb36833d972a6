//! Lifecycle configurations: as they are told, and as they are acted on.

use std::collections::{BTreeMap, BTreeSet};

use ebb_model::RequestId;
use ebb_sources::bucket::{
    Bucket, Buckets, Expiration, LifecycleFilter, LifecycleRule as Rule, NoncurrentExpiration, Object,
    Upload, expiry,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::convert;
use super::errors::with_details;
use super::settings::{self, LIFECYCLE};

/// From which size on objects are moved to other classes, as it was given.
const LEAST_SIZE: &str = "lifecycle-least-size";
/// The sizes that may be given; the first is the default.
const LEAST_SIZES: [&str; 2] = ["all_storage_classes_128K", "varies_by_storage_class"];
/// Characters of the names of rules that headers encode.
const ID: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// The most rules. Source: S3 user guide, "Lifecycle configuration elements" (2026-11).
const RULES: usize = 1000;

pub(super) async fn put(
    buckets: &Buckets,
    request: S3Request<PutBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<PutBucketLifecycleConfigurationOutput>> {
    let input = request.input;
    let mut given = input.lifecycle_configuration.unwrap_or_default();
    if given.rules.is_empty() || given.rules.len() > RULES {
        return Err(malformed());
    }
    for rule in &mut given.rules {
        rule.id.get_or_insert_with(|| RequestId::random().uuid().simple().to_string());
    }
    let rules = given.rules.iter().map(read).collect::<S3Result<Vec<_>>>()?;
    if rules.iter().map(|rule| &rule.id).collect::<BTreeSet<_>>().len() < rules.len() {
        return Err(s3_error!(
            InvalidArgument,
            "Rule ID must be unique. Found same ID for more than one rule"
        ));
    }
    let least = input.transition_default_minimum_object_size.map(|size| size.as_str().to_owned());
    let least = least.unwrap_or_else(|| LEAST_SIZES[0].to_owned());
    if !LEAST_SIZES.contains(&least.as_str()) {
        let message = format!("Invalid TransitionDefaultMinimumObjectSize found: {least}");
        return Err(s3s::S3Error::with_message(S3ErrorCode::InvalidRequest, message));
    }
    let text = serde_json::to_string(&given).map_err(s3s::S3Error::internal_error)?;
    let keep = |bucket: &mut Bucket| {
        bucket.settings.insert(LIFECYCLE.to_owned(), text.clone());
        bucket.settings.insert(LEAST_SIZE.to_owned(), least.clone());
    };
    buckets.set_lifecycle(&input.bucket, rules, keep).await.map_err(convert::error)?;
    Ok(S3Response::new(PutBucketLifecycleConfigurationOutput {
        transition_default_minimum_object_size: Some(least.into()),
    }))
}

pub(super) fn get(
    buckets: &Buckets,
    request: &S3Request<GetBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
    let name = &request.input.bucket;
    let missing = (S3ErrorCode::NoSuchLifecycleConfiguration, "The lifecycle configuration does not exist");
    let value: BucketLifecycleConfiguration = settings::get(buckets, name, LIFECYCLE, missing)?;
    let bucket = buckets.bucket(name).map_err(convert::error)?;
    let least = bucket.settings.get(LEAST_SIZE).cloned().unwrap_or_else(|| LEAST_SIZES[0].to_owned());
    Ok(S3Response::new(GetBucketLifecycleConfigurationOutput {
        rules: Some(value.rules),
        transition_default_minimum_object_size: Some(least.into()),
    }))
}

pub(super) async fn delete(
    buckets: &Buckets,
    request: S3Request<DeleteBucketLifecycleInput>,
) -> S3Result<S3Response<DeleteBucketLifecycleOutput>> {
    let forget = |bucket: &mut Bucket| {
        bucket.settings.remove(LIFECYCLE);
        bucket.settings.remove(LEAST_SIZE);
    };
    buckets.set_lifecycle(&request.input.bucket, Vec::new(), forget).await.map_err(convert::error)?;
    Ok(S3Response::new(DeleteBucketLifecycleOutput::default()))
}

/// What the header says of when a current version expires, where a rule says so.
pub(super) fn expiration(buckets: &Buckets, bucket: &str, object: &Object) -> Option<String> {
    let bucket = buckets.bucket(bucket).ok()?;
    let (at, rule) = expiry(&bucket.lifecycle, object)?;
    let id = utf8_percent_encode(&rule.id, ID);
    Some(format!("expiry-date=\"{}\", rule-id=\"{id}\"", at.format("%a, %d %b %Y %H:%M:%S GMT")))
}

/// When an upload is given up, and by which rule, where one says so.
pub(super) fn abortion(buckets: &Buckets, bucket: &str, upload: &Upload) -> Option<(Timestamp, String)> {
    let bucket = buckets.bucket(bucket).ok()?;
    let times = bucket.lifecycle.iter().filter_map(|rule| Some((rule.aborts(upload)?, rule)));
    times.min_by_key(|(at, _)| *at).map(|(at, rule)| (convert::time(at), rule.id.clone()))
}

fn read(rule: &LifecycleRule) -> S3Result<Rule> {
    let id = rule.id.clone().unwrap_or_default();
    if id.len() > 255 {
        return Err(s3_error!(InvalidArgument, "ID length should not exceed allowed limit of 255"));
    }
    let enabled = match rule.status.as_str() {
        ExpirationStatus::ENABLED => true,
        ExpirationStatus::DISABLED => false,
        _ => return Err(malformed()),
    };
    let filter = match (&rule.filter, &rule.prefix) {
        (Some(filter), None) => read_filter(filter)?,
        (None, Some(prefix)) => LifecycleFilter { prefix: prefix.clone(), ..LifecycleFilter::default() },
        _ => return Err(malformed()),
    };
    let read = Rule {
        id,
        enabled,
        filter,
        expiration: rule.expiration.as_ref().map(read_expiration).transpose()?.flatten(),
        removes_markers: rule
            .expiration
            .as_ref()
            .is_some_and(|expiration| expiration.expired_object_delete_marker == Some(true)),
        noncurrent: rule.noncurrent_version_expiration.as_ref().map(read_noncurrent).transpose()?,
        abort_uploads_days: rule
            .abort_incomplete_multipart_upload
            .as_ref()
            .map(|abort| positive(abort.days_after_initiation, "DaysAfterInitiation"))
            .transpose()?,
    };
    let moves = rule.transitions.as_ref().is_some_and(|list| !list.is_empty())
        || rule.noncurrent_version_transitions.as_ref().is_some_and(|list| !list.is_empty());
    let acts =
        moves || rule.expiration.is_some() || read.noncurrent.is_some() || read.abort_uploads_days.is_some();
    if !acts {
        return Err(s3_error!(InvalidRequest, "At least one action needs to be specified in a rule"));
    }
    let about_objects = !read.filter.tags.is_empty()
        || read.filter.larger_than.is_some()
        || read.filter.smaller_than.is_some();
    if about_objects && read.abort_uploads_days.is_some() {
        return Err(s3_error!(
            InvalidRequest,
            "AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes."
        ));
    }
    if !read.filter.tags.is_empty() && read.removes_markers {
        return Err(s3_error!(InvalidRequest, "ExpiredObjectDeleteMarker cannot be specified with Tags."));
    }
    Ok(read)
}

/// One thing, or several within `And`.
fn read_filter(filter: &LifecycleRuleFilter) -> S3Result<LifecycleFilter> {
    let given = [
        filter.prefix.is_some(),
        filter.tag.is_some(),
        filter.and.is_some(),
        filter.object_size_greater_than.is_some(),
        filter.object_size_less_than.is_some(),
    ];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err(malformed());
    }
    let and = filter.and.as_ref();
    let tags: Vec<&Tag> = match (and.and_then(|and| and.tags.as_ref()), &filter.tag) {
        (Some(tags), _) => tags.iter().collect(),
        (None, tag) => tag.iter().collect(),
    };
    let mut unique = BTreeMap::new();
    for tag in tags {
        let (key, value) = (tag.key.clone().unwrap_or_default(), tag.value.clone().unwrap_or_default());
        if unique.insert(key, value).is_some() {
            return Err(s3_error!(InvalidRequest, "Duplicate Tag Keys are not allowed."));
        }
    }
    let size = |own: Option<i64>, within: Option<i64>| {
        own.or(within).map(|size| u64::try_from(size).map_err(|_| malformed())).transpose()
    };
    Ok(LifecycleFilter {
        prefix: filter.prefix.clone().or(and.and_then(|and| and.prefix.clone())).unwrap_or_default(),
        tags: unique,
        larger_than: size(filter.object_size_greater_than, and.and_then(|and| and.object_size_greater_than))?,
        smaller_than: size(filter.object_size_less_than, and.and_then(|and| and.object_size_less_than))?,
    })
}

fn read_expiration(given: &LifecycleExpiration) -> S3Result<Option<Expiration>> {
    match (&given.date, given.days, given.expired_object_delete_marker) {
        (None, Some(days), None) => {
            positive(Some(days), "Expiration").map(|days| Some(Expiration::Days(days)))
        }
        (Some(date), None, None) => {
            let at = convert::from_time(date)?;
            if at.millis() % (24 * 60 * 60 * 1000) != 0 {
                let error = s3_error!(InvalidArgument, "'Date' must be at midnight GMT");
                let given = at.to_rfc3339();
                return Err(with_details(error, &[("ArgumentName", "Date"), ("ArgumentValue", &given)]));
            }
            Ok(Some(Expiration::Date(at)))
        }
        (None, None, Some(_)) => Ok(None),
        _ => Err(malformed()),
    }
}

fn read_noncurrent(given: &NoncurrentVersionExpiration) -> S3Result<NoncurrentExpiration> {
    // How many stay is said beside the days, not in their place.
    let days = given.noncurrent_days.ok_or_else(malformed)?;
    Ok(NoncurrentExpiration {
        days: positive(Some(days), "NoncurrentVersionExpiration")?,
        keep: given
            .newer_noncurrent_versions
            .map(|keep| positive(Some(keep), "NewerNoncurrentVersions"))
            .transpose()?
            .unwrap_or_default(),
    })
}

fn positive(number: Option<i32>, action: &str) -> S3Result<u32> {
    let number = number.ok_or_else(malformed)?;
    u32::try_from(number).ok().filter(|number| *number > 0).ok_or_else(|| {
        let message = format!("'Days' for {action} action must be a positive integer");
        s3s::S3Error::with_message(S3ErrorCode::InvalidArgument, message)
    })
}

fn malformed() -> s3s::S3Error {
    convert::malformed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> LifecycleRule {
        LifecycleRule {
            abort_incomplete_multipart_upload: None,
            expiration: Some(LifecycleExpiration { days: Some(1), ..LifecycleExpiration::default() }),
            filter: Some(LifecycleRuleFilter::default()),
            id: Some("r".to_owned()),
            noncurrent_version_expiration: None,
            noncurrent_version_transitions: None,
            prefix: None,
            status: ExpirationStatus::from_static(ExpirationStatus::ENABLED),
            transitions: None,
        }
    }

    #[track_caller]
    fn check(rule: &LifecycleRule, expected: Option<&str>) {
        let code = read(rule).err().map(|error| error.code().as_str().to_owned());
        assert_eq!(code.as_deref(), expected, "{rule:?}");
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        let filter = |filter: LifecycleRuleFilter| LifecycleRule { filter: Some(filter), ..rule() };
        let expiration =
            |expiration: LifecycleExpiration| LifecycleRule { expiration: Some(expiration), ..rule() };
        let tag = |key: &str| Tag { key: Some(key.to_owned()), value: Some("v".to_owned()) };
        check(&rule(), None);
        check(&LifecycleRule { filter: None, ..rule() }, Some("MalformedXML"));
        check(&LifecycleRule { filter: None, prefix: Some("a".to_owned()), ..rule() }, None);
        check(&LifecycleRule { prefix: Some("a".to_owned()), ..rule() }, Some("MalformedXML"));
        check(&LifecycleRule { expiration: None, ..rule() }, Some("InvalidRequest"));
        check(&LifecycleRule { id: Some("x".repeat(256)), ..rule() }, Some("InvalidArgument"));
        let two = LifecycleRuleFilter {
            prefix: Some(String::new()),
            object_size_greater_than: Some(5),
            ..LifecycleRuleFilter::default()
        };
        check(&filter(two), Some("MalformedXML"));
        let and = |tags: Vec<Tag>| LifecycleRuleFilter {
            and: Some(LifecycleRuleAndOperator {
                prefix: Some("p".to_owned()),
                object_size_less_than: Some(9),
                tags: Some(tags),
                ..LifecycleRuleAndOperator::default()
            }),
            ..LifecycleRuleFilter::default()
        };
        check(&filter(and(vec![tag("a"), tag("a")])), Some("InvalidRequest"));
        let found = read(&filter(and(vec![tag("a"), tag("b")]))).expect("a rule").filter;
        assert_eq!((found.prefix.as_str(), found.tags.len(), found.smaller_than), ("p", 2, Some(9)));
        let days = |days| LifecycleExpiration { days: Some(days), ..LifecycleExpiration::default() };
        check(&expiration(days(0)), Some("InvalidArgument"));
        let both = LifecycleExpiration { expired_object_delete_marker: Some(true), ..days(1) };
        check(&expiration(both), Some("MalformedXML"));
        let date = |text: &str| LifecycleExpiration {
            date: Some(Timestamp::parse(TimestampFormat::DateTime, text).expect("a date")),
            ..LifecycleExpiration::default()
        };
        check(&expiration(date("2023-01-01T00:00:00Z")), None);
        check(&expiration(date("2023-01-01T02:02:00Z")), Some("InvalidArgument"));
        let noncurrent = NoncurrentVersionExpiration::default();
        let rule = LifecycleRule { noncurrent_version_expiration: Some(noncurrent), ..rule() };
        check(&rule, Some("MalformedXML"));
    }
}
