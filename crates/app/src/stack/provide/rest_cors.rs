//! The `OPTIONS` methods of REST APIs that serverless templates ask for with `Cors`.
//!
//! Source: the AWS SAM specification, "CorsConfiguration"; the Serverless Framework documentation, "API Gateway", "Enabling
//! CORS" (2026-11).

use ebb_sources::http_api::{Resource, RestDefinition};
use serde_json::{Map, Value as Json, json};

use super::{Message, Properties, said};

/// What an answer to a preflight says, each a text in quotes as the API has it.
struct Cors {
    origin: String,
    /// Where there are several, each gets itself.
    origins: Vec<String>,
    headers: Option<String>,
    methods: Option<String>,
    max_age: Option<String>,
    credentials: bool,
}

impl Cors {
    fn of(cors: &Json) -> Result<Self, Message> {
        let Json::String(origin) = cors else {
            let own = Properties::of(cors);
            let text = |name: &str| own.text(name).map(|text| quoted(&text));
            return Ok(Self {
                origin: text("AllowOrigin").unwrap_or_else(|| "'*'".to_owned()),
                origins: own.texts("AllowOrigins").unwrap_or_default(),
                headers: text("AllowHeaders"),
                methods: text("AllowMethods"),
                max_age: text("MaxAge"),
                credentials: own.boolean("AllowCredentials")?.unwrap_or(false),
            });
        };
        let (origins, headers, methods, max_age, credentials) = (Vec::new(), None, None, None, false);
        Ok(Self { origin: quoted(origin), origins, headers, methods, max_age, credentials })
    }

    /// The headers of an answer for a resource.
    fn headers(&self, resource: &Resource) -> Map<String, Json> {
        let listed: Vec<&str> = match resource.resource_methods.contains_key("ANY") {
            true => vec!["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
            false => resource.resource_methods.keys().map(String::as_str).chain(["OPTIONS"]).collect(),
        };
        let methods = self.methods.clone().unwrap_or_else(|| quoted(&listed.join(",")));
        let all = [
            ("Origin", Some(self.origin.clone())),
            ("Methods", Some(methods)),
            ("Headers", self.headers.clone()),
            ("Credentials", self.credentials.then(|| "'true'".to_owned())),
        ];
        let mut headers: Map<String, Json> = all
            .into_iter()
            .filter_map(|(name, value)| Some((format!("Access-Control-Allow-{name}"), value?.into())))
            .collect();
        headers.extend(self.max_age.clone().map(|age| ("Access-Control-Max-Age".to_owned(), age.into())));
        headers.into_iter().map(|(name, value)| (format!("method.response.header.{name}"), value)).collect()
    }

    /// The template of an answer: of several origins, the one that asks is named.
    fn template(&self) -> String {
        if self.origins.len() < 2 {
            return "{}\n".to_owned();
        }
        let one = |origin: &String| format!("$origin == \"{}\"", origin.trim_matches('\''));
        let any = self.origins.iter().map(one).collect::<Vec<_>>().join(" || ");
        format!(
            "#set($origin = $input.params(\"origin\"))\n#if({any})\n\
             #set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)\n#end\n{{}}\n"
        )
    }
}

fn quoted(text: &str) -> String {
    if text.starts_with('\'') { text.to_owned() } else { format!("'{text}'") }
}

/// Adds the methods: to every path, or to those that `Paths` names, each with settings of its own. A method that is there
/// stays as it is.
pub(super) fn add(definition: &mut RestDefinition, cors: Option<&Json>) -> Result<(), Message> {
    let Some(cors) = cors else { return Ok(()) };
    let paths = cors.get("Paths").and_then(Json::as_object);
    for resource in &mut definition.resources {
        if resource.resource_methods.is_empty() || resource.resource_methods.contains_key("OPTIONS") {
            continue;
        }
        let own = match paths {
            Some(paths) => paths.get(&resource.path),
            None => Some(cors),
        };
        let Some(own) = own.map(Cors::of).transpose()? else { continue };
        let method = json!({
            "httpMethod": "OPTIONS",
            "methodResponses": { "200": { "statusCode": "200" } },
            "methodIntegration": {
                "type": "MOCK",
                "requestTemplates": { "application/json": "{\n  \"statusCode\" : 200\n}\n" },
                "integrationResponses": {
                    "200": {
                        "statusCode": "200",
                        "responseParameters": own.headers(resource),
                        "responseTemplates": { "application/json": own.template() },
                    },
                },
            },
        });
        resource.resource_methods.insert("OPTIONS".to_owned(), serde_json::from_value(method).map_err(said)?);
    }
    Ok(())
}
