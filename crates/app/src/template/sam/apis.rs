//! `AWS::Serverless::HttpApi` and `AWS::Serverless::Api`, and the APIs that events imply.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::super::node::{Entry, Fault, Node};
use super::auth::{Auth, uri};
use super::{Output, checks, hash, reference};

/// The stage of the implicit REST API.
const STAGE: &str = "Prod";

/// A route that an event asks for.
#[derive(Debug, Clone)]
pub(super) struct Route {
    /// The API; the implicit one where absent.
    pub(super) api: Option<String>,
    pub(super) line: u32,
    pub(super) path: String,
    /// In small letters; `any` for all.
    pub(super) method: String,
    pub(super) function: Json,
    pub(super) payload: Option<Json>,
    pub(super) timeout: Option<Json>,
    pub(super) auth: Option<Json>,
    /// What a REST API checks of its requests: the model of the body, and parameters.
    pub(super) model: Option<Json>,
    pub(super) parameters: Option<Json>,
    /// Whether parameters are checked where no model is.
    pub(super) checks: bool,
}

/// All APIs of a template.
#[derive(Default)]
pub(super) struct Apis {
    http: BTreeMap<String, Entry>,
    rest: BTreeMap<String, Entry>,
    http_routes: Vec<Route>,
    rest_routes: Vec<Route>,
}

impl Apis {
    pub(super) fn declare_http(&mut self, entry: &Entry) {
        self.http.insert(entry.key.clone(), entry.clone());
    }

    pub(super) fn declare_rest(&mut self, entry: &Entry) {
        self.rest.insert(entry.key.clone(), entry.clone());
    }

    pub(super) fn http(&mut self, route: Route) {
        self.http_routes.push(route);
    }

    pub(super) fn rest(&mut self, route: Route) {
        self.rest_routes.push(route);
    }

    /// The stage of a REST API, as logical ids have it.
    pub(super) fn stage_id(&self, api: Option<&str>) -> String {
        let declared = api.and_then(|api| self.rest.get(api)).and_then(stage_of);
        declared.unwrap_or_else(|| STAGE.to_owned())
    }

    /// Makes the resources of all APIs. Globals of implicit ones are those of their type.
    pub(super) fn finish(
        mut self,
        http: Option<&Node>,
        rest: Option<&Node>,
        output: &mut Output,
    ) -> Result<(), Fault> {
        let implicit = |name: &str, line: u32, globals: Option<&Node>| {
            let properties = globals.cloned().unwrap_or_else(|| Node::map(line, []));
            Entry { key: name.to_owned(), line, value: Node::map(line, [("Properties", properties)]) }
        };
        if let Some(route) = self.http_routes.iter().find(|route| route.api.is_none()) {
            self.http.insert("ServerlessHttpApi".to_owned(), implicit("ServerlessHttpApi", route.line, http));
        }
        if let Some(route) = self.rest_routes.iter().find(|route| route.api.is_none()) {
            self.rest.insert("ServerlessRestApi".to_owned(), implicit("ServerlessRestApi", route.line, rest));
        }
        for (name, entry) in &self.http {
            let of = |route: &&Route| route.api.as_deref().unwrap_or("ServerlessHttpApi") == name;
            let routes: Vec<&Route> = self.http_routes.iter().filter(of).collect();
            http_resources(entry, &routes, output)?;
        }
        for (name, entry) in &self.rest {
            let of = |route: &&Route| route.api.as_deref().unwrap_or("ServerlessRestApi") == name;
            let routes: Vec<&Route> = self.rest_routes.iter().filter(of).collect();
            rest_resources(entry, &routes, output)?;
        }
        Ok(())
    }
}

fn stage_of(entry: &Entry) -> Option<String> {
    entry.value.get("Properties")?.get("StageName")?.scalar()
}

/// The body that a declared API has, with the routes of events added.
fn body(
    own: &Node,
    routes: &[&Route],
    auth: &Auth<'_>,
    operation: impl Fn(&Route) -> Json,
) -> Result<Json, Fault> {
    let mut body = own.get("DefinitionBody").map_or_else(|| json!({}), Node::to_json);
    if body.get("openapi").is_none() && body.get("swagger").is_none() {
        body["openapi"] = "3.0.1".into();
    }
    if body.get("info").is_none() {
        body["info"] = json!({ "version": "1.0", "title": reference("AWS::StackName") });
    }
    if body.get("paths").is_none() {
        body["paths"] = json!({});
    }
    for route in routes {
        let method = match route.method.as_str() {
            "any" | "*" => "x-amazon-apigateway-any-method",
            method => method,
        };
        let path = if route.path.starts_with('/') || route.path == "$default" {
            route.path.clone()
        } else {
            format!("/{}", route.path)
        };
        let mut operation = operation(route);
        auth.secure(&mut operation, route.auth.as_ref())?;
        body["paths"][path.as_str()][method] = operation;
    }
    Ok(body)
}

fn http_resources(entry: &Entry, routes: &[&Route], output: &mut Output) -> Result<(), Fault> {
    let nothing = Node::map(entry.line, []);
    let own = entry.value.get("Properties").unwrap_or(&nothing);
    let operation = |route: &Route| {
        let mut integration = json!({
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": uri(&route.function),
            "payloadFormatVersion": route.payload.clone().unwrap_or_else(|| "2.0".into()),
        });
        if let Some(timeout) = &route.timeout {
            integration["timeoutInMillis"] = timeout.clone();
        }
        let mut operation = json!({ "responses": {}, "x-amazon-apigateway-integration": integration });
        if route.path == "$default" {
            operation["isDefaultRoute"] = true.into();
        }
        operation
    };
    let auth = Auth::of(entry, false);
    let mut body = body(own, routes, &auth, operation)?;
    auth.declare(&mut body, output)?;
    let mut properties = Map::from_iter([("Body".to_owned(), body)]);
    for (from, to) in [
        ("Name", "Name"),
        ("Description", "Description"),
        ("DisableExecuteApiEndpoint", "DisableExecuteApiEndpoint"),
        ("Tags", "Tags"),
    ] {
        properties.extend(own.get(from).map(|node| (to.to_owned(), node.to_json())));
    }
    if let Some(cors) = own.get("CorsConfiguration") {
        let open = json!({ "AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"] });
        let cors = if cors.scalar().as_deref() == Some("true") { open } else { cors.to_json() };
        properties.insert("CorsConfiguration".to_owned(), cors);
    }
    output.add(&entry.key, entry.line, json!({ "Type": "AWS::ApiGatewayV2::Api", "Properties": properties }));
    let name = stage_of(entry);
    let logical = match &name {
        None => format!("{}ApiGatewayDefaultStage", entry.key),
        Some(name) => format!("{}{name}Stage", entry.key),
    };
    let mut stage = json!({
        "ApiId": reference(&entry.key),
        "StageName": name.unwrap_or_else(|| "$default".to_owned()),
        "AutoDeploy": true,
    });
    for property in ["StageVariables", "AccessLogSettings", "DefaultRouteSettings", "RouteSettings"] {
        if let Some(node) = own.get(property) {
            stage[property] = node.to_json();
        }
    }
    output.add(&logical, entry.line, json!({ "Type": "AWS::ApiGatewayV2::Stage", "Properties": stage }));
    output.generated(&entry.key, "Stage", &logical);
    Ok(())
}

fn rest_resources(entry: &Entry, routes: &[&Route], output: &mut Output) -> Result<(), Fault> {
    let nothing = Node::map(entry.line, []);
    let own = entry.value.get("Properties").unwrap_or(&nothing);
    let operation = |route: &Route| {
        let integration = json!({ "type": "aws_proxy", "httpMethod": "POST", "uri": uri(&route.function) });
        let mut operation = json!({ "responses": {}, "x-amazon-apigateway-integration": integration });
        checks::secure(&mut operation, route);
        operation
    };
    let auth = Auth::of(entry, true);
    let mut body = body(own, routes, &auth, operation)?;
    auth.declare(&mut body, output)?;
    checks::declare(&mut body, own, routes);
    let stage = stage_of(entry).unwrap_or_else(|| STAGE.to_owned());
    let deployment = format!("{}Deployment{}", entry.key, hash(&body.to_string()));
    let mut properties = Map::from_iter([("Body".to_owned(), body)]);
    for name in
        ["Name", "Description", "BinaryMediaTypes", "MinimumCompressionSize", "DisableExecuteApiEndpoint"]
    {
        properties.extend(own.get(name).map(|node| (name.to_owned(), node.to_json())));
    }
    if let Some(cors) = own.get("Cors") {
        properties.insert("EbbCors".to_owned(), cors.to_json());
    }
    output.add(
        &entry.key,
        entry.line,
        json!({ "Type": "AWS::ApiGateway::RestApi", "Properties": properties }),
    );
    output.add(
        &deployment,
        entry.line,
        json!({ "Type": "AWS::ApiGateway::Deployment", "Properties": { "RestApiId": reference(&entry.key) } }),
    );
    let mut staged = json!({
        "RestApiId": reference(&entry.key), "DeploymentId": reference(&deployment), "StageName": &stage,
    });
    for (from, to) in [("Variables", "Variables"), ("MethodSettings", "MethodSettings")] {
        if let Some(node) = own.get(from) {
            staged[to] = node.to_json();
        }
    }
    let logical = format!("{}{stage}Stage", entry.key);
    output.add(&logical, entry.line, json!({ "Type": "AWS::ApiGateway::Stage", "Properties": staged }));
    output.generated(&entry.key, "Stage", &logical);
    output.generated(&entry.key, "Deployment", &deployment);
    auth.plan(&stage, &logical, output)
}
