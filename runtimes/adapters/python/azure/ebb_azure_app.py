"""The app: its settings, its functions, and one invocation of a function."""

import asyncio
import contextvars
import importlib
import inspect
import json
import logging
import os
import re
import sys
import threading
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# By name, in the order in which they were said.
functions = {}
host = {}

# The invocation that runs here, as the log knows it.
current = contextvars.ContextVar("ebb_invocation", default=None)

_loop = asyncio.new_event_loop()


class Function:
    def __init__(self, declared):
        self.name = declared.get_function_name()
        self.call = declared.get_user_function()
        # By way of JSON: enumerations become the texts that function.json has.
        self.bindings = [json.loads(binding) for binding in declared.get_raw_bindings()]
        self.retry = declared.get_settings_dict("retry_policy") if hasattr(declared, "get_settings_dict") else None
        trigger = [one for one in self.bindings if one["type"].lower().endswith("trigger")]
        if not trigger:
            raise ValueError(f"the function {self.name} has no trigger")
        self.trigger = trigger[0]
        signature = inspect.signature(self.call)
        self.parameters = signature.parameters
        self.returns = None if signature.return_annotation is signature.empty else signature.return_annotation
        self.wants_context = "context" in self.parameters

    def is_a(self, *kinds):
        return self.trigger["type"].lower() in kinds


class TraceContext:
    def __init__(self):
        self.trace_parent = self.Traceparent = ""
        self.trace_state = self.Tracestate = ""
        self.attributes = self.Attributes = {}


class RetryContext:
    def __init__(self, count, most):
        self.retry_count, self.max_retry_count, self.exception = count, most, None


class Context:
    """What a function that takes `context` gets. Source: "Python developer reference", "Context"."""

    def __init__(self, function, retry=None):
        self.invocation_id = str(uuid.uuid4())
        self.function_name = function.name
        self.function_directory = ROOT
        self.trace_context = TraceContext()
        self.retry_context = retry
        self.thread_local_storage = threading.local()


class Output:
    """Takes the value of an output binding, for parameters of the type `func.Out`."""

    def __init__(self):
        self.value = None

    def set(self, value):
        self.value = value

    def get(self):
        return self.value


class _Filter(logging.Filter):
    def filter(self, record):
        return not record.name.startswith(("azure.functions.", "asyncio", "urllib3"))


def load():
    """Reads host.json, and has `function_app.py` say its functions."""
    os.chdir(ROOT)
    sys.path.insert(0, ROOT)
    host.update(_read_host())
    level = str(host.get("logging", {}).get("logLevel", {}).get("default", "Information")).lower()
    levels = {"trace": 5, "debug": 10, "information": 20, "warning": 30, "error": 40, "critical": 50, "none": 100}
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.addFilter(_Filter())
    logging.basicConfig(level=levels.get(level, 20), handlers=[handler])
    module = importlib.import_module("function_app")
    # Blueprints have no functions of their own: they are registered in an app.
    apps = [value for value in vars(module).values() if _is_app(value)]
    if not apps:
        raise SystemExit("function_app.py makes no FunctionApp")
    for app in apps:
        for one in app.get_functions():
            function = Function(one)
            if function.name in functions:
                raise SystemExit(f"two functions have the name {function.name}")
            functions[function.name] = function
    threading.Thread(target=_loop.run_forever, daemon=True).start()


def _is_app(value):
    return not isinstance(value, type) and callable(getattr(value, "get_functions", None))


def _read_host():
    try:
        with open(os.path.join(ROOT, "host.json"), encoding="utf-8-sig") as file:
            text = file.read()
    except FileNotFoundError:
        return {}
    try:
        return json.loads(text)
    except ValueError:
        comment = r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/'
        return json.loads(re.sub(comment, lambda found: found.group(1) or "", text, flags=re.S))


def setting(text):
    """A value with `%SETTING%` in it."""
    return re.sub(r"%([^%]+)%", lambda found: os.environ.get(found.group(1), found.group(0)), str(text))


def invoke(function, inputs, retry=None):
    """Runs a function with the values of its bindings by name; gives what it returned and its outputs by name."""
    context = Context(function, retry)
    arguments = {name: value for name, value in inputs.items() if name in function.parameters}
    outputs = {}
    for binding in function.bindings:
        name = binding.get("name")
        if binding.get("direction", "").upper() == "OUT" and name in function.parameters:
            arguments[name] = outputs[name] = Output()
    if function.wants_context:
        arguments["context"] = context
    token = current.set(context)
    try:
        returned = function.call(**arguments)
        if inspect.isawaitable(returned):
            returned = asyncio.run_coroutine_threadsafe(_awaited(returned), _loop).result()
    finally:
        current.reset(token)
    return returned, {name: output.value for name, output in outputs.items()}


async def _awaited(value):
    return await value
