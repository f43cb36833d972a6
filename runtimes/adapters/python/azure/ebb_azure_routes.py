"""Route templates of HTTP triggers, as ASP.NET has them: `items/{id:int}`, `{name?}`, `{*rest}`.

Source: the Azure Functions documentation, "HTTP trigger", "Customize the HTTP endpoint", and the ASP.NET Core
documentation, "Routing", "Route constraints" (2026-11).
"""

import re
import uuid
from datetime import datetime
from urllib.parse import unquote


def _number(text):
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


def _integer(text):
    return re.fullmatch(r"-?\d+", text) is not None


def _parses(parse, text):
    try:
        parse(text)
        return True
    except ValueError:
        return False


def _braces(text):
    return text.replace("{{", "{").replace("}}", "}")


TESTS = {
    "int": lambda value: _integer(value) and abs(int(value)) <= 2147483648,
    "long": _integer,
    "bool": lambda value: value.lower() in ("true", "false"),
    "decimal": _number,
    "double": lambda value: _parses(float, value),
    "float": lambda value: _parses(float, value),
    "guid": lambda value: _parses(uuid.UUID, value),
    "datetime": lambda value: _parses(datetime.fromisoformat, value),
    "alpha": lambda value: re.fullmatch(r"[A-Za-z]*", value) is not None,
    "required": lambda value: value != "",
    "minlength": lambda value, least: len(value) >= int(least),
    "maxlength": lambda value, most: len(value) <= int(most),
    "length": lambda value, least, most=None: int(least) <= len(value) <= int(most or least),
    "min": lambda value, least: _integer(value) and int(value) >= int(least),
    "max": lambda value, most: _integer(value) and int(value) <= int(most),
    "range": lambda value, least, most: _integer(value) and int(least) <= int(value) <= int(most),
    # Braces are written twice in a template.
    "regex": lambda value, *parts: re.search(_braces(",".join(parts)), value, re.I) is not None,
}

_PARAMETER = re.compile(r"([^:=]+)((?::(?:[^=(]|\((?:[^()]|\([^()]*\))*\))*)*)(?:=(.*))?", re.S)
_TEST = re.compile(r":([a-z]+)(?:\(((?:[^()]|\([^()]*\))*)\))?", re.I)


class Template:
    """A template, ready to be matched with paths. `rank` orders them: what says more of a path comes first."""

    def __init__(self, template):
        self.segments = [_Segment(text) for text in _split(template.strip("/"))]
        # A path that ends is said more of than one that may go on.
        self.rank = [segment.rank for segment in self.segments] + [2.5]

    def match(self, path):
        """The parameters of a path, decoded; none where the template is not its."""
        trimmed = path.strip("/")
        parts = trimmed.split("/") if trimmed else []
        found = {}
        for at, segment in enumerate(self.segments):
            if segment.catch_all:
                rest = unquote("/".join(parts[at:]))
                if rest:
                    found[segment.names[0]] = rest
                return found if segment.holds(found) else None
            if at >= len(parts):
                if not segment.optional:
                    return None
                found.update(segment.defaults)
                continue
            matched = segment.regex.fullmatch(unquote(parts[at]))
            if matched is None:
                return None
            found.update(zip(segment.names, matched.groups()))
            if not segment.holds(found):
                return None
        return None if len(parts) > len(self.segments) else found


def _split(template):
    segments, depth = [""], 0
    for character in template:
        depth += (character == "{") - (character == "}")
        if character == "/" and depth == 0:
            segments.append("")
        else:
            segments[-1] += character
    return [segment for segment in segments if segment]


class _Segment:
    def __init__(self, text):
        self.names, self.constraints, self.defaults = [], [], {}
        self.optional = self.catch_all = False
        pattern, rest = "", text
        while rest:
            if not rest.startswith("{"):
                end = rest.find("{") if "{" in rest else len(rest)
                pattern += re.escape(rest[:end])
                rest = rest[end:]
                continue
            end = _closing(rest)
            self._parameter(rest[1:end])
            rest = rest[end + 1:]
            pattern += "(.+?)" if rest else "(.+)"
        self.regex = re.compile(pattern, re.I | re.S)
        whole = len(self.names) == 1 and text.startswith("{") and text.endswith("}")
        self.rank = (
            0 if not self.names else 4 if self.catch_all else 1 if not whole else 2 if self.constraints else 3
        )

    def _parameter(self, inside):
        if inside.startswith("*"):
            self.catch_all = True
            inside = inside.lstrip("*")
        if inside.endswith("?"):
            self.optional = True
            inside = inside[:-1]
        name, tests, default = _PARAMETER.fullmatch(inside).groups()
        if default is not None:
            self.optional = True
            self.defaults[name] = default
        for test, arguments in _TEST.findall(tests):
            self.constraints.append((name, test.lower(), arguments.split(",") if arguments else []))
        self.names.append(name)

    def holds(self, found):
        for name, test, arguments in self.constraints:
            if name in found and test in TESTS and not TESTS[test](found[name], *arguments):
                return False
        return True


def _closing(text):
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return at
    return len(text)
