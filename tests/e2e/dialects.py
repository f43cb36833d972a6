"""Deploying projects of other platforms, for the tests of each."""
import subprocess
import textwrap

import pytest
from botocore.exceptions import ClientError


def log(server, function):
    """What a function has logged so far; nothing where it has not run yet."""
    try:
        return "\n".join(server.log_of(function))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return ""


@pytest.fixture
def deploy(server, tmp_path):
    """deploy(name, {path: text}) gives a function that requests the app's host; `install` are packages of npm."""
    names = []

    def make(name, files, *args, install=()):
        folder = tmp_path / name
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text) if isinstance(text, bytes) else target.write_text(textwrap.dedent(text))
        if install:
            subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *install], cwd=folder, check=True)
        done = server.cli("deploy", folder, "--name", name, "--yes", *args)
        assert done.returncode == 0, done.stdout + done.stderr
        if name not in names:
            names.append(name)

        def request(path="/", method="GET", **options):
            return server.http(f"{name}.localhost", path, method, **options)
        request.output, request.folder = done.stdout, folder
        return request

    yield make
    for name in names:
        server.cli("rm", name, "--yes")
