"""APIs of serverless templates and of the Serverless Framework: who may call them, what they check, and what is left behind."""
import json
import textwrap

import pytest
import websocket

from conftest import eventually


@pytest.fixture
def stack(server, tmp_path):
    """stack(name, {path: text}) deploys a folder; gives a function that requests its host."""
    names = []

    def make(name, files, *args):
        for path, text in files.items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(textwrap.dedent(text).lstrip("\n"))
        done = server.cli("deploy", tmp_path / name, "--name", name, "--yes", *args)
        assert done.returncode == 0, done.stdout + done.stderr
        names.append(name)

        def request(path="/", method="GET", **options):
            return server.http(f"{name}.localhost", path, method, **options)
        request.output = done.stdout + done.stderr
        return request

    yield make
    for name in names:
        server.cli("rm", name, "--yes")


SAM = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      Rest:
        Type: AWS::Serverless::Api
        Properties:
          StageName: v1
          Models:
            Item: {type: object, required: [name], properties: {name: {type: string}}}
          GatewayResponses:
            DEFAULT_4XX: {ResponseParameters: {Headers: {Access-Control-Allow-Origin: "'*'"}}}
      Deps:
        Type: AWS::Serverless::LayerVersion
        Properties: {LayerName: sam-checks-deps, ContentUri: layer/, CompatibleRuntimes: [python3.11]}
      Table: {Type: AWS::Serverless::SimpleTable}
      Thing: {Type: AWS::AppSync::ApiCache, Properties: {ServiceToken: x}}
      F:
        Type: AWS::Serverless::Function
        Properties:
          Runtime: python3.11
          Handler: index.h
          Layers: [!Ref Deps]
          Environment: {Variables: {THING: !GetAtt Thing.Name}}
          InlineCode: |
            def h(event, context):
                return {'statusCode': 200, 'body': event.get('resource') or event['routeKey']}
          Events:
            Make: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /m, Method: post, RequestModel: {Model: Item, Required: true, ValidateBody: true}}}
            Rest: {Type: HttpApi}
    Outputs:
      Fixed: {Value: shown}
    """


def test_what_a_serverless_template_says_of_its_apis(server, stack):
    get = stack("sam-checks", {"template.yaml": SAM, "layer/python/dep.py": "x = 1"}, "--skip-unsupported")
    refused = get("/m", "POST", json={"x": 1})
    assert refused.status_code == 400 and refused.headers["access-control-allow-origin"] == "*"
    assert get("/m", "POST", json={"name": "a"}).text == "/m"
    assert get("/anything", "PUT").text == "$default", "the route for all else may call the function"
    assert "Fixed = shown" in get.output and "http://sam-checks.localhost" in get.output
    assert "left out Thing: ebb has no resources of type AWS::AppSync::ApiCache yet" in get.output
    layers = lambda: [layer["LayerName"] for layer in server.client("lambda").list_layers()["Layers"]]
    assert "sam-checks-deps" in layers()
    assert server.cli("rm", "sam-checks", "--yes").returncode == 0
    assert "sam-checks-deps" not in layers()


SERVERLESS = """
    service: access
    provider:
      name: aws
      runtime: python3.11
      stage: test
      websocketsApiRouteSelectionExpression: $request.body.verb
      httpApi:
        authorizers:
          byHeader: {type: request, functionName: simple, enableSimpleResponses: true}
    functions:
      simple: {handler: app.simple}
      connects: {handler: app.connects}
      token: {handler: app.token}
      api:
        handler: app.api
        events:
          - httpApi: {path: /open, method: get}
          - httpApi: {path: /closed, method: get, authorizer: {name: byHeader}}
          - http: {path: old, method: get, authorizer: token}
          - http: {path: key, method: get, private: true}
          - http:
              path: checked
              method: post
              request:
                schemas: {application/json: '${file(schema.json)}'}
          - http: {path: asks, method: get, request: {parameters: {querystrings: {q: true}}}}
          - http:
              path: shared
              method: post
              cors: {origins: [https://a.example, https://b.example], headers: [X-H], allowCredentials: true, maxAge: 60}
          - sns: access-topic
      chat:
        handler: app.chat
        events:
          - websocket: {route: $connect, authorizer: {name: connects, identitySource: [route.request.querystring.key]}}
          - websocket: {route: $default, routeResponseSelectionExpression: $default}
          - websocket: join
    """

CODE = """
    import json
    def simple(event, context):
        return {'isAuthorized': event['headers'].get('authorization') == 'ok', 'context': {'who': 'me'}}
    def token(event, context):
        effect = 'Allow' if event['authorizationToken'] == 'ok' else 'Deny'
        return {'principalId': 'u', 'policyDocument': {'Version': '2012-10-17', 'Statement': [
            {'Action': 'execute-api:Invoke', 'Effect': effect, 'Resource': event['methodArn']}]}}
    def api(event, context):
        return {'statusCode': 200, 'body': json.dumps(event['requestContext'].get('authorizer'))}
    def connects(event, context):
        effect = 'Allow' if event['queryStringParameters']['key'] == 'ok' else 'Deny'
        return {'principalId': 'u', 'policyDocument': {'Version': '2012-10-17', 'Statement': [
            {'Action': 'execute-api:Invoke', 'Effect': effect, 'Resource': event['methodArn']}]}}
    def chat(event, context):
        about = event['requestContext']
        return {'statusCode': 200, 'body': about['routeKey'] + ' ' + about['stage']}
    """


def test_what_a_service_says_of_its_routes(server, stack):
    get = stack("access", {"serverless.yml": SERVERLESS, "app.py": CODE,
                           "schema.json": '{"type": "object", "required": ["name"]}'})
    ok, bad = {"Authorization": "ok"}, {"Authorization": "bad"}
    assert get("/open").status_code == 200
    assert [get("/closed", headers=headers).status_code for headers in (ok, bad, {})] == [200, 403, 401]
    assert get("/closed", headers=ok).json()["lambda"] == {"who": "me"}
    assert [get("/old", headers=headers).status_code for headers in (ok, bad, {})] == [200, 403, 401]
    assert get("/key").status_code == 403
    assert get("/checked", "POST", json={}).status_code == 400 and get("/checked", "POST", json={"name": 1}).status_code == 200
    assert get("/asks").status_code == 400 and get("/asks?q=1").status_code == 200
    for origin, named in (("https://b.example", "https://b.example"), ("https://no.example", "https://a.example")):
        asked = get("/shared", "OPTIONS", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
        said = {name.lower()[21:]: value for name, value in asked.headers.items() if name.lower().startswith("access-control-allow-")}
        assert said == {"origin": named, "credentials": "true", "headers": "X-H", "methods": "POST,OPTIONS"}
        assert asked.headers["access-control-max-age"] == "60"
    assert get("/asks", "OPTIONS").status_code in (403, 404), "a path without cors has no preflight"
    assert any(topic["TopicArn"].endswith(":access-topic") for topic in server.client("sns").list_topics()["Topics"])
    [api] = [api for api in server.client("apigatewayv2").get_apis()["Items"] if api["ProtocolType"] == "WEBSOCKET"]

    def connect(host, path):
        port = server.edge.rsplit(":", 1)[1]
        return websocket.create_connection(f"ws://127.0.0.1:{port}{path}", timeout=20, host=host)
    for host, path in ((f"{api['ApiId']}.execute-api.us-east-1.localhost", "/test"), ("access.localhost", "/"),
                       ("access.localhost", "/test")):
        socket = connect(host, path + "?key=ok")
        socket.send(json.dumps({"verb": "join"}))
        socket.send(json.dumps({"verb": "other"}))
        # The route `join` answers nothing.
        assert socket.recv() == "$default test"
        socket.close()
        for query, status in (("?key=no", 403), ("", 401)):
            with pytest.raises(websocket.WebSocketBadStatusException) as refused:
                connect(host, path + query)
            assert refused.value.status_code == status


def test_nested_stacks_are_part_of_the_app(server, stack):
    nested = {
        "template.yaml": """
            Transform: AWS::Serverless-2016-10-31
            Resources:
              Queues: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: nested/queues.yaml, Parameters: {Prefix: nested-q}}}
              Api:
                Type: AWS::Serverless::Application
                Properties: {Location: nested/api/template.yaml, Parameters: {Queue: !GetAtt Queues.Outputs.Name}}
            Outputs:
              Queue: {Value: !GetAtt Queues.Outputs.Name}
            """,
        "nested/queues.yaml": """
            Parameters: {Prefix: {Type: String}}
            Resources:
              Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub '${Prefix}-jobs'}}
            Outputs:
              Name: {Value: !GetAtt Jobs.QueueName}
            """,
        "nested/api/template.yaml": """
            Transform: AWS::Serverless-2016-10-31
            Parameters: {Queue: {Type: String}}
            Globals: {Function: {Runtime: python3.11}}
            Resources:
              Hello:
                Type: AWS::Serverless::Function
                Properties:
                  CodeUri: src/
                  Handler: app.handler
                  Environment: {Variables: {QUEUE: !Ref Queue}}
                  Events: {Get: {Type: HttpApi, Properties: {Path: /hello, Method: get}}}
            """,
        "nested/api/src/app.py": "import os\ndef handler(event, context):\n    return {'queue': os.environ['QUEUE']}\n",
    }
    get = stack("nested-stacks", nested)
    assert get("/hello").json() == {"queue": "nested-q-jobs"} and "Queue = nested-q-jobs" in get.output
    assert server.cli("rm", "nested-stacks", "--yes").returncode == 0
    assert not server.client("sqs").list_queues(QueueNamePrefix="nested-q").get("QueueUrls")


def test_a_service_that_is_a_program(server, stack):
    """With handlers in TypeScript, variables of the parameter store, a layer, parameters and files of JavaScript."""
    server.client("ssm").put_parameter(Name="/e2e/service", Value="stored", Type="String", Overwrite=True)
    get = stack("program", {
        "serverless.ts": """
            import type { AWS } from '@serverless/typescript';
            import hello from './src/hello';
            const service: AWS = {
              service: 'program',
              frameworkVersion: '3',
              plugins: ['serverless-esbuild'],
              params: { default: { who: 'all' }, dev: { who: 'developers' } },
              custom: { esbuild: { bundle: true, minify: false, exclude: ['aws-sdk'] } },
              layers: { data: { path: 'layer' } },
              provider: { name: 'aws', runtime: 'nodejs20.x', environment: {
                WHO: '${param:who}', STORED: '${ssm:/e2e/service}', SCRIPT: '${file(./values.js):deep.value}' } },
              functions: { hello },
            };
            module.exports = service;
            """,
        "values.js": "module.exports = async ({ options }) => ({ deep: { value: 'of ' + options.stage } });",
        "layer/note.txt": "layered",
        "src/hello/index.ts": """
            const folder = __dirname.split(process.cwd())[1].substring(1);
            export default { handler: `${folder}/handler.main`, layers: [{ Ref: 'DataLambdaLayer' }], events: [{ httpApi: 'GET /hello' }] };
            """,
        "src/hello/handler.ts": """
            import { readFileSync } from 'node:fs';
            import { shape } from '../shape';
            export const main = async () => shape([process.env.WHO, process.env.STORED, process.env.SCRIPT, readFileSync('/opt/note.txt', 'utf8')]);
            """,
        "src/shape.ts": "export const shape = (value: string[]) => ({ statusCode: 200, body: JSON.stringify(value) });",
    })
    assert get("/hello").json() == ["developers", "stored", "of dev", "layered"]


def test_parts_of_templates_and_connectors(server, stack):
    get = stack("parts", {
        "variables.yaml": "SECOND: '2'\n",
        "template.yaml": """
            Transform: AWS::Serverless-2016-10-31
            Resources:
              Topic: {Type: AWS::SNS::Topic}
              Subscription: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref Topic, Protocol: lambda, Endpoint: !GetAtt F.Arn}}
              F:
                Type: AWS::Serverless::Function
                Properties:
                  Runtime: python3.11
                  Handler: index.h
                  InlineCode: |
                    import os
                    def h(event, context):
                        print('TOLD' if 'Records' in event else 'ASKED')
                        return os.environ['FIRST'] + os.environ['SECOND']
                  Environment:
                    Variables:
                      FIRST: '1'
                      Fn::Transform: {Name: AWS::Include, Parameters: {Location: variables.yaml}}
                  Events: {Get: {Type: HttpApi, Properties: {Path: /v, Method: get}}}
              Tells:
                Type: AWS::Serverless::Connector
                Properties: {Source: {Id: Topic}, Destination: {Id: F}, Permissions: [Write]}
            """,
    })
    assert get("/v").json() == "12"
    topics = server.client("sns").get_paginator("list_topics").paginate().search("Topics[].TopicArn")
    [topic] = [arn for arn in topics if ":parts-" in arn]
    server.client("sns").publish(TopicArn=topic, Message="m")
    functions = server.lam.get_paginator("list_functions").paginate().search("Functions[].FunctionName")
    [name] = [function for function in functions if function.startswith("parts-")]
    eventually(lambda: any("TOLD" in line for line in server.log_of(name)))


def test_a_service_reads_outputs_of_stacks_and_objects(server, stack):
    server.client("s3").create_bucket(Bucket="settings-of-services")
    server.client("s3").put_object(Bucket="settings-of-services", Key="a/word.txt", Body='"w"')
    server.client("cloudformation").create_stack(StackName="base-dev", TemplateBody=json.dumps({
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"Url": {"Value": {"Ref": "Queue"}}}}))
    server.client("cloudformation").get_waiter("stack_create_complete").wait(StackName="base-dev", WaiterConfig={"Delay": 1})
    service = """
        service: reads
        provider:
          name: aws
          runtime: python3.11
          environment:
            QUEUE: ${cf:base-${sls:stage}.Url}
            WORD: ${s3:settings-of-services/a/word.txt}
            REGION: ${cf(eu-west-1):nothing.there, 'none'}
        functions:
          show:
            handler: app.show
            events: [{httpApi: 'GET /'}]
        """
    code = "import json, os\ndef show(e, c):\n    return {'said': [os.environ[n] for n in ('QUEUE', 'WORD', 'REGION')]}\n"
    get = stack("reads", {"serverless.yml": service, "app.py": code})
    queue, word, region = get("/").json()["said"]
    assert queue.endswith("base-dev-Queue") or "/base-dev-Queue" in queue
    assert (word, region) == ('"w"', "none")
