"""A function that fails is told apart by how it failed, the caller hears of it as Lambda would say it, and the next
call finds a fresh instance."""
import time

import pytest

from conftest import tail


def failure(server, name, event=None, **options):
    payload, answer = server.invoke(name, event, **options)
    assert answer["StatusCode"] == 200 and answer["FunctionError"] == "Unhandled"
    return payload, answer


@pytest.mark.parametrize("runtime,source,kind,message", [
    ("python3.11", "def handler(e, c):\n    return {1, 2}\n", "Runtime.MarshalError", "set is not JSON serializable"),
    ("python3.11", "def handler(e, c):\n    raise KeyError('k')\n", "KeyError", "'k'"),
    ("python3.11", "import sys\ndef handler(e, c):\n    sys.exit(4)\n", "Runtime.ExitError", "exit status 4"),
    ("python3.11", "import os, signal\ndef handler(e, c):\n    os.kill(os.getpid(), signal.SIGKILL)\n",
     "Runtime.ExitError", "signal: killed"),
    ("nodejs20.x", "export const handler = async () => { process.exit(5); };", "Runtime.ExitError", "exit status 5"),
    ("nodejs20.x", "export const handler = async () => { Promise.reject(new Error('loose')); await new Promise(() => "
                   "setTimeout(() => {}, 5000)); };", "Runtime.UnhandledPromiseRejection", "loose"),
    ("nodejs20.x", "export const handler = () => new Promise(() => setTimeout(() => { throw new TypeError('late'); }, "
                   "10));", "TypeError", "late"),
    ("nodejs20.x", "export const handler = async () => { throw 'a string'; };", None, "a string"),
])
def test_handlers_that_fail(server, runtime, source, kind, message):
    payload, _ = failure(server, server.create(source, runtime))
    assert message in (payload if isinstance(payload, str) else payload["errorMessage"])
    if kind:
        assert payload["errorType"] == kind


@pytest.mark.parametrize("runtime,files,handler,kind", [
    ("python3.11", {"app.py": "raise RuntimeError('at import')\n"}, "app.handler", "RuntimeError"),
    ("python3.11", {"app.py": "import os; os._exit(7)\n"}, "app.handler", "Runtime.ExitError"),
    ("python3.11", {"app.py": "x = 1\n"}, "app.handler", "Runtime.HandlerNotFound"),
    ("python3.11", {"app.py": "x = 1\n"}, "other.handler", "Runtime.ImportModuleError"),
    ("python3.11", {"app.py": "x = 1\n"}, "nodot", "Runtime.MalformedHandlerName"),
    ("nodejs20.x", {"index.mjs": "export const x = 1;"}, "index.handler", "Runtime.HandlerNotFound"),
    ("nodejs20.x", {"index.js": "require('not-there'); exports.handler = 1;"}, "index.handler",
     "Runtime.ImportModuleError"),
    ("nodejs20.x", {"index.js": "exports.handler = async ( => 1"}, "index.handler", "Runtime.UserCodeSyntaxError"),
    ("nodejs20.x", {"index.mjs": "process.exit(3);"}, "index.handler", "Runtime.ExitError"),
    ("provided.al2023", {"readme": "no bootstrap"}, "x", "Runtime.InvalidEntrypoint"),
    ("provided.al2023", {"bootstrap": "#!/bin/sh\nexit 9\n"}, "x", "Runtime.ExitError"),
])
def test_an_init_failure_is_reported_as_what_it_is(server, runtime, files, handler, kind):
    started = time.time()
    payload, _ = failure(server, server.create(files, runtime, handler))
    assert payload["errorType"] == kind and "timed out" not in payload["errorMessage"]
    assert time.time() - started < 9, "it was found by waiting for a timeout"


def test_a_slow_init_runs_again_under_the_timeout_of_the_function(server):
    name = server.create("import time\ntime.sleep(11)\ndef handler(e, c):\n    return 'late but there'\n", Timeout=20)
    assert server.invoke(name)[0] == "late but there"


def test_a_handler_that_overruns_by_a_second_does_not_succeed(server):
    name = server.create("import time\nn = 0\ndef handler(e, c):\n    global n\n    n += 1\n    time.sleep(e['s'])\n"
                         "    return n\n", Timeout=1)
    payload, answer = failure(server, name, {"s": 2}, LogType="Tail")
    assert payload["errorType"] == "Sandbox.Timedout" and "Task timed out after 1.00 seconds" in payload["errorMessage"]
    assert "Task timed out after 1.00 seconds" in tail(answer) and "Status: timeout" in tail(answer)
    assert server.invoke(name, {"s": 0})[0] == 1, "the instance was not replaced"


def test_a_timeout_replaces_only_its_own_instance(server):
    import concurrent.futures
    name = server.create("import time, uuid\nme = uuid.uuid4().hex\ndef handler(e, c):\n    time.sleep(e['s'])\n"
                         "    return me\n", Timeout=3)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = pool.submit(server.invoke, name, {"s": 9})
        time.sleep(0.5)
        other = server.invoke(name, {"s": 0})[0]
        assert slow.result()[1]["FunctionError"] == "Unhandled"
    assert server.invoke(name, {"s": 0})[0] == other, "an instance that did nothing wrong was replaced"


@pytest.mark.parametrize("runtime,source", [
    ("python3.11", "def handler(e, c):\n    return len(bytearray(e['mb'] << 20))\n"),
    ("nodejs20.x", "export const handler = async (e) => Buffer.alloc(e.mb << 20, 1).length;"),
])
def test_memory_is_limited(server, runtime, source):
    name = server.create(source, runtime, MemorySize=128)
    assert server.invoke(name, {"mb": 8})[0] == 8 << 20
    payload, _ = failure(server, name, {"mb": 400})
    assert payload["errorType"] in ("Runtime.OutOfMemory", "Runtime.ExitError", "MemoryError")
    assert server.invoke(name, {"mb": 8})[0] == 8 << 20


def test_a_thrown_error_keeps_the_instance(server):
    name = server.create("n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    assert not e.get('fail'), n\n    return n\n")
    failure(server, name, {"fail": True})
    assert server.invoke(name)[0] == 2
