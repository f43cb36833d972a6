"""Projects of Next.js, Vercel and Netlify, deployed as they are."""
import base64

import pytest

from conftest import eventually
from dialects import deploy  # noqa: F401


# What every dialect has to get right, as its own handler would say it.
MATRIX = {
    "next": {
        "package.json": '{"dependencies": {"next": "*"}}',
        "app/api/[kind]/route.ts": """
            import { NextRequest, NextResponse } from 'next/server';
            const image = new Uint8Array([0, 255, 128]);
            export async function GET(request: NextRequest, { params }) {
              const { kind } = await params;
              if (kind === 'boom') throw new Error('private detail');
              if (kind === 'image') return new Response(image, { headers: { 'content-type': 'image/png' } });
              if (kind === 'repeated') return NextResponse.json(request.nextUrl.searchParams.getAll('x'));
              const response = NextResponse.json({ kind });
              response.cookies.set('a', '1');
              response.cookies.set('b', '2');
              return response;
            }
            """,
    },
    "vercel": {
        "api/[kind].js": """
            export default (req, res) => {
              const { kind } = req.query;
              if (kind === 'boom') throw new Error('private detail');
              if (kind === 'image') return res.setHeader('content-type', 'image/png').send(Buffer.from([0, 255, 128]));
              if (kind === 'repeated') return res.json(req.query.x);
              res.setHeader('set-cookie', ['a=1', 'b=2']).json({ kind });
            };
            """,
    },
    "netlify": {
        "netlify/functions/kinds.js": """
            exports.handler = async (event) => {
              const kind = event.path.split('/').pop();
              if (kind === 'boom') throw new Error('private detail');
              if (kind === 'image') return { statusCode: 200, headers: { 'content-type': 'image/png' }, isBase64Encoded: true, body: 'AP+A' };
              if (kind === 'repeated') return { statusCode: 200, body: JSON.stringify(event.multiValueQueryStringParameters.x) };
              return { statusCode: 200, multiValueHeaders: { 'set-cookie': ['a=1', 'b=2'] }, body: JSON.stringify({ kind }) };
            };
            """,
        "netlify.toml": '[[redirects]]\nfrom = "/api/*"\nto = "/.netlify/functions/kinds"\nstatus = 200\n',
    },
}


@pytest.mark.parametrize("dialect", MATRIX)
def test_the_matrix(deploy, dialect):
    get = deploy(f"matrix-{dialect}", MATRIX[dialect])
    assert get("/api/plain").json() == {"kind": "plain"}
    cookies = get("/api/plain").raw.headers.getlist("set-cookie")
    assert [cookie.split(";")[0] for cookie in cookies] == ["a=1", "b=2"]
    image = get("/api/image")
    assert image.content == base64.b64decode("AP+A") and image.headers["content-type"] == "image/png"
    assert get("/api/repeated?x=1&x=2").json() == ["1", "2"]
    boom = get("/api/boom")
    assert boom.status_code == 500 and "private detail" not in boom.text
    assert not [name for name in get("/api/plain").headers if name.lower().startswith("access-control-")]
    assert get("/api/plain", "HEAD").text == ""
    assert get("/nowhere").status_code == 404


def test_next_middleware_and_headers(deploy):
    get = deploy("next-middle", {
        "package.json": '{"dependencies": {"next": "*"}}',
        "middleware.ts": """
            import { NextResponse } from 'next/server';
            export function middleware(request) {
              if (request.nextUrl.pathname === '/api/old') return NextResponse.redirect(new URL('/api/new', request.url));
              if (request.nextUrl.pathname === '/api/in') return NextResponse.rewrite(new URL('/api/new', request.url));
              const headers = new Headers(request.headers);
              headers.set('x-user', 'ada');
              return NextResponse.next({ request: { headers }, headers: { 'x-seen': 'yes' } });
            }
            export const config = { matcher: '/api/:path*' };
            """,
        "app/(group)/api/new/route.js": """
            import { headers } from 'next/headers';
            export const GET = async () => Response.json({ user: (await headers()).get('x-user') });
            """,
    })
    assert get("/api/old").status_code == 307 and get("/api/old").headers["location"].endswith("/api/new")
    assert get("/api/in").json() == {"user": None}
    passed = get("/api/new")
    assert passed.json() == {"user": "ada"} and passed.headers["x-seen"] == "yes"


def test_vercel_file_rules_files_and_work_after_the_answer(deploy, server):
    get = deploy("vercel-rules", {
        "vercel.json": """
            {"redirects": [{"source": "/old/:path*", "destination": "/new/:path*", "permanent": false}],
             "rewrites": [{"source": "/user/:id", "destination": "/api/show?id=:id"}],
             "headers": [{"source": "/(.*).txt", "headers": [{"key": "x-text", "value": "yes"}]}],
             "cleanUrls": true}
            """,
        "api/show.js": "module.exports = (req, res) => res.json({ id: req.query.id, url: req.url });",
        "api/later.mjs": """
            const context = () => globalThis[Symbol.for('@vercel/request-context')].get();
            export const GET = () => { context().waitUntil(new Promise((r) => setTimeout(r, 50)).then(() => console.log('DONE LATER'))); return new Response('ok'); };
            """,
        "api/wsgi.py": """
            def app(environ, start_response):
                start_response('201 Created', [('content-type', 'text/plain'), ('set-cookie', 'a=1'), ('set-cookie', 'b=2')])
                return [environ['QUERY_STRING'].encode()]
            """,
        "public/about.html": "<p>about</p>",
        "public/a.txt": "text",
    })
    assert get("/old/a/b").status_code == 307 and get("/old/a/b").headers["location"] == "/new/a/b"
    assert get("/user/5").json()["id"] == "5"
    assert get("/a.txt").headers["x-text"] == "yes"
    assert get("/about").text == "<p>about</p>" and get("/about.html").status_code == 308
    again = get("/a.txt", headers={"if-none-match": get("/a.txt").headers["etag"]})
    assert again.status_code == 304
    assert get("/later").status_code == 404 and get("/api/later").text == "ok"
    eventually(lambda: any("DONE LATER" in line for line in server.log_of("vercel-rules-api-later")))
    made = get("/api/wsgi?q=1")
    assert made.status_code == 201 and made.text == "q=1" and made.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]


def test_netlify_redirect_files_and_background_work(deploy, server):
    get = deploy("netlify-files", {
        "netlify.toml": '[build]\npublish = "site"\n[[headers]]\nfor = "/*"\n[headers.values]\nX-All = "1"\n',
        "site/index.html": "home",
        "site/404.html": "lost",
        "site/_redirects": "/moved/:id /item/:id 302\n/store id=:id /item/:id\n/spa/* /index.html 200\n",
        "netlify/functions/job-background.mjs": "export default async (req) => { console.log('BACKGROUND', await req.text()) };",
        "netlify/functions/nightly.mjs": "export default async () => {};\nexport const config = { schedule: '@daily' };",
    })
    assert get("/").text == "home" and get("/").headers["x-all"] == "1"
    assert (get("/none").status_code, get("/none").text) == (404, "lost")
    assert get("/moved/5").headers["location"] == "/item/5" and get("/store?id=6").headers["location"].startswith("/item/6")
    assert get("/spa/deep").text == "home"
    assert get("/.netlify/functions/job-background", "POST", data="x").status_code == 202
    eventually(lambda: any("BACKGROUND x" in line for line in server.log_of("netlify-files-job-background")))
    schedules = server.client("scheduler").list_schedules(GroupName="ebb-app-netlify-files")["Schedules"]
    assert len(schedules) == 1
    assert get("/.netlify/functions/nightly").status_code == 404, "only the clock invokes it"


def test_netlify_limits_streams_and_texts(deploy, server):
    get = deploy("limits", {
        "package.json": '{"dependencies": {"@netlify/functions": "*"}}',
        "netlify/functions/few.mjs": """
            export default async () => new Response('few');
            export const config = { path: '/few', rateLimit: { windowLimit: 2, windowSize: 120, aggregateBy: ['ip', 'domain'] } };
            """,
        "netlify/functions/moved.mjs": """
            export default async () => new Response('fine');
            export const config = { path: '/moved', rateLimit: { action: 'rewrite', to: '/busy?of=1', windowLimit: 1, windowSize: 120, aggregateBy: 'ip' } };
            """,
        "netlify/functions/busy.mjs": """
            export default async (request) => new Response('busy ' + new URL(request.url).search, { status: 503 });
            export const config = { path: '/busy' };
            """,
        "netlify/functions/flow.js": """
            const { Readable } = require('stream');
            const { stream } = require('@netlify/functions');
            exports.handler = stream(async () => ({ statusCode: 201, headers: { 'x-a': 'b' }, body: Readable.from(['a', 'b']) }));
            """,
        "netlify/functions/text.js": "exports.handler = async (e) => ({ statusCode: 200, body: JSON.stringify([e.body, e.isBase64Encoded]) })",
    })
    assert [get("/few").status_code for _ in range(4)] == [200, 200, 429, 429]
    assert [(answer.status_code, answer.text[:4]) for answer in (get("/moved"), get("/moved"))] == [(200, "fine"), (503, "busy")]
    flow = get("/.netlify/functions/flow")
    assert (flow.status_code, flow.text, flow.headers["x-a"]) == (201, "ab", "b")
    text = lambda data, **headers: get("/.netlify/functions/text", "POST", data=data, headers=headers).json()
    assert text(b"hello") == ["hello", False] and text(b"\xff") == ["/w==", True]
    assert text(b"x", **{"content-type": "image/png"}) == ["eA==", True]


def test_netlify_headers_patterns_and_what_functions_know(deploy):
    get = deploy("netlify-more", {
        "netlify.toml": """
            [build]
            publish = "site"
            [functions]
            included_files = ["data/*.json"]
            [[headers]]
            for = "/*"
            [headers.values]
            Cache-Control = '''
            max-age=0,
            no-cache'''
            [[redirects]]
            from = "/land"
            to = "/fr"
            status = 302
            conditions = { Country = ["fr"] }
            """,
        "site/page.html": "page",
        "site/_headers": "/page.html\n  Link: </a.css>\n  Link: </b.css>\n",
        "data/d.json": "{}",
        "netlify/functions/number.mjs": "export default async (r, c) => Response.json(c.params);\nexport const config = { path: '/n/:id(\\\\d+)' };",
        "netlify/functions/knows.js": """
            exports.handler = async () => ({ statusCode: 200, body: JSON.stringify([
              process.env.SITE_NAME, process.env.URL, require('fs').existsSync('data/d.json')]) });
            """,
    })
    page = get("/page.html").headers
    assert (page["cache-control"], page["link"]) == ("max-age=0, no-cache", "</a.css>, </b.css>")
    assert get("/n/12").json() == {"id": "12"} and get("/n/ab").status_code == 404
    assert get("/.netlify/functions/knows").json() == ["netlify-more", "http://netlify-more.localhost", True]
    assert [get("/land", headers=headers).status_code for headers in ({"x-country": "FR"}, {})] == [302, 404]
