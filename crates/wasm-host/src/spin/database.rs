//! An SQLite database of a component, in the folder that outlives its function's instances.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, params_from_iter};

/// Where the folder of a function is that keeps state.
pub(super) const FOLDER: &str = "/var/state";
/// How long a statement waits for those of other requests.
const BUSY_TIME: Duration = Duration::from_secs(5);
/// Steps of SQLite's machine between two looks at whether anybody still waits: a tenth of a millisecond or so.
const STEPS: i32 = 10_000;

/// An open connection, which one instance of the component has.
#[expect(unreachable_pub, reason = "generated code exports it again")]
#[derive(Debug, Clone)]
pub struct Database {
    connection: Arc<Mutex<Connection>>,
}

/// What a statement gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// Why there is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failed {
    /// The disk, or what the function may have of it, is used up.
    #[error("the database is full")]
    Full,
    /// Anything else, for whoever wrote the component.
    #[error("{0}")]
    Other(String),
}

/// Notes that nobody waits any more.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl Database {
    /// Opens the database of this label in `folder`, which is made where it is the first time. Cancel safe.
    ///
    /// # Errors
    /// [`Failed`].
    pub(super) async fn open(folder: &Path, label: &str) -> Result<Self, Failed> {
        let path = file(folder, label);
        let connection = blocking(move || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_TIME)?;
            // Those who read do not wait for the one who writes.
            connection.pragma_update(None, "journal_mode", "wal")?;
            Ok(connection)
        });
        Ok(Self { connection: Arc::new(Mutex::new(connection.await?)) })
    }

    /// Runs one statement. Where the future is dropped, the statement is interrupted.
    ///
    /// # Errors
    /// [`Failed`].
    pub(super) async fn execute(&self, statement: String, parameters: Vec<Value>) -> Result<Table, Failed> {
        let connection = Arc::clone(&self.connection);
        let abandoned = Arc::<AtomicBool>::default();
        let _waiting = Waiting(Arc::clone(&abandoned));
        blocking(move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            connection.progress_handler(STEPS, Some(move || abandoned.load(Relaxed)))?;
            let mut prepared = connection.prepare(&statement)?;
            let columns: Vec<_> = prepared.column_names().into_iter().map(str::to_owned).collect();
            let width = columns.len();
            let rows = prepared.query_map(params_from_iter(parameters), |row| {
                (0..width).map(|column| row.get::<_, Value>(column)).collect()
            })?;
            Ok(Table { rows: rows.collect::<Result<_, _>>()?, columns })
        })
        .await
    }

    /// The id of the row that was inserted last on this connection.
    pub(super) fn last_insert_rowid(&self) -> i64 {
        self.locked().last_insert_rowid()
    }

    /// How many rows the last statement on this connection changed that changes any.
    pub(super) fn changes(&self) -> u64 {
        self.locked().changes()
    }

    /// An instance runs one statement at a time: nobody waits here for one that runs.
    fn locked(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Any text is a label, and hex is a file's name.
fn file(folder: &Path, label: &str) -> PathBuf {
    folder.join(format!("{}.sqlite", super::signature::hex(label.as_bytes())))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Failed> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Failed::Full,
            _ => Failed::Other(error.to_string()),
        }),
        Err(error) => Err(Failed::Other(format!("the host failed: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_keeps_rows_of_every_type() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "a/b").await.unwrap();
        let run = async |statement: &str, parameters: Vec<Value>| {
            database.execute(statement.to_owned(), parameters).await
        };
        run("CREATE TABLE t (a, b, c, d, e)", Vec::new()).await.unwrap();
        let row = vec![
            Value::Integer(i64::MAX),
            Value::Real(1.0),
            Value::Text("\u{e9}".into()),
            Value::Blob(vec![0, 255]),
            Value::Null,
        ];
        let empty = run("SELECT a FROM t", Vec::new()).await.unwrap();
        assert_eq!(empty, Table { columns: vec!["a".into()], rows: Vec::new() });
        run("INSERT INTO t VALUES (?, ?, ?, ?, ?)", row.clone()).await.unwrap();
        assert_eq!((database.last_insert_rowid(), database.changes()), (1, 1));
        let again = Database::open(folder.path(), "a/b").await.unwrap();
        let read = again.execute("SELECT * FROM t".into(), Vec::new()).await.unwrap();
        assert_eq!((read.columns.join(""), read.rows), ("abcde".to_owned(), vec![row]));
        for (statement, words) in [
            ("SELECT absent", "no such column"),
            ("SELECT ?", "parameters"),
            ("SELECT 1; SELECT 2", "statement"),
        ] {
            let said = run(statement, Vec::new()).await.unwrap_err().to_string();
            assert!(said.contains(words), "{statement}: {said}");
        }
    }

    #[tokio::test]
    async fn a_statement_ends_with_whoever_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), "default").await.unwrap();
        let endless =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let mut running = Box::pin(database.execute(endless.to_owned(), Vec::new()));
        assert!(goes_on(&mut running).await);
        drop(running);
        // It waits for the lock that the endless one holds.
        let next = database.clone();
        let free = tokio::task::spawn_blocking(move || next.last_insert_rowid());
        assert!(tokio::time::timeout(Duration::from_secs(60), free).await.is_ok());
    }

    /// Polls once and lets others run; whether it is still going on.
    async fn goes_on<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
        tokio::select! {
            biased;
            _ = future => false,
            () = tokio::task::yield_now() => true,
        }
    }
}
