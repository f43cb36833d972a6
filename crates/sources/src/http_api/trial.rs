//! What is tried of a REST API without a client, and what comes of it: the words of whoever asks for a trial and of the
//! edge, which does it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value};

/// A request that is tried.
#[derive(Debug)]
pub struct TrialRequest {
    /// The request.
    pub request: Request<Bytes>,
    /// The names of its headers in the case in which events show them.
    pub names: Vec<String>,
    /// The variables of the stage.
    pub variables: BTreeMap<String, String>,
}

/// Whom an authoriser took the caller for.
#[derive(Debug, Clone, PartialEq)]
pub struct Identified {
    /// The principal.
    pub principal: Option<String>,
    /// The policy that it answered.
    pub policy: Value,
    /// What it adds.
    pub context: Map<String, Value>,
}
