//! Log groups as targets: the message becomes an event of the group, in a stream for each day.
//!
//! Source: EventBridge user guide, "Event bus targets", CloudWatch Logs groups: an input of the members `timestamp` and
//! `message` says both, anything else is the message (2026-11).

use std::sync::Arc;

use ebb_invoker::Boxed;
use ebb_model::{Clock, Timestamp};
use ebb_store::logs::{LogError, LogEvent, LogStore};
use serde_json::Value;

use super::{Delivery, Target, Undelivered};

/// Delivers to log groups.
pub struct LogGroupTarget {
    logs: LogStore,
    clock: Arc<dyn Clock>,
}

impl LogGroupTarget {
    /// To the groups of these logs.
    #[must_use]
    pub fn new(logs: LogStore, clock: Arc<dyn Clock>) -> Self {
        Self { logs, clock }
    }

    async fn write(&self, delivery: &Delivery) -> Result<(), Undelivered> {
        let name = delivery.target.split_once(":log-group:").map(|(_, name)| name);
        let name = name.map(|name| name.strip_suffix(":*").unwrap_or(name));
        let refused = |error: &LogError| match error {
            LogError::Missing(_) => Undelivered::refused("RESOURCE_NOT_FOUND", error.to_string()),
            error => Undelivered::for_now("INTERNAL_FAILURE", error.to_string()),
        };
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            let message = format!("{} is no ARN of a log group", delivery.target);
            return Err(Undelivered::refused("INVALID_PARAMETER", message));
        };
        self.logs.group(name).await.map_err(|error| refused(&error))?;
        let now = self.clock.now();
        let stream = now.format("%Y/%m/%d");
        match self.logs.create_stream(name, &stream).await {
            Ok(()) | Err(LogError::Exists(_)) => {}
            Err(error) => return Err(refused(&error)),
        }
        let (time, message) = read(&delivery.message.body);
        let event = LogEvent { timestamp: time.unwrap_or(now), message };
        self.logs.put(name, &stream, vec![event]).await.map_err(|error| refused(&error))
    }
}

/// The time and the message of an input.
fn read(body: &str) -> (Option<Timestamp>, String) {
    let whole = (None, body.to_owned());
    let Ok(Value::Object(members)) = serde_json::from_str(body) else { return whole };
    match (members.get("timestamp"), members.get("message"), members.len()) {
        (Some(time), Some(message), 2) => {
            let time = time.as_i64().or_else(|| time.as_str().and_then(|text| text.parse().ok()));
            let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
            (time.map(Timestamp), message)
        }
        _ => whole,
    }
}

impl Target for LogGroupTarget {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Boxed<'a, Result<(), Undelivered>> {
        Box::pin(self.write(delivery))
    }
}

impl std::fmt::Debug for LogGroupTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogGroupTarget").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_may_say_the_time_and_the_message() {
        for (body, time, message) in [
            (r#"{"timestamp": 5, "message": "m"}"#, Some(5), "m"),
            (r#"{"timestamp": "5", "message": {"a": 1}}"#, Some(5), r#"{"a":1}"#),
            (
                r#"{"timestamp": 5, "message": "m", "x": 1}"#,
                None,
                r#"{"timestamp": 5, "message": "m", "x": 1}"#,
            ),
            ("\"text\"", None, "\"text\""),
        ] {
            assert_eq!(read(body), (time.map(Timestamp), message.to_owned()), "{body}");
        }
    }
}
