//! The modules of a worker: bundled, or as they are.
//!
//! Source: the Workers documentation, "Wrangler configuration", "Bundling" and "Module rules" (2026-11).

use std::fs;
use std::path::{Path, PathBuf};

use super::super::bundle;
use super::super::error::ProjectError;
use super::super::esbuild;
use super::super::pack::Files;
use super::super::scratch::Scratch;
use super::source_map::SourceMap;
use super::wrangler::{Rule, Wrangler};

/// What a module is to workerd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    EsModule,
    CommonJs,
    Wasm,
    Text,
    Data,
}

impl Kind {
    /// The field of a module in workerd's schema.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::EsModule => "esModule",
            Self::CommonJs => "commonJsModule",
            Self::Wasm => "wasm",
            Self::Text => "text",
            Self::Data => "data",
        }
    }

    /// What wrangler calls it; the caller has checked the name.
    fn of_rule(kind: &str) -> Self {
        match kind {
            "CommonJS" => Self::CommonJs,
            "CompiledWasm" => Self::Wasm,
            "Text" => Self::Text,
            "Data" => Self::Data,
            _ => Self::EsModule,
        }
    }
}

/// One module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Module {
    /// What others import it as.
    pub(super) name: String,
    /// Its path in the package.
    pub(super) path: String,
    pub(super) kind: Kind,
}

/// The modules of a worker.
#[derive(Debug)]
pub(super) struct Modules {
    /// The entry point first.
    pub(super) list: Vec<Module>,
    /// Whether one of them names `caches`: the Cache API takes an isolate more, which is made whenever an instance starts.
    pub(super) caches: bool,
}

/// The global of the Cache API.
const CACHES: &[u8] = b"caches";

/// What files are without rules. Source: as above, "Module rules", default rules.
const KINDS: &[(&str, Kind)] = &[
    ("txt", Kind::Text),
    ("html", Kind::Text),
    ("sql", Kind::Text),
    ("bin", Kind::Data),
    ("wasm", Kind::Wasm),
];

/// Where a worker's own modules are in its package.
const FOLDER: &str = "worker";
/// Modules of Node that can be imported without their prefix.
const NODE_MODULES: &[&str] = &[
    "assert",
    "async_hooks",
    "buffer",
    "crypto",
    "diagnostics_channel",
    "dns",
    "events",
    "fs",
    "http",
    "https",
    "net",
    "os",
    "path",
    "process",
    "querystring",
    "stream",
    "string_decoder",
    "timers",
    "tls",
    "url",
    "util",
    "zlib",
];

/// The module that holds the source map.
const MAP: &str = "ebb-source-map.json";

impl Modules {
    /// Bundles the entry point, or lists the modules as they are, and adds them to the package. Packages that are missing
    /// are installed where `install` is.
    pub(super) fn make(
        folder: &Path,
        main: &str,
        worker: &Wrangler,
        files: &mut Files,
        install: bool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, ProjectError> {
        let entry = folder.join(main);
        if !entry.is_file() {
            let missing =
                std::io::Error::new(std::io::ErrorKind::NotFound, "main of the wrangler file is not there");
            return Err(ProjectError::io("read", &entry, missing));
        }
        if worker.no_bundle {
            let root = entry.parent().unwrap_or(folder).to_owned();
            return Self::collect(&root, &entry, worker, None, files);
        }
        progress("bundling");
        let out = Scratch::new()?;
        let mut arguments = arguments(worker);
        arguments.push(entry.display().to_string());
        arguments.push(format!("--outdir={}", out.path().display()));
        bundle::with_packages(folder, install, progress, |packages, progress| {
            esbuild::run(folder, &arguments, packages, progress)
        })?;
        let stem = entry.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let bundled = out.path().join(format!("{stem}.js"));
        let map = SourceMap::of_bundle(folder, &bundled);
        Self::collect(out.path(), &bundled, worker, map, files)
    }

    /// All modules below `root`; the content is read now, since the folder may be gone when the package is written.
    fn collect(
        root: &Path,
        entry: &Path,
        worker: &Wrangler,
        map: Option<SourceMap>,
        files: &mut Files,
    ) -> Result<Self, ProjectError> {
        let mut found = Vec::new();
        list(root, &mut found)?;
        found.sort();
        let mut modules = Vec::new();
        let mut caches = false;
        for path in found {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let Some(kind) = kind_of(&name, &worker.rules) else { continue };
            let content = fs::read(&path).map_err(|source| ProjectError::io("read", &path, source))?;
            caches |= content.windows(CACHES.len()).any(|part| part == CACHES);
            let packed = format!("{FOLDER}/{name}");
            files.add(packed.clone(), content);
            let module = Module { name, path: packed, kind };
            if path == entry { modules.insert(0, module) } else { modules.push(module) }
        }
        let Some(own) = modules.first().map(|module| module.name.clone()) else {
            return Err(ProjectError::NoHandler(entry.to_owned()));
        };
        let own_part =
            |name: &str, path: &str| Module { name: name.into(), path: path.into(), kind: Kind::EsModule };
        let text = fs::read_to_string(entry).unwrap_or_default();
        if listens(&text) {
            let source = format!(
                "import {{ handlers }} from \"./ebb-service-worker.js\";\nimport {};\nexport default handlers;\n",
                serde_json::Value::from(format!("./{own}")),
            );
            files.add(".ebb/listener.js", source);
            modules.insert(0, own_part("ebb-service-worker.js", ".ebb/service_worker.js"));
            modules.insert(0, own_part("ebb-listener.js", ".ebb/listener.js"));
        }
        let own = modules.first().map(|module| module.name.clone()).unwrap_or(own);
        // In front: what counts the worker's work, and hands its exports on.
        let mut source = format!(
            "import * as worker from {0};\nexport * from {0};\nimport {{ requests }} from \"./ebb-edge.js\";\n\
             import {{ tracked, caller, settled, ebbTrack }} from \"./ebb-track.js\";\nexport {{ ebbTrack }};\n\
             export const ebbCall = caller(worker);\nconst main = tracked(worker.default);\nexport default main;\n\
             export const ebbRequests = requests(main, settled);\n",
            serde_json::Value::from(format!("./{own}")),
        );
        if worker.own_workflows().next().is_some() {
            source +=
                "import { runner } from \"./ebb-workflow-run.js\";\nexport const ebbRun = runner(worker);\n";
            modules.insert(0, own_part("ebb-workflow-run.js", ".ebb/workflow_run.js"));
        }
        if let Some(map) = map {
            // Before the worker: what it throws while it is loaded shows its places, too.
            source = format!("import \"./ebb-stack.js\";\n{source}");
            files.add(".ebb/source_map.json", map.text());
            let module = Module { name: MAP.into(), path: ".ebb/source_map.json".into(), kind: Kind::Text };
            modules.insert(0, module);
            modules.insert(0, own_part("ebb-stack.js", ".ebb/stack.js"));
        }
        files.add(".ebb/main.js", source);
        modules.insert(0, own_part("ebb-track.js", ".ebb/track.js"));
        modules.insert(0, own_part("ebb-edge.js", ".ebb/edge.js"));
        modules.insert(0, own_part("ebb-main.js", ".ebb/main.js"));
        Ok(Self { list: modules, caches })
    }
}

/// Whether a bundled worker is of the older syntax: it exports nothing and listens for events.
fn listens(bundled: &str) -> bool {
    let listens =
        bundled.contains("addEventListener(\"fetch\"") || bundled.contains("addEventListener('fetch'");
    listens && !exports(bundled)
}

/// Whether a bundle has an `export` where a statement may begin: what is minified has it in the middle of a line.
fn exports(bundled: &str) -> bool {
    bundled.match_indices("export").any(|(at, word)| {
        let before = bundled[..at].trim_end_matches([' ', '\t']).chars().next_back();
        let after = bundled[at + word.len()..].trim_start();
        let begins = before.is_none_or(|before| ";}\n".contains(before));
        begins
            && ["{", "default", "class", "const", "function", "async"]
                .iter()
                .any(|one| after.starts_with(one))
    })
}

fn arguments(worker: &Wrangler) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--log-level=warning",
        "--target=es2022",
        "--conditions=workerd,worker,browser",
        "--main-fields=browser,module,main",
        "--external:cloudflare:*",
        "--external:node:*",
        "--external:workerd:*",
        "--define:navigator.userAgent=\"Cloudflare-Workers\"",
        "--sourcemap=external",
        "--sources-content=false",
        "--define:process.env.NODE_ENV=\"production\"",
        "--keep-names",
    ]
    .map(str::to_owned)
    .into();
    if worker.compatibility_flags.iter().any(|flag| flag.starts_with("nodejs_compat")) {
        arguments.extend(NODE_MODULES.iter().map(|name| format!("--alias:{name}=node:{name}")));
    }
    let of_rules = worker.rules.iter().flat_map(|rule| &rule.globs).filter_map(|glob| glob.rsplit_once('.'));
    let extensions =
        KINDS.iter().map(|(extension, _)| *extension).chain(of_rules.map(|(_, extension)| extension));
    arguments.extend(
        extensions.filter(|it| !matches!(*it, "js" | "mjs" | "cjs")).map(|it| format!("--loader:.{it}=copy")),
    );
    arguments.extend(worker.define.iter().map(|(name, value)| format!("--define:{name}={value}")));
    arguments.extend(worker.alias.iter().map(|(name, value)| format!("--alias:{name}={value}")));
    if worker.minify {
        arguments.push("--minify".to_owned());
    }
    arguments
}

/// What a file is; none for what is no module.
fn kind_of(name: &str, rules: &[Rule]) -> Option<Kind> {
    let matches = |glob: &String| {
        let suffix = glob.trim_start_matches("**/");
        match suffix.strip_prefix('*') {
            Some(end) => name.ends_with(end),
            None => name == suffix || name.ends_with(&format!("/{suffix}")),
        }
    };
    if let Some(rule) = rules.iter().find(|rule| rule.globs.iter().any(matches)) {
        return Some(Kind::of_rule(&rule.kind));
    }
    let extension = name.rsplit_once('.')?.1;
    match extension {
        "js" | "mjs" => Some(Kind::EsModule),
        "cjs" => Some(Kind::CommonJs),
        _ => KINDS.iter().find(|(known, _)| *known == extension).map(|(_, kind)| *kind),
    }
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), ProjectError> {
    let reading = |source| ProjectError::io("read", folder, source);
    for entry in fs::read_dir(folder).map_err(reading)? {
        let path = entry.map_err(reading)?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "node_modules") {
                list(&path, found)?;
            }
        } else {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_of_the_older_syntax_are_known_by_what_they_do_not_export() {
        assert!(listens("addEventListener(\"fetch\", (event) => {});\n"));
        assert!(!listens("addEventListener(\"fetch\", f);\nexport {\n  a as default\n};\n"));
        assert!(!listens("export default { fetch() {} };\n"));
        assert!(!listens(
            "var a=()=>addEventListener(\"fetch\",b);class C{}export{C as Counter,d as default};"
        ));
        assert!(listens("/* exporting { */ addEventListener('fetch', (event) => {});"));
    }

    #[test]
    fn files_are_modules_by_their_names_and_the_rules() {
        let rules = [Rule { kind: "Text".into(), globs: vec!["**/*.md".into(), "note.x".into()] }];
        let check =
            |name: &str, expected: Option<Kind>| assert_eq!(kind_of(name, &rules), expected, "{name}");
        check("a.js", Some(Kind::EsModule));
        check("lib/a.mjs", Some(Kind::EsModule));
        check("a.cjs", Some(Kind::CommonJs));
        check("a.wasm", Some(Kind::Wasm));
        check("a.html", Some(Kind::Text));
        check("a.bin", Some(Kind::Data));
        check("docs/a.md", Some(Kind::Text));
        check("docs/note.x", Some(Kind::Text));
        check("a.map", None);
        check("LICENSE", None);
    }
}
