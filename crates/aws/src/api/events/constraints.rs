//! What the members of requests must keep. Source: the public model (`events/2015-10-07/service-2.json`, 2026-11).

use ebb_sources::bus::DESTINATION_METHODS;

use crate::wire::Constraint::{self, Length, OneOf, Pattern, Range, Required, Sensitive};
use crate::wire::Member;

const NAME: Constraint = Pattern(r"[\.\-_A-Za-z0-9]+", is_name);
const BUS_NAME: Constraint = Pattern(r"[/\.\-_A-Za-z0-9]+", is_bus_name);
const ARN: Constraint = Length(1, 1600);
const CONNECTION: Constraint = Pattern(
    r"^arn:aws([a-z]|\-)*:events:([a-z]|\d|\-)*:([0-9]{12})?:connection\/[\.\-_A-Za-z0-9]+\/[\-A-Za-z0-9]+$",
    is_connection_arn,
);
const AUTHORIZATIONS: Constraint = OneOf(&["BASIC", "OAUTH_CLIENT_CREDENTIALS", "API_KEY"]);
const SECRET: &[Constraint] = &[Sensitive, Required, Length(1, 512)];
const DESCRIPTION: Member = ("Description", &[Length(0, 512)]);
const LIMIT: Member = ("Limit", &[Range(1, 100)]);

pub(super) const CREATE_BUS: &[Member] =
    &[("Name", &[Required, BUS_NAME, Length(1, 256)]), DESCRIPTION, ("DeadLetterConfig.Arn", &[ARN])];

pub(super) const PUT_RULE: &[Member] = &[
    ("Name", &[Required, NAME, Length(1, 64)]),
    ("ScheduleExpression", &[Length(0, 256)]),
    ("EventPattern", &[Length(0, 4096)]),
    ("State", &[OneOf(&["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"])]),
    DESCRIPTION,
    ("RoleArn", &[ARN]),
    ("EventBusName", &[ARN]),
];

pub(super) const PUT_TARGETS: &[Member] = &[
    ("Rule", &[Required, NAME, Length(1, 64)]),
    ("EventBusName", &[ARN]),
    ("Targets", &[Required, Length(1, 100)]),
    ("Targets[].Id", &[Required, NAME, Length(1, 64)]),
    ("Targets[].Arn", &[Required, ARN]),
    ("Targets[].RoleArn", &[ARN]),
    ("Targets[].Input", &[Length(0, 8192)]),
    ("Targets[].InputPath", &[Length(0, 256)]),
    ("Targets[].InputTransformer.InputPathsMap", &[Length(0, 100)]),
    ("Targets[].InputTransformer.InputTemplate", &[Required, Length(1, 8192)]),
    ("Targets[].SqsParameters.MessageGroupId", &[Length(0, 100)]),
    ("Targets[].DeadLetterConfig.Arn", &[ARN]),
    ("Targets[].RetryPolicy.MaximumRetryAttempts", &[Range(0, 185)]),
    ("Targets[].RetryPolicy.MaximumEventAgeInSeconds", &[Range(60, 86_400)]),
];

pub(super) const REMOVE_TARGETS: &[Member] =
    &[("Rule", &[Required, NAME, Length(1, 64)]), ("Ids", &[Required, Length(1, 100)])];

pub(super) const LIST: &[Member] = &[("NamePrefix", &[Length(1, 64)]), LIMIT];
pub(super) const LIST_BUSES: &[Member] = &[("NamePrefix", &[Length(1, 256)]), LIMIT];

pub(super) const CREATE_ARCHIVE: &[Member] = &[
    ("ArchiveName", &[Required, NAME, Length(1, 48)]),
    ("EventSourceArn", &[Required, ARN]),
    DESCRIPTION,
    ("EventPattern", &[Length(0, 4096)]),
    ("RetentionDays", &[Range(0, i64::MAX)]),
];

pub(super) const UPDATE_ARCHIVE: &[Member] = &[
    ("ArchiveName", &[Required, NAME, Length(1, 48)]),
    DESCRIPTION,
    ("EventPattern", &[Length(0, 4096)]),
    ("RetentionDays", &[Range(0, i64::MAX)]),
];

pub(super) const START_REPLAY: &[Member] = &[
    ("ReplayName", &[Required, NAME, Length(1, 64)]),
    DESCRIPTION,
    ("EventSourceArn", &[Required, ARN]),
    ("EventStartTime", &[Required]),
    ("EventEndTime", &[Required]),
    ("Destination", &[Required]),
    ("Destination.Arn", &[Required, ARN]),
];

pub(super) const CREATE_CONNECTION: &[Member] = &[
    ("Name", &[Required, NAME, Length(1, 64)]),
    DESCRIPTION,
    ("AuthorizationType", &[Required, AUTHORIZATIONS]),
    ("AuthParameters", &[Required]),
    ("AuthParameters.BasicAuthParameters.Username", SECRET),
    ("AuthParameters.BasicAuthParameters.Password", SECRET),
    ("AuthParameters.ApiKeyAuthParameters.ApiKeyName", SECRET),
    ("AuthParameters.ApiKeyAuthParameters.ApiKeyValue", SECRET),
    ("AuthParameters.OAuthParameters.ClientParameters", &[Required]),
    ("AuthParameters.OAuthParameters.ClientParameters.ClientID", SECRET),
    ("AuthParameters.OAuthParameters.ClientParameters.ClientSecret", SECRET),
    ("AuthParameters.OAuthParameters.AuthorizationEndpoint", &[Required, Length(1, 2048)]),
    ("AuthParameters.OAuthParameters.HttpMethod", &[Required, OneOf(&["GET", "POST", "PUT"])]),
];

pub(super) const UPDATE_CONNECTION: &[Member] = &[
    ("Name", &[Required, NAME, Length(1, 64)]),
    DESCRIPTION,
    ("AuthorizationType", &[AUTHORIZATIONS]),
    ("AuthParameters.OAuthParameters.HttpMethod", &[OneOf(&["GET", "POST", "PUT"])]),
];

pub(super) const CREATE_API_DESTINATION: &[Member] = &[
    ("Name", &[Required, NAME, Length(1, 64)]),
    DESCRIPTION,
    ("ConnectionArn", &[Required, CONNECTION, ARN]),
    ("InvocationEndpoint", &[Required, Length(1, 2048)]),
    ("HttpMethod", &[Required, OneOf(&DESTINATION_METHODS)]),
    ("InvocationRateLimitPerSecond", &[Range(1, i64::MAX)]),
];

pub(super) const UPDATE_API_DESTINATION: &[Member] = &[
    ("Name", &[Required, NAME, Length(1, 64)]),
    DESCRIPTION,
    ("ConnectionArn", &[CONNECTION, ARN]),
    ("InvocationEndpoint", &[Length(1, 2048)]),
    ("HttpMethod", &[OneOf(&DESTINATION_METHODS)]),
    ("InvocationRateLimitPerSecond", &[Range(1, i64::MAX)]),
];

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

fn is_bus_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'))
}

fn is_connection_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "events", _, _, resource] = parts.as_slice() else { return false };
    let segments: Vec<&str> = resource.split('/').collect();
    matches!(segments.as_slice(), ["connection", name, id] if !name.is_empty() && !id.is_empty())
}
