//! Events of functions: each becomes what triggers the function, and the permission to do so.

use serde_json::{Map, Value as Json, json};

use super::super::node::{Entry, Fault, Node};
use super::apis::Route;
use super::{Output, arn_of, reference, referred};

/// The function that events go to, or its alias.
pub(super) struct Target {
    pub(super) logical: String,
    pub(super) arn: Json,
    pub(super) name: Json,
    pub(super) condition: Option<Node>,
}

/// An event of a function.
struct Event<'a> {
    target: &'a Target,
    /// The logical ids of what is made begin so.
    id: String,
    line: u32,
    properties: &'a Node,
}

/// Makes what triggers a function.
pub(super) fn transform(target: &Target, entry: &Entry, output: &mut Output) -> Result<(), Fault> {
    let nothing = Node::map(entry.line, []);
    let kind = entry.value.get("Type").and_then(Node::as_str).unwrap_or_default();
    let event = Event {
        target,
        id: format!("{}{}", target.logical, entry.key),
        line: entry.line,
        properties: entry.value.get("Properties").unwrap_or(&nothing),
    };
    match kind {
        "HttpApi" => event.http_api(output),
        "Api" => event.rest_api(output),
        "SQS" => event.sqs(output),
        "SNS" => event.sns(output),
        "S3" => event.s3(output),
        "Schedule" => event.schedule(output),
        "ScheduleV2" => event.schedule_v2(output),
        "EventBridgeRule" | "CloudWatchEvent" => event.rule(output),
        "CloudWatchLogs" => event.logs(output),
        "" => Err(Fault::new(entry.line, format!("event {} of {} has no Type", entry.key, target.logical))),
        _ => {
            let line = entry.value.get("Type").map_or(entry.line, |node| node.line);
            let message = format!(
                "event {} of {} is of type {kind}, which ebb does not have yet",
                entry.key, target.logical
            );
            Err(Fault::new(line, message))
        }
    }
}

impl Event<'_> {
    fn get(&self, name: &str) -> Option<Json> {
        self.properties.get(name).map(Node::to_json)
    }

    fn required(&self, name: &str) -> Result<Json, Fault> {
        let missing = || Fault::new(self.line, format!("the event {} needs {name}", self.id));
        self.get(name).ok_or_else(missing)
    }

    /// These of the event's properties.
    fn some(&self, names: &[&str]) -> Map<String, Json> {
        names.iter().filter_map(|name| Some(((*name).to_owned(), self.get(name)?))).collect()
    }

    /// A resource that is there where the function is.
    fn resource(&self, kind: &str, properties: Map<String, Json>) -> Json {
        let mut resource = json!({ "Type": kind, "Properties": Json::Object(properties) });
        if let Some(condition) = &self.target.condition {
            resource["Condition"] = condition.to_json();
        }
        resource
    }

    fn add(&self, output: &mut Output, logical: &str, kind: &str, properties: Map<String, Json>) {
        output.add(logical, self.line, self.resource(kind, properties));
    }

    /// Lets a service invoke the function.
    fn allow(&self, output: &mut Output, suffix: &str, principal: &str, source: (&str, Json)) {
        let properties = json!({
            "Action": "lambda:InvokeFunction",
            "FunctionName": self.target.name,
            "Principal": principal,
        });
        let Json::Object(mut properties) = properties else { return };
        properties.insert(source.0.to_owned(), source.1);
        self.add(output, &format!("{}Permission{suffix}", self.id), "AWS::Lambda::Permission", properties);
    }

    fn sqs(&self, output: &mut Output) -> Result<(), Fault> {
        let mut properties = self.some(&[
            "BatchSize",
            "Enabled",
            "FilterCriteria",
            "FunctionResponseTypes",
            "MaximumBatchingWindowInSeconds",
            "ScalingConfig",
        ]);
        properties.insert("EventSourceArn".to_owned(), self.required("Queue")?);
        properties.insert("FunctionName".to_owned(), self.target.name.clone());
        self.add(output, &self.id, "AWS::Lambda::EventSourceMapping", properties);
        Ok(())
    }

    fn sns(&self, output: &mut Output) -> Result<(), Fault> {
        let topic = self.required("Topic")?;
        let mut properties = self.some(&["FilterPolicy", "FilterPolicyScope", "Region", "RedrivePolicy"]);
        properties.insert("TopicArn".to_owned(), topic.clone());
        let (protocol, endpoint) = match self.get("SqsSubscription") {
            None | Some(Json::Bool(false)) => {
                self.allow(output, "", "sns.amazonaws.com", ("SourceArn", topic));
                ("lambda", self.target.arn.clone())
            }
            Some(given) => ("sqs", self.through_queue(output, &given, &topic)),
        };
        properties.insert("Protocol".to_owned(), protocol.into());
        properties.insert("Endpoint".to_owned(), endpoint);
        self.add(output, &self.id, "AWS::SNS::Subscription", properties);
        Ok(())
    }

    /// A queue between a topic and the function: the one that the event names, else one of its own. Gives its ARN.
    fn through_queue(&self, output: &mut Output, given: &Json, topic: &Json) -> Json {
        let said = |name: &str| given.get(name).cloned();
        let (arn, url) = match (said("QueueArn"), said("QueueUrl")) {
            (Some(arn), Some(url)) => (arn, url),
            _ => {
                let queue = format!("{}Queue", self.id);
                self.add(output, &queue, "AWS::SQS::Queue", Map::new());
                (arn_of(&queue), reference(&queue))
            }
        };
        let policy = json!({
            "Queues": [url],
            "PolicyDocument": { "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn,
                "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
            }] },
        });
        let name = said("QueuePolicyLogicalId").and_then(|name| name.as_str().map(str::to_owned));
        let name = name.unwrap_or_else(|| format!("{}QueuePolicy", self.id));
        self.add(output, &name, "AWS::SQS::QueuePolicy", policy.as_object().cloned().unwrap_or_default());
        let mapping = json!({
            "FunctionName": self.target.name, "EventSourceArn": arn,
            "BatchSize": said("BatchSize").unwrap_or_else(|| 10.into()),
            "Enabled": said("Enabled").unwrap_or(Json::Bool(true)),
        });
        let (name, mapping) = (format!("{}EventSourceMapping", self.id), mapping.as_object().cloned());
        self.add(output, &name, "AWS::Lambda::EventSourceMapping", mapping.unwrap_or_default());
        arn
    }

    fn s3(&self, output: &mut Output) -> Result<(), Fault> {
        let named = self.properties.get("Bucket").and_then(referred);
        let Some(bucket) = named else {
            let message = format!("the event {} needs Bucket: !Ref of a bucket of this template", self.id);
            return Err(Fault::new(self.line, message));
        };
        let events = self.required("Events")?;
        let events = events.as_array().cloned().unwrap_or_else(|| vec![events]);
        for event in events {
            let mut configuration = json!({ "Event": event, "Function": self.target.arn });
            if let Some(filter) = self.get("Filter") {
                configuration["Filter"] = filter;
            }
            output.notifications.push((bucket.to_owned(), self.line, configuration));
        }
        self.allow(output, "", "s3.amazonaws.com", ("SourceAccount", reference("AWS::AccountId")));
        Ok(())
    }

    /// What the rules of EventBridge deliver to.
    fn rule_target(&self, default_id: &str) -> Json {
        let mut target = self.some(&["Input", "InputPath", "InputTransformer", "RetryPolicy"]);
        target.insert("Arn".to_owned(), self.target.arn.clone());
        let id = self.get("Target").and_then(|target| target.get("Id").cloned());
        target.insert("Id".to_owned(), id.unwrap_or_else(|| default_id.into()));
        if let Some(arn) = self.get("DeadLetterConfig").and_then(|config| config.get("Arn").cloned()) {
            target.insert("DeadLetterConfig".to_owned(), json!({ "Arn": arn }));
        }
        Json::Object(target)
    }

    fn state(&self) -> Option<Json> {
        match (self.get("State"), self.get("Enabled")) {
            (Some(state), _) => Some(state),
            (None, Some(Json::Bool(enabled))) => Some(if enabled { "ENABLED" } else { "DISABLED" }.into()),
            (None, Some(condition)) => Some(condition),
            (None, None) => None,
        }
    }

    fn schedule(&self, output: &mut Output) -> Result<(), Fault> {
        let mut properties = self.some(&["Description", "Name"]);
        properties.insert("ScheduleExpression".to_owned(), self.required("Schedule")?);
        properties.extend(self.state().map(|state| ("State".to_owned(), state)));
        let target = self.rule_target(&format!("{}LambdaTarget", self.id));
        properties.insert("Targets".to_owned(), json!([target]));
        self.add(output, &self.id, "AWS::Events::Rule", properties);
        self.allow(output, "", "events.amazonaws.com", ("SourceArn", arn_of(&self.id)));
        Ok(())
    }

    fn rule(&self, output: &mut Output) -> Result<(), Fault> {
        let mut properties = self.some(&["EventBusName"]);
        properties.insert("EventPattern".to_owned(), self.required("Pattern")?);
        properties.extend(self.get("RuleName").map(|name| ("Name".to_owned(), name)));
        properties.extend(self.state().map(|state| ("State".to_owned(), state)));
        let target = self.rule_target(&format!("{}LambdaTarget", self.id));
        properties.insert("Targets".to_owned(), json!([target]));
        self.add(output, &self.id, "AWS::Events::Rule", properties);
        self.allow(output, "", "events.amazonaws.com", ("SourceArn", arn_of(&self.id)));
        Ok(())
    }

    fn logs(&self, output: &mut Output) -> Result<(), Fault> {
        let group = self.required("LogGroupName")?;
        self.required("FilterPattern")?;
        let mut properties = self.some(&["FilterPattern", "LogGroupName"]);
        properties.insert("DestinationArn".to_owned(), self.target.arn.clone());
        let mut filter = self.resource("AWS::Logs::SubscriptionFilter", properties);
        // Filters whose function does not let the service call it are refused.
        filter["DependsOn"] = json!([format!("{}Permission", self.id)]);
        output.add(&self.id, self.line, filter);
        let arn = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Group}:*";
        let arn = json!({ "Fn::Sub": [arn, { "Group": group }] });
        self.allow(output, "", "logs.amazonaws.com", ("SourceArn", arn));
        Ok(())
    }

    fn schedule_v2(&self, output: &mut Output) -> Result<(), Fault> {
        let mut properties = self.some(&[
            "Description",
            "EndDate",
            "GroupName",
            "KmsKeyArn",
            "Name",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "StartDate",
            "State",
        ]);
        self.required("ScheduleExpression")?;
        let window = self.get("FlexibleTimeWindow").unwrap_or_else(|| json!({ "Mode": "OFF" }));
        properties.insert("FlexibleTimeWindow".to_owned(), window);
        properties.entry("Name").or_insert_with(|| self.id.clone().into());
        if self.get("OmitName") == Some(Json::Bool(true)) {
            properties.remove("Name");
        }
        let role = format!("{}Role", self.id);
        let role_arn = self.get("RoleArn").unwrap_or_else(|| arn_of(&role));
        if self.get("RoleArn").is_none() {
            let trust = json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow", "Action": ["sts:AssumeRole"],
                    "Principal": { "Service": ["scheduler.amazonaws.com"] },
                }],
            });
            let policy = json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": self.target.arn,
                }],
            });
            let policies =
                json!([{ "PolicyName": format!("{}LambdaPolicy", self.id), "PolicyDocument": policy }]);
            let own = Map::from_iter([
                ("AssumeRolePolicyDocument".to_owned(), trust),
                ("Policies".to_owned(), policies),
            ]);
            self.add(output, &role, "AWS::IAM::Role", own);
        }
        let mut target = self.some(&["Input", "RetryPolicy"]);
        target.insert("Arn".to_owned(), self.target.arn.clone());
        target.insert("RoleArn".to_owned(), role_arn);
        if let Some(arn) = self.get("DeadLetterConfig").and_then(|config| config.get("Arn").cloned()) {
            target.insert("DeadLetterConfig".to_owned(), json!({ "Arn": arn }));
        }
        properties.insert("Target".to_owned(), Json::Object(target));
        self.add(output, &self.id, "AWS::Scheduler::Schedule", properties);
        Ok(())
    }

    /// A route of an API, declared or implicit.
    fn route(&self, api: &str) -> Route {
        Route {
            api: self.properties.get(api).and_then(referred).map(str::to_owned),
            line: self.line,
            path: self.properties.get("Path").and_then(Node::as_str).unwrap_or_default().to_owned(),
            method: self.properties.get("Method").and_then(Node::as_str).unwrap_or("any").to_lowercase(),
            function: self.target.arn.clone(),
            payload: self.get("PayloadFormatVersion"),
            timeout: self.get("TimeoutInMillis"),
            auth: self.get("Auth"),
            model: self.get("RequestModel"),
            parameters: self.get("RequestParameters"),
            checks: self.get("RequestChecks").is_some(),
        }
    }

    fn source(&self, output: &mut Output, api: &str, suffix: &str, route: &Route) {
        let method = if route.method == "any" { "*".to_owned() } else { route.method.to_uppercase() };
        let mut path = String::new();
        let mut inside = false;
        for c in route.path.chars() {
            match c {
                '{' => {
                    inside = true;
                    path.push('*');
                }
                '}' => inside = false,
                c if !inside => path.push(c),
                _ => {}
            }
        }
        // The route for all else is one step of the source, whatever the method.
        let method = if route.path == "$default" { String::new() } else { method };
        let arn = json!({
            "Fn::Sub": [
                format!("arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Api}}/*/{method}{path}"),
                { "Api": reference(api) },
            ],
        });
        self.allow(output, suffix, "apigateway.amazonaws.com", ("SourceArn", arn));
    }

    fn http_api(&self, output: &mut Output) -> Result<(), Fault> {
        let mut route = self.route("ApiId");
        if self.properties.get("Path").is_none() {
            route.path = "$default".to_owned();
        }
        let api = route.api.clone().unwrap_or_else(|| "ServerlessHttpApi".to_owned());
        self.source(output, &api, "", &route);
        output.apis.http(route);
        Ok(())
    }

    fn rest_api(&self, output: &mut Output) -> Result<(), Fault> {
        self.required("Path")?;
        self.required("Method")?;
        let route = self.route("RestApiId");
        let api = route.api.clone().unwrap_or_else(|| "ServerlessRestApi".to_owned());
        let stage = output.apis.stage_id(route.api.as_deref());
        self.source(output, &api, &stage, &route);
        output.apis.rest(route);
        Ok(())
    }
}
