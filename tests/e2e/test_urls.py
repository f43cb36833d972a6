"""Function URLs: payload format 2.0 both ways, streaming, signatures, CORS, limits."""
import base64
import http.client
import json
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ECHO = "def handler(e, c):\n    return e\n"


@pytest.fixture(scope="module")
def echo(server):
    host = server.url(server.create(ECHO))
    return lambda *a, **kw: server.http(host, *a, **kw).json()


@pytest.mark.parametrize("kind,body,text", [
    ("text/plain", "héllo".encode(), True),
    ("application/json", b'{"a": 1}', True),
    ("application/vnd.api+json; charset=utf-8", b"{}", True),
    ("application/x-www-form-urlencoded", b"a=1&b=2", True),
    ("application/octet-stream", b"plain", False),
    ("image/png", b"\x89PNG\x00", False),
    ("text/plain", b"\xff\xfe", False),
])
def test_bodies_are_text_or_base64(echo, kind, body, text):
    event = echo("/", "POST", data=body, headers={"Content-Type": kind})
    assert event["isBase64Encoded"] is not text
    assert (event["body"].encode() if text else base64.b64decode(event["body"])) == body


def test_a_request_without_a_body_has_none(echo):
    event = echo("/a//b/../c?x=%20y&x=z&flag")
    assert "body" not in event and event["isBase64Encoded"] is False
    assert event["rawQueryString"] == "x=%20y&x=z&flag" and event["queryStringParameters"] == {"x": " y,z", "flag": ""}


@pytest.mark.parametrize("answer,status,body,headers", [
    ("{'statusCode': 200, 'body': 'AP8=', 'isBase64Encoded': True, 'headers': {'content-type': 'image/gif'}}",
     200, b"\x00\xff", {"content-type": "image/gif"}),
    ("{'statusCode': 200, 'body': 'AP8=', 'isBase64Encoded': True}", 200, b"\x00\xff", {}),
    ("{'statusCode': 302, 'headers': {'location': '/x', 'x-n': 5, 'x-b': True}}", 302, b"",
     {"location": "/x", "x-n": "5", "x-b": "true"}),
    ("{'statusCode': '418', 'body': 'teapot'}", 418, b"teapot", {}),
    ("[1, 2]", 200, b"[1, 2]", {"content-type": "application/json"}),
    ("None", 200, b"null", {"content-type": "application/json"}),
    ("{'statusCode': 200, 'body': ''}", 200, b"", {}),
])
def test_answers(server, answer, status, body, headers):
    response = server.http(server.url(server.create(f"def handler(e, c):\n    return {answer}\n")))
    assert response.status_code == status and response.content.replace(b", ", b",") == body.replace(b", ", b",")
    for name, value in headers.items():
        assert response.headers[name] == value


def test_a_streamed_answer_arrives_as_it_is_written(server):
    name = server.create("""
        export const handler = awslambda.streamifyResponse(async (event, out) => {
          out = awslambda.HttpResponseStream.from(out, { statusCode: 207, headers: { "x-a": "1" }, cookies: ["c=1"] });
          for (let n = 0; n < 4; n++) { out.write(`part ${n};`); await new Promise(r => setTimeout(r, 250)); }
          out.end();
        });""", "nodejs20.x")
    host = server.url(name, InvokeMode="RESPONSE_STREAM")
    server.http(host)
    response = server.http(host, stream=True)
    assert (response.status_code, response.headers["x-a"], response.headers["set-cookie"]) == (207, "1", "c=1")
    parts = [(time.time(), part) for part in response.iter_content(None)]
    assert b"".join(part for _, part in parts) == b"part 0;part 1;part 2;part 3;" and len(parts) >= 3
    assert parts[-1][0] - parts[0][0] > 0.4


def test_signed_requests_pass_an_iam_url_and_others_do_not(server):
    host = server.url(server.create(ECHO), AuthType="AWS_IAM")

    def signed(secret, service="lambda"):
        request = AWSRequest("POST", f"http://{host}/p?b=2&a=1", data=b"{}", headers={"Content-Type": "application/json"})
        SigV4Auth(Credentials(server.key, secret), service, "us-east-1").add_auth(request)
        return server.http(host, "/p?b=2&a=1", "POST", data=b"{}", headers={k: v for k, v in request.headers.items() if k.lower() != "host"})
    assert server.http(host).status_code == 403
    assert signed("wrong").status_code == 403
    assert signed(server.secret, "execute-api").status_code == 403
    answer = signed(server.secret)
    assert answer.status_code == 200 and answer.json()["requestContext"]["authorizer"]["iam"]["accountId"] == "000000000000"


def test_cors(server):
    host = server.url(server.create(ECHO), Cors={"AllowOrigins": ["https://a.example"], "AllowMethods": ["POST"],
                                                 "AllowHeaders": ["x-h"], "MaxAge": 60, "AllowCredentials": True})
    preflight = server.http(host, "/", "OPTIONS", headers={
        "Origin": "https://a.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-h"})
    assert preflight.status_code in (200, 204) and not preflight.content
    assert preflight.headers["access-control-allow-origin"] == "https://a.example"
    assert preflight.headers["access-control-allow-methods"] == "POST" and preflight.headers["access-control-max-age"] == "60"
    answer = server.http(host, "/", "POST", headers={"Origin": "https://a.example"})
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in server.http(host, "/", "POST", headers={"Origin": "https://b.example"}).headers


def test_the_callers_fault_is_told_from_the_functions(server):
    host = server.url(server.create("def handler(e, c):\n    raise ValueError('private')\n"))
    failed = server.http(host)
    assert failed.status_code == 502 and "private" not in failed.text
    large = server.url(server.create(ECHO))
    assert server.http(large, "/", "POST", data=b"x" * (7 << 20)).status_code == 413
    assert server.http("nosuchurl.lambda-url.us-east-1.localhost").status_code in (403, 404)
    assert server.http("nosuchapp.localhost").status_code == 404


def test_many_requests_over_one_connection(server):
    host = server.url(server.create(ECHO))
    connection = http.client.HTTPConnection(server.edge.split("//")[1])
    for n in range(20):
        connection.request("POST", f"/{n}", json.dumps({"n": n}), {"Host": host, "Content-Type": "application/json"})
        answer = connection.getresponse()
        assert json.loads(answer.read())["rawPath"] == f"/{n}" and answer.status == 200
