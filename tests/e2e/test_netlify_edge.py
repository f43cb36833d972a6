"""Netlify's edge functions: they stand in front of the app, and ask it for the rest."""
import pytest

from dialects import deploy  # noqa: F401

FILES = {
    "netlify.toml": """
        [build]
        publish = "site"
        [[edge_functions]]
        path = "/loud/*"
        function = "loud"
        [[redirects]]
        from = "/loud/*"
        to = "/index.html"
        status = 200
        [[headers]]
        for = "/*"
        [headers.values]
        X-All = "1"
        """,
    "site/index.html": "home",
    "site/plain.txt": "plain",
    "netlify/functions/echo.mjs": "export default async (req) => Response.json([req.method, await req.text(), req.headers.get('authorization')])",
    "netlify/functions/part.mjs": """
        export default async (req, context) => new Response('part ' + context.params.name);
        export const config = { path: '/part/:name', excludedPath: '/part/none' };
        """,
    "netlify/edge-functions/loud.ts": """
        import type { Context } from 'https://edge.netlify.com';
        export default async (request: Request, context: Context) => {
          const response = await context.next();
          return new Response((await response.text()).toUpperCase() + '!', response);
        };
        """,
    "netlify/edge-functions/headers.ts": """
        import type { Config, Context } from '@netlify/edge-functions';
        export default async (request: Request, context: Context) => {
          const response = await context.next();
          response.headers.set('x-edge', context.ip);
          context.cookies.set('seen', '1');
          return response;
        };
        export const config: Config = { path: ['/plain.txt', '/moved'] };
        """,
    "netlify/edge-functions/away.js": """
        export default (request) => new URL('/plain.txt', request.url);
        export const config = { path: '/away' };
        """,
    "netlify/edge-functions/guard.js": """
        export default async (request) => {
          await request.text();
          if (request.headers.get('authorization') !== 'Bearer ok') return new Response('no', { status: 401 });
        };
        export const config = { path: '/.netlify/functions/echo', method: 'POST' };
        """,
    "netlify/edge-functions/own.js": """
        export default (request, context) => Response.json({ ...context.params, country: typeof context.geo.country.code });
        export const config = { path: '/own/:name', excludedPath: '/own/none' };
        """,
    "netlify/edge-functions/broken.js": """
        export default () => { throw new Error('private detail') };
        export const config = { path: '/broken' };
        """,
    "netlify/edge-functions/lenient.js": """
        export default () => { throw new Error('private detail') };
        export const config = { path: '/part/*', onError: 'continue' };
        """,
    "netlify/edge-functions/bypassed.js": """
        export default () => { throw new Error('private detail') };
        export const config = { path: '/plain2.txt', onError: 'bypass' };
        """,
    "site/plain2.txt": "plain too",
    "netlify/edge-functions/choosy.js": """
        export default () => new Response('chosen');
        export const config = { path: '/choosy.txt', header: { 'x-want': true, 'x-not': false, 'x-like': '^a' } };
        """,
    "site/choosy.txt": "file",
}


def test_edge_functions_stand_in_front(deploy):
    get = deploy("netlify-edge", FILES)
    loud = get("/loud/x")
    assert loud.text == "HOME!" and loud.headers["x-all"] == "1", "rules apply to what is asked for"
    plain = get("/plain.txt")
    assert (plain.text, plain.headers["x-edge"]) == ("plain", "127.0.0.1")
    assert plain.headers["set-cookie"] == "seen=1; Path=/" and plain.headers["content-type"].startswith("text/plain")
    assert get("/away").text == "plain"
    assert get("/own/a").json() == {"name": "a", "country": "string"} and get("/own/none").status_code == 404
    path = "/.netlify/functions/echo"
    assert get(path, "POST", data="x").status_code == 401
    passed = get(path, "POST", data="x", headers={"Authorization": "Bearer ok"}).json()
    assert passed == ["POST", "x", "Bearer ok"], "what was read is there again, and so are the headers"
    assert get(path).json() == ["GET", "", None], "the method is not the guard's"
    broken = get("/broken")
    assert broken.status_code == 500 and "private detail" not in broken.text
    assert get("/part/a").text == "part a" and get("/part/none").status_code == 404
    assert get("/plain2.txt").text == "plain too"
    wanted = {"x-want": "1", "x-like": "abc"}
    texts = [get("/choosy.txt", headers=headers).text for headers in (wanted, {"x-like": "abc"}, {**wanted, "x-not": "1"})]
    assert texts == ["chosen", "file", "file"]


@pytest.mark.parametrize("header", ["x-ebb-request", "x-ebb-inside"])
def test_nobody_gets_past_them_from_outside(deploy, header):
    get = deploy("netlify-guard", FILES)
    assert get("/.netlify/functions/echo", "POST", data="x", headers={header: "e30="}).status_code == 401
    assert get("/_ebb/v1/origin", "POST", headers={header: "e30="}).status_code == 404
