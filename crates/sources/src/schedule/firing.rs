//! What happens when a schedule is due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ebb_model::{RequestId, Timestamp};
use ebb_store::NewWork;
use serde_json::json;

use super::definition::Schedule;
use super::service::{Scheduler, SchedulerError};
use super::universal::UniversalCall;
use crate::delivery::{DeadLetter, Delivery, Message, Sender};

impl Scheduler {
    pub(super) async fn keep_time(&self) {
        loop {
            let key = self.inner.timers.next().await;
            match self.fire(&key).await {
                Ok(Some(schedule)) => self.wind(&schedule),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(schedule = key, %error, "a schedule that is due could not be fired and is tried again");
                    let again = self.inner.clock.now().plus(Duration::from_secs(1));
                    self.inner.timers.set(&key, Some(again));
                }
            }
        }
    }

    pub(super) fn wind(&self, schedule: &Schedule) {
        self.inner.timers.set(&schedule.key(), schedule.next(schedule.last()));
    }

    async fn fire(&self, key: &str) -> Result<Option<Arc<Schedule>>, SchedulerError> {
        let now = self.inner.clock.now();
        let fired = self.inner.schedules.edit_with(key, |before| {
            let Some(schedule) = before else { return Ok((None, Vec::new())) };
            let Some(at) = schedule.due(now) else { return Ok((Some(schedule.clone()), Vec::new())) };
            let work = vec![self.delivery(schedule, at, now)];
            let over = schedule.next(at).is_none();
            let kept = Schedule { fired: Some(at), ..schedule.clone() };
            Ok::<_, SchedulerError>(((!(over && schedule.delete_after)).then_some(kept), work))
        });
        fired.await
    }

    fn delivery(&self, schedule: &Schedule, at: Timestamp, now: Timestamp) -> NewWork {
        let target = &schedule.target;
        let id = RequestId::random();
        let arn = self.arn(&schedule.group, &schedule.name);
        let time = at.format("%Y-%m-%dT%H:%M:%SZ");
        let body = match &target.input {
            // Source: EventBridge Scheduler user guide, "Adding context attributes".
            Some(input) => input
                .replace("<aws.scheduler.schedule-arn>", &arn)
                .replace("<aws.scheduler.scheduled-time>", &time)
                .replace("<aws.scheduler.execution-id>", &id.to_string())
                .replace("<aws.scheduler.attempt-number>", "1"),
            None if target.event.is_some() || UniversalCall::is(&target.arn) => "{}".to_owned(),
            None => self.event(&arn, &time, id),
        };
        let extra = target.event.as_ref().map(|(source, detail_type)| {
            json!({ "Source": source, "DetailType": detail_type, "Resources": [arn] })
        });
        let message = Message { body, group: target.message_group.clone(), extra, ..Message::default() };
        // Source: EventBridge Scheduler user guide, "Configuring a schedule's dead-letter queue" (2026-11).
        let explained = [
            ("SCHEDULE_ARN", arn),
            ("TARGET_ARN", target.arn.clone()),
            ("SCHEDULED_TIME", time),
            ("EXECUTION_ID", id.to_string()),
            ("IS_PAYLOAD_TRUNCATED", "false".to_owned()),
        ];
        let explained: BTreeMap<String, String> =
            explained.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let delivery = Delivery {
            id,
            retry: target.retry.unwrap_or_default(),
            dead_letter: target.dead_letter.as_ref().map(|arn| DeadLetter {
                arn: arn.clone(),
                explained: Some(explained),
                ..DeadLetter::default()
            }),
            ..Delivery::new(target.arn.clone(), message, Sender::Owner, now)
        };
        delivery.into_work(now.plus(schedule.jitter(id)))
    }

    /// What a target gets where a schedule has no input for it (recorded 2024): its detail is a text.
    fn event(&self, arn: &str, time: &str, id: RequestId) -> String {
        let event = json!({
            "version": "0",
            "id": id.to_string(),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": self.inner.account.as_str(),
            "time": time,
            "region": self.inner.region.as_str(),
            "resources": [arn],
            "detail": "{}",
        });
        event.to_string()
    }
}
