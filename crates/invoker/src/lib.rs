//! The heart of ebb: resolve → admit → acquire → execute → settle, one file each.
//!
//! **Purpose.** Every trigger makes an [`Invocation`] and calls [`Invoker::invoke`]; each ends in one [`Outcome`], or
//! in an [`InvokeError`] where the platform did not run it. Nobody else starts instances. Each stage takes the result
//! of the one before by value, so none can be skipped. The [`catalog`] is what is deployed, [`logs`](ebb_store::logs)
//! is where instances write.
//!
//! **Never.** It knows no HTTP, no AWS wire format and no process: instances are behind the port [`Runtime`]. It asks
//! no database while an invocation waits.
//!
//! **Entry point.** [`Invoker::new`], then [`Invoker::invoke`] for whoever waits and [`Invoker::accept`] for whoever
//! does not.
//!
//! **Threading.** An invocation that was admitted runs in a task of its own from `acquire` to `settle`; the caller's
//! future only waits for the answer, so dropping it loses nothing. Every idle instance has a keeper task. All locks are
//! held for a few pointer moves, never across an await, but for the one that keeps freezing and thawing apart.
//!
//! **Start reading** at `run.rs`, then the stages in their order.

mod acquire;
mod admit;
mod asynchronous;
mod attended;
pub mod catalog;
mod config;
mod delivery;
mod error;
mod execute;
mod failure;
mod follow;
pub mod log_stream;
pub mod logs;
mod metering;
mod platform_log;
mod port;
mod provisioned;
mod resolve;
mod run;
mod settle;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use acquire::pooled::LONGEST_LIFE;
pub use asynchronous::{CarriedResult, ResultCarrier};
pub use config::{AsynchronousPacing, InvokerConfig};
pub use delivery::{Delivery, ResponseSink, StreamPart, Tunnel, WriteError};
pub use error::{InvokeError, ThrottleReason};
pub use log_stream::{LogLine, LogStream};
pub use metering::{Metering, Usage};
pub use platform_log::runtime_version_arn;
pub use port::{
    Boxed, Ending, Event, ExitCause, InitFailure, Instance, InstanceCredentials, InstanceSpec, Runtime,
    StartError, Unavailable, Unprepared,
};
pub use run::{Invoker, InvokerParts};
// A part of the port: what an instance is given, and holds.
pub use ebb_store::StateFolder;

pub(crate) use run::Shared;

#[cfg(doc)]
use ebb_model::{Invocation, Outcome};
