//! Resources: the tree of an API's paths.

use ebb_sources::http_api::{HttpApiError, Resource, RestApi, RestDefinition, fresh_id};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::apigatewayv2::{HttpApiState, not_found, shown};
use super::listed;
use super::patch;
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

const UNKNOWN: &str = "Invalid Resource identifier specified";

pub(super) fn missing() -> HttpApiError {
    HttpApiError::NotFound(UNKNOWN.to_owned())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    path_part: String,
}

/// Whether a text may be a segment of a path.
fn is_part(text: &str) -> bool {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let plain = inner.map_or(text, |inner| inner.strip_suffix('+').unwrap_or(inner));
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-:$%~!*'(),;@".contains(c);
    !plain.is_empty() && plain.chars().all(legal)
}

/// The path of a part below a resource.
fn below(parent: &Resource, part: &str) -> String {
    format!("{}/{part}", parent.path.trim_end_matches('/'))
}

fn check(definition: &RestDefinition, parent: &Resource, part: &str) -> Result<(), HttpApiError> {
    if !is_part(part) {
        return Err(HttpApiError::Invalid(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the \
             beginning and the end."
                .to_owned(),
        ));
    }
    let siblings = definition.resources.iter().filter(|own| own.parent_id.as_ref() == Some(&parent.id));
    for other in siblings.filter_map(|own| own.path_part.as_deref()) {
        if other == part {
            return Err(HttpApiError::Conflict(
                "Another resource with the same parent already has this name: ".to_owned() + part,
            ));
        }
        if other.starts_with('{') && part.starts_with('{') {
            return Err(HttpApiError::Invalid(format!(
                "A sibling ({other}) of this resource already has a variable path part -- only one is allowed"
            )));
        }
    }
    Ok(())
}

pub(super) async fn create(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let id = fresh_id(6);
    let add = |api: &mut RestApi| {
        let definition = &mut api.definition;
        let parent = definition.resource(call.path.get("parent")).cloned().ok_or_else(missing)?;
        check(definition, &parent, &given.path_part)?;
        definition.resources.push(Resource {
            id: id.clone(),
            path: below(&parent, &given.path_part),
            parent_id: Some(parent.id),
            path_part: Some(given.path_part.clone()),
            resource_methods: Default::default(),
        });
        Ok(())
    };
    let api = state.apis.edit_rest(call.path.get("api"), add).await?;
    json_response(StatusCode::CREATED, &show(found(&api, &id)?, false)?)
}

fn found<'a>(api: &'a RestApi, id: &str) -> Result<&'a Resource, AwsError> {
    api.definition.resource(id).ok_or_else(|| not_found(UNKNOWN))
}

fn embeds(call: &Call) -> bool {
    call.context.query.all("embed").any(|name| name == "methods")
}

pub(super) async fn list(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    let embed = embeds(&call);
    let all = api.definition.resources.iter().map(|own| show(own, embed)).collect::<Result<_, _>>()?;
    listed(&call, all, "id")
}

pub(super) async fn get(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    json_response(StatusCode::OK, &show(found(&api, call.path.get("resource"))?, embeds(&call))?)
}

pub(super) async fn update(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let operations = patch::operations(&call)?;
    let id = call.path.get("resource");
    let change = |api: &mut RestApi| {
        let before = api.definition.resource(id).cloned().ok_or_else(missing)?;
        let changed = patch::patched(&before, &operations, &[])?;
        let parent = changed.parent_id.as_deref().and_then(|id| api.definition.resource(id)).cloned();
        let parent =
            parent.ok_or_else(|| HttpApiError::Invalid("The root resource cannot be changed.".to_owned()))?;
        let part = changed.path_part.clone().unwrap_or_default();
        if (&before.parent_id, &before.path_part) != (&changed.parent_id, &changed.path_part) {
            check(&api.definition, &parent, &part)?;
        }
        let path = below(&parent, &part);
        // Those below move with it.
        for own in &mut api.definition.resources {
            if own.id == id {
                *own = Resource { id: own.id.clone(), path: path.clone(), ..changed.clone() };
            } else if let Some(rest) = own.path.strip_prefix(&format!("{}/", before.path)) {
                own.path = format!("{path}/{rest}");
            }
        }
        Ok(())
    };
    let api = state.apis.edit_rest(call.path.get("api"), change).await?;
    json_response(StatusCode::OK, &show(found(&api, id)?, false)?)
}

pub(super) async fn delete(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let id = call.path.get("resource");
    let remove = |api: &mut RestApi| {
        let own = api.definition.resource(id).cloned().ok_or_else(missing)?;
        if own.parent_id.is_none() {
            return Err(HttpApiError::Invalid("The root resource cannot be deleted.".to_owned()));
        }
        let under = format!("{}/", own.path);
        api.definition.resources.retain(|other| other.id != id && !other.path.starts_with(&under));
        Ok(())
    };
    state.apis.edit_rest(call.path.get("api"), remove).await?;
    Ok(empty_response(StatusCode::ACCEPTED))
}

/// A resource; its methods are named only, unless they are asked for.
fn show(resource: &Resource, embed: bool) -> Result<Map<String, Value>, AwsError> {
    let mut object = shown(resource)?;
    if !embed && let Some(Value::Object(methods)) = object.get_mut("resourceMethods") {
        methods.values_mut().for_each(|method| *method = Value::Object(Map::new()));
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_paths() {
        for part in ["pets", "{id}", "{proxy+}", "a.b-c_d:e"] {
            assert!(is_part(part), "{part}");
        }
        for part in ["", "{}", "a/b", "{id", "a{b}", "é", "{a b}"] {
            assert!(!is_part(part), "{part}");
        }
    }
}
