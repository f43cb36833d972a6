"""Topics, with real clients: fan-out to queues and functions, HTTP endpoints, FIFO, the bus as a sender."""
import http.server
import json
import threading
import uuid

import pytest
import requests
from botocore.exceptions import ClientError

from conftest import eventually


@pytest.fixture(scope="module")
def sns(server):
    return server.client("sns")


@pytest.fixture(scope="module")
def sqs(server):
    return server.client("sqs")


def fresh(prefix="t"):
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def queue(sqs):
    def make(**attributes):
        name = fresh("q") + (".fifo" if attributes.get("FifoQueue") else "")
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return make


def drain(sqs, url, want):
    got = []

    def step():
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1,
                                           MessageAttributeNames=["All"]).get("Messages", []):
            got.append(message)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(got) >= want
    eventually(step)
    return got


def test_fan_out_with_raw_delivery_and_a_filter_on_the_body(sns, sqs, queue):
    topic = sns.create_topic(Name=fresh())["TopicArn"]
    (raw, raw_arn), (picky, picky_arn) = queue(), queue()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=raw_arn, Attributes={"RawMessageDelivery": "true"})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=picky_arn, Attributes={
        "FilterPolicyScope": "MessageBody", "FilterPolicy": json.dumps({"order": {"total": [{"numeric": [">", 10]}]}})})
    for total in (5, 50):
        sns.publish(TopicArn=topic, Message=json.dumps({"order": {"total": total}}),
                    MessageAttributes={"n": {"DataType": "Binary", "BinaryValue": b"\x00\x01"}})
    assert all(m["MessageAttributes"]["n"]["BinaryValue"] == b"\x00\x01" for m in drain(sqs, raw, 2))
    (message,) = drain(sqs, picky, 1)
    assert json.loads(json.loads(message["Body"])["Message"]) == {"order": {"total": 50}}


def test_fifo_order_and_deduplication(sns, sqs, queue):
    topic = sns.create_topic(Name=fresh() + ".fifo", Attributes={
        "FifoTopic": "true", "ContentBasedDeduplication": "true"})["TopicArn"]
    url, arn = queue(FifoQueue="true")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    bodies = [str(n) for n in range(20)]
    for body in bodies:
        sns.publish(TopicArn=topic, Message=body, MessageGroupId="g")
        sns.publish(TopicArn=topic, Message=body, MessageGroupId="g")
    assert [m["Body"] for m in drain(sqs, url, 20)] == bodies


@pytest.fixture
def endpoint():
    """A web server, with what was posted to it."""
    posted = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            posted.append((dict(self.headers), body.decode()))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", posted
    server.shutdown()


def test_an_http_endpoint_follows_the_links_in_its_messages(sns, endpoint):
    url, posted = endpoint
    topic = sns.create_topic(Name=fresh(), Attributes={"SignatureVersion": "2"})["TopicArn"]
    assert sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)["SubscriptionArn"] == "pending confirmation"
    eventually(lambda: posted)
    asked = json.loads(posted[0][1])
    assert asked["Type"] == "SubscriptionConfirmation"
    assert requests.get(asked["SubscribeURL"]).status_code == 200
    sns.publish(TopicArn=topic, Message="m", Subject="s")
    eventually(lambda: len(posted) == 2)
    message = json.loads(posted[1][1])
    assert (message["Message"], message["Subject"], message["SignatureVersion"]) == ("m", "s", "2")
    assert "BEGIN CERTIFICATE" in requests.get(message["SigningCertURL"]).text
    assert requests.get(message["UnsubscribeURL"]).status_code == 200
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    eventually(lambda: len(posted) == 3)
    ended = json.loads(posted[2][1])
    assert ended["Type"] == "UnsubscribeConfirmation" == posted[2][0]["x-amz-sns-message-type"]
    assert requests.get(ended["SubscribeURL"]).status_code == 200
    (restored,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert message["UnsubscribeURL"].endswith(restored["SubscriptionArn"])


def test_what_a_policy_forbids_reaches_the_dead_letters(sns, sqs, queue):
    topic = sns.create_topic(Name=fresh())["TopicArn"]
    closed = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
                                        "Action": "sqs:SendMessage", "Resource": "*"}]})
    (_, arn), (dead, dead_arn) = queue(Policy=closed), queue()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn,
                  Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn})})
    sns.publish(TopicArn=topic, Message="m")
    (letter,) = drain(sqs, dead, 1)
    assert json.loads(letter["Body"])["Message"] == "m"
    # Why it is one is told by the steps of the event, not by the message.
    assert "MessageAttributes" not in letter


def test_the_bus_publishes_to_a_topic(server, sns, sqs, queue):
    bus = server.client("events")
    topic = sns.create_topic(Name=fresh())["TopicArn"]
    url, arn = queue()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    rule, source = fresh("rule"), fresh("source")
    bus.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    bus.put_targets(Rule=rule, Targets=[{"Id": "t", "Arn": topic}])
    bus.put_events(Entries=[{"Source": source, "DetailType": "d", "Detail": '{"k": 1}'}])
    (message,) = drain(sqs, url, 1)
    assert json.loads(message["Body"])["detail"] == {"k": 1}


def test_errors_are_those_of_the_client_library(sns):
    topic = sns.create_topic(Name=fresh())["TopicArn"]
    for call, error in [
        (lambda: sns.publish(TopicArn=topic + "x", Message="m"), sns.exceptions.NotFoundException),
        (lambda: sns.publish(TopicArn=topic, Message="x" * 262145), sns.exceptions.InvalidParameterException),
        (lambda: sns.list_tags_for_resource(ResourceArn=topic + "x"), sns.exceptions.ResourceNotFoundException),
        (lambda: sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[]), sns.exceptions.EmptyBatchRequestException),
        (lambda: sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint="+1"), sns.exceptions.InvalidParameterException),
    ]:
        with pytest.raises(error):
            call()
    with pytest.raises(ClientError) as refused:
        sns.get_data_protection_policy(ResourceArn=topic)
    assert "GetDataProtectionPolicy" in str(refused.value)


def test_a_fifo_topic_keeps_its_messages_and_delivers_them_once_more(sns, sqs, queue):
    topic = sns.create_topic(Name=fresh() + ".fifo", Attributes={
        "FifoTopic": "true", "ContentBasedDeduplication": "true",
        "ArchivePolicy": json.dumps({"MessageRetentionPeriod": "7"})})["TopicArn"]
    first, first_arn = queue(FifoQueue="true")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=first_arn)
    bodies = [str(n) for n in range(12)]
    for body in bodies:
        sns.publish(TopicArn=topic, Message=body, MessageGroupId="g")
    originals = [json.loads(m["Body"]) for m in drain(sqs, first, 12)]
    assert "BeginningArchiveTime" in sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    # Who subscribes later gets what was before, then what is new.
    policy = json.dumps({"PointType": "Timestamp", "StartingPoint": "2020-01-01T00:00:00Z"})
    second, second_arn = queue(FifoQueue="true")
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=second_arn, ReturnSubscriptionArn=True,
                                 Attributes={"ReplayPolicy": policy})["SubscriptionArn"]
    status = lambda: sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"].get("ReplayStatus")
    eventually(lambda: status() == "Completed")
    sns.publish(TopicArn=topic, Message="new", MessageGroupId="g")
    got = [json.loads(m["Body"]) for m in drain(sqs, second, 13)]
    assert [m["Message"] for m in got] == [*bodies, "new"]
    assert [m.get("Replayed") for m in got] == [True] * 12 + [None]
    assert [(m["MessageId"], m["SequenceNumber"]) for m in got[:12]] == [(m["MessageId"], m["SequenceNumber"]) for m in originals]
    # The same queue may have them another time, though it knows their ids.
    sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName="ReplayPolicy", AttributeValue=policy)
    assert [json.loads(m["Body"])["Message"] for m in drain(sqs, second, 13)] == [*bodies, "new"]
    with pytest.raises(sns.exceptions.InvalidStateException):
        sns.delete_topic(TopicArn=topic)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="ArchivePolicy", AttributeValue="{}")
    sns.delete_topic(TopicArn=topic)


def test_a_throttle_policy_delays_and_loses_nothing(sns, endpoint):
    url, posted = endpoint
    topic = sns.create_topic(Name=fresh())["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url, Attributes={
        "DeliveryPolicy": json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 5}})})
    eventually(lambda: posted)
    requests.get(json.loads(posted[0][1])["SubscribeURL"])
    for n in range(12):
        sns.publish(TopicArn=topic, Message=str(n))
    eventually(lambda: len(posted) == 13)
    assert sorted(int(json.loads(body)["Message"]) for _, body in posted[1:]) == list(range(12))


def test_a_trace_goes_on_through_topics_and_the_bus(server, sns, sqs, queue):
    trace = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"
    url, arn = queue()
    topic = sns.create_topic(Name=fresh())["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    events, rule = server.client("events"), fresh("r")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": arn}])

    def add(request, **_):
        request.headers["X-Amzn-Trace-Id"] = trace
    sns.meta.events.register("before-send.sns.Publish", add)
    events.meta.events.register("before-send.events.PutEvents", add)

    def received():
        got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MessageSystemAttributeNames=["AWSTraceHeader"])
        [message] = got["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return message["Attributes"]["AWSTraceHeader"]
    try:
        sns.publish(TopicArn=topic, Message="m")
        assert received() == trace
        events.put_events(Entries=[{"Source": rule, "DetailType": "d", "Detail": "{}"}])
        assert received() == trace
    finally:
        sns.meta.events.unregister("before-send.sns.Publish", add)


def test_queues_get_messages_in_the_order_in_which_they_are_published(sns, sqs, queue):
    topic, (url, arn) = sns.create_topic(Name=fresh())["TopicArn"], queue()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    for batch in range(5):
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[
            {"Id": str(n), "Message": f"{batch}{n}"} for n in range(10)])
    bodies = [message["Body"] for message in drain(sqs, url, 50)]
    assert bodies == [f"{n:02}" for n in range(50)]
