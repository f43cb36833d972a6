"""Projects of Next.js: what their configuration says, and what is packed beside the bundle."""
from dialects import deploy  # noqa: F401


def test_the_configuration_is_run(deploy):
    get = deploy("next-run", {
        "package.json": '{"dependencies": {"next": "*"}}',
        "lib/paths.ts": "export const old = (slug: string) => `/old/${slug}`;",
        "next.config.ts": """
            import type { NextConfig } from 'next';
            import { old } from './lib/paths';
            const plain: NextConfig = {
              env: { FROM_CONFIG: 'cfg' },
              async redirects() { return [{ source: old(':slug'), destination: '/new/:slug', permanent: true }]; },
              async rewrites() {
                return {
                  beforeFiles: [{ source: '/logo.txt', destination: '/api/hello' }],
                  afterFiles: [{ source: '/af/:id', destination: '/api/users/:id' }],
                  fallback: [{ source: '/:path*', destination: '/api/fallback' }],
                };
              },
              headers: async () => [{ source: '/api/:path*', headers: [{ key: 'x-cfg', value: 'v' }] }],
            };
            export default async (phase: string) => plain;
            """,
        "app/api/hello/route.ts": "export const GET = () => new Response(process.env.FROM_CONFIG)",
        "app/api/users/[id]/route.ts": "export const GET = async (r, { params }) => Response.json(await params)",
        "app/api/fallback/route.ts": "export const GET = (r: Request) => new Response('fallback ' + new URL(r.url).pathname)",
        "app/file/route.ts": """
            import { readFile } from 'node:fs/promises';
            import path from 'node:path';
            export const GET = async () => new Response(await readFile(path.join(process.cwd(), 'data/x.txt')));
            """,
        "data/x.txt": "data",
        "public/logo.txt": "logo",
    })
    hello = get("/api/hello")
    assert hello.text == "cfg" and hello.headers["x-cfg"] == "v"
    assert (get("/old/a").status_code, get("/old/a").headers["location"]) == (308, "/new/a")
    assert get("/logo.txt").text == "cfg", "before files"
    assert get("/af/7").json() == {"id": "7"} and get("/no/where").text.startswith("fallback")
    assert get("/file").text == "data", "what a function reads goes with it"


def test_an_app_below_a_base_path(deploy):
    get = deploy("next-base", {
        "package.json": '{"dependencies": {"next": "*"}}',
        "next.config.js": "module.exports = { basePath: '/docs', trailingSlash: true }",
        "src/app/api/a/route.js": "export const GET = (r) => new Response(`${r.nextUrl.basePath} ${r.nextUrl.pathname}`)",
        "src/middleware.js": """
            import { NextResponse } from 'next/server';
            export default (request) => NextResponse.next({ headers: { 'x-path': request.nextUrl.pathname } });
            export const config = { matcher: '/api/:path*' };
            """,
        "public/l.txt": "l",
    })
    answer = get("/docs/api/a/")
    assert (answer.text, answer.headers["x-path"]) == ("/docs /api/a/", "/api/a/")
    assert (get("/docs/api/a").status_code, get("/docs/api/a").headers["location"]) == (308, "/docs/api/a/")
    assert get("/api/a/").status_code == 404 and get("/docs/l.txt").text == "l"
