//! Event source mappings: ebb cannot make them yet, so there are none.

use ebb_invoker::catalog::{CatalogError, NotFound};
use http::{Response, StatusCode};
use serde_json::json;

use super::Lambda;
use crate::wire::{AwsError, Body, Call, json_response};

/// `ListEventSourceMappings`: there are none, since none can be made.
pub(super) async fn list(_lambda: Lambda, _call: Call) -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, &json!({ "EventSourceMappings": [] }))
}

/// Every operation on one.
pub(super) async fn missing(_lambda: Lambda, _call: Call) -> Result<Response<Body>, AwsError> {
    Err(CatalogError::NotFound(NotFound::Unnamed("The resource you requested does not exist.")).into())
}
