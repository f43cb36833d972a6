"""Subscription filters: a function is called with the log events of a group."""
import base64
import gzip
import json
import time
import uuid

import pytest

from conftest import eventually

PRINTS = "def handler(event, context): print('got', event['awslogs']['data'])"


SAM = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.11, Handler: index.handler}}
Resources:
  Prints:
    Type: AWS::Serverless::Function
    Properties: {InlineCode: "def handler(event, context): print(event['say'])"}
  Printed: {Type: 'AWS::Logs::LogGroup', Properties: {LogGroupName: !Sub '/aws/lambda/${Prints}'}}
  Reads:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: "%s"
      Events:
        Errors: {Type: CloudWatchLogs, Properties: {LogGroupName: !Ref Printed, FilterPattern: PATTERN}}
Outputs:
  Prints: {Value: !Ref Prints}
  Reads: {Value: !Ref Reads}
  Filter: {Value: !Ref ReadsErrors}
""" % PRINTS


def documents(server, name):
    """What a function was called with by log groups, as far as it has printed it."""
    lines = [line.split("got ")[1] for line in server.log_of(name) if "got " in line]
    return [json.loads(gzip.decompress(base64.b64decode(line))) for line in lines]


def test_a_function_hears_of_the_events_of_a_group(server):
    logs, functions = server.client("logs"), server.client("lambda")
    name = server.create(PRINTS)
    arn = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    group = f"/app/{name}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    functions.add_permission(
        FunctionName=name, StatementId="logs", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com",
        SourceArn=f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*")
    put = {"logGroupName": group, "filterName": "errors", "filterPattern": "ERROR", "destinationArn": arn}
    logs.put_subscription_filter(**put)
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in ("fine", "ERROR é", "ERROR 2")]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

    document = eventually(lambda: documents(server, name))[0]
    assert document["logGroup"] == group and document["messageType"] == "DATA_MESSAGE"
    assert [event["message"] for event in document["logEvents"]] == ["ERROR é", "ERROR 2"]
    (kept,) = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert kept["distribution"] == "ByLogStream" and kept["destinationArn"] == arn
    logs.delete_subscription_filter(logGroupName=group, filterName="errors")
    assert logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []


def test_a_template_subscribes_a_function_to_what_another_prints(server):
    cfn, logs = server.client("cloudformation"), server.client("logs")
    stack = f"s{uuid.uuid4().hex[:8]}"

    def done(what):
        cfn.get_waiter(f"stack_{what}_complete").wait(StackName=stack, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})

    capabilities = {"Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]}
    cfn.create_stack(StackName=stack, TemplateBody=SAM.replace("PATTERN", "ERROR"), **capabilities)
    done("create")
    [made] = cfn.describe_stacks(StackName=stack)["Stacks"]
    of = {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
    group = f"/aws/lambda/{of['Prints']}"
    for say in ("all is well", "ERROR 5"):
        server.invoke(of["Prints"], {"say": say})
    document = eventually(lambda: documents(server, of["Reads"]))[0]
    assert (document["logGroup"], document["subscriptionFilters"]) == (group, [of["Filter"]])
    assert [event["message"].strip() for event in document["logEvents"]] == ["ERROR 5"]

    cfn.update_stack(StackName=stack, TemplateBody=SAM.replace("PATTERN", "well"), **capabilities)
    done("update")
    [kept] = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert (kept["filterName"], kept["filterPattern"]) == (of["Filter"], "well")
    cfn.delete_stack(StackName=stack)
    done("delete")
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.describe_subscription_filters(logGroupName=group)


SERVERLESS = """
service: logged
provider: {name: aws, runtime: python3.11}
functions:
  reads:
    handler: app.reads
    events:
      - cloudwatchLog: {logGroup: /aws/lambda/logged-dev-says, filter: ERROR}
      - cloudwatchLog: /aws/lambda/logged-dev-tells
  says: {handler: app.says}
  tells: {handler: app.says}
"""


def test_a_service_subscribes_a_function_to_what_its_others_print(server, tmp_path):
    (tmp_path / "serverless.yml").write_text(SERVERLESS)
    says = "def says(event, context): print(event['say'])\n"
    (tmp_path / "app.py").write_text(says + PRINTS.replace("handler", "reads"))
    done = server.cli("deploy", tmp_path, "--yes")
    assert done.returncode == 0, done.stderr
    for name, say in [("says", "all is well"), ("says", "ERROR 5"), ("tells", "all is told")]:
        server.invoke(f"logged-dev-{name}", {"say": say})

    def heard():
        return [event["message"].strip() for document in documents(server, "logged-dev-reads") for event in document["logEvents"]]

    eventually(lambda: {"ERROR 5", "all is told"} <= set(heard()))
    assert "all is well" not in heard()
    assert server.cli("rm", "logged", "--yes").returncode == 0
