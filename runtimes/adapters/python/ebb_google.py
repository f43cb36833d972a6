"""Starts the functions framework of the project; it reads what to serve from its environment."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.chdir(ROOT)
# The folder of this file is no place for the project's imports, its own is.
sys.path[0] = ROOT

import functions_framework  # noqa: E402
from functions_framework._cli import _cli  # noqa: E402


def crashed(error):
    """The text of an error is for the log, which has it already, never for the public: so is it on the platform."""
    return "Internal Server Error", 500, {"X-Google-Status": "crash"}


functions_framework.crash_handler = crashed
sys.argv = ["functions-framework"]
_cli(prog_name="functions-framework")
