"""Vercel and Next.js, beyond the matrix: what their documentation says of files, rewrites and variables."""
from dialects import deploy  # noqa: F401


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
