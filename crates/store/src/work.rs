//! The durable work queue that asynchronous events, retries, timers and workflow steps share.
//!
//! An item is claimed for a time (its lease). Who finishes it says so; otherwise it comes back when the lease ends.
//! So each item is handed out at least once, and a handler must be idempotent.

mod watch;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_model::{Clock, Timestamp};

use crate::database::{Answer, Arg, Database, Held, Job, Row, Session, reading};
use crate::{StoreError, Write};

pub use watch::Watch;
use watch::Watchers;

/// How often other nodes' work is looked for, where they share the database.
const SHARED_POLL: Duration = Duration::from_millis(500);
/// The longest sleep on the timer: bounds what a jump of the machine's clock can cost.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// The pause after the database could not be asked.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// The durable work queue that asynchronous events, retries, timers and workflow steps share. Cheap to clone.
#[derive(Clone)]
pub struct WorkQueue {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
    watchers: Watchers,
}

/// An item to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWork {
    /// The queue that it goes to; queues need no creation.
    pub queue: &'static str,
    /// What its handler needs to know.
    pub body: Bytes,
    /// Not before.
    pub due: Timestamp,
    /// What the first attempt is reported by ([`WorkQueue::attempted`]), where whoever adds the item may wait for it.
    pub watched: Option<String>,
}

/// An item that this claim holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Unique among all queues.
    pub id: i64,
    /// What its handler needs to know.
    pub body: Bytes,
    /// Claims so far, this one included.
    pub attempts: u32,
    /// When it was added.
    pub enqueued: Timestamp,
    /// Proof of the claim: once it ran out and the work was claimed anew, it can no longer settle the work.
    pub lease: i64,
}

/// How full a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Items that may be claimed now.
    pub ready: u64,
    /// Items that wait for their time.
    pub delayed: u64,
    /// Items that a claim holds.
    pub claimed: u64,
    /// When the oldest of all of these was added.
    pub oldest_enqueued: Option<Timestamp>,
}

/// What becomes of an item that leads to others, all in one change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pass {
    /// When the item comes again, with a new body where given; it is done where absent.
    pub again: Option<(Timestamp, Option<Bytes>)>,
    /// What is added.
    pub add: Vec<NewWork>,
}

/// A claim to be made.
#[derive(Debug)]
pub(crate) struct Claim {
    queue: &'static str,
    limit: u32,
    now: Timestamp,
    until: Timestamp,
}

impl WorkQueue {
    pub(crate) fn new(database: Arc<Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock, watchers: Watchers::default() }
    }

    /// Adds work; durable when it returns. Gives the ids in order. Concurrent calls share one transaction.
    ///
    /// Where the caller stops waiting, the work may be added all the same.
    ///
    /// # Errors
    /// [`StoreError::Database`] (nothing was added, unless it says that it is in doubt), [`StoreError::Closed`].
    pub async fn enqueue(&self, work: Vec<NewWork>) -> Result<Vec<i64>, StoreError> {
        if work.is_empty() {
            return Ok(Vec::new());
        }
        self.database.change(Job::Enqueue(work, self.clock.now())).await.map(Answer::numbers)
    }

    /// Makes writes to records and adds the work that follows from them: all of it is made, or none. Gives the new
    /// revision of each record.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where an expectation of a write does not hold; else as [`WorkQueue::enqueue`].
    pub async fn enqueue_with(&self, writes: Vec<Write>, work: Vec<NewWork>) -> Result<Vec<i64>, StoreError> {
        let job = Job::CommitAndEnqueue(writes, work, self.clock.now());
        self.database.change(job).await.map(Answer::numbers)
    }

    /// As [`WorkQueue::enqueue_with`], and waits up to `patience` for the first attempt at what is watched of the work.
    /// Where many wait at one time, others do not.
    ///
    /// # Errors
    /// As [`WorkQueue::enqueue_with`].
    pub async fn enqueue_and_watch(
        &self,
        writes: Vec<Write>,
        work: Vec<NewWork>,
        patience: Duration,
    ) -> Result<Vec<i64>, StoreError> {
        let watch = self.watch(work.iter().filter_map(|item| item.watched.clone()));
        let added = self.enqueue_with(writes, work).await?;
        watch.attempted(patience).await;
        Ok(added)
    }

    /// Watches work by names that whoever adds it and whoever makes the attempts agree on.
    pub fn watch(&self, names: impl IntoIterator<Item = String>) -> Watch {
        self.watchers.watch(names)
    }

    /// Says to whoever watches that the work of this name was attempted.
    pub fn attempted(&self, name: &str) {
        self.watchers.attempted(name);
    }

    /// Takes up to `limit` due items for `lease`; what is not settled by then comes back.
    ///
    /// On a shared database, the nodes' clocks should agree to well within the lease. Where the caller stops
    /// waiting, items may stay claimed until their lease ends.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn claim(
        &self,
        queue: &'static str,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<Work>, StoreError> {
        let now = self.clock.now();
        let claim = Claim { queue, limit, now, until: now.plus(lease) };
        self.database.change(Job::Claim(claim)).await.map(Answer::claimed)
    }

    /// Removes work that is done.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] where another claim has it by now or settled it; [`StoreError::Database`],
    /// [`StoreError::Closed`].
    pub async fn complete(&self, work: &Work) -> Result<(), StoreError> {
        self.database.change(Job::Complete(held(work))).await.map(drop)
    }

    /// Gives it back, to be claimed again not before `due`, with a new body where given.
    ///
    /// # Errors
    /// As [`WorkQueue::complete`].
    pub async fn retry(&self, work: &Work, due: Timestamp, body: Option<Bytes>) -> Result<(), StoreError> {
        self.database.change(Job::Retry(held(work), due, body)).await.map(drop)
    }

    /// Removes it or gives it back, and adds what follows from it: all of it is made, or none.
    ///
    /// # Errors
    /// As [`WorkQueue::complete`].
    pub async fn pass(&self, work: &Work, pass: Pass) -> Result<(), StoreError> {
        self.database.change(Job::Pass(held(work), pass, self.clock.now())).await.map(drop)
    }

    /// Holds it for `lease` from now on, for work that takes longer than was thought.
    ///
    /// # Errors
    /// As [`WorkQueue::complete`].
    pub async fn extend(&self, work: &Work, lease: Duration) -> Result<(), StoreError> {
        let until = self.clock.now().plus(lease);
        self.database.change(Job::Extend(held(work), until)).await.map(drop)
    }

    /// Gives back at once what the process before this one held, where no other can hold anything: the data folder's
    /// database has one process, and it is starting. On a shared database leases run out.
    pub(crate) async fn recover(&self) -> Result<(), StoreError> {
        if self.database.is_shared() {
            return Ok(());
        }
        self.database.change(Job::GiveBackAll(self.clock.now())).await.map(drop)
    }

    /// How full a queue is. Reads the whole queue's index.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn depth(&self, queue: &'static str) -> Result<Depth, StoreError> {
        let action = "measure a queue";
        let args = [Arg::Text(queue), Arg::Int(self.clock.now().millis())];
        let rows = self.database.rows(action, DEPTH, &args).await?;
        rows.first().map_or_else(|| Ok(Depth::default()), depth).map_err(reading(action))
    }

    /// Returns when something may be due in `queue`: new work, the time of waiting work, or the end of a lease.
    ///
    /// Returns at once where work is due already, so nothing is missed between a claim and this. Safe to cancel.
    /// Where the database cannot be asked it returns after a second, for the caller's claim to meet the error.
    pub async fn wait(&self, queue: &'static str) {
        let bell = self.database.wakes().bell(queue);
        loop {
            // Listen before looking, so that what is added in between rings.
            let mut rung = std::pin::pin!(bell.notified());
            rung.as_mut().enable();
            let longest = if self.database.is_shared() { SHARED_POLL } else { LONGEST_SLEEP };
            let sleep = match self.next_due(queue).await {
                Ok(Some(due)) => {
                    let now = self.clock.now();
                    if due <= now {
                        return;
                    }
                    due.since(now).min(longest)
                }
                Ok(None) => longest,
                Err(error) => {
                    tracing::warn!(
                        queue,
                        error = &error as &dyn std::error::Error,
                        "cannot look for due work"
                    );
                    tokio::time::sleep(ERROR_PAUSE).await;
                    return;
                }
            };
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    async fn next_due(&self, queue: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let action = "look for due work";
        let sql = "SELECT MIN(due) FROM work WHERE queue = $1";
        let rows = self.database.rows(action, sql, &[Arg::Text(queue)]).await?;
        let due = rows.first().map_or(Ok(None), |row| row.maybe_int(0)).map_err(reading(action))?;
        Ok(due.map(Timestamp))
    }
}

impl fmt::Debug for WorkQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkQueue").finish_non_exhaustive()
    }
}

fn held(work: &Work) -> Held {
    Held { id: work.id, lease: work.lease }
}

const DEPTH: &str = "SELECT COUNT(*) FILTER (WHERE due <= $2),
        COUNT(*) FILTER (WHERE due > $2 AND lease = 0),
        COUNT(*) FILTER (WHERE due > $2 AND lease > 0),
        MIN(enqueued)
    FROM work WHERE queue = $1";

fn depth(row: &Row) -> Result<Depth, sqlx::Error> {
    let count = |column| row.int(column).map(|count| u64::try_from(count).unwrap_or(0));
    Ok(Depth {
        ready: count(0)?,
        delayed: count(1)?,
        claimed: count(2)?,
        oldest_enqueued: row.maybe_int(3)?.map(Timestamp),
    })
}

/// Adds items within an open transaction.
pub(crate) async fn enqueue(
    session: &mut Session,
    items: &[NewWork],
    now: Timestamp,
) -> Result<Answer, sqlx::Error> {
    let sql = "INSERT INTO work (queue, body, due, enqueued) VALUES ($1, $2, $3, $4) RETURNING id";
    let mut ids = Vec::with_capacity(items.len());
    for item in items {
        let args = [
            Arg::Text(item.queue),
            Arg::Bytes(Some(item.body.as_ref())),
            Arg::Int(item.due.millis()),
            Arg::Int(now.millis()),
        ];
        ids.push(session.row(sql, &args).await?.ok_or(sqlx::Error::RowNotFound)?.int(0)?);
    }
    Ok(Answer::Numbers(ids))
}

// The number of the claim is its lease: it grows with each claim of an item, so an old one never matches again.
const CLAIM: &str = "UPDATE work SET due = $3, attempts = attempts + 1, lease = attempts + 1
    WHERE id IN (SELECT id FROM work WHERE queue = $1 AND due <= $2 ORDER BY due, id LIMIT $4)
    RETURNING id, body, attempts, enqueued, lease";
// Another node's claim in progress is passed over instead of waited for.
const CLAIM_SHARED: &str = "UPDATE work SET due = $3, attempts = attempts + 1, lease = attempts + 1
    WHERE id IN (SELECT id FROM work WHERE queue = $1 AND due <= $2 ORDER BY due, id LIMIT $4
                 FOR UPDATE SKIP LOCKED)
    RETURNING id, body, attempts, enqueued, lease";

/// Takes due items within an open transaction, the oldest ids first.
pub(crate) async fn claim(session: &mut Session, claim: &Claim) -> Result<Answer, sqlx::Error> {
    let args = [
        Arg::Text(claim.queue),
        Arg::Int(claim.now.millis()),
        Arg::Int(claim.until.millis()),
        Arg::Int(claim.limit.into()),
    ];
    let rows = session.rows(session.dialect(CLAIM, CLAIM_SHARED), &args).await?;
    let mut taken = rows.iter().map(work).collect::<Result<Vec<_>, _>>()?;
    taken.sort_by_key(|work| work.id);
    Ok(Answer::Claimed(taken))
}

fn work(row: &Row) -> Result<Work, sqlx::Error> {
    Ok(Work {
        id: row.int(0)?,
        body: row.bytes(1)?.unwrap_or_default().into(),
        attempts: u32::try_from(row.int(2)?).unwrap_or(u32::MAX),
        enqueued: Timestamp(row.int(3)?),
        lease: row.int(4)?,
    })
}

/// Removes a held item within an open transaction.
pub(crate) async fn complete(
    session: &mut Session,
    held: Held,
) -> Result<Result<Answer, StoreError>, sqlx::Error> {
    let sql = "DELETE FROM work WHERE id = $1 AND lease = $2";
    let done = session.execute(sql, &[Arg::Int(held.id), Arg::Int(held.lease)]).await?;
    Ok(settled(held, done > 0, Answer::Done))
}

/// Gives a held item back within an open transaction.
pub(crate) async fn retry(
    session: &mut Session,
    held: Held,
    due: Timestamp,
    body: Option<&[u8]>,
) -> Result<Result<Answer, StoreError>, sqlx::Error> {
    let sql = "UPDATE work SET due = $3, lease = 0, body = COALESCE($4, body)
        WHERE id = $1 AND lease = $2 RETURNING queue";
    let args = [Arg::Int(held.id), Arg::Int(held.lease), Arg::Int(due.millis()), Arg::Bytes(body)];
    match session.row(sql, &args).await? {
        Some(row) => Ok(Ok(Answer::Released(row.text(0)?))),
        None => Ok(settled(held, false, Answer::Done)),
    }
}

/// Settles a held item and adds others within an open transaction.
pub(crate) async fn pass(
    session: &mut Session,
    held: Held,
    pass: &Pass,
    now: Timestamp,
) -> Result<Result<Answer, StoreError>, sqlx::Error> {
    let settled = match &pass.again {
        Some((due, body)) => retry(session, held, *due, body.as_deref()).await?,
        None => complete(session, held).await?,
    };
    if settled.is_ok() {
        enqueue(session, &pass.add, now).await?;
    }
    Ok(settled)
}

/// Holds an item for longer within an open transaction.
pub(crate) async fn extend(
    session: &mut Session,
    held: Held,
    until: Timestamp,
) -> Result<Result<Answer, StoreError>, sqlx::Error> {
    let sql = "UPDATE work SET due = $3 WHERE id = $1 AND lease = $2";
    let args = [Arg::Int(held.id), Arg::Int(held.lease), Arg::Int(until.millis())];
    let done = session.execute(sql, &args).await?;
    Ok(settled(held, done > 0, Answer::Done))
}

/// Gives back every held item within an open transaction.
pub(crate) async fn give_back_all(session: &mut Session, now: Timestamp) -> Result<(), sqlx::Error> {
    let sql = "UPDATE work SET due = $1, lease = 0 WHERE lease > 0";
    session.execute(sql, &[Arg::Int(now.millis())]).await.map(drop)
}

fn settled(held: Held, done: bool, answer: Answer) -> Result<Answer, StoreError> {
    if done { Ok(answer) } else { Err(StoreError::LeaseLost { id: held.id }) }
}

/// The queues that items go to, each once.
pub(crate) fn queues(items: &[NewWork]) -> BTreeSet<&'static str> {
    items.iter().map(|item| item.queue).collect()
}

#[cfg(test)]
mod tests;
