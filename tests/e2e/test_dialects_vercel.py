"""Vercel, Next.js and Netlify, beyond the matrix: what their documentation says of files, rewrites and variables."""
import shutil

import pytest

from dialects import deploy  # noqa: F401
from web import Web


@pytest.fixture
def web():
    web = Web()
    yield web
    web.close()


def test_a_site_without_a_public_folder_is_its_own_folder(deploy):
    get = deploy("vercel-root", {
        "vercel.json": '{"rewrites": [{"source": "/resize/:width/:height", "destination": "/api/sharp"}, {"source": "/all/(.*)", "destination": "/api/index"}]}',
        "index.html": "<h1>root</h1>",
        "css/style.css": "a{}",
        "lib/secret.js": "module.exports = 1",
        ".hidden": "x",
        "package.json": "{}",
        "api/sharp.js": "module.exports = (req, res) => res.send(`${req.query.width}x${req.query.height} ${process.env.NODE_ENV}`)",
        "api/index.js": "module.exports = (req, res) => res.send('index ' + req.url)",
    })
    assert get("/").text == "<h1>root</h1>" and get("/css/style.css").headers["content-type"].startswith("text/css")
    assert get("/resize/10/20").text == "10x20 production"
    assert get("/all/x").text == "index /all/x" and get("/api/index").text == "index /api/index"
    assert [get(path).status_code for path in ("/package.json", "/.hidden", "/vercel.json", "/api/sharp.js")] == [404] * 4


def test_middleware_stands_in_front_of_files_and_functions(deploy):
    get = deploy("vercel-middleware", {
        "package.json": '{"type": "module"}',
        "middleware.ts": """
            export const config = { matcher: ['/about', '/api/:path*', '/((?!public).*)/secret'] };
            const next = (init?: ResponseInit) => new Response(null, { headers: { 'x-middleware-next': '1', ...init?.headers } });
            export default async function middleware(request: Request) {
              const url = new URL(request.url);
              if (url.pathname === '/about') return new Response(null, { headers: { 'x-middleware-rewrite': new URL('/about.html', request.url).href } });
              if (url.pathname.endsWith('/secret')) return Response.redirect(new URL('/', request.url), 307);
              if (request.headers.get('authorization') === 'no') return Response.json({ message: 'no' }, { status: 401 });
              if (request.headers.get('authorization')) return next({ headers: { 'x-middleware-override-headers': 'x-user,content-type', 'x-middleware-request-content-type': 'application/json', 'x-middleware-request-x-user': 'ada', 'x-seen': '1' } });
            }
            """,
        "api/echo.js": "export default (req, res) => res.setHeader('set-cookie', ['a=1', 'b=2']).json({ user: req.headers['x-user'] ?? null, body: req.body ?? null, q: req.query })",
        "public/index.html": "home",
        "public/about.html": "about",
        "public/x/secret": "secret",
    })
    assert get("/").text == "home" and get("/about").text == "about"
    assert get("/x/secret").status_code == 307
    assert get("/api/echo", headers={"Authorization": "no"}).status_code == 401
    passed = get("/api/echo?q=1", "POST", json={"n": 1}, headers={"Authorization": "yes"})
    assert passed.json() == {"user": "ada", "body": {"n": 1}, "q": {"q": "1"}} and passed.headers["x-seen"] == "1"
    assert passed.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]
    assert get("/api/echo").json() == {"user": None, "body": None, "q": {}}


def test_next_reads_its_variables_and_its_configuration(deploy):
    get = deploy("next-config", {
        "package.json": '{"dependencies": {"next": "*"}}',
        ".env": "FROM=file\nBOTH=file\n",
        ".env.local": "BOTH=local\n",
        "next.config.js": "module.exports = { async rewrites() { return [{ source: '/r/:x*', destination: '/api/cat/:x*' }] } }",
        "middleware.js": "export function middleware() {}",
        "app/api/env/route.js": "export const GET = () => Response.json([process.env.FROM, process.env.BOTH, process.env.NODE_ENV])",
        "app/api/cat/[[...slug]]/route.js": "export const GET = async (r, { params }) => Response.json(await params)",
    })
    assert get("/api/env").json() == ["file", "local", "production"]
    assert get("/r/1/2").json() == {"slug": ["1", "2"]}, "rewrites come before the function that has every path"
    moved = get("/api/cat/?q=1")
    assert (moved.status_code, moved.headers["location"]) == (308, "/api/cat?q=1")


def test_pages_to_render_are_refused_with_the_reason(server, tmp_path):
    (tmp_path / "package.json").write_text('{"dependencies": {"next": "*"}}')
    (tmp_path / "app").mkdir()
    (tmp_path / "app/page.js").write_text("export default () => null")
    refused = server.cli("deploy", tmp_path, "--name", "pages")
    assert refused.returncode == 1 and "pages to render" in refused.stderr, refused.stderr


def test_packages_are_of_the_python_that_runs_them(deploy):
    get = deploy("vercel-fastapi", {
        "vercel.json": '{"rewrites": [{"source": "/api/(.*)", "destination": "/api/index"}]}',
        "requirements.txt": "fastapi==0.115.0\n",
        "api/index.py": """
            from fastapi import FastAPI
            app = FastAPI()
            @app.get('/api/items/{number}')
            def item(number: int, q: str = None):
                return {'number': number, 'q': q}
            """,
    })
    assert get("/api/items/3?q=x").json() == {"number": 3, "q": "x"}
    assert get("/api/items/x").status_code == 422


def test_rewrites_lead_to_other_hosts(deploy, web):
    vercel = deploy("proxy-vercel", {
        "vercel.json": '{"rewrites": [{"source": "/there/:path*", "destination": "%s/x/:path*"}]}' % web.url,
        "api/own.js": "module.exports = (req, res) => res.send('own')",
    })
    netlify = deploy("proxy-netlify", {
        "netlify.toml": '[[redirects]]\nfrom = "/there/*"\nto = "%s/x/:splat"\nstatus = 200\n' % web.url,
        "public/index.html": "home",
    })
    for get in (vercel, netlify):
        passed = get("/there/a/b?q=1", "POST", data="text", headers={"X-Own": "1"})
        seen = passed.json()
        assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/x/a/b?q=1", "text")
        assert seen["headers"]["x-own"] == "1" and seen["headers"]["host"] in web.url
        assert seen["headers"]["x-forwarded-for"] == "127.0.0.1" and passed.headers["x-upstream"] == "yes"
        assert get("/there/missing").status_code == 200 and get("/there/").status_code == 200
    assert vercel("/api/own").text == "own" and netlify("/").text == "home"


def test_the_older_form_of_rules_and_builds(deploy, server, tmp_path):
    files = {
        "package.json": '{"dependencies": {"express": "^4"}}',
        "vercel.json": """{"version": 2, "fluid": true,
            "builds": [{"src": "index.js", "use": "@vercel/node"}, {"src": "static/**", "use": "@vercel/static"}],
            "routes": [
              {"src": "/t/.*", "headers": {"x-t": "1"}, "continue": true},
              {"src": "/go/(.*)", "status": 301, "headers": {"Location": "/there/$1"}},
              {"src": "/u/(?<id>[0-9]+)", "dest": "index.js?id=$id", "methods": ["GET"]},
              {"handle": "filesystem"},
              {"src": "/gone", "status": 410},
              {"src": "/(.*)", "dest": "/index.js"}]}""",
        "index.js": """
            const app = require('express')();
            app.get('/u/:own', (req, res) => res.json({ own: req.params.own, id: req.query.id }));
            app.use((req, res) => res.status(404).send('app ' + req.path));
            module.exports = app;
            """,
        "static/page.txt": "a file",
    }
    get = deploy("older", files)
    assert get("/u/12").json() == {"own": "12", "id": "12"}
    gone = get("/go/a/b")
    assert (gone.status_code, gone.headers["location"]) == (301, "/there/a/b")
    assert get("/page.txt").text == "a file" and get("/gone").status_code == 410
    assert get("/t/x").text == "app /t/x" and get("/t/x").headers["x-t"] == "1"
    (get.folder / "vercel.json").write_text('{"routes": [], "rewrites": [{"source": "/a", "destination": "/b"}]}')
    refused = server.cli("deploy", get.folder, "--name", "older", "--yes")
    assert refused.returncode == 1 and "`routes` cannot be present" in refused.stderr


def test_requests_say_what_the_edge_knows(deploy):
    get = deploy("told", {"api/h.js": "export default (req, res) => res.json(req.headers)"})
    headers = get("/api/h", headers={"x-forwarded-for": "192.0.2.7"}).json()
    assert headers["x-forwarded-host"] == headers["x-vercel-deployment-url"] == "told.localhost"
    assert headers["x-real-ip"] and headers["x-vercel-id"].count("::") == 1


def test_what_is_computed_once_is_kept(deploy):
    get = deploy("cached", {
        "package.json": '{"private": true, "dependencies": {"next": "*"}}',
        "app/api/n/route.js": """
            import { revalidateTag, unstable_cache } from 'next/cache';
            let calls = 0;
            const count = unstable_cache(async (by) => (calls += by), ['n'], { tags: ['n'] });
            export const GET = async () => Response.json(await count(1));
            export function DELETE() { revalidateTag('n', 'max'); return new Response(null, { status: 204 }); }
            """,
    })
    assert [get("/api/n").json() for _ in range(2)] == [1, 1]
    get("/api/n", "DELETE")
    assert get("/api/n").json() == 2


ENTRIES = {
    "express": {
        "package.json": '{"dependencies": {"express": "^4"}}',
        "index.js": """
            const app = require('express')();
            app.get('/', (req, res) => res.send('home'));
            app.get('/u/:id', (req, res) => res.json(req.params));
            module.exports = app;
            """,
    },
    "hono": {
        "package.json": '{"type": "module", "dependencies": {"hono": "*"}}',
        "src/index.ts": """
            import { Hono } from 'hono';
            const app = new Hono();
            app.get('/', (c) => c.text('home')).get('/u/:id', (c) => c.json(c.req.param()));
            export default app;
            """,
    },
    "fastapi": {
        "requirements.txt": "fastapi==0.115.0\n",
        "app.py": """
            from fastapi import FastAPI
            from fastapi.responses import PlainTextResponse
            app = FastAPI()
            @app.get('/', response_class=PlainTextResponse)
            def home(): return 'home'
            @app.get('/u/{id}')
            def user(id: str): return {'id': id}
            """,
    },
}


@pytest.mark.parametrize("framework", ENTRIES)
def test_an_application_gets_what_no_file_is(deploy, framework):
    get = deploy(f"vercel-{framework}-app", {"vercel.json": "{}", "public/s.txt": "static", **ENTRIES[framework]})
    assert get("/").text == "home" and get("/u/3").json() == {"id": "3"} and get("/s.txt").text == "static"


def test_functions_find_files_native_packages_and_tell_what_is_known_already(deploy):
    get = deploy("vercel-files", {
        "package.json": '{"dependencies": {"@node-rs/crc32": "1.10.6"}}',
        "vercel.json": "{}",
        "data/a.txt": "data",
        "api/b.txt": "beside",
        "api/read.js": """
            const fs = require('fs'), path = require('path');
            module.exports = (req, res) => res.json([
              fs.readFileSync(path.join(process.cwd(), 'data/a.txt'), 'utf8'), fs.readFileSync(path.join(__dirname, 'b.txt'), 'utf8')]);
            """,
        "api/url.mjs": """
            import { readFile } from 'node:fs/promises';
            export const GET = async () => new Response(await readFile(new URL('./b.txt', import.meta.url)));
            """,
        "api/native.mjs": "import { crc32 } from '@node-rs/crc32'; export const GET = () => new Response(String(crc32('a')));",
        "api/edge.js": "export const config = { runtime: 'edge' }; export default () => new Response(typeof EdgeRuntime);",
    })
    read = get("/api/read")
    assert read.json() == ["data", "beside"] and get("/api/url").text == "beside"
    assert get("/api/read", headers={"if-none-match": read.headers["etag"]}).status_code == 304
    assert get("/api/native").text == "3904355907"
    assert get("/api/edge").text == "string"


def test_functions_in_go_say_what_is_missing(server, tmp_path):
    (tmp_path / "api").mkdir()
    (tmp_path / "api/date.go").write_text("package api\nimport \"net/http\"\nfunc Date(w http.ResponseWriter, r *http.Request) {}\n")
    if shutil.which("go"):
        pytest.skip("this machine has Go")
    refused = server.cli("deploy", tmp_path, "--name", "vercel-go", "--yes")
    assert refused.returncode == 1 and "date.go" in refused.stderr and "install Go" in refused.stderr
