//! What the members of requests must keep. Source: the public model (`scheduler/2021-06-30/service-2.json`, 2026-11).

use crate::wire::Constraint::{self, Length, OneOf, Pattern, Range, Required};
use crate::wire::Member;

const NAME: Constraint = Pattern("^[0-9a-zA-Z-_.]+$", is_name);
const ARN: Constraint = Length(1, 1600);

pub(super) const SCHEDULE: &[Member] = &[
    ("Name", &[Required, NAME, Length(1, 64)]),
    ("GroupName", &[NAME, Length(1, 64)]),
    ("ScheduleExpression", &[Required, Length(1, 256)]),
    ("Description", &[Length(0, 512)]),
    ("ScheduleExpressionTimezone", &[Length(1, 50)]),
    ("State", &[OneOf(&["ENABLED", "DISABLED"])]),
    ("Target", &[Required]),
    ("Target.Arn", &[Required, ARN]),
    ("Target.RoleArn", &[Required, ARN]),
    ("Target.RetryPolicy.MaximumEventAgeInSeconds", &[Range(60, 86_400)]),
    ("Target.RetryPolicy.MaximumRetryAttempts", &[Range(0, 185)]),
    ("Target.Input", &[Length(1, usize::MAX)]),
    ("Target.EventBridgeParameters.DetailType", &[Required, Length(1, 128)]),
    ("Target.EventBridgeParameters.Source", &[Required, Length(1, 256)]),
    ("Target.SqsParameters.MessageGroupId", &[Length(1, 128)]),
    ("FlexibleTimeWindow", &[Required]),
    ("FlexibleTimeWindow.Mode", &[Required, OneOf(&["OFF", "FLEXIBLE"])]),
    ("FlexibleTimeWindow.MaximumWindowInMinutes", &[Range(1, 1440)]),
    ("ClientToken", &[Length(1, 64)]),
    ("ActionAfterCompletion", &[OneOf(&["NONE", "DELETE"])]),
];

pub(super) const GROUP: &[Member] = &[
    ("Name", &[Required, NAME, Length(1, 64)]),
    ("Tags", &[Length(0, 200)]),
    ("Tags[].Key", &[Required, Length(1, 128)]),
    ("Tags[].Value", &[Required, Length(1, 256)]),
];

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
