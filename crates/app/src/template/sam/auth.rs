//! `Auth` of serverless APIs: authorizers become security schemes, and routes ask for them.
//!
//! Source: AWS SAM developer guide, "ApiAuth", "HttpApiAuth", "ApiFunctionAuth" and "HttpApiFunctionAuth" (2026-11).

use serde_json::{Map, Value as Json, json};

use super::super::node::{Entry, Fault, Node};
use super::{Output, reference};

/// The scheme of API keys.
const KEY: &str = "api_key";

/// What an API says of who may call it.
pub(super) struct Auth<'a> {
    api: &'a Entry,
    own: Json,
    rest: bool,
}

impl<'a> Auth<'a> {
    pub(super) fn of(api: &'a Entry, rest: bool) -> Self {
        let own =
            api.value.get("Properties").and_then(|own| own.get("Auth")).map_or(Json::Null, Node::to_json);
        Self { api, own, rest }
    }

    fn fault(&self, message: String) -> Fault {
        Fault::new(self.api.line, message)
    }

    fn authorizers(&self) -> impl Iterator<Item = (&String, &Json)> {
        self.own["Authorizers"].as_object().into_iter().flatten()
    }

    /// Writes into an operation who may call it. `asked` is what the event says.
    pub(super) fn secure(&self, operation: &mut Json, asked: Option<&Json>) -> Result<(), Fault> {
        let nothing = Json::Null;
        let asked = asked.unwrap_or(&nothing);
        let named = asked["Authorizer"].as_str().or_else(|| self.own["DefaultAuthorizer"].as_str());
        let mut security = Vec::new();
        match named {
            None | Some("NONE") => {}
            Some("AWS_IAM") => operation["x-amazon-apigateway-auth"] = json!({ "type": "AWS_IAM" }),
            Some(name) => {
                let Some((_, authorizer)) = self.authorizers().find(|(own, _)| *own == name) else {
                    return Err(self.fault(format!("{} has no authorizer {name}", self.api.key)));
                };
                let scopes =
                    asked.get("AuthorizationScopes").or_else(|| authorizer.get("AuthorizationScopes"));
                security.push(json!({ name: scopes.cloned().unwrap_or_else(|| json!([])) }));
            }
        }
        let key = asked.get("ApiKeyRequired").or_else(|| self.own.get("ApiKeyRequired"));
        if key.is_some_and(|key| *key == true || *key == "true") {
            security.push(json!({ KEY: [] }));
        }
        if !security.is_empty() {
            operation["security"] = Json::Array(security);
        }
        Ok(())
    }

    /// Adds the security schemes to a document, and what authorizers need besides.
    pub(super) fn declare(&self, body: &mut Json, output: &mut Output) -> Result<(), Fault> {
        if self.own.get("ResourcePolicy").is_some() {
            return Err(self.fault(format!("ResourcePolicy of {} is not built yet in ebb", self.api.key)));
        }
        let mut schemes = Map::new();
        for (name, given) in self.authorizers() {
            schemes.insert(name.clone(), self.scheme(name, given, output)?);
        }
        schemes.insert(KEY.to_owned(), json!({ "type": "apiKey", "name": "x-api-key", "in": "header" }));
        let all = if body.get("swagger").is_some() {
            &mut body["securityDefinitions"]
        } else {
            &mut body["components"]["securitySchemes"]
        };
        match all.as_object_mut() {
            Some(all) => all.extend(schemes),
            None => *all = Json::Object(schemes),
        }
        Ok(())
    }

    fn scheme(&self, name: &str, given: &Json, output: &mut Output) -> Result<Json, Fault> {
        if let Some(jwt) = given.get("JwtConfiguration") {
            let part = |names: [&str; 2]| {
                names.iter().find_map(|name| jwt.get(*name)).cloned().unwrap_or(Json::Null)
            };
            let source = given
                .get("IdentitySource")
                .cloned()
                .unwrap_or_else(|| "$request.header.Authorization".into());
            return Ok(json!({ "type": "oauth2", "x-amazon-apigateway-authorizer": {
                "type": "jwt",
                "identitySource": source,
                "jwtConfiguration": { "issuer": part(["issuer", "Issuer"]), "audience": part(["audience", "Audience"]) },
            } }));
        }
        if let Some(pool) = given.get("UserPoolArn") {
            return Ok(json!({ "type": "apiKey", "name": "Authorization", "in": "header",
                "x-amazon-apigateway-authtype": "cognito_user_pools",
                "x-amazon-apigateway-authorizer": { "type": "cognito_user_pools", "providerARNs": [pool] } }));
        }
        let Some(function) = given.get("FunctionArn") else {
            return Err(
                self.fault(format!("the authorizer {name} of {} is of no kind that ebb knows", self.api.key))
            );
        };
        let identity = &given["Identity"];
        let token = self.rest && given["FunctionPayloadType"].as_str() != Some("REQUEST");
        let mut authorizer = json!({
            "type": if token { "token" } else { "request" },
            "authorizerUri": uri(function),
        });
        let sources = self.sources(identity);
        if !token && !sources.is_empty() {
            authorizer["identitySource"] = sources.join(", ").into();
        }
        for (from, to) in [
            ("ReauthorizeEvery", "authorizerResultTtlInSeconds"),
            ("ValidationExpression", "identityValidationExpression"),
        ] {
            if let Some(value) = identity.get(from) {
                authorizer[to] = value.clone();
            }
        }
        for (from, to) in [
            ("FunctionInvokeRole", "authorizerCredentials"),
            ("AuthorizerPayloadFormatVersion", "authorizerPayloadFormatVersion"),
            ("EnableSimpleResponses", "enableSimpleResponses"),
        ] {
            if let Some(value) = given.get(from) {
                authorizer[to] = value.clone();
            }
        }
        if self.rest || given["EnableFunctionDefaultPermissions"] == true {
            self.permit(name, function, output);
        }
        let header = identity["Header"].as_str().unwrap_or("Authorization");
        let header = if token { header } else { "Unused" };
        Ok(
            json!({ "type": "apiKey", "name": header, "in": "header", "x-amazon-apigateway-authtype": "custom",
            "x-amazon-apigateway-authorizer": authorizer }),
        )
    }

    /// What an authorizer looks at, as the API writes it.
    fn sources(&self, identity: &Json) -> Vec<String> {
        let prefix = |what: &str| match (self.rest, what) {
            (true, "header" | "querystring") => format!("method.request.{what}."),
            (true, what) => format!("{what}."),
            (false, "header" | "querystring") => format!("$request.{what}."),
            (false, what) => format!("${what}."),
        };
        let mut found = Vec::new();
        for (member, what) in [
            ("Headers", "header"),
            ("QueryStrings", "querystring"),
            ("StageVariables", "stageVariables"),
            ("Context", "context"),
        ] {
            let names = identity[member].as_array().into_iter().flatten().filter_map(Json::as_str);
            found.extend(names.map(|name| prefix(what) + name));
        }
        found
    }

    /// Lets the API call the function.
    fn permit(&self, name: &str, function: &Json, output: &mut Output) {
        let source = json!({ "Fn::Sub": [
            "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/authorizers/*",
            { "Api": reference(&self.api.key) },
        ] });
        let permission = json!({ "Type": "AWS::Lambda::Permission", "Properties": {
            "Action": "lambda:InvokeFunction", "FunctionName": function, "Principal": "apigateway.amazonaws.com",
            "SourceArn": source,
        } });
        let logical = format!("{}{name}AuthorizerPermission", self.api.key);
        output.add(&logical, self.api.line, permission);
    }

    /// The usage plan that a REST API asks for.
    pub(super) fn plan(&self, stage: &str, stage_id: &str, output: &mut Output) -> Result<(), Fault> {
        let given = &self.own["UsagePlan"];
        match given["CreateUsagePlan"].as_str() {
            None | Some("NONE") => return Ok(()),
            Some("PER_API") => {}
            Some(other) => {
                return Err(self.fault(format!(
                    "CreateUsagePlan of {} is {other}, which is not built yet in ebb",
                    self.api.key
                )));
            }
        }
        let (api, line) = (&self.api.key, self.api.line);
        let mut plan = json!({ "ApiStages": [{ "ApiId": reference(api), "Stage": stage }] });
        for name in ["Description", "Quota", "Tags", "Throttle", "UsagePlanName"] {
            if let Some(value) = given.get(name) {
                plan[name] = value.clone();
            }
        }
        let (plan_id, key_id) = (format!("{api}UsagePlan"), format!("{api}ApiKey"));
        output.add(
            &plan_id,
            line,
            json!({ "Type": "AWS::ApiGateway::UsagePlan", "DependsOn": stage_id, "Properties": plan }),
        );
        let key =
            json!({ "Enabled": true, "StageKeys": [{ "RestApiId": reference(api), "StageName": stage }] });
        output.add(
            &key_id,
            line,
            json!({ "Type": "AWS::ApiGateway::ApiKey", "DependsOn": plan_id, "Properties": key }),
        );
        let both =
            json!({ "KeyId": reference(&key_id), "KeyType": "API_KEY", "UsagePlanId": reference(&plan_id) });
        output.add(
            &format!("{api}UsagePlanKey"),
            line,
            json!({ "Type": "AWS::ApiGateway::UsagePlanKey", "Properties": both }),
        );
        Ok(())
    }
}

/// The URI under which API Gateway invokes a function.
pub(super) fn uri(function: &Json) -> Json {
    json!({
        "Fn::Sub": [
            "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function}/invocations",
            { "Function": function },
        ],
    })
}
