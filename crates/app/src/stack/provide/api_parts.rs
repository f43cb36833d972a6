//! The parts of HTTP and REST APIs that templates make one by one.

use ebb_sources::http_api::{
    ApiKey, Authorizer, Definition, Deployment, HttpApiError, Integration, Method, Model, PlanStage,
    PlanThrottle, RequestValidator, Resource, RestApi, RestAuthorizer, Route, UsagePlan, fresh_id,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use super::super::Inner;
use super::super::record::MadeResource;
use super::http_api::{camel, camel_name, gone};
use super::properties::text_of;
use super::{Made, Message, Properties, Wanted, said};

/// The properties of a resource as members of a document. Of those in `deep`, the members' names are changed too.
fn members(own: &Properties<'_>, deep: &[&str]) -> Map<String, Json> {
    let one = |name: &String| {
        let value = own.get(name)?;
        let value = if deep.contains(&name.as_str()) { camel(value) } else { value.clone() };
        Some((camel_name(name), value))
    };
    own.keys().filter_map(one).collect()
}

/// Reads a document; scalars may be written as texts.
fn read<T: DeserializeOwned>(mut given: Map<String, Json>) -> Result<T, Message> {
    for (name, value) in &mut given {
        let Some(text) = value.as_str() else { continue };
        let number =
            ["timeoutInMillis", "authorizerResultTtlInSeconds", "limit", "offset"].contains(&name.as_str());
        match text {
            "true" | "false" => *value = Json::Bool(text == "true"),
            _ if number => *value = text.parse::<u64>().map_or_else(|_| value.clone(), Json::from),
            _ => {}
        }
    }
    serde_json::from_value(Json::Object(given)).map_err(said)
}

// ---- HTTP APIs

/// A part of an HTTP API.
trait HttpPart: DeserializeOwned + Clone + Send + Sync {
    fn of(own: &Properties<'_>) -> Result<Self, Message>;
    fn all(definition: &mut Definition) -> &mut Vec<Self>;
    fn id(&mut self) -> &mut String;
}

impl HttpPart for Route {
    fn of(own: &Properties<'_>) -> Result<Self, Message> {
        let mut given = members(own, &[]);
        given.remove("apiId");
        read(given)
    }
    fn all(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.routes
    }
    fn id(&mut self) -> &mut String {
        &mut self.route_id
    }
}

impl HttpPart for Integration {
    fn of(own: &Properties<'_>) -> Result<Self, Message> {
        let mut given = members(own, &["TlsConfig"]);
        given.remove("apiId");
        // Templates have lists of changes where the API has maps.
        if let Some(Json::Object(all)) = given.get("responseParameters").cloned() {
            let changes = |value: &Json| -> Map<String, Json> {
                let list = value["ResponseParameters"].as_array().into_iter().flatten();
                list.filter_map(|one| Some((one["Destination"].as_str()?.to_owned(), one["Source"].clone())))
                    .collect()
            };
            let all: Map<String, Json> = all
                .iter()
                .map(|(status, value)| match value.get("ResponseParameters") {
                    Some(_) => (status.clone(), Json::Object(changes(value))),
                    None => (status.clone(), value.clone()),
                })
                .collect();
            given.insert("responseParameters".to_owned(), Json::Object(all));
        }
        if given.get("integrationType").and_then(Json::as_str) == Some("AWS_PROXY")
            && !given.contains_key("integrationSubtype")
        {
            given.entry("integrationMethod").or_insert_with(|| "POST".into());
        } else {
            given.entry("payloadFormatVersion").or_insert_with(|| "1.0".into());
        }
        read(given)
    }
    fn all(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.integrations
    }
    fn id(&mut self) -> &mut String {
        &mut self.integration_id
    }
}

impl HttpPart for Authorizer {
    fn of(own: &Properties<'_>) -> Result<Self, Message> {
        let mut given = members(own, &["JwtConfiguration"]);
        given.remove("apiId");
        given.insert("identitySource".to_owned(), json!(own.texts("IdentitySource").unwrap_or_default()));
        read(given)
    }
    fn all(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.authorizers
    }
    fn id(&mut self) -> &mut String {
        &mut self.authorizer_id
    }
}

impl HttpPart for Model {
    fn of(own: &Properties<'_>) -> Result<Self, Message> {
        model(own)
    }
    fn all(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.models
    }
    fn id(&mut self) -> &mut String {
        &mut self.model_id
    }
}

fn model(own: &Properties<'_>) -> Result<Model, Message> {
    let schema = own.document("Schema").unwrap_or_else(|| "{}".to_owned());
    let name = own.required("Name")?;
    let content = own.text("ContentType").unwrap_or_else(|| "application/json".to_owned());
    Ok(Model {
        model_id: String::new(),
        name,
        schema,
        content_type: content,
        description: own.text("Description"),
    })
}

async fn put_http<T: HttpPart>(
    inner: &Inner,
    wanted: &Wanted<'_>,
    before: Option<&MadeResource>,
    attribute: &'static str,
) -> Result<Made, Message> {
    let own = wanted.properties();
    let mut part = T::of(&own)?;
    let id = before.map_or_else(|| fresh_id(7), |before| before.physical.clone());
    part.id().clone_from(&id);
    let api = own.required("ApiId")?;
    let edited = inner.services.http_apis.edit(&api, |api| {
        let all = T::all(&mut api.definition);
        all.retain_mut(|own| *own.id() != id);
        all.push(part.clone());
        Ok(())
    });
    edited.await.map_err(said)?;
    Ok(Made::new(id.clone(), [(attribute, id)]))
}

async fn delete_http<T: HttpPart>(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let api = Properties::of(&made.properties).text("ApiId").unwrap_or_default();
    let edited = inner.services.http_apis.edit(&api, |api| {
        T::all(&mut api.definition).retain_mut(|own| *own.id() != made.physical);
        Ok(())
    });
    gone(edited.await)
}

// ---- REST APIs

fn api_of(own: &Properties<'_>) -> Result<String, Message> {
    own.required("RestApiId")
}

async fn edit_rest(
    inner: &Inner,
    own: &Properties<'_>,
    change: impl FnMut(&mut RestApi) -> Result<(), HttpApiError>,
) -> Result<(), Message> {
    inner.services.http_apis.edit_rest(&api_of(own)?, change).await.map(drop).map_err(said)
}

async fn delete_rest(
    inner: &Inner,
    made: &MadeResource,
    mut change: impl FnMut(&mut RestApi),
) -> Result<(), Message> {
    let Ok(api) = api_of(&Properties::of(&made.properties)) else { return Ok(()) };
    let edited = inner.services.http_apis.edit_rest(&api, |api| {
        change(api);
        Ok(())
    });
    gone(edited.await)
}

async fn create_resource(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (parent, part) = (own.required("ParentId")?, own.required("PathPart")?);
    let id = fresh_id(6);
    let add = |api: &mut RestApi| {
        let all = &mut api.definition.resources;
        let missing = || HttpApiError::NotFound("Invalid Resource identifier specified".to_owned());
        let above = all.iter().find(|own| own.id == parent).ok_or_else(missing)?;
        let path = format!("{}/{part}", above.path.trim_end_matches('/'));
        if all.iter().any(|own| own.path == path) {
            return Err(HttpApiError::Conflict(format!(
                "Another resource with the path {path} is there already"
            )));
        }
        all.push(Resource {
            id: id.clone(),
            parent_id: Some(parent.clone()),
            path_part: Some(part.clone()),
            path,
            resource_methods: Default::default(),
        });
        Ok(())
    };
    edit_rest(inner, &own, add).await?;
    Ok(Made::new(id.clone(), [("ResourceId", id)]))
}

/// A method as the API has it.
fn method(own: &Properties<'_>) -> Result<Method, Message> {
    let mut given = members(own, &[]);
    for name in ["restApiId", "resourceId"] {
        given.remove(name);
    }
    if let Some(Json::Object(parameters)) = given.get_mut("requestParameters") {
        for value in parameters.values_mut() {
            *value = Json::Bool(text_of(value).is_some_and(|text| text == "true"));
        }
    }
    let listed = |value: Option<Json>| {
        let list = value.as_ref().and_then(Json::as_array).cloned().unwrap_or_default();
        let one = |answer: &Json| {
            let mut answer = outer(answer);
            let code = answer.get("statusCode").and_then(text_of).unwrap_or_else(|| "200".to_owned());
            answer.insert("statusCode".to_owned(), code.as_str().into());
            (code, Json::Object(answer))
        };
        list.iter().map(one).collect::<Map<_, _>>()
    };
    let answers = listed(given.remove("methodResponses"));
    given.insert("methodResponses".to_owned(), Json::Object(answers));
    if let Some(integration) = given.remove("integration") {
        let mut integration = outer(&integration);
        let answers = listed(integration.remove("integrationResponses"));
        integration.insert("integrationResponses".to_owned(), Json::Object(answers));
        let verb = integration.remove("integrationHttpMethod");
        integration.extend(verb.map(|verb| ("httpMethod".to_owned(), verb)));
        if let Some(text) = integration.get("timeoutInMillis").and_then(Json::as_str).map(str::to_owned) {
            integration.insert("timeoutInMillis".to_owned(), text.parse::<u32>().map_err(said)?.into());
        }
        given.insert("methodIntegration".to_owned(), Json::Object(integration));
    }
    read(given)
}

/// An object with the first letters of its own members small, and no others.
fn outer(value: &Json) -> Map<String, Json> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (camel_name(name), value.clone())).collect()
}

async fn put_method(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (resource, name) = (own.required("ResourceId")?, own.required("HttpMethod")?);
    let method = method(&own)?;
    let put = |api: &mut RestApi| {
        let missing = || HttpApiError::NotFound("Invalid Resource identifier specified".to_owned());
        let found = api.definition.resources.iter_mut().find(|own| own.id == resource).ok_or_else(missing)?;
        found.resource_methods.insert(name.clone(), method.clone());
        Ok(())
    };
    edit_rest(inner, &own, put).await?;
    Ok(Made::new(wanted.name.clone(), []))
}

async fn put_rest_authorizer(inner: &Inner, wanted: &Wanted<'_>, id: String) -> Result<Made, Message> {
    let own = wanted.properties();
    let mut given = members(&own, &[]);
    given.remove("restApiId");
    let mut authorizer: RestAuthorizer = read(given)?;
    authorizer.id.clone_from(&id);
    let put = |api: &mut RestApi| {
        api.definition.authorizers.retain(|own| own.id != id);
        api.definition.authorizers.push(authorizer.clone());
        Ok(())
    };
    edit_rest(inner, &own, put).await?;
    Ok(Made::new(id.clone(), [("AuthorizerId", id)]))
}

async fn put_validator(inner: &Inner, wanted: &Wanted<'_>, id: String) -> Result<Made, Message> {
    let own = wanted.properties();
    let validator = RequestValidator {
        id: id.clone(),
        name: own.text("Name").unwrap_or_default(),
        validate_request_body: own.boolean("ValidateRequestBody")?.unwrap_or(false),
        validate_request_parameters: own.boolean("ValidateRequestParameters")?.unwrap_or(false),
    };
    let put = |api: &mut RestApi| {
        api.definition.validators.retain(|own| own.id != id);
        api.definition.validators.push(validator.clone());
        Ok(())
    };
    edit_rest(inner, &own, put).await?;
    Ok(Made::new(id.clone(), [("RequestValidatorId", id)]))
}

async fn put_rest_model(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let name: String =
        own.text("Name").unwrap_or_else(|| wanted.name.chars().filter(char::is_ascii_alphanumeric).collect());
    let schema = own.document("Schema").unwrap_or_else(|| "{}".to_owned());
    let content = own.text("ContentType").unwrap_or_else(|| "application/json".to_owned());
    let (id, description) = (fresh_id(6), own.text("Description"));
    let model = Model { model_id: id, name: name.clone(), schema, content_type: content, description };
    let put = |api: &mut RestApi| {
        api.definition.models.retain(|own| own.name != name);
        api.definition.models.push(model.clone());
        Ok(())
    };
    edit_rest(inner, &own, put).await?;
    Ok(Made::new(name, []))
}

async fn put_gateway_response(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let kind = own.required("ResponseType")?;
    let given = json!({
        "statusCode": own.text("StatusCode"),
        "responseParameters": own.map("ResponseParameters"),
        "responseTemplates": own.map("ResponseTemplates"),
    });
    let answer: ebb_sources::http_api::GatewayResponse = serde_json::from_value(given).map_err(said)?;
    let put = |api: &mut RestApi| {
        api.definition.gateway_responses.insert(kind.clone(), answer.clone());
        Ok(())
    };
    edit_rest(inner, &own, put).await?;
    Ok(Made::new(wanted.name.clone(), [("Id", wanted.name.clone())]))
}

// ---- keys and plans

fn key(wanted: &Wanted<'_>) -> Result<ApiKey, Message> {
    let own = wanted.properties();
    let stage =
        |given: &Json| Some(format!("{}/{}", given["RestApiId"].as_str()?, given["StageName"].as_str()?));
    read(
        json!({
            "name": wanted.named("Name"),
            "value": own.text("Value").unwrap_or_default(),
            "description": own.text("Description"),
            "customerId": own.text("CustomerId"),
            "enabled": own.boolean("Enabled")?.unwrap_or(false),
            "stageKeys": own.list("StageKeys").iter().filter_map(stage).collect::<Vec<_>>(),
            "tags": own.tags(),
        })
        .as_object()
        .cloned()
        .unwrap_or_default(),
    )
}

async fn create_key(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let key = inner.services.http_apis.create_key(key(wanted)?).await.map_err(said)?;
    Ok(Made::new(key.id.clone(), [("APIKeyId", key.id.clone())]))
}

async fn update_key(inner: &Inner, before: &MadeResource, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let new = key(wanted)?;
    let edited = inner.services.http_apis.edit_key(&before.physical, |key| {
        let (id, value, created) = (key.id.clone(), key.value.clone(), key.created);
        *key = ApiKey { id, value, created, ..new.clone() };
        Ok(())
    });
    edited.await.map_err(said)?;
    Ok(Made::new(before.physical.clone(), [("APIKeyId", before.physical.clone())]))
}

fn throttle(given: &Json) -> Result<PlanThrottle, Message> {
    let own = Properties::of(given);
    let rate = own.text("RateLimit").map(|text| text.parse::<f64>().map_err(said)).transpose()?;
    Ok(PlanThrottle {
        burst_limit: own.small("BurstLimit")?.unwrap_or(5000),
        rate_limit: rate.unwrap_or(10_000.0),
    })
}

fn plan(wanted: &Wanted<'_>) -> Result<UsagePlan, Message> {
    let own = wanted.properties();
    let mut api_stages = Vec::new();
    for given in own.list("ApiStages") {
        let given = Properties::of(given);
        let mut stage = PlanStage {
            api_id: given.required("ApiId")?,
            stage: given.required("Stage")?,
            throttle: Default::default(),
        };
        for (name, limit) in given.get("Throttle").and_then(Json::as_object).into_iter().flatten() {
            stage.throttle.insert(name.clone(), throttle(limit)?);
        }
        api_stages.push(stage);
    }
    let quota = own.get("Quota").map(|quota| {
        let quota = Properties::of(quota);
        Ok::<_, Message>(json!({
            "limit": quota.small("Limit")?.unwrap_or_default(),
            "offset": quota.small("Offset")?.unwrap_or_default(),
            "period": quota.required("Period")?,
        }))
    });
    let quota = quota.transpose()?.map(serde_json::from_value).transpose().map_err(said)?;
    Ok(UsagePlan {
        id: String::new(),
        name: wanted.named("UsagePlanName"),
        description: own.text("Description"),
        api_stages,
        throttle: own.get("Throttle").map(throttle).transpose()?,
        quota,
        product_code: None,
        tags: own.tags(),
        keys: Vec::new(),
    })
}

async fn create_plan(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let plan = inner.services.http_apis.create_plan(plan(wanted)?).await.map_err(said)?;
    Ok(Made::new(plan.id.clone(), [("Id", plan.id.clone())]))
}

async fn update_plan(inner: &Inner, before: &MadeResource, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let new = plan(wanted)?;
    let edited = inner.services.http_apis.edit_plan(&before.physical, |plan| {
        *plan = UsagePlan { id: plan.id.clone(), keys: plan.keys.clone(), ..new.clone() };
        Ok(())
    });
    edited.await.map_err(said)?;
    Ok(Made::new(before.physical.clone(), [("Id", before.physical.clone())]))
}

async fn add_plan_key(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (key, plan) = (own.required("KeyId")?, own.required("UsagePlanId")?);
    inner.services.http_apis.key(&key).map_err(said)?;
    let edited = inner.services.http_apis.edit_plan(&plan, |plan| {
        if !plan.keys.contains(&key) {
            plan.keys.push(key.clone());
        }
        Ok(())
    });
    edited.await.map_err(said)?;
    let id = format!("{key}:{plan}");
    Ok(Made::new(id.clone(), [("Id", id)]))
}

async fn remove_plan_key(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let Some((key, plan)) = made.physical.split_once(':') else { return Ok(()) };
    let edited = inner.services.http_apis.edit_plan(plan, |plan| {
        plan.keys.retain(|own| own != key);
        Ok(())
    });
    gone(edited.await)
}

async fn create_http_deployment(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (id, now) = (fresh_id(6), inner.clock.now());
    let (description, stage) = (own.text("Description"), own.text("StageName"));
    let api = own.required("ApiId")?;
    let edited = inner.services.http_apis.edit(&api, |api| {
        api.deployments.push(Deployment {
            deployment_id: id.clone(),
            description: description.clone(),
            auto_deployed: false,
            created: now,
            definition: api.definition.clone(),
        });
        if let Some(stage) = api.stages.iter_mut().find(|own| Some(&own.stage_name) == stage.as_ref()) {
            stage.deployment_id = Some(id.clone());
        }
        Ok(())
    });
    edited.await.map_err(said)?;
    Ok(Made::new(id.clone(), [("DeploymentId", id)]))
}

async fn delete_http_deployment(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let api = Properties::of(&made.properties).text("ApiId").unwrap_or_default();
    let edited = inner.services.http_apis.edit(&api, |api| {
        let used = api.stages.iter().any(|own| own.deployment_id.as_deref() == Some(&made.physical));
        api.deployments.retain(|own| used || own.deployment_id != made.physical);
        Ok(())
    });
    gone(edited.await)
}

// ---- by type

/// Makes a part; nothing where the type is none of these.
pub(super) async fn create(inner: &Inner, wanted: &Wanted<'_>) -> Option<Result<Made, Message>> {
    put(inner, wanted, None).await
}

/// Changes a part; nothing where the type is none of these.
pub(super) async fn update(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Option<Result<Made, Message>> {
    put(inner, wanted, Some(before)).await
}

async fn put(
    inner: &Inner,
    wanted: &Wanted<'_>,
    before: Option<&MadeResource>,
) -> Option<Result<Made, Message>> {
    let id = || before.map_or_else(|| fresh_id(6), |before| before.physical.clone());
    Some(match (wanted.kind, before) {
        ("AWS::ApiGatewayV2::Route", _) => put_http::<Route>(inner, wanted, before, "RouteId").await,
        ("AWS::ApiGatewayV2::Integration", _) => {
            put_http::<Integration>(inner, wanted, before, "IntegrationId").await
        }
        ("AWS::ApiGatewayV2::Authorizer", _) => {
            put_http::<Authorizer>(inner, wanted, before, "AuthorizerId").await
        }
        ("AWS::ApiGatewayV2::Model", _) => put_http::<Model>(inner, wanted, before, "ModelId").await,
        ("AWS::ApiGatewayV2::Deployment", _) => create_http_deployment(inner, wanted).await,
        ("AWS::ApiGateway::Resource", _) => create_resource(inner, wanted).await,
        ("AWS::ApiGateway::Method", _) => put_method(inner, wanted).await,
        ("AWS::ApiGateway::Authorizer", _) => put_rest_authorizer(inner, wanted, id()).await,
        ("AWS::ApiGateway::RequestValidator", _) => put_validator(inner, wanted, id()).await,
        ("AWS::ApiGateway::Model", _) => put_rest_model(inner, wanted).await,
        ("AWS::ApiGateway::GatewayResponse", _) => put_gateway_response(inner, wanted).await,
        ("AWS::ApiGateway::ApiKey", None) => create_key(inner, wanted).await,
        ("AWS::ApiGateway::ApiKey", Some(before)) => update_key(inner, before, wanted).await,
        ("AWS::ApiGateway::UsagePlan", None) => create_plan(inner, wanted).await,
        ("AWS::ApiGateway::UsagePlan", Some(before)) => update_plan(inner, before, wanted).await,
        ("AWS::ApiGateway::UsagePlanKey", _) => add_plan_key(inner, wanted).await,
        _ => return None,
    })
}

/// Deletes a part; nothing where the type is none of these.
pub(super) async fn delete(inner: &Inner, made: &MadeResource) -> Option<Result<(), Message>> {
    let own = Properties::of(&made.properties);
    let id = made.physical.as_str();
    Some(match made.kind.as_str() {
        "AWS::ApiGatewayV2::Route" => delete_http::<Route>(inner, made).await,
        "AWS::ApiGatewayV2::Integration" => delete_http::<Integration>(inner, made).await,
        "AWS::ApiGatewayV2::Authorizer" => delete_http::<Authorizer>(inner, made).await,
        "AWS::ApiGatewayV2::Model" => delete_http::<Model>(inner, made).await,
        "AWS::ApiGatewayV2::Deployment" => delete_http_deployment(inner, made).await,
        "AWS::ApiGateway::Resource" => {
            delete_rest(inner, made, |api| api.definition.resources.retain(|own| own.id != id)).await
        }
        "AWS::ApiGateway::Method" => {
            let (resource, name) = (own.text("ResourceId"), own.text("HttpMethod").unwrap_or_default());
            let remove = |api: &mut RestApi| {
                let found =
                    api.definition.resources.iter_mut().find(|own| Some(&own.id) == resource.as_ref());
                found.map(|own| own.resource_methods.remove(&name));
            };
            delete_rest(inner, made, remove).await
        }
        "AWS::ApiGateway::Authorizer" => {
            delete_rest(inner, made, |api| api.definition.authorizers.retain(|own| own.id != id)).await
        }
        "AWS::ApiGateway::RequestValidator" => {
            delete_rest(inner, made, |api| api.definition.validators.retain(|own| own.id != id)).await
        }
        "AWS::ApiGateway::Model" => {
            delete_rest(inner, made, |api| api.definition.models.retain(|own| own.name != id)).await
        }
        "AWS::ApiGateway::GatewayResponse" => {
            let kind = own.text("ResponseType").unwrap_or_default();
            let remove = |api: &mut RestApi| {
                api.definition.gateway_responses.remove(&kind);
            };
            delete_rest(inner, made, remove).await
        }
        "AWS::ApiGateway::ApiKey" => gone(inner.services.http_apis.delete_key(id).await),
        "AWS::ApiGateway::UsagePlan" => gone(inner.services.http_apis.delete_plan(id).await),
        "AWS::ApiGateway::UsagePlanKey" => remove_plan_key(inner, made).await,
        _ => return None,
    })
}
