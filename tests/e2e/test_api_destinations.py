"""Rules that call HTTP endpoints: how they are authorized, what they send, and what follows from the answer."""
import base64
import http.server
import json
import threading
import urllib.parse
import uuid

import pytest
from conftest import eventually

OPEN = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]})


class Endpoint:
    """An HTTP server that remembers what it is asked, and answers as it is told: first in the line first, then 200."""

    def __init__(self):
        asked, answers = self.asked, self.answers = [], []
        tokens = iter(range(1, 100))

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                if self.path.startswith("/token"):
                    status, headers = 200, {}
                    answer = json.dumps({"access_token": f"token-{next(tokens)}", "expires_in": 3600}).encode()
                else:
                    status, headers = answers.pop(0) if answers else (200, {})
                    answer = b""
                self.send_response(status)
                for name, value in {"content-length": len(answer), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(answer)

            do_PUT = do_GET = do_PATCH = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def calls(self, path="/hook"):
        return [call for call in self.asked if call[1].startswith(path)]


@pytest.fixture
def endpoint():
    endpoint = Endpoint()
    yield endpoint
    endpoint.server.shutdown()


@pytest.fixture(scope="module")
def bus(server):
    return server.client("events")


@pytest.fixture(scope="module")
def sqs(server):
    return server.client("sqs")


def destination(bus, kind, auth, url, **settings):
    name = f"c-{uuid.uuid4().hex[:8]}"
    connection = bus.create_connection(Name=name, AuthorizationType=kind, AuthParameters=auth)["ConnectionArn"]
    made = bus.create_api_destination(Name=name, ConnectionArn=connection, InvocationEndpoint=url,
                                      **{"HttpMethod": "POST", **settings})
    return name, made["ApiDestinationArn"]


def send(bus, arn, count=1, **target):
    """A rule with the destination as its target, and events for it."""
    source = f"s-{uuid.uuid4().hex[:8]}"
    bus.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    answer = bus.put_targets(Rule=source, Targets=[{"Id": "t", "Arn": arn, "RoleArn": "arn:aws:iam::000000000000:role/r",
                                                    **target}])
    assert answer["FailedEntryCount"] == 0
    bus.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": json.dumps({"n": n, "id": "a b"})}
                            for n in range(count)])


BASIC = ("BASIC", {"BasicAuthParameters": {"Username": "u", "Password": "p:w"}})
KEY = ("API_KEY", {"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "hidden"}})


@pytest.mark.parametrize("kind, auth, header, value", [
    (*BASIC, "authorization", "Basic " + base64.b64encode(b"u:p:w").decode()), (*KEY, "x-key", "hidden")])
def test_a_request_is_authorized(bus, endpoint, kind, auth, header, value):
    _, arn = destination(bus, kind, auth, endpoint.url + "/hook")
    send(bus, arn)
    eventually(lambda: endpoint.calls())
    method, _, headers, body = endpoint.calls()[0]
    assert (method, headers[header]) == ("POST", value)
    assert headers["user-agent"] == "Amazon/EventBridge/ApiDestinations"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert json.loads(body)["detail"] == {"n": 0, "id": "a b"}


def test_a_token_is_asked_for_and_asked_for_again_when_it_is_refused(bus, endpoint):
    oauth = {"AuthorizationEndpoint": endpoint.url + "/token", "HttpMethod": "POST",
             "ClientParameters": {"ClientID": "me", "ClientSecret": "s&s"},
             "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "x y"}],
                                     "QueryStringParameters": [{"Key": "q", "Value": "1"}],
                                     "HeaderParameters": [{"Key": "x-tenant", "Value": "t"}]}}
    name, arn = destination(bus, "OAUTH_CLIENT_CREDENTIALS", {"OAuthParameters": oauth}, endpoint.url + "/hook")
    eventually(lambda: bus.describe_connection(Name=name)["ConnectionState"] == "AUTHORIZED")
    assert bus.describe_api_destination(Name=name)["ApiDestinationState"] == "ACTIVE"
    _, path, headers, body = endpoint.calls("/token")[0]
    assert path == "/token?q=1" and headers["x-tenant"] == "t"
    assert urllib.parse.parse_qs(body) == {"grant_type": ["client_credentials"], "client_id": ["me"],
                                           "client_secret": ["s&s"], "scope": ["x y"]}
    endpoint.answers.append((401, {}))
    send(bus, arn)
    eventually(lambda: len(endpoint.calls()) == 2)
    first, second = [headers["authorization"] for _, _, headers, _ in endpoint.calls()]
    assert (first, second) == ("Bearer token-1", "Bearer token-2")


def test_a_connection_that_gets_no_token_says_so(bus, endpoint):
    oauth = {"AuthorizationEndpoint": endpoint.url + "/nowhere", "HttpMethod": "POST",
             "ClientParameters": {"ClientID": "me", "ClientSecret": "s"}}
    name, _ = destination(bus, "OAUTH_CLIENT_CREDENTIALS", {"OAuthParameters": oauth}, endpoint.url + "/hook")
    eventually(lambda: bus.describe_connection(Name=name)["ConnectionState"] == "DEAUTHORIZED")
    assert "/nowhere" in bus.describe_connection(Name=name)["StateReason"]


def test_parameters_of_the_target_and_of_the_connection(bus, endpoint):
    kind, auth = KEY
    invocation = {"HeaderParameters": [{"Key": "x-both", "Value": "connection"}, {"Key": "x-hidden", "Value": "h", "IsValueSecret": True}],
                  "QueryStringParameters": [{"Key": "both", "Value": "connection"}],
                  "BodyParameters": [{"Key": "added", "Value": "yes"}]}
    name, arn = destination(bus, kind, {**auth, "InvocationHttpParameters": invocation},
                            endpoint.url + "/hook/*/x/*?fixed=1", HttpMethod="PUT")
    send(bus, arn, InputPath="$.detail", HttpParameters={
        "PathParameterValues": ["$.detail.id", "2"],
        "HeaderParameters": {"x-both": "target", "x-source": "$.source"},
        "QueryStringParameters": {"both": "target", "n": "$.detail.n"}})
    eventually(lambda: endpoint.calls())
    method, path, headers, body = endpoint.calls()[0]
    url = urllib.parse.urlsplit(path)
    assert (method, url.path) == ("PUT", "/hook/a%20b/x/2")
    assert urllib.parse.parse_qs(url.query) == {"fixed": ["1"], "both": ["connection"], "n": ["0"]}
    assert (headers["x-both"], headers["x-hidden"]) == ("connection", "h") and headers["x-source"].startswith("s-")
    assert json.loads(body) == {"n": 0, "id": "a b", "added": "yes"}
    told = json.dumps(bus.describe_connection(Name=name), default=str)
    assert '"hidden"' not in told and '"h"' not in told


def test_what_an_endpoint_refuses_is_dead_lettered_and_what_fails_is_tried_again(bus, sqs, endpoint):
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex[:8]}", Attributes={"Policy": OPEN})["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    _, arn = destination(bus, *BASIC, endpoint.url + "/hook")
    endpoint.answers += [(503, {"retry-after": "1"}), (400, {})]
    send(bus, arn, DeadLetterConfig={"Arn": queue})
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"])["Messages"]
    said = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert said["TARGET_ARN"] == arn and "400" in said["ERROR_MESSAGE"] and said["RETRY_ATTEMPTS"] == "1"
    assert json.loads(message["Body"])["detail"]["n"] == 0
    assert len(endpoint.calls()) == 2


def test_a_rate_limit_delays_and_loses_nothing(bus, endpoint):
    _, arn = destination(bus, *BASIC, endpoint.url + "/hook", InvocationRateLimitPerSecond=4)
    send(bus, arn, count=10)
    eventually(lambda: len(endpoint.calls()) == 10)
    assert sorted(json.loads(body)["detail"]["n"] for *_, body in endpoint.calls()) == list(range(10))
