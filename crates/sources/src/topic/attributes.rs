//! The attributes of topics: what they may be called and hold.

use serde_json::{Value, json};

use super::delivery_policy::{self, DeliveryPolicy};
use super::{Topic, TopicError, archive};

/// Protocols whose delivery status may be logged, as attributes begin with them.
const FEEDBACK: [&str; 5] = ["HTTP", "Firehose", "Lambda", "Application", "SQS"];
/// The longest name for people, in bytes.
const DISPLAY_NAME: usize = 100;
/// The most that a policy may be, in bytes.
const POLICY_BYTES: usize = 30 * 1024;

/// Checks the value of an attribute. An empty value takes it away.
pub(super) fn check_attribute(name: &str, value: &str, fifo: bool, new: bool) -> Result<(), TopicError> {
    let invalid = |reason: String| Err(TopicError::Invalid(reason));
    match name {
        "FifoTopic" if !new => invalid("AttributeName".to_owned()),
        "FifoTopic" => boolean(name, value),
        "ContentBasedDeduplication" | "FifoThroughputScope" if !fifo => {
            invalid(format!("{name} Reason: {name} can only be set on FIFO topics"))
        }
        "ContentBasedDeduplication" => boolean(name, value),
        "FifoThroughputScope" => one_of(name, value, &["Topic", "MessageGroup"]),
        "DisplayName" if value.len() > DISPLAY_NAME => {
            invalid(format!("DisplayName Reason: must be at most {DISPLAY_NAME} characters"))
        }
        "SignatureVersion" => one_of(name, value, &["1", "2"]),
        "TracingConfig" => one_of(name, value, &["PassThrough", "Active"]),
        "Policy" if value.is_empty() => Ok(()),
        "Policy" => check_policy(value),
        "DeliveryPolicy" if value.is_empty() => Ok(()),
        "DeliveryPolicy" => DeliveryPolicy::of_topic(value).map(drop).map_err(TopicError::Invalid),
        "ArchivePolicy" if value.is_empty() => Ok(()),
        "ArchivePolicy" if !fifo => {
            invalid("ArchivePolicy Reason: ArchivePolicy can only be set on FIFO topics".to_owned())
        }
        "ArchivePolicy" => archive::retention(value).map(drop),
        "DisplayName" | "KmsMasterKeyId" => Ok(()),
        _ if is_feedback(name) => Ok(()),
        _ => invalid("AttributeName".to_owned()),
    }
}

/// Where and how delivery status is logged: kept as it is given.
fn is_feedback(name: &str) -> bool {
    let rest = FEEDBACK.iter().find_map(|protocol| name.strip_prefix(protocol));
    let kinds = ["SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn"];
    rest.is_some_and(|rest| kinds.contains(&rest))
}

pub(super) fn boolean(name: &str, value: &str) -> Result<(), TopicError> {
    one_of(name, value, &["true", "false"])
}

pub(super) fn one_of(name: &str, value: &str, values: &[&str]) -> Result<(), TopicError> {
    if values.contains(&value) {
        return Ok(());
    }
    let reason = match values {
        ["true", "false"] => {
            format!("{name} Reason: {name}: Invalid value [{value}]. Must be true or false.")
        }
        _ => format!("{name} Reason: {name}: Invalid value [{value}]. Must be one of {}.", values.join(", ")),
    };
    Err(TopicError::Invalid(reason))
}

fn check_policy(text: &str) -> Result<(), TopicError> {
    let invalid = |reason: &str| TopicError::invalid(format!("Policy Reason: {reason}"));
    if text.len() > POLICY_BYTES {
        return Err(invalid("it is too large"));
    }
    let policy: Value = serde_json::from_str(text).map_err(|_| invalid("Policy is not valid JSON"))?;
    let statements = match &policy["Statement"] {
        Value::Array(list) if !list.is_empty() => list.as_slice(),
        one @ Value::Object(_) => std::slice::from_ref(one),
        _ => return Err(invalid("Policy statement must not be empty")),
    };
    for statement in statements {
        let actions = match &statement["Action"] {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let foreign = actions.iter().filter_map(Value::as_str).any(|action| {
            let action = action.to_ascii_lowercase();
            action != "*" && !action.starts_with("sns:")
        });
        if foreign {
            return Err(invalid("Policy statement action out of service scope!"));
        }
    }
    Ok(())
}

/// How deliveries over HTTP are tried, defaults filled in.
pub(super) fn effective_delivery_policy(topic: &Topic) -> Value {
    let default = json!({
        "defaultHealthyRetryPolicy": delivery_policy::DEFAULT.shown(),
        "disableSubscriptionOverrides": false,
        "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
    });
    let own = topic.attribute("DeliveryPolicy").and_then(|text| DeliveryPolicy::of_topic(text).ok());
    let mut http = default;
    if let Some(own) = own {
        http["defaultHealthyRetryPolicy"] = own.retry.unwrap_or(delivery_policy::DEFAULT).shown();
        http["disableSubscriptionOverrides"] = own.disable_overrides.into();
        if let Some(content_type) = own.content_type {
            http["defaultRequestPolicy"]["headerContentType"] = content_type.into();
        }
        if let Some(throttle) = own.max_receives_per_second {
            http["defaultThrottlePolicy"] = json!({ "maxReceivesPerSecond": throttle });
        }
    }
    json!({ "http": http })
}
