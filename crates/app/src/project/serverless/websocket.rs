//! The WebSocket API of a service.
//!
//! Source: Serverless Framework documentation, "Websocket" (2026-11); the logical ids are its own.

use serde_json::{Map, Value as Json, json};

use crate::template::Node;

const API: &str = "WebsocketsApi";

/// A route, and what its API is told with it.
pub(super) struct Route<'a> {
    pub(super) function: &'a str,
    pub(super) key: &'a str,
    pub(super) stage: &'a str,
    /// What tells the route of a message.
    pub(super) selection: Option<&'a str>,
    /// Whether what the function returns is sent back.
    pub(super) answers: Option<String>,
    /// Who decides whether a connection is made.
    pub(super) authorizer: Option<Authorizer>,
}

/// A function that decides.
pub(super) struct Authorizer {
    name: String,
    /// Its ARN, where it is none of the service's own.
    arn: Option<Json>,
    sources: Json,
}

impl Authorizer {
    /// Of what an event says: the name of a function, or more of it.
    pub(super) fn of(given: &Node) -> Result<Self, String> {
        let arn = given.get("arn").map(Node::to_json);
        let said = given.scalar().or_else(|| given.get("name").and_then(Node::scalar));
        let name = match (said, &arn) {
            (Some(name), _) => name,
            (None, Some(_)) => "websocket".to_owned(),
            (None, None) => {
                return Err("an authorizer of a websocket event is the name of a function".to_owned());
            }
        };
        let sources = given.get("identitySource").map(Node::to_json);
        let sources = match sources {
            Some(Json::Array(several)) => Json::Array(several),
            Some(one) => json!([one]),
            None => json!(["route.request.header.Auth"]),
        };
        Ok(Self { name, arn, sources })
    }
}

fn reference(logical: &str) -> Json {
    json!({ "Ref": logical })
}

/// The address by which an API calls a function.
fn uri(arn: &Json) -> Json {
    let uri = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function}/invocations";
    json!({ "Fn::Sub": [uri, { "Function": arn }] })
}

fn permission(function: &Json) -> Json {
    json!({
        "Action": "lambda:InvokeFunction",
        "FunctionName": function,
        "Principal": "apigateway.amazonaws.com",
    })
}

/// Adds a route that leads to a function, and the API where it is the first.
pub(super) fn add(route: &Route<'_>, resources: &mut Map<String, Json>) {
    let own_arn =
        |function: &str| json!({ "Fn::GetAtt": [super::logical(function, "LambdaFunction"), "Arn"] });
    let of_function = super::logical(route.function, "");
    let target = own_arn(route.function);
    let mut put = |logical: &str, kind: &str, properties: Json| {
        let resource = json!({ "Type": kind, "Properties": properties });
        resources.entry(logical.to_owned()).or_insert(resource);
    };
    put(
        API,
        "AWS::ApiGatewayV2::Api",
        json!({
            "Name": { "Fn::Sub": "${AWS::StackName}-websockets" },
            "ProtocolType": "WEBSOCKET",
            "RouteSelectionExpression": route.selection.unwrap_or("$request.body.action"),
        }),
    );
    let integration = format!("{of_function}WebsocketsIntegration");
    put(
        &integration,
        "AWS::ApiGatewayV2::Integration",
        json!({ "ApiId": reference(API), "IntegrationType": "AWS_PROXY", "IntegrationUri": uri(&target) }),
    );
    let permitted = format!("{of_function}LambdaPermissionWebsockets");
    put(&permitted, "AWS::Lambda::Permission", permission(&target));
    let mut properties = json!({
        "ApiId": reference(API),
        "RouteKey": route.key,
        "AuthorizationType": "NONE",
        "Target": { "Fn::Join": ["/", ["integrations", reference(&integration)]] },
    });
    if let Some(answers) = &route.answers {
        properties["RouteResponseSelectionExpression"] = answers.as_str().into();
    }
    if let Some(authorizer) = &route.authorizer {
        let logical = format!("{}WebsocketsAuthorizer", super::logical(&authorizer.name, ""));
        let arn = authorizer.arn.clone().unwrap_or_else(|| own_arn(&authorizer.name));
        put(
            &logical,
            "AWS::ApiGatewayV2::Authorizer",
            json!({
                "ApiId": reference(API),
                "AuthorizerType": "REQUEST",
                "Name": authorizer.name,
                "AuthorizerUri": uri(&arn),
                "IdentitySource": authorizer.sources,
            }),
        );
        let permitted = format!("{}LambdaPermissionWebsockets", super::logical(&authorizer.name, ""));
        put(&permitted, "AWS::Lambda::Permission", permission(&arn));
        properties["AuthorizationType"] = "CUSTOM".into();
        properties["AuthorizerId"] = reference(&logical);
    }
    put(&format!("{}WebsocketsRoute", route_id(route.key)), "AWS::ApiGatewayV2::Route", properties);
    put(
        "WebsocketsDeploymentStage",
        "AWS::ApiGatewayV2::Stage",
        json!({ "ApiId": reference(API), "StageName": route.stage, "AutoDeploy": true }),
    );
}

/// The part of logical ids that stands for a route.
fn route_id(key: &str) -> String {
    let name = key.trim_start_matches('$');
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let prefix = if key.starts_with('$') { "S" } else { "" };
    format!("{prefix}{letters}")
}
