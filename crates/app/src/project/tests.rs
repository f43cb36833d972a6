use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;

/// A folder with these files; a name that ends in `!` is made executable.
pub(in crate::project) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name.trim_end_matches('!'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        if name.ends_with('!') {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    folder
}

fn packed(files: &[(&str, &str)]) -> Result<Packed, ProjectError> {
    let folder = folder(files);
    Project::open(folder.path(), Some("app"))?.pack(&BTreeMap::new(), &mut |_| {})
}

fn names(zip: &Bytes) -> Vec<String> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    (0..archive.len())
        .map(|index| {
            let file = archive.by_index(index).unwrap();
            format!("{} {:o}", file.name().unwrap(), file.unix_mode().unwrap() & 0o777)
        })
        .collect()
}

const HANDLER: &str = "export const handler = () => 1";

#[test]
fn plain_functions_are_recognised() {
    for (files, runtime, handler) in [
        (&[("index.mjs", HANDLER)][..], "nodejs", "index.handler"),
        (
            &[("index.js", "exports.handler = 1"), ("app.py", "def handler(e, c): 1")],
            "nodejs",
            "index.handler",
        ),
        (&[("index.js", "main()"), ("app.py", "def handler(e, c): 1")], "python", "app.handler"),
        (
            &[("lambda_function.py", "def lambda_handler(e, c): 1")],
            "python",
            "lambda_function.lambda_handler",
        ),
        (&[("handler.ts", HANDLER)], "nodejs", "handler.handler"),
        (&[("bootstrap!", "#!/bin/sh")], "provided.al2023", "bootstrap"),
        (&[("api.md", ""), ("main.py", "handler = 1")], "python", "main.handler"),
    ] {
        let plan = packed(files).unwrap().plan;
        let function = &plan.functions[0];
        assert_eq!((function.runtime.as_str(), function.handler.as_str()), (runtime, handler), "{files:?}");
        assert_eq!((function.name.as_str(), function.routes[0].to_string().as_str()), ("", "/*"));
    }
}

#[test]
fn what_cannot_be_deployed_is_named() {
    for (files, words) in [
        (&[("readme", "")][..], "found nothing"),
        (&[("index.mjs", "main()")], "index.mjs exports no handler"),
        (&[("bootstrap", "not executable")], "found nothing"),
        (
            &[(
                "template.yaml",
                "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {CodeUri: nope/}",
            )],
            "line 4: CodeUri of F: there is no",
        ),
        (&[("serverless.yml", "service: x\nprovider: {name: azure}")], "line 2: the provider must be aws"),
        (&[("wrangler.jsonc", "{}")], "main: a worker needs an entry point"),
        (&[("supabase/functions/_shared/a.ts", "")], "found nothing to deploy"),
        (
            &[("host.json", "{}"), ("package.json", "{}"), ("Hello/function.json", "{}")],
            "an older programming model",
        ),
        (&[("host.json", "{}")], "an Azure Functions app in a language other than"),
        (&[("spin.toml", "spin_manifest_version = 1\n[application]\nname = \"a\"")], "version 2"),
        (
            &[("netlify.toml", "[[edge_functions]]\npath = \"/a\"\nfunction = \"a\"\n")],
            "there is no edge function a",
        ),
        (
            &[("netlify/edge-functions/a.ts", "export const config = made();"), ("netlify.toml", "")],
            "its `config` is no literal",
        ),
        (
            &[("package.json", r#"{"dependencies":{"next":"1"}}"#), ("app/page.js", "")],
            "pages to render and no route handlers",
        ),
        (&[("api/a.go", "package handler")], "a.go"),
        (&[("api/a.js", ""), ("api/a.py", "")], "/api/a"),
        (
            &[("package.json", r#"{"dependencies":{"@google-cloud/functions-framework":"1"}}"#)],
            "found nothing",
        ),
        (&[("requirements.txt", "functions-framework==3\n"), ("main.py", "")], "found nothing"),
        (&[("x.wasm", "")], "not a WebAssembly component"),
    ] {
        let said = packed(files).unwrap_err().to_string();
        assert!(said.contains(words), "{files:?}: {said}");
    }
    let said = Project::open(Path::new("/nonexistent/folder"), None).unwrap_err().to_string();
    assert!(said.contains("/nonexistent/folder"), "{said}");
}

#[test]
fn a_template_of_another_tool_is_no_template() {
    assert!(packed(&[("template.json", r#"{"title": "page"}"#), ("index.mjs", HANDLER)]).is_ok());
}

#[test]
fn the_manifest_describes_functions() {
    let manifest = r#"
        name = "shop"
        environment = { A = "shared", B = "shared" }
        [[function]]
        name = "web"
        dir = "web"
        route = "/web/*"
        memory = 256
        environment = { B = "own" }
        [[function]]
        name = "tool"
        dir = "tool"
        build = "printf '#!/bin/sh' > made"
        package = "made"
        routes = ["POST /tool", "GET /tool/{id}"]
        timeout = 5
        stream = true
    "#;
    let folder =
        folder(&[("ebb.toml", manifest), ("web/app.py", "def handler(e, c): 1"), ("tool/source", "")]);
    let project = Project::open(folder.path(), None).unwrap();
    assert_eq!(project.name, "shop");
    let mut steps = Vec::new();
    let packed = project.pack(&BTreeMap::new(), &mut |step| steps.push(step.to_owned())).unwrap();
    assert_eq!(steps.len(), 3, "{steps:?}");
    let [web, tool] = packed.plan.functions.as_slice() else { panic!("{:?}", packed.plan) };
    assert_eq!(
        (web.runtime.as_str(), web.handler.as_str(), web.memory, web.timeout),
        ("python", "app.handler", 256, 30)
    );
    assert_eq!(web.environment["A"], "shared");
    assert_eq!(web.environment["B"], "own");
    assert_eq!(
        (tool.runtime.as_str(), tool.memory, tool.timeout, tool.stream),
        ("provided.al2023", 512, 5, true)
    );
    assert_eq!(packed.plan.function_name(tool).unwrap().as_str(), "shop-tool");
    assert_eq!(names(&packed.packages[1].zip), ["bootstrap 755"]);
}

#[test]
fn a_command_makes_a_function_a_server() {
    let check = |more: &str, runtime: &str, concurrency: u32| {
        let manifest = format!("[[function]]\ncommand = \"node server.js --fast\"\n{more}");
        let packed = packed(&[("ebb.toml", manifest.as_str()), ("server.js", "")]).unwrap();
        let function = &packed.plan.functions[0];
        assert_eq!(
            (function.runtime.as_str(), function.handler.as_str()),
            (runtime, "node server.js --fast")
        );
        assert!(function.stream);
        assert_eq!(function.server.as_ref().map(|server| server.concurrency), Some(concurrency));
    };
    check("", "http", 80);
    check("runtime = \"deno\"\nconcurrency = 5\n", "deno", 5);
}

#[test]
fn mistakes_in_the_manifest_are_named_by_line() {
    for (manifest, words) in [
        ("name = \"x\"\n[[function]]\nname = \"a\"\nmemmory = 5\n", "line 4 memmory ebb.toml"),
        ("name = 5\n", "line 1 ebb.toml"),
        ("name = \"x\"\n", "[[function]] ebb.toml"),
        ("[[function]]\n[[function]]\n", "line 1 needs a `name`"),
        ("\n[[function]]\ndir = \"../x\"\n", "line 2 inside the project"),
        ("[[function]]\ndir = \"nope\"\n", "line 1 nope"),
        ("[[function]]\nroute = \"x\"\n", "line 2 begin with /"),
        ("[[function]]\nruntime = \"java21\"\nconcurrency = 5\n", "line 1 Node.js, Python and servers"),
        ("[[function]]\ncommand = \"a\"\nconcurrency = 0\n", "line 1 at least 1"),
        ("[[function]]\ncommand = \"a\"\nhandler = \"a.b\"\n", "line 1 not both"),
    ] {
        let said = packed(&[("ebb.toml", manifest)]).unwrap_err().to_string();
        for word in words.split(' ') {
            assert!(said.contains(word), "{manifest:?}: {said}");
        }
    }
}

#[test]
fn a_failed_build_shows_what_it_said() {
    let manifest = "[[function]]\nbuild = \"echo oops >&2; exit 3\"\n";
    let said = packed(&[("ebb.toml", manifest), ("index.mjs", HANDLER)]).unwrap_err().to_string();
    assert!(said.contains("oops") && said.contains("exited with 3"), "{said}");
}

#[test]
fn the_same_content_gives_the_same_package() {
    let files = [("index.mjs", HANDLER), ("lib/a.js", "a"), ("run!", "x")];
    let mut reversed = files;
    reversed.reverse();
    let (one, two) = (packed(&files).unwrap(), packed(&reversed).unwrap());
    assert_eq!(one.packages, two.packages);
    assert_eq!(names(&one.packages[0].zip), ["index.mjs 644", "lib/a.js 644", "run 755"]);
    let changed = packed(&[("index.mjs", HANDLER), ("lib/a.js", "b"), ("run!", "x")]).unwrap();
    assert_ne!(one.packages, changed.packages);
}

#[test]
fn packages_leave_out_what_no_function_needs_and_say_so() {
    let files = [
        ("index.mjs", HANDLER),
        (".git/HEAD", ""),
        ("lib/__pycache__/a.pyc", ""),
        (".env", "SECRET=1"),
        ("node_modules/a/index.js", ""),
    ];
    let packed = packed(&files).unwrap();
    assert_eq!(names(&packed.packages[0].zip), ["index.mjs 644", "node_modules/a/index.js 644"]);
    let mut ignored: Vec<_> = packed.plan.ignored.iter().map(|ignored| ignored.path.as_str()).collect();
    ignored.sort_unstable();
    assert_eq!(ignored, [".env", ".git", "lib/__pycache__"]);
}

#[test]
fn links_are_followed_and_loops_are_left() {
    let folder = folder(&[("index.mjs", HANDLER), ("real/a.js", "a")]);
    std::os::unix::fs::symlink("real", folder.path().join("linked")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("broken")).unwrap();
    std::os::unix::fs::symlink("..", folder.path().join("real/up")).unwrap();
    std::os::unix::fs::symlink("..", folder.path().join("real/again")).unwrap();
    let project = Project::open(folder.path(), Some("app")).unwrap();
    let packed = project.pack(&BTreeMap::new(), &mut |_| {}).unwrap();
    assert!(names(&packed.packages[0].zip).contains(&"linked/a.js 644".to_owned()));
    for path in ["broken", "real/up", "linked/again"] {
        assert!(packed.plan.ignored.iter().any(|ignored| ignored.path == path), "{path}");
    }
}

#[test]
fn known_packages_are_not_made_again() {
    let manifest = "[[function]]\nbuild = \"echo x >> log\"\n";
    let folder = folder(&[("ebb.toml", manifest), ("index.mjs", HANDLER)]);
    let project = Project::open(folder.path(), Some("app")).unwrap();
    let first = project.pack(&BTreeMap::new(), &mut |_| {}).unwrap();
    let known = BTreeMap::from([(String::new(), first.clone())]);
    assert_eq!(project.pack(&known, &mut |_| {}).unwrap(), first);
    assert_eq!(fs::read_to_string(folder.path().join("log")).unwrap(), "x\n");
}
