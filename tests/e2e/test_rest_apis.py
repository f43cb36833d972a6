"""REST APIs: made by boto3's apigateway, answered at their own hosts."""
import json
import time

import pytest
import requests
from botocore.exceptions import ClientError

from conftest import ACCOUNT, REGION
from test_apigateway import ECHO, function
from web import Web

PROXY = "import json\ndef handler(e, c):\n    return {'statusCode': 200, 'body': json.dumps(e)}\n"


@pytest.fixture(scope="module")
def client(server):
    return server.client("apigateway")


@pytest.fixture(scope="module")
def proxy(server):
    return function(server, PROXY)


@pytest.fixture(scope="module")
def web():
    web = Web()
    yield web
    web.close()


def uri(arn):
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"


class Api:
    """A REST API in the making."""

    def __init__(self, server, client, **settings):
        self.server, self.client = server, client
        self.id = client.create_rest_api(name="rest", **settings)["id"]
        [root] = client.get_resources(restApiId=self.id)["items"]
        self.resources = {"/": root["id"]}

    def resource(self, path):
        if path not in self.resources:
            parent, part = path.rsplit("/", 1)
            self.resources[path] = self.client.create_resource(
                restApiId=self.id, parentId=self.resource(parent or "/"), pathPart=part)["id"]
        return self.resources[path]

    def method(self, verb, path, arn=None, integration=None, **settings):
        where = dict(restApiId=self.id, resourceId=self.resource(path), httpMethod=verb)
        self.client.put_method(**where, authorizationType=settings.pop("authorizationType", "NONE"), **settings)
        integration = integration or dict(type="AWS_PROXY", integrationHttpMethod="POST", uri=uri(arn))
        self.client.put_integration(**where, **integration)
        return where

    def deploy(self, stage="dev", **settings):
        return self.client.create_deployment(restApiId=self.id, stageName=stage, **settings)

    def http(self, path="/", *args, stage="dev", **options):
        return self.server.http(f"{self.id}.execute-api.{REGION}.localhost", f"/{stage}{path}", *args, **options)


def test_methods_are_deployed_and_answered(server, client, proxy):
    api = Api(server, client, description="first", binaryMediaTypes=["image/png"])
    api.method("GET", "/items/{id}", proxy)
    api.method("ANY", "/{proxy+}", proxy)
    with pytest.raises(client.exceptions.ConflictException):
        client.put_method(restApiId=api.id, resourceId=api.resource("/items/{id}"), httpMethod="GET", authorizationType="NONE")
    deployed = api.deploy(variables={"color": "blue"})
    event = api.http("/items/7?a=1&a=2").json()
    assert event["resource"] == "/items/{id}" and event["path"] == "/items/7" and event["pathParameters"] == {"id": "7"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]} and event["stageVariables"] == {"color": "blue"}
    context = event["requestContext"]
    assert (context["apiId"], context["stage"], context["resourcePath"]) == (api.id, "dev", "/items/{id}")
    assert context["path"] == "/dev/items/7" and context["deploymentId"] == deployed["id"]
    with requests.Session() as session:
        # One connection: each request has its own cases.
        for name in ("X-My-Own", "x-my-own", "X-MY-OWN"):
            url = f"{server.edge}/dev/items/7"
            sent = {"Host": f"{api.id}.execute-api.{REGION}.localhost", name: "v", "accept": "*/*"}
            event = session.get(url, headers=sent, data=b"body", timeout=30).json()
            assert event["headers"][name] == "v" and event["multiValueHeaders"][name] == ["v"]
            assert event["headers"]["Host"] and "X-Forwarded-For" in event["headers"]
    assert api.http("/other", "POST", data=b"\x00", headers={"Content-Type": "image/png"}).json()["isBase64Encoded"] is True
    api.method("GET", "/late", proxy)
    assert api.http("/late").json()["resource"] == "/{proxy+}", "a deployment stands still"
    api.deploy()
    assert api.http("/late").json()["resource"] == "/late"
    missing = api.http("/x", stage="prod")
    assert (missing.status_code, missing.json()) == (403, {"message": "Forbidden"})
    client.delete_method(restApiId=api.id, resourceId=api.resource("/late"), httpMethod="GET")
    client.delete_resource(restApiId=api.id, resourceId=api.resource("/items"))
    assert {one["path"] for one in client.get_resources(restApiId=api.id)["items"]} == {"/", "/{proxy+}", "/late"}
    assert client.get_rest_api(restApiId=api.id)["createdDate"].year >= 2024
    client.delete_rest_api(restApiId=api.id)
    with pytest.raises(client.exceptions.NotFoundException):
        client.get_rest_api(restApiId=api.id)


def test_keys_and_usage_plans(server, client, proxy):
    api = Api(server, client)
    api.method("GET", "/open", proxy)
    api.method("GET", "/keyed", proxy, apiKeyRequired=True)
    api.deploy()
    key = client.create_api_key(name="k", enabled=True, tags={"a": "1"})
    plan = client.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "dev"}],
                                    throttle={"rateLimit": 1000, "burstLimit": 1000}, quota={"limit": 3, "period": "DAY"})
    ask = lambda value=None: api.http("/keyed", headers={"x-api-key": value} if value else {})
    assert api.http("/open").status_code == 200
    for value in [None, "wrong", key["value"]]:
        refused = ask(value)
        assert (refused.status_code, refused.json()) == (403, {"message": "Forbidden"}), "it has no plan yet"
    client.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    identity = ask(key["value"]).json()["requestContext"]["identity"]
    assert identity["apiKey"] == key["value"] and identity["apiKeyId"] == key["id"]
    assert [ask(key["value"]).status_code for _ in range(3)] == [200, 200, 429]
    assert ask(key["value"]).json() == {"message": "Limit Exceeded"}
    today = time.strftime("%Y-%m-%d", time.gmtime())
    usage = client.get_usage(usagePlanId=plan["id"], startDate=today, endDate=today)
    assert usage["items"][key["id"]] == [[3, 0]]
    client.update_usage_plan(usagePlanId=plan["id"], patchOperations=[
        {"op": "remove", "path": "/quota"}, {"op": "replace", "path": "/throttle/burstLimit", "value": "1"},
        {"op": "replace", "path": "/throttle/rateLimit", "value": "0.001"}])
    assert [ask(key["value"]).status_code for _ in range(2)] == [200, 429]
    client.update_api_key(apiKey=key["id"], patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    assert ask(key["value"]).status_code == 403
    assert client.get_api_keys(nameQuery="k", includeValues=True)["items"][0]["value"] == key["value"]
    assert [one["id"] for one in client.get_usage_plan_keys(usagePlanId=plan["id"])["items"]] == [key["id"]]
    client.delete_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"])
    with pytest.raises(client.exceptions.BadRequestException):
        client.delete_usage_plan(usagePlanId=plan["id"])
    client.update_usage_plan(usagePlanId=plan["id"], patchOperations=[
        {"op": "remove", "path": "/apiStages", "value": f"{api.id}:dev"}])
    client.delete_usage_plan(usagePlanId=plan["id"])
    client.delete_api_key(apiKey=key["id"])


def test_stages_throttle_their_methods(server, client, proxy):
    api = Api(server, client)
    api.method("GET", "/tight/{id}", proxy)
    api.method("GET", "/free", proxy)
    api.deploy()
    stage = client.update_stage(restApiId=api.id, stageName="dev", patchOperations=[
        {"op": "replace", "path": "/~1tight~1{id}/GET/throttling/burstLimit", "value": "2"},
        {"op": "replace", "path": "/~1tight~1{id}/GET/throttling/rateLimit", "value": "0.001"},
        {"op": "replace", "path": "/variables/x", "value": "1"}])
    assert stage["methodSettings"]["~1tight~1{id}/GET"]["throttlingBurstLimit"] == 2 and stage["variables"] == {"x": "1"}
    answers = [api.http("/tight/1") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json() == {"message": "Too Many Requests"}
    assert answers[-1].headers["x-amzn-errortype"] == "TooManyRequestsException"
    assert {api.http("/free").status_code for _ in range(4)} == {200}


def test_requests_are_validated(server, client, proxy):
    api = Api(server, client)
    validator = client.create_request_validator(restApiId=api.id, name="all", validateRequestBody=True,
                                                validateRequestParameters=True)
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "required": ["name"],
              "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}}}
    client.create_model(restApiId=api.id, name="Pet", contentType="application/json", schema=json.dumps(schema))
    api.method("POST", "/pets", proxy, requestValidatorId=validator["id"], requestModels={"application/json": "Pet"},
               requestParameters={"method.request.querystring.page": True, "method.request.header.X-Need": True})
    api.deploy()
    send = lambda body, path="/pets?page=1", headers={"X-Need": "1"}: api.http(
        path, "POST", data=body, headers={"Content-Type": "application/json", **headers})
    assert send('{"name": "rex", "age": 3}').status_code == 200
    for body in ["{}", '{"name": 1}', '{"name": "rex", "age": -1}', "no json", ""]:
        refused = send(body)
        assert (refused.status_code, refused.json()) == (400, {"message": "Invalid request body"}), body
    refused = send('{"name": "rex"}', "/pets", {})
    assert refused.status_code == 400
    assert refused.json() == {"message": "Missing required request parameters: [X-Need, page]"}
    assert refused.headers["x-amzn-errortype"] == "BadRequestException"
    client.put_gateway_response(restApiId=api.id, responseType="BAD_REQUEST_BODY", responseTemplates={
        "text/plain": "$context.error.message: $context.error.validationErrorString"})
    api.deploy()
    assert send("{}").text == 'Invalid request body: [object has missing required properties (["name"])]'
    with pytest.raises(client.exceptions.ConflictException):
        client.delete_model(restApiId=api.id, modelName="Pet")
    assert json.loads(client.get_model(restApiId=api.id, modelName="Pet")["schema"]) == schema


DECIDER = """
calls = []
def handler(e, c):
    calls.append(1)
    word = e['authorizationToken'] if e['type'] == 'TOKEN' else e['headers']['X-Word']
    if word == 'unauthorized': raise Exception('Unauthorized')
    if word == 'broken': return 'Allow'
    effect = 'Deny' if word == 'deny' else 'Allow'
    resource = e['methodArn'].replace('/GET/', '/PUT/') if word == 'elsewhere' else e['methodArn']
    return {'principalId': 'me', 'usageIdentifierKey': 'x' * 20, 'context': {'n': 1, 'calls': len(calls)},
            'policyDocument': {'Version': '2012-10-17', 'Statement': [
                {'Effect': effect, 'Action': 'execute-api:Invoke', 'Resource': resource}]}}
"""


@pytest.mark.parametrize("kind", ["TOKEN", "REQUEST"])
def test_functions_decide(server, client, proxy, kind):
    api = Api(server, client)
    arn = function(server, DECIDER, source_arn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.id}/authorizers/*")
    made = client.create_authorizer(restApiId=api.id, name="a", type=kind, authorizerUri=uri(arn),
                                    identitySource="method.request.header.X-Word", authorizerResultTtlInSeconds=0,
                                    **({"identityValidationExpression": "[a-z]+"} if kind == "TOKEN" else {}))
    kept = client.create_authorizer(restApiId=api.id, name="b", type=kind, authorizerUri=uri(arn),
                                    identitySource="method.request.header.X-Word")
    assert kept["authorizerResultTtlInSeconds"] == 300
    for path, authorizer in [("/each", made), ("/kept", kept)]:
        api.method("GET", path, proxy, authorizationType="CUSTOM", authorizerId=authorizer["id"])
    api.deploy()
    ask = lambda word, path="/each": api.http(path, headers={"X-Word": word} if word else {})
    decided = ask("fine").json()["requestContext"]["authorizer"]
    assert decided["principalId"] == "me" and decided["n"] == "1"
    for word, status, message in [
        (None, 401, {"message": "Unauthorized"}),
        ("unauthorized", 401, {"message": "Unauthorized"}),
        ("deny", 403, {"Message": "User is not authorized to access this resource with an explicit deny"}),
        ("elsewhere", 403, {"Message": "User is not authorized to access this resource"}),
        ("broken", 500, {"message": None}),
    ]:
        answer = ask(word)
        assert (answer.status_code, answer.json()) == (status, message), word
    if kind == "TOKEN":
        assert ask("UPPER").status_code == 401, "the expression does not match"
    counts = {ask("fine", "/kept").json()["requestContext"]["authorizer"]["calls"] for _ in range(3)}
    assert len(counts) == 1
    with pytest.raises(client.exceptions.ConflictException):
        client.delete_authorizer(restApiId=api.id, authorizerId=made["id"])


def test_servers_mocks_and_answers_of_the_api(server, client, web):
    api = Api(server, client)
    api.method("ANY", "/to/{proxy+}", requestParameters={"method.request.path.proxy": True}, integration=dict(
        type="HTTP_PROXY", integrationHttpMethod="ANY", uri=web.url + "/base/{proxy}",
        requestParameters={"integration.request.path.proxy": "method.request.path.proxy",
                           "integration.request.header.X-Stage": "context.stage",
                           "integration.request.querystring.fixed": "'yes'"}))
    where = api.method("GET", "/mock", integration=dict(
        type="MOCK", requestTemplates={"application/json": '{"statusCode": 202}'}))
    client.put_method_response(**where, statusCode="202", responseParameters={"method.response.header.X-A": True})
    client.put_integration_response(**where, statusCode="202", responseTemplates={"application/json": '{"ok": true}'},
                                    responseParameters={"method.response.header.X-A": "'b'"})
    custom = api.method("GET", "/custom", integration=dict(type="HTTP", integrationHttpMethod="GET", uri=web.url + "/missing"))
    for code, pattern in [("200", None), ("410", "4\\d{2}")]:
        client.put_method_response(**custom, statusCode=code)
        client.put_integration_response(**custom, statusCode=code, **({"selectionPattern": pattern} if pattern else {}),
                                        responseParameters={})
    client.put_gateway_response(restApiId=api.id, responseType="MISSING_AUTHENTICATION_TOKEN", statusCode="404",
                                responseParameters={"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"},
                                responseTemplates={"application/json": '{"oops": $context.error.messageString}'})
    api.deploy()
    seen = api.http("/to/a/b?x=1", "POST", data="hello").json()
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/base/a/b?x=1&fixed=yes", "hello")
    assert seen["headers"]["x-stage"] == "dev" and "x-forwarded-for" in seen["headers"]
    answer = api.http("/mock")
    assert (answer.status_code, answer.json(), answer.headers["x-a"]) == (202, {"ok": True}, "b")
    assert api.http("/custom").status_code == 410
    gone = api.http("/nowhere")
    assert (gone.status_code, gone.json()) == (404, {"oops": "Missing Authentication Token"})
    assert gone.headers["access-control-allow-origin"] == "*"
    assert client.get_gateway_response(restApiId=api.id, responseType="THROTTLED")["defaultResponse"] is True


def test_documents_are_imported(server, client, proxy):
    document = {
        "openapi": "3.0.1", "info": {"title": "imported", "version": "1"},
        "paths": {"/pets/{id}": {"get": {"parameters": [{"name": "q", "in": "query", "required": True}],
                                         "x-amazon-apigateway-request-validator": "params",
                                         "x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST",
                                                                             "uri": uri(proxy)}}}},
        "x-amazon-apigateway-request-validators": {"params": {"validateRequestParameters": True, "validateRequestBody": False}},
    }
    made = client.import_rest_api(body=json.dumps(document).encode())
    assert made["name"] == "imported"
    client.create_deployment(restApiId=made["id"], stageName="v1")
    host = f"{made['id']}.execute-api.{REGION}.localhost"
    assert server.http(host, "/v1/pets/7?q=1").json()["pathParameters"] == {"id": "7"}
    assert server.http(host, "/v1/pets/7").status_code == 400
    document["paths"] = {"/more": document["paths"]["/pets/{id}"]}
    client.put_rest_api(restApiId=made["id"], mode="overwrite", body=json.dumps(document).encode())
    assert {one["path"] for one in client.get_resources(restApiId=made["id"])["items"]} == {"/", "/more"}


@pytest.mark.parametrize("kind", ["oas30", "swagger"])
def test_what_a_stage_serves_is_exported_and_imported_again(server, client, proxy, kind):
    api = client.create_rest_api(name="exported")["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    pet = client.create_resource(restApiId=api, parentId=root, pathPart="{pet}")["id"]
    client.put_method(restApiId=api, resourceId=pet, httpMethod="GET", authorizationType="NONE",
                      requestParameters={"method.request.path.pet": True, "method.request.querystring.q": False})
    client.put_method_response(restApiId=api, resourceId=pet, httpMethod="GET", statusCode="200")
    client.put_integration(restApiId=api, resourceId=pet, httpMethod="GET", type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    client.put_integration_response(restApiId=api, resourceId=pet, httpMethod="GET", statusCode="200",
                                    responseTemplates={"application/json": '{"pet": "$input.params(\'pet\')"}'})
    client.create_deployment(restApiId=api, stageName="prod")
    answer = client.get_export(restApiId=api, stageName="prod", exportType=kind, parameters={"extensions": "apigateway"})
    text = answer["body"].read()
    document = json.loads(text)
    assert document.get("openapi" if kind == "oas30" else "swagger") in ("3.0.1", "2.0") and "/{pet}" in document["paths"]
    again = client.import_rest_api(body=text)["id"]
    client.create_deployment(restApiId=again, stageName="v2")
    host = f"{again}.execute-api.us-east-1.localhost"
    assert server.http(host, "/v2/rex").json() == {"pet": "rex"}
    with pytest.raises(client.exceptions.BadRequestException):
        client.get_export(restApiId=api, stageName="prod", exportType="raml")


def test_everything_is_edited_and_tagged(server, client, proxy):
    api = Api(server, client, tags={"a": "1"})
    where = api.method("GET", "/x", proxy)
    assert client.update_rest_api(restApiId=api.id, patchOperations=[
        {"op": "replace", "path": "/name", "value": "new"}, {"op": "add", "path": "/binaryMediaTypes/image~1png"}])["name"] == "new"
    assert client.get_rest_api(restApiId=api.id)["binaryMediaTypes"] == ["image/png"]
    assert client.update_method(**where, patchOperations=[
        {"op": "replace", "path": "/apiKeyRequired", "value": "true"}])["apiKeyRequired"] is True
    assert client.update_integration(**where, patchOperations=[
        {"op": "replace", "path": "/timeoutInMillis", "value": "5000"}])["timeoutInMillis"] == 5000
    embedded = client.get_resources(restApiId=api.id, embed=["methods"])["items"]
    assert [one["resourceMethods"]["GET"]["methodIntegration"]["type"] for one in embedded if one["path"] == "/x"] == ["AWS_PROXY"]
    arn = f"arn:aws:apigateway:{REGION}::/restapis/{api.id}"
    client.tag_resource(resourceArn=arn, tags={"b": "2"})
    client.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert client.get_tags(resourceArn=arn)["tags"] == {"b": "2"}
    empty = Api(server, client)
    with pytest.raises(client.exceptions.BadRequestException):
        empty.deploy()


def test_bodies_are_mapped(server, client, web):
    api = Api(server, client)
    arn = function(server, """
        def handler(e, c):
            if e.get('fail'): raise ValueError('Bad: ' + e['fail'])
            return {'got': e}
    """)
    where = api.method("POST", "/orders/{id}", integration=dict(
        type="AWS", integrationHttpMethod="POST", uri=uri(arn), passthroughBehavior="NEVER",
        requestTemplates={"application/json": """
            #set($order = $input.path('$'))
            {"id": "$input.params('id')", "who": "$context.identity.sourceIp", "fail": "$!order.fail",
             "items": [#foreach($i in $order.items)"$i.name"#if($foreach.hasNext),#end#end], "raw": $input.json('$.items')}"""}))
    for code, pattern, template in [("200", None, '{"ok": $input.json(\'$.got\')}'),
                                    ("422", "Bad.*", '{"error": "$input.path(\'$.errorMessage\')"}')]:
        client.put_method_response(**where, statusCode=code, responseParameters={"method.response.header.X-A": True})
        client.put_integration_response(**where, statusCode=code, responseTemplates={"application/json": template},
                                        responseParameters={"method.response.header.X-A": "context.stage"},
                                        **({"selectionPattern": pattern} if pattern else {}))
    mock = api.method("GET", "/mock/{code}", integration=dict(type="MOCK", requestTemplates={
        "application/json": '#set($context.responseOverride.status = $input.params("code")){"statusCode": 200}'}))
    client.put_method_response(**mock, statusCode="200")
    client.put_integration_response(**mock, statusCode="200", responseTemplates={"application/json": '"$context.httpMethod"'})
    later = api.method("POST", "/later", integration=dict(
        type="AWS", integrationHttpMethod="POST", uri=uri(arn),
        requestParameters={"integration.request.header.X-Amz-Invocation-Type": "'Event'"}))
    client.put_method_response(**later, statusCode="202")
    client.put_integration_response(**later, statusCode="202", responseTemplates={"application/json": "{}"})
    api.deploy()
    send = lambda body, **headers: api.http("/orders/7", "POST", json=body, headers=headers)
    answer = send({"items": [{"name": "a"}, {"name": "b"}]})
    assert answer.status_code == 200 and answer.headers["x-a"] == "dev", answer.text
    assert answer.json() == {"ok": {"id": "7", "who": "127.0.0.1", "fail": "", "items": ["a", "b"],
                                    "raw": [{"name": "a"}, {"name": "b"}]}}
    refused = send({"items": [], "fail": "it's"})
    assert (refused.status_code, refused.json()) == (422, {"error": "Bad: it's"})
    assert api.http("/orders/7", "POST", data="x", headers={"Content-Type": "text/plain"}).status_code == 415
    answer = api.http("/mock/418")
    assert (answer.status_code, answer.json()) == (418, "GET")
    assert api.http("/later", "POST", json={"n": 1}).status_code == 202


def test_methods_are_tried_before_they_are_deployed(server, client, proxy):
    api = Api(server, client)
    where = api.method("GET", "/pets/{id}", proxy)
    tried = client.test_invoke_method(
        **where, pathWithQueryString="/pets/7?x=1&x=2", headers={"X-One": "a"}, multiValueHeaders={"X-Two": ["b", "c"]},
        stageVariables={"v": "1"}, body="text")
    assert tried["status"] == 200 and tried["headers"]["Content-Type"] == "application/json"
    event = json.loads(tried["body"])
    assert event["pathParameters"] == {"id": "7"} and event["stageVariables"] == {"v": "1"} and event["body"] == "text"
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["multiValueHeaders"]["X-Two"] == ["b", "c"] and event["requestContext"]["stage"] == "test-invoke-stage"
    assert "Method completed with status: 200" in tried["log"] and tried["latency"] >= 0

    mocked = api.method("POST", "/mock", integration=dict(
        type="MOCK", requestTemplates={"application/json": '{"statusCode": 201}'}))
    client.put_method_response(**mocked, statusCode="201", responseParameters={"method.response.header.X-Made": True})
    client.put_integration_response(
        **mocked, statusCode="201", responseParameters={"method.response.header.X-Made": "'yes'"},
        responseTemplates={"application/json": '{"made": $input.json("$.name")}'})
    tried = client.test_invoke_method(**mocked, body='{"name": "a"}')
    assert tried["status"] == 201 and tried["multiValueHeaders"]["X-Made"] == ["yes"]
    with pytest.raises(client.exceptions.NotFoundException):
        client.test_invoke_method(**{**mocked, "httpMethod": "PUT"})


@pytest.mark.parametrize("kind", ["TOKEN", "REQUEST"])
def test_authorizers_are_tried_and_their_answers_forgotten(server, client, proxy, kind):
    api = Api(server, client)
    arn = function(server, DECIDER, source_arn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.id}/authorizers/*")
    kept = client.create_authorizer(restApiId=api.id, name="a", type=kind, authorizerUri=uri(arn),
                                    identitySource="method.request.header.X-Word")
    tried = client.test_invoke_authorizer(restApiId=api.id, authorizerId=kept["id"], headers={"X-Word": "fine"})
    assert (tried["clientStatus"], tried["principalId"], tried["authorization"]["n"]) == (200, "me", ["1"])
    assert json.loads(tried["policy"])["Statement"][0]["Effect"] == "Allow"
    denied = client.test_invoke_authorizer(restApiId=api.id, authorizerId=kept["id"], headers={"X-Word": "deny"})
    assert denied["clientStatus"] == 200 and json.loads(denied["policy"])["Statement"][0]["Effect"] == "Deny"
    for word, status in [("unauthorized", 401), ("broken", 500)]:
        tried = client.test_invoke_authorizer(restApiId=api.id, authorizerId=kept["id"], headers={"X-Word": word})
        assert tried["clientStatus"] == status, word
    assert client.test_invoke_authorizer(restApiId=api.id, authorizerId=kept["id"])["clientStatus"] == 401

    api.method("GET", "/", proxy, authorizationType="CUSTOM", authorizerId=kept["id"])
    api.deploy()
    calls = lambda: int(api.http(headers={"X-Word": "fine"}).json()["requestContext"]["authorizer"]["calls"])
    first = calls()
    assert calls() == first
    client.flush_stage_authorizers_cache(restApiId=api.id, stageName="dev")
    client.flush_stage_cache(restApiId=api.id, stageName="dev")
    assert calls() > first


def test_what_is_not_built_is_refused_by_name(server, client):
    for call in [lambda: client.get_sdk_types(), lambda: client.get_base_path_mappings(domainName="a.example"),
                 lambda: server.client("apigatewayv2").list_portals()]:
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.operation_name in str(refused.value.response["Error"]), refused.value


def test_methods_lead_to_other_services(server, client):
    queue = server.client("sqs").create_queue(QueueName="behind-rest")["QueueUrl"]
    server.client("s3").create_bucket(Bucket="behind-rest")
    api = Api(server, client)
    role = f"arn:aws:iam::{ACCOUNT}:role/test"

    def leads(verb, path, service, method, **settings):
        where = api.method(verb, path, integration=dict(
            type="AWS", integrationHttpMethod=method, uri=f"arn:aws:apigateway:{REGION}:{service}", credentials=role,
            requestParameters={"integration.request.header.Content-Type": settings.pop("kind", "'application/x-www-form-urlencoded'"),
                               **settings.pop("parameters", {})}, **settings))
        client.put_method_response(**where, statusCode="200")
        client.put_integration_response(**where, statusCode="200", selectionPattern="2\\d\\d")
        client.put_method_response(**where, statusCode="502")
        client.put_integration_response(**where, statusCode="502")
    template = "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"
    leads("POST", "/jobs", f"sqs:path/{ACCOUNT}/behind-rest", "POST", requestTemplates={"application/json": template})
    leads("POST", "/lost", f"sqs:path/{ACCOUNT}/no-such-queue", "POST", requestTemplates={"application/json": template})
    leads("PUT", "/files/{key}", "s3:path/behind-rest/{name}", "PUT", kind="method.request.header.Content-Type",
          parameters={"integration.request.path.name": "method.request.path.key"})
    leads("GET", "/files/{key}", "s3:path/behind-rest/{name}", "GET", kind="'text/plain'",
          parameters={"integration.request.path.name": "method.request.path.key"})
    leads("GET", "/any/{bucket}/{key}", "s3:path/{bucket}/{name}", "GET", kind="'text/plain'",
          parameters={"integration.request.path.bucket": "method.request.path.bucket",
                      "integration.request.path.name": "method.request.path.key"})
    leads("POST", "/events", "events:action/PutEvents", "POST", requestTemplates={"application/json":
          '{"Entries": [{"Source": "rest", "DetailType": "t", "Detail": "{}"}]}'})
    api.deploy()
    sent = api.http("/jobs", "POST", json={"a": "b & c"})
    assert sent.status_code == 200 and "MessageId" in sent.text
    [message] = server.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"]) == {"a": "b & c"}
    assert api.http("/lost", "POST", json={}).status_code == 502
    assert api.http("/files/a.txt", "PUT", data="text", headers={"Content-Type": "text/plain"}).status_code == 200
    assert api.http("/files/a.txt").text == "text" and api.http("/files/none").status_code == 502
    assert api.http("/any/behind-rest/a.txt").text == "text"
    assert api.http("/any/_ebb/health").status_code == 504  # Clients do not reach what is only the account's.
    assert api.http("/events", "POST", json={}).json()["FailedEntryCount"] == 0
