//! Buckets themselves, their versioning and tags.

use std::collections::BTreeMap;

use bytes::Bytes;
use ebb_sources::bucket::{BucketError, Buckets, REGION, Versioning};
use http::Request;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use s3s::dto::*;
use s3s::xml::{Deserialize as _, Deserializer};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::acl::Grants;
use super::errors::{with_details, with_status};
use super::listing::{read_token, write_token};
use super::settings::{ACL, OWNERSHIP};
use super::{convert, defaults};

/// The setting of a bucket that says where it was made, where that has an old name.
const LOCATION: &str = "location";

/// The most that the document may be by which a bucket is made, in bytes.
const CONFIGURATION: usize = 64 * 1024;
/// What is said of keys that only the service may use, where a bucket is made with them.
const RESERVED_TAGS: &str = "User-defined tag keys can't start with \"aws:\". This prefix is reserved for system tags. \
                             Remove \"aws:\" from your tag keys and try again.";

pub(super) async fn create(
    buckets: &Buckets,
    request: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let input = request.input;
    let name = input.bucket;
    let tags = match request.extensions.get::<Configuration>() {
        Some(Configuration(document)) => tags_of(document)?,
        None => BTreeMap::new(),
    };
    let constraint =
        input.create_bucket_configuration.and_then(|configuration| configuration.location_constraint);
    let constraint = constraint.map(|constraint| constraint.as_str().to_owned()).unwrap_or_default();
    let signed = request.region.as_ref().map_or(buckets.region(), |region| region.as_str()).to_owned();
    let region = region_of(&constraint, &signed)?;
    let lock = input.object_lock_enabled_for_bucket.unwrap_or(false);
    let grants = Grants {
        canned: input.acl.as_ref().map(BucketCannedACL::as_str),
        full_control: input.grant_full_control.as_deref(),
        read: input.grant_read.as_deref(),
        read_acp: input.grant_read_acp.as_deref(),
        write: input.grant_write.as_deref(),
        write_acp: input.grant_write_acp.as_deref(),
    };
    let list = grants.read(buckets.account())?;
    let ownership = input.object_ownership;
    if let Some(unknown) = ownership.as_ref().filter(|word| !defaults::is_ownership(word)) {
        let message = format!("Invalid x-amz-object-ownership header: {}", unknown.as_str());
        let error = S3Error::with_message(S3ErrorCode::InvalidArgument, message);
        return Err(with_details(error, &[("ArgumentName", "x-amz-object-ownership")]));
    }
    let ownership = ownership.map(|ownership| vec![ownership.as_str().to_owned()]);
    let ownership = ownership.map(|words| serde_json::to_string(&words)).transpose();
    let ownership = ownership.map_err(s3s::S3Error::internal_error)?;
    let made = buckets.create_with(&name, |bucket| {
        if lock {
            bucket.versioning = Versioning::Enabled;
            bucket.object_lock = true;
        }
        if region != buckets.region() {
            bucket.settings.insert(REGION.to_owned(), region.clone());
        }
        if constraint == "EU" {
            bucket.settings.insert(LOCATION.to_owned(), constraint.clone());
        }
        bucket.tags.clone_from(&tags);
        bucket.settings.extend(list.clone().map(|list| (ACL.to_owned(), list)));
        bucket.settings.extend(ownership.clone().map(|words| (OWNERSHIP.to_owned(), words)));
    });
    match made.await {
        // In the first region, making what is there is no error. Source: S3 API reference, `CreateBucket`.
        Err(BucketError::Exists)
            if region == "us-east-1"
                && tags.is_empty()
                && buckets.bucket(&name).is_ok_and(|bucket| bucket.region(buckets.region()) == region) => {}
        made => drop(made.map_err(convert::error)?),
    }
    let location =
        if region == "us-east-1" { format!("/{name}") } else { format!("http://{name}.s3.amazonaws.com/") };
    let answer = S3Response::new(CreateBucketOutput { location: Some(location) });
    Ok(with_arn(answer, &name))
}

/// The document that a bucket is made by, for what the protocol's crate does not read of it: the tags.
#[derive(Clone)]
pub(super) struct Configuration(Bytes);

/// Keeps the document of a request that may make a bucket.
pub(super) async fn keep_configuration(request: Request<Incoming>) -> S3Result<Request<s3s::Body>> {
    let (mut parts, body) = request.into_parts();
    let body =
        Limited::new(body, CONFIGURATION).collect().await.map_err(|_| convert::malformed())?.to_bytes();
    parts.extensions.insert(Configuration(body.clone()));
    Ok(Request::from_parts(parts, s3s::Body::from(body)))
}

fn tags_of(document: &[u8]) -> S3Result<BTreeMap<String, String>> {
    let text = String::from_utf8_lossy(document);
    let tags = text.split_once("<Tags>").and_then(|(_, rest)| rest.split_once("</Tags>"));
    let Some((tags, _)) = tags else { return Ok(BTreeMap::new()) };
    let document = format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
    let tagging = Tagging::deserialize(&mut Deserializer::new(document.as_bytes()));
    let tags = convert::read_tags(tagging.map_err(|_| convert::malformed())?)?;
    convert::unique_tags(tags, RESERVED_TAGS)
}

/// An answer that tells the ARN of a bucket, which the protocol's crate does not know.
fn with_arn<T>(mut answer: S3Response<T>, bucket: &str) -> S3Response<T> {
    let arn = http::HeaderValue::from_str(&format!("arn:aws:s3:::{bucket}"));
    answer.headers.extend(arn.ok().map(|arn| (http::HeaderName::from_static("x-amz-bucket-arn"), arn)));
    answer
}

/// The region that a bucket is made in: what a request says must be that which it was sent to, but for the first, from
/// which buckets are made everywhere and which has no name here. Source: S3 API reference, `CreateBucket` (2026-11).
fn region_of(constraint: &str, signed: &str) -> S3Result<String> {
    let illegal = |constraint: &str| {
        let message = format!(
            "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
        );
        let code = S3ErrorCode::Custom("IllegalLocationConstraintException".into());
        let mut error = S3Error::with_message(code, message);
        error.set_status_code(http::StatusCode::BAD_REQUEST);
        error
    };
    match constraint {
        "" if signed == "us-east-1" => Ok(signed.to_owned()),
        "" => Err(illegal("unspecified")),
        // An old name.
        "EU" if ["us-east-1", "eu-west-1"].contains(&signed) => Ok("eu-west-1".to_owned()),
        _ if signed != "us-east-1" && signed != constraint => Err(illegal(constraint)),
        "us-east-1" => Err(no_location(constraint)),
        _ if !is_region(constraint) => Err(no_location(constraint)),
        _ => Ok(constraint.to_owned()),
    }
}

fn no_location(constraint: &str) -> S3Error {
    let error = s3_error!(InvalidLocationConstraint, "The specified location-constraint is not valid");
    with_details(error, &[("LocationConstraint", constraint)])
}

/// Whether a name has the form of a region's: `eu-central-1`, `us-gov-west-1`.
fn is_region(name: &str) -> bool {
    const AREAS: [&str; 16] = [
        "af", "ap", "ca", "cn", "eu", "eusc", "il", "me", "mx", "sa", "us", "us-gov", "us-iso", "us-isob",
        "us-isof", "eu-isoe",
    ];
    let mut parts = name.rsplitn(3, '-');
    let (number, direction, area) = (parts.next(), parts.next(), parts.next());
    number.is_some_and(|number| number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()))
        && direction.is_some_and(|direction| {
            ["east", "west", "north", "south", "central"].iter().any(|word| direction.contains(word))
        })
        && area.is_some_and(|area| AREAS.contains(&area.trim_end_matches("-de")))
}

pub(super) async fn delete(
    buckets: &Buckets,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    buckets.delete(&request.input.bucket).await.map_err(convert::error)?;
    Ok(S3Response::new(DeleteBucketOutput::default()))
}

pub(super) fn head(
    buckets: &Buckets,
    request: &S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    let bucket = buckets.bucket(&request.input.bucket).map_err(convert::error)?;
    let mut answer = S3Response::new(HeadBucketOutput {
        bucket_region: Some(bucket.region(buckets.region()).to_owned()),
        access_point_alias: Some(false),
        ..HeadBucketOutput::default()
    });
    let xml = http::HeaderValue::from_static("application/xml");
    answer.headers.insert(http::header::CONTENT_TYPE, xml);
    Ok(with_arn(answer, &bucket.name))
}

pub(super) fn list(
    buckets: &Buckets,
    request: &S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let input = &request.input;
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = input
        .continuation_token
        .as_deref()
        .filter(|token| !token.is_empty())
        .map(read_token)
        .transpose()?
        .unwrap_or_default();
    let limit = input.max_buckets.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let region = |bucket: &ebb_sources::bucket::Bucket| bucket.region(buckets.region()).to_owned();
    let wanted = |bucket: &ebb_sources::bucket::Bucket| {
        input.bucket_region.as_ref().is_none_or(|wanted| *wanted == region(bucket))
    };
    let all: Vec<_> = buckets
        .buckets()
        .into_iter()
        .filter(|bucket| bucket.name.starts_with(&prefix) && bucket.name > after && wanted(bucket))
        .collect();
    let more = all.len() > limit;
    // It is told where anything is asked for.
    let tells_region = input.max_buckets.is_some() || input.prefix.is_some() || input.bucket_region.is_some();
    let page: Vec<Bucket> = all
        .iter()
        .take(limit)
        .map(|bucket| Bucket {
            name: Some(bucket.name.clone()),
            creation_date: Some(convert::time(bucket.created)),
            bucket_region: tells_region.then(|| region(bucket)),
        })
        .collect();
    Ok(S3Response::new(ListBucketsOutput {
        continuation_token: page
            .last()
            .and_then(|last| last.name.as_deref())
            .filter(|_| more)
            .map(write_token),
        buckets: Some(page),
        owner: Some(convert::owner(buckets.account())),
        prefix: input.prefix.clone(),
    }))
}

pub(super) fn location(
    buckets: &Buckets,
    request: &S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    let bucket = buckets.bucket(&request.input.bucket).map_err(convert::error)?;
    let named = bucket.settings.get(LOCATION).map(String::as_str);
    let region = named.or(Some(bucket.region(buckets.region()))).filter(|region| *region != "us-east-1");
    let location_constraint = region.map(|region| BucketLocationConstraint::from(region.to_owned()));
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
}

pub(super) fn get_versioning(
    buckets: &Buckets,
    request: &S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    let bucket = buckets.bucket(&request.input.bucket).map_err(convert::error)?;
    let status = match bucket.versioning {
        Versioning::Never => None,
        Versioning::Enabled => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED)),
        Versioning::Suspended => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::SUSPENDED)),
    };
    Ok(S3Response::new(GetBucketVersioningOutput { status, ..GetBucketVersioningOutput::default() }))
}

pub(super) async fn put_versioning(
    buckets: &Buckets,
    request: S3Request<PutBucketVersioningInput>,
) -> S3Result<S3Response<PutBucketVersioningOutput>> {
    let input = request.input;
    let versioning = match input.versioning_configuration.status.as_ref().map(BucketVersioningStatus::as_str)
    {
        Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
        Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
        None => {
            return Err(s3_error!(
                IllegalVersioningConfigurationException,
                "The Versioning element must be specified"
            ));
        }
        Some(_) => {
            return Err(convert::malformed());
        }
    };
    let set = buckets.configure(&input.bucket, |bucket| {
        if bucket.object_lock && versioning != Versioning::Enabled {
            return Err(BucketError::LockPresent);
        }
        bucket.versioning = versioning;
        Ok(())
    });
    set.await.map_err(convert::error)?;
    Ok(S3Response::new(PutBucketVersioningOutput::default()))
}

pub(super) fn get_tags(
    buckets: &Buckets,
    request: &S3Request<GetBucketTaggingInput>,
) -> S3Result<S3Response<GetBucketTaggingOutput>> {
    let bucket = buckets.bucket(&request.input.bucket).map_err(convert::error)?;
    if bucket.tags.is_empty() {
        return Err(s3_error!(NoSuchTagSet, "The TagSet does not exist"));
    }
    Ok(S3Response::new(GetBucketTaggingOutput { tag_set: convert::tag_set(&bucket.tags) }))
}

pub(super) async fn put_tags(
    buckets: &Buckets,
    request: S3Request<PutBucketTaggingInput>,
) -> S3Result<S3Response<PutBucketTaggingOutput>> {
    let tags = convert::read_tags(request.input.tagging)?;
    if tags.len() > 50 {
        return Err(convert::bad_request("Bucket tag count cannot be greater than 50"));
    }
    let unique = convert::unique_tags(tags, "System tags cannot be added/updated by requester")?;
    let set = buckets.configure(&request.input.bucket, |bucket| {
        bucket.tags.clone_from(&unique);
        Ok(())
    });
    set.await.map_err(convert::error)?;
    Ok(with_status(PutBucketTaggingOutput::default(), http::StatusCode::NO_CONTENT))
}

pub(super) async fn delete_tags(
    buckets: &Buckets,
    request: S3Request<DeleteBucketTaggingInput>,
) -> S3Result<S3Response<DeleteBucketTaggingOutput>> {
    let set = buckets.configure(&request.input.bucket, |bucket| {
        bucket.tags.clear();
        Ok(())
    });
    set.await.map_err(convert::error)?;
    Ok(S3Response::new(DeleteBucketTaggingOutput::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_made_where_the_request_was_sent_to() {
        let check = |constraint: &str, signed: &str, expected: Result<&str, &str>| {
            let found = region_of(constraint, signed).map_err(|error| error.code().as_str().to_owned());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{constraint} from {signed}");
        };
        check("", "us-east-1", Ok("us-east-1"));
        check("eu-west-1", "us-east-1", Ok("eu-west-1"));
        check("EU", "us-east-1", Ok("eu-west-1"));
        check("us-isob-east-1", "us-east-1", Ok("us-isob-east-1"));
        check("eu-west-1", "eu-west-1", Ok("eu-west-1"));
        check("us-east-1", "us-east-1", Err("InvalidLocationConstraint"));
        check("nowhere", "us-east-1", Err("InvalidLocationConstraint"));
        check("us-east-1", "eu-west-1", Err("IllegalLocationConstraintException"));
        check("", "eu-west-1", Err("IllegalLocationConstraintException"));
    }
}
