//! The poller of one mapping: gathers messages, runs the function, and deletes what it handled.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_invoker::{Delivery, InvokeError, Invoker};
use ebb_model::{Clock, FunctionReference, Invocation, Response, Trigger, limits};
use ebb_store::trail::{Step, StepKind, Trail};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::batch::{failed, record, wanted};
use super::{Mapping, Mappings};
use crate::pattern::Pattern;
use crate::queue::{Queue, Queues, ReceiveRequest, Received};

/// Events at one time, where the mapping has no limit of its own.
const CONCURRENCY: u32 = 100;
/// The most messages of one receive.
const RECEIVE: u32 = 10;
/// The most bytes of an event. Source: the Lambda developer guide, "Batching behavior" (2026-11).
const EVENT_BYTES: usize = limits::SYNC_PAYLOAD_BYTES - 64;
/// What a record has besides the message as it is stored, at most.
const RECORD_BYTES: usize = 4096;
/// Where an event is this long, it waits for no further messages: one of the largest may not fit.
const NEARLY_FULL: usize = EVENT_BYTES - 1024 * 1024 - 10 * RECORD_BYTES;
/// The pause after a queue could not be read, or is gone.
const PAUSE: Duration = Duration::from_secs(1);
/// The first pause after a throttle; each that follows is twice as long, up to the longest.
const BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// The poller of one mapping.
pub(super) struct Poller {
    invoker: Invoker,
    queues: Queues,
    mapping: Arc<Mapping>,
    patterns: Vec<Pattern>,
    clock: Arc<dyn Clock>,
    trail: Trail,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// What runs for this mapping.
    own: TaskTracker,
    room: Arc<Semaphore>,
}

impl Poller {
    pub(super) fn new(
        mappings: &Mappings,
        mapping: Arc<Mapping>,
        stop: CancellationToken,
        own: TaskTracker,
    ) -> Arc<Self> {
        let room = mapping.maximum_concurrency.unwrap_or(CONCURRENCY);
        Arc::new(Self {
            invoker: mappings.inner.invoker.clone(),
            queues: mappings.inner.queues.clone(),
            patterns: mapping.filters.iter().filter_map(|filter| Pattern::parse(filter).ok()).collect(),
            clock: mappings.inner.clock.clone(),
            trail: mappings.inner.trail.clone(),
            mapping,
            stop,
            tasks: mappings.inner.tasks.clone(),
            own,
            room: Arc::new(Semaphore::new(usize::try_from(room).unwrap_or(1))),
        })
    }

    /// Polls until the mapping is turned off or the server stops.
    pub(super) async fn run(self: Arc<Self>) {
        // Never cut off between taking messages and handling them: they would come back late, and count as received.
        while !self.stop.is_cancelled() {
            let room = self.stop.run_until_cancelled(self.room.clone().acquire_owned()).await;
            let Some(Ok(place)) = room else { return };
            let Ok(queue) = self.queues.find(&self.mapping.source_arn) else {
                let _ = self.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                continue;
            };
            let messages = self.gather(&queue).await;
            if messages.is_empty() {
                continue;
            }
            let poller = self.clone();
            // Not cut off with the poller: what it took is handled to its end.
            self.tasks.spawn(self.own.track_future(async move {
                poller.handle(&queue, messages).await;
                drop(place);
            }));
        }
    }

    /// Takes messages until there are enough, or the first has waited for as long as it may.
    async fn gather(&self, queue: &Queue) -> Vec<Received> {
        let queue_arn = &self.mapping.source_arn;
        let mut messages: Vec<Received> = Vec::new();
        let (mut until, mut bytes, mut woken) = (None, 0, false);
        loop {
            let missing = self.mapping.batch_size - u32::try_from(messages.len()).unwrap_or(0);
            let limit = missing.min(RECEIVE);
            let request = ReceiveRequest {
                limit: Some(limit.into()),
                wait_seconds: Some(0),
                max_bytes: Some(room(bytes, limit)),
                ..ReceiveRequest::default()
            };
            match self.queues.receive(queue, &request).await {
                Ok(more) => {
                    let full = more.len() == RECEIVE as usize;
                    // There was something, and it did not fit (or another took it).
                    let no_fit = woken && more.is_empty() && !messages.is_empty();
                    bytes += more.iter().map(|message| size(message, queue_arn)).sum::<usize>();
                    messages.extend(more);
                    let enough = messages.len() >= self.mapping.batch_size as usize || bytes > NEARLY_FULL;
                    if enough || no_fit || (!messages.is_empty() && self.mapping.window_seconds == 0 && !full)
                    {
                        return messages;
                    }
                    if full && self.mapping.window_seconds == 0 {
                        continue;
                    }
                }
                Err(error) => {
                    tracing::warn!(mapping = self.mapping.id, %error, "a queue could not be read");
                    tokio::time::sleep(PAUSE).await;
                    return messages;
                }
            }
            if !messages.is_empty() && until.is_none() {
                until = Some(Instant::now() + Duration::from_secs(self.mapping.window_seconds.into()));
            }
            let waiting = self.queues.wait(queue);
            let ends = async {
                match until {
                    None => std::future::pending().await,
                    Some(until) => tokio::time::sleep_until(until).await,
                }
            };
            tokio::select! {
                () = waiting => {}
                () = ends => return messages,
                () = self.stop.cancelled() => return messages,
            }
            woken = true;
        }
    }

    async fn handle(&self, queue: &Queue, messages: Vec<Received>) {
        let queue_arn = &self.mapping.source_arn;
        let (mut kept, mut records) = (Vec::new(), Vec::new());
        for message in messages {
            let record = record(&message, queue_arn);
            if wanted(&self.patterns, &record) {
                kept.push(message);
                records.push(record);
            } else {
                // What no filter wants is handled by that.
                self.delete(queue, &[&message]).await;
                self.note(&message, StepKind::Dropped, |step| {
                    step.detail("no filter of the mapping wants it")
                });
            }
        }
        if kept.is_empty() {
            return;
        }
        let ids: HashSet<&str> = kept.iter().map(|message| message.message.id.as_str()).collect();
        let event = Bytes::from(json!({ "Records": records }).to_string());
        for message in &kept {
            if message.receives == 1 {
                self.note(message, StepKind::Accepted, |step| Step { at: message.sent, ..step });
            }
            self.note(message, StepKind::Tried, |step| step.attempt(attempt(message)));
        }
        let failures = self.invoke(queue, event, &ids).await;
        for message in &kept {
            self.note_end(queue, message, failures.contains(message.message.id.as_str()));
        }
        let done: Vec<&Received> =
            kept.iter().filter(|one| !failures.contains(one.message.id.as_str())).collect();
        self.delete(queue, &done).await;
    }

    /// Runs the function; gives the ids of the messages that are not handled. They come back when their visibility
    /// timeout ends.
    async fn invoke<'a>(&self, queue: &Queue, event: Bytes, ids: &HashSet<&'a str>) -> HashSet<&'a str> {
        let Ok(function) = FunctionReference::parse(&self.mapping.function_arn) else { return ids.clone() };
        // A throttled event is tried again while its messages are surely still invisible.
        let visibility = Duration::from_secs(queue.attributes.visibility_seconds().into());
        let (began, mut pause) = (Instant::now(), BACKOFF);
        loop {
            let invocation = Invocation::new(function.clone(), event.clone(), Trigger::Direct);
            match self.invoker.invoke(invocation, Delivery::Whole).await {
                Ok(outcome) => {
                    return match outcome.result {
                        Ok(Response::Whole(answer)) if self.mapping.reports_failures => failed(&answer, ids),
                        Ok(_) => HashSet::new(),
                        Err(_) => ids.clone(),
                    };
                }
                Err(InvokeError::Throttled(_)) if began.elapsed() + pause < visibility / 2 => {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.stop.cancelled() => return ids.clone(),
                    }
                    pause = (pause * 2).min(LONGEST_BACKOFF);
                }
                Err(error) => {
                    tracing::debug!(mapping = self.mapping.id, %error, "a batch was not handled");
                    return ids.clone();
                }
            }
        }
    }

    fn note_end(&self, queue: &Queue, message: &Received, failed: bool) {
        if !failed {
            return self.note(message, StepKind::Delivered, |step| step);
        }
        self.note(message, StepKind::Failed, |step| step.attempt(attempt(message)));
        let visibility = queue.attributes.visibility_seconds();
        match queue.attributes.redrive() {
            Some(redrive) if message.receives >= i64::from(redrive.max_receives) => {
                self.note(message, StepKind::DeadLettered, |step| {
                    step.detail(format!("to {} after its visibility timeout", redrive.queue_arn))
                });
            }
            _ => self.note(message, StepKind::Retried, |step| {
                step.detail(format!("when its visibility timeout of {visibility} s ends"))
            }),
        }
    }

    fn note(&self, message: &Received, kind: StepKind, more: impl FnOnce(Step) -> Step) {
        let step = Step::new(self.clock.now(), &message.message.id, kind, &self.mapping.function_arn);
        self.trail.note(&more(step));
    }

    async fn delete(&self, queue: &Queue, messages: &[&Received]) {
        let entry =
            |(at, message): (usize, &&Received)| (at.to_string(), message.receipt.as_str().to_owned());
        for some in messages.chunks(RECEIVE as usize) {
            let entries = some.iter().enumerate().map(entry).collect();
            if let Err(error) = self.queues.delete_batch(queue, entries).await {
                tracing::warn!(mapping = self.mapping.id, %error, "messages that were handled come back");
            }
        }
    }
}

/// Which attempt at a message this is.
fn attempt(message: &Received) -> u32 {
    u32::try_from(message.receives).unwrap_or(u32::MAX)
}

/// The bytes of a message as a record of an event, with what is between two.
fn size(message: &Received, queue_arn: &str) -> usize {
    record(message, queue_arn).to_string().len() + 1
}

/// How many bytes of stored messages fit into an event that has so many, where they come as `limit` records.
fn room(bytes: usize, limit: u32) -> usize {
    EVENT_BYTES.saturating_sub(bytes + limit as usize * RECORD_BYTES)
}
