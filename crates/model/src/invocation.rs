//! What every trigger makes: one request to run a function.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::arn::FunctionReference;
use crate::ids::RequestId;

/// One request to run a function once.
///
/// Triggers build it and hand it to the invoker, which is the only one that runs anything.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Names it in logs, to the function, and to the caller.
    pub id: RequestId,
    /// Which function, and which version or alias of it.
    pub function: FunctionReference,
    /// The event, as JSON text; never parsed on the way.
    pub payload: Bytes,
    /// The caller's client context, as JSON text.
    pub client_context: Option<String>,
    /// Identity of the caller's Cognito pool, as JSON text.
    pub cognito_identity: Option<String>,
    /// The X-Ray header that it carries on.
    pub trace: TraceHeader,
    /// Who asks.
    pub trigger: Trigger,
    /// Whether the last 4 KiB of its log are wanted in the outcome.
    pub wants_log_tail: bool,
}

impl Invocation {
    /// An invocation with a fresh id and trace, and nothing optional.
    #[must_use]
    pub fn new(function: FunctionReference, payload: Bytes, trigger: Trigger) -> Self {
        Self::of_request(RequestId::random(), TraceHeader::fresh(), function, payload, trigger)
    }

    /// An invocation that goes on with the id and the trace of a request, and nothing optional.
    #[must_use]
    pub fn of_request(
        id: RequestId,
        trace: TraceHeader,
        function: FunctionReference,
        payload: Bytes,
        trigger: Trigger,
    ) -> Self {
        Self {
            id,
            function,
            payload,
            client_context: None,
            cognito_identity: None,
            trace,
            trigger,
            wants_log_tail: false,
        }
    }
}

/// What caused an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The `Invoke` operations, called by a client that waits.
    Direct,
    /// An event that was accepted earlier and is delivered now.
    Asynchronous,
    /// A request to a function URL or an app's route.
    Http,
}

/// The value of `X-Amzn-Trace-Id`, as in `Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceHeader(pub String);

impl TraceHeader {
    /// A new root, not sampled. Source: the X-Ray developer guide, "Tracing header".
    #[must_use]
    pub fn fresh() -> Self {
        let id = RequestId::random().uuid().simple().to_string();
        let parent = RequestId::random().uuid().simple().to_string();
        let seconds = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        Self(format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &id[..24], &parent[..16]))
    }

    /// The part after `Root=`, where there is one.
    #[must_use]
    pub fn root(&self) -> Option<&str> {
        self.0.split(';').find_map(|field| field.strip_prefix("Root="))
    }
}

impl fmt::Display for TraceHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
