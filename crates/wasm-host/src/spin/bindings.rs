//! The interfaces of Spin that components import.

use std::sync::Arc;

use wasmtime::component::{HasData, Linker, ResourceTable};

use super::Component;
pub(super) use generated::fermyon::spin::key_value;
use generated::fermyon::spin::variables;

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

            world host {
                import variables;
                import key-value;
            }
        "#,
        world: "host",
        imports: { default: async | trappable },
        with: { "fermyon:spin/key-value.store": crate::spin::Store },
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
    key_value::add_to_linker::<T, HasView>(linker, view)
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

/// Source: the Spin documentation, "Dynamic Application Configuration", "Adding Variables to Your Applications".
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
