"""Custom runtimes and extensions speak the documented HTTP interfaces."""
import json
import re

from conftest import ACCOUNT, REGION, zipped

# A runtime in Python's standard library alone, so that each case can misbehave where it wants.
RUNTIME = """\
#!/usr/bin/python3
import http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def call(method, path, body=None, headers={}):
    api.request(method, "/2018-06-01/runtime" + path, body, headers)
    answer = api.getresponse()
    return answer, answer.read()
while True:
    event, payload = call("GET", "/invocation/next")
    id = event.getheader("Lambda-Runtime-Aws-Request-Id")
    payload = json.loads(payload)
%s
"""


def runtime(body):
    return {"bootstrap": RUNTIME % "\n".join("    " + line for line in body.strip().splitlines())}


def test_an_event_comes_with_its_deadline_its_arn_and_its_trace(server):
    name = server.create(runtime("""
seen = {k.lower(): v for k, v in event.getheaders()}
call("POST", f"/invocation/{id}/response", json.dumps(seen))
"""), "provided.al2023", "x", Timeout=7)
    server.lam.publish_version(FunctionName=name)
    server.lam.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    seen, _ = server.invoke(name, Qualifier="live")
    assert seen["lambda-runtime-invoked-function-arn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:live"
    assert re.match(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", seen["lambda-runtime-trace-id"])
    assert re.fullmatch(r"\d{13}", seen["lambda-runtime-deadline-ms"])


def test_an_error_object_passes_as_it_is(server):
    name = server.create(runtime("""
call("POST", f"/invocation/{id}/error", json.dumps({"errorType": "My.Kind", "errorMessage": "m", "extra": [1]}),
     {"Lambda-Runtime-Function-Error-Type": "My.Kind"})
"""), "provided.al2023", "x")
    payload, answer = server.invoke(name)
    assert answer["FunctionError"] == "Unhandled"
    assert payload == {"errorType": "My.Kind", "errorMessage": "m", "extra": [1]}


def test_an_answer_to_an_unknown_event_is_refused(server):
    name = server.create(runtime("""
wrong, _ = call("POST", "/invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/response", "{}")
call("POST", f"/invocation/{id}/response", json.dumps(wrong.status))
"""), "provided.al2023", "x")
    assert server.invoke(name)[0] == 400


def test_an_init_error_is_reported(server):
    name = server.create({"bootstrap": """\
        #!/bin/sh
        curl -s -X POST -H 'Lambda-Runtime-Function-Error-Type: My.Init' -d '{"errorType":"My.Init","errorMessage":"no"}' \
          "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error"
        exit 1
        """}, "provided.al2023", "x")
    payload, answer = server.invoke(name)
    assert answer["FunctionError"] == "Unhandled" and payload["errorType"] == "My.Init"


def test_a_streamed_answer_with_an_error_trailer(server):
    name = server.create(runtime("""
import socket
s = socket.create_connection(os.environ["AWS_LAMBDA_RUNTIME_API"].split(":"))
s.sendall((f"POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\\r\\nHost: x\\r\\n"
           "Lambda-Runtime-Function-Response-Mode: streaming\\r\\nTransfer-Encoding: chunked\\r\\n"
           "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\\r\\n\\r\\n"
           "4\\r\\npart\\r\\n0\\r\\nLambda-Runtime-Function-Error-Type: Mid.Stream\\r\\n"
           "Lambda-Runtime-Function-Error-Body: eyJlcnJvclR5cGUiOiJNaWQuU3RyZWFtIn0=\\r\\n\\r\\n").encode())
s.recv(1000)
s.close()
"""), "provided.al2023", "x")
    events = list(server.lam.invoke_with_response_stream(FunctionName=name, Payload=b"{}")["EventStream"])
    assert b"".join(e["PayloadChunk"]["Payload"] for e in events if "PayloadChunk" in e) == b"part"
    assert events[-1]["InvokeComplete"]["ErrorCode"]


EXTENSION = """\
#!/usr/bin/python3
import http.client, json, os, sys
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def call(method, path, body=None, headers={}):
    api.request(method, "/2020-01-01/extension" + path, body, headers)
    answer = api.getresponse()
    return answer, json.loads(answer.read() or b"{}")
answer, about = call("POST", "/register", json.dumps({"events": ["INVOKE", "SHUTDOWN"]}),
                     {"Lambda-Extension-Name": os.path.basename(sys.argv[0])})
print("registered for", about["functionName"], about["handler"], flush=True)
me = {"Lambda-Extension-Identifier": answer.getheader("Lambda-Extension-Identifier")}
while True:
    _, event = call("GET", "/event/next", headers=me)
    print("extension saw", event["eventType"], event.get("requestId", event.get("shutdownReason")), flush=True)
    if event["eventType"] == "SHUTDOWN":
        break
"""


def test_an_external_extension_lives_beside_the_runtime(server):
    layer = server.lam.publish_layer_version(
        LayerName="extension", Content={"ZipFile": zipped({"extensions/watcher": EXTENSION})})["LayerVersionArn"]
    name = server.create("def handler(e, c):\n    return c.aws_request_id\n", Layers=[layer])
    first, second = server.invoke(name)[0], server.invoke(name)[0]
    server.lam.delete_function(FunctionName=name)

    from conftest import eventually
    log = eventually(lambda: [m for m in [server.log_of(name)] if any("extension saw SHUTDOWN" in line for line in m)])[0]
    assert f"registered for {name} app.handler\n" in log or f"registered for {name} app.handler" in log
    text = "\n".join(log)
    assert f"extension saw INVOKE {first}" in text and f"extension saw INVOKE {second}" in text
    assert "extension saw SHUTDOWN spindown" in text
