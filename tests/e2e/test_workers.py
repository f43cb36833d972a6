"""Cloudflare Workers on workerd, deployed as wrangler describes them."""
import concurrent.futures
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
    for extra, words in (('[[d1_databases]]\nbinding = "DB"\ndatabase_id = "x"\n', "d1_databases"),
                         ('[assets]\ndirectory = "x"\nhtml_handling = "never"\n', "html_handling"),
                         ("[ai]\nbinding = \"AI\"\n", "ai: ebb has no such binding")):
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


def test_workers_in_python_are_refused_by_name(worker):
    said = worker({"wrangler.toml": wrangler(main='main = "src/entry.py"'), "src/entry.py": "pass"}, fails=True)
    assert "workers in Python" in said and "wrangler.toml" in said


def test_an_older_esbuild_of_the_project_bundles(worker, server, tmp_path):
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", tmp_path, "esbuild@0.17.19"], check=True)
    get = worker({"wrangler.toml": wrangler(), "index.js": "export default { fetch: () => new Response('old tools') };"})
    assert get("/").text == "old tools"
