"""A link shortener as functions of Google Cloud."""

import base64
from urllib.parse import urlparse

import functions_framework

import store


@functions_framework.http
def links(request):
    code, *rest = request.path.strip("/").split("/")
    if request.method == "PUT" and not rest:
        return shorten(code, request.get_data(as_text=True))
    if request.method == "GET" and not rest:
        return follow(code)
    if request.method == "GET" and rest == ["clicks"]:
        return {"clicks": store.clicks(code)}
    return "not found", 404


def shorten(code, url):
    if not urlparse(url).netloc:
        return "the body must be a URL", 400
    store.write(code, url)
    return {"code": code, "url": url}, 201


def follow(code):
    url = store.read(code)
    if url is None:
        return "no such link", 404
    store.publish(code)
    return "", 302, {"location": url}


@functions_framework.cloud_event
def count_click(event):
    store.count(base64.b64decode(event.data["message"]["data"]).decode(), event["id"])


@functions_framework.cloud_event
def heartbeat(event):
    print("links are served", event["time"], flush=True)
