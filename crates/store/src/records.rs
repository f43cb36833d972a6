//! Records: everything that is configured (as opposed to what flows), as documents by kind and key.

use std::sync::Arc;

use bytes::Bytes;

use crate::StoreError;
use crate::database::{Answer, Arg, Database, Job, Row, Session, reading};

/// Changes in which deletions are remembered for those who follow them; who is further behind loads everything anew.
const REMEMBERED_CHANGES: i64 = 100_000;

/// Everything that is configured (as opposed to what flows): documents by kind and key, changed in transactions.
///
/// Cheap to clone. Not for hot paths: keep what they need in memory and follow the changes.
#[derive(Debug, Clone)]
pub struct Records {
    database: Arc<Database>,
}

/// A document, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Unique within its kind.
    pub key: String,
    /// Grows by one with each write of this key, deletions included; never repeats.
    pub revision: i64,
    /// The document, in whatever form its owner writes it.
    pub body: Bytes,
}

/// What must hold for a write to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Anything,
    /// There is no such record.
    Absent,
    /// The record is there, at this revision.
    Revision(i64),
}

/// One write of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Makes or replaces a record.
    Put {
        /// The kind of the record.
        kind: &'static str,
        /// Its key.
        key: String,
        /// The new document.
        body: Bytes,
        /// What must hold.
        expect: Expect,
    },
    /// Removes a record; does nothing where there is none, unless a revision is expected.
    Delete {
        /// The kind of the record.
        kind: &'static str,
        /// Its key.
        key: String,
        /// What must hold.
        expect: Expect,
    },
}

/// What happened to records since some point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// The last change of each record that changed, in order. Ask next from the last one's sequence.
    Since(Vec<Change>),
    /// Deletions since then have been forgotten: load everything anew.
    Forgotten,
}

/// The last change of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place among all changes of all kinds; has gaps.
    pub sequence: i64,
    /// The kind of the record.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// Its revision.
    pub revision: i64,
    /// The document; none where it was deleted.
    pub body: Option<Bytes>,
}

impl Records {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// All records of a kind, by key (bytewise).
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn load(&self, kind: &'static str) -> Result<Vec<Record>, StoreError> {
        let action = "load records";
        let sql = "SELECT key, revision, body FROM records WHERE kind = $1 AND body IS NOT NULL ORDER BY key";
        let rows = self.database.rows(action, sql, &[Arg::Text(kind)]).await?;
        rows.iter().map(record).collect::<Result<_, _>>().map_err(reading(action))
    }

    /// Up to `limit` records of a kind with keys from `from` and before `until`, by key (bytewise).
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn range(
        &self,
        kind: &'static str,
        from: &str,
        until: &str,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let action = "read records";
        let args = [Arg::Text(kind), Arg::Text(from), Arg::Text(until), Arg::Int(limit.into())];
        let rows = self.database.rows(action, RANGE, &args).await?;
        rows.iter().map(record).collect::<Result<_, _>>().map_err(reading(action))
    }

    /// How many records of a kind have keys from `from` and before `until`, and how many bytes they are.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn measure(
        &self,
        kind: &'static str,
        from: &str,
        until: &str,
    ) -> Result<(u64, u64), StoreError> {
        let action = "measure records";
        let args = [Arg::Text(kind), Arg::Text(from), Arg::Text(until)];
        let rows = self.database.rows(action, MEASURE, &args).await?;
        let number = |row: &Row, column| row.int(column).map(|number| u64::try_from(number).unwrap_or(0));
        let measured = rows.first().map_or(Ok((0, 0)), |row| Ok((number(row, 0)?, number(row, 1)?)));
        measured.map_err(reading(action))
    }

    /// One record.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn get(&self, kind: &'static str, key: &str) -> Result<Option<Record>, StoreError> {
        let action = "read a record";
        let sql = "SELECT key, revision, body FROM records WHERE kind = $1 AND key = $2 AND body IS NOT NULL";
        let rows = self.database.rows(action, sql, &[Arg::Text(kind), Arg::Text(key)]).await?;
        rows.first().map(record).transpose().map_err(reading(action))
    }

    /// Makes all the writes or none; durable when it returns. Gives the new revision of each (0 for a delete).
    ///
    /// Calls at the same time share one transaction. Where the caller stops waiting, the writes may still be made.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where an expectation does not hold; then nothing is written.
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn commit(&self, writes: Vec<Write>) -> Result<Vec<i64>, StoreError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        self.database.change(Job::Commit(writes)).await.map(Answer::numbers)
    }

    /// The sequence of the last change. Read it before loading, to follow the changes from there.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn last_change(&self) -> Result<i64, StoreError> {
        self.counter("SELECT last FROM record_changes").await
    }

    /// What changed after `sequence`, by this node or another. A record that changed twice comes once, as it is now.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Closed`].
    pub async fn changes_since(&self, sequence: i64) -> Result<Changes, StoreError> {
        let action = "read changes of records";
        let sql =
            "SELECT key, revision, body, kind, changed FROM records WHERE changed > $1 ORDER BY changed";
        let rows = self.database.rows(action, sql, &[Arg::Int(sequence)]).await?;
        // Only after the rows: what is forgotten between the two reads must not be missed.
        if self.counter("SELECT pruned FROM record_changes").await? > sequence {
            return Ok(Changes::Forgotten);
        }
        let changes = rows.iter().map(change).collect::<Result<_, _>>().map_err(reading(action))?;
        Ok(Changes::Since(changes))
    }

    async fn counter(&self, sql: &'static str) -> Result<i64, StoreError> {
        let action = "read the count of changes";
        let rows = self.database.rows(action, sql, &[]).await?;
        rows.first().map_or(Ok(0), |row| row.int(0)).map_err(reading(action))
    }
}

fn record(row: &Row) -> Result<Record, sqlx::Error> {
    let body = row.bytes(2)?.unwrap_or_default();
    Ok(Record { key: row.text(0)?, revision: row.int(1)?, body: body.into() })
}

fn change(row: &Row) -> Result<Change, sqlx::Error> {
    Ok(Change {
        sequence: row.int(4)?,
        kind: row.text(3)?,
        key: row.text(0)?,
        revision: row.int(1)?,
        body: row.bytes(2)?.map(Bytes::from),
    })
}

/// Makes writes within an open transaction: all, or none where one is refused.
pub(crate) async fn apply(
    session: &mut Session,
    writes: &[Write],
) -> Result<Result<Answer, StoreError>, sqlx::Error> {
    session.execute("SAVEPOINT records", &[]).await?;
    // Taking numbers first locks the counter until the end of the transaction: transactions that change records
    // follow each other even on a shared database, so numbers become visible in their order.
    let count = i64::try_from(writes.len()).unwrap_or(i64::MAX);
    let counter = "UPDATE record_changes SET last = last + $1 RETURNING last";
    let last = session.row(counter, &[Arg::Int(count)]).await?.ok_or(sqlx::Error::RowNotFound)?.int(0)?;
    let mut revisions = Vec::with_capacity(writes.len());
    for (write, sequence) in writes.iter().zip(last - count + 1..) {
        match write_one(session, write, sequence).await? {
            Some(revision) => revisions.push(revision),
            None => {
                session.execute("ROLLBACK TO SAVEPOINT records", &[]).await?;
                session.execute("RELEASE SAVEPOINT records", &[]).await?;
                let (Write::Put { kind, key, .. } | Write::Delete { kind, key, .. }) = write;
                return Ok(Err(StoreError::Conflict { kind, key: key.clone() }));
            }
        }
    }
    session.execute("RELEASE SAVEPOINT records", &[]).await?;
    Ok(Ok(Answer::Numbers(revisions)))
}

/// Drops what is left of records that were deleted many changes ago, and notes up to where.
pub(crate) async fn forget(session: &mut Session) -> Result<(), sqlx::Error> {
    let horizon = "UPDATE record_changes SET pruned = last - $1 WHERE pruned < last - $1 RETURNING pruned";
    if let Some(row) = session.row(horizon, &[Arg::Int(REMEMBERED_CHANGES)]).await? {
        let delete = "DELETE FROM records WHERE body IS NULL AND changed <= $1";
        session.execute(delete, &[Arg::Int(row.int(0)?)]).await?;
    }
    Ok(())
}

const RANGE: &str = "SELECT key, revision, body FROM records
    WHERE kind = $1 AND key >= $2 AND key < $3 AND body IS NOT NULL ORDER BY key LIMIT $4";
const MEASURE: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(LENGTH(body)), 0) AS BIGINT) FROM records
    WHERE kind = $1 AND key >= $2 AND key < $3 AND body IS NOT NULL";
const PUT: &str = "INSERT INTO records (kind, key, changed, revision, body) VALUES ($1, $2, $3, 1, $4)
    ON CONFLICT (kind, key) DO UPDATE
    SET revision = records.revision + 1, changed = excluded.changed, body = excluded.body
    RETURNING revision";
const PUT_ABSENT: &str = "INSERT INTO records (kind, key, changed, revision, body) VALUES ($1, $2, $3, 1, $4)
    ON CONFLICT (kind, key) DO UPDATE
    SET revision = records.revision + 1, changed = excluded.changed, body = excluded.body
    WHERE records.body IS NULL RETURNING revision";
const PUT_REVISION: &str = "UPDATE records SET revision = revision + 1, changed = $3, body = $4
    WHERE kind = $1 AND key = $2 AND revision = $5 AND body IS NOT NULL RETURNING revision";
const DELETE: &str = "UPDATE records SET revision = revision + 1, changed = $3, body = NULL
    WHERE kind = $1 AND key = $2 AND body IS NOT NULL";
const DELETE_REVISION: &str = "UPDATE records SET revision = revision + 1, changed = $3, body = NULL
    WHERE kind = $1 AND key = $2 AND body IS NOT NULL AND revision = $4";
const EXISTS: &str = "SELECT revision FROM records WHERE kind = $1 AND key = $2 AND body IS NOT NULL";

/// Makes one write; none where what it expects does not hold.
async fn write_one(session: &mut Session, write: &Write, sequence: i64) -> Result<Option<i64>, sqlx::Error> {
    match write {
        Write::Put { kind, key, body, expect } => {
            let mut args =
                vec![Arg::Text(kind), Arg::Text(key), Arg::Int(sequence), Arg::Bytes(Some(body.as_ref()))];
            let sql = match *expect {
                Expect::Anything => PUT,
                Expect::Absent => PUT_ABSENT,
                Expect::Revision(revision) => {
                    args.push(Arg::Int(revision));
                    PUT_REVISION
                }
            };
            session.row(sql, &args).await?.map(|row| row.int(0)).transpose()
        }
        Write::Delete { kind, key, expect } => {
            let name = [Arg::Text(kind), Arg::Text(key)];
            let done = match *expect {
                Expect::Anything => {
                    session.execute(DELETE, &[name[0], name[1], Arg::Int(sequence)]).await?;
                    true
                }
                Expect::Absent => session.row(EXISTS, &name).await?.is_none(),
                Expect::Revision(revision) => {
                    let args = [name[0], name[1], Arg::Int(sequence), Arg::Int(revision)];
                    session.execute(DELETE_REVISION, &args).await? > 0
                }
            };
            Ok(done.then_some(0))
        }
    }
}

#[cfg(test)]
mod tests;
