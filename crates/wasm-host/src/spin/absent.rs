//! Interfaces of Spin's platform that ebb does not have. Components import all of them where their toolchain knows no better
//! (as that of Python), and use few: a call of one fails, and says so.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};

/// Without their versions.
/// Source: the world `platform` of `spin:up` in Spin's repository (2026-08).
const INTERFACES: &[&str] = &[
    "fermyon:spin/llm",
    "fermyon:spin/mqtt",
    "fermyon:spin/mysql",
    "fermyon:spin/postgres",
    "fermyon:spin/redis",
    "spin:postgres/postgres",
    "wasi:keyvalue/atomics",
    "wasi:keyvalue/batch",
    "wasi:keyvalue/store",
];

/// A resource that nobody ever has.
struct Nothing;

/// Lets a component import these interfaces.
pub(crate) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    component: &Component,
) -> wasmtime::Result<()> {
    let engine = component.engine().clone();
    for (name, item) in component.component_type().imports(&engine) {
        let interface = name.split_once('@').map_or(name, |(interface, _)| interface);
        let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
        if !INTERFACES.contains(&interface) {
            continue;
        }
        let mut absent = linker.instance(name)?;
        for (member, item) in instance.exports(&engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => {
                    let said = format!("ebb does not have {interface} yet: {member} was called");
                    absent.func_new(member, move |_, _, _, _| Err(wasmtime::format_err!("{said}")))?;
                }
                ComponentItem::Resource(_) => {
                    absent.resource(member, ResourceType::host::<Nothing>(), |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}
