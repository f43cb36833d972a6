"""Signed calls of the services that every instance reaches at AWS_ENDPOINT_URL, with the instance's own keys.

Source: the IAM user guide, "AWS Signature Version 4 for API requests".
"""

import hashlib
import hmac
import json
import os
import urllib.error
import urllib.request
from datetime import datetime, timezone
from urllib.parse import quote, urlencode, urlsplit

_TIMEOUT = 60


class Refused(Exception):
    """A service answered with an error."""

    def __init__(self, what, status, body):
        super().__init__(f"{what}: {status} {body[:300]!r}")
        self.status = status


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def call(service, method="POST", path="/", headers=None, body=b""):
    """Calls a service; gives the body and the headers of its answer. `path` is encoded already."""
    endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    region = os.environ["AWS_REGION"]
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    signed = {"host": endpoint.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    if "AWS_SESSION_TOKEN" in os.environ:
        signed["x-amz-security-token"] = os.environ["AWS_SESSION_TOKEN"]
    signed.update({name.lower(): value for name, value in (headers or {}).items()})
    names = sorted(signed)
    canonical = [method, path, "", *(f"{name}:{signed[name]}" for name in names), "", ";".join(names), digest]
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    hashed = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    signature = _hmac(key, "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashed])).hex()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    url = f"{endpoint.scheme}://{endpoint.netloc}{path}"
    request = urllib.request.Request(url, data=body or None, headers=signed, method=method)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            return answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        raise Refused(f"{service} {method} {path}", error.code, error.read().decode("utf-8", "replace")) from None


def call_json(service, version, target, given):
    headers = {"content-type": f"application/x-amz-json-{version}", "x-amz-target": target}
    body, _ = call(service, headers=headers, body=json.dumps(given).encode())
    return json.loads(body or b"{}")


def call_form(service, **fields):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    body, _ = call(service, headers=headers, body=urlencode(fields).encode())
    return body.decode()


def read_object(bucket, key):
    """An object's bytes and headers; none where it is not there."""
    try:
        return call("s3", "GET", _path(bucket, key))
    except Refused as refused:
        if refused.status == 404:
            return None, {}
        raise


def write_object(bucket, key, data):
    """Writes an object, into a bucket that is made where there is none yet, as the platform does."""
    try:
        call("s3", "PUT", _path(bucket, key), body=data)
    except Refused as refused:
        if refused.status != 404:
            raise
        call("s3", "PUT", f"/{bucket}")
        call("s3", "PUT", _path(bucket, key), body=data)


def _path(bucket, key):
    return f"/{bucket}/{quote(key, safe='/-_.~')}"
