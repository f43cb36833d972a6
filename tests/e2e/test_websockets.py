"""WebSocket APIs: sockets live in the edge, functions are called for what happens on them."""
import json

import pytest
import requests
import websocket
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from conftest import REGION, eventually
from test_apigateway import function

HANDLER = """
import json
def handler(event, context):
    about = event['requestContext']
    key, kind = about['routeKey'], about['eventType']
    print('SAW', kind, key, about['connectionId'], event.get('body'), about.get('disconnectStatusCode'))
    if kind == 'CONNECT':
        return {'statusCode': 403 if (event.get('queryStringParameters') or {}).get('no') else 200}
    if key == 'fail':
        raise ValueError('secret')
    return {'statusCode': 200, 'body': json.dumps({'route': key, 'authorizer': about.get('authorizer', {}).get('principalId'),
                                                   'body': event['body'], 'hasHeaders': 'headers' in event})}
"""


class Chat:
    def __init__(self, server, source=HANDLER):
        self.server, self.client = server, server.client("apigatewayv2")
        self.api = self.client.create_api(Name="chat", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
        self.id = self.api["ApiId"]
        arn = function(server, source)
        self.function = arn.rsplit(":", 1)[1]
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
        made = self.client.create_integration(ApiId=self.id, IntegrationType="AWS_PROXY", IntegrationUri=uri)
        self.target = f"integrations/{made['IntegrationId']}"

    def route(self, key, **settings):
        return self.client.create_route(ApiId=self.id, RouteKey=key, Target=self.target, **settings)

    def deploy(self):
        self.client.create_stage(ApiId=self.id, StageName="dev", AutoDeploy=True)

    @property
    def host(self):
        return f"{self.id}.execute-api.{REGION}.localhost"

    def open(self, query="", **headers):
        port = self.server.edge.rsplit(":", 1)[1]
        return websocket.create_connection(f"ws://127.0.0.1:{port}/dev{query}", host=self.host, timeout=20,
                                           header=[f"{name}: {value}" for name, value in headers.items()])

    def about(self, method, connection, data=None):
        path = f"/dev/@connections/{requests.utils.quote(connection, safe='')}"
        request = AWSRequest(method, f"http://{self.host}{path}", data=data)
        SigV4Auth(Credentials(self.server.key, self.server.secret), "execute-api", REGION).add_auth(request)
        return self.server.http(self.host, path, method, headers=dict(request.headers), data=data)

    def seen(self, *words):
        return lambda: [line for line in self.server.log_of(self.function) if all(word in line for word in ("SAW", *words))]


def test_messages_go_to_their_routes_and_back(server):
    chat = Chat(server)
    assert chat.api["ApiEndpoint"].startswith("ws")
    for key in ["$connect", "$disconnect"]:
        chat.route(key)
    for key in ["$default", "say", "fail"]:
        chat.route(key, RouteResponseSelectionExpression="$default")
    chat.route("quiet")
    chat.deploy()
    socket = chat.open()
    send = lambda message: (socket.send(message if isinstance(message, str) else json.dumps(message)), socket.recv())[1]
    assert json.loads(send({"action": "say", "n": 1})) == {
        "route": "say", "authorizer": None, "body": '{"action": "say", "n": 1}', "hasHeaders": False}
    for message in ["no json", {"action": "unknown"}, {"other": 1}, {"action": "$connect"}]:
        assert json.loads(send(message))["route"] == "$default"
    failed = json.loads(send({"action": "fail"}))
    assert failed["message"] == "Internal server error" and "secret" not in str(failed) and failed["connectionId"]
    socket.send(json.dumps({"action": "quiet"}))
    assert eventually(chat.seen("quiet"))
    connection = failed["connectionId"]
    assert chat.about("POST", connection, b"hello").status_code == 200
    assert socket.recv() == "hello"
    # Functions have no way to the edge: they reach it through the API port.
    calls = server.client("apigatewaymanagementapi", endpoint_url=server.api + "/dev")
    calls.post_to_connection(ConnectionId=connection, Data=b"pushed")
    assert socket.recv() == "pushed"
    assert calls.get_connection(ConnectionId=connection)["Identity"]["SourceIp"] == "127.0.0.1"
    with pytest.raises(calls.exceptions.GoneException):
        calls.post_to_connection(ConnectionId="nosuch", Data=b"x")
    found = chat.about("GET", connection)
    assert found.status_code == 200 and found.json()["identity"]["sourceIp"] == "127.0.0.1"
    assert requests.post(server.edge + f"/dev/@connections/{connection}", headers={"Host": chat.host}).status_code == 403
    socket.close(status=1000)
    assert eventually(chat.seen("DISCONNECT", connection, "1000"))
    assert eventually(lambda: chat.about("POST", connection, b"x").status_code == 410)
    assert chat.about("GET", connection).headers["x-amzn-errortype"] == "GoneException"


def test_whoever_may_not_connect_is_refused(server):
    chat = Chat(server)
    decider = """
        def handler(e, c):
            effect = 'Allow' if e['headers'].get('x-word') == 'yes' else 'Deny'
            return {'principalId': 'me', 'policyDocument': {'Version': '2012-10-17', 'Statement': [
                {'Effect': effect, 'Action': 'execute-api:Invoke', 'Resource': e['methodArn']}]}}
    """
    arn = function(server, decider)
    made = chat.client.create_authorizer(
        ApiId=chat.id, Name="a", AuthorizerType="REQUEST", IdentitySource=["route.request.header.x-word"],
        AuthorizerUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations")
    chat.route("$connect", AuthorizationType="CUSTOM", AuthorizerId=made["AuthorizerId"])
    chat.route("$default", RouteResponseSelectionExpression="$default")
    chat.deploy()
    for headers, query, status in [({}, "", 401), ({"x-word": "no"}, "", 403), ({"x-word": "yes"}, "?no=1", 403)]:
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            chat.open(query, **headers)
        assert refused.value.status_code == status, headers
    socket = chat.open(**{"x-word": "yes"})
    socket.send("x")
    assert json.loads(socket.recv())["authorizer"] == "me"
    [line] = eventually(chat.seen("MESSAGE"))
    connection = line.split()[line.split().index("$default") + 1]
    assert chat.about("DELETE", connection).status_code == 204
    assert socket.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
    assert server.http(chat.host, "/dev").status_code == 403
