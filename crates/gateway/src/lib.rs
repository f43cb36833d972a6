//! The edge: HTTP from the outside world to functions and back.
//!
//! It tells function URLs from apps by the host name, makes the event (payload format 2.0), hands it to the invoker and
//! turns the answer into a response, whole or as it is written. It never starts instances, never reads the store, never
//! checks signatures itself (the binary wires a [`RequestAuthenticator`]), and never lets the detail of a failure out:
//! that goes to the log with the request id.
//!
//! Entry point: [`Gateway::serve`]. One task for each connection, owned by `serve`, which ends when all of them have.
//! The request's own future carries the invocation; when the client goes away it is dropped, and the invocation with
//! it.
//!
//! Start reading at `edge.rs` (one request from end to end), then `payload.rs`.

mod answer;
mod config;
mod connection;
mod cors;
mod edge;
mod files;
mod host;
mod http_api;
mod payload;
mod ports;
mod proxy;
mod refusal;
mod request_body;
mod sent_head;
mod server;
mod sockets;
mod stream;
#[cfg(test)]
mod tests;
mod tunnel;
mod write_deadline;

pub use config::{GatewayConfig, Limits};
pub use ports::{
    AppFile, AppRequest, AppRoute, AppRoutes, AuthenticationError, Caller, PageBody, RequestAuthenticator,
    RouteMatch, RouteTarget, ServiceCalls, SignedRequest, Websites,
};
pub use server::{Gateway, GatewayApis};
