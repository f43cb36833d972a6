//! Each kind of event, and what functions, layers and globals become.

use serde_json::{Value as Json, json};

use super::transform;
use crate::template::{Fault, parse};

fn transformed(resources: &str) -> Result<Json, Fault> {
    let text = format!("Transform: AWS::Serverless-2016-10-31\n{resources}");
    transform(parse(&text).unwrap(), &|_| String::new()).map(|root| root.to_json())
}

fn with_event(event: &str) -> Result<Json, Fault> {
    let function = "Runtime: python3.11\n      Handler: a.b\n      CodeUri: src/";
    transformed(&format!(
        "Resources:\n  Bucket: {{Type: 'AWS::S3::Bucket'}}\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      \
         {function}\n      Events:\n        E: {event}"
    ))
}

/// The types of what an event makes, by logical id.
fn made(root: &Json) -> Vec<(String, String)> {
    let resources = root["Resources"].as_object().unwrap();
    let of = resources.iter().filter(|(name, _)| !["F", "FRole", "Bucket"].contains(&name.as_str()));
    of.map(|(name, resource)| (name.clone(), resource["Type"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn each_event_makes_what_triggers_the_function() {
    let check = |event: &str, expected: &[(&str, &str)]| {
        let root = with_event(event).unwrap();
        let mut expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        expected.sort();
        let mut got = made(&root);
        got.sort();
        for (name, _) in &mut got {
            if let Some(at) = name.find("Deployment") {
                name.truncate(at + "Deployment".len());
            }
        }
        assert_eq!(got, expected, "{event}");
        root
    };
    let root = check(
        "{Type: SQS, Properties: {Queue: arn, BatchSize: 1}}",
        &[("FE", "AWS::Lambda::EventSourceMapping")],
    );
    assert_eq!(
        root["Resources"]["FE"]["Properties"],
        json!({"BatchSize": 1, "EventSourceArn": "arn", "FunctionName": {"Ref": "F"}})
    );
    check(
        "{Type: SNS, Properties: {Topic: t}}",
        &[("FE", "AWS::SNS::Subscription"), ("FEPermission", "AWS::Lambda::Permission")],
    );
    let root = check(
        "{Type: SNS, Properties: {Topic: t, SqsSubscription: true}}",
        &[
            ("FE", "AWS::SNS::Subscription"),
            ("FEQueue", "AWS::SQS::Queue"),
            ("FEQueuePolicy", "AWS::SQS::QueuePolicy"),
            ("FEEventSourceMapping", "AWS::Lambda::EventSourceMapping"),
        ],
    );
    assert_eq!(root["Resources"]["FE"]["Properties"]["Endpoint"], json!({"Fn::GetAtt": ["FEQueue", "Arn"]}));
    check(
        "{Type: SNS, Properties: {Topic: t, SqsSubscription: {QueueArn: a, QueueUrl: u, QueuePolicyLogicalId: P}}}",
        &[
            ("FE", "AWS::SNS::Subscription"),
            ("P", "AWS::SQS::QueuePolicy"),
            ("FEEventSourceMapping", "AWS::Lambda::EventSourceMapping"),
        ],
    );
    for event in [
        "{Type: Schedule, Properties: {Schedule: rate(1 day)}}",
        "{Type: EventBridgeRule, Properties: {Pattern: {source: [a]}}}",
        "{Type: CloudWatchEvent, Properties: {Pattern: {source: [a]}}}",
    ] {
        let root = check(event, &[("FE", "AWS::Events::Rule"), ("FEPermission", "AWS::Lambda::Permission")]);
        let target = &root["Resources"]["FE"]["Properties"]["Targets"][0];
        assert_eq!(*target, json!({"Arn": {"Fn::GetAtt": ["F", "Arn"]}, "Id": "FELambdaTarget"}));
    }
    let root = check(
        "{Type: CloudWatchLogs, Properties: {LogGroupName: !Ref G, FilterPattern: ''}}",
        &[("FE", "AWS::Logs::SubscriptionFilter"), ("FEPermission", "AWS::Lambda::Permission")],
    );
    let filter = &root["Resources"]["FE"];
    assert_eq!(filter["DependsOn"], json!(["FEPermission"]));
    assert_eq!(
        filter["Properties"],
        json!({"DestinationArn": {"Fn::GetAtt": ["F", "Arn"]}, "FilterPattern": "", "LogGroupName": {"Ref": "G"}})
    );
    let permission = &root["Resources"]["FEPermission"]["Properties"];
    assert_eq!(permission["SourceArn"]["Fn::Sub"][1], json!({"Group": {"Ref": "G"}}));
    check(
        "{Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day)}}",
        &[("FE", "AWS::Scheduler::Schedule"), ("FERole", "AWS::IAM::Role")],
    );
    let root = check(
        "{Type: S3, Properties: {Bucket: !Ref Bucket, Events: 's3:ObjectCreated:*'}}",
        &[("FEPermission", "AWS::Lambda::Permission")],
    );
    assert_eq!(
        root["Resources"]["Bucket"]["Properties"]["NotificationConfiguration"]["LambdaConfigurations"],
        json!([{"Event": "s3:ObjectCreated:*", "Function": {"Fn::GetAtt": ["F", "Arn"]}}])
    );
    let root = check(
        "{Type: HttpApi, Properties: {Path: '/items/{id}', Method: POST}}",
        &[
            ("FEPermission", "AWS::Lambda::Permission"),
            ("ServerlessHttpApi", "AWS::ApiGatewayV2::Api"),
            ("ServerlessHttpApiApiGatewayDefaultStage", "AWS::ApiGatewayV2::Stage"),
        ],
    );
    let operation =
        &root["Resources"]["ServerlessHttpApi"]["Properties"]["Body"]["paths"]["/items/{id}"]["post"];
    assert_eq!(operation["x-amazon-apigateway-integration"]["payloadFormatVersion"], "2.0");
    check(
        "{Type: Api, Properties: {Path: '/v1/{proxy+}', Method: any}}",
        &[
            ("FEPermissionProd", "AWS::Lambda::Permission"),
            ("ServerlessRestApi", "AWS::ApiGateway::RestApi"),
            ("ServerlessRestApiDeployment", "AWS::ApiGateway::Deployment"),
            ("ServerlessRestApiProdStage", "AWS::ApiGateway::Stage"),
        ],
    );
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    for (event, why) in [
        ("{Type: Kinesis, Properties: {Stream: s}}", "type Kinesis, which ebb does not have yet"),
        ("{Type: DynamoDB, Properties: {Stream: s}}", "type DynamoDB"),
        ("{Properties: {}}", "has no Type"),
        ("{Type: SQS}", "needs Queue"),
        ("{Type: CloudWatchLogs, Properties: {LogGroupName: g}}", "needs FilterPattern"),
        ("{Type: S3, Properties: {Bucket: name, Events: e}}", "needs Bucket: !Ref"),
    ] {
        let said = with_event(event).unwrap_err().to_string();
        assert!(said.contains(why) && said.starts_with("line 11: "), "{event}: {said}");
    }
    for (resources, why) in [
        (
            "Resources:\n  T: {Type: 'AWS::Serverless::GraphQLApi'}",
            "line 3: resource T is of type AWS::Serverless::GraphQLApi",
        ),
        ("Globals: {Foo: {}}\nResources: {}", "line 2: Globals has no section Foo"),
        (
            "Resources:\n  F: {Type: 'AWS::Serverless::Function', Properties: {Nope: 1}}",
            "F has no property Nope",
        ),
    ] {
        let said = transformed(resources).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn globals_are_below_what_resources_say() {
    let root = transformed(
        "Globals:\n  Function: {Timeout: 5, MemorySize: 256, Layers: [g], Environment: {Variables: {A: 1, B: 2}}}\n\
         Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {Timeout: 9, InlineCode: x, Layers: [l], \
         Environment: {Variables: {B: 3}}, Role: r}",
    )
    .unwrap();
    let properties = &root["Resources"]["F"]["Properties"];
    assert_eq!(
        (&properties["Timeout"], &properties["MemorySize"], &properties["Layers"]),
        (&json!(9), &json!(256), &json!(["g", "l"]))
    );
    assert_eq!(properties["Environment"], json!({"Variables": {"A": 1, "B": 3}}));
    assert_eq!((&properties["Role"], &properties["Code"]), (&json!("r"), &json!({"ZipFile": "x"})));
    assert!(root["Resources"].get("FRole").is_none() && root.get("Globals").is_none());
}

#[test]
fn functions_get_aliases_urls_and_settings() {
    let root = transformed(
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: s3://b/k\n      \
         AutoPublishAlias: live\n      FunctionUrlConfig: {AuthType: NONE}\n      Tracing: Active\n      \
         DeadLetterQueue: {Type: SQS, TargetArn: q}\n      EventInvokeConfig: {MaximumRetryAttempts: 1, \
         DestinationConfig: {OnFailure: {Type: SQS}}}\n      Policies: [AWSLambdaExecute, {SQSSendMessagePolicy: \
         {QueueName: q}}, {Statement: []}]",
    )
    .unwrap();
    let resources = root["Resources"].as_object().unwrap();
    let version = resources.keys().find(|name| name.starts_with("FVersion")).unwrap();
    assert_eq!(
        resources["FAliaslive"]["Properties"]["FunctionVersion"],
        json!({"Fn::GetAtt": [version, "Version"]})
    );
    assert_eq!(
        resources["FUrl"]["Properties"],
        json!({"AuthType": "NONE", "TargetFunctionArn": {"Ref": "FAliaslive"}})
    );
    assert!(resources.contains_key("FUrlPublicPermissions"));
    let function = &resources["F"]["Properties"];
    assert_eq!(function["Code"], json!({"S3Bucket": "b", "S3Key": "k"}));
    assert_eq!(
        (&function["TracingConfig"], &function["DeadLetterConfig"]),
        (&json!({"Mode": "Active"}), &json!({"TargetArn": "q"}))
    );
    let invoke = &resources["FEventInvokeConfig"]["Properties"];
    assert_eq!((&invoke["Qualifier"], &invoke["MaximumRetryAttempts"]), (&json!("live"), &json!(1)));
    assert!(resources.contains_key("FEventInvokeConfigOnFailureQueue"));
    let role = &resources["FRole"]["Properties"];
    assert_eq!(role["ManagedPolicyArns"][1], "arn:aws:iam::aws:policy/AWSLambdaExecute");
    assert_eq!(role["Policies"].as_array().unwrap().len(), 2);
}

#[test]
fn layers_are_new_resources_for_new_content() {
    let text = "Resources:\n  L: {Type: 'AWS::Serverless::LayerVersion', Properties: {ContentUri: layer/}}\n  \
                F: {Type: 'AWS::Serverless::Function', Properties: {InlineCode: x, Layers: [!Ref L]}}";
    let of = |code: &'static str| {
        let root = parse(text).unwrap();
        let json = transform(root, &move |_| code.to_owned()).unwrap().to_json();
        json["Resources"]["F"]["Properties"]["Layers"][0]["Ref"].as_str().unwrap().to_owned()
    };
    let (first, second) = (of("1"), of("2"));
    assert!(first.starts_with('L') && first.len() == 11 && first != second, "{first} {second}");
}

#[test]
fn what_was_made_of_a_function_can_be_referred_to() {
    let root = parse(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {AutoPublishAlias: live, InlineCode: x, Handler: index.h, Runtime: nodejs20.x}}
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref F.Alias, Tags: [{Key: v, Value: !Sub '${F.Version}'}]}}
",
    );
    let root = transform(root.unwrap(), &|_| String::new()).unwrap().to_json();
    let own = &root["Resources"]["Q"]["Properties"];
    assert_eq!(own["QueueName"], json!({ "Ref": "FAliaslive" }));
    let version = own["Tags"][0]["Value"]["Fn::Sub"].as_str().unwrap();
    assert!(version.starts_with("${FVersion"), "{version}");
}

#[test]
fn connectors_make_the_policies_of_what_is_asked_before_it_is_used() {
    let root = transformed(
        "Resources:
  Topic: {Type: 'AWS::SNS::Topic'}
  Queue: {Type: 'AWS::SQS::Queue', Connectors: {Down: {Properties: {Destination: {Id: Topic}, Permissions: [Write]}}}}
  F: {Type: 'AWS::Serverless::Function', Properties: {Runtime: python3.11, Handler: a.b, CodeUri: src/}}
  Calls:
    Type: AWS::Serverless::Connector
    Properties: {Source: {Id: Topic}, Destination: [{Id: F}, {Id: Queue}], Permissions: [Write]}
",
    )
    .unwrap();
    let mut made = made(&root);
    made.retain(|(name, _)| name.starts_with("Calls"));
    made.sort();
    let expected = [
        ("Calls0WriteLambdaPermission", "AWS::Lambda::Permission"),
        ("Calls1QueuePolicy", "AWS::SQS::QueuePolicy"),
    ];
    assert_eq!(made, expected.map(|(name, kind)| (name.to_owned(), kind.to_owned())));
    assert!(root["Resources"]["Queue"].get("Connectors").is_none());
    let unknown = "Resources:\n  C: {Type: 'AWS::Serverless::Connector', Properties: {Source: {Id: No}, Destination: {Id: No}, Permissions: [Read]}}";
    assert!(transformed(unknown).unwrap_err().to_string().contains("No is no resource"));
}
