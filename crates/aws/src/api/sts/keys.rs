//! Temporary keys for whoever asks with a key that is good. ebb has no IAM yet: any principal may assume any role of
//! the account, and a role allows what root may.

use std::ops::RangeInclusive;
use std::time::Duration;

use ebb_model::{AccountId, Credentials, Timestamp};
use http::{Response, StatusCode};

use super::answer;
use crate::wire::credentials::KeyRing;
use crate::wire::{AwsError, Body, Call, Principal, QueryString, escape_xml};

/// How long an assumed role may last, in seconds; an hour where nothing is asked.
const ROLE_SECONDS: RangeInclusive<u64> = 900..=43_200;
const ROLE_DEFAULT: u64 = 3_600;
/// How long a session may last, in seconds; twelve hours where nothing is asked.
const SESSION_SECONDS: RangeInclusive<u64> = 900..=129_600;
const SESSION_DEFAULT: u64 = 43_200;

pub(super) async fn assume_role(keys: KeyRing, call: Call) -> Result<Response<Body>, AwsError> {
    let form = parameters(&call);
    let arn = required(&form, "RoleArn", "roleArn")?;
    let session = required(&form, "RoleSessionName", "roleSessionName")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&session.len()) || !session.chars().all(legal) {
        return Err(unfit(
            "roleSessionName",
            session,
            "Member must satisfy regular expression pattern: [\\w+=,.@-]*",
        ));
    }
    let (account, role) =
        role_of(arn).ok_or_else(|| AwsError::client("ValidationError", format!("{arn} is invalid")))?;
    if account != call.context.account {
        return Err(AwsError::new(
            "AccessDenied",
            StatusCode::FORBIDDEN,
            format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                call.context.principal.arn()
            ),
        ));
    }
    let lifetime = lifetime(&form, ROLE_SECONDS, ROLE_DEFAULT)?;
    let principal = Principal::AssumedRole { account, role, session: session.to_owned(), function: None };
    let issued = keys.issue(&principal, lifetime);
    let result = format!(
        "{}<AssumedRoleUser><AssumedRoleId>{}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser>",
        show(&issued, call.context.received.plus(lifetime)),
        escape_xml(&principal.user_id()),
        escape_xml(&principal.arn()),
    );
    Ok(answer(&call, &result))
}

pub(super) async fn get_session_token(keys: KeyRing, call: Call) -> Result<Response<Body>, AwsError> {
    let principal = &call.context.principal;
    if matches!(principal, Principal::AssumedRole { .. }) {
        let message = "Cannot call GetSessionToken with session credentials";
        return Err(AwsError::new("AccessDenied", StatusCode::FORBIDDEN, message));
    }
    let lifetime = lifetime(&parameters(&call), SESSION_SECONDS, SESSION_DEFAULT)?;
    let issued = keys.issue(principal, lifetime);
    Ok(answer(&call, &show(&issued, call.context.received.plus(lifetime))))
}

pub(super) async fn get_access_key_info(_: KeyRing, call: Call) -> Result<Response<Body>, AwsError> {
    required(&parameters(&call), "AccessKeyId", "accessKeyId")?;
    // Every key here is of the one account that this server is.
    Ok(answer(&call, &format!("<Account>{}</Account>", call.context.account)))
}

fn parameters(call: &Call) -> QueryString {
    if call.body.is_empty() { call.context.query.clone() } else { call.form() }
}

fn required<'a>(form: &'a QueryString, name: &str, member: &str) -> Result<&'a str, AwsError> {
    form.get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
        AwsError::client(
            "ValidationError",
            format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must \
                 not be null"
            ),
        )
    })
}

fn lifetime(form: &QueryString, allowed: RangeInclusive<u64>, default: u64) -> Result<Duration, AwsError> {
    let Some(text) = form.get("DurationSeconds") else { return Ok(Duration::from_secs(default)) };
    match text.parse() {
        Ok(seconds) if allowed.contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => {
            let constraint =
                format!("Member must have value between {} and {}", allowed.start(), allowed.end());
            Err(unfit("durationSeconds", text, &constraint))
        }
    }
}

fn unfit(member: &str, value: &str, constraint: &str) -> AwsError {
    AwsError::client(
        "ValidationError",
        format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
        ),
    )
}

/// Account and name in `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
fn role_of(arn: &str) -> Option<(AccountId, String)> {
    let rest = arn.strip_prefix("arn:")?.split_once(":iam::")?.1;
    let (account, role) = rest.split_once(":role/")?;
    let name = role.rsplit('/').next().filter(|name| !name.is_empty())?;
    Some((AccountId::parse(account).ok()?, name.to_owned()))
}

fn show(credentials: &Credentials, expires: Timestamp) -> String {
    let token = credentials.session_token.as_ref().map_or("", |token| token.expose());
    format!(
        "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{}\
         </SessionToken><Expiration>{}</Expiration></Credentials>",
        escape_xml(&credentials.access_key_id.0),
        escape_xml(credentials.secret_access_key.expose()),
        escape_xml(token),
        expires.to_rfc3339()
    )
}
