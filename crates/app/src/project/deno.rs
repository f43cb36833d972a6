//! Programs of Deno: how one is started, and how what it imports gets into its package.
//!
//! Source: the Deno manual, "deno run", "Import maps", "The DENO_DIR cache" and "Environment variables" (2026-11).

mod imports;
mod used;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ebb_model::ServerSettings;
use serde_json::Value;

use self::imports::{Imports, Location};
use super::description::{Description, Source, SourceFunction};
use super::error::ProjectError;
use super::pack::{Files, Zipped};
use super::tool::{self, Tool};
use super::{dotenv, jsonc, server};

/// The runtime, and what it needs by the name that `ebb runtimes add` knows.
pub(super) const RUNTIME: &str = "deno";

/// The program that fetches at a deploy; the server has its own.
const DENO: Tool = Tool {
    name: "deno",
    pinned: &[
        ("package.json", include_str!("../../../../runtimes/sdk/deno/package.json")),
        ("package-lock.json", include_str!("../../../../runtimes/sdk/deno/package-lock.json")),
    ],
    program: if cfg!(target_arch = "aarch64") {
        "node_modules/@deno/linux-arm64-glibc/deno"
    } else {
        "node_modules/@deno/linux-x64-glibc/deno"
    },
};

/// The adapter, by file name.
const ADAPTER: &[(&str, &str)] = &[
    ("netlify.js", include_str!("../../../../runtimes/adapters/deno/netlify.js")),
    ("aws.js", include_str!("../../../../runtimes/workerd/aws.js")),
    ("netlify_paths.js", include_str!("../../../../runtimes/adapters/node/netlify_paths.mjs")),
    ("serve.js", include_str!("../../../../runtimes/adapters/deno/serve.js")),
    ("token.js", include_str!("../../../../runtimes/adapters/deno/token.js")),
    ("std_server.js", include_str!("../../../../runtimes/adapters/deno/std_server.js")),
    ("empty.js", "export {};\n"),
];

/// Starts the program of a name: what was cached at the deploy is linked into a cache that can be written to, and so is the
/// lock file, which says which versions those are.
const START: &str = "name=$1; shift; mkdir -p /tmp/deno\n\
    [ -f .ebb/deno/locks/$name.lock ] && cp .ebb/deno/locks/$name.lock /tmp/deno/deno.lock\n\
    for part in npm remote; do [ -d .ebb/deno/cache/$part ] && ln -sfn /var/task/.ebb/deno/cache/$part /tmp/deno/$part; done\n\
    export DENO_DIR=/tmp/deno DENO_NO_UPDATE_CHECK=1 DENO_SERVE_ADDRESS=tcp:0.0.0.0:$PORT NO_COLOR=1\n\
    exec deno run --allow-all --unstable-kv --no-prompt --quiet --node-modules-dir=none --lock=/tmp/deno/deno.lock \"$@\"\n";

/// A program, as it is packed: all programs of a project are in one package.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Package {
    /// What is packed.
    pub(super) folder: PathBuf,
    /// Its programs.
    pub(super) programs: Vec<Program>,
    /// What is packed besides.
    pub(super) generated: BTreeMap<String, String>,
}

/// One program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// Names it among those of its package.
    pub(super) name: String,
    /// Its module, below the package's folder.
    pub(super) module: PathBuf,
    /// The modules of the project that it imports, where its own is generated.
    pub(super) entries: Vec<PathBuf>,
    /// Its `deno.json`, below the package's folder.
    pub(super) config: Option<PathBuf>,
    /// Its import map, below the package's folder, where it is a file of its own.
    pub(super) import_map: Option<PathBuf>,
}

impl Package {
    /// The function that runs one of the programs.
    pub(super) fn function(&self, program: &Program) -> SourceFunction {
        let mut arguments = vec![format!("--import-map=.ebb/deno/maps/{}.json", program.name)];
        match &program.config {
            Some(config) => arguments.push(format!("--config={}", config.display())),
            None => arguments.push("--no-config".to_owned()),
        }
        let (name, options) = (&program.name, arguments.join(" "));
        let handler =
            format!("sh .ebb/start.sh {name} {options} .ebb/deno/serve.js {}", program.module.display());
        SourceFunction {
            source: Source::Deno(Box::new(self.clone())),
            runtime: Some(RUNTIME.to_owned()),
            handler: Some(handler),
            // One instance at a time has the folder that a database of Deno's own is in.
            server: Some(ServerSettings {
                settles: true,
                stateful: used::key_value(&self.folder),
                ..ServerSettings::default()
            }),
            ..server::function(&self.folder, "")
        }
    }

    /// Packs the programs, and what they import from elsewhere.
    pub(super) fn pack(&self, progress: &mut dyn FnMut(&str)) -> Result<Zipped, ProjectError> {
        let mut files = Files::default();
        files.add_folder(&self.folder)?;
        for (name, text) in ADAPTER {
            files.add(format!(".ebb/deno/{name}"), *text);
        }
        files.add(".ebb/start.sh", START);
        for (name, text) in &self.generated {
            files.add(name.clone(), text.clone());
        }
        let imports = Imports::scan(&self.folder)?;
        for program in &self.programs {
            let map = imports.map(&self.folder, program, Location::Packed)?;
            files.add(format!(".ebb/deno/maps/{}.json", program.name), map);
        }
        if imports.needs_fetching(&self.folder, &self.programs)? {
            let cache = self.fetch(&imports, progress)?;
            for part in ["npm", "remote"] {
                let folder = cache.join(part);
                if folder.is_dir() {
                    files.add_path(&format!(".ebb/deno/cache/{part}"), &folder)?;
                }
            }
            for lock in self.programs.iter().map(|program| format!("{}.lock", program.name)) {
                if cache.join(&lock).is_file() {
                    files.add_path(&format!(".ebb/deno/locks/{lock}"), &cache.join(&lock))?;
                }
            }
        }
        files.zip(&self.folder)
    }

    /// Fetches what the programs import into a cache of their own, and gives its folder.
    fn fetch(&self, imports: &Imports, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, ProjectError> {
        let program = DENO.fetched(progress)?;
        let work = tool::work_folder("deno", &self.folder);
        fs::create_dir_all(&work).map_err(|source| ProjectError::io("write", &work, source))?;
        progress("fetching what the functions import");
        for own in &self.programs {
            let map = imports.map(&self.folder, own, Location::Here)?;
            let path = work.join(format!("{}.json", own.name));
            fs::write(&path, map).map_err(|source| ProjectError::io("write", &path, source))?;
            let mut command = std::process::Command::new(&program);
            command.args(["install", "--quiet", "--node-modules-dir=none", "--entrypoint"]);
            command.arg(format!("--lock={}", self.lock(own, &work)?.display()));
            command.arg(format!("--import-map={}", path.display()));
            match &own.config {
                Some(config) => command.arg(format!("--config={}", self.folder.join(config).display())),
                None => command.arg("--no-config"),
            };
            let entries =
                if own.entries.is_empty() { std::slice::from_ref(&own.module) } else { &own.entries };
            command
                .args(entries.iter().map(|entry| self.folder.join(entry)))
                .env("DENO_DIR", &work)
                .env("NO_COLOR", "1");
            tool::run(command.current_dir(&self.folder), "deno", &self.folder)?;
        }
        Ok(work)
    }
}

impl Package {
    /// The lock file that a program is fetched by: a copy of the project's, where it has one.
    fn lock(&self, program: &Program, work: &Path) -> Result<PathBuf, ProjectError> {
        let lock = work.join(format!("{}.lock", program.name));
        let beside = program.config.as_deref().unwrap_or(&program.module).parent().unwrap_or(Path::new(""));
        let own = [self.folder.join(beside), self.folder.clone()].map(|folder| folder.join("deno.lock"));
        if let Some(own) = own.iter().find(|path| path.is_file()) {
            fs::copy(own, &lock).map_err(|source| ProjectError::io("read", own, source))?;
        }
        Ok(lock)
    }
}

/// A folder that is one program of Deno: a module that serves, which a `deno.json` or its own text says is Deno's.
pub(super) fn find(folder: &Path) -> Option<PathBuf> {
    main_module(folder).map(|module| folder.join(module))
}

pub(super) fn describe(folder: &Path, marker: &Path) -> Result<Description, ProjectError> {
    let module = marker.strip_prefix(folder).unwrap_or(marker).to_owned();
    let program = Program {
        name: "main".to_owned(),
        module,
        config: config_of(folder),
        import_map: None,
        entries: Vec::new(),
    };
    let package = Package { folder: folder.to_owned(), programs: vec![program], generated: BTreeMap::new() };
    let mut function = package.function(&package.programs[0]);
    function.environment = environment(folder)?;
    let mut description = Description::default();
    for cron in used::crons(folder) {
        cron.add(&function.name, &mut description);
    }
    description.functions.push(function);
    Ok(description)
}

/// The `deno.json` of a folder, as a path in it.
pub(super) fn config_of(folder: &Path) -> Option<PathBuf> {
    ["deno.json", "deno.jsonc"].iter().map(PathBuf::from).find(|name| folder.join(name).is_file())
}

/// Files that a program of Deno is in where nothing else is said.
const USUAL: &[&str] = &[
    "main.ts",
    "main.tsx",
    "main.js",
    "main.mjs",
    "mod.ts",
    "server.ts",
    "index.ts",
    "src/main.ts",
    "app.ts",
];

/// The module that serves: the one that `start` or `serve` of the tasks runs, or a file of a usual name.
fn main_module(folder: &Path) -> Option<PathBuf> {
    let contains = |path: &Path, marks: &[&str]| {
        fs::read_to_string(folder.join(path)).is_ok_and(|text| marks.iter().any(|mark| text.contains(mark)))
    };
    let usual = USUAL.iter().map(PathBuf::from);
    let Some(config) = config_of(folder) else {
        return usual.into_iter().find(|path| contains(path, &["Deno.serve("]));
    };
    let text = fs::read_to_string(folder.join(config)).ok()?;
    let document: Value = serde_json::from_str(&jsonc::plain(&text)).ok()?;
    let tasks = document.get("tasks");
    let task = |name: &&str| {
        let task = tasks?.get(name)?;
        task.as_str().or_else(|| task.get("command")?.as_str())
    };
    let named = ["start", "serve", "dev"].iter().find_map(task).unwrap_or_default().split_whitespace();
    let exported = document.get("exports").and_then(Value::as_str);
    let said = named.filter(|word| is_module(word)).chain(exported);
    let said = said.map(|name| PathBuf::from(name.trim_start_matches("./")));
    said.chain(usual).find(|path| contains(path, &["Deno.serve", "serve(", "export default", ".listen("]))
}

fn is_module(word: &str) -> bool {
    [".ts", ".tsx", ".js", ".mjs", ".jsx", ".mts"].iter().any(|extension| word.ends_with(extension))
}

/// `.env`, as `deno run --env-file` reads it: the tasks of Deno's own templates do so.
fn environment(folder: &Path) -> Result<BTreeMap<String, String>, ProjectError> {
    let path = folder.join(".env");
    let text = fs::read_to_string(&path).unwrap_or_default();
    dotenv::parse(&text)
        .map_err(|line| ProjectError::Manifest { path, message: format!("line {line}: no NAME=value") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_that_serves_is_found() {
        let check = |files: &[(&str, &str)], expected: Option<&str>| {
            let folder = crate::project::tests::folder(files);
            assert_eq!(main_module(folder.path()), expected.map(PathBuf::from), "{files:?}");
        };
        let serves = "Deno.serve(() => new Response('x'))";
        check(&[("main.ts", serves)], Some("main.ts"));
        check(&[("main.ts", "export const handler = 1")], None);
        check(&[("deno.json", "{}"), ("main.ts", "export default { fetch() {} }")], Some("main.ts"));
        check(&[("deno.jsonc", "{} // none"), ("lib.ts", serves)], None);
        let task = r#"{ "tasks": { "start": "deno run -A ./src/web.ts" } }"#;
        check(&[("deno.json", task), ("src/web.ts", serves), ("main.ts", serves)], Some("src/web.ts"));
    }
}
