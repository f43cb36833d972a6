//! REST APIs as documents: a tree of resources with methods, each with an integration.
//!
//! Kept in the store: fields may be added with a default, never changed.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::document::{AppPlace, Model, epoch};
use super::matching::RouteTable;

/// A REST API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestApi {
    /// Its id; given by the service where it is empty.
    #[serde(default)]
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Content types of bodies that are bytes rather than text; `*/*` for all.
    #[serde(default)]
    pub binary_media_types: Vec<String>,
    /// `HEADER` or `AUTHORIZER`.
    #[serde(default = "header")]
    pub api_key_source: String,
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
    /// Resources and what is behind them, as they are edited.
    #[serde(default)]
    pub definition: RestDefinition,
    /// Under which names it is served.
    #[serde(default)]
    pub stages: Vec<RestStage>,
    /// What stages serve.
    #[serde(default)]
    pub deployments: Vec<RestDeployment>,
}

/// Resources and what is behind them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RestDefinition {
    /// Resources, the root among them.
    #[serde(default)]
    pub resources: Vec<Resource>,
    /// Who decides whether a request may pass.
    #[serde(default)]
    pub authorizers: Vec<RestAuthorizer>,
    /// Schemas of bodies.
    #[serde(default)]
    pub models: Vec<Model>,
    /// What is checked of requests.
    #[serde(default)]
    pub validators: Vec<RequestValidator>,
    /// Answers in place of those that the API makes itself, by type, as in `DEFAULT_4XX`.
    #[serde(default)]
    pub gateway_responses: BTreeMap<String, GatewayResponse>,
    #[serde(skip)]
    table: Compiled,
}

/// The route table of a definition with, for each of its rows, the resource and the method. No part of what the
/// definition is.
#[derive(Debug, Default)]
struct Compiled(OnceLock<Arc<Rows>>);

#[derive(Debug)]
struct Rows {
    table: RouteTable,
    rows: Vec<(usize, String)>,
}

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

/// A resource: one path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its id.
    pub id: String,
    /// The resource above it; none for the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The last segment of its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_part: Option<String>,
    /// Its whole path.
    pub path: String,
    /// Its methods, by name; `ANY` for all others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_methods: BTreeMap<String, Method>,
}

/// A method of a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Method {
    /// Its name.
    #[serde(default)]
    pub http_method: String,
    /// `NONE`, `AWS_IAM`, `CUSTOM` or `COGNITO_USER_POOLS`.
    #[serde(default = "no_authorization")]
    pub authorization_type: String,
    /// Who decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_id: Option<String>,
    /// Whether a key is needed.
    #[serde(default)]
    pub api_key_required: bool,
    /// Scopes of which a token must have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_scopes: Option<Vec<String>>,
    /// Parameters, as in `method.request.querystring.name`, and whether they must be there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_parameters: BTreeMap<String, bool>,
    /// The models of bodies, by content type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_models: BTreeMap<String, String>,
    /// What is checked of its requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_validator_id: Option<String>,
    /// What is behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method_integration: Option<RestIntegration>,
    /// Declared answers, by status, as they were given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub method_responses: BTreeMap<String, Value>,
    /// Members that are kept as they were given.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// What is behind a method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestIntegration {
    /// `AWS_PROXY`, `AWS`, `HTTP_PROXY`, `HTTP` or `MOCK`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The method of the request that is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    /// As in `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`, or a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// A role that stands for the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// Where the parameters of the request that is made come from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_parameters: BTreeMap<String, String>,
    /// Templates of the request's body, by content type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_templates: BTreeMap<String, String>,
    /// What happens to bodies that have no template.
    #[serde(default = "when_no_match")]
    pub passthrough_behavior: String,
    /// How long it may take, in milliseconds.
    #[serde(default = "rest_timeout")]
    pub timeout_in_millis: u32,
    /// Answers, by status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub integration_responses: BTreeMap<String, RestIntegrationResponse>,
    /// Members that are kept as they were given.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// An answer of an integration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestIntegrationResponse {
    /// The status that is sent.
    #[serde(default)]
    pub status_code: String,
    /// Which answers it is for; the default one has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection_pattern: Option<String>,
    /// Where the headers of the answer come from, by `method.response.header.NAME`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_parameters: BTreeMap<String, String>,
    /// Templates of the body, by content type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_templates: BTreeMap<String, Option<String>>,
    /// Members that are kept as they were given.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// Who decides whether a request may pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestAuthorizer {
    /// Its id; given where it is empty.
    #[serde(default)]
    pub id: String,
    /// For people.
    pub name: String,
    /// `TOKEN`, `REQUEST` or `COGNITO_USER_POOLS`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The function that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_uri: Option<String>,
    /// What it looks at, as in `method.request.header.Authorization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_source: Option<String>,
    /// What a token must look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_validation_expression: Option<String>,
    /// How long an answer is kept, in seconds; 0 keeps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_result_ttl_in_seconds: Option<u32>,
    /// Members that are kept as they were given.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// What is checked of requests before they go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestValidator {
    /// Its id; given where it is empty.
    #[serde(default)]
    pub id: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Whether bodies must be what the method's models say.
    #[serde(default)]
    pub validate_request_body: bool,
    /// Whether the parameters that the method needs must be there.
    #[serde(default)]
    pub validate_request_parameters: bool,
}

/// An answer in place of one that the API makes itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayResponse {
    /// The status, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<String>,
    /// Where headers come from, by `gatewayresponse.header.NAME`.
    #[serde(default)]
    pub response_parameters: BTreeMap<String, String>,
    /// Templates of the body, by content type.
    #[serde(default)]
    pub response_templates: BTreeMap<String, String>,
}

/// A name under which a REST API is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestStage {
    /// Its name: the first segment of the path.
    pub stage_name: String,
    /// What it serves.
    pub deployment_id: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Values that integrations and functions are given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Settings of methods, by `path/METHOD` or `*/*`.
    #[serde(default)]
    pub method_settings: BTreeMap<String, Value>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    #[serde(default = "epoch")]
    pub created: Timestamp,
    /// When it was last changed.
    #[serde(default = "epoch")]
    pub modified: Timestamp,
    /// Members that are kept as they were given.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// A definition as it was at some time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestDeployment {
    /// Its id; given where it is empty.
    #[serde(default)]
    pub id: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was made.
    #[serde(default = "epoch")]
    pub created: Timestamp,
    /// What it serves.
    #[serde(default)]
    pub definition: RestDefinition,
}

/// The method that takes a request.
#[derive(Debug, Clone)]
pub struct RestMatch<'a> {
    /// Its resource.
    pub resource: &'a Resource,
    /// The method.
    pub method: &'a Method,
    /// The path's parameters, decoded.
    pub parameters: Vec<(String, String)>,
}

fn header() -> String {
    "HEADER".to_owned()
}

fn no_authorization() -> String {
    "NONE".to_owned()
}

fn when_no_match() -> String {
    "WHEN_NO_MATCH".to_owned()
}

fn rest_timeout() -> u32 {
    29_000
}

impl RestApi {
    /// An API with a root and no methods. Everything else is set on the value.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let root = Resource {
            id: super::fresh_id(10),
            parent_id: None,
            path_part: None,
            path: "/".to_owned(),
            resource_methods: BTreeMap::new(),
        };
        Self {
            id: String::new(),
            name: name.to_owned(),
            description: None,
            version: None,
            binary_media_types: Vec::new(),
            api_key_source: header(),
            disable_execute_api_endpoint: false,
            tags: BTreeMap::new(),
            others: Map::new(),
            created: Timestamp(0),
            app: None,
            definition: RestDefinition { resources: vec![root], ..RestDefinition::default() },
            stages: Vec::new(),
            deployments: Vec::new(),
        }
    }

    /// The stage of this name.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<&RestStage> {
        self.stages.iter().find(|stage| stage.stage_name == name)
    }

    /// What a stage serves.
    #[must_use]
    pub fn served(&self, stage: &RestStage) -> Option<&RestDefinition> {
        self.deployments.iter().find(|one| one.id == stage.deployment_id).map(|one| &one.definition)
    }
}

impl RestDefinition {
    /// The method that takes this method and path (as sent, without the stage). A slash at the end makes no
    /// difference.
    #[must_use]
    pub fn route(&self, method: &str, path: &str) -> Option<RestMatch<'_>> {
        let rows = self.table.0.get_or_init(|| Arc::new(self.rows()));
        let path = path.strip_suffix('/').unwrap_or(path);
        let matched = rows.table.find(method, path)?;
        let (resource, name) = rows.rows.get(matched.index)?;
        let resource = self.resources.get(*resource)?;
        let method = resource.resource_methods.get(name)?;
        Some(RestMatch { resource, method, parameters: matched.parameters })
    }

    fn rows(&self) -> Rows {
        let mut rows = Vec::new();
        let mut keys = Vec::new();
        for (index, resource) in self.resources.iter().enumerate() {
            for name in resource.resource_methods.keys() {
                keys.push(format!("{name} {}", resource.path));
                rows.push((index, name.clone()));
            }
        }
        Rows { table: RouteTable::new(keys.iter().map(String::as_str)), rows }
    }

    /// The resource with this id.
    #[must_use]
    pub fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    /// The resource with this path, which is made with all that are missing above it.
    ///
    /// # Panics
    /// Never: the root is made where it is missing.
    pub fn resource_at(&mut self, path: &str) -> &mut Resource {
        let mut at = self.child(None, "");
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = self.child(Some(at), part);
        }
        self.resources.get_mut(at).expect("the index is of one that was found or made")
    }

    fn child(&mut self, parent: Option<usize>, part: &str) -> usize {
        let (parent_id, path) = match parent.and_then(|at| self.resources.get(at)) {
            Some(parent) => {
                (Some(parent.id.clone()), format!("{}/{part}", parent.path.trim_end_matches('/')))
            }
            None => (None, "/".to_owned()),
        };
        if let Some(found) = self.resources.iter().position(|resource| resource.path == path) {
            return found;
        }
        self.resources.push(Resource {
            id: super::fresh_id(if parent_id.is_some() { 6 } else { 10 }),
            path_part: parent_id.is_some().then(|| part.to_owned()),
            parent_id,
            path,
            resource_methods: BTreeMap::new(),
        });
        self.resources.len() - 1
    }

    /// What is checked of the requests of a method.
    #[must_use]
    pub fn validator(&self, method: &Method) -> Option<&RequestValidator> {
        let id = method.request_validator_id.as_ref()?;
        self.validators.iter().find(|validator| validator.id == *id)
    }

    /// The model of this name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// An authorizer.
    #[must_use]
    pub fn authorizer(&self, id: &str) -> Option<&RestAuthorizer> {
        self.authorizers.iter().find(|authorizer| authorizer.id == id)
    }
}
