"""Serves an app of Azure Functions: loads `function_app.py`, which says its functions, and takes requests and events.

Source: the Azure Functions documentation, "Python developer reference", model v2 (2026-11).

    python3 main.py                 serves on $PORT
    python3 main.py index FILE      writes what the app registered into FILE, and ends
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import ebb_azure_app as app  # noqa: E402


def main():
    app.load()
    if sys.argv[1:2] == ["index"]:
        functions = [
            {"name": function.name, "bindings": function.bindings, "retry": function.retry}
            for function in app.functions.values()
        ]
        with open(sys.argv[2], "w", encoding="utf-8") as file:
            json.dump(functions, file)
        # The app may have started threads that never end.
        sys.stdout.flush()
        os._exit(0)
    import ebb_azure_http
    ebb_azure_http.serve(int(os.environ.get("PORT", "8080")))


main()
