"""`ebb send`, `ebb events` and `ebb replay` from the shell."""
import json
import uuid

from conftest import eventually


def lines(server, *args):
    ended = server.cli("events", *args, "--json")
    return [json.loads(line) for line in ended.stdout.splitlines()] if ended.returncode == 0 else []


def words(server, id):
    return [step["step"] for step in lines(server, id)]


def queue(server, sqs, **attributes):
    name = f"c-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return name, url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_an_event_is_followed_from_a_bus_to_its_function(server):
    events = server.client("events")
    function = server.create("def handler(event, context): return event['detail']\n")
    bus, rule = f"b-{uuid.uuid4().hex[:8]}", f"r-{uuid.uuid4().hex[:8]}"
    events.create_event_bus(Name=bus)
    arn = events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps({"detail-type": ["order"]}))["RuleArn"]
    function_arn = server.lam.get_function_configuration(FunctionName=function)["FunctionArn"]
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "f", "Arn": function_arn}])
    server.lam.add_permission(FunctionName=function, StatementId="bus", Action="lambda:InvokeFunction",
                              Principal="events.amazonaws.com", SourceArn=arn)
    sent = server.cli("send", f"bus:{bus}", '{"n": 1}', "--type", "order")
    assert sent.returncode == 0, sent.stderr
    id = sent.stdout.strip()
    # To the function's queue of events, and from there to the function.
    eventually(lambda: words(server, id).count("delivered") == 2)
    assert sorted(words(server, id)) == sorted(["accepted", "tried", "delivered"] * 2)
    assert "accepted" in server.cli("events", id).stdout


def test_what_fails_is_seen_to_fail_and_comes_back_by_replay(server):
    sqs = server.client("sqs")
    dead, _, dead_arn = queue(server, sqs)
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    name, url, queue_arn = queue(server, sqs, VisibilityTimeout="3", RedrivePolicy=redrive)
    function = server.create("def handler(event, context): raise ValueError('no')\n")
    mapping = server.lam.create_event_source_mapping(EventSourceArn=queue_arn, FunctionName=function)["UUID"]
    id = server.cli("send", name, "poison").stdout.strip()
    eventually(lambda: words(server, id) == ["accepted", "tried", "failed", "dead-lettered"])
    depth = lambda url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][
        "ApproximateNumberOfMessages"]
    dead_url = sqs.get_queue_url(QueueName=dead)["QueueUrl"]
    eventually(lambda: depth(dead_url) == "1", within=20)
    server.lam.delete_event_source_mapping(UUID=mapping)
    replayed = server.cli("replay", dead, "--json")
    assert json.loads(replayed.stdout) == {"moved": 1, "state": "completed"}, replayed.stderr
    eventually(lambda: depth(url) == "1")


def test_an_archive_is_replayed(server):
    events, sqs = server.client("events"), server.client("sqs")
    bus, archive, (_, url, queue_arn) = f"b-{uuid.uuid4().hex[:8]}", f"a-{uuid.uuid4().hex[:8]}", queue(server, sqs)
    bus_arn = events.create_event_bus(Name=bus)["EventBusArn"]
    events.create_archive(ArchiveName=archive, EventSourceArn=bus_arn)
    assert server.cli("send", f"bus:{bus}", '{"n": 1}').returncode == 0
    events.put_rule(Name="late", EventBusName=bus, EventPattern=json.dumps({"detail-type": ["ebb send"]}))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]})})
    events.put_targets(Rule="late", EventBusName=bus, Targets=[{"Id": "q", "Arn": queue_arn, "InputPath": "$.detail"}])
    replayed = server.cli("replay", archive, "--json")
    assert json.loads(replayed.stdout)["state"] == "completed", replayed.stderr
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(message["Body"]) == {"n": 1}


def test_what_is_not_there_is_named(server):
    for args, said in (
        (("send", "no-such-thing", "x"), "there is no queue, bus or topic of this name"),
        (("replay", "no-such-thing"), "there is no queue and no archive of this name"),
        (("events", "no-such-id"), "no steps of an event no-such-id"),
        (("send", "bus:default", "no JSON"), "the detail of an event is a JSON object"),
    ):
        ended = server.cli(*args)
        assert ended.returncode == 1 and said in ended.stderr, (args, ended.stderr)
