"""Queues as triggers of functions."""
import json
import uuid

import pytest
from botocore.exceptions import ClientError

from conftest import eventually

KEEP = """
import json
def handler(event, context):
    records = event["Records"]
    print("batch " + json.dumps([r["body"] if len(r["body"]) < 100 else len(r["body"]) for r in records]))
    bad = [r["messageId"] for r in records if r["body"].startswith("bad")]
    if any(r["body"] == "raise" for r in records):
        raise ValueError("no")
    return {"batchItemFailures": [{"itemIdentifier": one} for one in bad]}
"""


@pytest.fixture(scope="module")
def sqs(server):
    return server.client("sqs")


@pytest.fixture
def queue(sqs):
    def make(fifo=False, **attributes):
        if fifo:
            attributes["FifoQueue"] = "true"
        url = sqs.create_queue(QueueName=f"m-{uuid.uuid4().hex[:8]}" + (".fifo" if fifo else ""),
                               Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return make


def batches(server, function):
    try:
        log = server.log_of(function)
    except ClientError:
        return []
    return [json.loads(line[6:]) for line in log if line.startswith("batch ")]


def state(server, id):
    return server.lam.get_event_source_mapping(UUID=id)["State"]


def mapped(server, function, queue_arn, **settings):
    made = server.lam.create_event_source_mapping(EventSourceArn=queue_arn, FunctionName=function, **settings)
    assert made["State"] == "Creating"
    eventually(lambda: state(server, made["UUID"]) in ("Enabled", "Disabled"))
    return made["UUID"]


def test_large_messages_come_in_events_that_fit(server, sqs, queue):
    url, queue_arn = queue()
    for n in range(10):
        sqs.send_message(QueueUrl=url, MessageBody=f"{n}" * 900_000)
    function = server.create(KEEP)
    mapped(server, function, queue_arn, BatchSize=10)
    eventually(lambda: sum(map(len, batches(server, function))) == 10, within=30)
    got = batches(server, function)
    assert all(sum(batch) < 6 * 1024 * 1024 for batch in got) and max(map(len, got)) > 1
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    eventually(lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][
        "ApproximateNumberOfMessagesNotVisible"] == "0")
    assert counts["ApproximateNumberOfMessages"] == "0"


def test_only_what_failed_comes_back_until_it_is_a_dead_letter(server, sqs, queue):
    dead, dead_arn = queue()
    url, queue_arn = queue(VisibilityTimeout="3", RedrivePolicy=json.dumps(
        {"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2}))
    for body in ("good", "bad"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    function = server.create(KEEP)
    mapped(server, function, queue_arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    letters = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=20)["Messages"]
    assert [letter["Body"] for letter in letters] == ["bad"]
    seen = [body for batch in batches(server, function) for body in batch]
    assert sorted(seen) == ["bad", "bad", "good"]


@pytest.mark.parametrize("pattern, expected", [
    ({"body": {"kind": ["a"]}}, ["a"]),
    ({"body": {"n": [{"numeric": [">", 1]}]}}, ["b"]),
])
def test_filters_let_through_what_they_want(server, sqs, queue, pattern, expected):
    url, queue_arn = queue()
    for kind, n in (("a", 1), ("b", 2)):
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"kind": kind, "n": n}))
    function = server.create(KEEP)
    mapped(server, function, queue_arn, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    eventually(lambda: batches(server, function))
    eventually(lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][
        "ApproximateNumberOfMessagesNotVisible"] == "0")
    kinds = [json.loads(body)["kind"] for batch in batches(server, function) for body in batch]
    assert kinds == expected


def test_states_follow_what_is_asked_for(server, sqs, queue):
    url, queue_arn = queue()
    function = server.create(KEEP)
    id = mapped(server, function, queue_arn, Enabled=False)
    assert state(server, id) == "Disabled"
    for change, during, after in (
        ({"Enabled": True}, "Enabling", "Enabled"),
        ({"BatchSize": 5}, "Updating", "Enabled"),
        ({"Enabled": False}, "Disabling", "Disabled"),
    ):
        assert server.lam.update_event_source_mapping(UUID=id, **change)["State"] == during
        eventually(lambda: state(server, id) == after)
    sqs.send_message(QueueUrl=url, MessageBody="unread")
    assert server.lam.delete_event_source_mapping(UUID=id)["State"] == "Deleting"

    def gone():
        try:
            return not state(server, id)
        except ClientError as error:
            return error.response["Error"]["Code"] == "ResourceNotFoundException"
    eventually(gone)
    assert batches(server, function) == []


def test_a_mapping_is_deleting_while_its_event_runs(server, sqs, queue):
    url, queue_arn = queue()
    slow = server.create("import time\ndef handler(event, context): time.sleep(2)\n", Timeout=20)
    id = mapped(server, slow, queue_arn)
    sqs.send_message(QueueUrl=url, MessageBody="slow")
    eventually(lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][
        "ApproximateNumberOfMessagesNotVisible"] == "1")
    server.lam.delete_event_source_mapping(UUID=id)
    assert state(server, id) == "Deleting"
    (listed,) = server.lam.list_event_source_mappings(EventSourceArn=queue_arn)["EventSourceMappings"]
    assert listed["State"] == "Deleting"
    with pytest.raises(ClientError) as error:
        server.lam.update_event_source_mapping(UUID=id, BatchSize=2)
    assert error.value.response["Error"]["Code"] == "ResourceInUseException"
    eventually(lambda: server.lam.list_event_source_mappings(EventSourceArn=queue_arn)["EventSourceMappings"] == [])
