"""The examples: one small API, a link shortener that counts its clicks, as each platform has it."""
import json
import shutil

import pytest

from conftest import ACCOUNT, EXAMPLES, REGION, eventually
from dialects import log

# Where each answers, what else reaches it (the queue or topic of clicks by the beginning of its name, and the function
# that the clock invokes by a part of its name), where events come as requests, and what else the deploy is told.
LINKS = {
    "sam": {"queue": "links-sam-Clicks", "clock": "Heartbeat"},
    "serverless": {"queue": "links-serverless-Clicks", "clock": "heartbeat"},
    "next": {"queue": "link-clicks-next", "clock": "links-next", "triggers": ["queue:link-clicks-next"]},
    "vercel": {"queue": "link-clicks-vercel", "clock": "api-heartbeat", "events": "/api/clicked",
               "triggers": ["api-clicked=queue:link-clicks-vercel"]},
    "workers": {"queue": "link-clicks", "clock": "links-workers"},
    "netlify": {"queue": "link-clicks-netlify", "clock": "heartbeat", "events": "/.netlify/functions/clicked",
                "triggers": ["clicked=queue:link-clicks-netlify"]},
    "supabase": {"base": "/functions/v1/links", "queue": "link-clicks-supabase", "clock": "links-supabase", "triggers": [
        "queue:link-clicks-supabase", "schedule:rate(1 minute)"]},
    "deno": {"queue": "link-clicks-deno", "clock": "links-deno", "triggers": ["queue:link-clicks-deno", "schedule:rate(1 minute)"]},
    "spin": {"queue": "link-clicks-spin", "clock": "links-spin", "triggers": ["queue:link-clicks-spin", "schedule:rate(1 minute)"]},
    "google-node": {"topic": "link-clicks", "clock": "heartbeat", "triggers": ["heartbeat=schedule:rate(1 minute)"]},
    "google-python": {"base": "/links", "topic": "link-clicks-python", "clock": "heartbeat", "triggers": [
        "count_click=topic:link-clicks-python", "heartbeat=schedule:rate(1 minute)"]},
    "azure": {"queue": "link-clicks", "message": '{"code": "%s"}', "clock": "links-azure"},
    "server": {"queue": "link-clicks-server", "clock": "links-server", "triggers": [
        "queue:link-clicks-server", "schedule:rate(1 minute)"]},
}


@pytest.mark.parametrize("dialect", LINKS)
def test_links(server, tmp_path, dialect):
    example, name = LINKS[dialect], f"links-{dialect}"
    triggers = [part for trigger in example.get("triggers", []) for part in ("--trigger", trigger)]
    # Some are built where they are.
    folder = shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns("node_modules", "dist"))
    done = server.cli("deploy", folder, "--name", name, "--yes", *triggers)
    assert done.returncode == 0, done.stdout + done.stderr
    try:
        api(server, name, example.get("base", ""))
        told(server, name, example)
    finally:
        # A bucket that a template made is removed with it, where it is empty.
        emptied(server, name)
        assert server.cli("rm", name, "--yes").returncode == 0


def emptied(server, name):
    s3 = server.client("s3")
    for bucket in s3.list_buckets(Prefix=name)["Buckets"]:
        for one in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            s3.delete_object(Bucket=bucket["Name"], Key=one["Key"])


def api(server, name, base):
    """The same requests of all of them."""
    def request(path, method="GET", **options):
        return server.http(f"{name}.localhost", base + path, method, **options)
    text = {"content-type": "text/plain"}
    assert request("/home", "PUT", data="no url", headers=text).status_code == 400
    made = request("/home", "PUT", data="https://example.com/", headers=text)
    assert made.status_code == 201 and made.json() == {"code": "home", "url": "https://example.com/"}
    assert request("/none").status_code == 404
    assert request("/home/clicks").json() == {"clicks": 0}
    # Some count after their answer, with a file that two at a time would both read and write.
    for clicks in (1, 2):
        followed = request("/home")
        assert (followed.status_code, followed.headers["location"]) == (302, "https://example.com/")
        eventually(lambda: request("/home/clicks").json() == {"clicks": clicks})


def told(server, name, example):
    """What happens beside requests: a click that the queue or the topic brings, and the clock."""
    def clicks():
        return server.http(f"{name}.localhost", example.get("base", "") + "/home/clicks").json()["clicks"]
    # Nobody else can say that it is the platform.
    forged = server.http(f"{name}.localhost", example.get("events", example.get("base", "") + "/"), "POST",
                         headers={"ebb-event": "1", "content-type": "application/json"}, data='{"Records": []}')
    assert forged.status_code in (400, 403, 404, 405), forged.text
    message = example.get("message", "%s") % "home"
    if "queue" in example:
        sqs = server.client("sqs")
        queue = min(sqs.list_queues(QueueNamePrefix=example["queue"])["QueueUrls"], key=len)
        sqs.send_message(QueueUrl=queue, MessageBody=message)
    if "topic" in example:
        arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:{example['topic']}"
        server.client("sns").publish(TopicArn=arn, Message=message)
    if "queue" in example or "topic" in example:
        eventually(lambda: clicks() == 3)
    if "clock" in example:
        function, event = scheduled(server, name)
        assert example["clock"] in function
        # What the clock sends, without the wait for it.
        answer = server.lam.invoke(FunctionName=function, Payload=event)
        assert "FunctionError" not in answer, answer["Payload"].read()
        eventually(lambda: "links are served" in log(server, function))


def scheduled(server, name):
    """The only schedule of an app: the function that it invokes, and with what."""
    scheduler, events = server.client("scheduler"), server.client("events")
    targets = [scheduler.get_schedule(Name=one["Name"], GroupName=one["GroupName"])["Target"]
               for one in scheduler.list_schedules()["Schedules"] if one["GroupName"] == f"ebb-app-{name}"]
    for rule in events.list_rules(NamePrefix=name)["Rules"]:
        if "ScheduleExpression" in rule:
            targets += events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    [target] = targets
    event = {"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-11-26T12:00:00Z", "detail": {}}
    text = (target.get("Input") or json.dumps(event)).replace("<aws.scheduler.scheduled-time>", event["time"])
    return target["Arn"].split(":function:")[1], text
