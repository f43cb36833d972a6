//! The interfaces of Spin that components import.

use std::sync::Arc;

use wasmtime::component::{HasData, Linker, ResourceTable};

use super::Component;
use generated::fermyon::spin::variables;
pub(super) use generated::fermyon::spin::{key_value, sqlite as sqlite_2};
pub(super) use generated::spin::sqlite::sqlite as sqlite_3;
use generated::wasi::config::store as config;

mod generated {
    wasmtime::component::bindgen!({
        inline: r#"
            package fermyon:spin@2.0.0;

            interface variables {
                variant error { invalid-name(string), undefined(string), provider(string), other(string) }
                get: func(name: string) -> result<string, error>;
            }

            interface key-value {
                variant error { store-table-full, no-such-store, access-denied, other(string) }
                resource store {
                    open: static func(label: string) -> result<store, error>;
                    get: func(key: string) -> result<option<list<u8>>, error>;
                    set: func(key: string, value: list<u8>) -> result<_, error>;
                    delete: func(key: string) -> result<_, error>;
                    exists: func(key: string) -> result<bool, error>;
                    get-keys: func() -> result<list<string>, error>;
                }
            }

            interface sqlite {
                resource connection {
                    open: static func(database: string) -> result<connection, error>;
                    execute: func(statement: string, parameters: list<value>) -> result<query-result, error>;
                }
                variant error { no-such-database, access-denied, invalid-connection, database-full, io(string) }
                record query-result { columns: list<string>, rows: list<row-result> }
                record row-result { values: list<value> }
                variant value { integer(s64), real(f64), text(string), blob(list<u8>), null }
            }

            world host {
                import variables;
                import key-value;
                import sqlite;
                import wasi:config/store@0.2.0-draft-2024-09-27;
                import spin:sqlite/sqlite@3.0.0;
            }

            package wasi:config@0.2.0-draft-2024-09-27 {
                interface store {
                    variant error { upstream(string), io(string) }
                    get: func(key: string) -> result<option<string>, error>;
                    get-all: func() -> result<list<tuple<string, string>>, error>;
                }
            }

            package spin:sqlite@3.0.0 {
                interface sqlite {
                    resource connection {
                        open: static func(database: string) -> result<connection, error>;
                        execute: func(statement: string, parameters: list<value>) -> result<query-result, error>;
                        last-insert-rowid: func() -> s64;
                        changes: func() -> u64;
                    }
                    variant error { no-such-database, access-denied, invalid-connection, database-full, io(string) }
                    record query-result { columns: list<string>, rows: list<row-result> }
                    record row-result { values: list<value> }
                    variant value { integer(s64), real(f64), text(string), blob(list<u8>), null }
                }
            }
        "#,
        world: "host",
        imports: { default: async | trappable },
        with: {
            "fermyon:spin/key-value.store": crate::spin::Store,
            "fermyon:spin/sqlite.connection": crate::spin::Database,
            "spin:sqlite/sqlite.connection": crate::spin::Database,
        },
        require_store_data_send: true,
    });
}

/// The host's side of the interfaces for one instance.
pub(crate) struct View<'a> {
    /// None where the component is no Spin application's.
    pub(crate) component: Option<&'a Arc<Component>>,
    pub(crate) table: &'a mut ResourceTable,
}

struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}

/// Adds the interfaces to what components may import.
pub(crate) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> wasmtime::Result<()> {
    variables::add_to_linker::<T, HasView>(linker, view)?;
    key_value::add_to_linker::<T, HasView>(linker, view)?;
    sqlite_2::add_to_linker::<T, HasView>(linker, view)?;
    sqlite_3::add_to_linker::<T, HasView>(linker, view)?;
    config::add_to_linker::<T, HasView>(linker, view)
}

impl variables::Host for View<'_> {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<String, variables::Error>> {
        if !is_name(&name) {
            let why = format!("{name:?} is no name: use a-z, 0-9 and _, and begin with a letter");
            return Ok(Err(variables::Error::InvalidName(why)));
        }
        let value = self.component.and_then(|component| component.variables.get(&name));
        Ok(match value {
            Some(Some(value)) => Ok(value.clone()),
            Some(None) => Err(variables::Error::Provider(format!(
                "{name:?} has no value: set it as {}{}",
                super::VARIABLE_PREFIX,
                name.to_ascii_uppercase()
            ))),
            None => Err(variables::Error::Undefined(format!("{name:?} is no variable of this component"))),
        })
    }
}

/// The variables of the component under the name that other platforms know them by.
impl config::Host for View<'_> {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, config::Error>> {
        Ok(Ok(self.component.and_then(|component| component.variables.get(&key)?.clone())))
    }

    async fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, config::Error>> {
        let all = self.component.into_iter().flat_map(|component| &component.variables);
        Ok(Ok(all.filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect()))
    }
}

/// Source: the Spin documentation, "Dynamic Application Configuration", "Adding Variables to Your Applications".
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
