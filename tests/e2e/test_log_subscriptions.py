"""Subscription filters: a function is called with the log events of a group."""
import base64
import gzip
import json
import time

from conftest import eventually

PRINTS = "def handler(event, context): print('got', event['awslogs']['data'])"


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

    def told():
        lines = [line for line in server.log_of(name) if "got " in line]
        assert lines
        return lines[0].split("got ")[1]

    document = json.loads(gzip.decompress(base64.b64decode(eventually(told))))
    assert document["logGroup"] == group and document["messageType"] == "DATA_MESSAGE"
    assert [event["message"] for event in document["logEvents"]] == ["ERROR é", "ERROR 2"]
    (kept,) = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert kept["distribution"] == "ByLogStream" and kept["destinationArn"] == arn
    logs.delete_subscription_filter(logGroupName=group, filterName="errors")
    assert logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []
