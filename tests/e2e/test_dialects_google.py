"""Projects of Google's functions frameworks, and servers that listen on $PORT, deployed as they are."""
import json

import pytest

from conftest import eventually
from dialects import deploy, log  # noqa: F401

NODE = {
    "package.json": '{"name": "g", "main": "index.js", "dependencies": {"@google-cloud/functions-framework": "^3.0.0"}}',
    "index.js": """
        const functions = require('@google-cloud/functions-framework');
        functions.http('hello', (req, res) => {
          if (req.path === '/boom') throw new Error('private detail');
          res.set('x-a', '1').status(201).json({ path: req.path, name: req.query.name ?? null, body: req.body, method: req.method });
        });
        functions.cloudEvent('seen', (event) => console.log('SEEN', event.type, event.subject ?? '', JSON.stringify(event.data)));
        """,
}


def test_functions_of_node(deploy, server):
    get = deploy("google-node", NODE)
    made = get("/hello/a/b?name=G", "POST", json={"k": 1})
    assert made.status_code == 201 and made.headers["x-a"] == "1"
    assert made.json() == {"path": "/a/b", "name": "G", "body": {"k": 1}, "method": "POST"}
    boom = get("/hello/boom")
    assert boom.status_code == 500 and "private detail" not in boom.text
    assert get("/").status_code == 404
    event = {"ce-id": "1", "ce-source": "s", "ce-type": "t.v1", "ce-specversion": "1.0"}
    assert get("/seen", "POST", json={"k": 2}, headers=event).status_code == 204
    eventually(lambda: 'SEEN t.v1  {"k":2}' in log(server, "google-node-seen"))


def test_events_of_the_platform_are_cloud_events(deploy, server):
    deploy("google-events", NODE)
    arn = server.lam.get_function(FunctionName="google-events-seen")["Configuration"]["FunctionArn"]
    s3, sqs = server.client("s3"), server.client("sqs")
    s3.create_bucket(Bucket="google-events")
    configuration = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    server.lam.add_permission(FunctionName="google-events-seen", StatementId="s3", Action="lambda:InvokeFunction",
                              Principal="s3.amazonaws.com")
    s3.put_bucket_notification_configuration(Bucket="google-events", NotificationConfiguration=configuration)
    s3.put_object(Bucket="google-events", Key="a b.txt", Body=b"abc")
    url = sqs.create_queue(QueueName="google-events", Attributes={"VisibilityTimeout": "120"})["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    server.lam.create_event_source_mapping(EventSourceArn=queue, FunctionName="google-events-seen")
    sqs.send_message(QueueUrl=url, MessageBody="hi")
    told = lambda: [line for line in log(server, "google-events-seen").splitlines() if line.startswith("SEEN")]  # noqa: E731
    eventually(lambda: len(told()) >= 2)
    [stored] = [line for line in told() if "storage.object.v1.finalized" in line]
    data = json.loads(stored[stored.index("{"):])
    assert (data["bucket"], data["name"], data["size"]) == ("google-events", "a b.txt", "3")
    [sent] = [line for line in told() if "pubsub.topic.v1.messagePublished" in line]
    assert '"data":"aGk="' in sent


def test_triggers_are_set_up_with_the_deploy(deploy, server):
    triggers = [f"seen={kind}:google-{kind}" for kind in ("bucket", "queue", "topic")]
    deploy("google-triggers", NODE, *[part for trigger in triggers for part in ("--trigger", trigger)])
    server.client("s3").put_object(Bucket="google-bucket", Key="k", Body=b"abc")
    sqs, sns = server.client("sqs"), server.client("sns")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="google-queue")["QueueUrl"], MessageBody="queued")
    topic = next(one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":google-topic"))
    sns.publish(TopicArn=topic, Message="published")
    told = lambda: log(server, "google-triggers-seen")  # noqa: E731
    eventually(lambda: all(part in told() for part in ("finalized objects/k", "cXVldWVk", "cHVibGlzaGVk")))
    server.client("s3").delete_object(Bucket="google-bucket", Key="k")
    assert server.cli("rm", "google-triggers", "--yes").returncode == 0
    assert topic not in [one["TopicArn"] for one in sns.list_topics()["Topics"]]
    assert not sqs.list_queues(QueueNamePrefix="google-queue").get("QueueUrls")
    assert "google-bucket" not in [one["Name"] for one in server.client("s3").list_buckets()["Buckets"]]


def test_functions_of_python(deploy, server):
    get = deploy("google-python", {
        "requirements.txt": "functions-framework==3.*\n",
        "main.py": """
            import functions_framework

            @functions_framework.http
            def hello(request):
                if request.path == "/boom":
                    raise ValueError("private detail")
                return {"name": request.args.get("name"), "path": request.path}, 201

            @functions_framework.cloud_event
            def seen(event):
                print("SEEN", event["type"], event.data, flush=True)
            """,
    })
    made = get("/hello/x?name=G")
    assert made.status_code == 201 and made.json() == {"name": "G", "path": "/x"}
    boom = get("/hello/boom")
    assert boom.status_code == 500 and "private detail" not in boom.text
    event = {"ce-id": "1", "ce-source": "s", "ce-type": "t.v1", "ce-specversion": "1.0"}
    assert get("/seen", "POST", json={"k": 2}, headers=event).status_code == 200
    eventually(lambda: "SEEN t.v1 {'k': 2}" in log(server, "google-python-seen"))


SERVERS = {
    "start-script": {
        "package.json": '{"scripts": {"start": "node server.js"}}',
        "server.js": """
            require('node:http').createServer((req, res) => res.end(`${req.method} ${req.url}`)).listen(process.env.PORT);
            """,
    },
    "procfile": {
        "Procfile": "web: python3 -m gunicorn --bind :$PORT main:app\n",
        "requirements.txt": "gunicorn\n",
        "main.py": """
            def app(environ, start_response):
                start_response('200 OK', [])
                return [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']}".encode()]
            """,
    },
    "flask": {
        "requirements.txt": "flask\ngunicorn\n",
        "main.py": """
            from flask import Flask, request
            app = Flask(__name__)
            @app.get('/<path:path>')
            def any_path(path):
                return f"{request.method} {request.full_path}"
            """,
    },
}


@pytest.mark.parametrize("kind", SERVERS)
def test_servers(deploy, kind):
    get = deploy(f"server-{kind}", SERVERS[kind])
    assert get("/a/b?c=d").text == "GET /a/b?c=d"


def test_packages_are_not_installed_against_the_users_will(deploy, server, tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "package.json").write_text('{"dependencies": {"left-pad": "1.3.0"}}')
    (folder / "index.mjs").write_text("import pad from 'left-pad';\nexport const handler = async () => pad('x', 3);")
    assert server.cli("deploy", folder, "--name", "install-yes", "--yes").returncode == 0
    assert server.invoke("install-yes")[0] == "  x"
    assert server.cli("deploy", folder, "--name", "install-no", "--yes", "--no-install").returncode == 0
    assert server.invoke("install-no")[1]["FunctionError"] == "Unhandled"
    assert not (folder / "node_modules").exists()
    for name in ("install-yes", "install-no"):
        server.cli("rm", name, "--yes")
