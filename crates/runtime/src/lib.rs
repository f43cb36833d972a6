//! The one engine: every instance is a sandboxed process, and runtimes differ only by their boot.
//!
//! Implements the invoker's port ([`ebb_invoker::Runtime`], [`ebb_invoker::Instance`]) on `ebb-sandbox`. Managed
//! runtimes (`nodejs…`, `python…`, `java…`, `ruby…`) run an interpreter of this machine with one of our own boots,
//! over the boot protocol; custom runtimes (`provided…`) run the package's `bootstrap`, over the HTTP Runtime API,
//! which is there for every instance. Components of WebAssembly and workers run in hosts that are this very program, over the
//! boot protocol and HTTP. External extensions run beside either.
//!
//! This crate must never know why an event is there, who waits for its answer, how often it is retried, or what the
//! control API that it passes on means; and must never touch a namespace, mount or cgroup itself.
//!
//! Threading: each instance owns a few tasks (its API, its pipes, its boot's socket, a watcher for each process), all
//! of which end when it is dropped, as do its processes. Their shared state is `core.rs`.
//!
//! Start reading at [`Engine`], then `start.rs` (how an instance comes to be) and `lifecycle.rs` (what states it has).

mod api;
mod boots;
mod compiled;
mod components;
mod core;
mod engine;
mod environment;
mod host;
mod inspect;
mod instance;
mod interpreters;
mod lifecycle;
mod lines;
mod link;
mod log_pipe;
mod plan;
pub mod sdk;
mod server;
mod start;
mod stock;
#[cfg(test)]
mod testing;
pub mod watchdog;
mod workers;

pub use components::ComponentHost;
pub use engine::{ControlApi, Engine, EngineConfig, runtimes_report};
pub use environment::CONTROL_API_PORT;
pub use interpreters::{RuntimeRow, RuntimeStatus, RuntimesReport};
pub use stock::{StockLimits, StockUse};
