//! What of the platform's services makes functions of an app run.

use ebb_model::EventEncoding;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Plan, PlannedSchedule};

/// Messages of a queue that a function gets at once where nothing else is said.
const BATCH: u32 = 10;

/// A trigger that cannot be read, or is of no function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no trigger: {why}. Write it like \"FUNCTION=bucket:NAME\"; the kinds are {KINDS}")]
pub struct InvalidTrigger {
    /// As it was given.
    pub text: String,
    /// What is wrong.
    pub why: String,
}

const KINDS: &str = "bucket, queue, topic and schedule";

/// A function of an app that is invoked by what happens in a service. What it names is made where it is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedTrigger {
    /// The function's name within the app.
    pub function: String,
    /// Where things happen.
    pub on: TriggerSource,
}

/// Where things happen that make a function run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TriggerSource {
    /// Messages of a queue.
    Queue {
        /// The queue.
        name: String,
        /// The most messages of an event.
        batch: u32,
        /// Whether the function says which messages of a batch failed.
        #[serde(default)]
        reports_failures: bool,
        /// How often a message is tried; without end where absent. Only of a queue that the app makes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempts: Option<u32>,
        /// The queue that messages go to which failed so often.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dead_letter: Option<String>,
        /// Seconds that a batch may wait to be full.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<u32>,
        /// How many batches run at one time; as many as there are where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_once: Option<u32>,
    },
    /// Objects of a bucket.
    Bucket {
        /// The bucket.
        name: String,
        /// Of what, as in `s3:ObjectCreated:*`.
        events: Vec<String>,
        /// Only keys that begin so.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        prefix: String,
        /// Only keys that end so.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        suffix: String,
    },
    /// Messages of a topic.
    Topic {
        /// The topic.
        name: String,
    },
    /// Events of the default bus.
    Bus {
        /// Which: an event pattern, as JSON text.
        pattern: String,
    },
}

impl Plan {
    /// Adds what a text says: `[FUNCTION=]KIND:NAME`. The function may be left out where there is only one; a schedule's
    /// name is its expression.
    ///
    /// # Errors
    /// [`InvalidTrigger`] where it makes no sense, or the app has no such function.
    pub fn add_trigger(&mut self, text: &str) -> Result<(), InvalidTrigger> {
        let invalid = |why: String| InvalidTrigger { text: text.to_owned(), why };
        let (head, name) = text.split_once(':').ok_or_else(|| invalid("it has no `:`".to_owned()))?;
        let (function, kind) = match head.split_once('=') {
            Some((function, kind)) => (Some(function.trim()), kind.trim()),
            None => (None, head.trim()),
        };
        let found = match (function, self.functions.as_slice()) {
            (Some(wanted), functions) => functions.iter().find(|function| {
                function.name == wanted
                    || function.environment.get("FUNCTION_TARGET").is_some_and(|target| target == wanted)
            }),
            (None, [only]) => Some(only),
            (None, _) => return Err(invalid("the app has several functions: say which".to_owned())),
        };
        let found = found
            .ok_or_else(|| invalid(format!("the app has no function {}", function.unwrap_or_default())))?;
        let (function, name) = (found.name.clone(), name.trim().to_owned());
        let cloud_events =
            found.server.as_ref().is_some_and(|server| server.events == EventEncoding::CloudEvents);
        let on = match kind {
            _ if name.is_empty() => return Err(invalid("it names nothing".to_owned())),
            "queue" => TriggerSource::Queue {
                name,
                // Of several CloudEvents that one answer is for, those that succeeded would come again with one that did not.
                batch: if cloud_events { 1 } else { BATCH },
                reports_failures: false,
                attempts: None,
                dead_letter: None,
                window: None,
                at_once: None,
            },
            "bucket" => {
                let events = vec!["s3:ObjectCreated:*".to_owned()];
                TriggerSource::Bucket { name, events, prefix: String::new(), suffix: String::new() }
            }
            "topic" => TriggerSource::Topic { name },
            "schedule" => {
                let input = if cloud_events { scheduled(&function) } else { "{}".to_owned() };
                let planned = PlannedSchedule { function, expression: name, input };
                if !self.schedules.contains(&planned) {
                    self.schedules.push(planned);
                }
                return Ok(());
            }
            _ => return Err(invalid(format!("there is no kind {kind:?}"))),
        };
        let planned = PlannedTrigger { function, on };
        if !self.triggers.contains(&planned) {
            self.triggers.push(planned);
        }
        Ok(())
    }
}

/// The event of a schedule of a function that takes CloudEvents.
fn scheduled(function: &str) -> String {
    json!({
        "specversion": "1.0",
        "type": "google.cloud.scheduler.job.v1.executed",
        "source": format!("//cloudscheduler.googleapis.com/projects/ebb/jobs/{function}"),
        "id": "<aws.scheduler.execution-id>",
        "time": "<aws.scheduler.scheduled-time>",
        "data": { "customData": "" },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ebb_model::{Digest, ServerSettings};

    use super::*;
    use crate::plan::PlannedFunction;

    fn plan(functions: &[&str]) -> Plan {
        let function = |name: &&str| PlannedFunction {
            name: (*name).to_owned(),
            runtime: "http".to_owned(),
            handler: "x".to_owned(),
            memory: 128,
            timeout: 3,
            environment: BTreeMap::new(),
            routes: Vec::new(),
            stream: true,
            background: false,
            before_files: false,
            except: Vec::new(),
            rate_limit: None,
            front: Vec::new(),
            server: Some(ServerSettings { events: EventEncoding::CloudEvents, ..ServerSettings::default() }),
            instance_concurrency: 1,
            inspect: None,
            package: Digest::of(b""),
        };
        Plan { functions: functions.iter().map(function).collect(), ..Plan::new("app") }
    }

    #[test]
    fn triggers_are_read() {
        let mut several = plan(&["a", "b"]);
        several.add_trigger("a=bucket:uploads").unwrap();
        several.add_trigger("b=topic:orders").unwrap();
        several.add_trigger("b=queue:jobs").unwrap();
        several.add_trigger("a=schedule:rate(5 minutes)").unwrap();
        let kinds: Vec<_> = several.triggers.iter().map(|it| (it.function.as_str(), &it.on)).collect();
        assert!(matches!(
            kinds[..],
            [
                ("a", TriggerSource::Bucket { .. }),
                ("b", TriggerSource::Topic { .. }),
                ("b", TriggerSource::Queue { batch: 1, .. })
            ]
        ));
        assert_eq!(several.schedules[0].expression, "rate(5 minutes)");
        assert!(several.check().is_ok());
        let mut one = plan(&[""]);
        one.add_trigger("topic:orders").unwrap();
        assert_eq!(one.triggers.len(), 1);
        for (text, why) in [
            ("bucket:x", "several functions"),
            ("c=bucket:x", "no function c"),
            ("a=table:x", "no kind"),
            ("a=bucket:", "names nothing"),
            ("a", "no `:`"),
        ] {
            let said = several.add_trigger(text).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
    }
}
