//! The AWS wire protocols: what the AWS command line and SDKs speak to ebb.
//!
//! Purpose: verify signatures, tell services and operations apart, decode requests, map them onto `ebb-invoker` (and
//! later the event sources and workflows), and encode answers and errors exactly as the services document them.
//!
//! It must never hold state of its own (beyond the key ring), decide what a function does, or start anything: each file under
//! `api/` maps one operation and nothing more. No other crate sees a wire structure.
//!
//! Entry point: [`AwsService::handle`], one request in and one answer out; it serves the API port and the listener
//! inside each sandbox alike.
//!
//! Threading: handlers are futures on the caller's runtime and hold no lock across an await. Blocking work is done by
//! the crates below.
//!
//! Start reading at `service.rs` (the path of a request), then `wire/api.rs` (how a service is declared).

pub mod api;
mod service;
#[cfg(test)]
mod testing;
pub mod wire;

pub use service::{AwsConfig, AwsService};
