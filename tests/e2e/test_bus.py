"""The event bus: patterns, targets, transformers, dead letters, archives."""
import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from conftest import eventually

OPEN = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]})
EVENT = {"id": "1", "account": "000000000000", "source": "shop", "time": "2026-11-25T00:00:00Z", "region": "us-east-1",
         "resources": ["arn:a"], "detail-type": "order"}


@pytest.fixture(scope="module")
def bus(server):
    return server.client("events")


@pytest.fixture(scope="module")
def sqs(server):
    return server.client("sqs")


def queue(sqs, policy=OPEN):
    url = sqs.create_queue(QueueName=f"b-{uuid.uuid4().hex[:8]}", Attributes={"Policy": policy} if policy else {})["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def rule(bus, pattern, **target):
    name = f"r-{uuid.uuid4().hex[:8]}"
    bus.put_rule(Name=name, EventPattern=json.dumps(pattern))
    answer = bus.put_targets(Rule=name, Targets=[{"Id": "t", **target}])
    assert answer["FailedEntryCount"] == 0
    return name


def put(bus, source, detail):
    answer = bus.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": json.dumps(detail)}])
    assert answer["FailedEntryCount"] == 0
    return answer["Entries"][0]["EventId"]


def receive(sqs, url):
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MessageAttributeNames=["All"])["Messages"]
    return message


@pytest.mark.parametrize("pattern, detail, expected", [
    ({"n": [{"numeric": [">", 0, "<=", 5]}]}, {"n": 5}, True),
    ({"n": [{"numeric": ["=", 5]}]}, {"n": "5"}, False),
    ({"s": [{"prefix": "a"}]}, {"s": "abc"}, True),
    ({"s": [{"prefix": {"equals-ignore-case": "AB"}}]}, {"s": "abc"}, True),
    ({"s": [{"suffix": "c"}]}, {"s": "abc"}, True),
    ({"s": [{"anything-but": ["a", "b"]}]}, {"s": "c"}, True),
    ({"s": [{"anything-but": {"prefix": "a"}}]}, {"s": "abc"}, False),
    ({"s": [{"anything-but": "a"}]}, {}, False),
    ({"s": [{"exists": False}]}, {}, True),
    ({"s": [{"exists": True}]}, {"s": None}, True),
    ({"s": [None]}, {"s": None}, True),
    ({"s": [{"equals-ignore-case": "ABC"}]}, {"s": "abc"}, True),
    ({"s": [{"wildcard": "a*c"}]}, {"s": "abbbc"}, True),
    ({"ip": [{"cidr": "10.0.0.0/8"}]}, {"ip": "10.1.2.3"}, True),
    ({"ip": [{"cidr": "10.0.0.0/8"}]}, {"ip": "11.1.2.3"}, False),
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}, True),
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 1}, False),
    ({"list": ["b"]}, {"list": ["a", "b"]}, True),
])
def test_operators_of_patterns(bus, pattern, detail, expected):
    answer = bus.test_event_pattern(EventPattern=json.dumps({"detail": pattern}),
                                    Event=json.dumps({**EVENT, "detail": detail}))
    assert answer["Result"] is expected


@pytest.mark.parametrize("pattern", ["no JSON", '{"a": "b"}', '{"a": [{"nonsense": 1}]}', "{}"])
def test_patterns_that_make_no_sense_are_refused(bus, pattern):
    with pytest.raises(ClientError) as error:
        bus.put_rule(Name="bad", EventPattern=pattern)
    assert error.value.response["Error"]["Code"] == "InvalidEventPatternException"


@pytest.mark.parametrize("shape, expected", [
    ({"InputPath": "$.detail.n"}, "7"),
    ({"Input": '{"fixed": 1}'}, '{"fixed": 1}'),
    ({"InputTransformer": {"InputPathsMap": {"n": "$.detail.n", "s": "$.detail.s"},
                           "InputTemplate": '{"number": <n>, "text": "<s>!"}'}}, '{"number": 7, "text": "ä!"}'),
])
def test_targets_get_what_their_input_says(bus, sqs, shape, expected):
    url, arn = queue(sqs)
    source = uuid.uuid4().hex
    rule(bus, {"source": [source]}, Arn=arn, **shape)
    put(bus, source, {"n": 7, "s": "ä"})
    body = receive(sqs, url)["Body"]
    assert json.loads(body) == json.loads(expected)


def test_what_a_target_refuses_is_a_dead_letter_that_says_why(server, bus, sqs):
    url, arn = queue(sqs)
    function = server.create("def handler(event, context): pass\n")
    function_arn = server.lam.get_function_configuration(FunctionName=function)["FunctionArn"]
    source = uuid.uuid4().hex
    name = rule(bus, {"source": [source]}, Arn=function_arn, DeadLetterConfig={"Arn": arn})
    put(bus, source, {})
    letter = receive(sqs, url)
    attributes = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS" and attributes["RULE_ARN"].endswith(name)
    assert json.loads(letter["Body"])["source"] == source


def test_one_bad_entry_does_not_keep_the_others_out(bus):
    answer = bus.put_events(Entries=[{"Source": "a", "DetailType": "t", "Detail": "{}"},
                                     {"Source": "a", "DetailType": "t", "Detail": "no JSON"}])
    assert answer["FailedEntryCount"] == 1 and "EventId" in answer["Entries"][0]
    assert answer["Entries"][1]["ErrorCode"] == "MalformedDetail"


def test_a_log_group_is_a_target(server, bus):
    logs, group = server.client("logs"), f"/aws/events/g-{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=group)
    source, arn = f"s-{uuid.uuid4().hex[:8]}", f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    rule(bus, {"source": [source]}, Arn=arn)
    put(bus, source, {"n": 1})
    (event,) = eventually(lambda: logs.filter_log_events(logGroupName=group)["events"])
    assert json.loads(event["message"])["detail"] == {"n": 1}
    # An input of these two members says the time and the message.
    now = int(time.time() * 1000) - 5000
    rule(bus, {"source": [source + "2"]}, Arn=arn, InputTransformer={
        "InputPathsMap": {"s": "$.source"}, "InputTemplate": json.dumps({"timestamp": now, "message": "<s> came"})})
    put(bus, source + "2", {})
    found = lambda: [e for e in logs.filter_log_events(logGroupName=group)["events"] if e["message"].endswith(" came")]
    (event,) = eventually(found)
    assert (event["message"], event["timestamp"]) == (f"{source}2 came", now)


def test_an_api_is_a_target(server, bus):
    """A rule calls a method of a REST API: path, query and header come from the event, and it signs as its role."""
    function = server.create("import json\ndef handler(event, context):\n    print('CALLED ' + json.dumps(event))\n"
                             "    return {'statusCode': 200}\n")
    arn = server.lam.get_function_configuration(FunctionName=function)["FunctionArn"]
    server.lam.add_permission(FunctionName=function, StatementId="api", Action="lambda:InvokeFunction",
                              Principal="apigateway.amazonaws.com")
    apis = server.client("apigateway")
    api = apis.create_rest_api(name=function)["id"]
    (root,) = apis.get_resources(restApiId=api)["items"]
    resource = apis.create_resource(restApiId=api, parentId=root["id"], pathPart="{order}")["id"]
    apis.put_method(restApiId=api, resourceId=resource, httpMethod="POST", authorizationType="AWS_IAM")
    apis.put_integration(restApiId=api, resourceId=resource, httpMethod="POST", type="AWS_PROXY",
                         integrationHttpMethod="POST",
                         uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations")
    apis.create_deployment(restApiId=api, stageName="prod")
    source = uuid.uuid4().hex
    rule(bus, {"source": [source]}, Arn=f"arn:aws:execute-api:us-east-1:000000000000:{api}/prod/POST/*",
         RoleArn="arn:aws:iam::000000000000:role/any", HttpParameters={
             "PathParameterValues": ["$.detail.order"], "QueryStringParameters": {"kind": "$.detail-type"},
             "HeaderParameters": {"X-Note": "fixed"}})
    put(bus, source, {"order": "o 1"})
    logs = server.client("logs")

    def called():
        if not logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function}")["logGroups"]:
            return None
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}",
                                                                 filterPattern="CALLED")
        return [json.loads(e["message"].split("CALLED ", 1)[1]) for page in pages for e in page["events"]]
    (event,) = eventually(called, within=30)
    assert event["pathParameters"] == {"order": "o 1"} and event["queryStringParameters"] == {"kind": "t"}
    headers = {name.lower(): value for name, value in event["headers"].items()}
    assert headers["x-note"] == "fixed" and headers["x-amz-source-arn"].split(":")[2] == "events"
    assert json.loads(event["body"])["detail"] == {"order": "o 1"}


def test_all_that_is_wrong_with_a_request_is_said(bus):
    bad = "no spaces " + "x" * 64
    with pytest.raises(ClientError) as error:
        bus.create_connection(Name=bad, AuthorizationType="NONE",
                              AuthParameters={"BasicAuthParameters": {"Username": "u", "Password": "p"}})
    said = error.value.response["Error"]
    assert said["Code"] == "ValidationException" and said["Message"].startswith("3 validation errors detected: ")
    with pytest.raises(ClientError) as error:
        bus.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": "arn:a:b:c:d:e", "RetryPolicy": {"MaximumRetryAttempts": 186}}])
    assert error.value.response["Error"]["Message"] == (
        "1 validation error detected: Value '186' at 'targets.1.member.retryPolicy.maximumRetryAttempts' failed to satisfy "
        "constraint: Member must have value less than or equal to 185")
