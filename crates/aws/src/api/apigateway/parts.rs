//! Authorizers, models and request validators, which are all handled alike, and gateway responses.

use ebb_sources::http_api::{
    GatewayResponse, HttpApiError, Model, RequestValidator, RestApi, RestAuthorizer, RestDefinition, fresh_id,
};
use http::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::super::apigatewayv2::{HttpApiState, bad_request, not_found, object, read, shown};
use super::listed;
use super::patch;
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

/// A document in a list of an API.
pub(super) trait Part: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// For people.
    const NAME: &'static str;
    fn all(definition: &RestDefinition) -> &Vec<Self>;
    fn all_mut(definition: &mut RestDefinition) -> &mut Vec<Self>;
    /// What paths name it by.
    fn key(&self) -> &str;
    fn set_id(&mut self, id: String);
    fn check(&self) -> Result<(), HttpApiError> {
        Ok(())
    }
    fn is_used(&self, _: &RestDefinition) -> bool {
        false
    }
    fn show(&self) -> Result<Map<String, Value>, AwsError> {
        shown(self)
    }
}

impl Part for RestAuthorizer {
    const NAME: &'static str = "Authorizer";
    fn all(definition: &RestDefinition) -> &Vec<Self> {
        &definition.authorizers
    }
    fn all_mut(definition: &mut RestDefinition) -> &mut Vec<Self> {
        &mut definition.authorizers
    }
    fn key(&self) -> &str {
        &self.id
    }
    fn set_id(&mut self, id: String) {
        self.id = id;
    }
    fn check(&self) -> Result<(), HttpApiError> {
        let invalid = |text: &str| Err(HttpApiError::Invalid(text.to_owned()));
        let known = ["TOKEN", "REQUEST", "COGNITO_USER_POOLS"];
        if !known.contains(&self.kind.as_str()) {
            return invalid("Authorizer type must be TOKEN, REQUEST or COGNITO_USER_POOLS");
        }
        if self.kind != "COGNITO_USER_POOLS" && self.authorizer_uri.as_deref().unwrap_or_default().is_empty()
        {
            return invalid("Invalid Authorizer URI: it must be set");
        }
        if self.authorizer_result_ttl_in_seconds.is_some_and(|ttl| ttl > 3600) {
            return invalid("Authorizer result TTL must be between 0 and 3600 seconds");
        }
        let kept = self.authorizer_result_ttl_in_seconds != Some(0);
        if self.kind == "REQUEST" && kept && self.identity_source.as_deref().unwrap_or_default().is_empty() {
            return invalid(
                "Identity source must be specified for REQUEST authorizer when caching is enabled",
            );
        }
        if self.kind == "TOKEN" && self.identity_source.as_deref().unwrap_or_default().is_empty() {
            return invalid("Identity source must be specified for TOKEN authorizer");
        }
        Ok(())
    }
    fn is_used(&self, definition: &RestDefinition) -> bool {
        let mut methods = definition.resources.iter().flat_map(|own| own.resource_methods.values());
        methods.any(|method| method.authorizer_id.as_ref() == Some(&self.id))
    }
    fn show(&self) -> Result<Map<String, Value>, AwsError> {
        let mut object = shown(self)?;
        object.entry("authType").or_insert_with(|| {
            if self.kind == "COGNITO_USER_POOLS" { "cognito_user_pools" } else { "custom" }.into()
        });
        object.entry("authorizerResultTtlInSeconds").or_insert_with(|| 300.into());
        Ok(object)
    }
}

impl Part for Model {
    const NAME: &'static str = "Model";
    fn all(definition: &RestDefinition) -> &Vec<Self> {
        &definition.models
    }
    fn all_mut(definition: &mut RestDefinition) -> &mut Vec<Self> {
        &mut definition.models
    }
    fn key(&self) -> &str {
        &self.name
    }
    fn set_id(&mut self, id: String) {
        self.model_id = id;
    }
    fn check(&self) -> Result<(), HttpApiError> {
        let invalid = |text: String| Err(HttpApiError::Invalid(text));
        if self.name.is_empty() || !self.name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return invalid("Model name must be alphanumeric".to_owned());
        }
        match serde_json::from_str::<Value>(&self.schema) {
            _ if self.schema.is_empty() => Ok(()),
            Ok(Value::Object(_)) => Ok(()),
            Ok(_) => invalid(format!("Model schema of {} must be a JSON object", self.name)),
            Err(error) => invalid(format!("Invalid model specified: the schema is no JSON: {error}")),
        }
    }
    fn is_used(&self, definition: &RestDefinition) -> bool {
        let mut methods = definition.resources.iter().flat_map(|own| own.resource_methods.values());
        methods.any(|method| method.request_models.values().any(|name| *name == self.name))
    }
    fn show(&self) -> Result<Map<String, Value>, AwsError> {
        let mut object = shown(self)?;
        let id = object.remove("modelId");
        object.extend(id.map(|id| ("id".to_owned(), id)));
        Ok(object)
    }
}

impl Part for RequestValidator {
    const NAME: &'static str = "Request Validator";
    fn all(definition: &RestDefinition) -> &Vec<Self> {
        &definition.validators
    }
    fn all_mut(definition: &mut RestDefinition) -> &mut Vec<Self> {
        &mut definition.validators
    }
    fn key(&self) -> &str {
        &self.id
    }
    fn set_id(&mut self, id: String) {
        self.id = id;
    }
    fn is_used(&self, definition: &RestDefinition) -> bool {
        let mut methods = definition.resources.iter().flat_map(|own| own.resource_methods.values());
        methods.any(|method| method.request_validator_id.as_ref() == Some(&self.id))
    }
}

fn missing<T: Part>() -> HttpApiError {
    HttpApiError::NotFound(format!("Invalid {} identifier specified", T::NAME))
}

pub(super) async fn create<T: Part>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let mut made: T = read(object(&call)?)?;
    made.set_id(fresh_id(6));
    made.check()?;
    let add = |api: &mut RestApi| {
        let all = T::all_mut(&mut api.definition);
        if all.iter().any(|own| own.key() == made.key()) {
            return Err(HttpApiError::Conflict(format!("{} already exists: {}", T::NAME, made.key())));
        }
        all.push(made.clone());
        Ok(())
    };
    state.apis.edit_rest(call.path.get("api"), add).await?;
    json_response(StatusCode::CREATED, &made.show()?)
}

pub(super) async fn list<T: Part>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    listed(&call, T::all(&api.definition).iter().map(Part::show).collect::<Result<_, _>>()?, "id")
}

fn found<'a, T: Part>(api: &'a RestApi, key: &str) -> Result<&'a T, AwsError> {
    Ok(T::all(&api.definition).iter().find(|own| own.key() == key).ok_or_else(missing::<T>)?)
}

pub(super) async fn get<T: Part>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    json_response(StatusCode::OK, &found::<T>(&api, call.path.get("id"))?.show()?)
}

pub(super) async fn update<T: Part>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let operations = patch::operations(&call)?;
    let key = call.path.get("id");
    let change = |api: &mut RestApi| {
        let own = T::all_mut(&mut api.definition).iter_mut().find(|own| own.key() == key);
        let own = own.ok_or_else(missing::<T>)?;
        let changed = patch::patched(own, &operations, &[])?;
        changed.check()?;
        *own = changed;
        Ok(())
    };
    let api = state.apis.edit_rest(call.path.get("api"), change).await?;
    json_response(StatusCode::OK, &found::<T>(&api, key)?.show()?)
}

pub(super) async fn delete<T: Part>(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let key = call.path.get("id");
    let remove = |api: &mut RestApi| {
        let own = T::all(&api.definition).iter().find(|own| own.key() == key).ok_or_else(missing::<T>)?;
        if own.is_used(&api.definition) {
            return Err(HttpApiError::Conflict(format!("Cannot delete {} {key}: a method uses it", T::NAME)));
        }
        T::all_mut(&mut api.definition).retain(|own| own.key() != key);
        Ok(())
    };
    state.apis.edit_rest(call.path.get("api"), remove).await?;
    Ok(empty_response(StatusCode::ACCEPTED))
}

/// The types that there are, with the status that each has by itself.
const TYPES: [(&str, Option<&str>); 21] = [
    ("ACCESS_DENIED", Some("403")),
    ("API_CONFIGURATION_ERROR", Some("500")),
    ("AUTHORIZER_CONFIGURATION_ERROR", Some("500")),
    ("AUTHORIZER_FAILURE", Some("500")),
    ("BAD_REQUEST_BODY", Some("400")),
    ("BAD_REQUEST_PARAMETERS", Some("400")),
    ("DEFAULT_4XX", None),
    ("DEFAULT_5XX", None),
    ("EXPIRED_TOKEN", Some("403")),
    ("INTEGRATION_FAILURE", Some("504")),
    ("INTEGRATION_TIMEOUT", Some("504")),
    ("INVALID_API_KEY", Some("403")),
    ("INVALID_SIGNATURE", Some("403")),
    ("MISSING_AUTHENTICATION_TOKEN", Some("403")),
    ("QUOTA_EXCEEDED", Some("429")),
    ("REQUEST_TOO_LARGE", Some("413")),
    ("RESOURCE_NOT_FOUND", Some("404")),
    ("THROTTLED", Some("429")),
    ("UNAUTHORIZED", Some("401")),
    ("UNSUPPORTED_MEDIA_TYPE", Some("415")),
    ("WAF_FILTERED", Some("403")),
];

/// An answer as the service shows it: its own, else the one that is there by itself.
fn show_answer(api: &RestApi, kind: &str) -> Result<Map<String, Value>, AwsError> {
    let (_, status) = TYPES
        .iter()
        .find(|(own, _)| *own == kind)
        .ok_or_else(|| not_found(format!("Invalid gateway response type specified: {kind}")))?;
    let own = api.definition.gateway_responses.get(kind);
    let mut object = match own {
        Some(own) => shown(own)?,
        None => shown(&GatewayResponse {
            status_code: status.map(str::to_owned),
            response_templates: [(
                "application/json".to_owned(),
                r#"{"message":$context.error.messageString}"#.to_owned(),
            )]
            .into(),
            ..GatewayResponse::default()
        })?,
    };
    object.insert("responseType".to_owned(), kind.into());
    object.insert("defaultResponse".to_owned(), own.is_none().into());
    Ok(object)
}

pub(super) async fn list_answers(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    let all: Vec<_> = TYPES.iter().map(|(kind, _)| show_answer(&api, kind)).collect::<Result<_, _>>()?;
    json_response(StatusCode::OK, &json!({ "item": all }))
}

pub(super) async fn get_answer(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    json_response(StatusCode::OK, &show_answer(&api, call.path.get("id"))?)
}

pub(super) async fn put_answer(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let kind = call.path.get("id");
    let given: GatewayResponse = read(object(&call)?)?;
    if !TYPES.iter().any(|(own, _)| *own == kind) {
        return Err(bad_request(format!("Invalid gateway response type specified: {kind}")));
    }
    let put = |api: &mut RestApi| {
        api.definition.gateway_responses.insert(kind.to_owned(), given.clone());
        Ok(())
    };
    let api = state.apis.edit_rest(call.path.get("api"), put).await?;
    json_response(StatusCode::CREATED, &show_answer(&api, kind)?)
}

pub(super) async fn update_answer(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let kind = call.path.get("id");
    let operations = patch::operations(&call)?;
    let change = |api: &mut RestApi| {
        let own = api.definition.gateway_responses.entry(kind.to_owned()).or_default();
        *own = patch::patched(own, &operations, &[])?;
        Ok(())
    };
    let api = state.apis.edit_rest(call.path.get("api"), change).await?;
    json_response(StatusCode::OK, &show_answer(&api, kind)?)
}

pub(super) async fn delete_answer(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let kind = call.path.get("id");
    let remove = |api: &mut RestApi| {
        let gone = api.definition.gateway_responses.remove(kind);
        gone.map(drop)
            .ok_or_else(|| HttpApiError::NotFound("Gateway response type not defined on api".to_owned()))
    };
    state.apis.edit_rest(call.path.get("api"), remove).await?;
    Ok(empty_response(StatusCode::ACCEPTED))
}
