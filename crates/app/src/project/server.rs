//! Programs that listen on `$PORT`: how a command becomes the start of a function, and which command a folder wants.
//!
//! Sources: the Cloud Run documentation, "Container runtime contract", and the buildpacks' documentation, "Entrypoint"
//! for Node.js and Python (2026-11).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ebb_model::ServerSettings;
use serde_json::Value;

use super::description::{Description, Source, SourceFunction};

/// The runtime of servers.
pub(super) const RUNTIME: &str = "http";

/// The script that starts a server, in its package.
const START: &str = ".ebb/start.sh";

/// Where the packages of Python are in the package of a server. Azure's own place for them, which keeps them apart
/// from the project's modules.
pub(super) const PYTHON_PACKAGES: &str = ".python_packages/lib/site-packages";

/// Seconds that a request may take. Source: the Cloud Run documentation, "Set request timeout for services".
const TIMEOUT: u32 = 300;

/// Memory of a server, in MiB: one process serves several requests at once.
const MEMORY: u32 = 1024;

/// A function that is a server, started by a command in the language of the shell. Programs of the packages that it
/// depends on are found by their names.
pub(super) fn function(folder: &Path, command: &str) -> SourceFunction {
    let script = format!(
        "export PATH=\"/var/task/node_modules/.bin:/var/task/{PYTHON_PACKAGES}/bin:$PATH\"\n\
         export PYTHONPATH=\"/var/task/{PYTHON_PACKAGES}${{PYTHONPATH:+:$PYTHONPATH}}\"\n\
         export PYTHONUNBUFFERED=1\n\
         {}{command}\n",
        if is_simple(command) { "exec " } else { "" },
    );
    SourceFunction {
        runtime: Some(RUNTIME.to_owned()),
        handler: Some(format!("sh {START}")),
        source: Source::Files(BTreeMap::from([(START.to_owned(), script)])),
        stream: true,
        memory: MEMORY,
        timeout: TIMEOUT,
        server: Some(ServerSettings::default()),
        ..SourceFunction::only(folder)
    }
}

/// Whether a command is one program, which the shell can become.
fn is_simple(command: &str) -> bool {
    let first = command.split_whitespace().next().unwrap_or_default();
    !first.contains('=') && !command.contains(['|', ';', '&', '<', '>', '(', '\n'])
}

/// A folder that is a server; none where nothing says how one is started.
pub(super) fn describe(folder: &Path) -> Option<Description> {
    let mut server = function(folder, &command(folder)?);
    server.build = build_command(folder);
    Some(Description { functions: vec![server], ..Description::default() })
}

/// The command that starts a folder's server.
fn command(folder: &Path) -> Option<String> {
    procfile(folder)
        .or_else(|| node(folder))
        .or_else(|| python(folder))
        .or_else(|| go(folder))
        .or_else(|| usual(folder))
        .or_else(|| dockerfile(folder))
}

/// The `web` process of a Procfile.
fn procfile(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("Procfile")).ok()?;
    text.lines().find_map(|line| Some(line.trim().strip_prefix("web:")?.trim().to_owned()))
}

/// The `start` script of a package.json, else its main module where that is a server.
fn node(folder: &Path) -> Option<String> {
    let document: Value = serde_json::from_slice(&fs::read(folder.join("package.json")).ok()?).ok()?;
    if let Some(start) = script(&document, "start") {
        return Some(start);
    }
    let main = document.get("main").and_then(Value::as_str);
    let candidates = main.into_iter().chain(["server.js", "server.mjs", "index.js", "index.mjs", "app.js"]);
    let listens = |name: &&str| {
        fs::read_to_string(folder.join(name))
            .is_ok_and(|text| text.contains("PORT") && text.contains("listen"))
    };
    candidates.into_iter().find(listens).map(|name| format!("node {name}"))
}

/// A script of a package.json.
pub(super) fn script(document: &Value, name: &str) -> Option<String> {
    document.get("scripts")?.get(name)?.as_str().map(str::to_owned)
}

/// The server of Python's own for the application of `main.py` or `app.py`; the module itself where it is a program.
fn python(folder: &Path) -> Option<String> {
    let names = ["main.py", "app.py", "server.py"];
    for path in names.iter().map(|name| folder.join(name)).filter(|path| path.is_file()) {
        let text = fs::read_to_string(&path).ok()?;
        let module = path.file_stem()?.to_string_lossy().into_owned();
        let application = text.lines().find_map(|line| {
            let (name, made) = line.split_once('=')?;
            let name = name.split(':').next()?.trim_end();
            let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            let kind = made.trim_start().split('(').next()?.rsplit('.').next()?;
            let asynchronous = match kind {
                "Flask" | "Bottle" | "get_wsgi_application" => false,
                "FastAPI" | "Starlette" | "Quart" | "Litestar" => true,
                _ => return None,
            };
            plain.then(|| (name.to_owned(), asynchronous))
        });
        // A program that reads the port listens by itself.
        let runs = text.contains("__main__") || application.is_none();
        if runs && text.contains("PORT") {
            return Some(format!("python3 {module}.py"));
        }
        let Some((name, asynchronous)) = application else { continue };
        let requirements = fs::read_to_string(folder.join("requirements.txt")).unwrap_or_default();
        let has = |package: &str| requirements.lines().any(|line| line.trim_start().starts_with(package));
        let command = match (asynchronous, has("gunicorn")) {
            (true, true) => format!(
                "python3 -m gunicorn --bind :$PORT --timeout 0 -k uvicorn.workers.UvicornWorker {module}:{name}"
            ),
            (true, false) => format!("python3 -m uvicorn {module}:{name} --host 0.0.0.0 --port $PORT"),
            (false, true) => {
                format!(
                    "python3 -m gunicorn --bind :$PORT --workers 1 --threads 8 --timeout 0 {module}:{name}"
                )
            }
            (false, false) => {
                format!("python3 -m flask --app {module}:{name} run --host 0.0.0.0 --port $PORT")
            }
        };
        return Some(command);
    }
    None
}

/// A program of Go: built at the deploy, by the toolchain of this machine.
fn go(folder: &Path) -> Option<String> {
    let main = fs::read_to_string(folder.join("main.go")).is_ok_and(|text| text.contains("package main"));
    (main && folder.join("go.mod").is_file()).then(|| format!("./{GO_PROGRAM}"))
}

/// What a program of Go is built into.
const GO_PROGRAM: &str = "bin/server";

/// Programs and files of a usual name: an executable, an application of Rack, a page of PHP.
fn usual(folder: &Path) -> Option<String> {
    let executable = |name: &&&str| {
        let found = folder.join(name).metadata();
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if let Some(name) = ["server", "main", "app"].iter().find(executable) {
        return Some(format!("./{name}"));
    }
    if folder.join("config.ru").is_file() {
        return Some("rackup --host 0.0.0.0 --port $PORT".to_owned());
    }
    let pages = ["public/index.php", "index.php"].iter().find(|name| folder.join(name).is_file())?;
    let root = if pages.starts_with("public") { "public" } else { "." };
    Some(format!("php -S 0.0.0.0:$PORT -t {root}"))
}

/// The last command of a Dockerfile. Its image is not built: what it starts must be in the folder, or on the machine.
fn dockerfile(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("Dockerfile")).ok()?;
    let joined = text.replace("\\\n", " ");
    let last = |instruction: &str| {
        let lines = joined.lines().map(str::trim);
        let mut arguments = lines.filter_map(|line| {
            let (word, arguments) = line.split_once(char::is_whitespace)?;
            word.eq_ignore_ascii_case(instruction).then(|| arguments.trim().to_owned())
        });
        arguments.next_back().map(|arguments| match serde_json::from_str::<Vec<String>>(&arguments) {
            Ok(list) => list.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
            Err(_) => arguments,
        })
    };
    let command = [last("ENTRYPOINT"), last("CMD")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    (!command.is_empty()).then_some(command)
}

/// A word of a command, for the shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// What builds the program first: the script of a package.json that Google's buildpacks run, where what it makes is
/// not there yet, or the compiler.
pub(super) fn build_command(folder: &Path) -> Option<String> {
    if folder.join("go.mod").is_file() && folder.join("main.go").is_file() {
        return Some(format!("CGO_ENABLED=0 go build -o {GO_PROGRAM} ."));
    }
    let document: Value = serde_json::from_slice(&fs::read(folder.join("package.json")).ok()?).ok()?;
    if script(&document, "gcp-build").is_some() {
        return Some("npm run gcp-build".to_owned());
    }
    script(&document, "build")?;
    (!is_built(folder, &document)).then(|| "npm run build".to_owned())
}

/// Whether what starts the program is there: `main`, or the module that the `start` script names; else one of the folders
/// that builds write to.
fn is_built(folder: &Path, document: &Value) -> bool {
    let is_module = |word: &&str| [".js", ".mjs", ".cjs"].iter().any(|end| word.ends_with(end));
    let started = script(document, "start").unwrap_or_default();
    let started = started.split_whitespace().find(is_module);
    match started.or_else(|| document.get("main").and_then(Value::as_str)) {
        Some(main) => folder.join(main).is_file() || main.contains('*'),
        None => ["dist", "build", ".next", ".output", "out"].iter().any(|name| folder.join(name).is_dir()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], expected: Option<&str>) {
        let folder = crate::project::tests::folder(files);
        assert_eq!(command(folder.path()).as_deref(), expected, "{files:?}");
    }

    #[test]
    fn the_command_of_a_server_is_found() {
        check(&[("Procfile", "release: x\nweb: gunicorn main:app\n")], Some("gunicorn main:app"));
        check(&[("package.json", r#"{"scripts": {"start": "node ."}}"#)], Some("node ."));
        check(
            &[("package.json", "{}"), ("server.js", "http.createServer().listen(process.env.PORT)")],
            Some("node server.js"),
        );
        check(&[("package.json", "{}"), ("index.js", "exports.handler = 1")], None);
        check(
            &[("main.py", "app = Flask(__name__)\n"), ("requirements.txt", "flask\ngunicorn==23\n")],
            Some("python3 -m gunicorn --bind :$PORT --workers 1 --threads 8 --timeout 0 main:app"),
        );
        check(
            &[("main.py", "api: FastAPI = fastapi.FastAPI()\n")],
            Some("python3 -m uvicorn main:api --host 0.0.0.0 --port $PORT"),
        );
        check(
            &[(
                "main.py",
                "app = Flask(__name__)\nif __name__ == '__main__':\n  app.run(port=os.environ['PORT'])\n",
            )],
            Some("python3 main.py"),
        );
        check(&[("main.py", "def handler(event, context): pass\n")], None);
        check(&[("main.go", "package main\n"), ("go.mod", "module x\n")], Some("./bin/server"));
        check(
            &[("Dockerfile", "FROM node\nENTRYPOINT [\"node\"]\nCMD [\"a b.js\", \"--x=1\"]\n")],
            Some("node 'a b.js' --x=1"),
        );
        check(&[("config.ru", "run app")], Some("rackup --host 0.0.0.0 --port $PORT"));
        check(&[("index.php", "<?php")], Some("php -S 0.0.0.0:$PORT -t ."));
        check(&[("server", "not executable")], None);
        check(&[], None);
    }

    #[test]
    fn what_is_not_built_yet_is() {
        let check = |files: &[(&str, &str)], expected: Option<&str>| {
            let folder = crate::project::tests::folder(files);
            assert_eq!(build_command(folder.path()).as_deref(), expected, "{files:?}");
        };
        let manifest = r#"{"scripts": {"build": "tsc", "start": "node dist/server.js"}}"#;
        check(&[("package.json", manifest)], Some("npm run build"));
        check(&[("package.json", manifest), ("dist/server.js", "")], None);
        check(
            &[("package.json", r#"{"scripts": {"build": "x", "start": "next start"}}"#)],
            Some("npm run build"),
        );
        check(&[("package.json", r#"{"scripts": {"start": "node server.js"}}"#)], None);
        check(
            &[("package.json", r#"{"main": "index.js", "scripts": {"build": "x"}}"#), ("index.js", "")],
            None,
        );
    }

    #[test]
    fn only_one_program_takes_the_place_of_the_shell() {
        for (command, expected) in
            [("node server.js", true), ("A=1 node x", false), ("a && b", false), ("x > y", false)]
        {
            assert_eq!(is_simple(command), expected, "{command}");
        }
    }
}
