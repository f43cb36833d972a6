"""Stacks by CloudFormation's calls: boto3 and the AWS CLI, unmodified."""
import json
import subprocess
import uuid

import pytest
from botocore.exceptions import ClientError, WaiterError

from conftest import eventually

TEMPLATE = """
AWSTemplateFormatVersion: '2010-09-09'
Description: a shop
Parameters:
  Seconds: {Type: Number, Default: 30, Description: how long}
  Secret: {Type: String, NoEcho: true, Default: hush}
Resources:
  Jobs: {Type: 'AWS::SQS::Queue', Properties: {VisibilityTimeout: !Ref Seconds}}
  News: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: news}}
  Reader:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref News, Protocol: sqs, Endpoint: !GetAtt Jobs.Arn, RawMessageDelivery: true}
  MayRead:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Jobs]
      PolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: sns.amazonaws.com}, Action: 'sqs:SendMessage', Resource: !GetAtt Jobs.Arn}]
Outputs:
  Queue: {Value: !Ref Jobs, Description: where jobs go, Export: {Name: !Sub '${AWS::StackName}-queue'}}
  Topic: {Value: !Ref News}
"""
SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: %s
      Handler: app.handler
      Runtime: python3.11
      Events: {Get: {Type: HttpApi, Properties: {Path: '/hello/{name}', Method: get}}}
Outputs:
  Api: {Value: !Ref ServerlessHttpApi}
  Function: {Value: !Ref Hello}
"""
CODE = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'hello ' + event['pathParameters']['name']}\n"


def name():
    return f"s{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="module")
def cfn(server):
    return server.client("cloudformation")


def wait(cfn, what, stack):
    cfn.get_waiter(what).wait(StackName=stack, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})


def outputs(stack):
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def described(cfn, stack):
    [found] = cfn.describe_stacks(StackName=stack)["Stacks"]
    return found


def test_a_stack_lives_from_its_creation_to_its_deletion(server, cfn):
    stack = name()
    made = cfn.create_stack(StackName=stack, TemplateBody=TEMPLATE, Tags=[{"Key": "a", "Value": "1"}],
                            Parameters=[{"ParameterKey": "Seconds", "ParameterValue": "45"}])
    wait(cfn, "stack_create_complete", stack)
    found = described(cfn, stack)
    assert found["StackId"] == made["StackId"] and found["StackStatus"] == "CREATE_COMPLETE" and found["Description"] == "a shop"
    assert {p["ParameterKey"]: p["ParameterValue"] for p in found["Parameters"]} == {"Seconds": "45", "Secret": "****"}
    assert found["Tags"] == [{"Key": "a", "Value": "1"}] and found["EnableTerminationProtection"] is False
    queue = outputs(found)["Queue"]
    sqs = server.client("sqs")
    get = lambda: sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"]
    assert get() == "45"
    server.client("sns").publish(TopicArn=outputs(found)["Topic"], Message="extra, extra")
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))
    assert message["Body"] == "extra, extra"
    resources = {one["LogicalResourceId"]: one for one in cfn.list_stack_resources(StackName=stack)["StackResourceSummaries"]}
    assert resources["Jobs"]["PhysicalResourceId"] == queue and resources["Jobs"]["ResourceStatus"] == "CREATE_COMPLETE"
    [one] = cfn.describe_stack_resources(PhysicalResourceId=queue)["StackResources"]
    assert (one["StackName"], one["LogicalResourceId"]) == (stack, "Jobs")
    assert cfn.describe_stack_resource(StackName=stack, LogicalResourceId="Jobs")["StackResourceDetail"]["ResourceType"] == "AWS::SQS::Queue"
    assert {"Name": f"{stack}-queue", "Value": queue, "ExportingStackId": made["StackId"]} in cfn.list_exports()["Exports"]
    events = cfn.describe_stack_events(StackName=stack)["StackEvents"]
    assert (events[0]["ResourceStatus"], events[0]["ResourceType"]) == ("CREATE_COMPLETE", "AWS::CloudFormation::Stack")
    assert (events[-1]["ResourceStatus"], events[-1]["LogicalResourceId"]) == ("CREATE_IN_PROGRESS", stack)
    assert ("Jobs", "CREATE_IN_PROGRESS") in [(e["LogicalResourceId"], e["ResourceStatus"]) for e in events]
    assert cfn.get_template(StackName=stack)["TemplateBody"] == TEMPLATE

    with pytest.raises(cfn.exceptions.AlreadyExistsException):
        cfn.create_stack(StackName=stack, TemplateBody=TEMPLATE)
    keep = [{"ParameterKey": "Seconds", "UsePreviousValue": True}]
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cfn.update_stack(StackName=stack, UsePreviousTemplate=True, Parameters=keep)
    cfn.update_stack(StackName=stack, UsePreviousTemplate=True, Parameters=[{"ParameterKey": "Seconds", "ParameterValue": "50"}])
    wait(cfn, "stack_update_complete", stack)
    assert get() == "50"

    cfn.update_termination_protection(StackName=stack, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection"):
        cfn.delete_stack(StackName=stack)
    cfn.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
    cfn.delete_stack(StackName=stack)
    wait(cfn, "stack_delete_complete", made["StackId"])
    with pytest.raises(ClientError, match=f"Stack with id {stack} does not exist"):
        cfn.describe_stacks(StackName=stack)
    assert described(cfn, made["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    gone = cfn.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert made["StackId"] in [one["StackId"] for one in gone]
    cfn.delete_stack(StackName=stack)


BROKEN = """
Resources:
  First: {Type: 'AWS::SQS::Queue'}
  Second:
    Type: AWS::Lambda::Permission
    DependsOn: First
    Properties: {FunctionName: nosuchfunction, Action: 'lambda:InvokeFunction', Principal: s3.amazonaws.com}
"""


def test_a_creation_that_fails_is_rolled_back_and_kept_for_reading(server, cfn):
    stack = name()
    cfn.create_stack(StackName=stack, TemplateBody=BROKEN)
    with pytest.raises(WaiterError):
        wait(cfn, "stack_create_complete", stack)
    eventually(lambda: described(cfn, stack)["StackStatus"] == "ROLLBACK_COMPLETE")
    events = {(e["LogicalResourceId"], e["ResourceStatus"]): e for e in cfn.describe_stack_events(StackName=stack)["StackEvents"]}
    assert "nosuchfunction" in events["Second", "CREATE_FAILED"]["ResourceStatusReason"]
    assert "[Second]" in events[stack, "ROLLBACK_IN_PROGRESS"]["ResourceStatusReason"]
    assert ("First", "DELETE_COMPLETE") in events
    assert not server.client("sqs").list_queues(QueueNamePrefix=stack).get("QueueUrls")
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
        cfn.update_stack(StackName=stack, TemplateBody=TEMPLATE)
    cfn.delete_stack(StackName=stack)
    wait(cfn, "stack_delete_complete", stack)
    kept = name()
    cfn.create_stack(StackName=kept, TemplateBody=BROKEN, OnFailure="DO_NOTHING")
    eventually(lambda: described(cfn, kept)["StackStatus"] == "CREATE_FAILED")
    assert server.client("sqs").list_queues(QueueNamePrefix=kept)["QueueUrls"]
    cfn.delete_stack(StackName=kept)


def test_an_update_that_fails_leaves_what_was(server, cfn):
    stack = name()
    cfn.create_stack(StackName=stack, TemplateBody="Resources: {First: {Type: 'AWS::SQS::Queue', Properties: {DelaySeconds: 5}}}")
    wait(cfn, "stack_create_complete", stack)
    cfn.update_stack(StackName=stack, TemplateBody=BROKEN)
    with pytest.raises(WaiterError):
        wait(cfn, "stack_update_complete", stack)
    eventually(lambda: described(cfn, stack)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE")
    assert [one["LogicalResourceId"] for one in cfn.list_stack_resources(StackName=stack)["StackResourceSummaries"]] == ["First"]
    cfn.delete_stack(StackName=stack)


def test_change_sets(server, cfn):
    stack = name()
    made = cfn.create_change_set(StackName=stack, ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=TEMPLATE)
    cfn.get_waiter("change_set_create_complete").wait(StackName=stack, ChangeSetName="first", WaiterConfig={"Delay": 0.1})
    assert described(cfn, stack)["StackStatus"] == "REVIEW_IN_PROGRESS"
    set_ = cfn.describe_change_set(ChangeSetName=made["Id"])
    assert {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"]["Action"] for c in set_["Changes"]} == \
        {"Jobs": "Add", "News": "Add", "Reader": "Add", "MayRead": "Add"}
    cfn.execute_change_set(ChangeSetName="first", StackName=stack)
    wait(cfn, "stack_create_complete", stack)
    cfn.create_change_set(StackName=stack, ChangeSetName="same", UsePreviousTemplate=True)
    same = cfn.describe_change_set(StackName=stack, ChangeSetName="same")
    assert same["Status"] == "FAILED" and "didn't contain changes" in same["StatusReason"]
    with pytest.raises(cfn.exceptions.InvalidChangeSetStatusException):
        cfn.execute_change_set(StackName=stack, ChangeSetName="same")
    cfn.delete_change_set(StackName=stack, ChangeSetName="same")
    cfn.create_change_set(StackName=stack, ChangeSetName="next", TemplateBody=TEMPLATE.replace("DisplayName: news", "DisplayName: more"))
    [change] = cfn.describe_change_set(StackName=stack, ChangeSetName="next")["Changes"]
    assert change["ResourceChange"]["Action"] == "Modify" and change["ResourceChange"]["Replacement"] == "False"
    cfn.execute_change_set(StackName=stack, ChangeSetName="next")
    wait(cfn, "stack_update_complete", stack)
    with pytest.raises(cfn.exceptions.ChangeSetNotFoundException):
        cfn.describe_change_set(StackName=stack, ChangeSetName="nosuch")
    cfn.delete_stack(StackName=stack)


def test_templates_are_validated_and_summarised(server, cfn):
    valid = cfn.validate_template(TemplateBody=TEMPLATE)
    assert valid["Description"] == "a shop"
    assert {p["ParameterKey"]: p.get("DefaultValue") for p in valid["Parameters"]} == {"Seconds": "30", "Secret": "hush"}
    role = "Resources: {R: {Type: 'AWS::IAM::Role', Properties: {AssumeRolePolicyDocument: {Statement: []}}}}"
    summary = cfn.get_template_summary(TemplateBody=role)
    assert summary["ResourceTypes"] == ["AWS::IAM::Role"] and summary["Capabilities"] == ["CAPABILITY_IAM"]
    with pytest.raises(cfn.exceptions.InsufficientCapabilitiesException, match=r"Requires capabilities : \[CAPABILITY_IAM\]"):
        cfn.create_stack(StackName=name(), TemplateBody=role)
    stack = name()
    cfn.create_stack(StackName=stack, TemplateBody=role, Capabilities=["CAPABILITY_IAM"])
    wait(cfn, "stack_create_complete", stack)
    [one] = cfn.list_stack_resources(StackName=stack)["StackResourceSummaries"]
    assert server.client("iam").get_role(RoleName=one["PhysicalResourceId"])["Role"]["AssumeRolePolicyDocument"] == {"Statement": []}
    cfn.delete_stack(StackName=stack)
    for bad, words in [("nonsense: [", "Template"), ("Resources: {}", "At least one Resources"),
                       ("Resources: {X: {Type: 'AWS::Nope::Thing'}}", "AWS::Nope::Thing")]:
        with pytest.raises(ClientError, match=words):
            cfn.create_stack(StackName=name(), TemplateBody=bad)
    with pytest.raises(ClientError, match="does not exist"):
        cfn.update_stack(StackName="nosuchstack", TemplateBody=TEMPLATE)


def aws(server, *args, **options):
    done = subprocess.run(["aws", *map(str, args)], env=server.environment(), capture_output=True, text=True, timeout=180, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_aws_cli_packages_and_deploys(server, cfn, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(CODE)
    (tmp_path / "template.yaml").write_text(SAM % "src/")
    bucket, stack = f"code-{name()}", name()
    server.client("s3").create_bucket(Bucket=bucket)
    packed = tmp_path / "packed.yaml"
    aws(server, "cloudformation", "package", "--template-file", tmp_path / "template.yaml", "--s3-bucket", bucket,
        "--output-template-file", packed)
    deploy = ["cloudformation", "deploy", "--template-file", packed, "--stack-name", stack, "--capabilities", "CAPABILITY_IAM"]
    assert "Successfully created/updated stack" in aws(server, *deploy)
    api = outputs(described(cfn, stack))["Api"]
    host = f"{api}.execute-api.us-east-1.localhost"
    assert server.http(host, "/hello/you").text == "hello you"
    assert "No changes to deploy" in aws(server, *deploy, "--no-fail-on-empty-changeset")
    (tmp_path / "src" / "app.py").write_text(CODE.replace("hello", "goodbye"))
    aws(server, "cloudformation", "package", "--template-file", tmp_path / "template.yaml", "--s3-bucket", bucket,
        "--output-template-file", packed)
    aws(server, *deploy, "--s3-bucket", bucket)
    assert server.http(host, "/hello/you").text == "goodbye you"
    processed = cfn.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    assert processed["Resources"]["Hello"]["Type"] == "AWS::Lambda::Function"
    aws(server, "cloudformation", "delete-stack", "--stack-name", stack)
    aws(server, "cloudformation", "wait", "stack-delete-complete", "--stack-name", stack)
    assert server.http(host, "/hello/you").status_code == 404


PARTS = """
Resources:
  Api: {Type: 'AWS::ApiGateway::RestApi', Properties: {Name: parts}}
  Items: {Type: 'AWS::ApiGateway::Resource', Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: items}}
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Items
      HttpMethod: GET
      AuthorizationType: NONE
      ApiKeyRequired: true
      MethodResponses: [{StatusCode: 200}]
      Integration:
        Type: MOCK
        RequestTemplates: {application/json: '{"statusCode": 200}'}
        IntegrationResponses: [{StatusCode: 200, ResponseTemplates: {application/json: '{"items": []}'}}]
  Deployed: {Type: 'AWS::ApiGateway::Deployment', DependsOn: Get, Properties: {RestApiId: !Ref Api}}
  Stage:
    Type: AWS::ApiGateway::Stage
    Properties:
      RestApiId: !Ref Api
      DeploymentId: !Ref Deployed
      StageName: dev
      MethodSettings: [{ResourcePath: '/*', HttpMethod: '*', ThrottlingRateLimit: 1000, ThrottlingBurstLimit: 1000}]
  Plan: {Type: 'AWS::ApiGateway::UsagePlan', Properties: {ApiStages: [{ApiId: !Ref Api, Stage: !Ref Stage}], Throttle: {RateLimit: 0.01, BurstLimit: 2}}}
  Key: {Type: 'AWS::ApiGateway::ApiKey', Properties: {Enabled: true, Value: aaaaaaaaaabbbbbbbbbbcccccccccc}}
  Both: {Type: 'AWS::ApiGateway::UsagePlanKey', Properties: {KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Plan}}
  Http: {Type: 'AWS::ApiGatewayV2::Api', Properties: {Name: http, ProtocolType: HTTP}}
  Onward:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Http, IntegrationType: HTTP_PROXY, IntegrationMethod: ANY, IntegrationUri: 'http://127.0.0.1:1/', PayloadFormatVersion: '1.0'}
  Route: {Type: 'AWS::ApiGatewayV2::Route', Properties: {ApiId: !Ref Http, RouteKey: GET /x, Target: !Sub 'integrations/${Onward}'}}
  HttpStage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Http, StageName: $default, AutoDeploy: true, RouteSettings: {GET /x: {ThrottlingBurstLimit: 1, ThrottlingRateLimit: 0.01}}}
Outputs: {Rest: {Value: !Ref Api}, Http: {Value: !Ref Http}}
"""


def test_apis_are_made_part_by_part(server, cfn):
    stack = name()
    cfn.create_stack(StackName=stack, TemplateBody=PARTS)
    wait(cfn, "stack_create_complete", stack)
    made = outputs(described(cfn, stack))
    host = f"{made['Rest']}.execute-api.us-east-1.localhost"
    ask = lambda **headers: server.http(host, "/dev/items", headers=headers)
    assert ask().status_code == 403
    key = {"x-api-key": "aaaaaaaaaabbbbbbbbbbcccccccccc"}
    assert ask(**key).json() == {"items": []}
    assert [ask(**key).status_code for _ in range(2)] == [200, 429]
    http = f"{made['Http']}.execute-api.us-east-1.localhost"
    assert [server.http(http, "/x").status_code for _ in range(2)] == [503, 429]
    cfn.delete_stack(StackName=stack)
    wait(cfn, "stack_delete_complete", stack)
    assert server.http(host, "/dev/items").status_code == 404
