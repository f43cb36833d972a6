"""Events of the platform become those of the app's triggers: messages of queues, objects of buckets, events of the
bus, and the clock.

Source: the Azure Functions documentation, the trigger of each service, "Usage" and "Metadata" (2026-11).
"""

import json
import logging
import time
from datetime import datetime, timedelta, timezone
from urllib.parse import unquote_plus

import ebb_azure_app as app
import ebb_azure_aws as aws
import ebb_azure_bindings as bindings


def handle(event):
    """Handles an event; gives what the platform is told of it."""
    event = event if isinstance(event, dict) else {}
    first = (event.get("Records") or [{}])[0]
    if event.get("ebb") == "timer":
        return _timer(event)
    if first.get("eventSource") == "aws:sqs":
        return _messages(event["Records"])
    if first.get("eventSource") == "aws:s3":
        return _each(event["Records"], _blob)
    if first.get("EventSource") == "aws:sns":
        return _each(event["Records"], _topic_message)
    if "detail-type" in event:
        return _grid_event(event)
    raise ValueError("the event is of no kind that this app has a trigger for")


def _of(*kinds):
    return [function for function in app.functions.values() if function.is_a(*kinds)]


def _each(records, handle_one):
    for record in records:
        handle_one(record)


def _run(function, value, metadata=None, parameters=None, retry=None):
    parameters = parameters or {}
    inputs = {function.trigger["name"]: value, **bindings.read_inputs(function, parameters)}
    returned, outputs = app.invoke(function, inputs, retry)
    bindings.fill_outputs(function, returned, outputs, parameters)


def _timer(event):
    function = app.functions.get(event.get("function"))
    if function is None:
        raise ValueError(f"the app has no function {event.get('function')}")
    now = datetime.now(timezone.utc).isoformat()
    status = {"Last": event.get("time", now), "Next": now, "LastUpdated": now}
    told = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": False}
    policy = function.retry or {}
    most = int(policy.get("max_retry_count") or policy.get("maxRetryCount") or 0)
    count = 0
    while True:
        retry = app.RetryContext(count, most) if count else None
        try:
            value = bindings.decode("timerTrigger", json.dumps(told), "json")
            return _run(function, value, retry=retry)
        except Exception:
            if 0 <= most <= count:
                raise
            logging.exception("the function %s failed and is tried again", function.name)
            time.sleep(_pause(policy, count))
            count += 1


def _pause(policy, count):
    """Seconds before the next try. Source: "Error handling and retries", "Retry strategies"."""
    def span(*names):
        text = next((policy[name] for name in names if policy.get(name)), "00:00:01")
        hours, minutes, seconds = (int(float(part)) for part in str(text).split(":"))
        return hours * 3600 + minutes * 60 + seconds
    if str(policy.get("strategy", "")).lower().startswith("exponential"):
        most = span("maximum_interval", "maximumInterval")
        return min(most, span("minimum_interval", "minimumInterval") * 2 ** count)
    return span("delay_interval", "delayInterval")


def _messages(records):
    """Messages of a queue; gives those that failed, which come again."""
    queue = records[0]["eventSourceARN"].rsplit(":", 1)[-1]
    failed = []
    for function in _of("queuetrigger", "servicebustrigger"):
        trigger = function.trigger
        if "topicName" in trigger or app.setting(trigger.get("queueName", "")) != queue:
            continue
        many = str(trigger.get("cardinality", "")).lower() == "many"
        for group in ([records] if many else [[record] for record in records]):
            try:
                _run(function, *_message(function, group, many), parameters=_parameters(group[0]))
            except Exception:
                logging.exception("the function %s failed", function.name)
                failed += [record["messageId"] for record in group]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in dict.fromkeys(failed)]}


def _message(function, records, many):
    kind = function.trigger["type"]
    metadata = [_metadata(function, record) for record in records]
    values = [
        bindings.decode(kind, record["body"], "string", of) for record, of in zip(records, metadata)
    ]
    return (values if many else values[0]), metadata[0]


def _metadata(function, record):
    sent = datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, timezone.utc)
    count = record["attributes"]["ApproximateReceiveCount"]
    if function.is_a("queuetrigger"):
        return {
            "Id": record["messageId"],
            "DequeueCount": count,
            "InsertionTime": sent.isoformat(),
            "ExpirationTime": (sent + timedelta(days=7)).isoformat(),
            "NextVisibleTime": datetime.now(timezone.utc).isoformat(),
            "PopReceipt": record["receiptHandle"],
        }
    properties = {name: one.get("stringValue") for name, one in (record.get("messageAttributes") or {}).items()}
    return {
        "MessageId": record["messageId"],
        "DeliveryCount": int(count),
        "EnqueuedTimeUtc": sent.isoformat(),
        "SequenceNumber": int(record["attributes"]["SentTimestamp"]),
        "LockToken": record["receiptHandle"],
        "ApplicationProperties": properties,
        "UserProperties": properties,
    }


def _parameters(record):
    """What binding expressions of the function may name: the message, and the members of its JSON."""
    known = {"queueTrigger": record["body"], "id": record["messageId"]}
    try:
        value = json.loads(record["body"])
    except ValueError:
        return known
    return {**known, **value} if isinstance(value, dict) else known


def _topic_message(record):
    message = record["Sns"]
    topic = message["TopicArn"].rsplit(":", 1)[-1]
    properties = {name: one.get("Value") for name, one in (message.get("MessageAttributes") or {}).items()}
    metadata = {
        "MessageId": message["MessageId"],
        "DeliveryCount": 1,
        "EnqueuedTimeUtc": message["Timestamp"].replace("Z", "+00:00"),
        "ApplicationProperties": properties,
        "UserProperties": properties,
    }
    for function in _of("servicebustrigger"):
        if app.setting(function.trigger.get("topicName", "")) == topic:
            value = bindings.decode(function.trigger["type"], message["Message"], "string", metadata)
            _run(function, value)


def _blob(record):
    """An object of a bucket: the first part of a trigger's path is the bucket, the rest a pattern of keys."""
    bucket, key = record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
    for function in _of("blobtrigger"):
        parameters = bindings.blob_parameters(app.setting(function.trigger["path"]), bucket, key)
        if parameters is None:
            continue
        data, headers = aws.read_object(bucket, key)
        if data is None:
            continue
        name = f"{bucket}/{key}"
        properties = {"Length": len(data), "ContentType": headers.get("content-type"), "ETag": headers.get("etag")}
        metadata = {
            "BlobTrigger": name,
            "Uri": f"{bindings.endpoint()}/{name}",
            "Properties": properties,
            "Metadata": {},
        }
        value = bindings.decode(function.trigger["type"], data, "bytes", metadata)
        _run(function, value, parameters={**parameters, "BlobTrigger": name})


def _grid_event(event):
    """An event of the bus. Source: "Event Grid trigger", "Usage", the schema of events."""
    resources = event.get("resources") or [event["source"]]
    told = {
        "id": event["id"],
        "topic": event["source"],
        "subject": resources[0],
        "eventType": event["detail-type"],
        "eventTime": event["time"],
        "data": event.get("detail"),
        "dataVersion": "1.0",
        "metadataVersion": "1",
    }
    for function in _of("eventgridtrigger"):
        value = bindings.decode(function.trigger["type"], json.dumps(told), "json")
        _run(function, value, parameters={"data": event.get("detail") or {}})
