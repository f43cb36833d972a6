"""Queues through the API, as their clients meet them."""
import json
import threading
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from conftest import eventually


@pytest.fixture(scope="module")
def sqs(server):
    return server.client("sqs")


def make(sqs, fifo=False, **attributes):
    name = f"q-{uuid.uuid4().hex[:8]}" + (".fifo" if fifo else "")
    if fifo:
        attributes["FifoQueue"] = "true"
    return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def arn(sqs, url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def receive(sqs, url, **options):
    return sqs.receive_message(QueueUrl=url, **{"MaxNumberOfMessages": 10, **options}).get("Messages", [])


def bodies(messages):
    return [message["Body"] for message in messages]


def test_a_waiting_receiver_of_a_held_group_uses_no_processor(own_server):
    server = own_server.start()
    sqs = server.client("sqs")
    url = make(sqs, fifo=True, ContentBasedDeduplication="true")
    for body in "12":
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    (first,) = receive(sqs, url, MaxNumberOfMessages=1)

    def ticks():
        stat = open(f"/proc/{server.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return int(stat[11]) + int(stat[12])
    before, got = ticks(), []
    waiting = threading.Thread(target=lambda: got.extend(receive(server.client("sqs"), url, WaitTimeSeconds=10)))
    waiting.start()
    time.sleep(3)
    used = ticks() - before
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    waiting.join(5)
    assert bodies(got) == ["2"], "the end of the hold wakes it"
    # A receiver that looks again and again takes a whole core: 300 ticks.
    assert used < 100, f"{used} ticks in 3 seconds of waiting"


def test_an_attempt_is_repeated_by_its_id(sqs):
    url = make(sqs, fifo=True, ContentBasedDeduplication="true")
    for body in "12":
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    first = receive(sqs, url, MaxNumberOfMessages=1, ReceiveRequestAttemptId="one")
    again = receive(sqs, url, MaxNumberOfMessages=1, ReceiveRequestAttemptId="one")
    assert [m["ReceiptHandle"] for m in first] == [m["ReceiptHandle"] for m in again] and bodies(first) == ["1"]
    assert receive(sqs, url, ReceiveRequestAttemptId="two") == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"])
    assert bodies(receive(sqs, url, ReceiveRequestAttemptId="one")) == ["2"], "it was deleted: a new attempt"
    with pytest.raises(ClientError):
        receive(sqs, url, ReceiveRequestAttemptId="x" * 129)


def test_groups_keep_their_order_and_duplicates_are_kept_out(sqs):
    url = make(sqs, fifo=True)
    sent = [("a1", "a", "1"), ("a2", "a", "2"), ("a2 again", "a", "2"), ("b1", "b", "3")]
    ids = [sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=token)["MessageId"]
           for body, group, token in sent]
    assert ids[1] == ids[2]
    got = receive(sqs, url)
    assert bodies(got) == ["a1", "a2", "b1"]
    assert receive(sqs, url) == [], "both groups are held"


def test_dead_letters_come_at_the_receive_count_and_go_back(sqs):
    dead = make(sqs)
    url = make(sqs, VisibilityTimeout="0",
               RedrivePolicy=json.dumps({"deadLetterTargetArn": arn(sqs, dead), "maxReceiveCount": 2}))
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    counts = [receive(sqs, url, AttributeNames=["All"])[0]["Attributes"]["ApproximateReceiveCount"] for _ in range(2)]
    assert counts == ["1", "2"] and receive(sqs, url) == []
    (letter,) = receive(sqs, dead, WaitTimeSeconds=2, AttributeNames=["All"], VisibilityTimeout=0)
    assert letter["Body"] == "poison" and letter["Attributes"]["DeadLetterQueueSourceArn"] == arn(sqs, url)
    sqs.start_message_move_task(SourceArn=arn(sqs, dead))
    assert bodies(receive(sqs, url, WaitTimeSeconds=5)) == ["poison"]


def test_a_long_poll_wakes_at_once_and_a_delay_holds(sqs, server):
    url, got = make(sqs), []
    waiting = threading.Thread(target=lambda: got.extend(receive(server.client("sqs"), url, WaitTimeSeconds=20)))
    waiting.start()
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=1)
    assert receive(sqs, url) == []
    waiting.join(10)
    assert bodies(got) == ["late"]


def test_a_batch_says_of_each_entry_how_it_went(sqs):
    url = make(sqs)
    entries = [{"Id": "good", "MessageBody": "x"}, {"Id": "bad", "MessageBody": "y", "DelaySeconds": 901}]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["good"]
    assert [(one["Id"], one["SenderFault"]) for one in answer["Failed"]] == [("bad", True)]


@pytest.mark.parametrize("entries, code", [
    ([], "EmptyBatchRequest"),
    ([{"Id": str(i), "MessageBody": "x"} for i in range(11)], "TooManyEntriesInBatchRequest"),
    ([{"Id": "a", "MessageBody": "x"}] * 2, "BatchEntryIdsNotDistinct"),
    ([{"Id": "not good", "MessageBody": "x"}], "InvalidBatchEntryId"),
])
def test_batches_that_make_no_sense_are_refused(sqs, entries, code):
    with pytest.raises(ClientError) as error:
        sqs.send_message_batch(QueueUrl=make(sqs), Entries=entries)
    assert error.value.response["Error"]["Code"].endswith(code)


def test_bytes_and_unicode_are_what_they_were(sqs):
    url = make(sqs)
    attributes = {"b": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
                  "n": {"DataType": "Number.int", "StringValue": "7"}}
    # boto3 checks the MD5s of body and attributes by itself.
    sqs.send_message(QueueUrl=url, MessageBody="✓ \U0001f600", MessageAttributes=attributes)
    (message,) = receive(sqs, url, MessageAttributeNames=["All"])
    assert message["Body"] == "✓ \U0001f600" and message["MessageAttributes"] == attributes


def test_what_a_policy_denies_to_everybody_the_owner_does_not_do_either(server, sqs):
    url = make(sqs)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [deny]})})
    for send in (lambda: sqs.send_message(QueueUrl=url, MessageBody="m"),
                 lambda: sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "m"}])):
        with pytest.raises(ClientError) as error:
            send()
        assert error.value.response["Error"]["Code"] == "AccessDenied"
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    sqs.send_message(QueueUrl=url, MessageBody="m")
    sns = server.client("sns")
    topic = sns.create_topic(Name=f"t-{uuid.uuid4().hex[:8]}")["TopicArn"]
    deny = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sns:Publish", "Resource": topic}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({"Statement": [deny]}))
    with pytest.raises(ClientError) as error:
        sns.publish(TopicArn=topic, Message="m")
    assert error.value.response["Error"]["Code"] == "AuthorizationError"


def test_a_policy_holds_for_what_it_names(sqs):
    url = make(sqs)
    for resource, denied in ((f"arn:aws:sqs:*:*:{url.rsplit('/', 1)[1]}", True), ("arn:aws:sqs:*:*:other", False)):
        deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": resource}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": deny})})
        if denied:
            with pytest.raises(ClientError):
                sqs.send_message(QueueUrl=url, MessageBody="m")
        else:
            sqs.send_message(QueueUrl=url, MessageBody="m")
