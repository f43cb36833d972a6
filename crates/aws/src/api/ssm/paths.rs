//! Many parameters: those below a path, and all that a filter lets through.

use std::sync::Arc;

use ebb_model::Parameter;
use ebb_sources::parameters::ParameterStore;
use http::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{LONGEST_PAGE, PAGE, arn, done, shown};
use crate::wire::{AwsError, Body, Call, PageRequest, epoch_seconds};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    #[serde(default)]
    path: String,
    #[serde(default)]
    recursive: bool,
    #[serde(default)]
    parameter_filters: Vec<Filter>,
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    key: String,
    #[serde(default)]
    option: Option<String>,
    #[serde(default)]
    values: Vec<String>,
}

impl Filter {
    /// Whether a parameter passes. Source: the API reference, `ParameterStringFilter`.
    fn passes(&self, parameter: &Parameter) -> Result<bool, AwsError> {
        let invalid = |code: &'static str, message: String| Err(AwsError::client(code, message));
        let option = self.option.as_deref().unwrap_or("Equals");
        let any = |test: &dyn Fn(&str) -> bool| self.values.iter().any(|value| test(value));
        let text = match self.key.as_str() {
            "Name" => parameter.name.as_str(),
            "Type" => {
                let kind = serde_json::to_value(parameter.current().kind).map_err(AwsError::internal)?;
                return Ok(any(&|value| kind == value));
            }
            "Path" => return Ok(any(&|value| below(&parameter.name, value, option == "Recursive"))),
            "DataType" => "text",
            "Tier" => "Standard",
            key => match key.strip_prefix("tag:") {
                Some(tag) => {
                    let own = parameter.tags.get(tag);
                    return Ok(own.is_some_and(|own| self.values.is_empty() || self.values.contains(own)));
                }
                None => {
                    return invalid("InvalidFilterKey", format!("The filter key {key} is not valid in ebb."));
                }
            },
        };
        match option {
            "Equals" => Ok(any(&|value| text == value)),
            "BeginsWith" => Ok(any(&|value| text.starts_with(value))),
            "Contains" => Ok(any(&|value| text.contains(value))),
            other => invalid("InvalidFilterOption", format!("The filter option {other} is not valid.")),
        }
    }
}

/// Whether a name is below a path: directly, or however deep.
fn below(name: &str, path: &str, recursive: bool) -> bool {
    let path = path.trim_end_matches('/');
    match name.strip_prefix(path).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) => recursive || !rest.contains('/'),
        None => path.is_empty() && !name.contains('/'),
    }
}

/// A page of parameters.
fn page(
    state: &ParameterStore,
    asked: &Asked,
    within: impl Fn(&Parameter) -> bool,
    show: impl Fn(&Parameter) -> Value,
) -> Result<Response<Body>, AwsError> {
    let mut found: Vec<Arc<Parameter>> = Vec::new();
    for parameter in state.all().values().filter(|parameter| within(parameter)) {
        let passes = asked.parameter_filters.iter().map(|filter| filter.passes(parameter));
        if passes.collect::<Result<Vec<_>, _>>()?.into_iter().all(|passes| passes) {
            found.push(Arc::clone(parameter));
        }
    }
    let size = asked.max_results.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
    let page = PageRequest::new(asked.next_token.as_deref(), size)
        .map_err(|_| AwsError::client("InvalidNextToken", "The specified token is not valid."))?;
    let (found, next) = page.cut(found, |parameter| parameter.name.clone());
    let mut answer = Map::new();
    answer.insert("Parameters".to_owned(), found.iter().map(|parameter| show(parameter)).collect());
    answer.extend(next.map(|next| ("NextToken".to_owned(), next.into())));
    done(&Value::Object(answer))
}

pub(super) async fn by_path(state: ParameterStore, call: Call) -> Result<Response<Body>, AwsError> {
    let asked: Asked = call.json()?;
    if !asked.path.starts_with('/') {
        let message = format!(
            "The parameter path must begin with a slash, unlike {}: it is a hierarchy of names.",
            asked.path
        );
        return Err(AwsError::client("ValidationException", message));
    }
    let within = |parameter: &Parameter| below(&parameter.name, &asked.path, asked.recursive);
    page(&state, &asked, within, |parameter| shown(&call, parameter, None).unwrap_or_default())
}

pub(super) async fn describe(state: ParameterStore, call: Call) -> Result<Response<Body>, AwsError> {
    let asked: Asked = call.json()?;
    page(
        &state,
        &asked,
        |_| true,
        |parameter| {
            let current = parameter.current();
            let mut shown = json!({
                "Name": parameter.name, "ARN": arn(&call, &parameter.name), "Type": current.kind,
                "LastModifiedDate": epoch_seconds(current.modified), "Version": current.number, "Tier": "Standard",
                "Policies": [], "DataType": "text",
            });
            if let Some(description) = &parameter.description {
                shown["Description"] = description.as_str().into();
            }
            if let Some(pattern) = &parameter.allowed_pattern {
                shown["AllowedPattern"] = pattern.as_str().into();
            }
            shown
        },
    )
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn paths_hold_what_is_directly_below_or_all() {
        for (name, path, recursive, expected) in [
            ("/a/b", "/a", false, true),
            ("/a/b", "/a/", false, true),
            ("/a/b/c", "/a", false, false),
            ("/a/b/c", "/a", true, true),
            ("/ab", "/a", true, false),
            ("/a", "/", false, true),
            ("plain", "/", false, true),
        ] {
            assert_eq!(below(name, path, recursive), expected, "{name} below {path}");
        }
    }
}
