//! Parameters: types, defaults and constraints.
//!
//! Source: CloudFormation user guide, "Parameters" (2026-11).

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::Value as Json;

use super::node::{Entry, Fault, Node};

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ParameterValue {
    /// What `Ref` gives: a string, or a list of them.
    pub(crate) value: Json,
    /// What was given, or the default.
    pub(crate) text: String,
    /// Whether it is not shown to anybody.
    pub(crate) hidden: bool,
}

const KEYS: &[&str] = &[
    "Type",
    "Default",
    "AllowedValues",
    "AllowedPattern",
    "ConstraintDescription",
    "Description",
    "MinLength",
    "MaxLength",
    "MinValue",
    "MaxValue",
    "NoEcho",
];

/// The values of all parameters. `given` are those of the caller; `stored` reads the parameter store.
pub(crate) fn resolve(
    parameters: &[Entry],
    given: &BTreeMap<String, String>,
    stored: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, ParameterValue>, Fault> {
    if let Some(unknown) = given.keys().find(|name| !parameters.iter().any(|entry| entry.key == **name)) {
        return Err(Fault::new(0, format!("Parameters: [{unknown}] do not exist in the template")));
    }
    let one = |entry: &Entry| Ok((entry.key.clone(), value_of(entry, given.get(&entry.key), stored)?));
    parameters.iter().map(one).collect()
}

fn value_of(
    entry: &Entry,
    given: Option<&String>,
    stored: &dyn Fn(&str) -> Option<String>,
) -> Result<ParameterValue, Fault> {
    let Entry { key, line, value: node } = entry;
    if let Some(unknown) = node.entries().iter().find(|entry| !KEYS.contains(&entry.key.as_str())) {
        let message = format!("parameter {key} has {}, which parameters do not have", unknown.key);
        return Err(Fault::new(unknown.line, message));
    }
    let kind = node.get("Type").and_then(Node::as_str).unwrap_or_default();
    if kind.is_empty() {
        return Err(Fault::new(*line, format!("parameter {key} has no Type")));
    }
    let default = node.get("Default").and_then(default_text);
    let Some(text) = given.cloned().or(default) else {
        return Err(Fault::new(*line, format!("Parameters: [{key}] must have values")));
    };
    let list = kind == "CommaDelimitedList" || kind.contains("List<");
    let items: Vec<String> = match list {
        true if text.is_empty() => Vec::new(),
        true => text.split(',').map(|item| item.trim().to_owned()).collect(),
        false => vec![text.clone()],
    };
    for item in &items {
        check(entry, kind, item)?;
    }
    let value = if let Some(name) = kind.starts_with("AWS::SSM::Parameter::Value<").then_some(&text) {
        let found = stored(name).ok_or_else(|| {
            Fault::new(*line, format!("parameter {key} names {name}, which is not in the parameter store"))
        })?;
        Json::String(found)
    } else if list {
        Json::Array(items.into_iter().map(Json::String).collect())
    } else {
        Json::String(text.clone())
    };
    let hidden = node.get("NoEcho").and_then(Node::scalar).is_some_and(|text| text == "true");
    Ok(ParameterValue { value, text, hidden })
}

fn default_text(node: &Node) -> Option<String> {
    match node.as_list() {
        Some(items) => Some(items.iter().filter_map(Node::scalar).collect::<Vec<_>>().join(",")),
        None => node.scalar(),
    }
}

fn check(entry: &Entry, kind: &str, text: &str) -> Result<(), Fault> {
    let Entry { key, line, value: node } = entry;
    let explained = node.get("ConstraintDescription").and_then(Node::scalar);
    let fail = |what: String| {
        let what = explained.clone().map_or(what, |why| format!("failed to satisfy constraint: {why}"));
        Fault::new(*line, format!("Parameter {key} {what} (it is {text:?})"))
    };
    if kind.contains("Number") && text.parse::<f64>().is_err() {
        return Err(fail("must be a number".to_owned()));
    }
    if let Some(allowed) = node.get("AllowedValues").and_then(Node::as_list) {
        let allowed: Vec<String> = allowed.iter().filter_map(Node::scalar).collect();
        if !allowed.iter().any(|value| value == text) {
            return Err(fail(format!("must be one of {}", allowed.join(", "))));
        }
    }
    if let Some(pattern) = node.get("AllowedPattern").and_then(Node::scalar) {
        let regex = Regex::new(&format!("^(?:{pattern})$"))
            .map_err(|error| Fault::new(*line, format!("AllowedPattern of {key}: {error}")))?;
        if !regex.is_match(text) {
            return Err(fail(format!("must match pattern {pattern}")));
        }
    }
    let bound = |name: &str| node.get(name).and_then(Node::scalar).and_then(|text| text.parse::<f64>().ok());
    let length = f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX));
    let number = text.parse::<f64>().ok();
    let bounds = [
        ("MinLength", Some(length), true, "must contain at least", "characters"),
        ("MaxLength", Some(length), false, "must contain at most", "characters"),
        ("MinValue", number, true, "must be a number not less than", ""),
        ("MaxValue", number, false, "must be a number not greater than", ""),
    ];
    for (name, measured, least, what, unit) in bounds {
        if let (Some(limit), Some(measured)) = (bound(name), measured)
            && (if least { measured < limit } else { measured > limit })
        {
            return Err(fail(format!("{what} {limit} {unit}").trim_end().to_owned()));
        }
    }
    Ok(())
}
