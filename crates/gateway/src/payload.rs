//! Payload format 2.0: a request becomes an event, an answer becomes a response.
//!
//! Source: the Lambda developer guide, "Invoking Lambda function URLs" (2026-11), sections "Request and response
//! payloads"; where it is silent, answers recorded on the service.

mod event;
mod inference;
mod json;
mod prelude;

pub(crate) use event::{EventSource, encode};
pub(crate) use inference::infer;
pub(crate) use prelude::{PRELUDE_CONTENT_TYPE, Prelude, PreludeReader};
