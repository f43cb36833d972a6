"""Spin applications: components by their spin.toml, with variables, key-value stores, databases, files and a list of hosts."""
import uuid

import pytest

import components

SPIN = """
package fermyon:spin@2.0.0;
interface variables {
  variant error { invalid-name(string), undefined(string), provider(string), other(string) }
  get: func(name: string) -> result<string, error>;
}
interface key-value {
  variant error { store-table-full, no-such-store, access-denied, other(string) }
  resource store {
    open: static func(label: string) -> result<store, error>;
    get: func(key: string) -> result<option<list<u8>>, error>;
    set: func(key: string, value: list<u8>) -> result<_, error>;
    delete: func(key: string) -> result<_, error>;
    exists: func(key: string) -> result<bool, error>;
    get-keys: func() -> result<list<string>, error>;
  }
}
interface sqlite {
  variant error { no-such-database, access-denied, invalid-connection, database-full, io(string) }
  variant value { integer(s64), real(f64), text(string), blob(list<u8>), null }
  record row-result { values: list<value> }
  record query-result { columns: list<string>, rows: list<row-result> }
  resource connection {
    open: static func(database: string) -> result<connection, error>;
    execute: func(statement: string, parameters: list<value>) -> result<query-result, error>;
  }
}
"""
SOURCE = """
import { ResponseOutparam, OutgoingResponse, OutgoingBody, OutgoingRequest, Fields } from 'wasi:http/types@VERSION';
import { handle as send } from 'wasi:http/outgoing-handler@VERSION';
import { getEnvironment } from 'wasi:cli/environment@VERSION';
import { getDirectories } from 'wasi:filesystem/preopens@VERSION';
import { get as variable } from 'fermyon:spin/variables@2.0.0';
import { Store } from 'fermyon:spin/key-value@2.0.0';
import { Connection } from 'fermyon:spin/sqlite@2.0.0';

const text = (bytes) => new TextDecoder().decode(bytes);
const bytes = (value) => new TextEncoder().encode(value);

function attempt(work) {
  try { return work(); } catch (error) { return { error: error.payload?.tag ?? String(error) }; }
}

function read(path) {
  const [folder] = getDirectories()[0];
  const file = folder.openAt({}, path, {}, { read: true });
  const [data] = file.read(65536n, 0n);
  return text(data);
}

function fetchHead(url) {
  const [, scheme, authority, path] = /^(https?):\\/\\/([^/]+)(.*)$/.exec(url);
  const outgoing = new OutgoingRequest(new Fields());
  outgoing.setScheme({ tag: scheme === 'https' ? 'HTTPS' : 'HTTP' });
  outgoing.setAuthority(authority);
  outgoing.setPathWithQuery(path || '/');
  const future = send(outgoing, undefined);
  future.subscribe().block();
  const result = future.get().val;
  return result.tag === 'ok' ? result.val.status() : { error: result.val.tag };
}

export const incomingHandler = { handle(request, out) {
  const [path, query = ''] = request.pathWithQuery().split('?');
  const argument = new URLSearchParams(query);
  const headers = Object.fromEntries(request.headers().entries().map(([name, value]) => [name, text(value)]));
  const name = path.split('/').at(-1);
  let answer;
  if (name === 'variable') answer = attempt(() => variable(argument.get('name')));
  else if (name === 'env') answer = Object.fromEntries(getEnvironment());
  else if (name === 'file') answer = attempt(() => read(argument.get('name')));
  else if (name === 'fetch') answer = attempt(() => fetchHead(argument.get('url')));
  else if (name === 'store') answer = attempt(() => {
    const store = Store.open(argument.get('label') ?? 'default');
    const key = argument.get('key');
    if (argument.has('set')) store.set(key, bytes(argument.get('set')));
    if (argument.has('delete')) store.delete(key);
    const value = store.get(key);
    return { value: value ? text(value) : null, exists: store.exists(key), keys: store.getKeys() };
  });
  else if (name === 'sql') answer = attempt(() => {
    const database = Connection.open(argument.get('label') ?? 'default');
    const given = argument.getAll('p').map((value) => ({ tag: 'text', val: value }));
    const { columns, rows } = database.execute(argument.get('q'), given);
    const plain = ({ tag, val }) => typeof val === 'bigint' ? Number(val) : tag === 'null' ? null : val;
    return { columns, rows: rows.map(({ values }) => values.map(plain)) };
  });
  else answer = { component: attempt(() => variable('component')), headers };
  const response = new OutgoingResponse(new Fields());
  const body = response.body();
  ResponseOutparam.set(out, { tag: 'ok', val: response });
  const stream = body.write();
  stream.blockingWriteAndFlush(bytes(JSON.stringify(answer)));
  stream[Symbol.dispose]();
  OutgoingBody.finish(body, undefined);
} };
"""
MANIFEST = """
spin_manifest_version = 2

[application]
name = "tools"
version = "0.1.0"

[variables]
greeting = { default = "hi" }
secret = { required = true }

[[trigger.http]]
route = "/..."
component = "web"

[[trigger.http]]
route = "/users/:id/..."
component = "users"

[component.web]
source = "web/app.wasm"
environment = { MODE = "test" }
files = [{ source = "static", destination = "/" }]
key_value_stores = ["default"]
sqlite_databases = ["default"]
allowed_outbound_hosts = ["http://127.0.0.1:*"]

[component.web.variables]
component = "web"
text = "{{ greeting }}, {{ secret }}!"

[component.users]
source = "web/app.wasm"

[component.users.variables]
component = "users"
missing = "{{ secret }}"
"""


@pytest.fixture(scope="session")
def spin(server, tmp_path_factory):
    """spin(path, **query) requests the application; gives the decoded answer."""
    imports = ["wasi:http/outgoing-handler@VERSION", "wasi:cli/environment@VERSION", "wasi:filesystem/preopens@VERSION",
               "wasi:filesystem/types@VERSION", "fermyon:spin/variables@2.0.0", "fermyon:spin/key-value@2.0.0",
               "fermyon:spin/sqlite@2.0.0"]
    component = components.build(tmp_path_factory.mktemp("component"), SOURCE, imports, {"spin": SPIN})
    name = f"s-{uuid.uuid4().hex[:8]}"
    folder = tmp_path_factory.mktemp("spin")
    (folder / "web").mkdir()
    (folder / "static").mkdir()
    (folder / "web" / "app.wasm").write_bytes(component)
    (folder / "static" / "a.txt").write_text("a file")
    (folder / "spin.toml").write_text(MANIFEST)
    (folder / "variables").write_text("SPIN_VARIABLE_SECRET=you\n")

    def deploy():
        done = server.cli("deploy", folder, "--name", name, "--env-file", folder / "variables")
        assert done.returncode == 0, done.stdout + done.stderr
    deploy()

    def request(path, headers=None, **query):
        answer = server.http(f"{name}.localhost", path, params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()
    request.deploy, request.folder = deploy, folder
    return request


def test_routes_lead_to_components_which_are_told_of_them(spin):
    web = spin("/a/b", headers={"spin-path-info": "forged"})
    assert (web["component"], web["headers"]["spin-path-info"]) == ("web", "/a/b")
    users = spin("/users/7/orders")
    assert users["component"] == "users"
    seen = users["headers"]
    assert (seen["spin-path-match-id"], seen["spin-path-info"]) == ("7", "/orders")
    assert seen["spin-matched-route"] == "/users/:id/..." and seen["spin-full-url"].endswith("/users/7/orders")


def test_a_component_has_its_variables(spin):
    assert spin("/variable", name="text") == "hi, you!"
    assert spin("/variable", name="greeting") == {"error": "undefined"}
    assert spin("/variable", name="No-Name") == {"error": "invalid-name"}


def test_its_environment_holds_nothing_else(spin):
    environment = spin("/env")
    assert environment["MODE"] == "test"
    assert not [name for name in environment if name.startswith(("SPIN_", "AWS_ACCESS", "AWS_SECRET", "AWS_SESSION"))]


def test_a_store_keeps_what_is_set(spin):
    assert spin("/store", key="a/b c?") == {"value": None, "exists": False, "keys": []}
    assert spin("/store", key="a/b c?", set="one") == {"value": "one", "exists": True, "keys": ["a/b c?"]}
    spin("/store", key="é", set="two")
    assert spin("/store", key="é") == {"value": "two", "exists": True, "keys": ["a/b c?", "é"]}
    assert spin("/store", key="é", delete="1") == {"value": None, "exists": False, "keys": ["a/b c?"]}
    assert spin("/store", key="a", label="other") == {"error": "access-denied"}
    assert spin("/users/1/store", key="a") == {"error": "access-denied"}


def test_a_database_keeps_its_rows_over_a_new_version(spin):
    assert spin("/sql", q="CREATE TABLE links (name TEXT, hits INTEGER DEFAULT 0)") == {"columns": [], "rows": []}
    spin("/sql", q="INSERT INTO links (name) VALUES (?)", p="a'b")
    spin("/sql", q="UPDATE links SET hits = hits + 1")
    rows = {"columns": ["name", "hits"], "rows": [["a'b", 1]]}
    assert spin("/sql", q="SELECT * FROM links") == rows
    (spin.folder / "static" / "new.txt").write_text("a new version")
    spin.deploy()
    assert spin("/file", name="new.txt") == "a new version"
    assert spin("/sql", q="SELECT * FROM links") == rows
    assert spin("/sql", q="SELECT 1", label="other") == {"error": "access-denied"}
    assert spin("/users/1/sql", q="SELECT 1") == {"error": "access-denied"}
    assert spin("/sql", q="SELECT nothing") == {"error": "io"}


def test_a_component_sees_its_files_and_no_others(spin):
    assert spin("/file", name="a.txt") == "a file"
    assert isinstance(spin("/file", name="../spin.json"), dict)


def test_requests_go_to_listed_hosts_only(spin):
    # Nothing listens there: it is refused by the network, not by the list.
    assert spin("/fetch", url="http://127.0.0.1:1/") == {"error": "connection-refused"}
    assert spin("/fetch", url="http://example.com/") == {"error": "HTTP-request-denied"}
    assert spin("/users/1/fetch", url="http://127.0.0.1:1/") == {"error": "HTTP-request-denied"}


def test_what_is_not_built_is_refused_by_name(server, tmp_path):
    (tmp_path / "spin.toml").write_text(MANIFEST.replace("key_value_stores", "ai_models"))
    done = server.cli("deploy", tmp_path, "--name", "s-refused")
    assert done.returncode == 1 and "ai_models" in done.stderr, done.stderr
