"""The Lambda, Logs and STS APIs, as boto3 and the AWS CLI use them."""
import base64
import hashlib
import json
import subprocess
import sys
import uuid

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import ACCOUNT, REGION, ROLE, eventually, zipped

ECHO = "def handler(e, c):\n    return e\n"


def refused(call, code, status=None):
    with pytest.raises(ClientError) as error:
        call()
    assert error.value.response["Error"]["Code"] == code, error.value
    if status:
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    return error.value.response


@pytest.mark.parametrize("runtime, handler, files", [
    ("nodejs14.x", "app.handler", {"app.js": "exports.handler = async (event) => event.n + 1"}),
    ("python3.8", "app.handler", {"app.py": "def handler(event, context):\n    return event['n'] + 1\n"}),
    # What its package brings is called as the handler is.
    ("go1.x", "main", {"main": """#!/bin/sh
        api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
        while true; do
          head=$(mktemp)
          curl -sS -D "$head" "$api/invocation/next" > /dev/null
          id=$(grep -i lambda-runtime-aws-request-id "$head" | tr -d '\\r' | cut -d' ' -f2)
          curl -sS -d 8 "$api/invocation/$id/response"
        done
        """}),
])
def test_functions_for_runtimes_that_are_no_longer_made_run_as_they_are(server, runtime, handler, files):
    name = f"f-{uuid.uuid4().hex[:8]}"
    server.lam.create_function(FunctionName=name, Runtime=runtime, Handler=handler, Role=ROLE, Code={"ZipFile": zipped(files, ("main",))})
    eventually(lambda: server.lam.get_function(FunctionName=name)["Configuration"]["State"] == "Active")
    answer = server.lam.invoke(FunctionName=name, Payload=b'{"n": 7}')
    assert "FunctionError" not in answer and answer["Payload"].read() == b"8"
    assert server.lam.get_function_configuration(FunctionName=name)["Runtime"] == runtime
    server.lam.delete_function(FunctionName=name)


def test_a_function_from_creation_to_deletion(server):
    source = zipped({"app.py": ECHO})
    name = f"f-{uuid.uuid4().hex[:8]}"
    made = server.lam.create_function(
        FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Code={"ZipFile": source},
        Description="d", Timeout=5, MemorySize=200, Environment={"Variables": {"A": "1"}}, Tags={"team": "x"})
    assert made["State"] == "Pending" and made["Version"] == "$LATEST" and made["CodeSize"] == len(source)
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(source).digest()).decode()
    eventually(lambda: server.lam.get_function(FunctionName=name)["Configuration"]["State"] == "Active")
    got = server.lam.get_function(FunctionName=name)
    assert got["Tags"] == {"team": "x"} and requests.get(got["Code"]["Location"]).content == source
    changed = server.lam.update_function_configuration(FunctionName=name, MemorySize=256)
    assert (changed["MemorySize"], changed["Timeout"], changed["Environment"]) == (256, 5, {"Variables": {"A": "1"}})
    server.settle(name)
    refused(lambda: server.lam.update_function_configuration(FunctionName=name, RevisionId=made["RevisionId"], Timeout=3),
            "PreconditionFailedException", 412)
    server.lam.delete_function(FunctionName=name)
    refused(lambda: server.lam.invoke(FunctionName=name), "ResourceNotFoundException", 404)


def test_every_way_to_name_a_function(server):
    name = server.create(ECHO)
    server.lam.publish_version(FunctionName=name)
    server.lam.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    for reference, version in [(name, "$LATEST"), (f"{name}:1", "1"), (f"{name}:live", "1"), (f"{name}:$LATEST", "$LATEST"),
                               (f"{ACCOUNT}:function:{name}", "$LATEST"), (f"{ACCOUNT}:function:{name}:live", "1"),
                               (arn, "$LATEST"), (f"{arn}:1", "1"), (f"{arn}:live", "1")]:
        payload, answer = server.invoke(reference, {"x": 1})
        assert payload == {"x": 1} and answer["ExecutedVersion"] == version, reference
    refused(lambda: server.invoke(f"{name}:1", Qualifier="live"), "InvalidParameterValueException", 400)
    refused(lambda: server.invoke(f"{name}:nope"), "ResourceNotFoundException", 404)


@pytest.mark.parametrize("bad", [
    dict(Code={"ZipFile": b"not a zip"}), dict(MemorySize=64), dict(MemorySize=20_000), dict(Timeout=0),
    dict(Timeout=901), dict(Runtime="cobol85"), dict(Handler="x" * 200), dict(Layers=["not-an-arn"]),
    dict(Environment={"Variables": {"BIG": "x" * 5000}}), dict(Environment={"Variables": {"AWS_REGION": "x"}}),
    dict(EphemeralStorage={"Size": 100}), dict(Role="not-a-role"),
])
def test_bad_settings_are_refused_and_nothing_is_made(server, bad):
    unchecked = server.client("lambda", config=Config(parameter_validation=False, retries={"max_attempts": 0}))
    name = f"f-{uuid.uuid4().hex[:8]}"
    with pytest.raises(ClientError) as error:
        unchecked.create_function(**{**dict(FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE,
                                            Code={"ZipFile": zipped({"app.py": ECHO})}), **bad})
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404)
    refused(lambda: server.lam.get_function(FunctionName=name), "ResourceNotFoundException")


def test_what_is_not_built_says_so_by_name(server):
    with pytest.raises(ClientError) as error:
        server.lam.create_capacity_provider(CapacityProviderName="x", VpcConfig={"SubnetIds": ["s"], "SecurityGroupIds": ["g"]},
                                            PermissionsConfig={"CapacityProviderOperatorRoleArn": ROLE})
    assert "CreateCapacityProvider" in str(error.value)
    with pytest.raises(ClientError) as error:
        server.client("dynamodb").list_tables()
    assert "dynamodb" in str(error.value).lower()


@pytest.mark.parametrize("over", [dict(aws_access_key_id="AKIDUNKNOWN000000000"), dict(aws_secret_access_key="wrong")])
def test_wrong_keys_are_refused(server, over):
    with pytest.raises(ClientError) as error:
        server.client("lambda", **over).list_functions()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_unsigned_requests_are_refused_but_for_health(server):
    assert requests.get(server.api + "/2015-03-31/functions/").status_code == 403
    assert requests.get(server.api + "/_ebb/v1/functions").status_code == 403
    assert requests.get(server.api + "/_ebb/health").status_code == 200


def test_who_am_i(server):
    identity = server.client("sts").get_caller_identity()
    assert identity["Account"] == ACCOUNT and identity["Arn"].startswith(f"arn:aws:iam::{ACCOUNT}:")


def test_a_function_calls_another_with_its_own_key(server):
    inner = server.create("def handler(e, c):\n    return {'inner saw': e}\n")
    files = {"app.py": """
        import hashlib, hmac, json, os, urllib.request, datetime
        def handler(e, c):
            # SigV4 by hand: the SDK is not part of this package.
            path = f"/2015-03-31/functions/{e['inner']}/invocations"
            host = os.environ["AWS_ENDPOINT_URL"].split("//")[1]
            now = datetime.datetime.utcnow().strftime("%Y%m%dT%H%M%SZ")
            body = b'{"from": "outer"}'
            headers = {"host": host, "x-amz-date": now, "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"]}
            names = ";".join(sorted(headers))
            canonical = "\\n".join(["POST", path, "", *[f"{k}:{headers[k]}" for k in sorted(headers)], "", names, hashlib.sha256(body).hexdigest()])
            scope = f"{now[:8]}/{os.environ['AWS_REGION']}/lambda/aws4_request"
            to_sign = "\\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
            key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
            for part in scope.split("/"):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
            headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, SignedHeaders={names}, Signature={signature}"
            request = urllib.request.Request(f"http://{host}{path}", body, headers, method="POST")
            return json.loads(urllib.request.urlopen(request).read())
        """}
    outer = server.create(files, Timeout=10)
    assert server.invoke(outer, {"inner": inner})[0] == {"inner saw": {"from": "outer"}}


def test_log_filters(server):
    name = server.create("""
        import json
        def handler(e, c):
            print('ERROR the disk is full'); print('INFO all is well'); print('WARN disk nearly full')
            print(json.dumps({'level': 'error', 'code': 500, 'nested': {'ok': False}}))
        """)
    server.invoke(name)
    group, logs = f"/aws/lambda/{name}", server.client("logs")

    def found(pattern):
        return [e["message"].strip() for e in logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]]
    eventually(lambda: found("nearly"))
    assert found('"disk is full"') == ["ERROR the disk is full"]
    assert found("disk -ERROR") == ["WARN disk nearly full"]
    assert len(found("?ERROR ?WARN")) == 2
    for pattern in ('{ $.level = "error" }', "{ $.code >= 500 }", "{ $.nested.ok IS FALSE }", '{ $.level = "err*" && $.code != 400 }'):
        assert len(found(pattern)) == 1, pattern
    assert found("{ $.code < 500 }") == []
    refused(lambda: found("{ $.level = "), "InvalidParameterException", 400)


def test_the_aws_cli(server, tmp_path):
    name = server.create(ECHO)
    aws = [sys.executable, "-m", "awscli"]
    listed = json.loads(subprocess.check_output([*aws, "lambda", "list-functions"], env=server.environment()))
    assert name in [f["FunctionName"] for f in listed["Functions"]]
    out = tmp_path / "out"
    subprocess.check_output([*aws, "lambda", "invoke", "--function-name", name, "--payload", "{}", out], env=server.environment())
    assert json.loads(out.read_text()) == {}
