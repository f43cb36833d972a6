//! Documents of both kinds.

use serde_json::json;

use super::*;

#[test]
fn an_http_api_has_routes_integrations_and_authorizers() {
    let document = json!({
        "openapi": "3.0.1",
        "info": { "title": "shop", "version": "1.0" },
        "paths": {
            "/items/{id}": {
                "get": {
                    "security": [{ "tokens": ["read"] }],
                    "x-amazon-apigateway-integration": { "$ref": "#/components/x-amazon-apigateway-integrations/fn" },
                },
                "x-amazon-apigateway-any-method": {
                    "security": [{ "decider": [] }],
                    "x-amazon-apigateway-integration": { "type": "http_proxy", "httpMethod": "ANY", "uri": "http://h/" },
                },
            },
            "/$default": { "x-amazon-apigateway-any-method": { "x-amazon-apigateway-auth": { "type": "AWS_IAM" } } },
        },
        "components": {
            "securitySchemes": {
                "tokens": { "type": "oauth2", "x-amazon-apigateway-authorizer": {
                    "type": "jwt", "jwtConfiguration": { "issuer": "https://i", "audience": ["a"] },
                } },
                "decider": { "type": "apiKey", "in": "header", "name": "Authorization", "x-amazon-apigateway-authorizer": {
                    "type": "request", "authorizerUri": "arn:x", "identitySource": "$request.header.A, $request.header.B",
                    "authorizerPayloadFormatVersion": "2.0", "enableSimpleResponses": true, "authorizerResultTtlInSeconds": 60,
                } },
            },
            "x-amazon-apigateway-integrations": { "fn": {
                "type": "aws_proxy", "uri": "arn:f", "payloadFormatVersion": 2.0, "timeoutInMillis": "5000",
            } },
        },
        "x-amazon-apigateway-cors": { "allowOrigins": ["*"] },
    });
    let api = http_api(&document).unwrap();
    assert_eq!((api.name.as_str(), api.version.as_deref()), ("shop", Some("1.0")));
    assert_eq!(api.cors_configuration.unwrap().allow_origins.unwrap(), ["*"]);
    let find = |key: &str| api.definition.routes.iter().find(|route| route.route_key == key).unwrap();
    let route = find("GET /items/{id}");
    let integration = api.definition.integration(route).unwrap();
    assert_eq!(integration.payload_format_version.as_deref(), Some("2.0"));
    assert_eq!(
        (integration.integration_uri.as_deref(), integration.timeout_in_millis),
        (Some("arn:f"), Some(5000))
    );
    assert_eq!(route.authorization_type, "JWT");
    assert_eq!(route.authorization_scopes.as_deref(), Some(&["read".to_owned()][..]));
    let tokens = api.definition.authorizer(route.authorizer_id.as_deref().unwrap()).unwrap();
    assert_eq!(tokens.identity_source, ["$request.header.Authorization"]);
    let other = find("ANY /items/{id}");
    assert_eq!(other.authorization_type, "CUSTOM");
    let decider = api.definition.authorizer(other.authorizer_id.as_deref().unwrap()).unwrap();
    assert_eq!(decider.identity_source, ["$request.header.A", "$request.header.B"]);
    assert_eq!(decider.authorizer_result_ttl_in_seconds, Some(60));
    assert_eq!(find("$default").authorization_type, "AWS_IAM");
}

#[test]
fn a_rest_api_has_resources_models_validators_and_answers() {
    let document = json!({
        "swagger": "2.0",
        "info": { "title": "pets" },
        "x-amazon-apigateway-request-validators": { "all": { "validateRequestBody": true, "validateRequestParameters": true } },
        "x-amazon-apigateway-request-validator": "all",
        "x-amazon-apigateway-gateway-responses": { "DEFAULT_4XX": { "statusCode": 418, "responseParameters": { "gatewayresponse.header.A": "'*'" } } },
        "x-amazon-apigateway-binary-media-types": ["image/png"],
        "securityDefinitions": {
            "key": { "type": "apiKey", "name": "x-api-key", "in": "header" },
            "token": { "type": "apiKey", "name": "X-Token", "in": "header", "x-amazon-apigateway-authtype": "custom",
                "x-amazon-apigateway-authorizer": { "type": "token", "authorizerUri": "arn:a" } },
        },
        "paths": { "/pets": {
            "parameters": [{ "name": "page", "in": "query", "required": true }],
            "post": {
                "security": [{ "key": [] }, { "token": [] }],
                "parameters": [{ "in": "body", "name": "pet", "schema": { "$ref": "#/definitions/Pet" } }],
                "responses": { "200": {} },
                "x-amazon-apigateway-integration": { "type": "http", "uri": "http://h/", "passthroughBehavior": "when_no_match",
                    "responses": { "default": { "statusCode": "200" }, "5\\d{2}": { "statusCode": "502" } } },
            },
            "get": { "security": [], "x-amazon-apigateway-integration": { "type": "mock" } },
        } },
        "definitions": { "Pet": { "type": "object" } },
    });
    let api = rest_api(&document).unwrap();
    let definition = &api.definition;
    let matched = definition.route("POST", "/pets").unwrap();
    let method = matched.method;
    assert!(method.api_key_required && method.authorization_type == "CUSTOM");
    let authorizer = definition.authorizer(method.authorizer_id.as_deref().unwrap()).unwrap();
    assert_eq!(authorizer.identity_source.as_deref(), Some("method.request.header.X-Token"));
    assert!(method.request_parameters["method.request.querystring.page"]);
    assert_eq!(method.request_models["application/json"], "Pet");
    assert!(definition.validator(method).unwrap().validate_request_body && definition.model("Pet").is_some());
    let integration = method.method_integration.as_ref().unwrap();
    assert_eq!(
        (integration.kind.as_str(), integration.passthrough_behavior.as_str()),
        ("HTTP", "WHEN_NO_MATCH")
    );
    assert_eq!(integration.integration_responses["502"].selection_pattern.as_deref(), Some("5\\d{2}"));
    assert_eq!(definition.gateway_responses["DEFAULT_4XX"].status_code.as_deref(), Some("418"));
    assert_eq!(api.binary_media_types, ["image/png"]);
    let open = definition.route("GET", "/pets").unwrap().method;
    assert!(open.authorization_type == "NONE" && !open.api_key_required);
}

#[test]
fn a_scheme_that_is_not_there_is_refused_by_name() {
    let document = json!({ "paths": { "/": { "get": { "security": [{ "gone": [] }] } } } });
    for error in [http_api(&document).unwrap_err(), rest_api(&document).unwrap_err()] {
        assert!(error.to_string().contains("gone"), "{error}");
    }
}
