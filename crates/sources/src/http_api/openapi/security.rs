//! Who may call an operation.

use serde_json::Value;

pub(super) const AUTHORIZER: &str = "x-amazon-apigateway-authorizer";

/// Who may call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Access<'a> {
    /// Everybody.
    Open,
    /// Whoever signs.
    Signed,
    /// Whoever a scheme lets in.
    Scheme {
        /// Its name.
        name: &'a str,
        /// Scopes of which one is needed.
        scopes: Vec<&'a str>,
    },
}

/// The security schemes of a document.
pub(super) fn schemes(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let all = document.pointer("/components/securitySchemes").or_else(|| document.get("securityDefinitions"));
    all.and_then(Value::as_object).into_iter().flatten()
}

fn scheme<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
    schemes(document).find(|(own, _)| *own == name).map(|(_, scheme)| scheme)
}

/// Whether a scheme only asks for an API key.
fn is_key(scheme: &Value) -> bool {
    scheme["type"] == "apiKey"
        && scheme.get(AUTHORIZER).is_none()
        && scheme.get("x-amazon-apigateway-authtype").is_none()
}

/// What an operation asks for, and all operations where it says nothing.
fn required<'a>(document: &'a Value, operation: &'a Value) -> Vec<(&'a String, &'a Value)> {
    let list = operation.get("security").or_else(|| document.get("security")).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object).flatten().collect()
}

/// Who may call an operation.
pub(super) fn access<'a>(document: &'a Value, operation: &'a Value) -> Access<'a> {
    match operation.pointer("/x-amazon-apigateway-auth/type").and_then(Value::as_str) {
        Some("AWS_IAM") => return Access::Signed,
        Some("NONE") => return Access::Open,
        _ => {}
    }
    for (name, scopes) in required(document, operation) {
        let scheme = scheme(document, name);
        if scheme.is_some_and(is_key) {
            continue;
        }
        let signed = |scheme: &Value| {
            let kind = scheme["x-amazon-apigateway-authtype"].as_str().unwrap_or_default();
            kind.eq_ignore_ascii_case("awsSigv4")
        };
        if scheme.is_some_and(signed) {
            return Access::Signed;
        }
        let scopes = scopes.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        return Access::Scheme { name, scopes };
    }
    Access::Open
}

/// Whether an operation asks for an API key.
pub(super) fn needs_key(document: &Value, operation: &Value) -> bool {
    required(document, operation).iter().any(|(name, _)| scheme(document, name).is_some_and(is_key))
}
