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
