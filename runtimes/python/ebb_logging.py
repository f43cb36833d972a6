"""The root logger of functions: one Log frame for each record, as text or as JSON."""

import json
import logging
import os
import sys
import threading
import time
import traceback

from ebb_wire import Kind

_DATE = "%Y-%m-%dT%H:%M:%SZ"
# Levels of the standard library in tens, as levels of the protocol.
_WIRE_LEVELS = {10: 2, 20: 3, 30: 4, 40: 5, 50: 6}
_ERROR = 5
_NO_BREAK_SPACE = "\u00a0"
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode

# What every record has; anything else on one came in by `extra`.
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "aws_request_id", "tenant_id"}


def install(wire, several):
    """Puts our handler on the root logger and returns the sink that it writes to; `several` where events are handled in
    threads of their own."""
    as_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    sink = LogSink(wire, as_json, _OfThread() if several else _Event())
    handler = LambdaLoggerHandler(sink)
    handler.addFilter(sink.mark)
    logging.Formatter.converter = time.gmtime
    if as_json:
        handler.setFormatter(JsonFormatter())
    else:
        line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        handler.setFormatter(logging.Formatter(line, "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.addHandler(handler)
    level = "DEBUG" if level == "TRACE" else level
    if isinstance(logging.getLevelName(level), int):
        root.setLevel(level)
    return sink


class _Event:
    """The event that is being handled."""

    id = 0
    request_id = ""


class _OfThread(_Event, threading.local):
    """The same, for each thread."""


class LogSink:
    """Sends log events, each under the event that is being handled."""

    def __init__(self, wire, as_json, current):
        self._wire = wire
        self._as_json = as_json
        self._current = current

    def enter(self, event_id, request_id):
        """From now on, what is logged (in this thread, where each handles its own) belongs to this event."""
        self._current.id, self._current.request_id = event_id, request_id

    def mark(self, record):
        """As a filter: gives a record the id of the request."""
        record.aws_request_id = self._current.request_id
        record.tenant_id = None
        return True

    def log(self, message, level=0, created=None):
        if not self._wire.is_open:
            sys.stdout.write(message if message.endswith("\n") else message + "\n")
            return
        milliseconds = int((time.time() if created is None else created) * 1000)
        prefix = bytes((level,)) + milliseconds.to_bytes(8, "little", signed=True)
        self._wire.send(Kind.LOG, self._current.id, prefix, message.encode("utf-8", "backslashreplace"))

    def error(self, error):
        """Logs an error object that the function's caller is about to get."""
        self.log(_error_json(error) if self._as_json else _error_text(error), _ERROR)


class LambdaLoggerHandler(logging.Handler):
    def __init__(self, log_sink):
        super().__init__()
        self.log_sink = log_sink

    def emit(self, record):
        try:
            level = _WIRE_LEVELS.get(_tens(record.levelno), 0)
            self.log_sink.log(self.format(record), level, record.created)
        except Exception:
            self.handleError(record)


class JsonFormatter(logging.Formatter):
    """Source of the keys: the Lambda developer guide, "Using structured JSON logs with Python"."""

    def __init__(self):
        super().__init__(datefmt=_DATE)

    def format(self, record):
        kind, value, trace = record.exc_info or (None, None, None)
        whole = isinstance(record.msg, dict) and not record.args
        fields = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": logging.getLevelName(_tens(record.levelno)),
            "message": record.msg if whole else record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(trace) if kind else None,
            "errorType": kind.__name__ if kind else None,
            "errorMessage": str(value) if kind else None,
            "requestId": getattr(record, "aws_request_id", None),
            "location": "%s:%s:%s" % (record.pathname, record.funcName, record.lineno) if kind else None,
        }
        for key, value in vars(record).items():
            if key not in _STANDARD_FIELDS:
                fields.setdefault(key, value)
        return _encode({key: value for key, value in fields.items() if value is not None}) + "\n"


def _tens(level):
    return min(50, max(0, level)) // 10 * 10


def _error_json(error):
    timestamp = time.strftime(_DATE, time.gmtime())
    return _encode({"timestamp": timestamp, "level": "ERROR", **error})


def _error_text(error):
    head = ": ".join(part for part in (error["errorType"], error["errorMessage"]) if part)
    lines = ["[ERROR] " + head, "Traceback (most recent call last):"]
    for entry in error["stackTrace"]:
        for line in entry.splitlines():
            text = line.lstrip(" ")
            # Spaces at the start of a line are lost on the way to some readers.
            lines.append(_NO_BREAK_SPACE * (len(line) - len(text)) + text)
    return "\n".join(lines)
