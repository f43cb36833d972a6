"""A client that goes away: functions of Node.js see it, and what they promised to do goes on."""
import pytest
import requests

from conftest import eventually
from dialects import deploy, log  # noqa: F401

ENDLESS = """new Response(new ReadableStream({ async pull(controller) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  controller.enqueue(new TextEncoder().encode('x'));
} }))"""
ABORTED = "request.signal.addEventListener('abort', () => console.log('ABORTED'));"
LATER = "new Promise((resolve) => setTimeout(resolve, 300)).then(() => console.log('WENT ON'))"
APPS = {
    "next": ("/s", "", {
        "package.json": '{"dependencies": {"next": "*"}}',
        "app/s/route.js": f"import {{ after }} from 'next/server'; export async function GET(request) {{ {ABORTED} after(() => {LATER}); return {ENDLESS}; }}",
    }),
    "vercel": ("/api/s", "-api-s", {
        "api/s.js": f"export async function GET(request, context) {{ {ABORTED} context.waitUntil({LATER}); return {ENDLESS}; }}",
    }),
    "node": ("/api/s", "-api-s", {
        "api/s.js": """
            module.exports = (req, res) => {
              const writing = setInterval(() => res.write('x'), 50);
              req.on('close', () => { clearInterval(writing); console.log('ABORTED'); setTimeout(() => console.log('WENT ON'), 1); });
            };
            """,
    }),
    "netlify": ("/.netlify/functions/s", "-s", {
        "netlify/functions/s.mjs": f"export default async (request, context) => {{ {ABORTED} context.waitUntil({LATER}); return {ENDLESS}; }}",
    }),
}


@pytest.mark.parametrize("dialect", APPS)
def test_a_client_that_goes_away(deploy, server, dialect):
    path, suffix, files = APPS[dialect]
    deploy(f"gone-{dialect}", files)
    with requests.get(server.edge + path, headers={"Host": f"gone-{dialect}.localhost"}, stream=True, timeout=30) as answer:
        next(answer.iter_content(1))

    def ended():
        lines = log(server, f"gone-{dialect}{suffix}")
        return all(word in lines for word in ("ABORTED", "WENT ON", "REPORT"))
    eventually(ended)
