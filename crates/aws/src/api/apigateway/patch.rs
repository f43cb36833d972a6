//! Changes of documents by operations, as this version's updates have them.
//!
//! Source: API Gateway API reference, "PatchOperation" (2026-11): paths are JSON pointers into the document, values are
//! always text.

use ebb_sources::http_api::HttpApiError;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::wire::{AwsError, Call};

/// The body of an update.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    #[serde(default)]
    patch_operations: Vec<Operation>,
}

/// One change.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Operation {
    op: String,
    path: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    from: Option<String>,
}

/// What a value in a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Truth,
    Number,
    /// Texts; a path names one of them, or all, where the value then is one.
    List,
}

const TRUTHS: [&str; 12] = [
    "apiKeyRequired",
    "cacheClusterEnabled",
    "cacheDataEncrypted",
    "cachingEnabled",
    "dataTraceEnabled",
    "disableExecuteApiEndpoint",
    "enabled",
    "metricsEnabled",
    "requireAuthorizationForCacheControl",
    "tracingEnabled",
    "validateRequestBody",
    "validateRequestParameters",
];
const NUMBERS: [&str; 10] = [
    "authorizerResultTtlInSeconds",
    "burstLimit",
    "cacheTtlInSeconds",
    "limit",
    "minimumCompressionSize",
    "offset",
    "rateLimit",
    "throttlingBurstLimit",
    "throttlingRateLimit",
    "timeoutInMillis",
];
const LISTS: [&str; 6] =
    ["authorizationScopes", "binaryMediaTypes", "cacheKeyParameters", "providerARNs", "stageKeys", "types"];

fn kind_of(name: &str) -> Kind {
    match name {
        _ if TRUTHS.contains(&name) => Kind::Truth,
        _ if NUMBERS.contains(&name) => Kind::Number,
        _ if LISTS.contains(&name) => Kind::List,
        _ => Kind::Text,
    }
}

fn invalid(what: impl std::fmt::Display) -> HttpApiError {
    HttpApiError::Invalid(what.to_string())
}

/// The operations that a call gives.
pub(super) fn operations(call: &Call) -> Result<Vec<Operation>, AwsError> {
    let update: Update = call.json()?;
    Ok(update.patch_operations)
}

impl Operation {
    /// The parts of its path, decoded.
    pub(super) fn path(&self) -> Vec<String> {
        let parts = self.path.strip_prefix('/').unwrap_or(&self.path).split('/');
        parts.map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
    }

    /// The parts of its path, as they were written.
    pub(super) fn raw_path(&self) -> Vec<&str> {
        self.path.strip_prefix('/').unwrap_or(&self.path).split('/').collect()
    }

    pub(super) fn removes(&self) -> bool {
        self.op == "remove"
    }

    pub(super) fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Another operation that puts this one's value elsewhere.
    pub(super) fn at(&self, path: String) -> Self {
        Self { path, ..self.clone() }
    }
}

/// A document of the domain with the changes of operations. `truths` are members whose own members are true or false.
pub(super) fn patched<T: Serialize + DeserializeOwned>(
    document: &T,
    operations: &[Operation],
    truths: &[&str],
) -> Result<T, HttpApiError> {
    let mut value = serde_json::to_value(document).map_err(invalid)?;
    for operation in operations {
        apply(&mut value, operation, truths)?;
    }
    serde_json::from_value(value)
        .map_err(|error| invalid(format!("Invalid patch operation specified: {error}")))
}

fn apply(document: &mut Value, operation: &Operation, truths: &[&str]) -> Result<(), HttpApiError> {
    let path = operation.path();
    let (last, above) = path.split_last().ok_or_else(|| invalid("Invalid patch path"))?;
    let mut at = document;
    for step in above {
        let Some(map) = at.as_object_mut() else {
            return Err(invalid(format!("Invalid patch path {}", operation.path)));
        };
        let empty =
            if kind_of(step) == Kind::List { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
        let next = map.entry(step.clone()).or_insert(Value::Null);
        if next.is_null() {
            *next = empty;
        }
        at = next;
    }
    let parent = above.last().map_or("", String::as_str);
    match at {
        Value::Array(list) => change_list(list, operation, last),
        Value::Object(map) => {
            let kind = if truths.contains(&parent) { Kind::Truth } else { kind_of(last) };
            change_member(map, operation, last, kind)
        }
        _ => Err(invalid(format!("Invalid patch path {}", operation.path))),
    }
}

fn change_list(list: &mut Vec<Value>, operation: &Operation, item: &str) -> Result<(), HttpApiError> {
    match operation.op.as_str() {
        "add" if !list.iter().any(|own| own == item) => list.push(item.into()),
        "add" => {}
        "remove" => list.retain(|own| own != item),
        "replace" => {
            let value =
                operation.value.clone().ok_or_else(|| invalid("a replace operation needs a value"))?;
            list.iter_mut().filter(|own| *own == item).for_each(|own| *own = value.clone().into());
        }
        other => return Err(invalid(format!("the patch operation {other} is not built yet for lists"))),
    }
    Ok(())
}

fn change_member(
    map: &mut Map<String, Value>,
    operation: &Operation,
    name: &str,
    kind: Kind,
) -> Result<(), HttpApiError> {
    let value = || operation.value.clone().ok_or_else(|| invalid("an operation needs a value"));
    match (operation.op.as_str(), kind) {
        ("add" | "replace", Kind::List) => {
            let list = map.entry(name.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
            let Value::Array(list) = list else { return Err(invalid(format!("{name} is no list"))) };
            if operation.op == "replace" {
                list.clear();
            }
            list.push(value()?.into());
        }
        ("remove", Kind::List) if operation.value.is_some() => {
            let gone = value()?;
            if let Some(Value::Array(list)) = map.get_mut(name) {
                list.retain(|own| *own != gone.as_str());
            }
        }
        ("add" | "replace", kind) => {
            map.insert(name.to_owned(), read(name, &value()?, kind)?);
        }
        ("remove", _) => {
            map.remove(name);
        }
        ("copy", _) => {
            let from = operation.from.as_deref().unwrap_or_default().trim_start_matches('/');
            let copied =
                map.get(from).cloned().ok_or_else(|| invalid(format!("there is no {from} to copy")))?;
            map.insert(name.to_owned(), copied);
        }
        (other, _) => return Err(invalid(format!("Invalid patch operation specified: {other}"))),
    }
    Ok(())
}

fn read(name: &str, text: &str, kind: Kind) -> Result<Value, HttpApiError> {
    match kind {
        Kind::Text | Kind::List => Ok(text.into()),
        Kind::Truth => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err(invalid(format!("{name} must be true or false, not {text:?}"))),
        },
        Kind::Number => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => Ok(whole.into()),
            (_, Ok(number)) => Ok(number.into()),
            _ => Err(invalid(format!("{name} must be a number, not {text:?}"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(document: &Value, operation: Value, expected: Result<Value, &str>) {
        let operation: Operation = serde_json::from_value(operation).unwrap();
        match (patched(document, std::slice::from_ref(&operation), &["requestParameters"]), expected) {
            (Ok(changed), Ok(expected)) => assert_eq!(changed, expected, "{operation:?}"),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (result, _) => panic!("{operation:?}: {result:?}"),
        }
    }

    #[test]
    fn operations_change_documents() {
        let op = |op: &str, path: &str, value: &str| json!({ "op": op, "path": path, "value": value });
        check(&json!({ "a": "1" }), op("replace", "/a", "2"), Ok(json!({ "a": "2" })));
        check(&json!({}), op("replace", "/apiKeyRequired", "true"), Ok(json!({ "apiKeyRequired": true })));
        check(
            &json!({}),
            op("add", "/throttle/rateLimit", "2.5"),
            Ok(json!({ "throttle": { "rateLimit": 2.5 } })),
        );
        check(
            &json!({ "variables": { "x": "1" } }),
            json!({ "op": "remove", "path": "/variables/x" }),
            Ok(json!({ "variables": {} })),
        );
        check(
            &json!({}),
            op("add", "/binaryMediaTypes/image~1png", ""),
            Ok(json!({ "binaryMediaTypes": ["image/png"] })),
        );
        check(
            &json!({ "binaryMediaTypes": ["a/b", "c/d"] }),
            json!({ "op": "remove", "path": "/binaryMediaTypes/a~1b" }),
            Ok(json!({ "binaryMediaTypes": ["c/d"] })),
        );
        check(
            &json!({}),
            op("add", "/requestParameters/method.request.querystring.q", "true"),
            Ok(json!({ "requestParameters": { "method.request.querystring.q": true } })),
        );
        check(
            &json!({ "d": "x" }),
            json!({ "op": "copy", "from": "/d", "path": "/e" }),
            Ok(json!({ "d": "x", "e": "x" })),
        );
        check(&json!({}), op("replace", "/enabled", "maybe"), Err("true or false"));
        check(&json!({}), op("replace", "/limit", "many"), Err("must be a number"));
        check(&json!({}), op("test", "/a", "1"), Err("test"));
        check(&json!({ "a": "text" }), op("add", "/a/b", "1"), Err("Invalid patch path"));
    }
}
