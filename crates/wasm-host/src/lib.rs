//! The boot for WebAssembly: runs components of `wasi:http` 0.2, each request in a fresh instance of its own.
//!
//! Everything here runs inside a sandbox, as a process of its own: the binary executes itself again as one of two
//! small programs.
//!
//! - [`compile`] turns a component into machine code, once for each package.
//! - [`serve`] is the server of an instance. It boots without a component (so that instances can be booted ahead of
//!   need), is told over the boot's socket which function it is, maps the compiled component and then serves requests
//!   on a port: many at a time, each with memory, handles and a stack that no other request sees.
//!
//! This crate must never know of functions, sandboxes or the control API's services, nor run in the process that holds
//! everyone's keys: an escape from a component must land in a sandbox. Of `ebb` it knows the boot protocol only, and the
//! header by which a server says that its function failed ([`ebb_boot::FAILURE_HEADER`]).
//!
//! Threading: one tokio runtime, and one thread that makes busy components give way to others (`epoch.rs`).
//!
//! Start reading at `serve.rs`, then `request.rs`, which is the life of one request.

mod budget;
mod compile;
mod engine;
mod epoch;
mod failure;
mod loaded;
mod outbound;
mod output;
mod request;
mod response;
mod serve;
mod spin;
mod state;
#[cfg(test)]
mod tests;

pub use compile::compile;
pub use engine::compatibility;
pub use serve::serve;

/// The first argument that makes the binary the compiler: `wasm-compile COMPONENT`. The machine code goes to
/// standard output, and what is wrong with the component to standard error.
pub const COMPILE_ARGUMENT: &str = "wasm-compile";

/// The first argument that makes the binary the server: `wasm-serve`.
pub const SERVE_ARGUMENT: &str = "wasm-serve";
