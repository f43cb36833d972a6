//! ebb's own API below `/_ebb/`: what AWS has no operation for.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /_ebb/health` | [`Health`]; the only path that needs no signature |
//! | `GET /_ebb/metrics` | counters in the Prometheus text format |
//! | `GET /_ebb/v1/apps` | all apps |
//! | `GET`, `DELETE /_ebb/v1/apps/NAME` | one app |
//! | `GET /_ebb/v1/runtimes` | what is installed for functions to run on |
//! | `POST /_ebb/v1/runtimes/NAME` | installs something for functions to run on |
//! | `PUT /_ebb/v1/apps/NAME[?dry_run=true]` | deploys an [`upload`] |
//! | `POST /_ebb/v1/packages` | which of these digests (a JSON list) the server does not have |
//! | `GET /_ebb/v1/functions[/NAME]` | [`FunctionView`]s |
//! | `GET /_ebb/v1/logs` | a [`LogPage`]; see [`LogQuery`] |
//! | `GET /_ebb/v1/events` | an [`EventPage`]; see [`EventQuery`] |
//!
//! Errors are [`ErrorBody`], with the status that fits. Requests were authenticated before they come here. It must
//! never run functions, change them other than through the [`AppPort`], or hold state of its own.
//!
//! Entry point: [`Console::handle`]. Nothing here blocks or spawns.
//!
//! Start reading at `service.rs`.

mod error;
mod events;
mod functions;
mod logs;
mod metrics;
mod ports;
mod service;
#[cfg(test)]
mod tests;
pub mod upload;

pub use error::ErrorBody;
pub use events::{EventPage, EventQuery};
pub use functions::{FunctionView, UsageView};
pub use logs::{LogEventView, LogPage, LogQuery};
pub use ports::{AppPort, AppPortError, LogPatterns, MessageTest, RuntimePort};
pub use service::{Body, Console, ConsoleParts, Health, is_open};
