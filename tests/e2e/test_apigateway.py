"""API Gateway: HTTP APIs made by boto3's apigatewayv2 and answered at their own hosts."""
import json
import textwrap

import pytest

from conftest import ACCOUNT, REGION

ECHO = "def handler(e, c):\n    return e\n"


def host_of(api):
    return f"{api['ApiId']}.execute-api.{REGION}.localhost"


def function(server, source, api_id=None, source_arn=None):
    """A function that any API, or one that is named, may call; gives its ARN."""
    name = server.create(source)
    server.lam.add_permission(
        FunctionName=name, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com",
        **({"SourceArn": source_arn} if source_arn else {}))
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def add_route(client, api, key, arn, version="2.0", **settings):
    made = client.create_integration(ApiId=api["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=arn,
                                     PayloadFormatVersion=version)
    return client.create_route(ApiId=api["ApiId"], RouteKey=key, Target=f"integrations/{made['IntegrationId']}", **settings)


@pytest.fixture(scope="module")
def client(server):
    return server.client("apigatewayv2")


@pytest.fixture(scope="module")
def echo(server):
    return function(server, ECHO)


def test_a_quick_created_api_answers_everything(server, client, echo):
    api = client.create_api(Name="quick", ProtocolType="HTTP", Target=echo)
    assert api["ApiEndpoint"].endswith(f"://{host_of(api)}:{server.edge.rsplit(':', 1)[1]}")
    event = server.http(host_of(api), "/any/thing?x=1&x=2", "POST", data="hello", headers={"Content-Type": "text/plain"}).json()
    assert event["version"] == "2.0" and event["routeKey"] == "$default" and event["rawPath"] == "/any/thing"
    assert event["queryStringParameters"] == {"x": "1,2"} and event["body"] == "hello"
    context = event["requestContext"]
    assert (context["apiId"], context["stage"], context["accountId"]) == (api["ApiId"], "$default", ACCOUNT)
    assert "pathParameters" not in event and "stageVariables" not in event and "authorizer" not in context
    client.delete_api(ApiId=api["ApiId"])
    assert server.http(host_of(api)).status_code == 404


def test_the_most_specific_route_wins_and_stages_stand_in_the_path(server, client, echo):
    api = client.create_api(Name="routes", ProtocolType="HTTP")
    for key in ["GET /pets/{id}", "GET /pets/dog", "ANY /pets/dog", "ANY /{proxy+}"]:
        add_route(client, api, key, echo)
    client.create_stage(ApiId=api["ApiId"], StageName="dev", AutoDeploy=True, StageVariables={"color": "blue"})
    assert server.http(host_of(api), "/pets/dog").status_code == 404
    for method, path, key, parameters in [
        ("GET", "/pets/dog", "GET /pets/dog", None),
        ("POST", "/pets/dog", "ANY /pets/dog", None),
        ("GET", "/pets/a%2Fb", "GET /pets/{id}", {"id": "a/b"}),
        ("PUT", "/pets/5", "ANY /{proxy+}", {"proxy": "pets/5"}),
    ]:
        event = server.http(host_of(api), "/dev" + path, method).json()
        assert (event["routeKey"], event.get("pathParameters")) == (key, parameters)
        assert event["stageVariables"] == {"color": "blue"} and event["requestContext"]["stage"] == "dev"
        assert event["requestContext"]["http"]["method"] == method
    missing = server.http(host_of(api), "/prod/x")
    assert (missing.status_code, missing.json()) == (404, {"message": "Not Found"})


def test_payload_format_1_has_single_and_multi_maps(server, client, echo):
    api = client.create_api(Name="one", ProtocolType="HTTP")
    source = "import json\ndef handler(e, c):\n    return {'statusCode': 201, 'body': json.dumps(e), " \
             "'headers': {'x-a': 'single', 'x-b': 'kept'}, 'multiValueHeaders': {'X-A': ['1', '2']}}\n"
    add_route(client, api, "POST /items/{id}", function(server, source), "1.0")
    client.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    answer = server.http(host_of(api), "/items/7?a=1&a=2", "POST", data=b"\x00\xff", headers={"Content-Type": "image/png"})
    event = answer.json()
    assert answer.status_code == 201 and answer.raw.headers.getlist("x-a") == ["1", "2"] and answer.headers["x-b"] == "kept"
    assert event["version"] == "1.0" and event["resource"] == "/items/{id}" and event["path"] == "/items/7"
    assert event["queryStringParameters"] == {"a": "2"} and event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    assert event["pathParameters"] == {"id": "7"} and event["stageVariables"] is None
    assert event["body"] == "AP8=" and event["isBase64Encoded"] is True
    assert event["headers"]["Content-Type"] == "image/png" and event["requestContext"]["identity"]["sourceIp"]


def test_only_what_the_policy_of_the_function_allows_is_called(server, client):
    api = client.create_api(Name="policy", ProtocolType="HTTP")
    prefix = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api['ApiId']}"
    arn = function(server, ECHO, source_arn=f"{prefix}/*/GET/open/*")
    for key in ["GET /open/{x}", "GET /closed/{x}"]:
        add_route(client, api, key, arn)
    client.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    assert server.http(host_of(api), "/open/1").status_code == 200
    refused = server.http(host_of(api), "/closed/1")
    assert (refused.status_code, refused.json()) == (500, {"message": "Internal Server Error"})
    assert f"{prefix}/$default/GET/closed/{{x}}".split(":")[-1] in (server.folder / "server.log").read_text()


def test_cors_only_where_it_is_configured(server, client):
    source = "def handler(e, c):\n    return {'statusCode': 200, 'body': 'x', 'headers': {'access-control-allow-origin': 'own'}}\n"
    arn = function(server, source)
    preflight = {"Origin": "http://a.example", "Access-Control-Request-Method": "GET"}
    api = client.create_api(Name="plain", ProtocolType="HTTP", Target=arn)
    assert server.http(host_of(api), "/", "OPTIONS", headers=preflight).headers["access-control-allow-origin"] == "own"
    cors = {"AllowOrigins": ["http://a.example"], "AllowMethods": ["GET"]}
    api = client.create_api(Name="cors", ProtocolType="HTTP", Target=arn, CorsConfiguration=cors)
    answer = server.http(host_of(api), "/", "OPTIONS", headers=preflight)
    assert answer.status_code == 204 and answer.headers["access-control-allow-origin"] == "http://a.example"
    answer = server.http(host_of(api), "/", headers={"Origin": "http://b.example"})
    assert answer.text == "x" and "access-control-allow-origin" not in answer.headers


def test_a_failing_function_says_nothing_to_the_public(server, client):
    api = client.create_api(Name="bad", ProtocolType="HTTP",
                            Target=function(server, "def handler(e, c):\n    raise ValueError('secret')\n"))
    answer = server.http(host_of(api))
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


def test_deployments_stand_still_and_parts_are_edited_one_by_one(server, client, echo):
    api = client.create_api(Name="edit", ProtocolType="HTTP", Tags={"a": "1"})
    route = add_route(client, api, "GET /a", echo)
    made = client.create_deployment(ApiId=api["ApiId"])
    client.create_stage(ApiId=api["ApiId"], StageName="$default", DeploymentId=made["DeploymentId"])
    client.update_route(ApiId=api["ApiId"], RouteId=route["RouteId"], RouteKey="GET /b")
    assert client.get_route(ApiId=api["ApiId"], RouteId=route["RouteId"])["RouteKey"] == "GET /b"
    assert server.http(host_of(api), "/a").status_code == 200 and server.http(host_of(api), "/b").status_code == 404
    client.create_deployment(ApiId=api["ApiId"], StageName="$default")
    assert server.http(host_of(api), "/b").status_code == 200
    with pytest.raises(client.exceptions.ConflictException):
        client.create_route(ApiId=api["ApiId"], RouteKey="GET /b")
    with pytest.raises(client.exceptions.NotFoundException):
        client.get_api(ApiId="nosuchapi0")
    with pytest.raises(client.exceptions.BadRequestException):
        client.create_route(ApiId=api["ApiId"], RouteKey="FETCH /b")
    arn = f"arn:aws:apigateway:{REGION}::/apis/{api['ApiId']}"
    client.tag_resource(ResourceArn=arn, Tags={"b": "2"})
    client.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert client.get_tags(ResourceArn=arn)["Tags"] == {"b": "2"}
    assert client.update_api(ApiId=api["ApiId"], Name="edited")["Name"] == "edited"
    assert [one["RouteKey"] for one in client.get_routes(ApiId=api["ApiId"])["Items"]] == ["GET /b"]


def test_an_api_is_exported_and_imported_again_also_from_yaml(server, client, echo):
    document = """
        openapi: 3.0.1
        info: {title: from-yaml, version: '3'}
        paths:
          /items/{id}:
            get:
              x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, payloadFormatVersion: '2.0', uri: ARN}
        """.replace("ARN", echo)
    made = client.import_api(Body=textwrap.dedent(document))
    client.create_stage(ApiId=made["ApiId"], StageName="$default", AutoDeploy=True)
    host = f"{made['ApiId']}.execute-api.us-east-1.localhost"
    assert made["Name"] == "from-yaml" and server.http(host, "/items/7").json()["routeKey"] == "GET /items/{id}"
    written = client.export_api(ApiId=made["ApiId"], OutputType="JSON", Specification="OAS30", StageName="$default")["body"].read()
    again = client.import_api(Body=written.decode())
    routes = [client.get_routes(ApiId=one["ApiId"])["Items"] for one in (made, again)]
    assert [[route["RouteKey"] for route in of] for of in routes] == [["GET /items/{id}"]] * 2
    for one in (made, again):
        client.delete_api(ApiId=one["ApiId"])


def test_answers_of_routes_and_integrations_are_kept(client):
    api = client.create_api(Name="sockets", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
    integration = client.create_integration(ApiId=api, IntegrationType="MOCK")["IntegrationId"]
    route = client.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{integration}")["RouteId"]
    made = client.create_route_response(ApiId=api, RouteId=route, RouteResponseKey="$default")
    assert made["RouteResponseKey"] == "$default"
    where = dict(ApiId=api, RouteId=route, RouteResponseId=made["RouteResponseId"])
    assert client.update_route_response(**where, ModelSelectionExpression="x")["ModelSelectionExpression"] == "x"
    assert [one["RouteResponseId"] for one in client.get_route_responses(ApiId=api, RouteId=route)["Items"]] == [made["RouteResponseId"]]
    of = client.create_integration_response(ApiId=api, IntegrationId=integration, IntegrationResponseKey="/200/")
    where = dict(ApiId=api, IntegrationId=integration, IntegrationResponseId=of["IntegrationResponseId"])
    assert client.get_integration_response(**where)["IntegrationResponseKey"] == "/200/"
    client.delete_integration_response(**where)
    assert client.get_integration_responses(ApiId=api, IntegrationId=integration)["Items"] == []
    with pytest.raises(client.exceptions.NotFoundException):
        client.create_route_response(ApiId=api, RouteId="none", RouteResponseKey="$default")
    client.delete_api(ApiId=api)


def test_parts_of_stages_and_routes_are_taken_away(server, client, echo):
    api = client.create_api(Name="parts", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.verb")["ApiId"]
    route = client.create_route(ApiId=api, RouteKey="$connect",
                                RequestParameters={"route.request.querystring.key": {"Required": True}})["RouteId"]
    client.delete_route_request_parameter(ApiId=api, RouteId=route, RequestParameterKey="route.request.querystring.key")
    assert not client.get_route(ApiId=api, RouteId=route).get("RequestParameters")
    client.create_stage(ApiId=api, StageName="dev", RouteSettings={"$connect": {"ThrottlingRateLimit": 5.0}},
                        AccessLogSettings={"DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:x", "Format": "$context.requestId"})
    client.delete_route_settings(ApiId=api, StageName="dev", RouteKey="$connect")
    client.delete_access_log_settings(ApiId=api, StageName="dev")
    client.reset_authorizers_cache(ApiId=api, StageName="dev")
    stage = client.get_stage(ApiId=api, StageName="dev")
    assert not stage.get("RouteSettings") and "AccessLogSettings" not in stage
    with pytest.raises(client.exceptions.NotFoundException):
        client.delete_route_settings(ApiId=api, StageName="dev", RouteKey="$connect")
    client.delete_api(ApiId=api)
