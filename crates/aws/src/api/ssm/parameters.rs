//! Single parameters: set, read, deleted, tagged.

use std::collections::BTreeMap;

use ebb_model::{NewParameter, ParameterError, ParameterKind};
use ebb_sources::parameters::ParameterStore;
use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{done, shown};
use crate::wire::{AwsError, Body, Call, Tag, epoch_seconds, show_tags, tags_of};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    name: String,
    value: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default, rename = "Type")]
    kind: Option<String>,
    #[serde(default)]
    overwrite: bool,
    #[serde(default)]
    allowed_pattern: Option<String>,
    #[serde(default)]
    tags: Option<Vec<Tag>>,
}

pub(super) async fn put(state: ParameterStore, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Given = call.json()?;
    let kind = match given.kind.as_deref() {
        None => None,
        Some("String") => Some(ParameterKind::String),
        Some("StringList") => Some(ParameterKind::StringList),
        Some("SecureString") => Some(ParameterKind::SecureString),
        Some(other) => {
            return Err(AwsError::client(
                "UnsupportedParameterType",
                format!("The parameter type {other} is not supported."),
            ));
        }
    };
    if kind.is_none() && state.get(&given.name).is_err() {
        let message = "A parameter type is required when you create a parameter.";
        return Err(AwsError::client("ValidationException", message));
    }
    if given.overwrite && given.tags.is_some() {
        let message = "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, \
                       please remove overwrite flag. To update tags for an existing parameter, please use \
                       AddTagsToResource or RemoveTagsFromResource.";
        return Err(AwsError::client("ValidationException", message));
    }
    let new = NewParameter {
        name: given.name,
        kind,
        value: given.value,
        description: given.description,
        allowed_pattern: given.allowed_pattern,
        tags: given.tags.map(tags_of),
        overwrite: given.overwrite,
    };
    done(&json!({ "Version": state.put(new).await?, "Tier": "Standard" }))
}

/// What a request may name a parameter by: its name or ARN, with `:VERSION` behind it.
fn reference(text: &str) -> Result<(String, Option<u64>), AwsError> {
    let name = match text.strip_prefix("arn:").and_then(|arn| arn.split_once(":parameter")) {
        Some((_, name)) => name,
        None => text,
    };
    let Some((name, version)) = name.split_once(':') else { return Ok((name.to_owned(), None)) };
    let version = version.parse().map_err(|_| {
        AwsError::client("ValidationException", format!("ebb has no labels of parameters yet: {text}"))
    })?;
    Ok((name.to_owned(), Some(version)))
}

pub(super) async fn get(state: ParameterStore, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Value = call.json()?;
    let (name, number) = reference(given["Name"].as_str().unwrap_or_default())?;
    let parameter = state.get(&name)?;
    let shown = shown(&call, &parameter, number);
    let shown = shown.ok_or(ParameterError::NoVersion { name, number: number.unwrap_or_default() })?;
    done(&json!({ "Parameter": shown }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    names: Vec<String>,
}

pub(super) async fn get_several(state: ParameterStore, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Named = call.json()?;
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for text in given.names {
        let shown =
            reference(&text).ok().and_then(|(name, number)| shown(&call, &*state.get(&name).ok()?, number));
        match shown {
            Some(shown) => found.push(shown),
            None => invalid.push(text),
        }
    }
    done(&json!({ "Parameters": found, "InvalidParameters": invalid }))
}

pub(super) async fn history(state: ParameterStore, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Value = call.json()?;
    let parameter = state.get(given["Name"].as_str().unwrap_or_default())?;
    let versions = parameter.versions.iter().map(|version| {
        json!({
            "Name": parameter.name, "Type": version.kind, "Value": version.value, "Version": version.number,
            "LastModifiedDate": epoch_seconds(version.modified), "Tier": "Standard", "DataType": "text",
            "Description": parameter.description, "Labels": [], "Policies": [],
        })
    });
    done(&json!({ "Parameters": versions.collect::<Vec<_>>() }))
}

pub(super) async fn delete(state: ParameterStore, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Value = call.json()?;
    let name = given["Name"].as_str().unwrap_or_default();
    match state.delete(name).await? {
        true => done(&json!({})),
        false => Err(ParameterError::NotFound(name.to_owned()).into()),
    }
}

pub(super) async fn delete_several(state: ParameterStore, call: Call) -> Result<Response<Body>, AwsError> {
    let given: Named = call.json()?;
    let (mut deleted, mut invalid) = (Vec::new(), Vec::new());
    for name in given.names {
        match state.delete(&name).await? {
            true => deleted.push(name),
            false => invalid.push(name),
        }
    }
    done(&json!({ "DeletedParameters": deleted, "InvalidParameters": invalid }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tagged {
    resource_type: String,
    resource_id: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

impl Tagged {
    /// The parameter that a request is about.
    fn read(call: &Call) -> Result<Self, AwsError> {
        let given: Self = call.json()?;
        match given.resource_type.as_str() {
            "Parameter" => Ok(given),
            other => Err(AwsError::client(
                "InvalidResourceType",
                format!("{other} is not a valid resource type. Valid resource types are: Parameter."),
            )),
        }
    }
}

/// Tags are of a resource, and so is the error where it is not there.
fn of_resource(error: ParameterError) -> AwsError {
    match error {
        ParameterError::NotFound(name) => AwsError::client(
            "InvalidResourceId",
            format!("The resource ID \"{name}\" is not valid. Verify the ID and try again."),
        ),
        other => other.into(),
    }
}

pub(super) async fn add_tags(state: ParameterStore, call: Call) -> Result<Response<Body>, AwsError> {
    let given = Tagged::read(&call)?;
    state.tag(&given.resource_id, tags_of(given.tags), &[]).await.map_err(of_resource)?;
    done(&json!({}))
}

pub(super) async fn remove_tags(state: ParameterStore, call: Call) -> Result<Response<Body>, AwsError> {
    let given = Tagged::read(&call)?;
    state.tag(&given.resource_id, BTreeMap::new(), &given.tag_keys).await.map_err(of_resource)?;
    done(&json!({}))
}

pub(super) async fn list_tags(state: ParameterStore, call: Call) -> Result<Response<Body>, AwsError> {
    let given = Tagged::read(&call)?;
    let parameter = state.get(&given.resource_id).map_err(of_resource)?;
    done(&json!({ "TagList": show_tags(&parameter.tags) }))
}

#[cfg(test)]
mod reference_tests {
    use super::reference;

    #[test]
    fn parameters_are_named_by_name_or_arn_with_a_version() {
        let of = |name: &str, version| (name.to_owned(), version);
        assert_eq!(reference("/a/b").unwrap(), of("/a/b", None));
        assert_eq!(reference("a:3").unwrap(), of("a", Some(3)));
        assert_eq!(
            reference("arn:aws:ssm:us-east-1:000000000000:parameter/a/b:2").unwrap(),
            of("/a/b", Some(2))
        );
        assert!(reference("a:label").is_err());
    }
}
