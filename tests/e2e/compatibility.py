"""What of the platforms' own templates, and of the examples, runs on ebb as it is: each is made anew from its registry,
deployed, asked, and removed again. Writes docs/compatibility.md.

    compatibility.py [--json] [NAME…]      only those templates; then nothing is written
"""
import argparse
import contextlib
import datetime
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from conftest import EXAMPLES, Server
from test_links import LINKS, api, emptied, told

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "compatibility.md"
HEAD = """# Compatibility

Made by `cargo xtask compatibility` on {date} with ebb {version}, Node.js {node} and Python {python}: each project was made
as its platform's tools make it, deployed unmodified with `ebb deploy --yes`, asked over HTTP, and removed. A project that
was refused shows what `ebb deploy` said. {works} of {all} work.

What no registry carries is missing here: the templates that Azure's, Supabase's, Vercel's and Spin's tools download from
elsewhere.

| project | dialect | source | result |
| --- | --- | --- | --- |
"""


def npm(package, folder):
    """Unpacks a package of npm as it was published; gives `name@version` and the folder."""
    folder.mkdir(parents=True)
    name = run("npm", "pack", "--silent", package, cwd=folder).split()[-1]
    run("tar", "xzf", name, cwd=folder)
    manifest = json.loads((folder / "package/package.json").read_text())
    return f"{manifest['name']}@{manifest['version']}", folder / "package"


def pypi(package, folder):
    """Unpacks a source distribution or wheel of PyPI; gives `name==version` and the folder."""
    folder.mkdir(parents=True)
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check", "-d", ".", package, cwd=folder)
    [archive] = folder.iterdir()
    shutil.unpack_archive(archive, folder / "package", "zip")
    name, version = archive.name.split("-")[:2]
    return f"{name.replace('_', '-')}=={version}", folder / "package"


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-400:]}")
    return done.stdout


class Templates:
    """Makes projects of templates, each as its tool does. Packages are fetched once."""

    def __init__(self, folder):
        self.folder, self.packages = folder, {}

    def package(self, fetch, name):
        if name not in self.packages:
            self.packages[name] = fetch(name, self.folder / f"package-{len(self.packages)}")
        return self.packages[name]

    def project(self):
        return pathlib.Path(tempfile.mkdtemp(dir=self.folder, prefix="project-")) / "project"

    def cloudflare(self, template, variant):
        source, package = self.package(npm, "create-cloudflare@latest")
        project = shutil.copytree(package / "templates" / template / variant, self.project())
        filled(project, {"<WORKER_NAME>": "project", "<PACKAGE_NAME>": "project", "<COMPATIBILITY_DATE>": "2025-09-01"})
        # The tool installs for all of them; these import what it installs.
        if template in ("common", "openapi"):
            run("npm", "install", "--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts", cwd=project)
        return f"{source}, {template} ({variant})".replace(" (templates)", ""), project

    def next(self, language):
        source, _ = self.package(npm, "create-next-app@latest")
        project = self.project()
        run("npx", "--yes", source, project.name, "--api", f"--{language}", "--skip-install", "--disable-git", "--yes",
            cwd=project.parent)
        return f"{source} --api --{language}", project

    def netlify(self, template):
        source, package = self.package(npm, "netlify-cli@latest")
        language, name = template.split("/")
        project = self.project()
        functions = project / "netlify" / "functions" / name
        shutil.copytree(package / "functions-templates" / template, functions,
                        ignore=shutil.ignore_patterns(".netlify-function-template.mjs"))
        for path in functions.iterdir():
            path.rename(path.with_name(path.name.replace("{{name}}", name)))
        filled(project, {"{{name}}": name})
        return f"{source} functions:create, {template}", project

    def sam(self, template, runtime):
        source, package = self.package(pypi, "aws-sam-cli")
        tool = self.folder / "cookiecutter"
        if not tool.exists():
            run(sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", tool, "cookiecutter", cwd=self.folder)
        project = self.project()
        script = "import sys; sys.path.insert(0, sys.argv[1]); from cookiecutter.main import cookiecutter; " \
            "cookiecutter(sys.argv[2], no_input=True, output_dir='.', extra_context={'project_name': 'project', 'runtime': sys.argv[3]})"
        run(sys.executable, "-c", script, tool, package / "samcli/lib/init/templates" / f"cookiecutter-aws-sam-{template}", runtime,
            cwd=project.parent)
        return f"{source} init, {template} ({runtime})", project

    def serverless(self, template):
        source, package = self.package(npm, "serverless@2")
        project = shutil.copytree(package / "lib/plugins/create/templates" / template, self.project())
        return f"{source} create, {template}", project

    def google_node(self):
        source, package = self.package(npm, "@google-cloud/functions-framework@latest")
        project = self.project()
        project.mkdir()
        block = re.search(r"Create an `index.js`.*?```js\n(.*?)```", (package / "README.md").read_text(), re.S)[1]
        (project / "index.js").write_text(block)
        version = source.rsplit("@", 1)[1]
        (project / "package.json").write_text(json.dumps({
            "main": "index.js", "scripts": {"start": "functions-framework --target=helloWorld"},
            "dependencies": {"@google-cloud/functions-framework": version}}))
        return f"{source}, quickstart of its README", project

    def google_python(self):
        source, package = self.package(pypi, "functions-framework")
        project = self.project()
        project.mkdir()
        [metadata] = package.glob("*.dist-info/METADATA")
        block = re.search(r"Create an `main.py`.*?```python\n(.*?)```", metadata.read_text(), re.S)[1]
        (project / "main.py").write_text(block)
        (project / "requirements.txt").write_text(source + "\n")
        return f"{source}, quickstart of its README", project


def filled(folder, names):
    """Replaces placeholders in every text of a folder."""
    for path in folder.rglob("*"):
        with contextlib.suppress(UnicodeDecodeError, IsADirectoryError):
            text = path.read_text()
            for name, value in names.items():
                text = text.replace(name, value)
            path.write_text(text)


# Each template: its name, the dialect, how it is made, and what it must answer (path, status, text, and the document
# that is posted where one is). A project that only the clock or a queue reaches is asked nothing.
WORKERS, NETLIFY = "Cloudflare Workers", "Netlify"
TEMPLATES = [
    *[(f"workers-{template}-{variant}", WORKERS, ("cloudflare", template, variant), answer)
      for template, variants, answer in [
          ("hello-world", ("js", "ts"), ("/", 200, "Hello World!")),
          ("hello-world", ("py",), ("/", 200, "Hello")),
          ("hello-world-assets-only", ("templates",), ("/", 200, "<html")),
          ("hello-world-with-assets", ("js", "ts"), ("/message", 200, "Hello")),
          ("hello-world-durable-object", ("js", "ts"), ("/", 200, "Hello")),
          ("hello-world-durable-object-with-assets", ("ts",), ("/", 200, "<html")),
          ("hello-world-workflows", ("ts",), ("/", 200, "")),
          ("common", ("js", "ts"), ("/", 200, "")),
          ("openapi", ("ts",), ("/", 200, "")),
          ("scheduled", ("js", "ts"), ("/", 200, "")),
          ("queues", ("js", "ts"), ("/", 200, "")),
      ] for variant in variants],
    ("next-api-js", "Next.js", ("next", "js"), ("/project", 200, "Hello project!")),
    ("next-api-ts", "Next.js", ("next", "ts"), ("/project", 200, "Hello project!")),
    *[(f"netlify-{template.replace('/', '-')}", NETLIFY, ("netlify", template), answer) for template, answer in [
        ("javascript/hello-world", ("/.netlify/functions/hello-world?name=you", 200, "Hello you")),
        ("typescript/hello-world", ("/.netlify/functions/hello-world", 200, "Hello")),
        ("javascript/scheduled-function", None),
        ("typescript/scheduled-function", None),
    ]],
    *[(f"sam-{template}", "AWS SAM", ("sam", template, runtime), ("/hello", 200, "hello world")) for template, runtime in [
        ("hello-nodejs", "nodejs20.x"), ("hello-python", "python3.11"), ("hello-ruby", "ruby3.3"),
        ("hello-java-maven", "java17"), ("hello-golang", "provided.al2023"), ("hello-dotnet", "dotnet8")]],
    *[(f"serverless-{template}", "Serverless Framework", ("serverless", template), answer) for template, answer in [
        ("aws-nodejs", None), ("aws-nodejs-typescript", ("/hello", 200, "Hello you", {"name": "you"})), ("aws-python3", None),
        ("google-nodejs", None)]],
    ("functions-framework-node", "Google Cloud functions", ("google_node",), ("/", 200, "Hello, World")),
    ("functions-framework-python", "Google Cloud functions", ("google_python",), ("/", 200, "Hello world!")),
]
DIALECTS = {
    "sam": "AWS SAM", "serverless": "Serverless Framework", "next": "Next.js", "vercel": "Vercel", "workers": WORKERS,
    "netlify": NETLIFY, "supabase": "Supabase", "deno": "Deno", "spin": "Spin", "google-node": "Google Cloud functions",
    "google-python": "Google Cloud functions", "azure": "Azure Functions", "server": "a server on `$PORT`",
}


@contextlib.contextmanager
def deployed(server, folder, name, *arguments):
    """A deployed app; what refuses it is raised."""
    done = server.cli("deploy", folder, "--name", name, "--yes", *arguments)
    if done.returncode:
        said = " ".join(done.stderr.split("hint:")[0].split("error: ", 1)[-1].split())
        said = re.sub(r" \((deploy|http://[^)]*)\)", "", said.replace(f"{folder}/", "").replace(f" ({folder})", ""))
        raise Refused(said if len(said) < 200 else said[:200] + "…")
    try:
        yield
    finally:
        emptied(server, name)
        server.cli("rm", name, "--yes")


class Refused(Exception):
    """What `ebb deploy` said."""


def outcome(attempt):
    """What came of it: the source, and the result in words."""
    source = ""
    try:
        for source in attempt:
            pass
        return source, "works"
    except Refused as refused:
        return source, f"refused: {refused}"
    except subprocess.TimeoutExpired:
        return source, "not deployed within the time"
    except Exception as error:  # Whatever fails is a line of the page.
        return source, f"fails: {type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"


def template(server, templates, name, make, answer):
    source, folder = getattr(templates, make[0])(*make[1:])
    yield source
    with deployed(server, folder, name):
        if answer:
            path, status, text, *posted = answer
            method = "POST" if posted else "GET"
            got = server.http(f"{name}.localhost", path, method, json=posted[0] if posted else None)
            assert got.status_code == status and text in got.text, f"{method} {path} answered {got.status_code} {got.text[:80]!r}"


def example(server, templates, dialect):
    links, name = LINKS[dialect], f"links-{dialect}"
    yield f"examples/{name}"
    folder = shutil.copytree(EXAMPLES / name, templates.project(), ignore=shutil.ignore_patterns("node_modules", "dist"))
    triggers = [part for trigger in links.get("triggers", []) for part in ("--trigger", trigger)]
    with deployed(server, folder, name, *triggers):
        api(server, name, links.get("base", ""))
        told(server, name, links)


def rows(only):
    """Runs all of it; gives a row each."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ebb-compatibility-"))
    server, templates = Server().start(), Templates(folder)
    attempts = [(name, dialect, lambda name=name, make=make, answer=answer: template(server, templates, name[:40].strip("-"), make, answer))
                for name, dialect, make, answer in TEMPLATES]
    attempts += [(f"links-{dialect}", DIALECTS[dialect], lambda dialect=dialect: example(server, templates, dialect)) for dialect in LINKS]
    try:
        for name, dialect, attempt in attempts:
            if not only or name in only:
                source, result = outcome(attempt())
                print(f"{name}: {result}", file=sys.stderr, flush=True)
                yield {"name": name, "dialect": dialect, "source": source, "result": result}
    finally:
        server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def facts():
    binary = Server().binary
    version = lambda *command: subprocess.run(command, capture_output=True, text=True).stdout.split()[-1]  # noqa: E731
    return {"date": datetime.datetime.now(datetime.UTC).date().isoformat(), "version": version(binary, "--version"),
            "node": version("node", "--version").lstrip("v"), "python": version("python3", "--version")}


def page(found, known):
    works = sum(row["result"] == "works" for row in found)
    cell = lambda text: text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")  # noqa: E731
    lines = [f"| {row['name']} | {row['dialect']} | {cell(row['source'])} | {cell(row['result'])} |" for row in found]
    return HEAD.format(works=works, all=len(found), **known) + "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    known, found = facts(), list(rows(args.names))
    if args.json:
        print(json.dumps({**known, "projects": found}, indent=2))
    if not args.names:
        PAGE.write_text(page(found, known))


if __name__ == "__main__":
    main()
