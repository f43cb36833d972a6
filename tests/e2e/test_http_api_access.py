"""HTTP APIs: who may call them, how often, what becomes of requests on their way, and servers behind them."""
import json
import time

import pytest

from conftest import ACCOUNT, REGION, eventually
from test_apigateway import ECHO, add_route, function, host_of
from web import Issuer, Web


@pytest.fixture(scope="module")
def client(server):
    return server.client("apigatewayv2")


@pytest.fixture(scope="module")
def echo(server):
    return function(server, ECHO)


@pytest.fixture(scope="module")
def web():
    web = Web()
    yield web
    web.close()


def new_api(client, **stage):
    api = client.create_api(Name="access", ProtocolType="HTTP")
    client.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True, **stage)
    return api


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_tokens_open_routes(server, client, echo, web):
    issuer = Issuer(web)
    api = new_api(client)
    made = client.create_authorizer(
        ApiId=api["ApiId"], Name="jwt", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": ["shop"], "Issuer": issuer.url})
    by_token = dict(AuthorizationType="JWT", AuthorizerId=made["AuthorizerId"])
    add_route(client, api, "GET /open", echo, **by_token)
    claims = "import json\ndef handler(e, c):\n    return {'statusCode': 200, 'body': json.dumps(e['requestContext']['authorizer'])}\n"
    add_route(client, api, "GET /old", function(server, claims), "1.0", **by_token)
    add_route(client, api, "GET /scoped", echo, AuthorizationScopes=["shop/read", "shop/admin"], **by_token)
    get = lambda path, token=None: server.http(host_of(api), path, headers=bearer(token) if token else {})

    refused = get("/open")
    assert (refused.status_code, refused.json()) == (401, {"message": "Unauthorized"})
    assert refused.headers["www-authenticate"].startswith("Bearer")
    passed = get("/open", issuer.token(groups=["a", "b"], level=3))
    assert passed.status_code == 200, passed.text
    decided = passed.json()["requestContext"]["authorizer"]["jwt"]
    assert decided["claims"]["sub"] == "me" and decided["claims"]["level"] == "3" and decided["claims"]["groups"] == "[a b]"
    assert decided["scopes"] is None
    assert get("/old", issuer.token()).json()["claims"]["sub"] == "me"
    good = issuer.token()
    head, claims, signature = good.split(".")
    for bad in ["nonsense", issuer.token(aud="other"), issuer.token(iss="https://elsewhere"), issuer.token(exp=1),
                issuer.token(nbf=int(time.time()) + 500), f"{head}.{issuer.token(sub='you').split('.')[1]}.{signature}"]:
        answer = get("/open", bad)
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"}), bad
        assert "invalid_token" in answer.headers["www-authenticate"]
    assert get("/scoped", issuer.token()).status_code == 403
    passed = get("/scoped", issuer.token(scope="shop/read openid"))
    assert passed.json()["requestContext"]["authorizer"]["jwt"]["scopes"] == ["shop/read", "openid"]
    assert web.asked.count("/keys") == 1, "keys are kept"
    issuer.rotate("two")
    eventually(lambda: get("/open", issuer.token()).status_code == 200)


def test_functions_decide(server, client, echo):
    decider = """
        calls = []
        def handler(e, c):
            calls.append(e)
            word = e['identitySource'][0]
            if word == 'broken': return {'maybe': 1}
            if word == 'fail': raise ValueError('secret')
            if word == 'unauthorized': raise Exception('Unauthorized')
            return {'isAuthorized': word == 'yes', 'context': {'calls': len(calls), 'type': e['type'],
                    'route': e['routeKey'], 'arn': e['routeArn'], 'body': 'body' in e}}
    """
    api = new_api(client)
    arn = function(server, decider, source_arn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api['ApiId']}/authorizers/*")
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    authorizer = lambda name, **more: client.create_authorizer(
        ApiId=api["ApiId"], Name=name, AuthorizerType="REQUEST", AuthorizerUri=uri, AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses=True, IdentitySource=["$request.header.X-Word"], **more)["AuthorizerId"]
    add_route(client, api, "POST /each/{id}", echo, AuthorizationType="CUSTOM", AuthorizerId=authorizer("each"))
    add_route(client, api, "GET /kept", echo, AuthorizationType="CUSTOM",
              AuthorizerId=authorizer("kept", AuthorizerResultTtlInSeconds=300))
    ask = lambda path, word, method="POST": server.http(host_of(api), path, method, headers={"X-Word": word} if word else {},
                                                        data="text")
    decided = ask("/each/7", "yes").json()["requestContext"]["authorizer"]["lambda"]
    assert decided["type"] == "REQUEST" and decided["route"] == "POST /each/{id}" and decided["body"] is False
    assert decided["arn"] == f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api['ApiId']}/$default/POST/each/7"
    for word, status in [("no", 403), (None, 401), ("unauthorized", 401), ("broken", 500), ("fail", 500)]:
        answer = ask("/each/7", word)
        assert answer.status_code == status, word
        assert answer.json() == {"message": {401: "Unauthorized", 403: "Forbidden", 500: "Internal Server Error"}[status]}
    counts = {ask("/kept", "yes", "GET").json()["requestContext"]["authorizer"]["lambda"]["calls"] for _ in range(4)}
    assert len(counts) == 1, "an answer that is kept is not asked for again"


def test_policies_of_functions_are_evaluated(server, client, echo):
    decider = """
        def handler(e, c):
            resource = e['methodArn'].rsplit('/', 1)[0] + '/*' if e['identitySource'] == 'all' else e['methodArn'] + '-other'
            return {'principalId': 'me', 'context': {'n': 5, 'v': e['version']}, 'policyDocument': {'Version': '2012-10-17',
                    'Statement': [{'Effect': 'Allow', 'Action': 'execute-api:Invoke', 'Resource': resource}]}}
    """
    api = new_api(client)
    made = client.create_authorizer(
        ApiId=api["ApiId"], Name="policy", AuthorizerType="REQUEST", AuthorizerUri=function(server, decider),
        AuthorizerPayloadFormatVersion="1.0", IdentitySource=["$request.querystring.who"])
    add_route(client, api, "GET /pets/{id}", echo, "1.0", AuthorizationType="CUSTOM", AuthorizerId=made["AuthorizerId"])
    add_route(client, api, "GET /all", function(server, "def handler(e, c):\n    return e['requestContext']['authorizer']\n"),
              AuthorizationType="CUSTOM", AuthorizerId=made["AuthorizerId"])
    assert server.http(host_of(api), "/pets/7?who=none").status_code == 403
    assert server.http(host_of(api), "/all?who=all").json() == {"lambda": {"n": 5, "v": "1.0"}}


def test_signed_routes(server, client, echo):
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    api = new_api(client)
    add_route(client, api, "GET /signed", echo, AuthorizationType="AWS_IAM")
    assert server.http(host_of(api), "/signed").status_code == 403
    request = AWSRequest("GET", f"http://{host_of(api)}/signed")
    SigV4Auth(Credentials(server.key, server.secret), "execute-api", REGION).add_auth(request)
    answer = server.http(host_of(api), "/signed", headers=dict(request.headers))
    assert answer.json()["requestContext"]["authorizer"]["iam"]["accessKey"] == server.key


def test_stages_and_routes_are_throttled(server, client, echo):
    api = new_api(client, DefaultRouteSettings={"ThrottlingRateLimit": 0.01, "ThrottlingBurstLimit": 3},
                  RouteSettings={"GET /free": {"ThrottlingRateLimit": 1000, "ThrottlingBurstLimit": 1000}})
    for key in ["GET /tight", "GET /free"]:
        add_route(client, api, key, echo)
    answers = [server.http(host_of(api), "/tight") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].json() == {"message": "Too Many Requests"}
    assert {server.http(host_of(api), "/free").status_code for _ in range(8)} == {200}


def test_requests_go_on_to_servers(server, client, web):
    api = new_api(client, StageVariables={"where": web.url})
    integrate = lambda **more: client.create_integration(ApiId=api["ApiId"], IntegrationType="HTTP_PROXY",
                                                         IntegrationMethod="ANY", PayloadFormatVersion="1.0", **more)
    made = integrate(IntegrationUri="${stageVariables.where}/base/{proxy}?own=1")
    client.create_route(ApiId=api["ApiId"], RouteKey="ANY /to/{proxy+}", Target="integrations/" + made["IntegrationId"])
    gone = integrate(IntegrationUri="http://127.0.0.1:1/")
    client.create_route(ApiId=api["ApiId"], RouteKey="ANY /gone", Target="integrations/" + gone["IntegrationId"])
    answer = server.http(host_of(api), "/to/a%20b/c?x=1", "PUT", data="hello", headers={"X-Kept": "1", "Connection": "close"})
    seen = answer.json()
    assert (seen["method"], seen["path"], seen["body"]) == ("PUT", "/base/a%20b/c?own=1&x=1", "hello")
    assert seen["headers"]["x-kept"] == "1" and seen["headers"]["host"] == web.url.split("//")[1]
    assert f"host={host_of(api)}" in seen["headers"]["forwarded"] and answer.headers["x-upstream"] == "yes"
    web.pages["/base/missing"] = {"error": "none"}
    refused = server.http(host_of(api), "/gone")
    assert (refused.status_code, refused.json()) == (503, {"message": "Service Unavailable"})


def test_parameters_are_mapped(server, client, echo, web):
    api = new_api(client, StageVariables={"color": "blue"})
    made = client.create_integration(
        ApiId=api["ApiId"], IntegrationType="HTTP_PROXY", IntegrationMethod="GET", IntegrationUri=web.url + "/old",
        PayloadFormatVersion="1.0",
        RequestParameters={"append:header.x-color": "$stageVariables.color", "overwrite:header.x-own": "${context.stage}!",
                           "remove:header.x-gone": "''", "overwrite:querystring.q": "$request.header.x-own",
                           "remove:querystring.secret": "''", "overwrite:path": "/new/${request.path.id}"},
        ResponseParameters={"200": {"overwrite:statuscode": "203", "append:header.x-was": "$response.body.path",
                                    "remove:header.x-upstream": "''"}})
    client.create_route(ApiId=api["ApiId"], RouteKey="GET /items/{id}", Target="integrations/" + made["IntegrationId"])
    answer = server.http(host_of(api), "/items/7?q=1&secret=s&k=v", headers={"X-Own": "me", "X-Gone": "1"})
    seen = answer.json()
    assert answer.status_code == 203 and answer.headers["x-was"] == "/new/7?k=v&q=me" and "x-upstream" not in answer.headers
    headers = seen["headers"]
    assert headers["x-color"] == "blue" and headers["x-own"] == "$default!" and "x-gone" not in headers
    for_function = client.create_integration(
        ApiId=api["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=echo, PayloadFormatVersion="2.0",
        RequestParameters={"append:header.x-id": "$request.path.id", "overwrite:path": "/renamed"})
    client.create_route(ApiId=api["ApiId"], RouteKey="GET /fn/{id}", Target="integrations/" + for_function["IntegrationId"])
    event = server.http(host_of(api), "/fn/9").json()
    assert event["headers"]["x-id"] == "9" and event["rawPath"] == "/renamed"


def test_an_api_for_its_own_domain_only_is_closed_at_its_host(server, client, echo):
    api = client.create_api(Name="closed", ProtocolType="HTTP", Target=echo, DisableExecuteApiEndpoint=True)
    assert server.http(host_of(api)).status_code == 404
    client.update_api(ApiId=api["ApiId"], DisableExecuteApiEndpoint=False)
    assert server.http(host_of(api)).status_code == 200


def test_what_is_not_there_says_so(server, client):
    api = new_api(client)
    made = client.create_integration(ApiId=api["ApiId"], IntegrationType="AWS_PROXY", PayloadFormatVersion="1.0",
                                     IntegrationSubtype="Kinesis-PutRecord", CredentialsArn="arn:aws:iam::000000000000:role/r",
                                     RequestParameters={"StreamName": "s", "Data": "$request.body", "PartitionKey": "k"})
    client.create_route(ApiId=api["ApiId"], RouteKey="POST /k", Target="integrations/" + made["IntegrationId"])
    answer = server.http(host_of(api), "/k", "POST")
    assert answer.status_code == 501 and "Kinesis-PutRecord" in answer.json()["message"]


def test_documents_are_imported(server, client, web):
    document = {"openapi": "3.0.1", "info": {"title": "imported"}, "paths": {"/x": {"get": {
        "x-amazon-apigateway-integration": {"type": "http_proxy", "httpMethod": "ANY", "uri": web.url + "/imported",
                                            "payloadFormatVersion": "1.0"}}}}}
    api = client.import_api(Body=json.dumps(document))
    client.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    assert api["Name"] == "imported" and server.http(host_of(api), "/x").json()["path"] == "/imported"
    document["paths"] = {"/y": document["paths"]["/x"]}
    client.reimport_api(ApiId=api["ApiId"], Body=json.dumps(document))
    assert [server.http(host_of(api), path).status_code for path in ("/x", "/y")] == [404, 200]


def test_messages_and_events_leave_from_routes(server, client):
    api = new_api(client)
    sqs = server.client("sqs")
    queue = sqs.create_queue(QueueName="from-routes")["QueueUrl"]
    bus = server.client("events")
    bus.put_rule(Name="from-routes", EventPattern=json.dumps({"source": ["shop"]}))
    bus.put_targets(Rule="from-routes", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:from-routes"}])
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}]})})
    for key, subtype, parameters in [
        ("POST /jobs", "SQS-SendMessage", {"QueueUrl": queue, "MessageBody": "$request.body.job"}),
        ("POST /events", "EventBridge-PutEvents", {"Source": "shop", "DetailType": "${request.path}", "Detail": "$request.body"}),
    ]:
        made = client.create_integration(ApiId=api["ApiId"], IntegrationType="AWS_PROXY", IntegrationSubtype=subtype,
                                         PayloadFormatVersion="1.0", RequestParameters=parameters,
                                         CredentialsArn="arn:aws:iam::000000000000:role/r")
        client.create_route(ApiId=api["ApiId"], RouteKey=key, Target=f"integrations/{made['IntegrationId']}")
    receive = lambda: eventually(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))[0]
    sent = server.http(host_of(api), "/jobs", "POST", json={"job": "mend"})
    message = receive()
    assert sent.status_code == 200 and message["MessageId"] in sent.text and message["Body"] == "mend"
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    sent = server.http(host_of(api), "/events", "POST", json={"n": 1})
    event = json.loads(receive()["Body"])
    assert sent.json()["FailedEntryCount"] == 0 and sent.json()["Entries"][0]["EventId"] == event["id"]
    assert event["detail"] == {"n": 1} and event["detail-type"] == "/events"
