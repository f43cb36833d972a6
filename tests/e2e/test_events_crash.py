"""What was acknowledged is there after a crash: writers record every acknowledgement, the server is killed at random,
and in the end each acknowledged item is accounted for."""
import collections
import datetime
import json
import random
import threading
import time

from conftest import eventually

KILLS = 20
ECHO = "def handler(event, context): return event\n"


class Writers:
    """Threads that write as fast as they are answered, and what was acknowledged to them, by kind."""

    def __init__(self, server):
        self.server, self.acknowledged, self.tried = server, collections.defaultdict(list), collections.Counter()
        self.clients, self.over, self.running = {}, threading.Event(), []

    def connect(self):
        self.clients = {name: self.server.client(name) for name in ("sqs", "sns", "events", "scheduler", "s3", "lambda")}

    def start(self, kind, write):
        def run():
            number = 0
            while not self.over.is_set():
                number += 1
                self.tried[kind] += 1
                try:
                    if write(self.clients, number):
                        self.acknowledged[kind].append(number)
                except Exception:  # Whatever it is: it was not acknowledged.
                    time.sleep(0.05)
        self.running.append(threading.Thread(target=run, daemon=True))
        self.running[-1].start()

    def stop(self):
        self.over.set()
        for thread in self.running:
            thread.join(60)


def drain(sqs, url, want, read):
    """Receives until all of `want` came; gives everything in the order of receiving."""
    got, missing = [], set(want)
    until = time.monotonic() + 60
    while missing and time.monotonic() < until:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=20)
        messages = answer.get("Messages", [])
        for message in messages:
            got.append(read(message["Body"]))
            missing.discard(got[-1])
        if messages:
            sqs.delete_message_batch(QueueUrl=url, Entries=[
                {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)])
    return got, missing


def test_nothing_acknowledged_is_lost_in_twenty_crashes(own_server):
    server = own_server.start()
    sqs, events, s3 = server.client("sqs"), server.client("events"), server.client("s3")
    arn = lambda name: f"arn:aws:sqs:us-east-1:000000000000:{name}"
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]})
    names = {}
    for name in ("standard", "topic", "bus", "schedule", "bucket", "results", "order.fifo"):
        attributes = {"Policy": policy, **({"FifoQueue": "true"} if name.endswith(".fifo") else {})}
        sqs.create_queue(QueueName=name, Attributes=attributes)
        names[name] = name
    url = lambda name: f"{server.api}/000000000000/{name}"
    sns = server.client("sns")
    topic = sns.create_topic(Name="crash")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn("topic"), Attributes={"RawMessageDelivery": "true"})
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["crash"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "q", "Arn": arn("bus"), "InputPath": "$.detail.n"}])
    s3.create_bucket(Bucket="crash")
    s3.put_bucket_notification_configuration(Bucket="crash", NotificationConfiguration={"QueueConfigurations": [
        {"QueueArn": arn("bucket"), "Events": ["s3:ObjectCreated:*"]}]})
    function = server.create(ECHO)
    server.lam.put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnSuccess": {"Destination": arn("results")}})

    writers = Writers(server)
    writers.connect()
    send = lambda clients, n: clients["sqs"].send_message(QueueUrl=url("standard"), MessageBody=str(n))
    writers.start("queue", send)
    for group in ("a", "b"):
        writers.start(f"fifo {group}", lambda clients, n, group=group: clients["sqs"].send_message(
            QueueUrl=url("order.fifo"), MessageBody=f"{group} {n}", MessageGroupId=group,
            MessageDeduplicationId=f"{group}{n}"))
    writers.start("bus", lambda clients, n: clients["events"].put_events(Entries=[
        {"Source": "crash", "DetailType": "t", "Detail": json.dumps({"n": n})}])["FailedEntryCount"] == 0)
    writers.start("topic", lambda clients, n: clients["sns"].publish(TopicArn=topic, Message=str(n)))

    def schedule(clients, n):
        time.sleep(0.03)  # Each is configuration, and fires once.
        # Whole seconds: one that is over when it is made never comes.
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)
        return clients["scheduler"].create_schedule(
            Name=f"s{n}", ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})", FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={"Arn": arn("schedule"), "RoleArn": "arn:aws:iam::000000000000:role/r", "Input": str(n)})
    writers.start("schedule", schedule)
    writers.start("object", lambda clients, n: clients["s3"].put_object(Bucket="crash", Key=f"k{n}", Body=f"{n}" * 9))

    def invoke(clients, n):
        time.sleep(0.03)  # Each runs a function: fewer of these than of what is only stored.
        return clients["lambda"].invoke(FunctionName=function, InvocationType="Event", Payload=str(n))
    writers.start("invoke", invoke)

    chance = random.Random()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.1, 0.9))
        server.kill()
        server.start()
        writers.connect()
    time.sleep(0.5)
    writers.stop()

    sqs, s3 = server.client("sqs"), server.client("s3")
    acknowledged = writers.acknowledged
    rows = []

    def account(kind, queue, read, want=None):
        got, missing = drain(sqs, url(queue), want or set(acknowledged[kind]), read)
        rows.append((kind, writers.tried[kind], len(acknowledged[kind]), len(set(got)), len(got) - len(set(got)), missing))
        return got

    account("queue", "standard", int)
    account("topic", "topic", int)
    account("bus", "bus", int)
    account("schedule", "schedule", int)
    account("object", "bucket", lambda body: int(json.loads(body)["Records"][0]["s3"]["object"]["key"][1:])
            if "Records" in body else 0)
    account("invoke", "results", lambda body: json.loads(body)["requestPayload"])
    ordered = [(group, n) for group in "ab" for n in acknowledged[f"fifo {group}"]]
    got, missing = drain(sqs, url("order.fifo"), set(ordered), lambda body: (body.split()[0], int(body.split()[1])))
    rows.append(("fifo", writers.tried["fifo a"] + writers.tried["fifo b"], len(ordered), len(set(got)),
                 len(got) - len(set(got)), missing))
    objects = {key["Key"]: key["Size"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="crash")
               for key in page.get("Contents", [])}

    print(f"\n{KILLS} kills\n{'kind':8} {'tried':>7} {'acknowledged':>13} {'delivered':>10} {'twice':>6} {'lost':>5}")
    for kind, tried, acked, delivered, twice, lost in rows:
        print(f"{kind:8} {tried:7} {acked:13} {delivered:10} {twice:6} {len(lost):5}")
    for kind, _, acked, _, _, lost in rows:
        assert acked > KILLS, f"{kind}: hardly anything was acknowledged"
        assert not lost, f"{kind}: acknowledged and lost: {sorted(lost)[:10]}"
    for n in acknowledged["object"]:
        assert objects.get(f"k{n}") == len(str(n)) * 9, f"object {n}"
    for group in "ab":
        order = [n for g, n in dict.fromkeys(got) if g == group]
        assert order == sorted(order), f"group {group} is out of order"
