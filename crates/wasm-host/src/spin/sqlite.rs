//! The interfaces by which components use SQLite databases: two versions of one thing.
//!
//! Source: the Spin documentation, "SQLite Storage", and the interfaces `fermyon:spin/sqlite@2.0.0` and
//! `spin:sqlite/sqlite@3.0.0` of its repository (2026-08).

use std::path::Path;

use wasmtime::component::Resource;

use super::bindings::View;
use super::database::{Database, FOLDER, Failed};

impl View<'_> {
    fn may_open(&self, label: &str) -> bool {
        self.component.is_some_and(|component| component.databases.contains(label))
    }
}

/// What both versions have, for the module of one of them; `beyond` is what only it has.
macro_rules! serve {
    ($version:ident { $($beyond:item)* }) => {
        mod $version {
            use rusqlite::types::Value as Stored;

            use super::super::bindings::$version::{Error, Host, HostConnection, QueryResult, RowResult, Value};
            use super::{Database, FOLDER, Failed, Path, Resource, View};

            impl From<Failed> for Error {
                fn from(failed: Failed) -> Self {
                    match failed {
                        Failed::Full => Self::DatabaseFull,
                        Failed::Other(why) => Self::Io(why),
                    }
                }
            }

            fn stored(value: Value) -> Stored {
                match value {
                    Value::Integer(value) => Stored::Integer(value),
                    Value::Real(value) => Stored::Real(value),
                    Value::Text(value) => Stored::Text(value),
                    Value::Blob(value) => Stored::Blob(value),
                    Value::Null => Stored::Null,
                }
            }

            fn value(stored: Stored) -> Value {
                match stored {
                    Stored::Integer(value) => Value::Integer(value),
                    Stored::Real(value) => Value::Real(value),
                    Stored::Text(value) => Value::Text(value),
                    Stored::Blob(value) => Value::Blob(value),
                    Stored::Null => Value::Null,
                }
            }

            impl Host for View<'_> {}

            impl HostConnection for View<'_> {
                async fn open(
                    &mut self,
                    database: String,
                ) -> wasmtime::Result<Result<Resource<Database>, Error>> {
                    if !self.may_open(&database) {
                        return Ok(Err(Error::AccessDenied));
                    }
                    match Database::open(Path::new(FOLDER), &database).await {
                        Ok(opened) => Ok(Ok(self.table.push(opened)?)),
                        Err(failed) => Ok(Err(failed.into())),
                    }
                }

                async fn execute(
                    &mut self,
                    connection: Resource<Database>,
                    statement: String,
                    parameters: Vec<Value>,
                ) -> wasmtime::Result<Result<QueryResult, Error>> {
                    let database = self.table.get(&connection)?.clone();
                    let parameters = parameters.into_iter().map(stored).collect();
                    let table = match database.execute(statement, parameters).await {
                        Ok(table) => table,
                        Err(failed) => return Ok(Err(failed.into())),
                    };
                    let row = |row: Vec<Stored>| RowResult { values: row.into_iter().map(value).collect() };
                    let rows = table.rows.into_iter().map(row).collect();
                    Ok(Ok(QueryResult { columns: table.columns, rows }))
                }

                $($beyond)*

                async fn drop(&mut self, connection: Resource<Database>) -> wasmtime::Result<()> {
                    self.table.delete(connection)?;
                    Ok(())
                }
            }
        }
    };
}

serve!(sqlite_2 {});

serve!(sqlite_3 {
    async fn last_insert_rowid(&mut self, connection: Resource<Database>) -> wasmtime::Result<i64> {
        Ok(self.table.get(&connection)?.last_insert_rowid())
    }

    async fn changes(&mut self, connection: Resource<Database>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&connection)?.changes())
    }
});
