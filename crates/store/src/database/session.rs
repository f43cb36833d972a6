//! One connection of either database, and the few things that statements need of it.
//!
//! The pools and connections are typed; this module is the only place that matches on which one it is. Statements
//! are one SQL text with `$1` parameters wherever the dialects agree.

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{PgPool, Postgres, Row as _, Sqlite, SqlitePool};

/// Connections of one database.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    /// To the file in the data folder.
    Sqlite(SqlitePool),
    /// To a server that several nodes may share.
    Postgres(PgPool),
}

/// One connection, taken from a pool.
#[derive(Debug)]
pub(crate) enum Session {
    /// To the file in the data folder.
    Sqlite(PoolConnection<Sqlite>),
    /// To a server that several nodes may share.
    Postgres(PoolConnection<Postgres>),
}

/// A parameter of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arg<'a> {
    /// A 64-bit integer; times are milliseconds since the epoch.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes, or none.
    Bytes(Option<&'a [u8]>),
}

/// A row of an answer, by column number.
#[derive(Debug)]
pub(crate) enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

impl Pool {
    /// Takes a connection; waits for a free one no longer than the pool's own deadline.
    pub(crate) async fn session(&self) -> Result<Session, sqlx::Error> {
        match self {
            Self::Sqlite(pool) => pool.acquire().await.map(Session::Sqlite),
            Self::Postgres(pool) => pool.acquire().await.map(Session::Postgres),
        }
    }

    /// Whether other nodes may change the same database.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Waits for the connections that are out, and closes all.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

macro_rules! bound {
    ($sql:expr, $args:expr) => {
        $args.iter().fold(sqlx::query($sql), |query, arg| match *arg {
            Arg::Int(value) => query.bind(value),
            Arg::Text(value) => query.bind(value),
            Arg::Bytes(value) => query.bind(value),
        })
    };
}

impl Session {
    /// Runs a statement; gives the number of rows that it changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(connection) => {
                bound!(sql, args).execute(&mut **connection).await.map(|done| done.rows_affected())
            }
            Self::Postgres(connection) => {
                bound!(sql, args).execute(&mut **connection).await.map(|done| done.rows_affected())
            }
        }
    }

    /// Runs a statement; gives all rows of its answer.
    pub(crate) async fn rows(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(connection) => {
                let rows = bound!(sql, args).fetch_all(&mut **connection).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres(connection) => {
                let rows = bound!(sql, args).fetch_all(&mut **connection).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Runs a statement; gives the first row of its answer.
    pub(crate) async fn row(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Option<Row>, sqlx::Error> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// Picks the text for this database, for the few statements in which the dialects differ.
    pub(crate) fn dialect(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
        }
    }

    /// Starts a transaction that means to write.
    pub(crate) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        // SQLite takes the write lock at once: a transaction that starts by reading could not wait for it later.
        let sql = self.dialect("BEGIN IMMEDIATE", "BEGIN");
        self.execute(sql, &[]).await.map(drop)
    }

    /// Has the connection closed instead of given back to its pool, so that the database rolls back what a dropped
    /// transaction left open.
    pub(crate) fn closed_on_drop(mut self) -> Self {
        match &mut self {
            Self::Sqlite(connection) => connection.close_on_drop(),
            Self::Postgres(connection) => connection.close_on_drop(),
        }
        self
    }
}

impl Row {
    /// An integer; the columns asked for are NOT NULL.
    pub(crate) fn int(&self, column: usize) -> Result<i64, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    /// An integer that may be missing.
    pub(crate) fn maybe_int(&self, column: usize) -> Result<Option<i64>, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    /// Text.
    pub(crate) fn text(&self, column: usize) -> Result<String, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    /// Bytes, or none.
    pub(crate) fn bytes(&self, column: usize) -> Result<Option<Vec<u8>>, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}
