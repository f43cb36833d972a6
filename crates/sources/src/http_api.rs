//! HTTP APIs: routes in front of functions and other services, as Amazon API Gateway has them.
//!
//! Two kinds of documents, each kept whole under its id: [`HttpApi`] (HTTP and WebSocket APIs) and [`RestApi`] (REST
//! APIs). Their members are called what the public models (`apigatewayv2/2018-11-29`, `apigateway/2015-07-09`) call
//! them, so that a document can be shown, patched and imported without a second set of types.
//!
//! [`HttpApis`] is the durable home of both. Whoever makes APIs (the management calls, a stack) makes, replaces and
//! removes whole documents; whoever serves them asks for [`HttpApis::find`] or [`HttpApis::of_app`] and for the route
//! with [`Definition::route`] or [`RestDefinition::route`].

mod check;
mod connections;
mod document;
mod matching;
mod openapi;
mod rest;
mod service;
mod trial;
mod usage;

use ebb_store::StoreError;

pub use connections::{ApiConnection, Connections, NewConnection, SendError, ToClient};
pub use document::{
    Answer, AnswerOf, AppPlace, Authorizer, Cors, Definition, Deployment, HttpApi, Integration,
    JwtConfiguration, Model, Protocol, Route, RouteSettings, Stage,
};
pub use matching::{Matched, RouteTable};
pub use openapi::{ExportExtensions, ExportForm, exported, exported_http, http_api, rest_api};
pub use rest::{
    GatewayResponse, Method, RequestValidator, Resource, RestApi, RestAuthorizer, RestDefinition,
    RestDeployment, RestIntegration, RestIntegrationResponse, RestMatch, RestStage,
};
pub use service::{Api, HttpApis, HttpApisParts};
pub use trial::{Identified, TrialRequest};
pub use usage::{Admitted, ApiKey, Period, PlanStage, PlanThrottle, Quota, UsagePlan};

/// The stage of an HTTP API that stands in no path.
pub const DEFAULT_STAGE: &str = "$default";

/// Why a change of an API, or a question about one, is refused.
#[derive(Debug, thiserror::Error)]
pub enum HttpApiError {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// There is one already.
    #[error("{0}")]
    Conflict(String),
    /// A part of the document makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A fresh id of lower-case letters and digits, as the service gives them: ten characters for an API.
#[must_use]
pub fn fresh_id(length: usize) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut number = ebb_model::RequestId::random().uuid().as_u128();
    let mut id = String::with_capacity(length);
    for _ in 0..length {
        let at = usize::try_from(number % 36).unwrap_or_default();
        id.push(char::from(LETTERS[at]));
        number /= 36;
    }
    id
}
