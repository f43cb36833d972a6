//! Trials of REST APIs as they are defined, deployed or not: a method without its authoriser, keys and limits, or an
//! authoriser alone.
//!
//! Source: API Gateway API reference, "TestInvokeMethod" and "TestInvokeAuthorizer"; developer guide, "Use the API Gateway
//! console to test a REST API method" (2026-11).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use ebb_model::{RequestId, Timestamp};
use ebb_sources::http_api::{Api, Identified, RestApi, RestMatch, RestStage, TrialRequest};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Collected};
use serde_json::Map;

use super::ApiEdge;
use super::authorizer;
use super::call::{ApiCall, Routed};
use super::find::Found;
use super::refusal::Style;
use super::rest;
use crate::edge::{Connection, Edge};
use crate::sent_head::SentHead;

/// What functions see as the stage, and as the domain.
const STAGE: &str = "test-invoke-stage";
const DOMAIN: &str = "testPrefix.testDomainName";

impl Edge {
    /// Has a method of a resource answer; nothing where there is no such method.
    pub(crate) async fn try_method(
        &self,
        shared: &ApiEdge,
        api: Arc<RestApi>,
        resource: &str,
        request: TrialRequest,
    ) -> Option<Response<Bytes>> {
        let trial = Trial::new(&api, request);
        let (method, path) = (trial.parts.method.as_str(), trial.found.path.as_str());
        let matched = match api.definition.route(method, path) {
            Some(matched) if matched.resource.id == resource => matched,
            // A path that is not the method's own gives it no parameters.
            _ => {
                let resource = api.definition.resource(resource)?;
                let methods = &resource.resource_methods;
                let method = methods.get(method).or_else(|| methods.get("ANY"))?;
                RestMatch { resource, method, parameters: Vec::new() }
            }
        };
        let call = trial.call(self, shared);
        let key = format!("{} {}", matched.method.http_method, matched.resource.path);
        let routed = Routed { key: &key, parameters: &matched.parameters, ..trial.routed(&api.id) };
        let answered = rest::without_gate(self, &call, &routed, (&api, &trial.stage, &matched)).await;
        let (parts, body) = answered.into_parts();
        // What breaks off has been written to the log.
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        Some(Response::from_parts(parts, body))
    }

    /// Asks an authoriser of functions.
    ///
    /// # Errors
    /// The status that a client would get.
    pub(crate) async fn try_authorizer(
        &self,
        shared: &ApiEdge,
        api: Arc<RestApi>,
        id: &str,
        request: TrialRequest,
    ) -> Result<Identified, StatusCode> {
        let found = api.definition.authorizer(id).ok_or(StatusCode::NOT_FOUND)?;
        let trial = Trial::new(&api, request);
        let call = trial.call(self, shared);
        let key = format!("{} {}", trial.parts.method, trial.found.path);
        let routed = Routed { key: &key, ..trial.routed(&api.id) };
        let root = api.definition.resources.first().map(|root| (root.id.as_str(), root.path.as_str()));
        let verdict = authorizer::trial(self, &call, &routed, found, root.unwrap_or_default()).await;
        let verdict = verdict.map_err(|refusal| refusal.status(Style::Rest))?;
        let (principal, policy, context) = verdict.into_parts();
        Ok(Identified { principal, policy, context })
    }
}

/// A request that nobody sent.
struct Trial {
    parts: http::request::Parts,
    body: Bytes,
    found: Found,
    stage: RestStage,
}

impl Trial {
    fn new(api: &Arc<RestApi>, asked: TrialRequest) -> Self {
        let TrialRequest { request, names, variables } = asked;
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(SentHead::of(&names));
        let found = Found {
            api: Api::Rest(api.clone()),
            stage: Some(STAGE.to_owned()),
            path: parts.uri.path().to_owned(),
            stage_in_path: false,
            domain: DOMAIN.to_owned(),
        };
        let stage = RestStage {
            stage_name: STAGE.to_owned(),
            deployment_id: String::new(),
            description: None,
            variables,
            method_settings: BTreeMap::new(),
            tags: BTreeMap::new(),
            created: Timestamp(0),
            modified: Timestamp(0),
            others: Map::new(),
        };
        Self { parts, body, found, stage }
    }

    fn call<'a>(&'a self, edge: &Edge, shared: &'a ApiEdge) -> ApiCall<'a> {
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let connection = Connection { peer: nobody, local: nobody };
        let request = (&self.parts, self.body.clone());
        ApiCall::new((RequestId::random(), connection), request, &self.found, edge, shared)
    }

    fn routed<'a>(&'a self, api: &'a str) -> Routed<'a> {
        Routed {
            api_id: api,
            key: "",
            stage: STAGE,
            parameters: &[],
            variables: &self.stage.variables,
            authorizer: None,
            caller: None,
        }
    }
}
