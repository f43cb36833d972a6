//! How a request fails: what the caller of the function may see, and what the log says beyond that.

use std::fmt;

use serde_json::json;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

/// The longest message of a failure, in characters: it travels in a header.
const MESSAGE_CHARACTERS: usize = 1024;

/// Why a component gave no answer, or not the whole of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The error type, as in `Runtime.Trap`.
    pub(crate) kind: &'static str,
    /// What happened, in one line.
    pub(crate) message: String,
    /// Where in the component, for the log.
    pub(crate) trace: Option<String>,
}

impl Failure {
    /// Without a place in the component.
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), trace: None }
    }

    /// Of what ended a component.
    pub(crate) fn of(error: &wasmtime::Error) -> Self {
        let trace = error.downcast_ref::<WasmBacktrace>().map(ToString::to_string);
        let (kind, message) = if let Some(exit) = error.downcast_ref::<I32Exit>() {
            ("Runtime.ExitError", format!("the component exited with status {}", exit.0))
        } else if let Some(trap) = error.downcast_ref::<Trap>() {
            ("Runtime.Trap", trap.to_string())
        } else {
            ("Runtime.Trap", error.root_cause().to_string())
        };
        Self { kind, message, trace }
    }

    /// As an error object, on one line.
    pub(crate) fn object(&self) -> String {
        let message: String = self.message.chars().take(MESSAGE_CHARACTERS).collect();
        json!({ "errorType": self.kind, "errorMessage": message }).to_string()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)?;
        match &self.trace {
            Some(trace) => write!(f, "\n{}", trace.trim_end()),
            None => Ok(()),
        }
    }
}
