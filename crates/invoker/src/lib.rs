//! The heart of ebb: resolve → admit → acquire → execute → settle, one file each.

pub mod catalog;
mod delivery;
mod error;
pub mod log_stream;
mod port;

pub use error::{InvokeError, ThrottleReason};
pub use delivery::{Delivery, ResponseSink, StreamPart};
pub use port::{
    Boxed, Ending, Event, ExitCause, InitFailure, Instance, InstanceCredentials, InstanceSpec, Runtime, StartError, Unavailable,
};

use ebb_model::{Invocation, Outcome, RequestId};

/// Runs invocations. A cheap handle: clone it freely.
#[derive(Clone)]
pub struct Invoker {}

impl Invoker {
    /// Runs one invocation to its end. With [`Delivery::Stream`] the answer reaches the channel as it is written.
    pub async fn invoke(&self, _invocation: Invocation, _delivery: Delivery) -> Result<Outcome, InvokeError> {
        unimplemented!()
    }

    /// Accepts an event for later: durable when this returns.
    pub async fn accept(&self, _invocation: Invocation) -> Result<RequestId, InvokeError> {
        unimplemented!()
    }

    /// Checks that the function could be invoked, without running it (`DryRun`).
    pub fn check(&self, _invocation: &Invocation) -> Result<(), InvokeError> {
        unimplemented!()
    }

    /// What is deployed.
    pub fn catalog(&self) -> &catalog::Catalog {
        unimplemented!()
    }
}
