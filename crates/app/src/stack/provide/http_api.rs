//! HTTP and REST APIs that come as one OpenAPI document, their stages and deployments.
//!
//! Source: API Gateway developer guide, "OpenAPI extensions for API Gateway" (2026-11).

use ebb_sources::http_api::{
    AppPlace, Definition, HttpApi, HttpApiError, Integration, Method, Protocol, RestApi, RestDefinition,
    RestDeployment, RestIntegration, RestStage, Route, Stage, fresh_id,
};
use serde_json::{Map, Value as Json, json};

use super::super::Inner;
use super::super::record::MadeResource;
use super::{Made, Message, Properties, Wanted, said};

const INTEGRATION: &str = "x-amazon-apigateway-integration";
const ANY: &str = "x-amazon-apigateway-any-method";
const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch", "trace", ANY];

fn gone<T>(result: Result<T, HttpApiError>) -> Result<(), Message> {
    match result {
        Ok(_) | Err(HttpApiError::NotFound(_)) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

/// HTTP APIs of an app are asked before its REST APIs, which have no default route.
fn place(wanted: &Wanted<'_>, order: u32) -> Option<AppPlace> {
    wanted.app.map(|app| AppPlace { app: app.to_owned(), order })
}

/// The operations of an OpenAPI document: path, method in capitals (`ANY` for all), operation.
fn operations(body: &Json) -> Vec<(String, String, &Json)> {
    let paths = body.get("paths").and_then(Json::as_object).into_iter().flatten();
    let of_path = |(path, methods): (&String, &'_ Json)| {
        let known = METHODS.iter().filter_map(|name| Some((*name, methods.get(name)?)));
        known.map(|(name, _)| (path.clone(), name)).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for (path, methods) in paths {
        for (path, name) in of_path((path, methods)) {
            let method = if name == ANY { "ANY".to_owned() } else { name.to_ascii_uppercase() };
            found.push((path, method, &methods[name]));
        }
    }
    found
}

fn http_document(wanted: &Wanted<'_>) -> Result<HttpApi, Message> {
    let own = wanted.properties();
    let body = own.get("Body").cloned().unwrap_or_else(|| json!({}));
    let title = body["info"]["title"].as_str().map(str::to_owned);
    let name = own.text("Name").or(title).unwrap_or_else(|| wanted.logical.to_owned());
    let protocol = match own.text("ProtocolType").as_deref() {
        None | Some("HTTP") => Protocol::Http,
        Some("WEBSOCKET") => Protocol::WebSocket,
        Some(other) => return Err(format!("ProtocolType must be HTTP or WEBSOCKET, not {other}")),
    };
    let mut api = HttpApi::new(&name, protocol);
    if let Some(expression) = own.text("RouteSelectionExpression") {
        api.route_selection_expression = expression;
    }
    api.description = own.text("Description");
    api.disable_execute_api_endpoint = own.boolean("DisableExecuteApiEndpoint")?.unwrap_or(false);
    api.tags = own.map("Tags");
    api.app = place(wanted, 0);
    if let Some(cors) = own.get("CorsConfiguration") {
        api.cors_configuration = Some(serde_json::from_value(camel(cors)).map_err(said)?);
    }
    api.definition = http_definition(&body)?;
    Ok(api)
}

fn http_definition(body: &Json) -> Result<Definition, Message> {
    let mut definition = Definition::default();
    for (path, method, operation) in operations(body) {
        let default = path == "$default" || path == "/$default";
        let key = if default { "$default".to_owned() } else { format!("{method} {path}") };
        if let Some(auth) = operation.get("x-ebb-auth").or_else(|| operation.get("security")) {
            return Err(format!("authorisation of the route {key} is not built yet for templates: {auth}"));
        }
        let id = fresh_id(7);
        let given = operation.get(INTEGRATION).cloned().unwrap_or_else(|| json!({}));
        let given = Properties::of(&given);
        let integration = Integration {
            integration_type: given.text("type").unwrap_or_else(|| "aws_proxy".to_owned()).to_ascii_uppercase(),
            ..serde_json::from_value(json!({ "integrationId": id, "integrationType": "", "integrationUri": given.text("uri"),
                "integrationMethod": given.text("httpMethod"), "payloadFormatVersion": given.text("payloadFormatVersion"),
                "timeoutInMillis": given.small("timeoutInMillis")? })).map_err(said)?
        };
        definition.integrations.push(integration);
        let route: Route =
            serde_json::from_value(json!({ "routeKey": key, "target": format!("integrations/{id}") }))
                .map_err(said)?;
        definition.routes.push(route);
    }
    Ok(definition)
}

/// Members as the API has them: their first letter small.
fn camel(value: &Json) -> Json {
    match value {
        Json::Object(map) => map
            .iter()
            .map(|(name, value)| {
                let mut letters = name.chars();
                let first = letters.next().map(|c| c.to_ascii_lowercase());
                (first.into_iter().chain(letters).collect::<String>(), camel(value))
            })
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

pub(super) async fn create_http(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let api = inner.services.http_apis.create(http_document(wanted)?).await.map_err(said)?;
    Ok(api_made(inner, &api.api_id))
}

pub(super) async fn update_http(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let wanted = http_document(wanted)?;
    let edited = inner.services.http_apis.edit(&before.physical, |api| {
        // Stages are resources of their own.
        *api = HttpApi {
            api_id: api.api_id.clone(),
            created: api.created,
            stages: api.stages.clone(),
            deployments: api.deployments.clone(),
            ..wanted.clone()
        };
        Ok(())
    });
    edited.await.map_err(said)?;
    Ok(api_made(inner, &before.physical))
}

fn api_made(inner: &Inner, id: &str) -> Made {
    let region = inner.services.catalog.region();
    let port = if inner.port == 80 { String::new() } else { format!(":{}", inner.port) };
    let endpoint = format!("http://{id}.execute-api.{region}.{}{port}", inner.domain);
    Made::new(id, [("ApiId", id.to_owned()), ("ApiEndpoint", endpoint)])
}

pub(super) async fn delete_api(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    gone(inner.services.http_apis.delete(&made.physical).await)
}

pub(super) async fn put_stage(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (id, name) = (own.required("ApiId")?, own.required("StageName")?);
    let mut given = json!({
        "stageName": name,
        "autoDeploy": own.boolean("AutoDeploy")?.unwrap_or(false),
        "deploymentId": own.text("DeploymentId"),
        "description": own.text("Description"),
        "stageVariables": own.map("StageVariables"),
    });
    if let Some(settings) = own.get("DefaultRouteSettings") {
        given["defaultRouteSettings"] = camel(settings);
    }
    let stage: Stage = serde_json::from_value(given).map_err(said)?;
    let edited = inner.services.http_apis.edit(&id, |api| {
        api.stages.retain(|stage| stage.stage_name != name);
        api.stages.push(stage.clone());
        Ok(())
    });
    edited.await.map_err(said)?;
    Ok(Made::new(name, []))
}

pub(super) async fn delete_stage(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let api = Properties::of(&made.properties).text("ApiId").unwrap_or_default();
    let edited = inner.services.http_apis.edit(&api, |api| {
        api.stages.retain(|stage| stage.stage_name != made.physical);
        Ok(())
    });
    gone(edited.await)
}

fn rest_document(wanted: &Wanted<'_>) -> Result<RestApi, Message> {
    let own = wanted.properties();
    let body = own.get("Body").cloned().unwrap_or_else(|| json!({}));
    let title = body["info"]["title"].as_str().map(str::to_owned);
    let mut api = RestApi::new(&own.text("Name").or(title).unwrap_or_else(|| wanted.logical.to_owned()));
    api.description = own.text("Description");
    api.binary_media_types = own.texts("BinaryMediaTypes").unwrap_or_default();
    api.disable_execute_api_endpoint = own.boolean("DisableExecuteApiEndpoint")?.unwrap_or(false);
    api.tags = own.tags();
    api.app = place(wanted, 1);
    for (path, method, operation) in operations(&body) {
        if let Some(auth) = operation.get("x-ebb-auth").or_else(|| operation.get("security")) {
            return Err(format!("authorisation of {method} {path} is not built yet for templates: {auth}"));
        }
        let mut integration =
            operation.get(INTEGRATION).cloned().unwrap_or_else(|| json!({ "type": "MOCK" }));
        if let Some(kind) = integration["type"].as_str().map(str::to_ascii_uppercase) {
            integration["type"] = kind.into();
        }
        if let Some(responses) = integration.as_object_mut().and_then(|map| map.remove("responses")) {
            integration["integrationResponses"] = responses_of(&responses);
        }
        let integration: RestIntegration = serde_json::from_value(integration).map_err(said)?;
        let responses = operation.get("responses").and_then(Json::as_object).into_iter().flatten();
        let responses: Map<String, Json> =
            responses.map(|(code, _)| (code.clone(), json!({ "statusCode": code }))).collect();
        let method_: Method =
            serde_json::from_value(json!({ "httpMethod": method, "methodResponses": responses }))
                .map_err(said)?;
        let resource = api.definition.resource_at(&path);
        let placed = Method { method_integration: Some(integration), ..method_ };
        resource.resource_methods.insert(method, placed);
    }
    add_cors(&mut api.definition, own.get("EbbCors"))?;
    Ok(api)
}

/// The responses of an integration, by status: OpenAPI has them by selection pattern.
fn responses_of(responses: &Json) -> Json {
    let given = responses.as_object().into_iter().flatten();
    given
        .map(|(pattern, response)| {
            let code = response["statusCode"].as_str().unwrap_or("200").to_owned();
            let mut own = response.clone();
            if pattern != "default" {
                own["selectionPattern"] = pattern.as_str().into();
            }
            (code, own)
        })
        .collect::<Map<_, _>>()
        .into()
}

/// The `OPTIONS` method that a serverless API with `Cors` has on every path.
fn add_cors(definition: &mut RestDefinition, cors: Option<&Json>) -> Result<(), Message> {
    let Some(cors) = cors else { return Ok(()) };
    let quoted = |text: &str| if text.starts_with('\'') { text.to_owned() } else { format!("'{text}'") };
    let (origin, headers, methods) = match cors {
        Json::String(origin) => (quoted(origin), None, None),
        other => {
            let own = Properties::of(other);
            let origin = own.text("AllowOrigin").unwrap_or_else(|| "'*'".to_owned());
            (origin, own.text("AllowHeaders"), own.text("AllowMethods"))
        }
    };
    for resource in &mut definition.resources {
        if resource.resource_methods.is_empty() || resource.resource_methods.contains_key("OPTIONS") {
            continue;
        }
        let listed: Vec<&str> = match resource.resource_methods.contains_key("ANY") {
            true => vec!["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
            false => resource.resource_methods.keys().map(String::as_str).chain(["OPTIONS"]).collect(),
        };
        let mut parameters = json!({
            "method.response.header.Access-Control-Allow-Origin": origin,
            "method.response.header.Access-Control-Allow-Methods":
                methods.clone().unwrap_or_else(|| format!("'{}'", listed.join(","))),
        });
        if let Some(headers) = &headers {
            parameters["method.response.header.Access-Control-Allow-Headers"] = headers.as_str().into();
        }
        let method = json!({
            "httpMethod": "OPTIONS",
            "methodResponses": { "200": { "statusCode": "200" } },
            "methodIntegration": {
                "type": "MOCK",
                "requestTemplates": { "application/json": "{\n  \"statusCode\" : 200\n}\n" },
                "integrationResponses": {
                    "200": {
                        "statusCode": "200",
                        "responseParameters": parameters,
                        "responseTemplates": { "application/json": "{}\n" },
                    },
                },
            },
        });
        resource.resource_methods.insert("OPTIONS".to_owned(), serde_json::from_value(method).map_err(said)?);
    }
    Ok(())
}

pub(super) async fn create_rest(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let api = inner.services.http_apis.create_rest(rest_document(wanted)?).await.map_err(said)?;
    Ok(rest_made(&api))
}

pub(super) async fn update_rest(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let wanted = rest_document(wanted)?;
    let edited = inner.services.http_apis.edit_rest(&before.physical, |api| {
        *api = RestApi {
            id: api.id.clone(),
            created: api.created,
            stages: api.stages.clone(),
            deployments: api.deployments.clone(),
            ..wanted.clone()
        };
        Ok(())
    });
    edited.await.map(|api| rest_made(&api)).map_err(said)
}

fn rest_made(api: &RestApi) -> Made {
    let root = api.definition.resources.iter().find(|resource| resource.path == "/");
    let root = root.map(|resource| resource.id.clone()).unwrap_or_default();
    Made::new(api.id.clone(), [("RootResourceId", root), ("RestApiId", api.id.clone())])
}

pub(super) async fn create_deployment(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let api = own.required("RestApiId")?;
    let id = fresh_id(6);
    let (description, now) = (own.text("Description"), inner.clock.now());
    let stage = own.text("StageName");
    let edited = inner.services.http_apis.edit_rest(&api, |api| {
        let definition = api.definition.clone();
        let deployment =
            RestDeployment { id: id.clone(), description: description.clone(), created: now, definition };
        api.deployments.push(deployment);
        if let Some(name) = &stage {
            api.stages.retain(|stage| stage.stage_name != *name);
            let stage = json!({ "stageName": name, "deploymentId": id });
            api.stages.push(serde_json::from_value(stage).map_err(|e| HttpApiError::Invalid(e.to_string()))?);
        }
        Ok(())
    });
    edited.await.map_err(said)?;
    Ok(Made::new(id.clone(), [("DeploymentId", id.clone())]))
}

pub(super) async fn delete_deployment(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let api = Properties::of(&made.properties).text("RestApiId").unwrap_or_default();
    let edited = inner.services.http_apis.edit_rest(&api, |api| {
        let used = api.stages.iter().any(|stage| stage.deployment_id == made.physical);
        if !used {
            api.deployments.retain(|deployment| deployment.id != made.physical);
        }
        Ok(())
    });
    gone(edited.await)
}

pub(super) async fn put_rest_stage(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (api, name) = (own.required("RestApiId")?, own.required("StageName")?);
    let stage: RestStage = serde_json::from_value(json!({
        "stageName": name,
        "deploymentId": own.required("DeploymentId")?,
        "description": own.text("Description"),
        "variables": own.map("Variables"),
    }))
    .map_err(said)?;
    let edited = inner.services.http_apis.edit_rest(&api, |api| {
        api.stages.retain(|stage| stage.stage_name != name);
        api.stages.push(stage.clone());
        Ok(())
    });
    edited.await.map_err(said)?;
    Ok(Made::new(name, []))
}

pub(super) async fn delete_rest_stage(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let api = Properties::of(&made.properties).text("RestApiId").unwrap_or_default();
    let edited = inner.services.http_apis.edit_rest(&api, |api| {
        api.stages.retain(|stage| stage.stage_name != made.physical);
        Ok(())
    });
    gone(edited.await)
}
