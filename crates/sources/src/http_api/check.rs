//! What documents must be like.

use std::collections::BTreeSet;

use super::HttpApiError;
use super::document::{HttpApi, Integration, Protocol, Route};
use super::rest::RestApi;

const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

fn invalid(message: impl Into<String>) -> HttpApiError {
    HttpApiError::Invalid(message.into())
}

/// Checks an HTTP or WebSocket API.
pub(super) fn http(api: &HttpApi) -> Result<(), HttpApiError> {
    if api.name.is_empty() || api.name.len() > 128 {
        return Err(invalid("The name of an API must have 1 to 128 characters."));
    }
    let mut keys = BTreeSet::new();
    for one in &api.definition.routes {
        route(api, one)?;
        if !keys.insert(&one.route_key) {
            let text = format!("Route with key {} already exists for this API", one.route_key);
            return Err(HttpApiError::Conflict(text));
        }
    }
    for one in &api.definition.integrations {
        integration(api.protocol_type, one)?;
    }
    let mut names = BTreeSet::new();
    for stage in &api.stages {
        let name = &stage.stage_name;
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name != super::DEFAULT_STAGE && (name.is_empty() || name.len() > 128 || !name.chars().all(legal)) {
            return Err(invalid(format!(
                "Invalid stage name {name:?}. Only a-z, A-Z, 0-9, _ and - are allowed, or $default."
            )));
        }
        if !names.insert(name) {
            return Err(HttpApiError::Conflict("Stage already exists".to_owned()));
        }
        if let Some(id) = stage.deployment_id.as_ref().filter(|_| !stage.auto_deploy)
            && !api.deployments.iter().any(|deployment| deployment.deployment_id == *id)
        {
            return Err(HttpApiError::NotFound(format!("Invalid deployment identifier specified {id}")));
        }
    }
    Ok(())
}

fn route(api: &HttpApi, route: &Route) -> Result<(), HttpApiError> {
    if api.protocol_type == Protocol::Http {
        http_key(&route.route_key)?;
    }
    if let Some(target) = &route.target {
        let id = target.strip_prefix("integrations/").unwrap_or_default();
        if !api.definition.integrations.iter().any(|one| one.integration_id == id) {
            return Err(HttpApiError::NotFound(format!("Invalid Integration identifier specified {target}")));
        }
    }
    let known = ["NONE", "AWS_IAM", "CUSTOM", "JWT"];
    if !known.contains(&route.authorization_type.as_str()) {
        return Err(invalid(format!("authorizationType must be one of {}", known.join(", "))));
    }
    if matches!(route.authorization_type.as_str(), "CUSTOM" | "JWT") {
        let found = route.authorizer_id.as_deref().and_then(|id| api.definition.authorizer(id));
        let Some(found) = found else {
            return Err(invalid("AuthorizerId is required when AuthorizationType is CUSTOM or JWT."));
        };
        let wanted = if route.authorization_type == "JWT" { "JWT" } else { "REQUEST" };
        if found.authorizer_type != wanted {
            return Err(invalid(format!(
                "The authorizer {} is not of the type {wanted}.",
                found.authorizer_id
            )));
        }
    }
    Ok(())
}

/// A route key of an HTTP API. Source: API Gateway developer guide, "Create routes for HTTP APIs" (2026-11).
fn http_key(key: &str) -> Result<(), HttpApiError> {
    if key == "$default" {
        return Ok(());
    }
    let wrong = || {
        invalid(format!(
            "The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> \
             /<RESOURCE PATH>\" or \"$default\": {key}"
        ))
    };
    let (method, path) = key.split_once(' ').ok_or_else(wrong)?;
    if !METHODS.contains(&method) || !path.starts_with('/') {
        return Err(wrong());
    }
    let last = path.split('/').count() - 1;
    for (at, segment) in path.split('/').enumerate() {
        let variable = segment.starts_with('{') || segment.ends_with('}');
        let inner = segment.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        match inner {
            Some(name) if name.ends_with('+') && at != last => {
                return Err(invalid("The greedy path variable must be at the end of the path."));
            }
            Some(name) if name.is_empty() || name.contains(['{', '}']) => return Err(wrong()),
            None if variable => return Err(wrong()),
            _ => {}
        }
    }
    Ok(())
}

fn integration(protocol: Protocol, integration: &Integration) -> Result<(), HttpApiError> {
    let known: &[&str] = match protocol {
        Protocol::Http => &["AWS_PROXY", "HTTP_PROXY"],
        Protocol::WebSocket => &["AWS_PROXY", "AWS", "HTTP_PROXY", "HTTP", "MOCK"],
    };
    let kind = integration.integration_type.as_str();
    if !known.contains(&kind) {
        return Err(invalid(format!("IntegrationType must be one of {}, not {kind}.", known.join(", "))));
    }
    let version = integration.payload_format_version.as_deref();
    if protocol == Protocol::Http
        && kind == "AWS_PROXY"
        && integration.integration_subtype.is_none()
        && !matches!(version, Some("1.0" | "2.0"))
    {
        return Err(invalid("PayloadFormatVersion is a required parameter for integration: 1.0 or 2.0."));
    }
    if integration.timeout_in_millis.is_some_and(|millis| !(50..=30_000).contains(&millis)) {
        return Err(invalid("TimeoutInMillis must be between 50 and 30000."));
    }
    if kind.starts_with("HTTP") {
        let uri = integration.integration_uri.as_deref().unwrap_or_default();
        // What a variable of a stage will be is not known here.
        let known = ["http://", "https://", "${stageVariables."];
        if !known.iter().any(|start| uri.starts_with(start)) {
            return Err(invalid("Invalid HTTP endpoint specified for URI"));
        }
    }
    Ok(())
}

/// Checks a REST API.
pub(super) fn rest(api: &RestApi) -> Result<(), HttpApiError> {
    if api.name.is_empty() {
        return Err(invalid("The name of an API must not be empty."));
    }
    for resource in &api.definition.resources {
        for (name, method) in &resource.resource_methods {
            if !METHODS.contains(&name.as_str()) {
                return Err(invalid(format!("Invalid HttpMethod specified: {name} on {}", resource.path)));
            }
            let Some(integration) = &method.method_integration else { continue };
            if !["AWS_PROXY", "AWS", "HTTP_PROXY", "HTTP", "MOCK"].contains(&integration.kind.as_str()) {
                return Err(invalid(format!("Unknown integration type {}", integration.kind)));
            }
            if !(50..=29_000).contains(&integration.timeout_in_millis) {
                return Err(invalid("Timeout should be between 50 ms and 29000 ms"));
            }
        }
    }
    Ok(())
}
