"""Loads the handler, and turns what went wrong into error objects."""

import importlib
import os
import sys
import traceback

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Fault(Exception):
    """A failure with a type of the platform's: the function could not be loaded, or its data not be converted."""

    def __init__(self, error_type, message, trace=()):
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.trace = trace


def load_handler(name):
    """The object that `module.attribute` names; the module may be a path with slashes."""
    module_name, dot, attribute = name.rpartition(".")
    if not dot:
        raise Fault(
            "Runtime.MalformedHandlerName",
            "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name,
        )
    module = _import(module_name)
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise Fault(
            "Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (attribute, module_name)
        ) from None


def _import(name):
    if name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % name
        )
    try:
        return importlib.import_module(name.replace("/", "."))
    except ImportError as error:
        raise Fault(
            "Runtime.ImportModuleError", "Unable to import module '%s': %s" % (name, error)
        ) from error
    except SyntaxError as error:
        place = '  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)
        raise Fault(
            "Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (name, error), [place]
        ) from error


def fault_of(error):
    """The given exception as a fault; the trace begins where the boot's own frames end."""
    if isinstance(error, Fault):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    while frames and frames[0].filename.startswith(_OURS):
        del frames[0]
    # Plain tuples: no column marks, whatever the version of the interpreter.
    plain = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in frames]
    try:
        message = str(error)
    except Exception:
        message = "<the exception has no text: its __str__ raises>"
    return Fault(type(error).__name__, message, traceback.format_list(plain))


def error_object(fault, request_id):
    return {
        "errorMessage": fault.message,
        "errorType": fault.error_type,
        "requestId": request_id,
        "stackTrace": list(fault.trace),
    }
