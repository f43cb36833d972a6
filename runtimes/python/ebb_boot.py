"""The Python boot: takes on one function over the boot protocol and feeds it events, one at a time.

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
    log = ebb_logging.install(wire)
    handler = _initialise(wire, log, start["handler"])
    wire.send(Kind.READY, 0)
    _serve(wire, log, handler, Marshaller())


def _serve(wire, log, handler, marshaller):
    while True:
        kind, event_id, body = wire.receive()
        if kind == Kind.SHUTDOWN:
            sys.exit(0)
        if kind != Kind.INVOKE:
            continue
        metadata_end = 4 + int.from_bytes(body[:4], "little")
        metadata = json.loads(bytes(body[4:metadata_end]))
        _handle(wire, log, handler, marshaller, event_id, metadata, body[metadata_end:])


def _handle(wire, log, handler, marshaller, event_id, metadata, event):
    request_id = metadata["requestId"]
    log.enter(event_id, request_id)
    if metadata.get("traceId"):
        os.environ["_X_AMZN_TRACE_ID"] = metadata["traceId"]
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
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
        return load_handler(name)
    except Exception as error:
        failure = error_object(fault_of(error), "")
        _flush_standard_streams()
        log.error(failure)
        wire.send(Kind.INIT_FAILED, 0, Marshaller().dump(failure))
        sys.exit(1)


def _set_search_path(root):
    """The package, its layers, what PYTHONPATH names, the standard library, and last the SDK of the platform.

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
    sys.path[:] = first + library + [SDK_FOLDER]
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
