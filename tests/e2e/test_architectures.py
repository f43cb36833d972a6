"""The examples of whole architectures, end to end."""
import contextlib
import hashlib
import json
import shutil

import pytest
from botocore.exceptions import ClientError

from conftest import EXAMPLES, eventually
from test_links import emptied


@contextlib.contextmanager
def running(server, tmp_path, name):
    """Deploys an example, and removes it; gives a function that requests its host."""
    folder = shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns("node_modules"))
    done = server.cli("deploy", folder, "--name", name, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    try:
        yield lambda path="/", method="GET", **options: server.http(f"{name}.localhost", path, method, **options)
    finally:
        emptied(server, name)
        assert server.cli("rm", name, "--yes").returncode == 0


def test_uploads_fan_out(server, tmp_path):
    s3, body = server.client("s3"), b"three small words"
    with running(server, tmp_path, "uploads"):
        s3.put_object(Bucket="uploads-inbox", Key="a letter.txt", Body=body)

        def report(name):
            try:
                return json.loads(s3.get_object(Bucket="uploads-reports", Key=f"a letter.txt/{name}.json")["Body"].read())
            except ClientError:
                return None
        assert eventually(lambda: report("count")) == {"words": 3}
        assert eventually(lambda: report("fingerprint")) == {"sha256": hashlib.sha256(body).hexdigest()}


def test_commands_become_events_and_events_views(server, tmp_path):
    with running(server, tmp_path, "orders-cqrs") as request:
        assert request("/orders", "POST", json={}).status_code == 400
        placed = request("/orders", "POST", json={"item": "pen"})
        assert placed.status_code == 202
        order = f"/orders/{placed.json()['id']}"
        is_now = lambda status: eventually(lambda: request(order).json() == {"id": order[8:], "item": "pen", "status": status})
        is_now("placed")
        assert request(order + "/shipment", "POST").status_code == 202
        is_now("shipped")
        assert request("/orders/none").status_code == 404


def test_an_order_is_carried_through(server, tmp_path):
    with running(server, tmp_path, "orders-workflow") as request:
        assert request("/stock/pen", "PUT", data="2").json() == {"left": 2}

        def place():
            made = request("/orders", "POST", json={"item": "pen"})
            assert made.status_code == 202
            return f"/orders/{made.json()['id']}"

        def output(order):
            def look():
                status = request(order).json()
                return status.get("output") if status["status"] == "complete" else None
            return eventually(look)
        paid, unpaid = place(), place()
        eventually(lambda: request("/stock/pen").json() == {"left": 0})
        assert output(place()) == {"item": "pen", "state": "sold out"}
        assert request(paid + "/payment", "POST", json={"amount": 5}).status_code == 202
        assert output(paid) == {"item": "pen", "state": "sent", "parcel": "parcel for 5"}
        request(unpaid + "/payment", "POST", json={"amount": 0})
        assert output(unpaid) == {"item": "pen", "state": "cancelled", "why": "nothing was paid"}
        assert request("/stock/pen").json() == {"left": 1} and request("/orders/none").status_code == 404


def test_an_api_with_a_table(server, tmp_path):
    with running(server, tmp_path, "notes-table") as request:
        assert request("/notes", "POST", json={}).status_code == 400
        made = [request("/notes", "POST", json={"text": text}).json() for text in ("milk", "bread")]
        assert made == [{"id": 1, "text": "milk", "done": 0}, {"id": 2, "text": "bread", "done": 0}]
        assert request("/notes/2", "PATCH", json={"done": True}).json()["done"] == 1
        assert request("/notes/1", "DELETE").status_code == 204 and request("/notes/1").status_code == 404
        assert request("/notes").json() == [{"id": 2, "text": "bread", "done": 1}]


@pytest.mark.parametrize("wanted, language, greeting", [("fr-FR,fr;q=0.9", "fr", "Bonjour"), ("", "en", "Hello")])
def test_pages_are_rewritten_on_their_way(server, tmp_path, wanted, language, greeting):
    with running(server, tmp_path, "edge-rewriting") as request:
        page = request("/", headers={"accept-language": wanted})
        assert f'lang="{language}"' in page.text and f">{greeting}</h1>" in page.text
        assert 'href="https://new.example.com/more"' in page.text
        cookie = page.headers["set-cookie"].split(";")[0]
        again = request("/", headers={"accept-language": wanted, "cookie": cookie})
        assert f'class="variant-{cookie[-1]}"' in again.text and "set-cookie" not in again.headers
