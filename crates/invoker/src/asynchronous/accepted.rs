//! An accepted event, as it waits in the queue.

use std::time::Duration;

use bytes::Bytes;
use ebb_model::{
    FunctionName, FunctionReference, Invocation, Qualifier, RequestId, Timestamp, TraceHeader, Trigger,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// An accepted event. Fields may be added with a default, never changed: events of an older server are read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) id: RequestId,
    pub(crate) function: FunctionName,
    pub(crate) qualifier: Option<Qualifier>,
    pub(crate) payload: Box<RawValue>,
    pub(crate) client_context: Option<String>,
    pub(crate) cognito_identity: Option<String>,
    pub(crate) trace: TraceHeader,
    pub(crate) accepted: Timestamp,
    /// Times that the function failed it.
    pub(crate) failures: u32,
    /// Times in a row that it could not be run.
    pub(crate) deferrals: u32,
}

impl Accepted {
    /// A new one.
    pub(crate) fn new(invocation: &Invocation, payload: Box<RawValue>, now: Timestamp) -> Self {
        Self {
            id: invocation.id,
            function: invocation.function.name.clone(),
            qualifier: invocation.function.qualifier.clone(),
            payload,
            client_context: invocation.client_context.clone(),
            cognito_identity: invocation.cognito_identity.clone(),
            trace: invocation.trace.clone(),
            accepted: now,
            failures: 0,
            deferrals: 0,
        }
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).expect("strings, numbers and checked JSON always serialise").into()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Whether it has waited for longer than it may.
    pub(crate) fn expired(&self, now: Timestamp, max_age: Duration) -> bool {
        now.since(self.accepted) > max_age
    }

    /// The invocation of this attempt. Every attempt has the same id, as on Lambda.
    pub(crate) fn invocation(&self) -> Invocation {
        let reference = FunctionReference {
            qualifier: self.qualifier.clone(),
            ..FunctionReference::named(self.function.clone())
        };
        Invocation {
            id: self.id,
            function: reference,
            payload: Bytes::copy_from_slice(self.payload.get().as_bytes()),
            client_context: self.client_context.clone(),
            cognito_identity: self.cognito_identity.clone(),
            trace: self.trace.clone(),
            trigger: Trigger::Asynchronous,
            wants_log_tail: false,
        }
    }
}
