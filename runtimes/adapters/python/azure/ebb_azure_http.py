"""The app's server: requests to its HTTP triggers, and the events of the platform. One thread answers one request."""

import hashlib
import hmac
import json
import logging
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import ebb_azure_app as app
import ebb_azure_bindings as bindings
import ebb_azure_events as events
from azure.functions import HttpRequest, HttpResponse, meta
from ebb_azure_routes import Template


class Route:
    def __init__(self, function, prefix):
        trigger = function.trigger
        own = app.setting(trigger.get("route") or function.name).lstrip("/")
        self.function = function
        self.template = Template(f"{prefix}/{own}" if prefix else own)
        self.methods = [method.upper() for method in trigger.get("methods") or []]
        self.level = str(trigger.get("authLevel") or "function").lower()


def serve(port):
    prefix = app.host.get("extensions", {}).get("http", {}).get("routePrefix", "api").strip("/")
    routes = [Route(function, prefix) for function in app.functions.values() if function.is_a("httptrigger")]
    Handler.routes = sorted(routes, key=lambda route: route.template.rank)
    Server(("", port), Handler).serve_forever()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    routes = []

    def answer(self):
        try:
            body = self._body()
            if self.headers.get("ebb-event"):
                told = json.dumps(events.handle(json.loads(body))).encode()
                self._send(200, {"content-type": "application/json"}, told)
            else:
                self._request(body)
        except Exception:
            # The text of an error is for the log, never for the public.
            logging.exception("a request failed")
            self._send(500, {}, b"")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = answer

    def log_message(self, *_):
        """The platform logs requests itself."""

    def _body(self):
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _request(self, body):
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        for route in self.routes:
            if route.methods and self.command not in route.methods:
                continue
            parameters = route.template.match(parts.path)
            if parameters is not None:
                break
        else:
            return self._send(404, {}, b"")
        if not _allowed(route.level, self.headers.get("x-functions-key") or query.get("code")):
            return self._send(401, {}, b"")
        function = route.function
        scheme, host = self.headers.get("x-forwarded-proto", "http"), self.headers.get("host", "localhost")
        request = HttpRequest(
            method=self.command, url=f"{scheme}://{host}{self.path}", headers=dict(self.headers.items()),
            params=query, route_params=parameters, body=body,
        )
        known = {**_members(body), **query, **parameters, "query": query, "headers": dict(self.headers)}
        inputs = {function.trigger["name"]: request, **bindings.read_inputs(function, known)}
        returned, outputs = app.invoke(function, inputs)
        return self._answer(bindings.fill_outputs(function, returned, outputs, known))

    def _answer(self, value):
        if value is None:
            return self._send(204, {}, b"")
        if isinstance(value, str):
            return self._send(200, {"content-type": "text/plain; charset=utf-8"}, value.encode())
        if not isinstance(value, HttpResponse):
            raise TypeError(f"an HTTP function returned a {type(value).__name__} and no func.HttpResponse")
        cookies = value.headers.get_all("Set-Cookie") if "Set-Cookie" in value.headers else []
        encoded: meta.Datum = bindings.encode("http", value)
        headers = {name: datum.value for name, datum in encoded.value["headers"].items() if name.lower() != "set-cookie"}
        return self._send(int(encoded.value["status_code"].value), headers, encoded.value["body"].value, cookies)

    def _send(self, status, headers, body, cookies=()):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        for cookie in cookies:
            self.send_header("set-cookie", cookie)
        if status not in (204, 304):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)


def _members(body):
    """What binding expressions may name of a request's JSON."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _allowed(level, given):
    if level == "anonymous":
        return True
    keys = [os.environ.get("EBB_MASTER_KEY")]
    if level == "function":
        keys.append(os.environ.get("EBB_FUNCTION_KEY"))
    def digest(text):
        return hashlib.sha256(text.encode()).digest()
    return any(given and key and hmac.compare_digest(digest(given), digest(key)) for key in keys)
