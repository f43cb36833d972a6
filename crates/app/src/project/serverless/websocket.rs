//! The WebSocket API of a service.
//!
//! Source: Serverless Framework documentation, "Websocket" (2026-11); the logical ids are its own.

use serde_json::{Map, Value as Json, json};

const API: &str = "WebsocketsApi";

/// Adds a route that leads to a function, and the API where it is the first.
pub(super) fn add(function: &str, key: &str, resources: &mut Map<String, Json>) {
    let reference = |logical: &str| json!({ "Ref": logical });
    let target = super::logical(function, "LambdaFunction");
    let of_function = super::logical(function, "");
    let of_route = route_id(key);
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
            "RouteSelectionExpression": "$request.body.action",
        }),
    );
    let integration = format!("{of_function}WebsocketsIntegration");
    let uri = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function}/invocations";
    put(
        &integration,
        "AWS::ApiGatewayV2::Integration",
        json!({
            "ApiId": reference(API),
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": { "Fn::Sub": [uri, { "Function": { "Fn::GetAtt": [target, "Arn"] } }] },
        }),
    );
    put(
        &format!("{of_function}LambdaPermissionWebsockets"),
        "AWS::Lambda::Permission",
        json!({
            "Action": "lambda:InvokeFunction",
            "FunctionName": { "Fn::GetAtt": [target, "Arn"] },
            "Principal": "apigateway.amazonaws.com",
        }),
    );
    put(
        &format!("{of_route}WebsocketsRoute"),
        "AWS::ApiGatewayV2::Route",
        json!({
            "ApiId": reference(API),
            "RouteKey": key,
            "AuthorizationType": "NONE",
            "Target": { "Fn::Join": ["/", ["integrations", reference(&integration)]] },
        }),
    );
    put(
        "WebsocketsDeploymentStage",
        "AWS::ApiGatewayV2::Stage",
        json!({
            "ApiId": reference(API),
            "StageName": "dev",
            "AutoDeploy": true,
        }),
    );
}

/// The part of logical ids that stands for a route.
fn route_id(key: &str) -> String {
    let name = key.trim_start_matches('$');
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let prefix = if key.starts_with('$') { "S" } else { "" };
    format!("{prefix}{letters}")
}
