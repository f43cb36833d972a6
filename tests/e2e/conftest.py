"""One real server on a fresh data folder, and real clients for it.

EBB_BIN names the binary. EBB_TEST_USER names a user to run the server as (by default, whoever runs the tests).
"""
import base64
import configparser
import io
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import textwrap
import time
import uuid
import zipfile

import boto3
import pytest
import requests
from botocore.config import Config

REGION = "us-east-1"
ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/test"
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


class Server:
    """A server, and the clients that speak to it."""

    def __init__(self, binary=None, user=None):
        self.binary = pathlib.Path(binary or os.environ.get("EBB_BIN", "target/debug/ebb")).absolute()
        self.user = user or os.environ.get("EBB_TEST_USER")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ebb-e2e-"))
        self.data = self.folder / "data"
        # Names functions whose processes are looked for.
        self.mark = uuid.uuid4().hex[:8]
        self.process = None
        if self.user:
            shutil.chown(self.folder, self.user)
            # The build folder may be closed to other users.
            self.binary = pathlib.Path(shutil.copy(self.binary, self.folder / "ebb"))

    def start(self, *args):
        (self.data / "endpoints.json").unlink(missing_ok=True)
        options = {}
        if self.user:
            entry = pwd.getpwnam(self.user)
            options = dict(user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])
        self.log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--data", self.data, "--api", "127.0.0.1:0", "--edge", "127.0.0.1:0", *args],
            stdout=self.log, stderr=self.log, cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder)}, **options)
        eventually(lambda: (self.data / "endpoints.json").exists() or self.ended(), within=30)
        where = json.loads((self.data / "endpoints.json").read_text())
        self.api, self.edge = where["api"], where["edge"]
        profile = configparser.ConfigParser()
        profile.read(self.data / "credentials")
        self.key = profile["default"]["aws_access_key_id"]
        self.secret = profile["default"]["aws_secret_access_key"]
        self.lam = self.client("lambda")
        return self

    def ended(self):
        if self.process.poll() is not None:
            raise RuntimeError("the server ended:\n" + (self.folder / "server.log").read_text()[-4000:])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(20) == 0

    def client(self, service, **over):
        options = dict(endpoint_url=self.api, region_name=REGION, aws_access_key_id=self.key,
                       aws_secret_access_key=self.secret,
                       config=Config(retries={"max_attempts": 0}, read_timeout=60, max_pool_connections=50))
        return boto3.client(service, **{**options, **over})

    def environment(self):
        """What a shell would export for the AWS CLI and for ebb's own client verbs."""
        # HOME is the server's, so that nothing of the user's own data folder is met; cargo still needs to find its tools.
        # What npm and pip have downloaded once is not downloaded by every run.
        tools = {name: os.environ.get(name, os.path.expanduser(folder))
                 for name, folder in (("RUSTUP_HOME", "~/.rustup"), ("CARGO_HOME", "~/.cargo"),
                                      ("npm_config_cache", "~/.npm"), ("PIP_CACHE_DIR", "~/.cache/pip"))}
        return {**{k: v for k, v in os.environ.items() if not k.startswith("AWS_")}, **tools,
                "AWS_ENDPOINT_URL": self.api, "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": "", "HOME": str(self.folder),
                "AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}

    def cli(self, *args, **options):
        """Runs one of ebb's client verbs and gives the finished process."""
        return subprocess.run([self.binary, *map(str, args)], env=self.environment(), capture_output=True, text=True,
                              timeout=600, **options)

    def http(self, host, path="/", method="GET", headers=None, **options):
        return requests.request(method, self.edge + path, headers={"Host": host, **(headers or {})},
                                **{"timeout": 30, "allow_redirects": False, **options})

    def create(self, source, runtime="python3.11", handler=None, name=None, **settings):
        """Creates a function and waits until it is active; gives its name."""
        node = runtime.startswith("node")
        files = {("index.mjs" if node else "app.py"): source} if isinstance(source, str) else source
        name = name or f"f-{uuid.uuid4().hex[:12]}"
        self.lam.create_function(FunctionName=name, Runtime=runtime, Role=ROLE, Code={"ZipFile": zipped(files)},
                                 Handler=handler or ("index.handler" if node else "app.handler"), **settings)
        eventually(lambda: self.lam.get_function_configuration(FunctionName=name)["State"] == "Active")
        return name

    def settle(self, name):
        """Waits until an update has been applied."""
        eventually(lambda: self.lam.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful")

    def invoke(self, name, event=None, **options):
        """Invokes; gives the decoded payload and the whole answer."""
        answer = self.lam.invoke(FunctionName=name, Payload=json.dumps({} if event is None else event), **options)
        payload = answer["Payload"].read()
        return (json.loads(payload) if payload else None), answer

    def url(self, name, **settings):
        """Makes a function URL; gives its host."""
        made = self.lam.create_function_url_config(FunctionName=name, **{"AuthType": "NONE", **settings})
        return made["FunctionUrl"].split("//")[1].split("/")[0].split(":")[0]

    def log_of(self, name):
        """Every message in the function's log group, which is made with the first."""
        logs = self.client("logs")
        events = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
        try:
            return [event["message"] for page in events for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []


@pytest.fixture(scope="session")
def server():
    server = Server().start()
    yield server
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture
def own_server():
    """A server of the test's own, not started yet."""
    server = Server()
    yield server
    if server.process and server.process.poll() is None:
        server.kill()
    shutil.rmtree(server.folder, ignore_errors=True)


class World:
    """A public address next to this machine, in a network namespace, with a web server of sorts on port 80."""
    ADDRESS = "203.0.113.78"

    def __init__(self):
        script = f"""set -e; ip netns del ebb-e2e 2>/dev/null || true
            ip netns add ebb-e2e; ip link add ebbe2e0 type veth peer name ebbe2e1 netns ebb-e2e
            ip link set ebbe2e0 name world-e2e; ip addr add 203.0.113.65/28 dev world-e2e; ip link set world-e2e up
            ip -n ebb-e2e addr add {self.ADDRESS}/28 dev ebbe2e1; ip -n ebb-e2e link set ebbe2e1 up"""
        made = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"no second network can be made here: {made.stderr.strip()}")
        serve = "import socket\ns = socket.create_server(('', 80))\nprint(flush=True)\nwhile 1: s.accept()[0].send(b'hello')"
        self.process = subprocess.Popen(["ip", "netns", "exec", "ebb-e2e", "python3", "-c", serve], stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def close(self):
        self.process.kill()
        self.process.wait()
        subprocess.run(["ip", "netns", "del", "ebb-e2e"])


@pytest.fixture(scope="session")
def world():
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("only root, with iproute2, can make a second network")
    world = World()
    yield world
    world.close()


def zipped(files, executable=("bootstrap",)):
    """A deployment package from {path: text or bytes}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)
            mode = 0o755 if path in executable or path.startswith("extensions/") else 0o644
            entry.external_attr = mode << 16
            package.writestr(entry, textwrap.dedent(content) if isinstance(content, str) else content)
    return buffer.getvalue()


def tail(answer):
    """The log tail of an Invoke answer."""
    return base64.b64decode(answer["LogResult"]).decode()


def eventually(check, within=15.0):
    """Waits for `check` to give something true, and gives that."""
    deadline = time.time() + within
    while True:
        try:
            value, error = check(), None
            if value:
                return value
        except (AssertionError, requests.RequestException) as problem:
            error = problem
        if time.time() > deadline:
            raise error or AssertionError(f"not so within {within} s")
        time.sleep(0.02)
