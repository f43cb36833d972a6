"""A web server behind APIs, and an issuer of tokens, for tests."""
import base64
import hashlib
import http.server
import json
import random
import threading
import time


class Web:
    """Echoes every request as JSON; `pages` are answered as they are."""

    def __init__(self):
        self.pages, self.asked = {}, []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                web.asked.append(self.path)
                page = web.pages.get(self.path)
                said = page if page is not None else {
                    "method": self.command, "path": self.path, "body": body.decode(),
                    "headers": {name.lower(): value for name, value in self.headers.items()}}
                text = json.dumps(said).encode()
                self.send_response(404 if self.path.startswith("/missing") else 200)
                self.send_header("content-type", "application/json")
                self.send_header("x-upstream", "yes")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()


def prime(bits):
    while True:
        n = random.getrandbits(bits) | (3 << bits - 2) | 1
        if all(n % p for p in (3, 5, 7, 11, 13, 17, 19, 23)) and all(pow(a, n - 1, n) == 1 for a in (2, 3, 5, 7)):
            return n


def encoded(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Publishes a key on a web server, and signs tokens with it (RS256)."""

    # What stands before a SHA-256 digest in a signature: RFC 8017, section 9.2.
    PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")

    def __init__(self, web, kid="one"):
        self.web, self.url = web, web.url
        self.rotate(kid)
        web.pages["/.well-known/openid-configuration"] = {"issuer": web.url, "jwks_uri": web.url + "/keys"}

    def rotate(self, kid):
        p, q = prime(1024), prime(1024)
        self.kid, self.n, e = kid, p * q, 65537
        self.d = pow(e, -1, (p - 1) * (q - 1))
        number = lambda n: encoded(n.to_bytes((n.bit_length() + 7) // 8, "big"))
        self.web.pages["/keys"] = {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": number(self.n),
                                             "e": number(e)}]}

    def token(self, **claims):
        claims = {"iss": self.url, "aud": "shop", "sub": "me", "exp": int(time.time()) + 600, **claims}
        signed = encoded({"alg": "RS256", "kid": self.kid}) + "." + encoded(claims)
        digest = self.PREFIX + hashlib.sha256(signed.encode()).digest()
        padded = b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest
        return signed + "." + encoded(pow(int.from_bytes(padded, "big"), self.d, self.n).to_bytes(256, "big"))
