//! HTTP and WebSocket APIs as documents.
//!
//! Kept in the store: fields may be added with a default, never changed. What ebb keeps but does not act on is in
//! `others`, under the name that the service has for it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::matching::{Matched, RouteTable};

/// An HTTP or WebSocket API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpApi {
    /// Its id; given by the service where it is empty.
    #[serde(default)]
    pub api_id: String,
    /// For people.
    pub name: String,
    /// What it speaks.
    pub protocol_type: Protocol,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What tells the route: always method and path for HTTP, an expression over the message for WebSocket.
    #[serde(default = "http_selection")]
    pub route_selection_expression: String,
    /// Where an API key is looked for.
    #[serde(default = "key_selection")]
    pub api_key_selection_expression: String,
    /// Cross-origin settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors_configuration: Option<Cors>,
    /// Whether it answers at custom domains only.
    #[serde(default)]
    pub disable_execute_api_endpoint: bool,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Members that are kept as they were given.
    #[serde(default)]
    pub others: Map<String, Value>,
    /// When it was made.
    #[serde(default = "epoch")]
    pub created: Timestamp,
    /// The app that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppPlace>,
    /// Routes and what is behind them, as they are edited.
    #[serde(default)]
    pub definition: Definition,
    /// Under which names it is served.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// What stages serve that do not follow every edit.
    #[serde(default)]
    pub deployments: Vec<Deployment>,
}

/// Where an API stands among those of its app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AppPlace {
    /// The app's name.
    pub app: String,
    /// Lower ones are asked first.
    pub order: u32,
}

/// What an API speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// Requests.
    #[serde(rename = "HTTP")]
    Http,
    /// Messages over a connection that stays.
    #[serde(rename = "WEBSOCKET")]
    WebSocket,
}

/// Cross-origin settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cors {
    /// Whether cookies and credentials may be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_credentials: Option<bool>,
    /// Request headers that may be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_headers: Option<Vec<String>>,
    /// Methods that may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_methods: Option<Vec<String>>,
    /// Origins that may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_origins: Option<Vec<String>>,
    /// Response headers that scripts may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose_headers: Option<Vec<String>>,
    /// Seconds that a browser may cache a preflight answer; -1 turns caching off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i32>,
}

/// Routes and what is behind them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Definition {
    /// Routes.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// What routes lead to.
    #[serde(default)]
    pub integrations: Vec<Integration>,
    /// Who decides whether a request may pass.
    #[serde(default)]
    pub authorizers: Vec<Authorizer>,
    /// Schemas of bodies.
    #[serde(default)]
    pub models: Vec<Model>,
    /// What routes and integrations of WebSocket APIs are said to answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
    #[serde(skip)]
    table: Compiled,
}

/// The route table of a definition, made when it is first asked. No part of what the definition is.
#[derive(Debug, Default)]
struct Compiled(OnceLock<Arc<RouteTable>>);

impl Clone for Compiled {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Compiled {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What is said of the answers of a route or an integration; kept as it was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Its id.
    pub id: String,
    /// Whether it is of a route or of an integration.
    pub of: AnswerOf,
    /// The id of that.
    pub parent: String,
    /// Members that are kept as they were given.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// Whose answers are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AnswerOf {
    /// A route's.
    Route,
    /// An integration's.
    Integration,
}

/// A route: which requests, who may make them, and where they go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Its id; given where it is empty.
    #[serde(default)]
    pub route_id: String,
    /// `METHOD /path/{parameter}/{rest+}` or `$default`; any word for WebSocket.
    pub route_key: String,
    /// `integrations/ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `NONE`, `JWT`, `CUSTOM` or `AWS_IAM`.
    #[serde(default = "no_authorization")]
    pub authorization_type: String,
    /// Who decides, for `JWT` and `CUSTOM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_id: Option<String>,
    /// Scopes of which a token must have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_scopes: Option<Vec<String>>,
    /// Whether a key is needed (WebSocket only).
    #[serde(default)]
    pub api_key_required: bool,
    /// Whether the service made it itself (quick create).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_gateway_managed: Option<bool>,
    /// Members that are kept as they were given.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// What a route leads to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    /// Its id; given where it is empty.
    #[serde(default)]
    pub integration_id: String,
    /// `AWS_PROXY`, `HTTP_PROXY`, and for WebSocket also `AWS`, `HTTP` and `MOCK`.
    pub integration_type: String,
    /// As in `SQS-SendMessage`, for services other than functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_subtype: Option<String>,
    /// A function's ARN, or a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_uri: Option<String>,
    /// The method of the request that is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_method: Option<String>,
    /// `1.0` or `2.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_format_version: Option<String>,
    /// How long it may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_in_millis: Option<u32>,
    /// Changes to the request (`append:header.name`, …), or the parameters of a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_parameters: Option<BTreeMap<String, String>>,
    /// Changes to the response, by status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_parameters: Option<BTreeMap<String, BTreeMap<String, String>>>,
    /// A role that stands for the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_arn: Option<String>,
    /// `INTERNET` or `VPC_LINK`.
    #[serde(default = "internet")]
    pub connection_type: String,
    /// Whether the service made it itself (quick create).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_gateway_managed: Option<bool>,
    /// Members that are kept as they were given.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// Who decides whether a request may pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorizer {
    /// Its id; given where it is empty.
    #[serde(default)]
    pub authorizer_id: String,
    /// For people.
    pub name: String,
    /// `JWT` or `REQUEST`.
    pub authorizer_type: String,
    /// What it looks at, as in `$request.header.Authorization`.
    #[serde(default)]
    pub identity_source: Vec<String>,
    /// Which tokens it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_configuration: Option<JwtConfiguration>,
    /// The function that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_uri: Option<String>,
    /// `1.0` or `2.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_payload_format_version: Option<String>,
    /// How long an answer is kept, in seconds; 0 keeps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_result_ttl_in_seconds: Option<u32>,
    /// Whether it answers `{"isAuthorized": …}` rather than a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_simple_responses: Option<bool>,
    /// Members that are kept as they were given.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// Which tokens an authorizer takes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JwtConfiguration {
    /// Of these audiences one must be in the token.
    #[serde(default)]
    pub audience: Vec<String>,
    /// Who must have made it; its keys are found through its OpenID configuration.
    #[serde(default)]
    pub issuer: String,
}

/// A schema of bodies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// Its id; given where it is empty.
    #[serde(default)]
    pub model_id: String,
    /// Its name, unique in the API.
    pub name: String,
    /// JSON schema, draft 4, as text.
    #[serde(default)]
    pub schema: String,
    /// The content type that it is for.
    #[serde(default = "json_type")]
    pub content_type: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A name under which an API is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// Its name: the first segment of the path, or `$default` for none.
    pub stage_name: String,
    /// Whether it serves every edit at once.
    #[serde(default)]
    pub auto_deploy: bool,
    /// What it serves otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Values that integrations and functions are given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stage_variables: BTreeMap<String, String>,
    /// Settings of all routes.
    #[serde(default)]
    pub default_route_settings: RouteSettings,
    /// Settings of single routes, by route key.
    #[serde(default)]
    pub route_settings: BTreeMap<String, RouteSettings>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    #[serde(default = "epoch")]
    pub created: Timestamp,
    /// When it was last changed.
    #[serde(default = "epoch")]
    pub modified: Timestamp,
    /// Whether the service made it itself (quick create).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_gateway_managed: Option<bool>,
    /// Members that are kept as they were given.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// Settings of a route in a stage.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteSettings {
    /// Requests a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttling_rate_limit: Option<f64>,
    /// Requests at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttling_burst_limit: Option<u32>,
    /// Whether metrics are kept for each route.
    #[serde(default)]
    pub detailed_metrics_enabled: bool,
    /// Members that are kept as they were given.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// A definition as it was at some time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Its id; given where it is empty.
    #[serde(default)]
    pub deployment_id: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether an edit made it.
    #[serde(default)]
    pub auto_deployed: bool,
    /// When it was made.
    #[serde(default = "epoch")]
    pub created: Timestamp,
    /// What it serves.
    #[serde(default)]
    pub definition: Definition,
}

pub(super) fn epoch() -> Timestamp {
    Timestamp(0)
}

fn http_selection() -> String {
    "$request.method $request.path".to_owned()
}

fn key_selection() -> String {
    "$request.header.x-api-key".to_owned()
}

fn no_authorization() -> String {
    "NONE".to_owned()
}

fn internet() -> String {
    "INTERNET".to_owned()
}

fn json_type() -> String {
    "application/json".to_owned()
}

impl HttpApi {
    /// An API without routes. Everything else is set on the value.
    #[must_use]
    pub fn new(name: &str, protocol: Protocol) -> Self {
        Self {
            api_id: String::new(),
            name: name.to_owned(),
            protocol_type: protocol,
            description: None,
            version: None,
            route_selection_expression: http_selection(),
            api_key_selection_expression: key_selection(),
            cors_configuration: None,
            disable_execute_api_endpoint: false,
            tags: BTreeMap::new(),
            others: Map::new(),
            created: Timestamp(0),
            app: None,
            definition: Definition::default(),
            stages: Vec::new(),
            deployments: Vec::new(),
        }
    }

    /// The stage of this name.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.stage_name == name)
    }

    /// What a stage serves: the definition as it is, or its deployment's.
    #[must_use]
    pub fn served(&self, stage: &Stage) -> Option<&Definition> {
        if stage.auto_deploy {
            return Some(&self.definition);
        }
        let id = stage.deployment_id.as_ref()?;
        self.deployments.iter().find(|one| one.deployment_id == *id).map(|one| &one.definition)
    }
}

impl Definition {
    /// The route of an HTTP API that takes this method and path (as sent, without the stage).
    #[must_use]
    pub fn route(&self, method: &str, path: &str) -> Option<(&Route, Matched)> {
        let table = self.table.0.get_or_init(|| {
            Arc::new(RouteTable::new(self.routes.iter().map(|route| route.route_key.as_str())))
        });
        let matched = table.find(method, path)?;
        Some((self.routes.get(matched.index)?, matched))
    }

    /// The route of a WebSocket API with this key.
    #[must_use]
    pub fn keyed(&self, key: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.route_key == key)
    }

    /// What a route leads to.
    #[must_use]
    pub fn integration(&self, route: &Route) -> Option<&Integration> {
        let id = route.target.as_deref()?.strip_prefix("integrations/")?;
        self.integrations.iter().find(|integration| integration.integration_id == id)
    }

    /// An authorizer.
    #[must_use]
    pub fn authorizer(&self, id: &str) -> Option<&Authorizer> {
        self.authorizers.iter().find(|authorizer| authorizer.authorizer_id == id)
    }
}
