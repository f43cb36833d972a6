//! Payload format 2.0: a request becomes an event, an answer becomes a response.
//!
//! Source: the Lambda developer guide, "Invoking Lambda function URLs" (2026-11), sections "Request and response
//! payloads"; where it is silent, answers recorded on the service.

mod answer_v1;
mod event;
mod event_v1;
mod inference;
mod json;
mod prelude;

pub(crate) use answer_v1::{Decoding, is_binary, proxy_answer};
pub(crate) use event::{EventSource, RouteFields, decode as decode_query, encode, forwarded_for, protocol};
pub(crate) use event_v1::{RestFields, encode_v1, shown};
pub(crate) use inference::{Answer, infer, infer_as, is_ours as is_hop};
pub(crate) use prelude::{PRELUDE_CONTENT_TYPE, Prelude, PreludeReader};
