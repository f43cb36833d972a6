"""Apps of Azure Functions, deployed as they are."""

import pytest

from conftest import eventually
from dialects import deploy, log as log_of  # noqa: F401

NODE = {
    "host.json": '{"version": "2.0"}',
    "local.settings.json": '{"IsEncrypted": false, "Values": {"FUNCTIONS_WORKER_RUNTIME": "node", "GREETING": "hi", "EVERY": "*/1 * * * * *"}}',
    "package.json": '{"name": "a", "main": "src/{index,functions/*}.js", "dependencies": {"@azure/functions": "^4.0.0"}}',
    "src/index.js": """
        const { app } = require('@azure/functions');
        app.hook.preInvocation((context) => { context.hookData.begun = true; });
        app.hook.postInvocation((context) => console.log('AFTER', context.invocationContext.functionName, context.hookData.begun));
        """,
    "src/functions/http.js": """
        const { app, input, output } = require('@azure/functions');
        const queue = output.storageQueue({ queueName: 'azure-node-made', connection: 'AzureWebJobsStorage' });
        const blob = output.storageBlob({ path: 'azure-node-blobs/{name}.txt', connection: 'AzureWebJobsStorage' });
        app.http('greet', { methods: ['GET', 'POST'], route: 'greet/{name?}', handler: async (request, context) => {
          context.log('LOGGED', request.url); context.warn('WARNED'); context.debug('DEBUGGED');
          return { jsonBody: { hello: request.params.name || request.query.get('name') || await request.text(), greeting: process.env.GREETING } };
        } });
        app.http('number', { methods: ['GET'], route: 'items/{id:int}', handler: (request) => ({ body: `number ${request.params.id}` }) });
        app.http('name', { methods: ['GET'], route: 'items/{id}', handler: (request) => ({ body: `name ${request.params.id}` }) });
        app.http('files', { methods: ['GET'], route: 'files/{*path}', handler: (request) => ({ body: request.params.path }) });
        app.http('kinds', { route: 'kinds/{kind}', handler: async (request) => {
          const { kind } = request.params;
          if (kind === 'boom') throw new Error('private detail');
          if (kind === 'image') return { body: Buffer.from([0, 255, 128]), headers: { 'content-type': 'image/png' } };
          if (kind === 'nothing') return undefined;
          return { status: 201, body: 'plain', cookies: [{ name: 'a', value: '1' }, { name: 'b', value: '2' }] };
        } });
        const kept = input.storageBlob({ path: 'azure-node-blobs/{name}.txt', connection: 'AzureWebJobsStorage' });
        app.http('read', { route: 'read/{name}', extraInputs: [kept], handler: (request, context) => ({ body: context.extraInputs.get(kept) ?? 'nothing' }) });
        app.http('locked', { authLevel: 'function', handler: () => ({ body: 'inside' }) });
        app.post('send', { route: 'send/{name}', extraOutputs: [queue, blob], handler: async (request, context) => {
          const text = await request.text();
          context.extraOutputs.set(queue, [{ text }, 'second']);
          context.extraOutputs.set(blob, text);
          return { status: 202 };
        } });
        """,
    "src/functions/events.js": """
        const { app, input } = require('@azure/functions');
        app.timer('tick', { schedule: '%EVERY%', handler: (timer, context) => context.log('TICK', timer.isPastDue) });
        app.storageQueue('work', { queueName: 'azure-node-made', connection: 'AzureWebJobsStorage', handler: (message, context) => {
          context.log('QUEUED', JSON.stringify(message), context.triggerMetadata.dequeueCount);
        } });
        app.storageQueue('fails', { queueName: 'azure-node-fails', connection: 'AzureWebJobsStorage', handler: () => { throw new Error('never'); } });
        app.serviceBusQueue('bus', { queueName: 'azure-node-bus', connection: 'c', handler: (message, context) => context.log('BUS', message) });
        app.storageBlob('stored', { path: 'azure-node-blobs/{name}.txt', connection: 'AzureWebJobsStorage', handler: (blob, context) => {
          context.log('STORED', context.triggerMetadata.name, blob.toString());
        } });
        app.eventGrid('grid', { handler: (event, context) => context.log('GRID', event.eventType, JSON.stringify(event.data)) });
        """,
}


def test_requests_to_an_app_of_node(deploy, server):
    get = deploy("azure-node", NODE)
    assert get("/api/greet/ada").json() == {"hello": "ada", "greeting": "hi"}
    assert get("/api/greet?name=bo").json()["hello"] == "bo"
    assert get("/api/Greet", "POST", data="cy").json()["hello"] == "cy"
    assert get("/api/greet", "PUT").status_code == 404
    assert (get("/api/items/5").text, get("/api/items/x").text) == ("number 5", "name x")
    assert get("/api/files/a/b%20c").text == "a/b c"
    made = get("/api/kinds/plain")
    assert made.status_code == 201 and made.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]
    assert get("/api/kinds/image").content == bytes([0, 255, 128])
    assert get("/api/kinds/nothing").status_code == 204
    boom = get("/api/kinds/boom")
    assert boom.status_code == 500 and "private detail" not in boom.text
    log = lambda: log_of(server, "azure-node")  # noqa: E731
    eventually(lambda: "LOGGED http://azure-node.localhost" in log() and "WARNED" in log() and "AFTER greet true" in log())
    assert "DEBUGGED" not in log()
    assert get("/api/locked").status_code == 401
    key = next(line.split()[-1] for line in get.output.splitlines() if "EBB_FUNCTION_KEY" in line)
    assert get(f"/api/locked?code={key}").text == "inside"
    assert get("/api/locked", headers={"x-functions-key": key}).text == "inside"
    assert get("/api/locked?code=wrong").status_code == 401


def test_events_of_an_app_of_node(deploy, server):
    get = deploy("azure-events", {**NODE, "host.json": '{"version": "2.0", "extensions": {"http": {"routePrefix": ""}, "queues": {"maxDequeueCount": 1}}}'})
    log = lambda: log_of(server, "azure-events")  # noqa: E731
    eventually(lambda: "TICK false" in log())
    assert get("/send/note", "POST", data="text").status_code == 202
    eventually(lambda: 'QUEUED {"text":"text"} 1' in log() and 'QUEUED "second" 1' in log())
    eventually(lambda: "STORED note text" in log())
    assert server.client("s3").get_object(Bucket="azure-node-blobs", Key="note.txt")["Body"].read() == b"text"
    assert (get("/read/note").text, get("/read/other").text) == ("text", "nothing")
    sqs = server.client("sqs")
    url = lambda name: sqs.get_queue_url(QueueName=name)["QueueUrl"]  # noqa: E731
    sqs.send_message(QueueUrl=url("azure-node-bus"), MessageBody='{"k": 1}')
    eventually(lambda: "BUS { k: 1 }" in log())
    sqs.send_message(QueueUrl=url("azure-node-fails"), MessageBody="poison")
    server.client("events").put_events(Entries=[{"Source": "shop", "DetailType": "Made", "Detail": '{"n": 1}'}])
    eventually(lambda: 'GRID Made {"n":1}' in log())
    queues = lambda: [one.rsplit("/", 1)[-1] for one in sqs.list_queues(QueueNamePrefix="azure-node").get("QueueUrls", [])]  # noqa: E731
    assert "azure-node-fails-poison" in queues()
    assert server.cli("rm", "azure-events", "--yes").returncode == 0
    assert queues() == []


PYTHON = {
    "host.json": '{"version": "2.0"}',
    "requirements.txt": "azure-functions\n",
    "more.py": """
        import azure.functions as func

        blueprint = func.Blueprint()

        @blueprint.route(route="numbers/{id:int}", methods=["GET"])
        async def numbers(req: func.HttpRequest) -> func.HttpResponse:
            return func.HttpResponse(f"number {req.route_params['id']}", headers={"x-a": "1"})
        """,
    "function_app.py": """
        import json
        import logging

        import azure.functions as func
        from more import blueprint

        app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
        app.register_functions(blueprint)

        @app.route(route="greet/{name?}")
        def greet(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
            logging.info("LOGGED %s", context.function_name)
            if req.params.get("boom"):
                raise ValueError("private detail")
            return func.HttpResponse(json.dumps({"hello": req.route_params.get("name"), "body": req.get_body().decode()}),
                                     mimetype="application/json", status_code=201)

        @app.route(route="send", methods=["POST"])
        @app.queue_output(arg_name="out", queue_name="azure-python-made", connection="AzureWebJobsStorage")
        def send(req: func.HttpRequest, out: func.Out[str]) -> str:
            out.set(req.get_body().decode())
            return "sent"

        @app.queue_trigger(arg_name="message", queue_name="azure-python-made", connection="AzureWebJobsStorage")
        @app.blob_output(arg_name="out", path="azure-python-blobs/{id}.txt", connection="AzureWebJobsStorage")
        def work(message: func.QueueMessage, out: func.Out[str]):
            logging.info("QUEUED %s %s", message.get_body().decode(), message.dequeue_count)
            out.set("kept")

        @app.blob_trigger(arg_name="blob", path="azure-python-blobs/{name}.txt", connection="AzureWebJobsStorage")
        def stored(blob: func.InputStream):
            logging.info("STORED %s %s", blob.name, blob.read().decode())

        @app.timer_trigger(schedule="*/1 * * * * *", arg_name="timer", run_on_startup=False)
        def tick(timer: func.TimerRequest) -> None:
            logging.info("TICK %s", timer.past_due)
        """,
}


def test_an_app_of_python(deploy, server):
    get = deploy("azure-python", PYTHON)
    made = get("/api/greet/ada", "POST", data="text")
    assert made.status_code == 201 and made.json() == {"hello": "ada", "body": "text"}
    numbers = get("/api/numbers/5")
    assert numbers.text == "number 5" and numbers.headers["x-a"] == "1"
    assert get("/api/numbers/x").status_code == 404
    boom = get("/api/greet?boom=1")
    assert boom.status_code == 500 and "private detail" not in boom.text
    assert get("/api/send", "POST", data='{"k": 1}').text == "sent"
    log = lambda: log_of(server, "azure-python")  # noqa: E731
    eventually(lambda: "LOGGED greet" in log() and 'QUEUED {"k": 1} 1' in log() and "TICK False" in log())
    eventually(lambda: "STORED azure-python-blobs/" in log() and " kept" in log())


def test_asgi_and_wsgi_apps_of_python(deploy):
    get = deploy("azure-asgi", {
        "host.json": '{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}',
        "requirements.txt": "azure-functions\nstarlette<1\n",
        "function_app.py": """
            import azure.functions as func
            from starlette.applications import Starlette
            from starlette.responses import PlainTextResponse
            from starlette.routing import Route

            async def any_path(request):
                return PlainTextResponse(f"at {request.url.path} {request.query_params.get('q')}")

            app = func.AsgiFunctionApp(app=Starlette(routes=[Route("/{path:path}", any_path)]), http_auth_level=func.AuthLevel.ANONYMOUS)
            """,
    })
    assert get("/a/b?q=1").text == "at /a/b 1"


def test_answers_are_streamed_where_the_app_wants_it(deploy):
    get = deploy("azure-stream", {
        "host.json": "{}",
        "package.json": '{"main": "app.mjs", "dependencies": {"@azure/functions": "^4.0.0"}}',
        "app.mjs": """
            import { app } from '@azure/functions';
            import { Readable } from 'node:stream';
            app.setup({ enableHttpStream: true });
            app.http('stream', { methods: ['POST'], handler: async (request) => ({ body: Readable.from(['a', 'b', await request.text()]), headers: { 'x-a': '1' } }) });
            app.http('boom', { handler: () => { throw new Error('private detail'); } });
            app.http('nothing', { handler: () => {} });
            """,
    })
    assert get("/api/nothing").status_code == 204
    made = get("/api/stream", "POST", data="c")
    assert made.text == "abc" and made.headers["x-a"] == "1"
    assert get("/api/boom").status_code == 500


@pytest.mark.parametrize("source, said", [
    ("app.http('a', { extraOutputs: [output.cosmosDB({ databaseName: 'd', containerName: 'c', connection: 'x' })], handler: () => ({}) });",
     "no output binding of the type cosmosdb"),
    ("throw new Error('no start');", "no start"),
])
def test_apps_that_cannot_be_are_refused_with_the_reason(server, tmp_path, source, said):
    (tmp_path / "host.json").write_text("{}")
    (tmp_path / "package.json").write_text('{"main": "app.js", "dependencies": {"@azure/functions": "^4.0.0"}}')
    (tmp_path / "app.js").write_text(f"const {{ app, output }} = require('@azure/functions');\n{source}\n")
    done = server.cli("deploy", tmp_path, "--name", "azure-refused", "--yes")
    assert done.returncode == 1 and said in done.stderr


def test_an_app_in_typescript_is_built_with_its_development_dependencies(deploy):
    get = deploy("azure-ts", {
        "host.json": '{"version": "2.0"}',
        "package.json": """
            {"scripts": {"build": "tsc"}, "main": "dist/src/functions/*.js",
             "dependencies": {"@azure/functions": "^4.0.0"}, "devDependencies": {"typescript": "^5.0.0", "@types/node": "20.x"}}
            """,
        "tsconfig.json": '{"compilerOptions": {"module": "commonjs", "target": "es2020", "outDir": "dist", "rootDir": ".", "skipLibCheck": true}}',
        "src/functions/hello.ts": """
            import { app, HttpRequest, HttpResponseInit } from '@azure/functions';
            app.http('hello', { authLevel: 'anonymous', handler: async (request: HttpRequest): Promise<HttpResponseInit> => ({ jsonBody: { name: request.query.get('name') } }) });
            """,
    })
    assert get("/api/hello?name=ada").json() == {"name": "ada"}
    assert not (get.folder / "node_modules").exists(), "what is installed stays out of the project"


NODE_INPUTS = """
    const { app, input, output } = require('@azure/functions');
    const read = input.storageBlob({ path: 'asked-blobs/{query.name}', connection: 'AzureWebJobsStorage' });
    const write = output.storageBlob({ path: 'asked-blobs/{headers.x-name}', connection: 'AzureWebJobsStorage' });
    app.http('read', { authLevel: 'anonymous', extraInputs: [read], handler: async (r, c) => ({ body: c.extraInputs.get(read) }) });
    app.http('write', { methods: ['POST'], authLevel: 'anonymous', extraOutputs: [write],
      handler: async (r, c) => { c.extraOutputs.set(write, await r.text()); return { status: 201 }; } });
    """
PYTHON_INPUTS = """
    import azure.functions as func
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    @app.route(route='read')
    @app.blob_input(arg_name='blob', path='asked-blobs/{query.name}', connection='AzureWebJobsStorage')
    def read(req: func.HttpRequest, blob: func.InputStream) -> func.HttpResponse:
        return func.HttpResponse(blob.read())
    @app.route(route='write', methods=['POST'])
    @app.blob_output(arg_name='blob', path='asked-blobs/{headers.x-name}', connection='AzureWebJobsStorage')
    def write(req: func.HttpRequest, blob: func.Out[bytes]) -> func.HttpResponse:
        blob.set(req.get_body())
        return func.HttpResponse(status_code=201)
    """


@pytest.mark.parametrize("language", ["node", "python"])
def test_bindings_name_what_the_request_says(deploy, server, language):
    files, install = {"host.json": '{"version": "2.0"}'}, ()
    if language == "node":
        files |= {"package.json": '{"main": "app.js"}', "app.js": NODE_INPUTS}
        install = ["@azure/functions"]
    else:
        files |= {"requirements.txt": "azure-functions\n", "function_app.py": PYTHON_INPUTS}
    server.client("s3").create_bucket(Bucket="asked-blobs")
    get = deploy(f"asked-{language}", files, install=install)
    assert get("/api/write", "POST", data="what was said", headers={"x-name": "a.txt"}).status_code == 201
    assert get("/api/read?name=a.txt").text == "what was said"
