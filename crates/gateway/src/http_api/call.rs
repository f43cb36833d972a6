//! One request of an API, as every step needs it.

use std::collections::BTreeMap;

use bytes::Bytes;
use ebb_model::{RequestId, ServiceCaller, Timestamp, TraceHeader};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::ApiEdge;
use super::decided::Decided;
use super::find::Found;
use crate::edge::{Connection, Edge, trace_of};
use crate::host;
use crate::payload::{EventSource, RouteFields};
use crate::ports::Caller;

/// One request of an API.
pub(crate) struct ApiCall<'a> {
    pub(crate) id: RequestId,
    pub(crate) parts: &'a Parts,
    pub(crate) body: Bytes,
    pub(crate) found: &'a Found,
    /// What all requests of APIs share.
    pub(crate) shared: &'a ApiEdge,
    pub(crate) connection: Connection,
    pub(crate) trace: TraceHeader,
    pub(crate) now: Timestamp,
    pub(crate) account: String,
    pub(crate) region: String,
}

/// What a route and its authorizer add to an event.
#[derive(Clone)]
pub(crate) struct Routed<'a> {
    pub(crate) api_id: &'a str,
    /// As in `GET /items/{id}`.
    pub(crate) key: &'a str,
    pub(crate) stage: &'a str,
    pub(crate) parameters: &'a [(String, String)],
    pub(crate) variables: &'a BTreeMap<String, String>,
    pub(crate) authorizer: Option<&'a Decided>,
    pub(crate) caller: Option<&'a Caller>,
}

impl<'a> ApiCall<'a> {
    pub(crate) fn new(
        (id, connection): (RequestId, Connection),
        (parts, body): (&'a Parts, Bytes),
        found: &'a Found,
        edge: &Edge,
        shared: &'a ApiEdge,
    ) -> Self {
        Self {
            id,
            parts,
            body,
            found,
            shared,
            connection,
            trace: trace_of(&parts.headers),
            now: edge.config.clock.now(),
            account: edge.config.account.to_string(),
            region: edge.config.region.to_string(),
        }
    }

    /// The path that the client sees: with the stage, where that stands in it.
    pub(crate) fn client_path(&self) -> String {
        match self.found.stage.as_ref().filter(|_| self.found.stage_in_path) {
            Some(stage) => format!("/{stage}{}", self.found.path),
            None => self.found.path.clone(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// The same request with other parts.
    pub(crate) fn with<'b>(&'b self, parts: &'b Parts, found: &'b Found) -> ApiCall<'b> {
        ApiCall {
            id: self.id,
            parts,
            body: self.body.clone(),
            found,
            shared: self.shared,
            connection: self.connection,
            trace: self.trace.clone(),
            now: self.now,
            account: self.account.clone(),
            region: self.region.clone(),
        }
    }

    /// What events are made of, with `path` and what the authorizer added as they show them.
    pub(crate) fn source<'b>(
        &'b self,
        path: &'b str,
        routed: &Routed<'b>,
        authorizer: Option<&'b Value>,
    ) -> EventSource<'b> {
        EventSource {
            method: &self.parts.method,
            path,
            sent_path: path,
            query: self.parts.uri.query().unwrap_or_default(),
            version: self.parts.version,
            headers: &self.parts.headers,
            head: self.parts.extensions.get(),
            body: &self.body,
            source_ip: self.connection.peer.ip().to_canonical(),
            port: host::port(&self.parts.uri, &self.parts.headers).unwrap_or(self.connection.local.port()),
            domain: &self.found.domain,
            api_id: routed.api_id,
            request_id: self.id,
            trace: &self.trace,
            now: self.now,
            caller: routed.caller,
            of_url: false,
            route: RouteFields {
                key: routed.key,
                stage: routed.stage,
                path_parameters: routed.parameters,
                stage_variables: Some(routed.variables),
                authorizer,
                account: Some(&self.account),
            },
        }
    }

    /// API Gateway on behalf of a route; `what` is what stands after the API's id in the route's ARN, as in
    /// `prod/GET/items/*`.
    pub(crate) fn gateway(&self, api_id: &str, what: &str) -> ServiceCaller {
        ServiceCaller {
            service: "apigateway.amazonaws.com".to_owned(),
            source_arn: self.arn(api_id, what),
            source_account: self.account.clone(),
        }
    }

    /// The ARN of a route, or of a request.
    pub(crate) fn arn(&self, api_id: &str, what: &str) -> String {
        format!("arn:aws:execute-api:{}:{}:{api_id}/{what}", self.region, self.account)
    }
}

/// Percent-decoded.
pub(crate) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
