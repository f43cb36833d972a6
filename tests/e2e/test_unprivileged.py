"""The main job without root: an ordinary user's server, in unprivileged user namespaces."""
import os
import pwd
import shutil
import subprocess
import sys

import pytest

from conftest import Server
from test_sandbox import PROBE, check_the_network

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; other runs are unprivileged anyway")


@pytest.fixture(scope="module")
def unprivileged():
    server = Server(user="nobody").start()
    yield server
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.mark.parametrize("runtime,source", [
    ("python3.11", "def handler(e, c):\n    return {'saw': e}\n"),
    ("nodejs20.x", "export const handler = async (e) => ({ saw: e });"),
])
def test_functions_answer(unprivileged, runtime, source):
    name = unprivileged.create(source, runtime)
    assert unprivileged.invoke(name, {"n": 1})[0] == {"saw": {"n": 1}}
    assert unprivileged.http(unprivileged.url(name)).status_code == 200


def test_functions_are_sandboxed(unprivileged):
    name = unprivileged.create("""
        import os
        def attempt(action):
            try:
                return action() or 'done'
            except OSError as error:
                return type(error).__name__
        def handler(e, c):
            caps = [l for l in open('/proc/self/status') if l.startswith('CapEff')][0].split()[1]
            return dict(caps=int(caps, 16), pids=len([p for p in os.listdir('/proc') if p.isdigit()]),
                        read=attempt(lambda: open(e['secret']).read()), write=attempt(lambda: open('/var/task/x', 'w')),
                        kill=attempt(lambda: os.kill(e['pid'], 9)))
        """)
    seen = unprivileged.invoke(name, {"secret": str(unprivileged.data / "credentials"), "pid": unprivileged.process.pid})[0]
    assert seen["caps"] == 0 and seen["pids"] <= 5 and seen["kill"] == "ProcessLookupError"
    assert seen["read"] in ("FileNotFoundError", "PermissionError") and seen["write"] in ("OSError", "PermissionError")


@pytest.mark.parametrize("memory", [128, 1024, 3008])
def test_functions_of_any_memory_start_from_the_stock(unprivileged, memory):
    for _ in range(3):
        unprivileged.invoke(unprivileged.create("def handler(e, c):\n    return 1\n", MemorySize=memory))
    assert "could not be made a function's" not in (unprivileged.folder / "server.log").read_text()


def test_what_the_machine_lacks_is_said(unprivileged):
    log = (unprivileged.folder / "server.log").read_text()
    assert "memory" in log.lower(), "running without cgroups must be said, never silent"


def test_functions_reach_public_addresses_and_nothing_else(unprivileged, world):
    name = unprivileged.create(PROBE, Timeout=60)
    check_the_network(unprivileged, world, lambda **what: unprivileged.invoke(name, what)[0])


def test_without_user_namespaces_the_error_says_so(unprivileged):
    """In a user namespace of its own that allows no further ones, so that the rest of the machine does not notice."""
    user = pwd.getpwnam("nobody")
    enter = f"""
import ctypes, os
os.setgroups([]); os.setgid({user.pw_gid}); os.setuid({user.pw_uid})
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(4, 1, 0, 0, 0)
assert libc.unshare(0x10000000) == 0, os.strerror(ctypes.get_errno())
open('/proc/self/setgroups', 'w').write('deny')
open('/proc/self/uid_map', 'w').write('{user.pw_uid} {user.pw_uid} 1')
open('/proc/self/gid_map', 'w').write('{user.pw_gid} {user.pw_gid} 1')
open('/proc/sys/user/max_user_namespaces', 'w').write('0')
os.environ['HOME'] = {str(unprivileged.folder)!r}
os.execv({str(unprivileged.binary)!r}, ['ebb', 'serve', '--data', {str(unprivileged.folder / "other")!r}, '--api', '127.0.0.1:0', '--edge', '127.0.0.1:0'])
"""
    ended = subprocess.run([sys.executable, "-c", enter], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1, ended
    assert ended.stderr.startswith("error: ") and "sysctl user.max_user_namespaces" in ended.stderr, ended.stderr
