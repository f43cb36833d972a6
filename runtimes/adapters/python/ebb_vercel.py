"""Functions of Vercel's `api` folder in Python: a `BaseHTTPRequestHandler` class, or a WSGI or ASGI application.

Source: the Vercel documentation, "Python runtime" (2026-11).
"""

import asyncio
import base64
import importlib.util
import inspect
import io
import json
import os
import sys
import traceback
from urllib.parse import unquote_to_bytes

# Marks requests that are events of the platform; no client can send it.
_EVENT = "ebb-event"
_HERE = os.path.dirname(os.path.abspath(__file__))


def load(file, path):
    """The handler for the module in `file`, which answers at `path`."""
    spec = importlib.util.spec_from_file_location("ebb_function", os.path.join(_HERE, file))
    module = importlib.util.module_from_spec(spec)
    folder = os.path.dirname(os.path.join(_HERE, file))
    if folder not in sys.path:
        sys.path.append(folder)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    answer = _kind(module, file)

    def handler(event, _context):
        if "http" not in (event.get("requestContext") or {}):
            return _told(answer, event, path)
        event["headers"].pop(_EVENT, None)
        try:
            return answer(_Request(event))
        except Exception:  # noqa: BLE001 - its text is for the log, never for the public
            traceback.print_exc()
            return _response(500, [(b"content-type", b"text/plain")], b"Internal Server Error")

    return handler


def _told(answer, event, path):
    """Has a function answer an event that is no request: a POST to its path, with the event as JSON."""
    answered = answer(_Request({
        "headers": {"host": "localhost", "content-type": "application/json", _EVENT: "1"},
        "body": json.dumps(event),
        "requestContext": {"http": {"method": "POST", "path": path}},
    }))
    if answered["statusCode"] >= 400:
        raise RuntimeError(f"the event was answered with {answered['statusCode']}")
    try:
        return json.loads(base64.b64decode(answered["body"]))
    except ValueError:
        return None


def _kind(module, file):
    own = getattr(module, "handler", None) or getattr(module, "Handler", None)
    if inspect.isclass(own):
        return lambda request: _by_class(own, request)
    app = getattr(module, "app", None) or getattr(module, "application", None)
    if app is None:
        raise ImportError(f"{file} defines neither a class `handler` nor an application `app`")
    call = app if inspect.isfunction(app) else type(app).__call__
    if inspect.iscoroutinefunction(call) or len(_positional(app)) == 3:
        asgi = _Asgi(app)
        return asgi.answer
    return lambda request: _by_wsgi(app, request)


def _positional(app):
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return []
    return [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]


class _Request:
    def __init__(self, event):
        http = event["requestContext"]["http"]
        self.method, self.path, self.query = http["method"], http["path"], event.get("rawQueryString", "")
        self.headers = dict(event.get("headers", {}))
        if event.get("cookies"):
            self.headers["cookie"] = "; ".join(event["cookies"])
        body = event.get("body") or ""
        self.body = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
        self.headers["content-length"] = str(len(self.body))
        self.address = http.get("sourceIp", "127.0.0.1")

    @property
    def target(self):
        return f"{self.path}?{self.query}" if self.query else self.path


def _response(status, headers, body):
    plain, cookies = {}, []
    for name, value in headers:
        name, value = name.decode("latin-1").lower(), value.decode("latin-1")
        if name == "set-cookie":
            cookies.append(value)
        elif name not in ("connection", "transfer-encoding"):
            plain[name] = f"{plain[name]}, {value}" if name in plain else value
    return {
        "statusCode": status,
        "headers": plain,
        "cookies": cookies,
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def _by_class(kind, request):
    """Lets a handler class read a request and write a response as if from and to a socket."""
    lines = [f"{request.method} {request.target} HTTP/1.0"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    raw = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + request.body
    out = io.BytesIO()

    class Once(kind):
        def setup(self):
            self.rfile, self.wfile, self.timeout = io.BytesIO(raw), out, None
            self.connection = None

        def finish(self):
            pass

        def log_message(self, format, *args):  # noqa: A002 - the name is the base class's
            print(format % args)

    Once.__name__ = kind.__name__
    Once(None, (request.address, 0), None)
    head, _, body = out.getvalue().partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    status = int(first.split(b" ", 2)[1])
    headers = [tuple(part.strip() for part in line.split(b":", 1)) for line in rest if b":" in line]
    return _response(status, headers, b"" if request.method == "HEAD" else body)


def _by_wsgi(app, request):
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "SERVER_NAME": request.headers.get("host", "localhost").split(":")[0],
        "SERVER_PORT": request.headers.get("x-forwarded-port", "80"),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.address,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.headers.get("x-forwarded-proto", "http"),
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if name not in ("content-type", "content-length"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    begun, written = [], []

    def start_response(status, headers, exc_info=None):
        if exc_info and begun and written:
            raise exc_info[1].with_traceback(exc_info[2])
        begun[:] = [int(status.split(" ", 1)[0]), headers]
        return written.append

    result = app(environ, start_response)
    try:
        written.extend(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    status, headers = begun
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return _response(status, pairs, b"".join(written))


class _Asgi:
    """An application with one loop for all of its requests, which is told of its start as servers tell it.

    Source: the ASGI specification, "HTTP" and "Lifespan".
    """

    def __init__(self, app):
        self.app, self.loop, self.state = app, asyncio.new_event_loop(), {}
        self.begun = False

    def answer(self, request):
        if not self.begun:
            self.loop.run_until_complete(self._begin())
            self.begun = True
        return self.loop.run_until_complete(_by_asgi(self.app, request, self.state))

    async def _begin(self):
        """Has the application start; one that knows nothing of that just goes on."""
        started, failure = asyncio.Event(), []
        told = [{"type": "lifespan.startup"}]

        async def receive():
            return told.pop() if told else await asyncio.Event().wait()

        async def send(message):
            if message["type"] == "lifespan.startup.failed":
                failure.append(message.get("message", ""))
            started.set()

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        # Kept, or the loop might forget it.
        self.life = asyncio.ensure_future(self.app(scope, receive, send))
        waiting = asyncio.ensure_future(started.wait())
        await asyncio.wait([self.life, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.life.done():
            # Read, or it would be complained about.
            self.life.exception()
        if failure:
            raise RuntimeError(f"the application did not start: {failure[0]}")


async def _by_asgi(app, request, state):
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.headers.get("x-forwarded-proto", "http"),
        "path": unquote_to_bytes(request.path).decode("utf-8", "replace"),
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in request.headers.items()],
        "client": (request.address, 0),
        "server": (request.headers.get("host", "localhost").split(":")[0], 80),
        "state": dict(state),
    }
    sent, begun, received = [], [500, []], []

    async def receive():
        if not received:
            received.append(True)
            return {"type": "http.request", "body": request.body, "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.start":
            begun[:] = [message["status"], [tuple(bytes(part) for part in pair) for pair in message.get("headers", [])]]
        elif message["type"] == "http.response.body":
            sent.append(message.get("body", b""))

    await app(scope, receive, send)
    return _response(begun[0], begun[1], b"".join(sent))
