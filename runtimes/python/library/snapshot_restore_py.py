"""Hooks around the wait of an initialised instance for its first event, which stands for a snapshot and its restore.

The names are those of the library that the Python runtimes of Lambda bring; a package's own copy of that comes first.
Source: the Lambda developer guide, "Lambda SnapStart runtime hooks for Python".
"""

_before_snapshot = []
_after_restore = []


def register_before_snapshot(func, *args, **kwargs):
    """Has `func` called when the function is initialised; the last that was registered first. Also a decorator."""
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(func, *args, **kwargs):
    """Has `func` called before the first event, in the order of registration. Also a decorator."""
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot():
    """What was registered: each function with its arguments."""
    return _before_snapshot


def get_after_restore():
    """What was registered: each function with its arguments."""
    return _after_restore
