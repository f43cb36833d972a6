//! Group commit: one task takes all changes that wait, makes them in one transaction and answers each.
//!
//! A commit waits for the disk (or a server), and changes that arrive meanwhile queue; so the busier the store, the
//! more changes share one wait. A refused change (a conflict) concerns only itself. When the database refuses a whole
//! transaction, its changes are tried again one by one, so that a bad one fails alone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::DEADLINE;
use super::job::{Answer, Applied, Job};
use super::session::{Pool, Session};
use super::wakes::Wakes;
use crate::StoreError;
use crate::folder::DataFolder;
use crate::work;

/// Changes in one transaction: enough to share the wait for the disk, few enough to answer within milliseconds.
const BATCH: usize = 256;
/// Changes that wait for the writer; further callers wait for room, which bounds memory under overload.
const WAITING: usize = 1024;
/// How often a transaction that did not reach its commit is made in all.
const ATTEMPTS: u32 = 4;
/// The pause before the second attempt; doubles with each.
const PAUSE: Duration = Duration::from_millis(20);

/// Deletions after which what they left behind is looked through.
const FORGET_AFTER: usize = 10_000;

/// The handle to the writing task.
#[derive(Debug)]
pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Request {
    job: Job,
    reply: oneshot::Sender<Applied>,
}

impl Writer {
    /// Starts the task; it ends when the handle is dropped or stopped. It keeps `folder` locked until then.
    pub(super) fn start(pool: Pool, wakes: Arc<Wakes>, folder: Arc<DataFolder>) -> Self {
        let (requests, inbox) = mpsc::channel(WAITING);
        let stop = CancellationToken::new();
        let task = Task { pool, wakes, session: None, deletions: 0, _folder: folder };
        let task = tokio::spawn(task.run(inbox, stop.clone()));
        Self { requests, stop, task: Mutex::new(Some(task)) }
    }

    /// Has a change made.
    pub(super) async fn submit(&self, job: Job) -> Applied {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request { job, reply }).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Refuses new changes, makes those that wait, and ends the task.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = match task {
            Some(task) => Some(task.await),
            None => None,
        } {
            tracing::error!(%error, "the database writer ended badly");
        }
    }
}

/// The state of the writing task.
struct Task {
    pool: Pool,
    wakes: Arc<Wakes>,
    session: Option<Session>,
    /// Records deleted since old deletions were forgotten.
    deletions: usize,
    _folder: Arc<DataFolder>,
}

/// Why a transaction was not made.
#[derive(Clone)]
struct Failure {
    source: Arc<dyn std::error::Error + Send + Sync>,
    in_doubt: bool,
    transient: bool,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>, stop: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                () = stop.cancelled(), if !inbox.is_closed() => {
                    inbox.close();
                    continue;
                }
                taken = inbox.recv_many(&mut batch, BATCH) => if taken == 0 { return },
            }
            let (jobs, replies): (Vec<_>, Vec<_>) =
                batch.drain(..).map(|Request { job, reply }| (job, reply)).unzip();
            let answers = self.make(&jobs).await;
            for ((job, answer), reply) in jobs.iter().zip(answers).zip(replies) {
                self.ring(job, &answer);
                // Whoever stopped waiting for the answer does not get it; the change is made.
                drop(reply.send(answer));
            }
            self.deletions += jobs.iter().map(Job::deletions).sum::<usize>();
            if self.deletions >= FORGET_AFTER {
                self.deletions = 0;
                self.forget().await;
            }
        }
    }

    /// Forgets old deletions; where that fails, it is tried again after as many deletions.
    async fn forget(&mut self) {
        for error in self.make(&[Job::Forget]).await.into_iter().filter_map(Result::err) {
            tracing::warn!(error = &error as &dyn std::error::Error, "old deletions stay for now");
        }
    }

    /// Makes changes and gives the answer of each.
    async fn make(&mut self, jobs: &[Job]) -> Vec<Applied> {
        let failure = match self.attempts(jobs).await {
            Ok(answers) => return answers,
            Err(failure) => failure,
        };
        if jobs.len() == 1 || failure.in_doubt || failure.transient {
            return jobs.iter().map(|job| Err(failure.clone().of(job))).collect();
        }
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            let alone = self.attempts(std::slice::from_ref(job)).await;
            answers.push(match alone {
                Ok(mut answer) => answer.pop().unwrap_or(Err(StoreError::Closed)),
                Err(failure) => Err(failure.of(job)),
            });
        }
        answers
    }

    /// Makes one transaction, again where it failed before its commit for a reason that passes.
    async fn attempts(&mut self, jobs: &[Job]) -> Result<Vec<Applied>, Failure> {
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            match self.transaction(jobs).await {
                Err(Failure { in_doubt: false, transient: true, source }) => {
                    tracing::debug!(error = %source, "a transaction is tried again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                settled => return settled,
            }
        }
        self.transaction(jobs).await
    }

    async fn transaction(&mut self, jobs: &[Job]) -> Result<Vec<Applied>, Failure> {
        // A session that is not put back is closed, which rolls back.
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.pool.session().await.map_err(Failure::before_commit)?.closed_on_drop(),
        };
        let changes = async {
            session.begin().await?;
            let mut answers = Vec::with_capacity(jobs.len());
            for job in jobs {
                answers.push(job.apply(&mut session).await?);
            }
            Ok(answers)
        };
        let answers = match tokio::time::timeout(DEADLINE, changes).await {
            Ok(answers) => answers.map_err(Failure::before_commit)?,
            Err(elapsed) => {
                return Err(Failure { source: Arc::new(elapsed), in_doubt: false, transient: false });
            }
        };
        let in_doubt = |source| Failure { source, in_doubt: true, transient: false };
        match tokio::time::timeout(DEADLINE, session.execute("COMMIT", &[])).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(in_doubt(Arc::new(error))),
            Err(elapsed) => return Err(in_doubt(Arc::new(elapsed))),
        }
        self.session = Some(session);
        Ok(answers)
    }

    /// Wakes those who wait for work that is now there.
    fn ring(&self, job: &Job, answer: &Applied) {
        match (job, answer) {
            (Job::Enqueue(items, _) | Job::CommitAndEnqueue(_, items, _), Ok(_)) => {
                work::queues(items).into_iter().for_each(|queue| self.wakes.ring(queue));
            }
            (Job::Pass(_, pass, _), Ok(answer)) => {
                work::queues(&pass.add).into_iter().for_each(|queue| self.wakes.ring(queue));
                if let Answer::Released(queue) = answer {
                    self.wakes.ring(queue);
                }
            }
            (Job::Messages(change, _), Ok(_)) => change.bells().iter().for_each(|bell| self.wakes.ring(bell)),
            (_, Ok(Answer::Released(queue))) => self.wakes.ring(queue),
            _ => {}
        }
    }
}

impl Failure {
    /// Nothing was committed.
    fn before_commit(error: sqlx::Error) -> Self {
        let transient = is_transient(&error);
        Self { source: Arc::new(error), in_doubt: false, transient }
    }

    /// As the error of one of the changes.
    fn of(self, job: &Job) -> StoreError {
        StoreError::Database { action: job.action(), in_doubt: self.in_doubt, source: self.source }
    }
}

/// Whether the same transaction may well succeed a moment later.
fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => match error.code().as_deref() {
            // SQLITE_BUSY and SQLITE_BUSY_SNAPSHOT.
            Some("5" | "517") => true,
            // Connection exceptions, serialization failure, deadlock, and a server that shuts down or starts.
            Some(code) => {
                code.starts_with("08") || matches!(code, "40001" | "40P01" | "57P01" | "57P02" | "57P03")
            }
            None => false,
        },
        _ => false,
    }
}
