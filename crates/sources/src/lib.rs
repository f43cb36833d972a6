//! The event services: each one a service of its own and a trigger of functions.
//!
//! **Purpose.** One folder for each service. `service.rs` (or the folder's root file) holds its semantics, `trigger.rs`
//! its delivery to functions; what is accepted is durable before it is acknowledged.
//!
//! **Never.** It knows no wire format of AWS: names, limits and errors are its own types, which `ebb-aws` translates. It
//! starts no instance: a trigger makes an `Invocation` and calls `Invoker::invoke`.

pub mod bucket;
pub mod bus;
pub mod delivery;
pub mod http_api;
mod http_client;
pub mod https;
pub mod iam;
pub mod log_settings;
pub mod log_subscriptions;
pub mod mapping;
pub mod parameters;
pub mod pattern;
pub mod queue;
pub mod registry;
pub mod schedule;
pub mod topic;
