//! Events of functions, as SAM has them.

use serde_json::{Map, Value as Json, json};

use super::{Service, access, websocket};
use crate::template::{Fault, Node};

/// Translates one event. Resources that it implies go to `resources`.
pub(super) fn translate(
    service: &Service<'_>,
    function: &str,
    event: &Node,
    resources: &mut Map<String, Json>,
) -> Result<Vec<Json>, Fault> {
    let (kind, given, line) = match (event.as_str(), event.entries()) {
        (Some(kind), _) => (kind, event.clone(), event.line),
        (None, [entry, ..]) => (entry.key.as_str(), entry.value.clone(), entry.line),
        _ => return Err(Fault::new(event.line, format!("{function}: an event must have a type"))),
    };
    let one = Event { function, given: &given, line };
    match kind {
        "httpApi" => one.http("HttpApi", service.payload().as_deref()),
        "http" => one.http("Api", None),
        "sqs" => one.sqs(),
        "sns" => one.sns(resources),
        "websocket" => one.websocket(service, resources),
        "s3" => one.s3(resources),
        "schedule" => one.schedule(),
        // The older name of rules of the default bus, whose pattern is its `event`.
        "eventBridge" | "cloudwatchEvent" => one.event_bridge(),
        "cloudwatchLog" => one.log(service, resources),
        _ => Err(Fault::new(line, format!("{function}: events of type {kind} are not built yet in ebb"))),
    }
}

/// The method and the path of an `http` or `httpApi` event.
pub(super) fn place(given: &Node) -> Option<(String, String)> {
    let (method, path) = match given.as_str() {
        Some("*") => ("any".to_owned(), "$default".to_owned()),
        Some(text) => {
            let (method, path) = text.trim().split_once(char::is_whitespace)?;
            (method.to_lowercase(), path.trim().to_owned())
        }
        None => {
            let text = |name: &str| given.get(name).and_then(Node::scalar);
            (text("method").unwrap_or_else(|| "any".to_owned()).to_lowercase(), text("path")?)
        }
    };
    let method = if method == "*" { "any".to_owned() } else { method };
    let path = if path.starts_with('/') || path == "$default" { path } else { format!("/{path}") };
    Some((method, path))
}

struct Event<'a> {
    function: &'a str,
    given: &'a Node,
    line: u32,
}

impl Event<'_> {
    fn wrong(&self, what: &str) -> Fault {
        Fault::new(self.line, format!("{}: {what}", self.function))
    }

    /// Properties under the names that SAM has for them.
    fn renamed(&self, names: &[(&str, &str)]) -> Map<String, Json> {
        let one = |(from, to): &(&str, &str)| Some(((*to).to_owned(), self.given.get(from)?.to_json()));
        names.iter().filter_map(one).collect()
    }

    fn http(&self, kind: &str, payload: Option<&str>) -> Result<Vec<Json>, Fault> {
        let proxies = |node: &&Node| {
            matches!(node.scalar().as_deref(), Some("lambda-proxy" | "LAMBDA_PROXY" | "AWS_PROXY"))
        };
        if let Some(node) = self.given.get("integration").filter(|node| !proxies(node)) {
            let message = format!("{}: integration of http events is not built yet in ebb", self.function);
            return Err(Fault::new(node.line, message));
        }
        let (method, path) = place(self.given)
            .ok_or_else(|| self.wrong("an http event needs a path, or is written like \"GET /path\""))?;
        let mut properties = json!({ "Path": path, "Method": method });
        if let Some(payload) = payload {
            properties["PayloadFormatVersion"] = payload.into();
        }
        if let Some(authorizer) = self.given.get("authorizer") {
            properties["Auth"] = access::asked(authorizer, kind == "HttpApi")
                .ok_or_else(|| self.wrong("its authorizer has no name, and is no function"))?;
        }
        if self.given.get("private").and_then(Node::scalar).as_deref() == Some("true") {
            properties["Auth"]["ApiKeyRequired"] = true.into();
        }
        if let Some((name, _)) = schema(self.given) {
            properties["RequestModel"] = json!({ "Model": name, "Required": true, "ValidateBody": true });
        }
        if let Some(given) = self.given.get("request").and_then(|request| request.get("parameters")) {
            let parameters: Vec<Json> = parameters(given);
            let asks = parameters.iter().any(|one| one.as_object().is_some());
            if asks && properties.get("RequestModel").is_none() {
                properties["RequestChecks"] = true.into();
            }
            properties["RequestParameters"] = parameters.into();
        }
        Ok(vec![json!({ "Type": kind, "Properties": properties })])
    }

    /// A route of the service's WebSocket API, which the first one makes.
    fn websocket(
        &self,
        service: &Service<'_>,
        resources: &mut Map<String, Json>,
    ) -> Result<Vec<Json>, Fault> {
        let text = |name: &str| self.given.get(name).and_then(Node::scalar);
        let key = self.given.scalar().or_else(|| text("route"));
        let key = key.ok_or_else(|| self.wrong("a websocket event needs a route"))?;
        let authorizer = self.given.get("authorizer").map(websocket::Authorizer::of);
        let authorizer = authorizer.transpose().map_err(|what| self.wrong(&what))?;
        let selection = service.provider.get("websocketsApiRouteSelectionExpression").and_then(Node::scalar);
        websocket::add(
            &websocket::Route {
                function: self.function,
                key: &key,
                stage: &service.stage,
                selection: selection.as_deref(),
                answers: text("routeResponseSelectionExpression"),
                authorizer,
            },
            resources,
        );
        Ok(Vec::new())
    }

    fn sqs(&self) -> Result<Vec<Json>, Fault> {
        let mut properties = self.renamed(&[
            ("batchSize", "BatchSize"),
            ("maximumBatchingWindow", "MaximumBatchingWindowInSeconds"),
            ("enabled", "Enabled"),
        ]);
        let arn = self.given.get("arn").map_or_else(|| self.given.to_json(), Node::to_json);
        properties.insert("Queue".to_owned(), arn);
        if let Some(kind) = self.given.get("functionResponseType") {
            properties.insert("FunctionResponseTypes".to_owned(), json!([kind.to_json()]));
        }
        if let Some(limit) = self.given.get("maximumConcurrency") {
            properties.insert("ScalingConfig".to_owned(), json!({ "MaximumConcurrency": limit.to_json() }));
        }
        if let Some(patterns) = self.given.get("filterPatterns").and_then(Node::as_list) {
            let filters: Vec<Json> =
                patterns.iter().map(|one| json!({ "Pattern": one.to_json().to_string() })).collect();
            properties.insert("FilterCriteria".to_owned(), json!({ "Filters": filters }));
        }
        Ok(vec![json!({ "Type": "SQS", "Properties": properties })])
    }

    fn sns(&self, resources: &mut Map<String, Json>) -> Result<Vec<Json>, Fault> {
        let text = |name: &str| self.given.get(name).and_then(Node::scalar);
        let named = self.given.as_str().filter(|text| !text.starts_with("arn:")).map(str::to_owned);
        let named = named.or_else(|| text("topicName").filter(|_| self.given.get("arn").is_none()));
        // A topic that is named is the service's own.
        let own = named.map(|name| {
            let logical = format!("SNSTopic{}", super::logical(&name.replace('.', ""), ""));
            let mut properties = json!({ "TopicName": name });
            if let Some(shown) = text("displayName") {
                properties["DisplayName"] = shown.into();
            }
            let topic = json!({ "Type": "AWS::SNS::Topic", "Properties": properties });
            resources.entry(logical.clone()).or_insert(topic);
            json!({ "Ref": logical })
        });
        let elsewhere = self.given.intrinsic().is_some()
            || self.given.as_str().is_some()
            || self.given.get("arn").is_some();
        if own.is_none() && !elsewhere {
            return Err(self.wrong("an sns event needs the name or the arn of a topic"));
        }
        let mut properties =
            self.renamed(&[("filterPolicy", "FilterPolicy"), ("filterPolicyScope", "FilterPolicyScope")]);
        let arn = self.given.get("arn").map_or_else(|| self.given.to_json(), Node::to_json);
        properties.insert("Topic".to_owned(), own.unwrap_or(arn));
        Ok(vec![json!({ "Type": "SNS", "Properties": properties })])
    }

    fn s3(&self, resources: &mut Map<String, Json>) -> Result<Vec<Json>, Fault> {
        let text = |name: &str| self.given.get(name).and_then(Node::scalar);
        if text("existing").as_deref() == Some("true") {
            return Err(self.wrong("s3 events of existing buckets are not built yet in ebb"));
        }
        let bucket = self.given.scalar().or_else(|| text("bucket"));
        let bucket = bucket.ok_or_else(|| self.wrong("an s3 event needs a bucket"))?;
        let logical = format!("S3Bucket{}", super::logical(&bucket.replace('.', ""), ""));
        resources
            .entry(logical.clone())
            .or_insert_with(|| json!({ "Type": "AWS::S3::Bucket", "Properties": { "BucketName": bucket } }));
        let event = text("event").unwrap_or_else(|| "s3:ObjectCreated:*".to_owned());
        let mut properties = json!({ "Bucket": { "Ref": logical }, "Events": event });
        if let Some(rules) = self.given.get("rules").and_then(Node::as_list) {
            let rules: Vec<Json> = rules
                .iter()
                .flat_map(Node::entries)
                .map(|rule| json!({ "Name": rule.key, "Value": rule.value.to_json() }))
                .collect();
            properties["Filter"] = json!({ "S3Key": { "Rules": rules } });
        }
        Ok(vec![json!({ "Type": "S3", "Properties": properties })])
    }

    fn schedule(&self) -> Result<Vec<Json>, Fault> {
        let rates = match (self.given.as_str(), self.given.get("rate")) {
            (Some(rate), _) => vec![Json::from(rate)],
            (None, Some(node)) => {
                node.as_list().unwrap_or(std::slice::from_ref(node)).iter().map(Node::to_json).collect()
            }
            (None, None) => return Err(self.wrong("a schedule needs a rate")),
        };
        let input = self.given.get("input").map(|node| match node.as_str() {
            Some(text) => Json::from(text),
            None => Json::from(node.to_json().to_string()),
        });
        let scheduler = self.given.get("method").and_then(Node::as_str) == Some("scheduler");
        let mut events = Vec::new();
        for rate in rates {
            let mut properties = self.renamed(&[("description", "Description"), ("name", "Name")]);
            properties.extend(input.clone().map(|input| ("Input".to_owned(), input)));
            let enabled = self.given.get("enabled").and_then(Node::scalar).is_none_or(|text| text != "false");
            properties.insert("State".to_owned(), if enabled { "ENABLED" } else { "DISABLED" }.into());
            if scheduler {
                properties.extend(self.renamed(&[("timezone", "ScheduleExpressionTimezone")]));
                properties.insert("ScheduleExpression".to_owned(), rate);
                properties.entry("OmitName").or_insert_with(|| true.into());
                events.push(json!({ "Type": "ScheduleV2", "Properties": properties }));
            } else {
                properties.insert("Schedule".to_owned(), rate);
                events.push(json!({ "Type": "Schedule", "Properties": properties }));
            }
        }
        Ok(events)
    }

    /// What is written to a log group. That of a function of the service is made with the service, before it prints.
    fn log(&self, service: &Service<'_>, resources: &mut Map<String, Json>) -> Result<Vec<Json>, Fault> {
        let text = |name: &str| self.given.get(name).and_then(Node::scalar);
        let group = self.given.scalar().or_else(|| text("logGroup"));
        let group = group.ok_or_else(|| self.wrong("a cloudwatchLog event needs the name of a log group"))?;
        let group = one_line(&group);
        let group = match log_group(service, &group) {
            Some(logical) => {
                let made = json!({ "Type": "AWS::Logs::LogGroup", "Properties": { "LogGroupName": group } });
                resources.entry(logical.clone()).or_insert(made);
                json!({ "Ref": logical })
            }
            None => group.into(),
        };
        let pattern = unescaped(one_line(&text("filter").unwrap_or_default()));
        let properties = json!({ "LogGroupName": group, "FilterPattern": pattern });
        Ok(vec![json!({ "Type": "CloudWatchLogs", "Properties": properties })])
    }

    fn event_bridge(&self) -> Result<Vec<Json>, Fault> {
        let mut properties = self.renamed(&[
            ("pattern", "Pattern"),
            ("event", "Pattern"),
            ("eventBus", "EventBusName"),
            ("inputPath", "InputPath"),
        ]);
        if let Some(node) = self.given.get("input") {
            properties.insert("Input".to_owned(), node.to_json().to_string().into());
        }
        if let Some(node) = self.given.get("inputTransformer") {
            let template = node.get("inputTemplate").map(Node::to_json);
            let paths = node.get("inputPathsMap").map(Node::to_json);
            properties.insert(
                "InputTransformer".to_owned(),
                json!({ "InputTemplate": template, "InputPathsMap": paths.unwrap_or_else(|| json!({})) }),
            );
        }
        if let Some(schedule) = self.given.get("schedule") {
            properties.insert("Schedule".to_owned(), schedule.to_json());
            return Ok(vec![json!({ "Type": "Schedule", "Properties": properties })]);
        }
        if properties.get("Pattern").is_none() {
            return Err(self.wrong("an eventBridge event needs a pattern or a schedule"));
        }
        Ok(vec![json!({ "Type": "EventBridgeRule", "Properties": properties })])
    }
}

/// The logical id of the group of logs that a function of the service has, where the group is one.
fn log_group(service: &Service<'_>, group: &str) -> Option<String> {
    let name = group.strip_prefix("/aws/lambda/")?;
    let mut functions = service.root.get("functions").into_iter().flat_map(Node::entries);
    let found = functions.find(|one| service.function_name(&one.key, &one.value) == name)?;
    Some(super::logical(&found.key, "LogGroup"))
}

/// A text without the ends of lines that YAML left in it.
fn one_line(text: &str) -> String {
    text.replace("\r\n", "").replace('\n', "")
}

/// A filter without one layer of escapes, where its first quote is escaped: it was written for JSON, as the framework sees it.
fn unescaped(filter: String) -> String {
    if filter.find('\\').zip(filter.find('"')).is_none_or(|(slash, quote)| quote < slash) {
        return filter;
    }
    let mut plain = String::new();
    let mut rest = filter.chars().peekable();
    while let Some(c) = rest.next() {
        let escaped = rest.next_if(|next| c == '\\' && ['"', '\\', '\''].contains(next));
        plain.push(escaped.unwrap_or(c));
    }
    plain
}

/// The schema that an `http` event has its requests checked by, and a name for it.
pub(super) fn schema(http: &Node) -> Option<(String, Json)> {
    let schemas = http.get("request")?.get("schemas")?;
    let given = schemas.get("application/json")?;
    let own = given.get("schema").unwrap_or(given).to_json();
    let path = http.get("path").and_then(Node::scalar).unwrap_or_default();
    let named = given.get("name").and_then(Node::scalar);
    let method = http.get("method").and_then(Node::scalar).unwrap_or_default();
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    own.is_object().then(|| (named.unwrap_or_else(|| letters(&format!("{method}{path}Model"))), own))
}

/// `request.parameters`, as SAM has them. Source: "API Gateway", section "Request Parameters".
fn parameters(given: &Node) -> Vec<Json> {
    let mut parameters = Vec::new();
    for (section, place) in [("querystrings", "querystring"), ("headers", "header"), ("paths", "path")] {
        for one in given.get(section).into_iter().flat_map(Node::entries) {
            let name = format!("method.request.{place}.{}", one.key);
            let required = one.value.get("required").unwrap_or(&one.value).scalar();
            parameters.push(match required.as_deref() {
                Some("true") => json!({ name: { "Required": true } }),
                _ => name.into(),
            });
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The events of the function `reads`, and the resources of the service.
    fn translated(events: &str) -> Result<(Vec<Json>, Json), Fault> {
        let text = format!(
            "service: shop\nprovider: {{name: aws}}\nfunctions:\n  prints: {{handler: a.b}}\n  other-one: {{handler: a.b, name: own}}\n  \
             reads:\n    handler: a.b\n    events: {events}\n"
        );
        let template = super::super::read(&text, Path::new("."), "shop")?.template()?;
        let events = &template["Resources"]["ReadsLambdaFunction"]["Properties"]["Events"];
        Ok((events.as_object().unwrap().values().cloned().collect(), template["Resources"].clone()))
    }

    #[test]
    fn log_groups_lead_to_functions() {
        let (events, resources) = translated(
            r#"
      - cloudwatchLog: /app/a
      - cloudwatchLog: {logGroup: /app/b, filter: '{ $.a = "x" }'}
      - cloudwatchLog: {logGroup: /app/b, filter: '{ $.a = \"x\\d\" }'}
      - cloudwatchLog: /aws/lambda/shop-dev-prints
      - cloudwatchLog: {logGroup: /aws/lambda/own, filter: ERROR}"#,
        )
        .unwrap();
        let prints = json!({ "Ref": "PrintsLogGroup" });
        let own = json!({ "Ref": "OtherDashoneLogGroup" });
        let expected = [
            ("/app/a".into(), ""),
            ("/app/b".into(), r#"{ $.a = "x" }"#),
            ("/app/b".into(), r#"{ $.a = "x\d" }"#),
            (prints, ""),
            (own, "ERROR"),
        ];
        assert_eq!(events.len(), expected.len());
        for (event, (group, pattern)) in events.iter().zip(expected) {
            let properties = json!({ "LogGroupName": group, "FilterPattern": pattern });
            assert_eq!(*event, json!({ "Type": "CloudWatchLogs", "Properties": properties }));
        }
        let group = json!({ "LogGroupName": "/aws/lambda/shop-dev-prints" });
        assert_eq!(
            resources["PrintsLogGroup"],
            json!({ "Type": "AWS::Logs::LogGroup", "Properties": group })
        );
        assert!(resources.get("ReadsLogGroup").is_none());
        let refused = translated("[{cloudwatchLog: {filter: a}}]").unwrap_err().to_string();
        assert!(refused.contains("reads: a cloudwatchLog event needs the name of a log group"), "{refused}");
    }
}
