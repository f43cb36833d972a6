//! Parts of REST APIs.

use ebb_sources::http_api::{
    GatewayResponse, HttpApiError, Method, Model, RequestValidator, Resource, RestApi, RestAuthorizer,
    fresh_id,
};
use serde_json::{Map, Value as Json, json};

use super::super::super::Inner;
use super::super::super::record::MadeResource;
use super::super::properties::text_of;
use super::super::{Made, Message, Properties, Wanted, said};
use super::{camel_name, gone, members, read};

fn api_of(own: &Properties<'_>) -> Result<String, Message> {
    own.required("RestApiId")
}

pub(super) async fn edit_rest(
    inner: &Inner,
    own: &Properties<'_>,
    change: impl FnMut(&mut RestApi) -> Result<(), HttpApiError>,
) -> Result<(), Message> {
    inner.services.http_apis.edit_rest(&api_of(own)?, change).await.map(drop).map_err(said)
}

pub(super) async fn delete_rest(
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

pub(super) async fn create_resource(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
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

pub(super) async fn put_method(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
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

pub(super) async fn put_rest_authorizer(
    inner: &Inner,
    wanted: &Wanted<'_>,
    id: String,
) -> Result<Made, Message> {
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

pub(super) async fn put_validator(inner: &Inner, wanted: &Wanted<'_>, id: String) -> Result<Made, Message> {
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

pub(super) async fn put_rest_model(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
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

pub(super) async fn put_gateway_response(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let kind = own.required("ResponseType")?;
    let given = json!({
        "statusCode": own.text("StatusCode"),
        "responseParameters": own.map("ResponseParameters"),
        "responseTemplates": own.map("ResponseTemplates"),
    });
    let answer: GatewayResponse = serde_json::from_value(given).map_err(said)?;
    let put = |api: &mut RestApi| {
        api.definition.gateway_responses.insert(kind.clone(), answer.clone());
        Ok(())
    };
    edit_rest(inner, &own, put).await?;
    Ok(Made::new(wanted.name.clone(), [("Id", wanted.name.clone())]))
}
