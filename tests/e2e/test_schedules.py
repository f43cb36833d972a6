"""Schedules: each time fires once, in the time zone and the words of the service."""
import datetime
import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

OFF = {"Mode": "OFF"}
ROLE = "arn:aws:iam::000000000000:role/test"


def queue(server):
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName=f"s-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    return sqs, url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def at(seconds):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return f"at({when:%Y-%m-%dT%H:%M:%S})"


def create(server, expression, arn, **settings):
    name = f"s-{uuid.uuid4().hex[:8]}"
    server.client("scheduler").create_schedule(**{
        "Name": name, "ScheduleExpression": expression, "FlexibleTimeWindow": OFF,
        "Target": {"Arn": arn, "RoleArn": ROLE, "Input": json.dumps({"from": name})}, **settings})
    return name


def test_a_time_fires_once_and_the_schedule_goes_away(server):
    sqs, url, arn = queue(server)
    name = create(server, at(2), arn, ActionAfterCompletion="DELETE")
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert json.loads(message["Body"]) == {"from": name}
    with pytest.raises(ClientError) as error:
        server.client("scheduler").get_schedule(Name=name)
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)


def test_what_was_missed_while_no_server_ran_fires_once(own_server):
    server = own_server.start()
    _, url, arn = queue(server)
    name = create(server, at(2), arn)
    server.kill()
    time.sleep(3)
    server.start()
    sqs = server.client("sqs")
    url = sqs.get_queue_url(QueueName=url.rsplit("/", 1)[1])["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert json.loads(message["Body"]) == {"from": name}
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)


@pytest.mark.parametrize("expression", [
    "rate(1 minute)", "rate(2 hours)", "cron(0 12 * * ? *)", "cron(0 8 ? * 2-6 *)", "cron(0 8 L * ? *)",
    "cron(0 8 15W * ? 2027)", "cron(0 8 ? * 6#3 *)", "cron(0/15 8-17 ? * MON-FRI *)"])
def test_expressions_of_the_service_are_taken(server, expression):
    _, _, arn = queue(server)
    name = create(server, expression, arn, State="DISABLED", ScheduleExpressionTimezone="Europe/Berlin")
    kept = server.client("scheduler").get_schedule(Name=name)
    assert (kept["ScheduleExpression"], kept["State"]) == (expression, "DISABLED")


@pytest.mark.parametrize("expression", [
    "rate(0 minutes)", "rate(1 minutes x)", "cron(0 12 * * *)", "cron(0 12 * * * *)", "cron(0 8 ? * 0 *)", "sometimes",
    "at(2026-13-01T00:00:00)"])
def test_expressions_that_make_no_sense_are_refused(server, expression):
    _, _, arn = queue(server)
    with pytest.raises(ClientError) as error:
        create(server, expression, arn)
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_universal_targets_call_operations(server):
    sqs, url, arn = queue(server)
    function = server.create("def handler(event, context): return event['text']\n")
    server.lam.put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnSuccess": {"Destination": arn}})
    topic = server.client("sns").create_topic(Name=f"t-{uuid.uuid4().hex[:8]}")["TopicArn"]
    server.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    rule = f"r-{uuid.uuid4().hex[:8]}"
    server.client("events").put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
    server.client("events").put_targets(Rule=rule, Targets=[{"Id": "q", "Arn": arn, "InputPath": "$.detail.n"}])
    calls = {
        "sqs:sendMessage": {"QueueUrl": url, "MessageBody": "of sqs <aws.scheduler.attempt-number>"},
        "sns:publish": {"TopicArn": topic, "Message": "of sns", "MessageAttributes": {
            "a": {"DataType": "String", "StringValue": "v"}}},
        "eventbridge:putEvents": {"Entries": [{"Source": rule, "DetailType": "t", "Detail": '{"n": "of events"}'}]},
        "lambda:invoke": {"FunctionName": function, "InvocationType": "Event",
                          "Payload": json.dumps({"text": "of lambda"})},
    }
    for call, parameters in calls.items():
        create(server, at(1), arn, Target={
            "Arn": f"arn:aws:scheduler:::aws-sdk:{call}", "RoleArn": ROLE, "Input": json.dumps(parameters)})
    got, until = {}, time.monotonic() + 30
    while len(got) < len(calls) and time.monotonic() < until:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1,
                                           MessageAttributeNames=["All"]).get("Messages", []):
            body = json.loads(message["Body"])["responsePayload"] if "responsePayload" in message["Body"] else message["Body"]
            got[body] = {name: one["StringValue"] for name, one in message.get("MessageAttributes", {}).items()}
    assert got == {"of sqs 1": {}, "of sns": {"a": "v"}, '"of events"': {}, "of lambda": {}}


@pytest.mark.parametrize("call,said", [
    ("s3:putObject", "no universal targets of the service s3"),
    ("sqs:receiveMessage", "only reads"),
    ("lambda:deleteFunction", "it has lambda:invoke"),
    ("sqs", "is no universal target"),
])
def test_universal_targets_that_are_not_there_are_named(server, call, said):
    with pytest.raises(ClientError) as refused:
        create(server, at(60), f"arn:aws:scheduler:::aws-sdk:{call}")
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException" and said in error["Message"]


def test_a_universal_call_that_is_refused_is_a_dead_letter_that_says_why(server):
    sqs, url, arn = queue(server)
    create(server, at(1), arn, Target={
        "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "RoleArn": ROLE, "DeadLetterConfig": {"Arn": arn},
        "Input": json.dumps({"QueueUrl": url + "-gone", "MessageBody": "x"})})
    letter, until = None, time.monotonic() + 30
    while not letter and time.monotonic() < until:
        letter = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"]).get("Messages")
    attributes = letter[0]["MessageAttributes"]
    assert attributes["ERROR_CODE"]["StringValue"] == "SDK_CLIENT_ERROR"
    assert "QueueDoesNotExist" in attributes["ERROR_MESSAGE"]["StringValue"]
