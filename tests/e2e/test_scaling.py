"""Bursts under a concurrency limit: requests over HTTP wait for a place, the Invoke operation throttles."""
import asyncio
import json
import re
import threading
import time
import urllib.parse

import pytest
from botocore.exceptions import ClientError

from conftest import tail
from dialects import deploy  # noqa: F401

WHO = """\
import time, uuid
WHO = uuid.uuid4().hex
def handler(e, c):
    time.sleep(float((e.get('queryStringParameters') or {}).get('s', 0)) + e.get('s', 0))
    return WHO
"""


async def get(edge, host, path):
    """One request on a connection of its own; gives status and body."""
    where = urllib.parse.urlsplit(edge)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    head, body = answer.split(b"\r\n\r\n", 1)
    return int(head.split()[1]), body


def burst(edge, host, count, path="/"):
    async def all_at_once():
        return await asyncio.gather(*(get(edge, host, path) for _ in range(count)))
    return asyncio.run(asyncio.wait_for(all_at_once(), 60))


def test_a_thousand_first_requests_are_answered_within_the_reservation(server):
    name = server.create(WHO)
    server.lam.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=50)
    answers = burst(server.edge, server.url(name), 1000)
    assert [status for status, _ in answers] == [200] * 1000
    assert len({body for _, body in answers}) <= 50


def test_a_request_waits_where_an_invocation_is_throttled(server):
    name = server.create(WHO)
    server.lam.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    host = server.url(name)
    first = server.http(host)
    busy = threading.Thread(target=server.invoke, args=(name, {"s": 2}))
    busy.start()
    time.sleep(0.7)
    with pytest.raises(ClientError) as refused:
        server.invoke(name)
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    waited = server.http(host)
    busy.join()
    assert (waited.status_code, waited.text) == (200, first.text)


def test_a_function_that_is_off_says_when_to_come_back(server):
    name = server.create(WHO)
    server.lam.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    answer = server.http(server.url(name))
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
    assert json.loads(answer.text)["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


TOGETHER = {
    "nodejs": ("index.mjs", """
import { randomUUID } from 'node:crypto';
const WHO = randomUUID();
export const handler = async (event) => {
  if (event.rawPath === '/late') await new Promise(() => {});
  await new Promise((go) => setTimeout(go, 500));
  console.log('for', event.rawPath);
  return WHO;
};
"""),
    "python": ("app.py", """
import logging, time, uuid
WHO = uuid.uuid4().hex
def handler(event, context):
    time.sleep(60 if event['rawPath'] == '/late' else 0.5)
    logging.getLogger().warning('for %s', event['rawPath'])
    return WHO
"""),
}


@pytest.mark.parametrize("language", TOGETHER)
def test_an_instance_takes_as_many_events_as_its_app_says(server, deploy, language):
    file, source = TOGETHER[language]
    app = f"together-{language}"
    deploy(app, {file: source, "ebb.toml": f"""
name = "{app}"
[[function]]
runtime = "{language}"
handler = "{file.split('.')[0]}.handler"
route = "/*"
timeout = 3
concurrency = 10
"""})
    host = f"{app}.localhost"
    first = server.http(host).text
    answers = burst(server.edge, host, 10)
    assert answers == [(200, first.encode())] * 10, "all of them by the instance that there is"
    late = threading.Thread(target=burst, args=(server.edge, host, 1), kwargs={"path": "/late"})
    late.start()
    time.sleep(0.3)
    assert server.http(host).text == first, "beside one that does not end"
    late.join()
    assert server.http(host).text != first, "one in which an event ran out of time takes no more"
    lines = [line for line in server.log_of(app) if "for /" in line]
    assert len(lines) >= 13 and len({line.split("\t")[1 if language == "nodejs" else 2] for line in lines}) == len(lines)


HOOKED = """\
import os, time
from snapshot_restore_py import register_after_restore, register_before_snapshot
time.sleep(1)
RAN = []
register_before_snapshot(RAN.append, 'before')
register_after_restore(RAN.append, 'after')
def handler(e, c):
    return [os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], RAN]
"""


def test_a_version_with_snap_start_is_initialised_before_it_is_needed(server):
    name = server.create(HOOKED, SnapStart={"ApplyOn": "PublishedVersions"})
    assert server.lam.get_function_configuration(FunctionName=name)["SnapStart"] == {
        "ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    published = server.lam.publish_version(FunctionName=name)
    assert (published["Version"], published["SnapStart"]["OptimizationStatus"]) == ("1", "On")
    with pytest.raises(ClientError) as refused:
        server.lam.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    time.sleep(2)
    answer = server.lam.invoke(FunctionName=name, Qualifier="1", LogType="Tail")
    log = tail(answer)
    assert json.load(answer["Payload"]) == ["snap-start", ["before", "after"]]
    report = dict(re.findall(r"\t((?:Billed )?Restore Duration|Init Duration): ([\d.]+) ms", log))
    assert set(report) == {"Restore Duration", "Billed Restore Duration"}, log
    assert float(report["Restore Duration"]) < 1000, "it did not wait for the initialisation"
