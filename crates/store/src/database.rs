//! The database behind records and work: opening, migrating, reading, and the one writer.

mod job;
mod migrations;
mod session;
mod wakes;
mod writer;

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub(crate) use job::{Answer, Held, Job};
pub(crate) use session::{Arg, Row, Session};
pub(crate) use wakes::Wakes;

use crate::StoreError;
use crate::folder::DataFolder;
use crate::store::scheme;
use session::Pool;
use writer::Writer;

/// How long any one exchange with the database may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// Connections for reading a SQLite file: reads are short and rare, since hot paths keep state in memory.
const SQLITE_READERS: u32 = 4;
/// Connections of one node to PostgreSQL, the writer's included.
const POSTGRES_CONNECTIONS: u32 = 8;

/// Typed pools over one database, and the task that writes to it.
#[derive(Debug)]
pub(crate) struct Database {
    readers: Pool,
    writers: Pool,
    writer: Writer,
    wakes: Arc<Wakes>,
}

impl Database {
    /// Opens `url` (PostgreSQL), or the SQLite file in the folder, and brings its schema up to date.
    pub(crate) async fn open(folder: Arc<DataFolder>, url: Option<&str>) -> Result<Self, StoreError> {
        let (readers, writers) = match url {
            None => open_sqlite(&folder).await?,
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                let pool = open_postgres(url).await?;
                (pool.clone(), pool)
            }
            Some(url) => {
                return Err(StoreError::Unsupported {
                    what: "database",
                    value: scheme(url).to_owned(),
                    supported: "postgres://… , or none for SQLite in the data folder",
                });
            }
        };
        folder.sync()?;
        let wakes = Arc::new(Wakes::default());
        let writer = Writer::start(writers.clone(), Arc::clone(&wakes), folder);
        let database = Self { readers, writers, writer, wakes };
        database.change(Job::Forget).await?;
        Ok(database)
    }

    /// Reads all rows of one statement.
    pub(crate) async fn rows(
        &self,
        action: &'static str,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let read = async { self.readers.session().await?.rows(sql, args).await };
        match tokio::time::timeout(DEADLINE, read).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(sqlx::Error::PoolClosed)) => Err(StoreError::Closed),
            Ok(Err(error)) => Err(StoreError::database(action, error)),
            Err(elapsed) => Err(StoreError::database(action, elapsed)),
        }
    }

    /// Makes a change; it is durable when this returns. Changes that wait at the same time share a transaction.
    ///
    /// Where the caller stops waiting, the change may be made all the same.
    pub(crate) async fn change(&self, job: Job) -> Result<Answer, StoreError> {
        self.writer.submit(job).await
    }

    /// Who waits for work in which queue.
    pub(crate) fn wakes(&self) -> &Wakes {
        &self.wakes
    }

    /// Whether other nodes may change the same database.
    pub(crate) fn is_shared(&self) -> bool {
        self.readers.is_shared()
    }

    /// Writes what waits and closes the connections.
    pub(crate) async fn close(&self) {
        self.writer.stop().await;
        self.readers.close().await;
        self.writers.close().await;
    }
}

/// Turns a failed decoding of a row into an error of `action`.
pub(crate) fn reading(action: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| StoreError::database(action, error)
}

/// One connection that writes, and a few that read without waiting for it (write-ahead log).
async fn open_sqlite(folder: &DataFolder) -> Result<(Pool, Pool), StoreError> {
    let failed = |error| StoreError::database("open the database", error);
    let file = SqliteConnectOptions::new()
        .filename(folder.path().join("ebb.db"))
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(64);
    let write = file
        .clone()
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // Each commit reaches the disk before it is acknowledged.
        .synchronous(SqliteSynchronous::Full);
    let writers = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(DEADLINE)
        .connect_with(write)
        .await
        .map_err(failed)?;
    let migrated = async {
        // What a crash undoes is done again; what is acknowledged later takes what was before it to the disk.
        sqlx::query("PRAGMA synchronous = NORMAL").execute(&writers).await?;
        migrations::sqlite().run(&writers).await?;
        sqlx::query("PRAGMA synchronous = FULL").execute(&writers).await
    };
    let migrated: Result<_, sqlx::Error> = migrated.await;
    migrated.map_err(|error| StoreError::database("bring the database up to date", error))?;
    let readers = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .test_before_acquire(false)
        .acquire_timeout(DEADLINE)
        .connect_with(file.read_only(true))
        .await
        .map_err(failed)?;
    Ok((Pool::Sqlite(readers), Pool::Sqlite(writers)))
}

async fn open_postgres(url: &str) -> Result<Pool, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| StoreError::database("read the database URL", error))?
        .application_name("ebb")
        .options([("statement_timeout", "30s"), ("idle_in_transaction_session_timeout", "60s")]);
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(DEADLINE)
        .connect_with(options)
        .await
        .map_err(|error| StoreError::database("connect to the database", error))?;
    migrations::postgres()
        .run(&pool)
        .await
        .map_err(|error| StoreError::database("bring the database up to date", error))?;
    Ok(Pool::Postgres(pool))
}

#[cfg(test)]
mod tests;
