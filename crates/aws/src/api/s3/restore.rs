//! Objects of the archive's storage classes: they cannot be read until they are restored. Their bytes stay where they are,
//! so they are restored as soon as somebody asks.
//!
//! Source: S3 user guide, "Working with archived objects" (2026-11).

use ebb_model::Timestamp;
use ebb_sources::bucket::{Buckets, Object};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::errors::{with_details, with_status};
use super::{convert, objects};

/// The setting of an object that says until when its copy is there.
const RESTORED: &str = "restored-until";
/// The classes whose objects have to be restored.
const ARCHIVES: [&str; 2] = [StorageClass::GLACIER, StorageClass::DEEP_ARCHIVE];
const DAY: i64 = 24 * 60 * 60 * 1000;

fn archived(object: &Object) -> Option<&str> {
    object.settings.get("storage-class").map(String::as_str).filter(|class| ARCHIVES.contains(class))
}

fn restored_until(object: &Object) -> Option<Timestamp> {
    object.settings.get(RESTORED)?.parse().ok().map(Timestamp)
}

/// Refuses to read what is archived.
pub(super) fn check(buckets: &Buckets, object: &Object, message: &'static str) -> S3Result<()> {
    let Some(class) = archived(object) else { return Ok(()) };
    if restored_until(object).is_some_and(|until| until > buckets.now()) {
        return Ok(());
    }
    Err(invalid_state(class, message))
}

/// What is told of an object that was restored.
pub(super) fn told(object: &Object) -> Option<String> {
    archived(object)?;
    let until = restored_until(object)?.format("%a, %d %b %Y %H:%M:%S GMT");
    Some(format!("ongoing-request=\"false\", expiry-date=\"{until}\""))
}

pub(super) async fn restore(
    buckets: &Buckets,
    request: S3Request<RestoreObjectInput>,
) -> S3Result<S3Response<RestoreObjectOutput>> {
    let input = request.input;
    let version = input.version_id.as_deref();
    let object = buckets.object(&input.bucket, &input.key, version).await.map_err(convert::error)?;
    let Some(class) = archived(&object) else {
        let class = objects::storage_class_name(&object);
        return Err(invalid_state(&class, "Restore is not allowed for the object's current storage class"));
    };
    let days = input.restore_request.as_ref().and_then(|request| request.days);
    let days = days.filter(|days| *days > 0).ok_or_else(convert::malformed)?;
    if input.restore_request.is_some_and(|request| request.select_parameters.is_some()) {
        return Err(s3_error!(NotImplemented, "ebb selects nothing from archived objects"));
    }
    let was_restored = restored_until(&object).is_some_and(|until| until > buckets.now());
    tracing::debug!(class, days, "an archived object is restored");
    // Until the midnight after.
    let until = (buckets.now().millis() + i64::from(days) * DAY).div_euclid(DAY) * DAY + DAY;
    for event in ["ObjectRestore:Post", "ObjectRestore:Completed"] {
        let edit = |object: &mut Object| {
            object.settings.insert(RESTORED.to_owned(), until.to_string());
            Ok(())
        };
        buckets
            .annotate(&input.bucket, &input.key, version, edit, Some(event))
            .await
            .map_err(convert::error)?;
    }
    let status = if was_restored { http::StatusCode::OK } else { http::StatusCode::ACCEPTED };
    Ok(with_status(RestoreObjectOutput::default(), status))
}

fn invalid_state(class: &str, message: &'static str) -> S3Error {
    with_details(s3_error!(InvalidObjectState, "{}", message), &[("StorageClass", class)])
}
