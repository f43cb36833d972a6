"""WebAssembly components of wasi:http, built by npm's componentize-js and deployed as they are."""
import concurrent.futures
import glob
import time
import uuid

import pytest
import requests

import components
from conftest import ROLE, eventually, zipped

# One component for every test: what it does is told by the path.
SOURCE = """
import { ResponseOutparam, OutgoingResponse, OutgoingBody, OutgoingRequest, Fields } from 'wasi:http/types@VERSION';
import { handle as send } from 'wasi:http/outgoing-handler@VERSION';
import { getEnvironment } from 'wasi:cli/environment@VERSION';

const bytes = (text) => new TextEncoder().encode(text);
const text = (value) => new TextDecoder().decode(value);
let seen = 0;

function begin(out, status = 200, headers = []) {
  const response = new OutgoingResponse(Fields.fromList(headers.map(([name, value]) => [name, bytes(value)])));
  response.setStatusCode(status);
  const body = response.body();
  ResponseOutparam.set(out, { tag: 'ok', val: response });
  const stream = body.write();
  return {
    write(value) {
      const all = typeof value === 'string' ? bytes(value) : value;
      for (let at = 0; at < all.length; at += 4096) stream.blockingWriteAndFlush(all.subarray(at, at + 4096));
    },
    end() { stream[Symbol.dispose](); OutgoingBody.finish(body, undefined); },
  };
}

function whole(message) {
  const body = message.consume();
  const stream = body.stream();
  const parts = [];
  try { for (;;) parts.push(...stream.blockingRead(65536n)); } catch (error) {
    if (error.payload?.tag !== 'closed') throw error;
  }
  stream[Symbol.dispose]();
  return new Uint8Array(parts);
}

function answer(out, value, status = 200, headers = [['content-type', 'application/json']]) {
  const body = begin(out, status, headers);
  body.write(typeof value === 'string' ? value : JSON.stringify(value));
  body.end();
}

const routes = {
  '/request': (request, out) => answer(out, {
    method: request.method().tag, path: request.pathWithQuery(), authority: request.authority(),
    headers: Object.fromEntries(request.headers().entries().map(([name, value]) => [name, text(value)])),
    body: text(whole(request)),
  }, 201, [['content-type', 'application/json'], ['set-cookie', 'a=1'], ['set-cookie', 'b=2'], ['x-own', 'yes']]),
  '/fresh': (request, out) => answer(out, { seen: ++seen }),
  '/env': (request, out) => answer(out, Object.fromEntries(getEnvironment())),
  '/print': (request, out) => { console.log('to the log'); console.error('to the log as well'); answer(out, {}); },
  '/bytes': (request, out) => {
    const body = begin(out, 200, [['content-type', 'application/octet-stream']]);
    body.write(whole(request));
    body.end();
  },
  '/stream': (request, out) => {
    const body = begin(out, 200, [['content-type', 'text/plain']]);
    body.write('first\\n');
    const until = Date.now() + 1500;
    while (Date.now() < until);
    body.write('second\\n');
    body.end();
  },
  '/loop': () => { for (;;); },
  '/throw': () => { throw new Error('a secret'); },
  '/late': (request, out) => { begin(out).write('begun'); throw new Error('a secret'); },
  '/nothing': () => {},
  '/memory': (request, out) => {
    const kept = [];
    for (;;) kept.push(new Uint8Array(16 << 20).fill(1));
  },
  '/send': (request, out) => {
    const url = new URL(new URLSearchParams(request.pathWithQuery().split('?')[1]).get('to'));
    const outgoing = new OutgoingRequest(new Fields());
    outgoing.setScheme(url.protocol === 'https:' ? { tag: 'HTTPS' } : { tag: 'HTTP' });
    outgoing.setAuthority(url.host);
    outgoing.setPathWithQuery(url.pathname + url.search);
    try {
      const future = send(outgoing, undefined);
      future.subscribe().block();
      const response = future.get().val.val;
      if (!response?.status) throw Object.assign(new Error('sent'), { payload: response });
      answer(out, { status: response.status(), body: text(whole(response)) });
    } catch (error) {
      answer(out, { error: error.payload?.tag ?? String(error) }, 502);
    }
  },
};

export const incomingHandler = { handle(request, out) {
  const path = request.pathWithQuery().split('?')[0];
  if (path === '/') return answer(out, { event: JSON.parse(text(whole(request))) });
  const route = routes[path];
  route ? route(request, out) : answer(out, { path }, 404);
} };
"""

@pytest.fixture(scope="session")
def component(tmp_path_factory):
    """The component's bytes."""
    return components.build(tmp_path_factory.mktemp("component"), SOURCE,
                            ["wasi:http/outgoing-handler@VERSION", "wasi:cli/environment@VERSION"])


def deploy(server, folder, files, *options):
    """Deploys a folder with these files; gives the finished command."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    return server.cli("deploy", folder, "--name", folder.name, *options)


def create(server, component):
    """Creates a function by the Lambda API, and waits until it is compiled; gives its name."""
    name = f"w-{uuid.uuid4().hex[:8]}"
    server.lam.create_function(FunctionName=name, Runtime="wasm", Handler="app.wasm", Role=ROLE, MemorySize=256,
                               Code={"ZipFile": zipped({"app.wasm": component})})
    eventually(lambda: server.lam.get_function_configuration(FunctionName=name)["State"] == "Active", within=120)
    return name


@pytest.fixture(scope="session")
def app(server, component, tmp_path_factory):
    """app(path) requests the component of these tests."""
    folder = tmp_path_factory.mktemp("apps") / f"w-{uuid.uuid4().hex[:8]}"
    manifest = '[[function]]\nruntime = "wasm"\ntimeout = 5\nenvironment = { GREETING = "hi" }\n'
    done = deploy(server, folder, {"app.wasm": component, "ebb.toml": manifest})
    assert done.returncode == 0, done.stdout + done.stderr

    def request(path="/", method="GET", **options):
        return server.http(f"{folder.name}.localhost", path, method, **options)
    request.name = folder.name
    return request


def test_a_folder_with_one_component_is_an_app(server, component, tmp_path):
    folder = tmp_path / f"w-{uuid.uuid4().hex[:8]}"
    done = deploy(server, folder, {"app.wasm": component})
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.http(f"{folder.name}.localhost", "/request").status_code == 201
    again = deploy(server, folder, {"app.wasm": component})
    assert again.returncode == 0, again.stdout + again.stderr


def test_a_component_gets_the_request_as_it_was_sent(app):
    answer = app("/request?x=1&x=2&y=%20", "PUT", data="some text".encode(), headers={"X-A": "b", "Cookie": "c=3"})
    assert answer.status_code == 201, answer.text
    seen = answer.json()
    assert (seen["method"], seen["path"], seen["body"]) == ("put", "/request?x=1&x=2&y=%20", "some text")
    assert seen["authority"].startswith(f"{app.name}.localhost")
    assert (seen["headers"]["x-a"], seen["headers"]["cookie"]) == ("b", "c=3") and "te" not in seen["headers"]
    assert answer.headers["x-own"] == "yes" and answer.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]
    assert "trailer" not in answer.headers and not [name for name in answer.headers if name.startswith("ebb-")]


def test_bodies_of_any_bytes_pass_both_ways(app):
    body = bytes(range(256)) * 2000
    assert app("/bytes", "POST", data=body).content == body
    assert app("/bytes", "POST", data=b"").content == b""
    head = app("/bytes", "HEAD")
    assert (head.status_code, head.content) == (200, b"")


def test_each_request_has_an_instance_of_its_own(app):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: app("/fresh").json(), range(40)))
    assert answers == [{"seen": 1}] * 40


def test_a_component_has_its_environment_and_a_key(app):
    environment = app("/env").json()
    assert environment["GREETING"] == "hi" and environment["AWS_LAMBDA_FUNCTION_NAME"] == app.name
    assert environment["AWS_ACCESS_KEY_ID"] and environment["AWS_ENDPOINT_URL"]
    assert not [name for name in environment if name.startswith("EBB_")]


def test_a_response_reaches_the_client_as_it_is_written(app):
    began = time.monotonic()
    with app("/stream", stream=True) as answer:
        pieces = answer.iter_content(None)
        assert next(pieces) == b"first\n"
        first = time.monotonic() - began
        assert b"".join(pieces) == b"second\n"
        assert time.monotonic() - began > first + 1


def test_what_it_prints_is_logged(server, app):
    app("/print")
    lines = eventually(lambda: [line.strip() for line in server.log_of(app.name)
                                if "to the log" in line][-2:])
    assert lines == ["to the log", "to the log as well"]


@pytest.mark.parametrize("path", ["/throw", "/nothing", "/memory"])
def test_a_failure_is_logged_and_never_shown(server, app, path):
    answer = app(path)
    assert answer.status_code == 502 and "secret" not in answer.text and "Runtime" not in answer.text
    kind = {"/throw": "Runtime.Trap", "/nothing": "Runtime.NoResponse", "/memory": "Runtime.OutOfMemory"}[path]
    assert eventually(lambda: [line for line in server.log_of(app.name) if kind in line])


def test_a_response_that_fails_half_way_breaks_off(app):
    with pytest.raises(requests.RequestException):
        assert b"secret" not in app("/late").content


def test_an_endless_loop_ends_with_its_timeout_and_disturbs_nobody(server, app):
    def starts():
        return len([line for line in server.log_of(app.name) if line.startswith("INIT_START")])
    app("/fresh")
    before = starts()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        loops = [pool.submit(app, "/loop") for _ in range(2)]
        assert [app("/fresh").json() for _ in range(20)] == [{"seen": 1}] * 20
        assert [loop.result().status_code for loop in loops] == [502, 502]
    assert app("/fresh").json() == {"seen": 1}
    assert starts() == before


def test_it_reaches_the_control_api_and_nothing_of_the_host(server, app):
    endpoint = app("/env").json()["AWS_ENDPOINT_URL"]
    healthy = app("/send", params={"to": f"{endpoint}/_ebb/health"}).json()
    assert healthy.get("status") == 200, healthy
    refused = app("/send", params={"to": f"{server.api}/_ebb/health"})
    assert refused.status_code == 502 and refused.json()["error"], refused.text


def test_events_that_are_no_requests_are_posted(server, app):
    answer, whole = server.invoke(app.name, {"a": 1})
    assert answer == {"event": {"a": 1}} and "FunctionError" not in whole


def test_the_lambda_api_takes_components(server, component):
    name = create(server, component)
    assert server.invoke(name, {"b": 2})[0] == {"event": {"b": 2}}
    host = server.url(name)
    assert server.http(host, "/fresh").json() == {"seen": 1}
    answer, whole = server.invoke(name, {"version": "2.0", "rawPath": "/throw", "rawQueryString": "", "headers": {},
                                         "requestContext": {"http": {"method": "GET"}}})
    assert whole["FunctionError"] == "Unhandled" and answer["errorType"] == "Runtime.Trap", answer
    server.lam.create_function(FunctionName=f"{name}-x", Runtime="wasm", Handler="app.wasm", MemorySize=128,
                               Role=ROLE,
                               Code={"ZipFile": zipped({"other.wasm": b"x"})})
    failed = eventually(lambda: (it := server.lam.get_function_configuration(FunctionName=f"{name}-x"))["State"]
                        == "Failed" and it)
    assert "app.wasm" in failed["StateReason"]


MODULE = b"\0asm\1\0\0\0"
EMPTY_COMPONENT = b"\0asm\x0d\0\1\0"


@pytest.mark.parametrize("content, words", [
    (MODULE, "core module"), (EMPTY_COMPONENT, "wasi:http/incoming-handler"), (b"#!/bin/sh", "not a WebAssembly"),
])
def test_what_is_no_such_component_is_refused(server, tmp_path, content, words):
    done = deploy(server, tmp_path / "w-refused", {"x.wasm": content})
    assert done.returncode == 1 and words in done.stderr, done.stdout + done.stderr


def test_a_failed_deploy_leaves_what_was_there(server, component, tmp_path):
    folder = tmp_path / f"w-{uuid.uuid4().hex[:8]}"
    assert deploy(server, folder, {"app.wasm": component}).returncode == 0
    # The export is there, and behind it nothing that could be compiled.
    broken = component[:200_000] + bytes(1000) + component[201_000:]
    done = deploy(server, folder, {"app.wasm": broken})
    assert done.returncode == 1 and "app.wasm" in done.stderr, done.stdout + done.stderr
    assert server.http(f"{folder.name}.localhost", "/fresh").json() == {"seen": 1}


def test_compiled_components_survive_a_restart(own_server, component):
    own_server.start()
    name = create(own_server, component)
    kept = glob.glob(f"{own_server.data}/runtimes/wasm-*/*.compiled")
    assert len(kept) == 1
    own_server.kill()
    own_server.start()
    assert own_server.invoke(name, {"c": 3})[0] == {"event": {"c": 3}}
    assert glob.glob(f"{own_server.data}/runtimes/wasm-*/*.compiled") == kept
