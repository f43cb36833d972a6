//! APIs out of OpenAPI documents (2.0 and 3.0) with the extensions of API Gateway.
//!
//! Source: API Gateway developer guide, "OpenAPI extensions for API Gateway" (2026-11).

mod export;
mod export_http;
mod http;
mod rest;
mod security;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::HttpApiError;

pub use export::{Extensions as ExportExtensions, Form as ExportForm, exported};
pub use export_http::exported_http;
pub use http::http_api;
pub use rest::rest_api;

const INTEGRATION: &str = "x-amazon-apigateway-integration";
const ANY: &str = "x-amazon-apigateway-any-method";
const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch", "trace", ANY];

fn invalid(what: impl std::fmt::Display) -> HttpApiError {
    HttpApiError::Invalid(what.to_string())
}

/// An operation of a document.
struct Operation<'a> {
    path: &'a str,
    /// In capitals; `ANY` for all.
    method: String,
    value: &'a Value,
    /// What all operations of its path have.
    shared: &'a Value,
}

/// All operations of a document.
fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let mut found = Vec::new();
    for (path, shared) in paths {
        for name in METHODS {
            let Some(value) = shared.get(*name) else { continue };
            let method = if *name == ANY { "ANY".to_owned() } else { name.to_ascii_uppercase() };
            found.push(Operation { path, method, value, shared });
        }
    }
    found
}

/// What a value refers to in its document, where it is a reference; else the value.
fn referred<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

/// The members of an integration, with its type in capitals; none where an operation has no integration.
fn integration(document: &Value, operation: &Operation<'_>) -> Option<Map<String, Value>> {
    let mut given = referred(document, operation.value.get(INTEGRATION)?).as_object()?.clone();
    for name in ["type", "passthroughBehavior", "connectionType", "contentHandling"] {
        if let Some(text) = given.get(name).and_then(Value::as_str).map(str::to_ascii_uppercase) {
            given.insert(name.to_owned(), text.into());
        }
    }
    // Templates may have numbers as texts.
    if let Some(number) =
        given.get("timeoutInMillis").and_then(Value::as_str).and_then(|own| own.parse::<u32>().ok())
    {
        given.insert("timeoutInMillis".to_owned(), number.into());
    }
    Some(given)
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}
