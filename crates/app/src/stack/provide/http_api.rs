//! HTTP and REST APIs that come as one OpenAPI document, their stages and deployments.
//!
//! Source: API Gateway developer guide, "OpenAPI extensions for API Gateway" (2026-11).

use ebb_sources::http_api::{
    AppPlace, DEFAULT_STAGE, HttpApi, HttpApiError, Integration, Protocol, RestApi, RestDefinition,
    RestDeployment, RestStage, Route, Stage, fresh_id, http_api, rest_api,
};
use serde_json::{Map, Value as Json, json};

use super::super::Inner;
use super::super::record::MadeResource;
use super::{Made, Message, Properties, Wanted, said};

pub(super) fn gone<T>(result: Result<T, HttpApiError>) -> Result<(), Message> {
    match result {
        Ok(_) | Err(HttpApiError::NotFound(_)) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

/// HTTP APIs of an app are asked before its REST APIs, which have no default route.
fn place(wanted: &Wanted<'_>, order: u32) -> Option<AppPlace> {
    wanted.owner.app.clone().map(|app| AppPlace { app, order })
}

fn http_document(wanted: &Wanted<'_>) -> Result<HttpApi, Message> {
    let own = wanted.properties();
    let protocol = match own.text("ProtocolType").as_deref() {
        None | Some("HTTP") => Protocol::Http,
        Some("WEBSOCKET") => Protocol::WebSocket,
        Some(other) => return Err(format!("ProtocolType must be HTTP or WEBSOCKET, not {other}")),
    };
    let mut api = match own.get("Body") {
        Some(body) => http_api(body).map_err(said)?,
        None => HttpApi::new("", protocol),
    };
    if let Some(name) = own.text("Name") {
        api.name = name;
    } else if api.name.is_empty() {
        wanted.logical.clone_into(&mut api.name);
    }
    if let Some(expression) = own.text("RouteSelectionExpression") {
        api.route_selection_expression = expression;
    }
    if let Some(description) = own.text("Description") {
        api.description = Some(description);
    }
    if let Some(version) = own.text("Version") {
        api.version = Some(version);
    }
    api.disable_execute_api_endpoint = own.boolean("DisableExecuteApiEndpoint")?.unwrap_or(false);
    api.tags.extend(own.map("Tags"));
    api.app = place(wanted, 0);
    if let Some(cors) = own.get("CorsConfiguration") {
        api.cors_configuration = Some(serde_json::from_value(camel(cors)).map_err(said)?);
    }
    if let Some(target) = own.text("Target") {
        quick_create(&mut api, &target, own.text("RouteKey"));
    }
    Ok(api)
}

/// A route and an integration made with the API, and a stage that serves them.
fn quick_create(api: &mut HttpApi, target: &str, key: Option<String>) {
    let id = fresh_id(7);
    let function = target.starts_with("arn:");
    let given = json!({
        "integrationId": id,
        "integrationType": if function { "AWS_PROXY" } else { "HTTP_PROXY" },
        "integrationMethod": if function { Json::Null } else { "ANY".into() },
        "integrationUri": target,
        "payloadFormatVersion": if function { "2.0" } else { "1.0" },
    });
    let route = json!({ "routeKey": key.unwrap_or_else(|| "$default".to_owned()), "target": format!("integrations/{id}") });
    let stage = json!({ "stageName": DEFAULT_STAGE, "autoDeploy": true });
    api.definition.integrations.extend(serde_json::from_value::<Integration>(given).ok());
    api.definition.routes.extend(serde_json::from_value::<Route>(route).ok());
    api.stages.extend(serde_json::from_value::<Stage>(stage).ok());
}

/// A name with its first letter small.
pub(super) fn camel_name(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// Members as the API has them: their first letter small.
pub(super) fn camel(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            map.iter().map(|(name, value)| (camel_name(name), camel(value))).collect::<Map<_, _>>().into()
        }
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
    let whole = wanted.properties().get("Body").is_some();
    let wanted = http_document(wanted)?;
    let edited = inner.services.http_apis.edit(&before.physical, |api| {
        // Stages are resources of their own, and so is all else where there is no document.
        *api = HttpApi {
            api_id: api.api_id.clone(),
            created: api.created,
            stages: api.stages.clone(),
            deployments: api.deployments.clone(),
            definition: if whole { wanted.definition.clone() } else { api.definition.clone() },
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
        given["defaultRouteSettings"] = numbers(camel(settings));
    }
    if let Some(Json::Object(all)) = own.get("RouteSettings") {
        let of_route = |(key, settings): (&String, &Json)| (key.clone(), numbers(camel(settings)));
        given["routeSettings"] = all.iter().map(of_route).collect::<Map<_, _>>().into();
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
    let mut api = match own.get("Body") {
        Some(body) => rest_api(body).map_err(said)?,
        None => RestApi::new(""),
    };
    if let Some(name) = own.text("Name") {
        api.name = name;
    } else if api.name.is_empty() {
        wanted.logical.clone_into(&mut api.name);
    }
    if let Some(description) = own.text("Description") {
        api.description = Some(description);
    }
    if let Some(types) = own.texts("BinaryMediaTypes") {
        // As serverless templates write them, where a slash would be a pointer.
        api.binary_media_types = types.iter().map(|kind| kind.replace("~1", "/")).collect();
    }
    if let Some(source) = own.text("ApiKeySourceType") {
        api.api_key_source = source;
    }
    for name in ["EndpointConfiguration", "MinimumCompressionSize", "Policy"] {
        let kept = own.get(name).map(|value| (camel_name(name), camel(value)));
        api.others.extend(kept);
    }
    api.disable_execute_api_endpoint = own.boolean("DisableExecuteApiEndpoint")?.unwrap_or(false);
    api.tags = own.tags();
    api.app = place(wanted, 1);
    super::rest_cors::add(&mut api.definition, own.get("EbbCors"))?;
    Ok(api)
}

/// Settings whose numbers may be written as texts.
fn numbers(mut settings: Json) -> Json {
    for (_, value) in settings.as_object_mut().into_iter().flatten() {
        let number = value.as_str().and_then(|text| text.parse::<f64>().ok());
        if let Some(number) = number {
            *value = if number.fract() == 0.0 { json!(number.round() as i64) } else { json!(number) };
        }
    }
    settings
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
    let whole = wanted.properties().get("Body").is_some();
    let wanted = rest_document(wanted)?;
    let edited = inner.services.http_apis.edit_rest(&before.physical, |api| {
        let mut definition = if whole { wanted.definition.clone() } else { api.definition.clone() };
        keep_ids(&api.definition, &mut definition);
        *api = RestApi {
            id: api.id.clone(),
            created: api.created,
            stages: api.stages.clone(),
            deployments: api.deployments.clone(),
            definition,
            ..wanted.clone()
        };
        Ok(())
    });
    edited.await.map(|api| rest_made(&api)).map_err(said)
}

/// Resources of the same paths keep their ids: others refer to them.
fn keep_ids(before: &RestDefinition, after: &mut RestDefinition) {
    let renamed: Vec<(String, String)> = after
        .resources
        .iter()
        .filter_map(|own| {
            let old = before.resources.iter().find(|old| old.path == own.path)?;
            Some((own.id.clone(), old.id.clone()))
        })
        .collect();
    let new =
        |id: &String| renamed.iter().find(|(from, _)| from == id).map_or(id.clone(), |(_, to)| to.clone());
    for resource in &mut after.resources {
        resource.id = new(&resource.id);
        resource.parent_id = resource.parent_id.as_ref().map(new);
    }
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
        "methodSettings": method_settings(&own),
        "tags": own.tags(),
        "tracingEnabled": own.boolean("TracingEnabled")?.unwrap_or(false),
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

/// The settings of methods, under the names that the API has for them: `RESOURCE/METHOD`, with `~1` for slashes.
fn method_settings(own: &Properties<'_>) -> Json {
    let setting = |given: &Json| {
        let mut settings = numbers(camel(given));
        let members = settings.as_object_mut()?;
        let path = members.remove("resourcePath")?.as_str()?.to_owned();
        let method = members.remove("httpMethod")?.as_str()?.to_owned();
        let path = if path == "/*" { "*".to_owned() } else { path.replace("~1", "/").replace('/', "~1") };
        Some((format!("{path}/{method}"), settings))
    };
    own.list("MethodSettings").iter().filter_map(setting).collect::<Map<_, _>>().into()
}

pub(super) async fn delete_rest_stage(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let api = Properties::of(&made.properties).text("RestApiId").unwrap_or_default();
    let edited = inner.services.http_apis.edit_rest(&api, |api| {
        api.stages.retain(|stage| stage.stage_name != made.physical);
        Ok(())
    });
    gone(edited.await)
}
