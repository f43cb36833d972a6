//! Requests of HTTP and REST APIs: stage, route, authoriser, integration, answer.
//!
//! Source: API Gateway developer guide (2026-11). What an API is and which of its routes takes a request is in
//! `ebb-sources`; here is what happens to the request.

mod authorize;
mod authorizer;
mod aws;
mod call;
mod cors;
mod custom;
mod decided;
mod find;
mod function;
mod gateway_response;
mod http;
mod issuers;
mod jwt;
mod mapping;
mod policy;
mod refusal;
mod rest;
mod schema;
mod services;
mod template;
pub(crate) mod throttle;
pub(crate) mod trial;
mod upstream;
mod usage;
mod validate;
mod variables;
mod verdict;
pub(crate) mod websocket;

use std::sync::Arc;

use ::http::request::Parts;
use ::http::{HeaderValue, Response};
use bytes::Bytes;
use ebb_model::RequestId;
use ebb_sources::bus::EventBuses;
use ebb_sources::http_api::{Api, HttpApis, Protocol};
use ebb_sources::https::HttpsClient;
use ebb_sources::queue::Queues;
use http_body::Body;
use hyper::upgrade::OnUpgrade;

use crate::answer::AnswerBody;
use crate::edge::{Connection, Edge};
use crate::request_body;

pub(crate) use find::{Found, at_own_host, of_app};

use call::ApiCall;
use issuers::Issuers;
use refusal::{ApiRefusal, Style};
use services::Services;
use throttle::Throttles;
use verdict::Verdicts;

/// The APIs behind the edge, with what requests share.
pub(crate) struct ApiEdge {
    pub(crate) apis: HttpApis,
    /// For the servers behind APIs, and for issuers of tokens.
    upstream: HttpsClient,
    throttles: Throttles,
    verdicts: Verdicts,
    issuers: Issuers,
    services: Services,
}

impl ApiEdge {
    pub(crate) fn new(apis: HttpApis, queues: Queues, buses: EventBuses) -> Self {
        Self {
            apis,
            services: Services { queues, buses },
            upstream: HttpsClient::default(),
            throttles: Throttles::default(),
            verdicts: Verdicts::default(),
            issuers: Issuers::default(),
        }
    }
}

impl ApiEdge {
    /// Forgets what authorisers said for a stage.
    pub(crate) fn forget_verdicts(&self, api: &str, stage: &str) {
        self.verdicts.forget(&authorizer::kept_under(api, stage));
    }
}

impl Edge {
    /// Answers a request of an API.
    pub(crate) async fn serve_api<B>(
        self: &Arc<Self>,
        (id, connection): (RequestId, Connection),
        (parts, upgrade): (&Parts, Option<OnUpgrade>),
        body: B,
        found: Found,
        shared: &ApiEdge,
    ) -> Response<AnswerBody>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let style = match &found.api {
            Api::Http(_) => Style::Http,
            Api::Rest(_) => Style::Rest,
        };
        let mut response = match request_body::read(body, &parts.headers, &self.config.limits).await {
            Ok(body) => {
                let call = ApiCall::new((id, connection), (parts, body), &found, self, shared);
                match &found.api {
                    Api::Http(api) if api.protocol_type == Protocol::WebSocket => {
                        websocket::serve(self, api, &call, upgrade).await
                    }
                    Api::Http(api) => http::serve(self, api, &call).await,
                    Api::Rest(api) => rest::serve(self, api, &call).await,
                }
            }
            Err(refusal) => ApiRefusal::Edge(refusal).into_response(style),
        };
        let names: &[&'static str] = match style {
            Style::Http => &["apigw-requestid"],
            Style::Rest => &["x-amzn-requestid", "x-amz-apigw-id"],
        };
        for name in names {
            if let Ok(value) = HeaderValue::try_from(id.to_string()) {
                response.headers_mut().insert(*name, value);
            }
        }
        response
    }
}
