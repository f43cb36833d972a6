"""Values of bindings: into functions by the project's own azure-functions, and out of them to the platform's services."""

import json
import os
import re
import uuid
from datetime import datetime, timezone

from azure.functions import meta

import ebb_azure_app as app
import ebb_azure_aws as aws


def decode(kind, value, value_type, metadata=None, data_type=None):
    """What a function gets of a binding. `metadata` is of its trigger: texts, or values that are JSON."""
    datum = meta.Datum(value, value_type)
    converter = meta._ConverterMeta.get(kind)
    if converter is None:
        return datum.python_value
    of = {name: _datum(one) for name, one in (metadata or {}).items() if one is not None}
    return converter.decode(datum, trigger_metadata=of or None)


def _datum(value):
    return meta.Datum(value, "string") if isinstance(value, str) else meta.Datum(json.dumps(value), "json")


def encode(kind, value, annotation=None):
    """What a function gave to a binding, as text, bytes or JSON."""
    converter = meta._ConverterMeta.get(kind)
    if converter is not None:
        try:
            return converter.encode(value, expected_type=annotation)
        except NotImplementedError:
            pass
    if isinstance(value, bytes):
        return meta.Datum(value, "bytes")
    return meta.Datum(value, "string") if isinstance(value, str) else meta.Datum(json.dumps(value), "json")


def read_inputs(function, parameters):
    """The values of a function's further inputs, by name."""
    inputs = {}
    for binding in function.bindings:
        if binding is function.trigger or binding.get("direction", "").upper() != "IN":
            continue
        if binding["type"].lower() != "blob":
            raise NotImplementedError(f"{binding['type']} is no input that ebb has")
        bucket, _, key = filled(binding["path"], parameters).partition("/")
        data, _ = aws.read_object(bucket, key)
        inputs[binding["name"]] = given = None if data is None else decode("blob", data, "bytes")
        annotation = function.parameters.get(binding["name"])
        wanted = getattr(annotation, "annotation", None)
        if given is not None and wanted in (str, bytes):
            inputs[binding["name"]] = data.decode() if wanted is str else data
    return inputs


def fill_outputs(function, returned, outputs, parameters):
    """Gives what a function put out to where its bindings lead; gives what is for the HTTP answer."""
    answer = None
    for binding in function.bindings:
        if binding.get("direction", "").upper() != "OUT":
            continue
        name, kind = binding.get("name"), binding["type"]
        value = returned if name == "$return" else outputs.get(name)
        if value is None:
            continue
        if kind.lower() == "http":
            answer = value
        else:
            _put(binding, encode(kind, value), parameters)
    return answer


def _put(binding, datum, parameters):
    kind = binding["type"].lower()
    if kind in ("queue", "servicebus") and "queueName" in binding:
        _send(filled(binding["queueName"], parameters), _texts(datum))
    elif kind == "servicebus":
        _publish(filled(binding["topicName"], parameters), _texts(datum))
    elif kind == "blob":
        bucket, _, key = filled(binding["path"], parameters).partition("/")
        data = datum.value if isinstance(datum.value, bytes) else str(datum.value).encode()
        aws.write_object(bucket, key, data)
    elif kind == "eventgrid":
        _put_events(json.loads(datum.value))
    else:
        raise NotImplementedError(f"{binding['type']} is no output that ebb has")


def _texts(datum):
    """A list is so many messages; messages that have a body are that."""
    if datum.type == "bytes":
        return [datum.value.decode()]
    if datum.type != "json":
        return [str(datum.value)]
    value = json.loads(datum.value)
    return [_text(one) for one in (value if isinstance(value, list) else [value])]


def _text(value):
    if isinstance(value, dict) and set(value) == {"id", "body"}:
        return value["body"]
    return value if isinstance(value, str) else json.dumps(value)


def _send(queue, messages):
    url = aws.call_json("sqs", "1.0", "AmazonSQS.CreateQueue", {"QueueName": queue})["QueueUrl"]
    for message in messages:
        aws.call_json("sqs", "1.0", "AmazonSQS.SendMessage", {"QueueUrl": url, "MessageBody": message})


def _publish(topic, messages):
    made = aws.call_form("sns", Action="CreateTopic", Version="2010-03-31", Name=topic)
    arn = re.search("<TopicArn>([^<]+)<", made).group(1)
    for message in messages:
        aws.call_form("sns", Action="Publish", Version="2010-03-31", TopicArn=arn, Message=message)


def _put_events(events):
    events = events if isinstance(events, list) else [events]
    entries = [
        {
            "Source": event.get("topic") or event.get("source") or event.get("subject") or "azure",
            "DetailType": event.get("eventType") or event.get("type") or "event",
            "Detail": json.dumps(event.get("data") or {}),
            "Resources": [event["subject"]] if event.get("subject") else [],
        }
        for event in events
    ]
    answer = aws.call_json("events", "1.1", "AWSEvents.PutEvents", {"Entries": entries})
    if answer.get("FailedEntryCount"):
        raise RuntimeError(f"the bus refused an event: {answer['Entries']}")


def filled(text, parameters):
    """A text with the expressions in it filled in. Source: "Azure Functions binding expression patterns"."""
    def value(found):
        name = found.group(1)
        if name == "rand-guid":
            return str(uuid.uuid4())
        if name.lower() == "datetime":
            return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H-%M-%SZ")
        known = parameters
        for member in name.split("."):
            lower = {key.lower(): one for key, one in known.items()} if isinstance(known, dict) else {}
            known = lower.get(member.lower())
        if known is None:
            raise KeyError(f"nothing is known by the name of {found.group(0)}")
        return json.dumps(known) if isinstance(known, (dict, list)) else str(known)
    return re.sub(r"\{([^{}]+)\}", value, app.setting(text))


def blob_parameters(path, bucket, key):
    """The parameters of a blob trigger's path for an object; none where it is not of the pattern."""
    container, _, pattern = path.lstrip("/").partition("/")
    if container.lower() != bucket.lower():
        return None
    if not pattern:
        return {}
    names, regex = [], ""
    parts = [part for part in re.split(r"(\{[^{}]+\})", pattern) if part]
    for at, part in enumerate(parts):
        if part.startswith("{") and part.endswith("}"):
            names.append(part[1:-1])
            regex += "(.+)" if at == len(parts) - 1 else "(.+?)"
        else:
            regex += re.escape(part)
    found = re.fullmatch(regex, key, re.S)
    return None if found is None else dict(zip(names, found.groups()))


def endpoint():
    return os.environ.get("AWS_ENDPOINT_URL", "")
