//! `AWS::Serverless::Connector`, and `Connectors` of a resource: what lets one resource use another.
//!
//! Source: AWS SAM developer guide, "AWS::Serverless::Connector" and "Supported source and destination resource types"
//! (2026-11). Policies of roles are not evaluated here, so that what is left to make are the policies of resources that
//! are asked before they are used: functions, queues and topics.

use serde_json::{Value as Json, json};

use super::super::node::{Entry, Fault, Node};
use super::{Output, arn_of, reference};

/// A resource at one end.
struct End {
    id: String,
    kind: String,
}

/// Makes what a connector stands for. `resources` are those of the template.
pub(super) fn transform(entry: &Entry, resources: &Node, output: &mut Output) -> Result<(), Fault> {
    let nothing = Node::map(entry.line, []);
    let own = entry.value.get("Properties").unwrap_or(&nothing);
    let missing = |what: &str| Fault::new(entry.line, format!("the connector {} needs {what}", entry.key));
    let source = own.get("Source").ok_or_else(|| missing("Source"))?;
    connect(&entry.key, &end(source, resources)?, own, resources, output)
}

/// Makes what the `Connectors` of a resource stand for, and takes them off it.
pub(super) fn embedded(entry: &mut Entry, resources: &Node, output: &mut Output) -> Result<(), Fault> {
    let Some(connectors) = entry.value.remove("Connectors") else { return Ok(()) };
    let kind = entry.value.get("Type").and_then(Node::as_str).unwrap_or_default().to_owned();
    let source = End { id: entry.key.clone(), kind };
    for connector in connectors.entries() {
        let nothing = Node::map(connector.line, []);
        let own = connector.value.get("Properties").unwrap_or(&nothing);
        connect(&format!("{}{}", entry.key, connector.key), &source, own, resources, output)?;
    }
    Ok(())
}

/// What an end names.
fn end(node: &Node, resources: &Node) -> Result<End, Fault> {
    let text = |name: &str| node.get(name).and_then(Node::as_str).map(str::to_owned);
    let Some(id) = text("Id") else {
        let message = "ebb knows ends of connectors by their Id: name a resource of this template";
        return Err(Fault::new(node.line, message));
    };
    let of_template = resources.get(&id).and_then(|resource| resource.get("Type")).and_then(Node::as_str);
    let kind =
        of_template.ok_or_else(|| Fault::new(node.line, format!("{id} is no resource of this template")))?;
    Ok(End { kind: kind.to_owned(), id })
}

fn connect(name: &str, source: &End, own: &Node, resources: &Node, output: &mut Output) -> Result<(), Fault> {
    let line = own.line;
    let destinations = own.get("Destination");
    let destinations =
        destinations.ok_or_else(|| Fault::new(line, format!("the connector {name} needs Destination")))?;
    let permissions = own.get("Permissions").and_then(Node::as_list).unwrap_or_default();
    let known = |node: &Node| matches!(node.as_str(), Some("Read" | "Write"));
    if permissions.is_empty() || !permissions.iter().all(known) {
        return Err(Fault::new(
            line,
            format!("Permissions of the connector {name} are Read, Write, or both"),
        ));
    }
    let list = destinations.as_list().unwrap_or(std::slice::from_ref(destinations));
    for (number, destination) in list.iter().enumerate() {
        let destination = end(destination, resources)?;
        let number = if list.len() > 1 { number.to_string() } else { String::new() };
        if let Some((suffix, resource)) = allowance(source, &destination) {
            output.add(&format!("{name}{number}{suffix}"), line, resource);
        }
    }
    Ok(())
}

/// The policy of the destination that lets the source use it; none where there is none to ask.
fn allowance(source: &End, destination: &End) -> Option<(&'static str, Json)> {
    let (service, arn) = caller(source)?;
    let statement = |action: &str, resource: Json| {
        json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": service }, "Action": action, "Resource": resource,
            "Condition": { "ArnLike": { "aws:SourceArn": arn } },
        }] })
    };
    let to = &destination.id;
    let (suffix, kind, properties) = match destination.kind.as_str() {
        "AWS::Serverless::Function" | "AWS::Lambda::Function" => {
            let properties = json!({
                "Action": "lambda:InvokeFunction", "FunctionName": reference(to), "Principal": service, "SourceArn": arn,
            });
            ("WriteLambdaPermission", "AWS::Lambda::Permission", properties)
        }
        "AWS::SQS::Queue" => {
            let document = statement("sqs:SendMessage", arn_of(to));
            (
                "QueuePolicy",
                "AWS::SQS::QueuePolicy",
                json!({ "Queues": [reference(to)], "PolicyDocument": document }),
            )
        }
        "AWS::SNS::Topic" => {
            let document = statement("sns:Publish", reference(to));
            (
                "TopicPolicy",
                "AWS::SNS::TopicPolicy",
                json!({ "Topics": [reference(to)], "PolicyDocument": document }),
            )
        }
        _ => return None,
    };
    Some((suffix, json!({ "Type": kind, "Properties": properties })))
}

/// The service that calls on behalf of a resource, and the resource's ARN; none where it calls with a role.
fn caller(source: &End) -> Option<(&'static str, Json)> {
    let id = &source.id;
    Some(match source.kind.as_str() {
        "AWS::SNS::Topic" => ("sns.amazonaws.com", reference(id)),
        "AWS::S3::Bucket" => {
            ("s3.amazonaws.com", json!({ "Fn::Sub": format!("arn:${{AWS::Partition}}:s3:::${{{id}}}") }))
        }
        "AWS::Events::Rule" => ("events.amazonaws.com", arn_of(id)),
        "AWS::Serverless::Api"
        | "AWS::Serverless::HttpApi"
        | "AWS::ApiGateway::RestApi"
        | "AWS::ApiGatewayV2::Api" => {
            let arn = format!(
                "arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{id}}}/*"
            );
            ("apigateway.amazonaws.com", json!({ "Fn::Sub": arn }))
        }
        _ => return None,
    })
}
