"""The Python boot: takes on one function over the boot protocol and feeds it events, one at a time or, where the
function's settings say so, several in threads.

The protocol is specified in crates/boot. What handlers see (errors, context, logging) follows AWS's interface client
for Python as of version 4.2. Start reading at `main`.
"""

import _sitebuiltins
import builtins
import json
import os
import sys

import ebb_logging
from ebb_context import LambdaContext
from ebb_handler import Fault, fault_of, error_object, load_handler
from ebb_marshal import Marshaller
from ebb_wire import Kind, Wire

SDK_FOLDER = "/var/runtime/python"


def main():
    wire = Wire(int(os.environ.pop("EBB_BOOT_FD")))
    version = "python%d.%d.%d" % sys.version_info[:3]
    wire.send(Kind.HELLO, 0, json.dumps({"protocol": 1, "runtime": version}).encode())
    kind, _, body = wire.receive()
    if kind == Kind.SHUTDOWN:
        return
    start = json.loads(bytes(body))
    os.environ.update(start["env"])
    os.chdir(start["root"])
    _set_search_path(start["root"])
    _set_standard_streams()
    _set_builtins()
    at_once = int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY") or 1)
    log = ebb_logging.install(wire, at_once > 1)
    if port := os.environ.get("EBB_INSPECT_PORT"):
        _listen_for_debuggers(int(port))
    handler = _initialise(wire, log, start["handler"])
    handle = _in_threads(wire, log, handler, at_once) if at_once > 1 else _one_by_one(wire, log, handler)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        handle = _restored(wire, log, handle)
    wire.send(Kind.READY, 0)
    _serve(wire, handle)


def _listen_for_debuggers(port):
    try:
        import debugpy
    except ImportError:
        print("no debugger can attach: debugpy is not among the function's packages; add it to its requirements.txt")
        return
    # In this process: an adapter of its own would outlive it.
    debugpy.listen(("127.0.0.1", port), in_process_debug_adapter=True)


def _serve(wire, handle):
    while True:
        kind, event_id, body = wire.receive()
        if kind == Kind.SHUTDOWN:
            sys.exit(0)
        if kind != Kind.INVOKE:
            continue
        metadata_end = 4 + int.from_bytes(body[:4], "little")
        handle(event_id, json.loads(bytes(body[4:metadata_end])), body[metadata_end:])


def _one_by_one(wire, log, handler):
    marshaller = Marshaller()

    def handle(event_id, metadata, event):
        if metadata.get("traceId"):
            os.environ["_X_AMZN_TRACE_ID"] = metadata["traceId"]
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        _handle(wire, log, handler, marshaller, event_id, metadata, event)

    return handle


def _in_threads(wire, log, handler, count):
    """As many threads as events may run at once, started as they are needed, each of which handles one at a time."""
    import queue
    import threading

    events = queue.SimpleQueue()
    idle = threading.Semaphore(0)
    started = 0

    def work():
        marshaller = Marshaller()
        while True:
            event = events.get()
            try:
                _handle(wire, log, handler, marshaller, *event)
            except BaseException as error:  # What would end the process in its main thread ends it here.
                _end_with(error)
            idle.release()

    def handle(*event):
        nonlocal started
        events.put(event)
        if not idle.acquire(blocking=False) and started < count:
            started += 1
            threading.Thread(target=work, name="ebb-%d" % started, daemon=True).start()

    return handle


def _restored(wire, log, handle):
    """The hooks that run after a restore run before the first event, whose failure theirs is."""
    waiting = True

    def restored(event_id, metadata, event):
        nonlocal waiting
        if waiting:
            waiting = False
            try:
                _run_hooks("get_after_restore", iter)
            except Exception as error:
                failure = error_object(fault_of(error), metadata["requestId"])
                _flush_standard_streams()
                log.error(failure)
                wire.send(Kind.FAILURE, event_id, Marshaller().dump(failure))
                sys.exit(1)
        handle(event_id, metadata, event)

    return restored


def _run_hooks(getter, order):
    """What the function has registered, where it has imported the library for that."""
    library = sys.modules.get("snapshot_restore_py")
    if library is not None:
        for func, args, kwargs in order(list(getattr(library, getter)())):
            func(*args, **kwargs)


def _end_with(error):
    """Ends the process as Python does where nobody catches this."""
    if not isinstance(error, SystemExit):
        sys.excepthook(type(error), error, error.__traceback__)
        status = 1
    elif error.code is None or isinstance(error.code, int):
        status = error.code or 0
    else:
        print(error.code, file=sys.stderr)
        status = 1
    _flush_standard_streams()
    os._exit(status & 0xFF)


def _handle(wire, log, handler, marshaller, event_id, metadata, event):
    request_id = metadata["requestId"]
    log.enter(event_id, request_id)
    try:
        context = LambdaContext(metadata)
        response = marshaller.dump(handler(marshaller.load(event), context))
        failure = None
    except Exception as error:
        failure = error_object(fault_of(error), request_id)
    _flush_standard_streams()
    if failure is None:
        wire.send(Kind.RESPONSE, event_id, response)
    else:
        log.error(failure)
        wire.send(Kind.FAILURE, event_id, marshaller.dump(failure))


def _initialise(wire, log, name):
    """Loads the handler, or reports why not and ends the process."""
    try:
        handler = load_handler(name)
        if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
            _run_hooks("get_before_snapshot", reversed)
        return handler
    except Exception as error:
        failure = error_object(fault_of(error), "")
        _flush_standard_streams()
        log.error(failure)
        wire.send(Kind.INIT_FAILED, 0, Marshaller().dump(failure))
        sys.exit(1)


def _set_search_path(root):
    """The package, its layers, what PYTHONPATH names, the standard library, and last the SDK of the platform
    and what the runtimes bring beside it.

    The packages of the interpreter's own installation stay out: they are the host's, not the function's.
    """
    ours = os.path.dirname(os.path.abspath(__file__))
    layer = "/opt/python/lib/python%d.%d/site-packages" % sys.version_info[:2]
    first = [root, layer, "/opt/python"]
    first += [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    installed = ("site-packages", "dist-packages")
    library = [
        entry
        for entry in sys.path
        if entry and entry != ours and entry not in first and os.path.basename(entry) not in installed
    ]
    sys.path[:] = first + library + [SDK_FOLDER, os.path.join(ours, "library")]
    sys.path_importer_cache.clear()


def _set_standard_streams():
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _set_builtins():
    """The builtins that an interpreter started with -S lacks."""
    for name in ("exit", "quit"):
        if not hasattr(builtins, name):
            setattr(builtins, name, _sitebuiltins.Quitter(name, "the end of the input"))


def _flush_standard_streams():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # The function closed or replaced it.
