//! The schema, as steps that every database goes through in order; one folder for each dialect.
//!
//! A step that was released never changes: its checksum is kept in the database and compared at each start.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The steps for SQLite.
pub(super) fn sqlite() -> Migrator {
    steps([
        (1, "initial", include_str!("../../migrations/sqlite/0001_initial.sql")),
        (2, "messages", include_str!("../../migrations/sqlite/0002_messages.sql")),
        (3, "groups", include_str!("../../migrations/sqlite/0003_groups.sql")),
    ])
}

/// The steps for PostgreSQL.
pub(super) fn postgres() -> Migrator {
    steps([
        (1, "initial", include_str!("../../migrations/postgres/0001_initial.sql")),
        (2, "messages", include_str!("../../migrations/postgres/0002_messages.sql")),
        (3, "groups", include_str!("../../migrations/postgres/0003_groups.sql")),
    ])
}

fn steps<const N: usize>(texts: [(i64, &'static str, &'static str); N]) -> Migrator {
    let step = |(version, name, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(texts.into_iter().map(step).collect())
}
