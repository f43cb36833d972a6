"""Supabase Edge Functions and programs of Deno, deployed as they are."""
import base64
import hashlib
import hmac
import json
import time

from conftest import eventually
from dialects import deploy, log  # noqa: F401

SECRET = "a-secret-of-at-least-thirty-two-characters"


def token(secret=SECRET, algorithm="HS256", **claims):
    part = lambda value: base64.urlsafe_b64encode(value).rstrip(b"=").decode()  # noqa: E731
    signed = ".".join(part(json.dumps(value).encode()) for value in ({"alg": algorithm, "typ": "JWT"}, claims))
    return f"{signed}.{part(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def test_tokens_are_verified(deploy):
    get = deploy("supabase-tokens", {
        "supabase/config.toml": f'[auth]\njwt_secret = "{SECRET}"\n[functions.open]\nverify_jwt = false\n',
        "supabase/functions/locked/index.ts": "Deno.serve((req) => new Response(`inside ${req.method}`));",
        "supabase/functions/open/index.ts": """
            Deno.serve(() => Response.json(Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([name]) => /SUPABASE|JWT/.test(name)))));
            """,
    })
    locked = "/functions/v1/locked"
    assert get(locked).status_code == 401
    assert get(locked, headers=bearer(token(role="anon", exp=time.time() + 60))).text == "inside GET"
    assert get(locked, headers=bearer(token(role="anon", exp=time.time() - 60))).status_code == 401
    assert get(locked, headers=bearer(token("another secret", role="anon"))).status_code == 401
    assert get(locked, headers=bearer(token(algorithm="none"))).status_code == 401
    assert get(locked, headers={"Authorization": f"Basic {token()}"}).status_code == 401
    assert get(locked, headers={"apikey": token()}).status_code == 401, "it is the Authorization header that counts"
    assert get(locked, "OPTIONS").text == "inside OPTIONS", "a preflight has no token"
    environment = get("/functions/v1/open").json()
    assert "SUPABASE_JWT_SECRET" not in environment
    for key in ("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY"):
        assert environment[key] in get.output
        assert get(locked, headers=bearer(environment[key])).status_code == 200
    assert environment["SUPABASE_URL"].startswith("http://supabase-tokens.localhost")


def test_keys_stay_what_they_are(deploy):
    files = {"supabase/functions/a/index.ts": "Deno.serve(() => new Response(Deno.env.get('SUPABASE_ANON_KEY')));"}
    shown = [line for line in deploy("supabase-keys", files).output.splitlines() if "SUPABASE_ANON_KEY" in line]
    key = shown[0].split()[-1]
    get = deploy("supabase-keys", {**files, "supabase/functions/b/index.ts": "Deno.serve(() => new Response('b'));"})
    assert key in get.output
    assert get("/functions/v1/a", headers=bearer(key)).text == key


def test_modules_maps_and_paths(deploy, server):
    get = deploy("supabase-modules", {
        "supabase/config.toml": """
            project_id = "p"
            [functions.mapped]
            verify_jwt = false
            import_map = "./functions/import_map.json"
            [functions.own]
            verify_jwt = false
            [functions.elsewhere]
            verify_jwt = false
            entrypoint = "./functions/elsewhere/main.ts"
            [functions.off]
            enabled = false
            [functions.exported]
            verify_jwt = false
            [functions.packaged]
            verify_jwt = false
            """,
        "supabase/functions/.env": "GREETING=hi there\n",
        "supabase/functions/import_map.json": '{"imports": {"shared/": "./_shared/"}}',
        "supabase/functions/_shared/text.ts": "export const shout = (text: string): string => text.toUpperCase();",
        "supabase/functions/mapped/index.ts": """
            import "jsr:@supabase/functions-js/edge-runtime.d.ts";
            import { serve } from "https://deno.land/std@0.168.0/http/server.ts";
            import { shout } from 'shared/text.ts';
            serve((req: Request) => new Response(shout(new URL(req.url).pathname + ' ' + Deno.env.get('GREETING'))));
            """,
        "supabase/functions/own/deno.json": '{"imports": {"lodash": "npm:lodash-es@4.17.21"}}',
        "supabase/functions/own/index.ts": """
            import { chunk } from 'lodash';
            import { Hono } from 'npm:hono@4';
            const app = new Hono().basePath('/own');
            app.get('/items/:id', (c) => c.json({ id: c.req.param('id'), chunks: chunk([1, 2, 3], 2) }));
            Deno.serve(app.fetch);
            """,
        "supabase/functions/elsewhere/main.ts": """
            let later = 0;
            Deno.serve({ port: 1234 }, async (req) => {
              const url = new URL(req.url);
              if (url.pathname.endsWith('/boom')) throw new Error('private detail');
              if (url.pathname.endsWith('/later')) return new Response(String(later));
              EdgeRuntime.waitUntil(new Promise((resolve) => setTimeout(resolve, 300)).then(() => { later += 1; console.log('DONE LATER'); }));
              return new Response('now');
            });
            """,
        "supabase/functions/off/index.ts": "Deno.serve(() => new Response('off'));",
        "supabase/functions/packaged/package.json": '{"dependencies": {"left-pad": "1.3.0"}}',
        "supabase/functions/packaged/index.ts": "import pad from 'left-pad';\nDeno.serve(() => new Response(pad('x', 3)));",
        "supabase/functions/exported/index.ts": "export default { fetch: (req: Request) => new Response('exported') };",
    })
    assert get("/functions/v1/mapped/x").text == "/MAPPED/X HI THERE"
    assert get("/functions/v1/own/items/5").json() == {"id": "5", "chunks": [[1, 2], [3]]}
    assert get("/functions/v1/exported").text == "exported" and get("/functions/v1/packaged").text == "  x"
    assert get("/functions/v1/off").status_code == 404
    boom = get("/functions/v1/elsewhere/boom")
    assert boom.status_code == 500 and "private detail" not in boom.text
    assert get("/functions/v1/elsewhere").text == "now"
    eventually(lambda: "DONE LATER" in log(server, "supabase-modules-elsewhere"))
    assert get("/functions/v1/elsewhere/later").text == "1"


def test_a_program_of_deno(deploy):
    get = deploy("deno-program", {
        "deno.json": '{"tasks": {"start": "deno run --allow-net main.ts"}, "imports": {"own/": "./lib/"}}',
        "main.ts": "import { text } from 'own/text.ts';\nDeno.serve((req: Request) => new Response(text(new URL(req.url).pathname)));",
        "lib/text.ts": "export const text = (path: string) => `at ${path}`;",
    })
    assert get("/a/b").text == "at /a/b"
    get = deploy("deno-export", {
        "deno.json": "{}",
        "main.ts": """
            export default {
              fetch() {
                const parts = ['a', 'b'];
                return new Response(new ReadableStream({ pull(c) { parts.length ? c.enqueue(new TextEncoder().encode(parts.shift())) : c.close(); } }));
              },
            } satisfies Deno.ServeDefaultExport;
            """,
    })
    assert get("/").text == "ab"


def test_a_program_of_deno_keeps_its_store_and_runs_by_the_clock(deploy, server):
    get = deploy("kept", {
        "deno.json": "{}",
        "main.ts": """
            const kv = await Deno.openKv();
            Deno.cron('clean up', '*/5 * * * *', async () => { await kv.atomic().sum(['n'], 100n).commit(); });
            Deno.serve(async () => {
              await kv.atomic().sum(['n'], 1n).commit();
              return new Response(`${(await kv.get(['n'])).value} first`);
            });
            """,
    })
    assert [get("/").text for _ in range(2)] == ["1 first", "2 first"]
    [schedule] = [one for one in server.client("scheduler").list_schedules()["Schedules"] if one["GroupName"] == "ebb-app-kept"]
    full = server.client("scheduler").get_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])
    assert full["ScheduleExpression"] == "cron(*/5 * * * ? *)"
    answer = server.lam.invoke(FunctionName="kept", Payload=full["Target"]["Input"])
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert get("/").text == "103 first"
    main = get.folder / "main.ts"
    main.write_text(main.read_text().replace("first", "second"))
    assert server.cli("deploy", get.folder, "--name", "kept", "--yes").returncode == 0
    eventually(lambda: get("/").text.endswith(" second"))
    assert int(get("/").text.split()[0]) > 104
