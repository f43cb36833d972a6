"""Events from JSON, answers to JSON.

Lambda encodes answers with simplejson's rules, which differ from the standard library's: decimals are numbers, bytes
are UTF-8 text, named tuples are objects. Those rules are kept here on top of the standard encoder.
"""

import json
import os
import re
import sys

from ebb_handler import Fault

_ATOMS = frozenset((str, int, float, bool, type(None)))


class Marshaller:
    def __init__(self):
        # Since Python 3.12 Lambda leaves characters as they are; before, it escaped them.
        runtime = os.environ.get("AWS_EXECUTION_ENV", "")
        minor = re.fullmatch(r"AWS_Lambda_python3\.(\d+)", runtime)
        escaped = minor is None or int(minor[1]) < 12
        self._encoder = json.JSONEncoder(ensure_ascii=escaped, default=self._default)
        self._has_numbers = False
        # Marks decimals, which the standard encoder can only write as strings, until the text is whole.
        self._mark = "ebb-decimal-%s:" % os.urandom(12).hex()
        self._marked = re.compile('"%s([^"]*)"' % self._mark)

    def load(self, event):
        try:
            return json.loads(bytes(event))
        except Exception as error:
            raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error) from error

    def dump(self, answer):
        """The answer as bytes; bytes pass as they are."""
        if isinstance(answer, bytes):
            return answer
        try:
            if type(answer) not in _ATOMS and _holds_named_tuple(answer):
                answer = _plain(answer)
            return self._encoded(answer).encode("utf-8")
        except Exception as error:
            raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error) from error

    def _encoded(self, answer):
        self._has_numbers = False
        try:
            text = self._encoder.encode(answer)
        except TypeError:
            # Perhaps a key in bytes, which the standard encoder refuses.
            text = self._encoder.encode(_plain(answer))
        return self._marked.sub(r"\1", text) if self._has_numbers else text

    def _default(self, value):
        # A function that has decimals has imported their module; the boot need not.
        decimal = sys.modules.get("decimal")
        if decimal is not None and isinstance(value, decimal.Decimal):
            if value.is_nan():
                return float("nan")
            self._has_numbers = True
            return self._mark + str(value)
        if isinstance(value, bytes):
            return value.decode("utf-8")
        as_dict = getattr(value, "_asdict", None)
        if callable(as_dict):
            return as_dict()
        raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def _is_named_tuple(value):
    return isinstance(value, tuple) and callable(getattr(value, "_asdict", None))


def _holds_named_tuple(answer):
    seen, waiting = set(), [answer]
    while waiting:
        value = waiting.pop()
        if type(value) in _ATOMS:
            continue
        if not isinstance(value, (dict, list, tuple)) or id(value) in seen:
            continue
        if _is_named_tuple(value):
            return True
        seen.add(id(value))
        waiting.extend(value.values() if isinstance(value, dict) else value)
    return False


def _plain(value, above=()):
    """The same without named tuples and keys in bytes."""
    if type(value) in _ATOMS or not isinstance(value, (dict, list, tuple)):
        return value
    if id(value) in above:
        raise ValueError("Circular reference detected")
    above = above + (id(value),)
    if _is_named_tuple(value):
        value = value._asdict()
    if isinstance(value, dict):
        return {
            key.decode("utf-8") if isinstance(key, bytes) else key: _plain(item, above)
            for key, item in value.items()
        }
    return [_plain(item, above) for item in value]
