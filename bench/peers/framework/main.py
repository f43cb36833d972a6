"""The benchmark's handler on Google's functions framework."""
import functions_framework


@functions_framework.http
def hello(request):
    return "hello", 200, {"content-type": "text/plain"}
