//! Takes deliveries from the store and makes attempts until they are settled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ebb_model::{Clock, Timestamp};
use ebb_store::trail::{Step, StepKind};
use ebb_store::{NewWork, Pass, Store, StoreError, Work};
use futures_util::future::join_all;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::retry::Exhausted;
use super::{Again, Attribute, Delivery, Message, QUEUE, ReasonNames, Sender, Targets, Undelivered};

/// Attempts at one time.
const CONCURRENCY: usize = 64;
/// Attempts at one time at one target: a slow one leaves room for the others.
const CONCURRENCY_OF_ONE: usize = 16;
/// The pause of a delivery whose target has as many as it may.
const PUT_BACK: Duration = Duration::from_millis(100);
/// How long a claim holds: longer than any attempt.
const LEASE: Duration = Duration::from_secs(60);
/// The longest attempt.
const DEADLINE: Duration = Duration::from_secs(45);
/// The pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What the worker needs.
#[derive(Clone)]
pub struct DeliveryParts {
    /// Where deliveries are.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where they go.
    pub targets: Targets,
}

/// The worker that makes deliveries, until it is stopped.
pub struct Deliveries {
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The place of an attempt among all; there is none once the worker is gone.
type Place = Result<OwnedSemaphorePermit, AcquireError>;

/// What the worker's tasks share.
struct Worker {
    parts: DeliveryParts,
    room: Arc<Semaphore>,
    /// Attempts that run, by target.
    running: Mutex<HashMap<String, usize>>,
}

impl Deliveries {
    /// Starts the worker. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(parts: DeliveryParts) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let room = Arc::new(Semaphore::new(CONCURRENCY));
        let worker = Arc::new(Worker { parts, room, running: Mutex::default() });
        let (stopped, attempts) = (stop.clone(), tasks.clone());
        tasks.spawn(async move {
            let _ = stopped.run_until_cancelled(worker.work(&attempts)).await;
        });
        Self { stop, tasks }
    }

    /// Takes nothing new and waits for the attempts that run; what is not settled is tried again by the next server.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl std::fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliveries").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl Worker {
    async fn work(self: Arc<Self>, attempts: &TaskTracker) {
        let work = self.parts.store.work();
        loop {
            // One place at least; the others that are free are taken with it.
            let Ok(place) = self.room.clone().acquire_owned().await else { return };
            let limit = u32::try_from(1 + self.room.available_permits()).unwrap_or(1);
            match work.claim(QUEUE, limit, LEASE).await {
                Ok(claimed) if claimed.is_empty() => {
                    drop(place);
                    work.wait(QUEUE).await;
                }
                Ok(claimed) => {
                    let mut place = Some(place);
                    let mut placed = Vec::with_capacity(claimed.len());
                    for item in claimed {
                        placed.push((
                            item,
                            match place.take() {
                                Some(place) => Ok(place),
                                None => self.room.clone().acquire_owned().await,
                            },
                        ));
                    }
                    self.begin(placed, attempts).await;
                }
                Err(error) => {
                    tracing::error!(%error, "deliveries could not be claimed");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    /// Attempts at several targets run side by side. Those at one begin in the order in which they were accepted, so that a
    /// queue gets messages in the order in which they were published.
    async fn begin(self: &Arc<Self>, claimed: Vec<(Work, Place)>, attempts: &TaskTracker) {
        let mut by_target: HashMap<String, Vec<_>> = HashMap::new();
        for (work, place) in claimed {
            if let Some(delivery) = self.read(&work).await {
                by_target.entry(delivery.target.clone()).or_default().push((work, delivery, place));
            }
        }
        for at_one in by_target.into_values() {
            let worker = self.clone();
            attempts.spawn(async move {
                let attempt = |(work, delivery, place): (Work, Delivery, Place)| {
                    let worker = &worker;
                    async move {
                        worker.attempt(work, delivery).await;
                        drop(place);
                    }
                };
                join_all(at_one.into_iter().map(attempt)).await;
            });
        }
    }

    async fn read(&self, work: &Work) -> Option<Delivery> {
        match serde_json::from_slice(&work.body) {
            Ok(delivery) => Some(delivery),
            Err(error) => {
                tracing::error!(work = work.id, %error, "a delivery cannot be read and is dropped");
                settled(self.parts.store.work().complete(work).await);
                None
            }
        }
    }

    async fn attempt(&self, work: Work, delivery: Delivery) {
        let queue = self.parts.store.work();
        // What this server keeps is never slow.
        if !delivery.is_near() && !self.enter(&delivery.target) {
            let due = self.parts.clock.now().plus(PUT_BACK);
            return settled(queue.retry(&work, due, None).await);
        }
        if let Some(wait) = self.parts.targets.admit(&delivery) {
            self.leave(&delivery.target);
            return settled(self.put_off(&work, delivery, wait).await);
        }
        self.note_attempt(&delivery);
        let made = tokio::time::timeout(DEADLINE, self.parts.targets.deliver(&delivery)).await;
        self.leave(&delivery.target);
        queue.attempted(&delivery.id.to_string());
        let late = || Undelivered::for_now("TIMEOUT", "the target did not answer in time");
        settled(match made.unwrap_or_else(|_| Err(late())) {
            Ok(()) => {
                self.note(&delivery, StepKind::Delivered, |step| step);
                queue.complete(&work).await
            }
            Err(error) => {
                let pass = follow(delivery.clone(), &error, self.parts.clock.now());
                self.note_failure(&delivery, &error, &pass);
                queue.pass(&work, pass).await
            }
        });
    }

    /// Lets a delivery wait that its target does not take for now; gives it up where that is too long.
    async fn put_off(&self, work: &Work, delivery: Delivery, wait: Duration) -> Result<(), StoreError> {
        let (queue, now) = (self.parts.store.work(), self.parts.clock.now());
        if now.since(delivery.accepted) + wait <= delivery.retry.age() {
            return queue.retry(work, now.plus(wait), None).await;
        }
        let error = Undelivered::for_now("THROTTLED", "the target took no more until it was too late");
        let pass = give_up(delivery.clone(), &error, Some(Exhausted::Age), now);
        self.note_failure(&delivery, &error, &pass);
        queue.pass(work, pass).await
    }

    fn note_attempt(&self, delivery: &Delivery) {
        if delivery.failures == 0 {
            self.note(delivery, StepKind::Accepted, |step| Step { at: delivery.accepted, ..step });
        }
        self.note(delivery, StepKind::Tried, |step| step.attempt(delivery.failures + 1));
    }

    fn note_failure(&self, delivery: &Delivery, error: &Undelivered, pass: &Pass) {
        let attempt = delivery.failures + 1;
        self.note(delivery, StepKind::Failed, |step| step.attempt(attempt).detail(error.to_string()));
        match (&pass.again, &delivery.dead_letter) {
            (Some((at, _)), _) => {
                let detail = format!("again at {}", at.to_rfc3339());
                self.note(delivery, StepKind::Retried, |step| step.detail(detail));
            }
            (None, Some(letter)) => {
                self.note(delivery, StepKind::DeadLettered, |step| step.detail(format!("to {}", letter.arn)));
            }
            (None, None) => {
                self.note(delivery, StepKind::Dropped, |step| step.detail("no dead-letter queue"));
            }
        }
    }

    fn note(&self, delivery: &Delivery, kind: StepKind, more: impl FnOnce(Step) -> Step) {
        let step = Step::new(self.parts.clock.now(), delivery.id.to_string(), kind, &delivery.target);
        self.parts.store.trail().note(&more(step.cause(delivery.cause.clone())));
    }

    fn enter(&self, target: &str) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let count = running.entry(target.to_owned()).or_default();
        let room = *count < CONCURRENCY_OF_ONE;
        *count += usize::from(room);
        room
    }

    fn leave(&self, target: &str) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(target) {
            *count -= 1;
            if *count == 0 {
                running.remove(target);
            }
        }
    }
}

/// What follows from an attempt that failed: another one, or a dead letter, or nothing.
pub(super) fn follow(delivery: Delivery, error: &Undelivered, now: Timestamp) -> Pass {
    let failures = delivery.failures + 1;
    let exhausted = if error.may_retry() {
        let age = now.since(delivery.accepted);
        let next = match &delivery.waits {
            Some(waits) => super::retry::listed(waits, failures),
            None => delivery.retry.next(failures, age),
        };
        let next = match error.again {
            Again::NotBefore(least) if least + age > delivery.retry.age() => Err(Exhausted::Age),
            Again::NotBefore(least) => next.map(|wait| wait.max(least)),
            _ => next,
        };
        match next {
            Ok(wait) => {
                let again = Delivery { failures, ..delivery };
                return Pass { again: Some((now.plus(wait), Some(again.to_bytes()))), add: Vec::new() };
            }
            Err(exhausted) => Some(exhausted),
        }
    } else {
        None
    };
    give_up(delivery, error, exhausted, now)
}

fn give_up(delivery: Delivery, error: &Undelivered, exhausted: Option<Exhausted>, now: Timestamp) -> Pass {
    tracing::warn!(id = %delivery.id, target = delivery.target, %error, "a delivery is given up");
    Pass { again: None, add: dead_letter(delivery, error, exhausted, now).into_iter().collect() }
}

pub(super) fn dead_letter(
    delivery: Delivery,
    error: &Undelivered,
    exhausted: Option<Exhausted>,
    now: Timestamp,
) -> Option<NewWork> {
    let letter = delivery.dead_letter?;
    let body = letter.body.unwrap_or(delivery.message.body);
    let mut message = Message { body, subject: None, extra: None, ..delivery.message };
    if let Some(explained) = letter.explained {
        let mut add = |name: &str, value: String| {
            message.attributes.insert(name.to_owned(), Attribute { data_type: "String".to_owned(), value });
        };
        explained.into_iter().for_each(|(name, value)| add(&name, value));
        if letter.names == ReasonNames::Topic {
            add("ErrorCode", error.code.clone());
            add("ErrorMessage", error.message.clone());
        } else {
            add("ERROR_CODE", error.code.clone());
            add("ERROR_MESSAGE", error.message.clone());
            if let Some(exhausted) = exhausted {
                add("EXHAUSTED_RETRY_CONDITION", exhausted.as_str().to_owned());
            }
            add("RETRY_ATTEMPTS", delivery.failures.to_string());
        }
    }
    let letter = Delivery { id: delivery.id, ..Delivery::new(letter.arn, message, Sender::Owner, now) };
    Some(letter.into_work(now))
}

/// A store that cannot settle a claim gives the delivery back when the lease ends.
fn settled(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "a delivery was not settled in the store and will be made again");
    }
}
