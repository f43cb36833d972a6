//! Who may call the routes of a service: authorizers of `http` and `httpApi` events, as SAM has them.
//!
//! Source: Serverless Framework documentation, "API Gateway", section "HTTP Endpoints with Custom Authorizers", and "HTTP
//! API", sections "JWT Authorizers" and "Lambda (Request) Authorizers" (2026-11).

use serde_json::{Map, Value as Json, json};

use super::{Service, logical};
use crate::template::{Fault, Node};

/// The authorizers of a service, by name.
pub(super) struct Authorizers {
    pub(super) http: Map<String, Json>,
    pub(super) rest: Map<String, Json>,
}

/// What an event says of who may call it: the name of an authorizer.
pub(super) fn asked(authorizer: &Node, http: bool) -> Option<Json> {
    let kind = authorizer.get("type").and_then(Node::scalar).or_else(|| authorizer.scalar());
    if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("aws_iam")) {
        return Some(json!({ "Authorizer": "AWS_IAM" }));
    }
    let mut asked = json!({ "Authorizer": if http { name_of(authorizer)? } else { rest_name(authorizer)? } });
    if let Some(scopes) = authorizer.get("scopes") {
        asked["AuthorizationScopes"] = scopes.to_json();
    }
    Some(asked)
}

fn name_of(authorizer: &Node) -> Option<String> {
    authorizer.get("name").and_then(Node::scalar).or_else(|| authorizer.scalar())
}

/// The name of an authorizer of a REST API: that of its function, or the end of its ARN.
fn rest_name(authorizer: &Node) -> Option<String> {
    let arn = authorizer.get("arn").map(Node::to_json);
    let end = |arn: &Json| match arn {
        Json::String(text) => Some(text.rsplit([':', '/']).next()?.to_owned()),
        _ => Some("authorizer".to_owned()),
    };
    name_of(authorizer).or_else(|| end(&arn?))
}

/// All authorizers that the service has.
pub(super) fn authorizers(service: &Service<'_>) -> Result<Authorizers, Fault> {
    let mut found = Authorizers { http: Map::new(), rest: Map::new() };
    let given = service.provider.get("httpApi").and_then(|api| api.get("authorizers"));
    for one in given.into_iter().flat_map(Node::entries) {
        found.http.insert(one.key.clone(), http(&one.value)?);
    }
    for (_, event) in service.events() {
        let Some(authorizer) = event.get("http").and_then(|http| http.get("authorizer")) else { continue };
        let signed = asked(authorizer, false).is_some_and(|asked| asked["Authorizer"] == "AWS_IAM");
        if let Some(name) = rest_name(authorizer).filter(|_| !signed) {
            let made = rest(&name, authorizer);
            found.rest.entry(name).or_insert(made);
        }
    }
    Ok(found)
}

fn http(given: &Node) -> Result<Json, Fault> {
    let text = |name: &str| given.get(name).map(Node::to_json);
    if given.get("type").and_then(Node::as_str) != Some("request") {
        let audience = text("audience").map(|one| if one.is_array() { one } else { json!([one]) });
        return Ok(json!({
            "IdentitySource": text("identitySource"),
            "JwtConfiguration": { "issuer": text("issuerUrl"), "audience": audience },
        }));
    }
    let function = match (given.get("functionName").and_then(Node::scalar), text("functionArn")) {
        (Some(name), _) => json!({ "Fn::GetAtt": [logical(&name, "LambdaFunction"), "Arn"] }),
        (None, Some(arn)) => arn,
        (None, None) => {
            return Err(Fault::new(given.line, "an authorizer needs functionName or functionArn".to_owned()));
        }
    };
    let mut authorizer = json!({
        "FunctionArn": function,
        "EnableFunctionDefaultPermissions": true,
        "AuthorizerPayloadFormatVersion": text("payloadVersion").unwrap_or_else(|| "2.0".into()),
        "EnableSimpleResponses": text("enableSimpleResponses").unwrap_or_else(|| false.into()),
    });
    let sources = text("identitySource").unwrap_or_else(|| json!("$request.header.Authorization"));
    let sources = if sources.is_array() { sources } else { json!([sources]) };
    let headers: Vec<Json> = sources
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|source| source.as_str()?.strip_prefix("$request.header."))
        .map(Json::from)
        .collect();
    authorizer["Identity"] = json!({ "Headers": headers });
    if let Some(seconds) = text("resultTtlInSeconds") {
        authorizer["Identity"]["ReauthorizeEvery"] = seconds;
    }
    Ok(authorizer)
}

fn rest(name: &str, given: &Node) -> Json {
    let text = |name: &str| given.get(name).map(Node::to_json);
    let arn = text("arn");
    let pool = arn
        .as_ref()
        .is_some_and(|arn| arn.to_string().contains("cognito-idp") || arn.to_string().contains("UserPool"));
    if pool {
        return json!({ "UserPoolArn": arn });
    }
    let function = arn.unwrap_or_else(|| json!({ "Fn::GetAtt": [logical(name, "LambdaFunction"), "Arn"] }));
    let mut authorizer = json!({ "FunctionArn": function });
    if given.get("type").and_then(Node::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("request")) {
        authorizer["FunctionPayloadType"] = "REQUEST".into();
    }
    let source = given.get("identitySource").and_then(Node::scalar);
    let source = source.unwrap_or_else(|| "method.request.header.Authorization".to_owned());
    let headers: Vec<&str> =
        source.split(',').filter_map(|source| source.trim().strip_prefix("method.request.header.")).collect();
    match authorizer.get("FunctionPayloadType") {
        Some(_) => authorizer["Identity"] = json!({ "Headers": headers }),
        None => authorizer["Identity"] = json!({ "Header": headers.first() }),
    }
    if let Some(seconds) = text("resultTtlInSeconds") {
        authorizer["Identity"]["ReauthorizeEvery"] = seconds;
    }
    authorizer
}
