//! Object lock: configurations, retention and legal holds.

use ebb_sources::bucket::{
    Bucket, Buckets, DefaultRetention as KeptByDefault, Object, ObjectLock, Remover, Retention,
    RetentionMode, Versioning,
};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::convert;
use super::errors::with_details;
use super::settings::{self, OBJECT_LOCK};

pub(super) async fn put_configuration(
    buckets: &Buckets,
    request: S3Request<PutObjectLockConfigurationInput>,
) -> S3Result<S3Response<PutObjectLockConfigurationOutput>> {
    let input = request.input;
    let given = input.object_lock_configuration.ok_or_else(malformed)?;
    if given.object_lock_enabled.as_ref().map(ObjectLockEnabled::as_str) != Some(ObjectLockEnabled::ENABLED) {
        return Err(malformed());
    }
    let retention = given.rule.as_ref().map(read_default).transpose()?;
    if buckets.bucket(&input.bucket).map_err(convert::error)?.versioning != Versioning::Enabled {
        return Err(bucket_state(
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
        ));
    }
    let text = serde_json::to_string(&given).map_err(S3Error::internal_error)?;
    let set = buckets.configure(&input.bucket, |bucket: &mut Bucket| {
        bucket.object_lock = true;
        bucket.default_retention = retention;
        bucket.settings.insert(OBJECT_LOCK.to_owned(), text.clone());
        Ok(())
    });
    set.await.map_err(convert::error)?;
    Ok(S3Response::new(PutObjectLockConfigurationOutput::default()))
}

pub(super) fn get_configuration(
    buckets: &Buckets,
    request: &S3Request<GetObjectLockConfigurationInput>,
) -> S3Result<S3Response<GetObjectLockConfigurationOutput>> {
    let bucket = buckets.bucket(&request.input.bucket).map_err(convert::error)?;
    if !bucket.object_lock {
        let message = "Object Lock configuration does not exist for this bucket";
        return Err(convert::not_found(S3ErrorCode::ObjectLockConfigurationNotFoundError, message));
    }
    let kept: Option<ObjectLockConfiguration> = settings::find(buckets, &bucket.name, OBJECT_LOCK)?;
    let configuration = kept.unwrap_or_else(|| ObjectLockConfiguration {
        object_lock_enabled: Some(ObjectLockEnabled::from_static(ObjectLockEnabled::ENABLED)),
        rule: None,
    });
    Ok(S3Response::new(GetObjectLockConfigurationOutput { object_lock_configuration: Some(configuration) }))
}

pub(super) async fn put_retention(
    buckets: &Buckets,
    request: S3Request<PutObjectRetentionInput>,
) -> S3Result<S3Response<PutObjectRetentionOutput>> {
    let input = request.input;
    let given = input.retention.unwrap_or_default();
    let retention = match (given.mode, given.retain_until_date) {
        (None, None) => None,
        (Some(mode), Some(until)) => Some(retention(mode.as_str(), &until)?),
        _ => return Err(malformed()),
    };
    let what = (input.bucket.as_str(), input.key.as_str(), input.version_id.as_deref());
    let bypass = input.bypass_governance_retention.unwrap_or(false);
    buckets.set_retention(what, retention, bypass).await.map_err(convert::error)?;
    Ok(S3Response::new(PutObjectRetentionOutput::default()))
}

pub(super) async fn get_retention(
    buckets: &Buckets,
    request: S3Request<GetObjectRetentionInput>,
) -> S3Result<S3Response<GetObjectRetentionOutput>> {
    let input = request.input;
    buckets.check_lockable(&input.bucket).map_err(convert::error)?;
    let object = buckets.object(&input.bucket, &input.key, input.version_id.as_deref()).await;
    let retention = object.map_err(convert::error)?.lock.retention.ok_or_else(unlocked)?;
    Ok(S3Response::new(GetObjectRetentionOutput {
        retention: Some(ObjectLockRetention {
            mode: Some(mode(retention).to_owned().into()),
            retain_until_date: Some(convert::time(retention.until)),
        }),
    }))
}

pub(super) async fn put_legal_hold(
    buckets: &Buckets,
    request: S3Request<PutObjectLegalHoldInput>,
) -> S3Result<S3Response<PutObjectLegalHoldOutput>> {
    let input = request.input;
    let status = input.legal_hold.and_then(|hold| hold.status).ok_or_else(malformed)?;
    let hold = legal_hold(status.as_str())?;
    let what = (input.bucket.as_str(), input.key.as_str(), input.version_id.as_deref());
    buckets.set_legal_hold(what, hold).await.map_err(convert::error)?;
    Ok(S3Response::new(PutObjectLegalHoldOutput::default()))
}

pub(super) async fn get_legal_hold(
    buckets: &Buckets,
    request: S3Request<GetObjectLegalHoldInput>,
) -> S3Result<S3Response<GetObjectLegalHoldOutput>> {
    let input = request.input;
    buckets.check_lockable(&input.bucket).map_err(convert::error)?;
    let object = buckets.object(&input.bucket, &input.key, input.version_id.as_deref()).await;
    let object = object.map_err(convert::error)?;
    let status = hold_status(&object).ok_or_else(unlocked)?;
    Ok(S3Response::new(GetObjectLegalHoldOutput {
        legal_hold: Some(ObjectLockLegalHold { status: Some(status) }),
    }))
}

/// [`of_headers`] with the fields of a request that makes an object.
macro_rules! of_input {
    ($buckets:expr, $input:expr) => {
        $crate::api::s3::lock::of_headers(
            $buckets,
            &$input.bucket,
            $input.object_lock_mode.as_ref(),
            $input.object_lock_retain_until_date.as_ref(),
            $input.object_lock_legal_hold_status.as_ref(),
        )
    };
}
pub(super) use of_input;

/// What the headers of a write say of what holds the new version.
pub(super) fn of_headers(
    buckets: &Buckets,
    bucket: &str,
    mode: Option<&ObjectLockMode>,
    until: Option<&Timestamp>,
    hold: Option<&ObjectLockLegalHoldStatus>,
) -> S3Result<ObjectLock> {
    if mode.is_none() && until.is_none() && hold.is_none() {
        return Ok(ObjectLock::default());
    }
    buckets.check_lockable(bucket).map_err(convert::error)?;
    let retention = match (mode, until) {
        (None, None) => None,
        (Some(mode), Some(_)) if read_mode(mode.as_str()).is_none() => {
            let error = s3_error!(InvalidArgument, "Unknown wormMode directive.");
            let details = [("ArgumentName", "x-amz-object-lock-mode"), ("ArgumentValue", mode.as_str())];
            return Err(with_details(error, &details));
        }
        (Some(mode), Some(until)) => Some(retention(mode.as_str(), until)?),
        _ => {
            let error = s3_error!(
                InvalidArgument,
                "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
            );
            let missing =
                if mode.is_none() { "x-amz-object-lock-mode" } else { "x-amz-object-lock-retain-until-date" };
            return Err(with_details(error, &[("ArgumentName", missing)]));
        }
    };
    let legal_hold = hold.map(|status| legal_hold(status.as_str())).transpose()?;
    Ok(ObjectLock { retention, legal_hold })
}

/// Who deletes, by what a request says of governance.
pub(super) fn remover(buckets: &Buckets, bucket: &str, bypass: Option<bool>) -> S3Result<Remover> {
    let Some(bypass) = bypass else { return Ok(Remover::Request) };
    if !buckets.bucket(bucket).map_err(convert::error)?.object_lock {
        let error = s3_error!(
            InvalidArgument,
            "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets."
        );
        return Err(with_details(error, &[("ArgumentName", "x-amz-bypass-governance-retention")]));
    }
    Ok(if bypass { Remover::Bypassing } else { Remover::Request })
}

/// How strictly an object is kept, as headers say it.
pub(super) fn lock_mode(object: &Object) -> Option<ObjectLockMode> {
    object.lock.retention.map(|retention| mode(retention).to_owned().into())
}

/// Until when an object is kept.
pub(super) fn retain_until(object: &Object) -> Option<Timestamp> {
    object.lock.retention.map(|retention| convert::time(retention.until))
}

/// Whether an object is kept until further notice, where that was ever said.
pub(super) fn hold_status(object: &Object) -> Option<ObjectLockLegalHoldStatus> {
    let word = |hold| if hold { ObjectLockLegalHoldStatus::ON } else { ObjectLockLegalHoldStatus::OFF };
    object.lock.legal_hold.map(|hold| ObjectLockLegalHoldStatus::from_static(word(hold)))
}

fn mode(retention: Retention) -> &'static str {
    match retention.mode {
        RetentionMode::Governance => ObjectLockMode::GOVERNANCE,
        RetentionMode::Compliance => ObjectLockMode::COMPLIANCE,
    }
}

fn read_mode(word: &str) -> Option<RetentionMode> {
    match word {
        ObjectLockMode::GOVERNANCE => Some(RetentionMode::Governance),
        ObjectLockMode::COMPLIANCE => Some(RetentionMode::Compliance),
        _ => None,
    }
}

fn retention(mode: &str, until: &Timestamp) -> S3Result<Retention> {
    let mode = read_mode(mode).ok_or_else(malformed)?;
    if *until <= Timestamp::from(std::time::SystemTime::now()) {
        let error = s3_error!(InvalidArgument, "The retain until date must be in the future!");
        let given = convert::from_time(until)?.format("%a %b %d %H:%M:%S UTC %Y");
        return Err(with_details(error, &[("ArgumentName", "RetainUntilDate"), ("ArgumentValue", &given)]));
    }
    Ok(Retention { mode, until: convert::from_time(until)? })
}

fn legal_hold(status: &str) -> S3Result<bool> {
    match status {
        ObjectLockLegalHoldStatus::ON => Ok(true),
        ObjectLockLegalHoldStatus::OFF => Ok(false),
        _ => Err(s3_error!(InvalidArgument, "Legal Hold must be either of 'ON' or 'OFF'")),
    }
}

fn read_default(rule: &ObjectLockRule) -> S3Result<KeptByDefault> {
    let given = rule.default_retention.as_ref().ok_or_else(malformed)?;
    let mode = given.mode.as_ref().and_then(|mode| read_mode(mode.as_str())).ok_or_else(malformed)?;
    let days = match (given.days, given.years) {
        (Some(days), None) => i64::from(days),
        (None, Some(years)) => i64::from(years) * 365,
        _ => return Err(malformed()),
    };
    let days = u32::try_from(days).ok().filter(|days| *days > 0);
    let days = days.ok_or_else(|| {
        s3_error!(InvalidArgument, "Default retention period must be a positive integer value.")
    })?;
    Ok(KeptByDefault { mode, days })
}

fn unlocked() -> S3Error {
    let code = S3ErrorCode::NoSuchObjectLockConfiguration;
    convert::not_found(code, "The specified object does not have a ObjectLock configuration")
}

fn bucket_state(message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::InvalidBucketState, message);
    error.set_status_code(http::StatusCode::CONFLICT);
    error
}

fn malformed() -> S3Error {
    convert::malformed()
}
