//! The AWS wire protocols, without any service: signatures, routing, bodies, errors.
//!
//! A service is an [`Api`]: a table from operations to handlers, in one protocol. A handler takes its state and a
//! [`Call`] (who asks, with what) and gives a response or an [`AwsError`]. Nothing outside this module writes a wire
//! error, reads a signature or knows where a request id goes.

pub mod credentials;
pub mod event_stream;
pub mod sigv4;

mod api;
mod body;
mod call;
mod constraints;
mod error;
mod identify;
mod json;
mod pages;
mod paths;
mod query;
mod query_shapes;
mod query_string;
mod tags;

pub use api::{Api, ApiBuilder, Operation};
pub use body::{Body, BodyError, channel_body, empty_body, full_body, read_body};
pub use call::{Call, PathParameters, Principal, RequestContext};
pub(crate) use constraints::{Constraint, Member};
pub use error::{AwsError, Fault};
pub use identify::Protocol;
pub(crate) use identify::{Identified, identify};
pub use json::{empty_response, epoch_seconds, form_list, from_epoch_seconds, json_response};
pub use pages::{InvalidToken, PageRequest};
pub use query::{escape_xml, xml_response};
pub use query_shapes::{Input, Output, QueryShapes};
pub use query_string::QueryString;
pub(crate) use tags::{Tag, show_tags, tags_of};
