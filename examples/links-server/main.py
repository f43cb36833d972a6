"""A link shortener as a web server of its own.

It listens on $PORT; all that it knows of the platform is how events come, as requests that no client can make.
"""

from urllib.parse import urlparse

from flask import Flask, redirect, request

import store

app = Flask(__name__)


@app.put("/<code>")
def shorten(code):
    url = request.get_data(as_text=True)
    if not urlparse(url).netloc:
        return "the body must be a URL", 400
    store.write(code, url)
    return {"code": code, "url": url}, 201


@app.get("/<code>")
def follow(code):
    url = store.read(code)
    if url is None:
        return "no such link", 404
    store.send(code)
    return redirect(url)


@app.get("/<code>/clicks")
def clicks(code):
    return {"clicks": store.clicks(code)}


@app.post("/")
def event():
    """What is no request from outside: messages of the queue, and the clock."""
    if "ebb-event" not in request.headers:
        return "not found", 404
    records = request.get_json().get("Records")
    if records is None:
        print("links are served", flush=True)
    for record in records or []:
        store.count(record["body"], record["messageId"])
    return "", 204
