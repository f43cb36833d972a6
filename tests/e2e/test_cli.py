"""ebb's own verbs, run as a person or a script runs them."""
import concurrent.futures
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time

import pytest
import requests
import websocket

from conftest import EXAMPLES, eventually


def project(folder, text="hello"):
    (folder / "index.mjs").write_text(f"export const handler = async (e) => {{ console.log('saw', e.n); return {{ text: '{text}', n: e.n ?? null }}; }};\n")
    return folder


def test_deploy_invoke_logs_list_remove(server, tmp_path):
    done = server.cli("deploy", project(tmp_path), "--name", "cliapp", "--yes")
    assert done.returncode == 0, done.stderr
    assert "http://cliapp.localhost:" in done.stdout
    assert requests.get(server.edge, headers={"Host": "cliapp.localhost"}).json()["text"] == "hello"
    done = server.cli("invoke", "cliapp", '{"n": 7}')
    assert done.returncode == 0 and json.loads(done.stdout) == {"text": "hello", "n": 7}
    eventually(lambda: "saw 7" in server.cli("logs", "cliapp").stdout)
    assert "cliapp" in server.cli("ls").stdout
    assert any(f["name"].startswith("cliapp") for f in json.loads(server.cli("ls", "--json").stdout)["functions"])
    assert server.cli("rm", "cliapp", "--yes").returncode == 0
    assert requests.get(server.edge, headers={"Host": "cliapp.localhost"}).status_code == 404
    assert "cliapp" not in server.cli("ls").stdout


def test_a_second_deploy_changes_what_differs(server, tmp_path):
    server.cli("deploy", project(tmp_path), "--name", "again", "--yes")
    project(tmp_path, "changed")
    plan = server.cli("deploy", tmp_path, "--name", "again", "--dry-run")
    assert plan.returncode == 0 and "again" in plan.stdout
    assert json.loads(server.cli("invoke", "again", "{}").stdout)["text"] == "hello", "a dry run changed something"
    server.cli("deploy", tmp_path, "--name", "again", "--yes")
    assert json.loads(server.cli("invoke", "again", "{}").stdout)["text"] == "changed"
    server.cli("rm", "again", "--yes")


@pytest.mark.parametrize("args,status,words", [
    (["invoke", "nosuch"], 1, ["error: ", "nosuch"]),
    (["deploy", "/nosuch/folder"], 1, ["error: ", "/nosuch/folder"]),
    (["rm", "nosuch", "--yes"], 1, ["error: ", "nosuch"]),
    (["logs", "nosuch"], 1, ["error: ", "nosuch"]),
    (["frobnicate"], 2, ["error: ", "frobnicate"]),
    (["deploy", "--frobnicate"], 2, ["error: ", "--frobnicate"]),
])
def test_errors_say_what_and_where_with_an_exit_code_for_scripts(server, args, status, words):
    done = server.cli(*args)
    assert done.returncode == status and not done.stdout
    for word in words:
        assert word in done.stderr, done.stderr
    assert "\x1b[" not in done.stderr, "colour without a terminal"


def test_an_unreachable_server_is_named_with_a_hint(server):
    done = subprocess.run([server.binary, "ls"], capture_output=True, text=True,
                          env={**server.environment(), "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert done.returncode == 1 and "127.0.0.1:1" in done.stderr and "hint: " in done.stderr


def test_a_failing_function_exits_1_and_bad_configuration_is_named_by_line(server, tmp_path):
    (tmp_path / "app.py").write_text("def handler(e, c):\n    raise Exception('bad')\n")
    server.cli("deploy", tmp_path, "--name", "failing", "--yes")
    done = server.cli("invoke", "failing")
    assert done.returncode == 1 and "bad" in done.stdout + done.stderr
    (tmp_path / "ebb.toml").write_text("name = \"x\"\n[[function]]\nname = \"a\"\nmemmory = 5\n")
    done = server.cli("deploy", tmp_path)
    assert done.returncode == 1 and "memmory" in done.stderr and "ebb.toml" in done.stderr
    server.cli("rm", "failing", "--yes")


def test_help_and_completions(server):
    for verb in ("serve", "dev", "deploy", "invoke", "logs", "ls", "rm", "runtimes"):
        done = server.cli(verb, "--help")
        assert done.returncode == 0 and "Examples:" in done.stdout, verb
    for shell in ("bash", "zsh", "fish"):
        assert "ebb" in server.cli("completions", shell).stdout


def test_a_reader_that_goes_away_ends_the_output_alone(server):
    verb = f"'{server.binary}' completions fish"
    done = subprocess.run(["sh", "-c", f"({verb}; echo status $? >&2) | true"], capture_output=True, text=True, timeout=60)
    assert done.stderr == "status 0\n"


def test_runtimes_that_are_to_be_added_are_not_called_ready(server, tmp_path):
    shown = json.loads(server.cli("runtimes", "--json", "--data", tmp_path).stdout)
    status = {row["runtime"]: row["status"] for row in shown["runtimes"]}
    for name in ("deno", "workerd"):
        assert f"ebb runtimes add {name}" in status[name]["missing"]["hint"]
    assert status["provided.al2023"] == "nothing_needed"


def test_a_deploy_says_what_typescript_needs_where_node_does_not_run_it(server, tmp_path):
    (tmp_path / "index.ts").write_text("export const handler = async (e: { n: number }): Promise<number> => e.n;\n")
    done = server.cli("deploy", tmp_path, "--name", "typed")
    assert done.returncode == 0, done.stderr
    runs = server.cli("invoke", "typed", '{"n": 3}').stdout.strip() == "3"
    assert runs or "ebb runtimes add node-sdk" in done.stderr
    assert not (runs and "runtimes add" in done.stderr)


def test_dev_serves_redeploys_on_save_and_streams_logs(own_server, tmp_path):
    source = project(tmp_path / "site") if (tmp_path / "site").mkdir() is None else None
    log = open(own_server.folder / "dev.log", "w+")
    environment = {k: v for k, v in __import__("os").environ.items() if not k.startswith(("AWS_", "EBB_"))}
    dev = subprocess.Popen([own_server.binary, "dev", source, "--data", own_server.data, "--api", "127.0.0.1:0", "--edge", "127.0.0.1:0"],
                           stdout=log, stderr=log, env={**environment, "HOME": str(own_server.folder)})
    try:
        where = eventually(lambda: (own_server.data / "endpoints.json").exists() and
                           json.loads((own_server.data / "endpoints.json").read_text()), within=30)

        def text():
            return requests.get(where["edge"], headers={"Host": "site.localhost"}).json()["text"]
        eventually(lambda: requests.get(where["edge"], headers={"Host": "site.localhost"}).status_code == 200, within=30)
        assert text() == "hello"
        project(source, "saved")
        eventually(lambda: text() == "saved")
        eventually(lambda: "saw" in (own_server.folder / "dev.log").read_text())
    finally:
        dev.terminate()
        assert dev.wait(25) is not None
    eventually(lambda: not reachable(where["api"]))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def developing(own_server, folder, *args):
    """`ebb dev` with a server of its own: gives its edge and its log."""
    path = own_server.folder / "dev.log"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "EBB_"))}
    command = [own_server.binary, "dev", folder, "--data", own_server.data, "--api", "127.0.0.1:0", "--edge", "127.0.0.1:0", *args]
    with open(path, "w") as log:
        dev = subprocess.Popen(command, stdout=log, stderr=log, env={**environment, "HOME": str(own_server.folder)})
        try:
            where = eventually(lambda: (own_server.data / "endpoints.json").exists() and
                               json.loads((own_server.data / "endpoints.json").read_text()), within=30)
            yield where["edge"], path.read_text
        finally:
            dev.terminate()
            assert dev.wait(25) is not None


def test_a_debugger_of_node_attaches_before_the_first_request(own_server, tmp_path):
    folder, port = tmp_path / "looked", free_port()
    folder.mkdir()
    (folder / "index.mjs").write_text("globalThis.seen = 0;\nexport const handler = async () => { globalThis.seen += 1; return 'seen ' + globalThis.seen; };\n")
    with developing(own_server, folder, f"--inspect={port}") as (edge, log):
        eventually(lambda: f"debugger of looked (Node.js): 127.0.0.1:{port}" in log(), within=30)
        [target] = eventually(lambda: listed(port), within=30)
        debugger = websocket.create_connection(target["webSocketDebuggerUrl"], timeout=20, suppress_origin=True)

        def asked(method, **params):
            debugger.send(json.dumps({"id": 1, "method": method, "params": params}))
            while True:
                answer = json.loads(debugger.recv())
                if answer.get("id") == 1:
                    return answer["result"]
        value = lambda: asked("Runtime.evaluate", expression="globalThis.seen")["result"].get("value")
        eventually(lambda: value() == 0)
        asked("Debugger.enable")
        found = asked("Debugger.setBreakpointByUrl", lineNumber=1, urlRegex=".*index.mjs", columnNumber=37)
        assert found["locations"]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(requests.get, edge, headers={"Host": "looked.localhost"}, timeout=30)
            while json.loads(debugger.recv()).get("method") != "Debugger.paused":
                pass
            assert value() == 0 and not waiting.done()
            asked("Debugger.resume")
            assert waiting.result().json() == "seen 1"
        assert value() == 1
        debugger.close()


def test_functions_of_templates_have_debuggers_and_nobody_else_opens_the_port(own_server, tmp_path):
    folder, port = tmp_path / "stacked", free_port()
    (folder / "src").mkdir(parents=True)
    (folder / "src/app.js").write_text("exports.handler = async () => 'fine';\n")
    (folder / "template.yaml").write_text("""
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: nodejs20.x, Timeout: 3}}
Resources:
  Web: {Type: AWS::Serverless::Function, Properties: {Handler: app.handler, CodeUri: src/, Events: {Get: {Type: HttpApi}}}}
""")
    with developing(own_server, folder, f"--inspect={port}") as (edge, log):
        eventually(lambda: f"debugger of Web (Node.js): 127.0.0.1:{port}" in log(), within=30)
        eventually(lambda: listed(port), within=30)
        assert requests.get(edge, headers={"Host": "stacked.localhost"}).json() == "fine"
    (folder / "template.yaml").unlink()
    (folder / "ebb.toml").write_text(f'[[function]]\ndir = "src"\nhandler = "app.handler"\nruntime = "nodejs"\nenvironment = {{ EBB_INSPECT_PORT = "{port}" }}\n')
    own_server.start()
    refused = own_server.cli("deploy", folder, "--name", "opens")
    assert refused.returncode == 1 and "EBB_INSPECT_PORT" in refused.stderr, refused.stderr


def listed(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/json/list", timeout=2).json()
    except requests.RequestException:
        return None


def test_a_debugger_of_python_attaches_where_the_function_has_debugpy(own_server, tmp_path):
    folder, port = tmp_path / "peered", free_port()
    folder.mkdir()
    (folder / "app.py").write_text("def handler(event, context):\n    return 'fine'\n")
    with developing(own_server, folder, f"--inspect={port}") as (edge, log):
        eventually(lambda: "debugpy is not among the function's packages" in log(), within=30)
        assert requests.get(edge, headers={"Host": "peered.localhost"}).json() == "fine"
        (folder / "requirements.txt").write_text("debugpy\n")

        def greeted():
            message = json.dumps({"seq": 1, "type": "request", "command": "initialize", "arguments": {"adapterID": "test"}})
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=3) as one:
                    one.sendall(f"Content-Length: {len(message)}\r\n\r\n{message}".encode())
                    return b"Content-Length" in one.recv(4096)
            except OSError:
                return False
        eventually(greeted, within=60)


def reachable(url):
    try:
        return requests.get(url + "/_ebb/health", timeout=1).status_code == 200
    except requests.RequestException:
        return False


@pytest.mark.skipif(not shutil.which("cargo"), reason="the Rust function of the example needs cargo")
def test_the_example_answers_at_every_url_it_prints(server):
    done = server.cli("deploy", EXAMPLES / "hello", "--yes")
    assert done.returncode == 0, done.stderr
    urls = [word for word in done.stdout.split() if word.startswith("http://hello.localhost")]
    assert len(urls) == 3
    for url in urls:
        path = "/" + url.split("/", 3)[3] if url.count("/") > 2 else "/"
        answer = requests.get(server.edge + path, headers={"Host": "hello.localhost"})
        assert answer.status_code == 200 and "hello" in answer.text.lower(), url
    server.cli("rm", "hello", "--yes")


def test_a_deploy_says_which_interpreter_runs_a_runtime_that_is_not_installed(server, tmp_path):
    (tmp_path / "ebb.toml").write_text('[[function]]\nruntime = "python3.7"\nhandler = "app.handler"\n')
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return 'x'\n")
    done = server.cli("deploy", tmp_path, "--name", "stands-in", "--dry-run")
    assert done.returncode == 0 and "python3.7 is run by Python 3." in done.stdout + done.stderr, done.stderr
