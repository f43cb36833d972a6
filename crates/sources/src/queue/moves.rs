//! Moving dead letters back to where they come from, or elsewhere.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ebb_model::{RequestId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Queue, QueueError, Queues};

/// Messages that are moved at one time.
const BATCH: u32 = 10;
/// How many finished tasks are remembered for each queue.
const REMEMBERED: usize = 10;

/// A task that moves messages. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveTask {
    /// Names it within the server.
    pub handle: String,
    /// The ARN of the dead-letter queue.
    pub source_arn: String,
    /// The ARN of the queue that gets the messages; each goes back to its own where absent.
    pub destination_arn: Option<String>,
    /// At most so many in a second.
    pub per_second: Option<u32>,
    /// How far it is.
    pub state: MoveTaskState,
    /// Messages moved so far.
    pub moved: u64,
    /// Messages there were when it was started.
    pub to_move: u64,
    /// When it was started.
    pub started: Timestamp,
    /// Why it failed.
    pub failure: Option<String>,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MoveTaskState {
    /// It moves messages.
    Running,
    /// It moved all.
    Completed,
    /// It shall stop.
    Cancelling,
    /// It was stopped.
    Cancelled,
    /// It could not go on.
    Failed,
}

impl MoveTask {
    /// Names it to clients: with its source, as the service's handles do.
    #[must_use]
    pub fn task_handle(&self) -> String {
        let handle = TaskHandle { task_id: self.handle.clone(), source_arn: self.source_arn.clone() };
        STANDARD.encode(serde_json::to_vec(&handle).expect("texts always serialise"))
    }

    fn is_over(&self) -> bool {
        !matches!(self.state, MoveTaskState::Running | MoveTaskState::Cancelling)
    }
}

/// What a handle says, in base64.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskHandle {
    task_id: String,
    source_arn: String,
}

fn read_task_handle(text: &str) -> Option<(String, String)> {
    let handle: TaskHandle = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
    Some((handle.task_id, handle.source_arn))
}

/// Messages would be moved onto themselves for ever, or lose what order and duplicates need.
/// Source: SQS API reference, `StartMessageMoveTask` (2026-11).
fn check_destination(source: &Queue, destination: &Queue) -> Result<(), QueueError> {
    let wrong = |reason: &str| Err(QueueError::Parameter(reason.to_owned()));
    if source.name == destination.name {
        return wrong("Source queue arn and destination queue arn cannot be the same.");
    }
    if source.is_fifo() != destination.is_fifo() {
        return wrong("Source queue and destination queue must be of the same type.");
    }
    Ok(())
}

fn no_source() -> QueueError {
    QueueError::NotFound(
        "The resource that you specified for the SourceArn parameter doesn't exist.".to_owned(),
    )
}

/// What is said of a task that failed.
fn failure(error: &QueueError) -> String {
    match error {
        QueueError::NoSuchQueue => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        error => error.to_string(),
    }
}

impl Queues {
    /// Starts to move the messages of a dead-letter queue.
    ///
    /// # Errors
    /// [`QueueError::NotFound`] for a queue, [`QueueError::Parameter`], also where one runs already.
    pub async fn start_move(
        &self,
        source_arn: &str,
        destination_arn: Option<&str>,
        per_second: Option<u32>,
    ) -> Result<Arc<MoveTask>, QueueError> {
        let source = self.find(source_arn).map_err(|_| no_source())?;
        if self.dead_letter_sources(&source.name).is_empty() {
            return Err(QueueError::Parameter(
                "Source queue must be configured as a Dead Letter Queue.".to_owned(),
            ));
        }
        if let Some(destination) = destination_arn {
            let destination = self.find(destination).map_err(|_| {
                QueueError::NotFound(
                    "The resource that you specified for the DestinationArn parameter doesn't exist."
                        .to_owned(),
                )
            })?;
            check_destination(&source, &destination)?;
        }
        if per_second.is_some_and(|rate| !(1..=500).contains(&rate)) {
            return Err(QueueError::Parameter(
                "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: it must be between 1 and 500."
                    .to_owned(),
            ));
        }
        if self.moves(source_arn).iter().any(|task| !task.is_over()) {
            return Err(QueueError::Parameter(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given \
                 time."
                    .to_owned(),
            ));
        }
        let depth = self.inner.store.messages().depth(&source.uid).await?;
        let handle = RequestId::random().to_string();
        let task = MoveTask {
            handle: handle.clone(),
            source_arn: source_arn.to_owned(),
            destination_arn: destination_arn.map(str::to_owned),
            per_second,
            state: MoveTaskState::Running,
            moved: 0,
            to_move: depth.visible,
            started: self.inner.clock.now(),
            failure: None,
        };
        let made = self.inner.moves.edit(&handle, |_| Ok::<_, QueueError>(Some(task.clone()))).await?;
        self.forget_moves(source_arn).await?;
        self.run_move(handle);
        made.ok_or_else(no_source)
    }

    /// The tasks of a dead-letter queue, the newest first.
    #[must_use]
    pub fn moves(&self, source_arn: &str) -> Vec<Arc<MoveTask>> {
        let all = self.inner.moves.all();
        let mut of_source: Vec<_> =
            all.values().filter(|task| task.source_arn == source_arn).cloned().collect();
        of_source.sort_by_key(|task| std::cmp::Reverse(task.started));
        of_source
    }

    /// Stops the task of this handle; gives how many messages it moved.
    ///
    /// # Errors
    /// [`QueueError::Parameter`] for what is no handle, [`QueueError::NotFound`] for the queue or
    /// the task, [`QueueError::Unsupported`] where it is over.
    pub async fn cancel_move(&self, handle: &str) -> Result<u64, QueueError> {
        let (id, source_arn) = read_task_handle(handle)
            .ok_or_else(|| QueueError::Parameter("Value for parameter TaskHandle is invalid.".to_owned()))?;
        self.find(&source_arn).map_err(|_| no_source())?;
        let cancelled = self.inner.moves.edit(&id, |before| {
            let task = before.ok_or_else(|| QueueError::NotFound("Task does not exist.".to_owned()))?;
            if task.is_over() {
                return Err(QueueError::Unsupported("Only active tasks can be cancelled.".to_owned()));
            }
            Ok(Some(MoveTask { state: MoveTaskState::Cancelling, ..task.clone() }))
        });
        Ok(cancelled.await?.map_or(0, |task| task.moved))
    }

    pub(super) fn resume_moves(&self) {
        for task in self.inner.moves.all().values().filter(|task| !task.is_over()) {
            self.run_move(task.handle.clone());
        }
    }

    async fn forget_moves(&self, source_arn: &str) -> Result<(), QueueError> {
        for task in self.moves(source_arn).into_iter().skip(REMEMBERED).filter(|task| task.is_over()) {
            self.inner.moves.edit(&task.handle, |_| Ok::<_, QueueError>(None)).await?;
        }
        Ok(())
    }

    fn run_move(&self, handle: String) {
        self.spawn(|queues| async move {
            if let Err(error) = queues.move_all(&handle).await {
                tracing::warn!(task = handle, %error, "a move of messages failed");
                let failed = queues.inner.moves.edit(&handle, |before| {
                    let failed = |task: &MoveTask| MoveTask {
                        state: MoveTaskState::Failed,
                        failure: Some(failure(&error)),
                        ..task.clone()
                    };
                    Ok::<_, QueueError>(before.map(failed))
                });
                if let Err(error) = failed.await {
                    tracing::error!(task = handle, %error, "that a move failed could not be noted");
                }
            }
        });
    }

    async fn move_all(&self, handle: &str) -> Result<(), QueueError> {
        loop {
            let Some(task) = self.inner.moves.get(handle).filter(|task| !task.is_over()) else {
                return Ok(());
            };
            let cancelled = task.state == MoveTaskState::Cancelling;
            let moved = if cancelled { 0 } else { self.move_batch(&task).await? };
            let state = match (cancelled, moved) {
                (true, _) => MoveTaskState::Cancelled,
                (false, 0) => MoveTaskState::Completed,
                _ => MoveTaskState::Running,
            };
            let noted = self.inner.moves.edit(handle, |before| {
                let cancelling = before.is_some_and(|task| task.state == MoveTaskState::Cancelling);
                let state = if cancelling && state == MoveTaskState::Running {
                    MoveTaskState::Cancelling
                } else {
                    state
                };
                Ok::<_, QueueError>(before.map(|task| MoveTask {
                    state,
                    moved: task.moved + moved,
                    ..task.clone()
                }))
            });
            noted.await?;
            if let Some(rate) = task.per_second.filter(|_| moved > 0) {
                let pause = Duration::from_secs(1)
                    .mul_f64(f64::from(u32::try_from(moved).unwrap_or(BATCH)) / f64::from(rate));
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Moves some messages: all to one queue, or those of one origin back.
    async fn move_batch(&self, task: &MoveTask) -> Result<u64, QueueError> {
        let source = self.find(&task.source_arn)?;
        let messages = self.inner.store.messages();
        let limit = task.per_second.map_or(BATCH, |rate| rate.min(BATCH));
        if let Some(destination) = &task.destination_arn {
            let destination = self.find(destination)?;
            return Ok(messages.move_some(&source.uid, &destination.uid, None, limit).await?);
        }
        for origin in messages.sources(&source.uid).await?.into_iter().flatten() {
            let destination = self.find(&origin)?;
            let moved = messages.move_some(&source.uid, &destination.uid, Some(&origin), limit).await?;
            if moved > 0 {
                return Ok(moved);
            }
        }
        Ok(0)
    }
}
