"""What a function can reach, and what it cannot."""
import json
import os
import subprocess

import pytest

PROBE = """
import ctypes, json, os, socket, subprocess
def attempt(action):
    try:
        return action() or "done"
    except BaseException as error:
        return type(error).__name__
def handler(e, c):
    return {name: attempt(lambda: eval(text)) for name, text in e.items()}
"""


@pytest.fixture(scope="module")
def probe(server):
    name = server.create(PROBE)
    return lambda **what: server.invoke(name, what)[0]


def test_no_capabilities_no_new_privileges_and_a_filter(probe):
    status = dict(line.split(":", 1) for line in probe(s="open('/proc/self/status').read()")["s"].splitlines() if ":" in line)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0, kind
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"


def test_the_host_is_out_of_sight(server, probe):
    secret = server.data / "credentials"
    seen = probe(secret=f"open({str(secret)!r}).read()", shadow="open('/etc/shadow').read()",
                 pids="sorted(p for p in os.listdir('/proc') if p.isdigit())", root="os.listdir('/')",
                 host="socket.gethostname()", kill=f"os.kill({server.process.pid}, 9)")
    assert seen["secret"] in ("FileNotFoundError", "PermissionError")
    assert seen["shadow"] in ("FileNotFoundError", "PermissionError")
    assert len(seen["pids"]) <= 5 and "work" not in seen["root"] and "home" not in seen["root"]
    assert seen["host"] != os.uname().nodename and seen["kill"] == "ProcessLookupError"


def test_files_are_read_only_but_for_tmp(probe):
    seen = probe(task="open('/var/task/x', 'w')", opt="open('/opt/x', 'w')", etc="open('/etc/x', 'w')",
                 usr="open('/usr/x', 'w')", root="open('/x', 'w')", tmp="open('/tmp/x', 'w').write('1')",
                 chmod="os.chmod('/var/task/app.py', 0o777)")
    assert seen.pop("tmp") == 1
    assert set(seen.values()) <= {"OSError", "PermissionError"}, seen


def lacks_outbound(server):
    """Why functions have no network on this machine, as the server said."""
    lines = [line for line in (server.folder / "server.log").read_text().splitlines() if "No network for functions" in line]
    return lines[0] if lines else None


def reach(*addresses):
    """What a function is asked, to tell whether it reaches each of these."""
    return {str(n): f"socket.create_connection(({host!r}, {port}), 5).recv(5).decode()" for n, (host, port) in enumerate(addresses)}


def check_the_network(server, world, probe):
    if lacks_outbound(server):
        pytest.skip(lacks_outbound(server))
    own = json.loads(subprocess.run(["ip", "-j", "-4", "addr"], capture_output=True, text=True).stdout)
    own = [a["local"] for link in own for a in link["addr_info"]]
    port = int(server.api.rsplit(":", 1)[1])
    closed = [("169.254.169.254", 80), ("10.0.0.1", 80), ("192.168.0.1", 80), ("172.17.0.1", 80), ("198.18.0.1", 9001),
              ("198.18.0.2", 9001), ("198.19.0.1", 22), *((address, port) for address in own)]
    seen = probe(**reach((world.ADDRESS, 80), *closed))
    assert seen.pop("0") == "hello"
    assert set(seen.values()) <= {"OSError", "ConnectionRefusedError", "TimeoutError"}, dict(zip(closed, seen.values()))
    assert "nameserver" in probe(n="open('/etc/resolv.conf').read()")["n"]


def test_functions_reach_public_addresses_and_nothing_else(server, world, probe):
    check_the_network(server, world, probe)


def test_tmp_does_not_count_as_memory_where_it_can_be_disk(server):
    warned = [line for line in (server.folder / "server.log").read_text().splitlines() if "/tmp of a function is memory" in line]
    if warned:
        pytest.skip(warned[0])
    name = server.create("""
        def handler(e, c):
            with open('/tmp/big', 'wb') as f:
                for _ in range(300):
                    f.write(bytes(1 << 20))
            return 'fits'
        """, MemorySize=128, EphemeralStorage={"Size": 512}, Timeout=60)
    assert server.invoke(name)[0] == "fits"


def test_tmp_has_the_size_that_was_asked(server):
    name = server.create("""
        def handler(e, c):
            try:
                with open('/tmp/big', 'wb') as f:
                    for _ in range(e['mb']):
                        f.write(bytes(1 << 20))
                return 'fits'
            except OSError as error:
                return error.strerror
        """, MemorySize=1024, EphemeralStorage={"Size": 512}, Timeout=30)
    assert server.invoke(name, {"mb": 100})[0] == "fits"
    assert server.invoke(name, {"mb": 600})[0] == "No space left on device"


@pytest.mark.parametrize("call", [
    "os.unshare(0x10000000)" if hasattr(os, "unshare") else "ctypes.CDLL(None, use_errno=True).unshare(0x10000000)",
    "ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None)",
    "ctypes.CDLL(None).syscall(321, 0, 0, 0)",  # bpf
    "ctypes.CDLL(None).syscall(250, 0, 0, 0)",  # keyctl
    "ctypes.CDLL(None).syscall(425, 1, 0)",  # io_uring_setup
])
def test_dangerous_calls_are_refused(probe, call):
    assert probe(x=call)["x"] in (-1, "OSError", "PermissionError", "AttributeError")


def test_processes_are_limited(server):
    name = server.create("""
        import os, time
        def handler(e, c):
            made = 0
            try:
                while made < 5000:
                    if os.fork() == 0:
                        time.sleep(20); os._exit(0)
                    made += 1
            except OSError:
                pass
            return made
        """, Timeout=20, MemorySize=512)
    payload, answer = server.invoke(name)
    assert answer.get("FunctionError") or payload < 1100
    assert server.invoke(server.create("def handler(e, c):\n    return 1\n"))[0] == 1, "another function felt it"


def test_the_api_is_reachable_with_the_functions_own_key(server):
    name = server.create("""
        import os, urllib.request
        def handler(e, c):
            assert os.environ["AWS_SESSION_TOKEN"]
            return urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_ebb/health").status
        """)
    assert server.invoke(name)[0] == 200


def test_instances_do_not_reach_each_other_or_the_hosts_loopback(server, probe):
    port = server.api.rsplit(":", 1)[1]
    seen = probe(api=f"socket.create_connection(('127.0.0.1', {port}), 2) and 'reached'")
    assert seen["api"] in ("ConnectionRefusedError", "OSError", "TimeoutError")
