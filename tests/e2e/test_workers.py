"""Cloudflare Workers on workerd, deployed as wrangler describes them."""
import concurrent.futures
import datetime
import json
import subprocess
import textwrap
import time
import uuid

import pytest

from conftest import eventually


@pytest.fixture
def worker(server, tmp_path):
    """worker({path: text}) deploys a folder; gives a function that requests its host."""
    made = []

    def deploy(files, name=None, fails=False):
        name = name or f"w-{uuid.uuid4().hex[:8]}"
        folder = tmp_path / name
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(textwrap.dedent(text)) if isinstance(text, str) else target.write_bytes(text)
        done = server.cli("deploy", folder, "--name", name, "--yes")
        if fails:
            assert done.returncode == 1, done.stdout
            return done.stderr
        assert done.returncode == 0, done.stdout + done.stderr
        made.append(name)

        def request(path="/", method="GET", **options):
            return server.http(f"{name}.localhost", path, method, **options)
        request.name = name
        return request

    yield deploy
    for name in made:
        server.cli("rm", name, "--yes")


def wrangler(extra="", main='main = "index.js"'):
    return f'name = "w"\n{main}\ncompatibility_date = "2025-09-01"\n{textwrap.dedent(extra)}'


def test_a_worker_gets_the_request_as_it_was_sent(worker):
    get = worker({"wrangler.toml": wrangler(), "index.js": """
        export default { async fetch(request) {
          const url = new URL(request.url);
          return Response.json({ host: url.hostname, path: url.pathname + url.search, method: request.method,
            cookie: request.headers.get('cookie'), body: await request.text(), colo: request.cf.colo,
            ip: request.headers.get('cf-connecting-ip') },
            { status: 201, headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2']] });
        } };"""})
    answer = get("/a%20b?x=1&x=2", "PUT", data="text", headers={"Cookie": "c=3"})
    seen = answer.json()
    assert answer.status_code == 201 and answer.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]
    assert seen["host"] == f"{get.name}.localhost" and seen["path"] == "/a%20b?x=1&x=2"
    assert (seen["method"], seen["cookie"], seen["body"]) == ("PUT", "c=3", "text")
    assert seen["colo"] and seen["ip"] == "127.0.0.1"


def test_an_answer_streams(worker):
    get = worker({"wrangler.toml": wrangler(), "index.js": """
        let release;
        export default { async fetch(request) {
          if (new URL(request.url).pathname === '/release') { release?.(); return new Response('released'); }
          const { readable, writable } = new TransformStream();
          const writer = writable.getWriter();
          writer.write(new TextEncoder().encode('first'));
          scheduler.wait(500).then(async () => { await writer.write(new TextEncoder().encode('second')); await writer.close(); });
          return new Response(readable);
        } };"""})
    with get("/", stream=True) as answer:
        pieces = answer.iter_content(None)
        assert next(pieces) == b"first"
        assert b"".join(pieces) == b"second"


def test_packages_that_are_missing_are_installed(worker):
    get = worker({"wrangler.toml": wrangler(), "package.json": '{"dependencies": {"ms": "2.1.3"}}', "index.js": """
        import ms from 'ms';
        export default { fetch: () => new Response(String(ms('2 days'))) };"""})
    assert get("/").text == "172800000"


def test_kv_keeps_values_with_metadata_and_lists_them(worker):
    get = worker({"wrangler.toml": wrangler('[[kv_namespaces]]\nbinding = "KV"\nid = "%s"\n' % uuid.uuid4().hex), "index.js": """
        export default { async fetch(request, env) {
          const url = new URL(request.url), key = url.searchParams.get('key');
          const answers = {
            put: async () => { await env.KV.put(key, request.body ?? '', { metadata: { m: 'é' }, expirationTtl: 600 }); return 'kept'; },
            get: () => env.KV.getWithMetadata(key),
            bytes: async () => (await env.KV.get(key, 'arrayBuffer')).byteLength,
            many: async () => Object.fromEntries(await env.KV.get(key.split(','))),
            list: () => env.KV.list({ prefix: key, limit: Number(url.searchParams.get('limit') ?? 1000), cursor: url.searchParams.get('cursor') }),
            remove: async () => { await env.KV.delete(key); return 'gone'; },
            short: () => env.KV.put(key, 'x', { expirationTtl: 1 }).then(() => 'kept', (error) => error.message),
          };
          return Response.json(await answers[url.pathname.slice(1)]());
        } };"""})
    assert get("/get?key=none").json()["value"] is None
    for key in ("a/../b", "a/é", "a/?#&%25", "b"):
        assert get("/put", "POST", params={"key": key}, data=f"value of {key}".encode()).json() == "kept"
    seen = get("/get", params={"key": "a/é"}).json()
    assert seen["value"] == "value of a/é" and seen["metadata"] == {"m": "é"}
    listed = get("/list", params={"key": "a/"}).json()
    assert [entry["name"] for entry in listed["keys"]] == ["a/../b", "a/?#&%25", "a/é"] and listed["list_complete"]
    assert listed["keys"][0]["metadata"] == {"m": "é"} and listed["keys"][0]["expiration"] > time.time() + 500
    first = get("/list", params={"key": "", "limit": 3}).json()
    assert len(first["keys"]) == 3 and not first["list_complete"]
    rest = get("/list", params={"key": "", "limit": 3, "cursor": first["cursor"]}).json()
    assert [entry["name"] for entry in rest["keys"]] == ["b"] and rest["list_complete"]
    assert get("/many", params={"key": "b,none"}).json() == {"b": "value of b", "none": None}
    assert get("/bytes", params={"key": "b"}).json() == len("value of b")
    assert get("/remove", params={"key": "b"}).json() == "gone"
    assert get("/get", params={"key": "b"}).json()["value"] is None
    assert "at least 60" in get("/short", params={"key": "b"}).json()


def test_kv_is_shared_by_workers_that_name_the_same_namespace(worker):
    namespace = '[[kv_namespaces]]\nbinding = "KV"\nid = "%s"\n' % uuid.uuid4().hex
    source = "export default { async fetch(r, env) { if (r.method === 'PUT') { await env.KV.put('k', await r.text()); } return new Response(await env.KV.get('k')); } };"
    one, two = (worker({"wrangler.toml": wrangler(namespace), "index.js": source}) for _ in range(2))
    assert one("/", "PUT", data="shared").text == "shared" and two("/").text == "shared"


def test_modules_of_every_kind_are_found(worker):
    get = worker({"wrangler.jsonc": """{
          // TypeScript, bundled
          "name": "w", "main": "src/index.ts", "compatibility_date": "2025-09-01",
          "compatibility_flags": ["nodejs_compat"],
          "rules": [{ "type": "Text", "globs": ["**/*.md"], "fallthrough": true }],
        }""",
        "src/index.ts": """
        import { Buffer } from 'node:buffer';
        import page from './page.html';
        import notes from './notes.md';
        import data from './data.bin';
        import { greet } from './lib';
        import add from './add.wasm';
        export default { async fetch(): Promise<Response> {
          const instance = await WebAssembly.instantiate(add);
          return Response.json([page, notes, data.byteLength, greet('you'), Buffer.from('hi').toString('hex'),
            (instance.exports as any).add(2, 3)]);
        } };""",
        "src/lib/index.ts": "export const greet = (name: string): string => `hello ${name}`;",
        "src/page.html": "<p>page</p>", "src/notes.md": "notes", "src/data.bin": b"\x00\x01\x02",
        "src/add.wasm": bytes.fromhex("0061736d0100000001070160027f7f017f03020100070701036164640000"
                                      "0a09010700200020016a0b")})
    assert get("/").json() == ["<p>page</p>", "notes", 3, "hello you", "6869", 5]


def test_variables_and_secrets(worker):
    get = worker({"wrangler.toml": wrangler('[vars]\nTEXT = "a \\"quoted\\" é"\nDATA = { n = 1 }\n'),
                  ".dev.vars": 'TOKEN="s3cret"\n',
                  "index.js": "export default { fetch: (r, env) => Response.json([env.TEXT, env.DATA, env.TOKEN]) };"})
    assert get("/").json() == ['a "quoted" é', {"n": 1}, "s3cret"]


def test_static_files_come_before_the_worker(worker):
    get = worker({"wrangler.toml": wrangler('[assets]\ndirectory = "public"\nbinding = "ASSETS"\nnot_found_handling = "404-page"\n'),
                  "index.js": """
        export default { fetch: (r, env) => new URL(r.url).pathname === '/api'
          ? new Response('worker') : env.ASSETS.fetch(r) };""",
                  "public/index.html": "<h1>home</h1>", "public/about.html": "about", "public/404.html": "lost",
                  "public/docs/index.html": "docs", "public/a.css": "a{}"})
    home = get("/")
    assert home.text == "<h1>home</h1>" and home.headers["content-type"].startswith("text/html")
    assert get("/", headers={"If-None-Match": home.headers["etag"]}).status_code == 304
    assert get("/about").text == "about" and get("/a.css").headers["content-type"].startswith("text/css")
    for path, location in (("/about.html", "/about"), ("/docs", "/docs/"), ("/index.html", "/")):
        answer = get(path)
        assert (answer.status_code, answer.headers["location"]) == (307, location), path
    assert get("/api").text == "worker"
    assert (get("/none").status_code, get("/none").text) == (404, "lost")


def test_files_say_where_others_moved_and_what_headers_they_have(worker):
    get = worker({"wrangler.toml": wrangler('[assets]\ndirectory = "public"\n'),
                  "index.js": "export default { fetch: () => new Response('worker') };",
                  "public/index.html": "home", "public/a/b.html": "b", "public/secure/x.txt": "x",
                  "public/_redirects": "# moved\n/home / 301\n/u/:name/* /users/:name/:splat?x=1\n/alias /a/b 200\n",
                  "public/_headers": "/*\n  X-Frame-Options: DENY\n/secure/*\n  ! X-Frame-Options\n  X-Path: :splat\n"})
    assert (get("/home").status_code, get("/home").headers["location"]) == (301, "/")
    assert get("/u/ada/c/d").headers["location"] == "/users/ada/c/d?x=1" and get("/u/ada/c").status_code == 302
    assert get("/alias").text == "b"
    assert get("/").headers["x-frame-options"] == "DENY" and "x-frame-options" not in get("/none").headers
    secure = get("/secure/x.txt")
    assert "x-frame-options" not in secure.headers and secure.headers["x-path"] == "x.txt"
    assert get("/_headers").text == "worker"


def test_rate_limits_and_data_points(worker, server):
    get = worker({"wrangler.toml": wrangler("""
        [[ratelimits]]
        name = "LIMIT"
        namespace_id = "1"
        simple = { limit = 2, period = 60 }
        [[analytics_engine_datasets]]
        binding = "POINTS"
        dataset = "visits"
        """), "index.js": """
        export default { async fetch(request, env) {
          env.POINTS.writeDataPoint({ indexes: ['a'], doubles: [1] });
          const key = new URL(request.url).pathname;
          return new Response(String((await env.LIMIT.limit({ key })).success));
        } };"""})
    assert [get("/a").text for _ in range(3)].count("true") in (2, 3), "a minute may end in between"
    assert get("/b").text == "true"
    eventually(lambda: any('"dataset":"visits","indexes":["a"]' in line for line in server.log_of(get.name)))


def test_a_worker_of_the_older_syntax(worker):
    get = worker({"wrangler.toml": wrangler('[vars]\nGREETING = "hi"\n'), "index.js": """
        addEventListener('fetch', (event) => event.respondWith(answer(event)));
        async function answer({ request, waitUntil }) {
          return new Response(GREETING + ' ' + new URL(request.url).pathname);
        }"""})
    assert get("/a").text == "hi /a"


def test_the_cache_keeps_what_may_be_kept(worker):
    get = worker({"wrangler.toml": wrangler(), "index.js": """
        export default { async fetch(request) {
          const url = new URL(request.url), key = 'https://x.test/' + url.searchParams.get('key');
          if (request.method === 'PUT') {
            await caches.default.put(key, new Response('kept', { headers: { 'cache-control': url.searchParams.get('control') } }));
            return new Response('put');
          }
          if (request.method === 'DELETE') return Response.json(await caches.default.delete(key));
          const found = await caches.default.match(key);
          return new Response(found ? await found.text() : 'none');
        } };"""})
    for key, control, found in (("a", "max-age=60", "kept"), ("b", "no-store", "none"), ("c", "max-age=0", "none")):
        assert get("/", "PUT", params={"key": key, "control": control}).text == "put"
        assert get("/", params={"key": key}).text == found, control
    assert get("/", "DELETE", params={"key": "a"}).json() is True
    assert get("/", params={"key": "a"}).text == "none"


def test_work_goes_on_after_the_answer(worker):
    get = worker({"wrangler.toml": wrangler('[[kv_namespaces]]\nbinding = "KV"\nid = "%s"\n' % uuid.uuid4().hex), "index.js": """
        export default { async fetch(request, env, ctx) {
          if (new URL(request.url).pathname === '/seen') return new Response(await env.KV.get('k'));
          ctx.waitUntil(scheduler.wait(300).then(() => env.KV.put('k', 'later')));
          return new Response('now');
        } };"""})
    assert get("/").text == "now"
    eventually(lambda: get("/seen").text == "later")


def test_a_worker_that_never_ends_is_replaced_and_others_feel_nothing(worker, server):
    spin = worker({"wrangler.toml": wrangler("[limits]\ncpu_ms = 300\n"), "index.js": """
        export default { fetch(r) { if (new URL(r.url).pathname === '/spin') while (true); return new Response('fine') } };"""})
    other = worker({"wrangler.toml": wrangler(), "index.js": "export default { fetch: () => new Response('fine') };"})
    assert spin("/").text == "fine" and other("/").text == "fine"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(spin, "/spin")
        while not stuck.done():
            assert other("/").text == "fine"
        assert stuck.result().status_code in (502, 503)
    assert spin("/").text == "fine"
    eventually(lambda: any("exceeded CPU time limit" in line for line in server.log_of(spin.name)))


def test_what_cannot_be_deployed_is_named(worker):
    for extra, words in (('[[durable_objects.bindings]]\nname = "A"\nclass_name = "A"\n', "which no migration makes"),
                         ('[[queues.consumers]]\nqueue = "q"\nmax_batch_size = 1000\n', "max_batch_size"),
                         ('[assets]\ndirectory = "x"\nhtml_handling = "never"\n', "html_handling"),
                         ("[ai]\nbinding = \"AI\"\n", "ai: ebb has no such binding"),
                         ("[[future_things]]\nbinding = \"F\"\n", "future_things: ebb has no such binding")):
        said = worker({"wrangler.toml": wrangler(extra), "index.js": "export default {};"}, fails=True)
        assert words in said and "wrangler.toml" in said
    said = worker({"wrangler.toml": wrangler(), "index.js": "import './none.js'; export default {};"}, fails=True)
    assert "none.js" in said and "index.js" in said


def test_r2_keeps_objects_that_the_s3_api_sees(worker, server):
    bucket = f"r2-{uuid.uuid4().hex[:8]}"
    get = worker({"wrangler.toml": wrangler(f'[[r2_buckets]]\nbinding = "R2"\nbucket_name = "{bucket}"\n'), "index.js": """
        export default { async fetch(request, env) {
          const url = new URL(request.url), key = url.searchParams.get('key');
          const answers = {
            put: async () => (await env.R2.put(key, request.body, { httpMetadata: { contentType: 'text/x' }, customMetadata: { note: 'é' } })).size,
            get: async () => { const o = await env.R2.get(key, { range: { offset: 2, length: 3 } }); return o && [await o.text(), o.size, o.httpMetadata.contentType, o.customMetadata.note]; },
            head: async () => (await env.R2.head(key))?.etag ?? null,
            list: async () => { const l = await env.R2.list({ prefix: key, delimiter: '/' }); return [l.objects.map((o) => o.key), l.delimitedPrefixes, l.truncated]; },
            once: async () => await env.R2.put(key, 'again', { onlyIf: { etagDoesNotMatch: '*' } }) === null,
            remove: async () => { await env.R2.delete([key]); return 'gone'; },
            parts: async () => { const u = await env.R2.createMultipartUpload(key); return (await u.complete([await u.uploadPart(1, 'part')])).size; },
          };
          return Response.json(await answers[url.pathname.slice(1)]());
        } };"""})
    assert get("/get", params={"key": "none"}).json() is None
    for key in ("a/é b", "a/b/c", "d"):
        assert get("/put", "POST", params={"key": key}, data=b"0123456").json() == 7
    assert get("/get", params={"key": "a/é b"}).json() == ["234", 7, "text/x", "é"]
    assert get("/list", params={"key": "a/"}).json() == [["a/é b"], ["a/b/"], False]
    assert get("/once", params={"key": "d"}).json() is True
    assert get("/parts", params={"key": "m"}).json() == 4
    assert server.client("s3").get_object(Bucket=bucket, Key="d")["Body"].read() == b"0123456"
    assert get("/remove", params={"key": "d"}).json() == "gone" and get("/head", params={"key": "d"}).json() is None


def test_a_producer_sends_to_a_queue(worker, server):
    queue = f"q-{uuid.uuid4().hex[:8]}"
    address = server.client("sqs").create_queue(QueueName=queue)["QueueUrl"]
    get = worker({"wrangler.toml": wrangler(f'[[queues.producers]]\nbinding = "Q"\nqueue = "{queue}"\n'), "index.js": """
        export default { async fetch(request, env) {
          await env.Q.send({ n: 1 }, { contentType: 'json' });
          await env.Q.sendBatch([{ body: 'two', contentType: 'text' }]);
          return new Response('sent');
        } };"""})
    assert get("/").text == "sent"
    bodies = []

    def received():
        for message in server.client("sqs").receive_message(QueueUrl=address, MaxNumberOfMessages=10).get("Messages", []):
            bodies.append(message["Body"])
        return sorted(bodies) == ["two", '{"n":1}']
    eventually(received)


def test_a_cron_trigger_becomes_a_schedule(worker, server):
    get = worker({"wrangler.toml": wrangler('[triggers]\ncrons = ["0 5 * * MON"]\n[[kv_namespaces]]\nbinding = "KV"\nid = "%s"\n' % uuid.uuid4().hex),
                  "index.js": """
        export default {
          fetch: async (r, env) => new Response(await env.KV.get('cron')),
          scheduled: (event, env) => env.KV.put('cron', `${event.cron} ${new Date(event.scheduledTime).toISOString()}`),
        };"""})
    schedules = server.client("scheduler").list_schedules(GroupName=f"ebb-app-{get.name}")["Schedules"]
    found = server.client("scheduler").get_schedule(GroupName=f"ebb-app-{get.name}", Name=schedules[0]["Name"])
    assert found["ScheduleExpression"] == "cron(0 5 ? * MON *)"
    event = found["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", "2026-11-23T05:00:00Z")
    _, answer = server.invoke(get.name, json.loads(event))
    assert "FunctionError" not in answer
    assert get("/").text == "0 5 * * MON 2026-11-23T05:00:00.000Z"


OBJECTS = """
[[durable_objects.bindings]]
name = "COUNTER"
class_name = "Counter"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Counter"]
"""

COUNTER = """
import { DurableObject } from 'cloudflare:workers';
export class Counter extends DurableObject {
  constructor(ctx, env) { super(ctx, env); ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS n (at TEXT)'); }
  add(what) {
    this.ctx.storage.sql.exec('INSERT INTO n VALUES (?)', what);
    return this.ctx.storage.sql.exec('SELECT at FROM n').raw().toArray().flat();
  }
  seen() { return this.ctx.storage.sql.exec('SELECT at FROM n').raw().toArray().flat(); }
  later(ms) { return this.ctx.storage.setAlarm(Date.now() + ms); }
  alarm() { this.add('alarm'); }
  async fetch(request) { await this.ctx.storage.put('url', request.url); return new Response(await this.ctx.storage.get('url')); }
}
export default { async fetch(request, env) {
  const url = new URL(request.url), object = env.COUNTER.getByName(url.searchParams.get('name') ?? 'one');
  switch (url.pathname) {
    case '/add': return Response.json(await object.add(url.searchParams.get('what')));
    case '/later': await object.later(Number(url.searchParams.get('ms'))); return new Response('set');
    case '/fetch': return object.fetch('https://object.test/x');
    // Two requests within one: both are in the one process.
    case '/wait': await scheduler.wait(500); return Response.json(await object.seen());
    default: return Response.json(await object.seen());
  }
} };
"""


def test_durable_objects_keep_what_they_store(worker, server):
    files = {"wrangler.toml": wrangler(OBJECTS), "index.js": COUNTER}
    get = worker(files)
    assert get("/add", params={"what": "a"}).json() == ["a"] and get("/add", params={"what": "b"}).json() == ["a", "b"]
    assert get("/", params={"name": "two"}).json() == []
    assert get("/fetch").text == "https://object.test/x"
    # Many at once see one object.
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: get("/add", params={"name": "many", "what": str(n)}), range(32)))
    assert len(get("/", params={"name": "many"}).json()) == 32
    # A new version has the same objects, also where the class has a new name.
    renamed = OBJECTS.replace('class_name = "Counter"', 'class_name = "Tally"') + (
        '[[migrations]]\ntag = "v2"\nrenamed_classes = [{ from = "Counter", to = "Tally" }]\n')
    again = worker({"wrangler.toml": wrangler(renamed), "index.js": COUNTER.replace("class Counter", "class Tally")},
                   name=get.name)
    assert again("/").json() == ["a", "b"]
    # What an app left is gone with it.
    assert server.cli("rm", get.name, "--yes").returncode == 0
    fresh = worker(files, name=get.name)
    assert fresh("/").json() == []


def test_an_alarm_rings_while_nobody_asks(worker):
    get = worker({"wrangler.toml": wrangler(OBJECTS), "index.js": COUNTER})
    assert get("/later", params={"ms": 1500}).text == "set"
    time.sleep(3)
    assert get("/").json() == ["alarm"]


def test_objects_survive_their_process_and_the_server(own_server, tmp_path):
    own_server.start()
    folder = tmp_path / "objects"
    folder.mkdir()
    (folder / "wrangler.toml").write_text(wrangler(OBJECTS))
    (folder / "index.js").write_text(COUNTER)
    done = own_server.cli("deploy", folder, "--name", "objects", "--yes")
    assert done.returncode == 0, done.stderr
    get = lambda path="/", **options: own_server.http("objects.localhost", path, **options)
    assert get("/add", params={"what": "a"}).json() == ["a"]
    get("/later", params={"ms": 4000})
    own_server.kill()
    own_server.start()
    # Nobody asks anything of it before its alarm is due.
    time.sleep(5)
    assert get("/").json() == ["a", "alarm"]


def test_a_d1_database_answers_as_the_platforms(worker):
    config = '[[d1_databases]]\nbinding = "DB"\ndatabase_name = "shop"\ndatabase_id = "x"\n'
    source = """
        export default { async fetch(request, env) {
          const { sql, params = [], how = 'all', more } = await request.json();
          try {
            if (how === 'exec') return Response.json(await env.DB.exec(sql));
            if (how === 'batch') return Response.json(await env.DB.batch(sql.map((one) => env.DB.prepare(one))));
            const statement = env.DB.prepare(sql).bind(...params.map((one) => one?.bytes ? new Uint8Array(one.bytes) : one));
            return Response.json(await statement[how](more));
          } catch (error) { return Response.json({ error: error.message }); }
        } };"""
    files = {"wrangler.toml": wrangler(config), "index.js": source,
             "migrations/0001_first.sql": "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB);\n-- a comment\nINSERT INTO item (name) VALUES ('one');",
             "migrations/0002_second.sql": "ALTER TABLE item ADD COLUMN price REAL;"}
    get = worker(files)
    ask = lambda sql, *params, **how: get("/", "POST", json={"sql": sql, "params": params, **how}).json()
    first = ask("SELECT * FROM item")
    assert first["success"] and first["results"] == [{"id": 1, "name": "one", "data": None, "price": None}]
    made = ask("INSERT INTO item (name, data, price) VALUES (?1, ?2, ?3)", "two", {"bytes": [1, 2]}, 1.5, how="run")
    assert made["meta"]["last_row_id"] == 2 and made["meta"]["changes"] == 1 and made["meta"]["changed_db"] is True
    assert ask("SELECT name, data, price FROM item WHERE id = ?", 2, how="first") == {"name": "two", "data": [1, 2], "price": 1.5}
    assert ask("SELECT name FROM item WHERE id = 2", how="first", more="name") == "two"
    assert ask("SELECT 1 FROM item WHERE id = 9", how="first") is None
    assert ask("SELECT id, name FROM item", how="raw", more={"columnNames": True}) == [["id", "name"], [1, "one"], [2, "two"]]
    assert ask("INSERT INTO item (id) VALUES (10)\nINSERT INTO item (id) VALUES (11)", how="exec")["count"] == 2
    assert "UNIQUE constraint failed: item.name" in ask("INSERT INTO item (name) VALUES ('one')", how="run")["error"]
    assert "no such table" in ask("SELECT * FROM missing")["error"]
    both = ask(["INSERT INTO item (name) VALUES ('three')", "SELECT count(*) n FROM item"], how="batch")
    assert [result["results"] for result in both] == [[], [{"n": 5}]]
    # All of a batch, or nothing.
    assert "error" in ask(["INSERT INTO item (name) VALUES ('four')", "INSERT INTO item (name) VALUES ('one')"], how="batch")
    assert ask("SELECT count(*) n FROM item", how="first", more="n") == 5
    # A later deploy applies what is new, once.
    files["migrations/0003_third.sql"] = "UPDATE item SET price = 9 WHERE id = 1;"
    get = worker(files, name=get.name)
    assert ask("SELECT price FROM item WHERE id = 1", how="first", more="price") == 9
    assert [row["name"] for row in ask("SELECT name FROM d1_migrations ORDER BY id")["results"]] == [
        "0001_first.sql", "0002_second.sql", "0003_third.sql"]


def test_a_consumer_gets_batches_and_says_what_failed(worker, server):
    queue = f"q-{uuid.uuid4().hex[:8]}"
    get = worker({"wrangler.toml": wrangler(f"""
        [[queues.producers]]
        binding = "Q"
        queue = "{queue}"
        [[queues.consumers]]
        queue = "{queue}"
        max_batch_size = 5
        max_batch_timeout = 1
        max_retries = 2
        dead_letter_queue = "{queue}-dead"
        [[kv_namespaces]]
        binding = "KV"
        id = "{uuid.uuid4().hex}"
        """), "index.js": """
        export default {
          async fetch(request, env) {
            if (request.method === 'POST') { await env.Q.sendBatch((await request.json()).map((body) => ({ body }))); return new Response('sent'); }
            const { keys } = await env.KV.list();
            return Response.json(Object.fromEntries(await Promise.all(keys.map(async ({ name }) => [name, await env.KV.get(name)]))));
          },
          async queue(batch, env) {
            for (const message of batch.messages) {
              const { n } = message.body;
              await env.KV.put(`${n}-${message.attempts}`, batch.queue);
              if (n === 'again' && message.attempts < 2) message.retry();
              else if (n === 'late' && message.attempts < 2) message.retry({ delaySeconds: 2 });
              else if (n === 'never') message.retry();
              else message.ack();
            }
          },
        };"""})
    assert get("/", "POST", json=[{"n": n} for n in ("once", "again", "late", "never")]).text == "sent"
    dead = server.client("sqs").get_queue_url(QueueName=f"{queue}-dead")["QueueUrl"]
    bodies = []

    def died():
        bodies.extend(m["Body"] for m in server.client("sqs").receive_message(QueueUrl=dead).get("Messages", []))
        return bodies == ['{"n":"never"}']
    eventually(died, 40)
    seen = get("/").json()
    assert set(seen) == {"once-1", "again-1", "again-2", "late-1", "late-2", "never-1", "never-2", "never-3"}
    assert set(seen.values()) == {queue}


def test_objects_of_another_worker(worker):
    owner = worker({"wrangler.toml": wrangler("""
        [[durable_objects.bindings]]
        name = "COUNTERS"
        class_name = "Counter"
        [[migrations]]
        tag = "v1"
        new_sqlite_classes = ["Counter"]
        """), "index.js": """
        import { DurableObject } from 'cloudflare:workers';
        export class Counter extends DurableObject {
          async add(by) { const value = ((await this.ctx.storage.get('value')) ?? 0) + by; await this.ctx.storage.put('value', value); return value; }
          fail() { throw new RangeError('too far'); }
          async fetch(request) { return new Response(`${request.method} ${await request.text()} ${await this.add(0)}`, { status: 201 }); }
        }
        export default { fetch: async (r, env) => new Response(await env.COUNTERS.getByName('a').add(1)) };"""})
    other = worker({"wrangler.toml": wrangler(f"""
        [[durable_objects.bindings]]
        name = "COUNTERS"
        class_name = "Counter"
        script_name = "{owner.name}"
        """), "index.js": """
        export default { async fetch(request, env) {
          const stub = env.COUNTERS.get(env.COUNTERS.idFromName('a'));
          const answer = await stub.fetch('http://object/', { method: 'PUT', body: 'text' });
          const failed = await stub.fail().catch((error) => `${error.name} ${error.message}`);
          const again = env.COUNTERS.get(env.COUNTERS.idFromString(String(stub.id)));
          return Response.json([await stub.add(2), answer.status, await answer.text(), failed, stub.id.name, await again.add(0), await env.COUNTERS.get(env.COUNTERS.newUniqueId()).add(5)]);
        } };"""})
    assert owner("/").text == "1"
    assert other("/").json() == [3, 201, "PUT text 1", "RangeError too far", "a", 3, 5]
    assert owner("/").text == "4"


def test_workers_call_each_other(worker):
    server_worker = worker({"wrangler.toml": wrangler(), "index.js": """
        import { WorkerEntrypoint } from 'cloudflare:workers';
        export default class extends WorkerEntrypoint {
          async fetch(request) { return new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`, { status: 203, headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2']] }); }
          add(a, b) { return a + b; }
          echo(value) { return value; }
          fail() { throw new RangeError('too far'); }
        }
        export const admin = { fetch: (request, env, ctx) => { ctx.waitUntil(Promise.resolve()); return new Response('admin'); } };"""})
    get = worker({"wrangler.toml": wrangler(f'[[services]]\nbinding = "OTHER"\nservice = "{server_worker.name}"\n'
                                            f'[[services]]\nbinding = "ADMIN"\nservice = "{server_worker.name}"\nentrypoint = "admin"\n'),
                  "index.js": """
        export default { async fetch(request, env) {
          const failed = (promise) => promise.then(() => 'no', (error) => `${error.name}: ${error.message}`);
          const echoed = await env.OTHER.echo({ d: new Date(5), m: new Map([[1, new Set(['x'])]]), b: new Uint8Array([1, 2]), u: undefined });
          const answer = await env.OTHER.fetch('https://x.test/path?q', { method: 'PUT', body: 'text' });
          return Response.json({
            fetched: [answer.status, await answer.text(), answer.headers.getSetCookie()],
            sum: await env.OTHER.add(1, 2), echoed: [echoed.d.getTime(), [...echoed.m.get(1)], [...echoed.b], 'u' in echoed],
            admin: await (await env.ADMIN.fetch('https://x.test/')).text(),
            failed: await failed(env.OTHER.fail()), none: await failed(env.OTHER.nothing()),
          });
        } };"""})
    assert get("/").json() == {
        "fetched": [203, "PUT /path text", ["a=1", "b=2"]], "sum": 3, "echoed": [5, ["x"], [1, 2], True], "admin": "admin",
        "failed": "RangeError: too far", "none": 'TypeError: The RPC receiver does not implement the method "nothing".'}


def test_keys_that_mean_nothing_are_named(server, tmp_path):
    (tmp_path / "wrangler.toml").write_text(wrangler('nmae = "x"\n[[kv_namespaces]]\nbinding = "KV"\nremote = true\n'))
    (tmp_path / "index.js").write_text("export default {};")
    said = server.cli("deploy", tmp_path, "--dry-run", "--yes")
    assert said.returncode == 0, said.stderr
    for key in ("nmae", "kv_namespaces.remote"):
        assert key in said.stdout + said.stderr


def test_objects_outlive_a_process_that_is_killed(worker):
    get = worker({"wrangler.toml": wrangler(OBJECTS + "[limits]\ncpu_ms = 300\n"),
                  "index.js": COUNTER.replace("case '/wait':", "case '/spin': while (true); case '/wait':")})
    assert get("/add", params={"what": "a"}).json() == ["a"]
    assert get("/spin").status_code in (502, 503)
    eventually(lambda: get("/").status_code == 200)
    assert get("/").json() == ["a"]


def test_events_reach_a_worker_with_objects_as_any_other(worker, server):
    handler = """export default {
  async scheduled(event, env) {
    if (event.cron === 'bad') throw new TypeError('no');
    await env.COUNTER.getByName('one').add(event.cron);
  },
  async fetch"""
    get = worker({"wrangler.toml": wrangler(OBJECTS + '[triggers]\ncrons = ["0 5 * * MON"]\n'),
                  "index.js": COUNTER.replace("export default { async fetch", handler)})
    _, answer = server.invoke(get.name, {"ebb": "cron", "cron": "0 5 * * MON", "time": "2026-11-23T05:00:00Z"})
    assert "FunctionError" not in answer
    assert get("/").json() == ["0 5 * * MON"]
    said, answer = server.invoke(get.name, {"ebb": "cron", "cron": "bad"})
    assert answer["FunctionError"] == "Unhandled" and "scheduled handler" in said["errorMessage"]
    # What only the platform says is nothing that a client can say.
    assert get("/", headers={"ebb-event": "1"}, method="POST", data=b'{"ebb": "cron", "cron": "x"}').json() == ["0 5 * * MON"]


def test_what_the_platform_brings_is_there(worker):
    get = worker({"wrangler.toml": wrangler(OBJECTS), "index.js": """
        import { DurableObject } from 'cloudflare:workers';
        export class Counter extends DurableObject {
          fetch() {
            const [client, server] = Object.values(new WebSocketPair());
            this.ctx.acceptWebSocket(server);
            return new Response(null, { status: 101, webSocket: client });
          }
          webSocketMessage(socket, message) { socket.send(`echo ${message}`); }
        }
        export default { async fetch(request, env) {
          if (new URL(request.url).pathname === '/cf') return Response.json(request.cf);
          if (new URL(request.url).pathname === '/socket') {
            const { webSocket } = await env.COUNTER.getByName('x').fetch('https://x.test/', { headers: { upgrade: 'websocket' } });
            webSocket.accept();
            const heard = new Promise((resolve) => webSocket.addEventListener('message', (event) => resolve(event.data)));
            webSocket.send('hello');
            return new Response(await heard);
          }
          const page = new Response('<p class="a">x</p><a href="/old">y</a>', { headers: { 'content-type': 'text/html' } });
          return new HTMLRewriter().on('a', { element(e) { e.setAttribute('href', '/new'); } }).on('p', { element(e) { e.append('!', { html: false }); } }).transform(page);
        } };"""})
    assert get("/").text == '<p class="a">x!</p><a href="/new">y</a>'
    assert get("/socket").text == "echo hello"
    assert get("/cf").json()["colo"] == "EBB"


def test_workers_in_python_are_refused_by_name(worker):
    said = worker({"wrangler.toml": wrangler(main='main = "src/entry.py"'), "src/entry.py": "pass"}, fails=True)
    assert "workers in Python" in said and "wrangler.toml" in said


def test_an_older_esbuild_of_the_project_bundles(worker, server, tmp_path):
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", tmp_path, "esbuild@0.17.19"], check=True)
    get = worker({"wrangler.toml": wrangler(), "index.js": "export default { fetch: () => new Response('old tools') };"})
    assert get("/").text == "old tools"


def test_a_minified_worker_is_still_modules(worker):
    objects = """
        minify = true
        [durable_objects]
        bindings = [{ name = "COUNTS", class_name = "Counter" }]
        [[migrations]]
        tag = "v1"
        new_sqlite_classes = ["Counter"]
        """
    get = worker({"wrangler.toml": wrangler(objects), "index.js": """
        import { DurableObject } from 'cloudflare:workers';
        globalThis.never = () => addEventListener("fetch", () => {});
        export class Counter extends DurableObject { async add() { return 1; } }
        export default { fetch: async (request, env) => new Response('n' + await env.COUNTS.get(env.COUNTS.idFromName('a')).add()) };
        """})
    assert get("/").text == "n1"


def test_a_tail_worker_is_told_what_happens(worker, server):
    told = worker({"wrangler.toml": wrangler('kv_namespaces = [{ binding = "SEEN" }]'), "index.js": """
        export default {
          async tail(events, env) {
            for (const { scriptName, outcome, event, logs, exceptions } of events) {
              const path = new URL(event.request.url).pathname;
              await env.SEEN.put(path, JSON.stringify([scriptName, outcome, logs.map((line) => line.message), exceptions.map((it) => it.message)]));
            }
          },
          async fetch(request, env) { return new Response(await env.SEEN.get(new URL(request.url).searchParams.get('of'))); },
        };"""})
    get = worker({"wrangler.toml": wrangler(f'tail_consumers = [{{ service = "{told.name}" }}]'), "index.js": """
        export default { fetch(request) {
          console.log('saw', { path: new URL(request.url).pathname });
          if (request.url.endsWith('/bad')) throw new Error('not today');
          return new Response('ok');
        } };"""})
    assert get("/good").text == "ok" and get("/bad").status_code == 500
    saw = lambda path: json.loads(told(f"/?of={path}").text or "null")
    assert eventually(lambda: saw("/good")) == ["w", "ok", [["saw", {"path": "/good"}]], []]
    assert eventually(lambda: saw("/bad")) == ["w", "exception", [["saw", {"path": "/bad"}]], ["not today"]]


def test_a_worker_that_would_tail_itself_is_refused(worker):
    said = worker({"wrangler.toml": wrangler('tail_consumers = [{ service = "w" }]'), "index.js": "export default {};"}, fails=True)
    assert "tail_consumers" in said and "its own" in said


def test_environments_of_one_worker_are_refused_by_name_but_for_the_one_that_each_has(worker):
    code = "export default { fetch: () => new Response('ok') };"
    for environment, fails in (("production", False), ("staging", True)):
        binding = f'[[services]]\nbinding = "OTHER"\nservice = "other"\nenvironment = "{environment}"\n'
        said = worker({"wrangler.toml": wrangler(binding), "index.js": code}, fails=fails)
        assert not fails or "other-staging" in said


def test_a_worker_knows_its_version(worker):
    files = {"wrangler.toml": wrangler('[version_metadata]\nbinding = "VERSION"\n'), "index.js": """
        export default { fetch: (request, env) => Response.json(env.VERSION) };"""}
    get = worker(files)
    first = get("/").json()
    assert uuid.UUID(first["id"]) and first["tag"] == "" and datetime.datetime.fromisoformat(first["timestamp"])
    worker({**files, "index.js": files["index.js"] + "\n// another"}, name=get.name)
    assert get("/").json()["id"] != first["id"]


def test_stacks_show_the_workers_own_sources(worker, server):
    get = worker({"wrangler.toml": wrangler(main='main = "src/index.ts"'), "src/index.ts": """
        import { fail } from './fail';
        interface Env { NAME?: string }
        export default { async fetch(request: Request, _env: Env): Promise<Response> {
          if (new URL(request.url).pathname === '/shown') {
            try { fail('caught'); } catch (error) { return new Response((error as Error).stack); }
          }
          return fail('not caught');
        } };""", "src/fail.ts": """\
        type Reason = { text: string };
        // Where it is.
        export function fail(text: string): never {
          const reason: Reason = { text };
          throw new TypeError(reason.text);
        }"""})
    first, second, *_ = get("/shown").text.splitlines()
    assert first == "TypeError: caught" and "src/fail.ts:5:9" in second
    refused = get("/")
    assert refused.status_code == 500 and "not caught" not in refused.text
    logged = lambda: "\n".join(server.log_of(get.name))
    assert eventually(lambda: "not caught" in logged() and "src/fail.ts:5:9" in logged() and "src/index.ts:" in logged())
