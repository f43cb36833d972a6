//! Bundling functions of Node with esbuild: each becomes one module and its source map.
//!
//! All functions of a deploy are bundled by one run. Entries, adapters and what comes out lie in a folder of the cache
//! that only depends on the project's path, so that the same sources give the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;

use super::error::ProjectError;
use super::{esbuild, install, tool};

/// The modules of the adapters, by file name.
const ADAPTERS: &[(&str, &str)] = &[
    ("web.mjs", include_str!("../../../../runtimes/adapters/node/web.mjs")),
    ("node_http.mjs", include_str!("../../../../runtimes/adapters/node/node_http.mjs")),
    ("routes.mjs", include_str!("../../../../runtimes/adapters/node/routes.mjs")),
    ("next.mjs", include_str!("../../../../runtimes/adapters/node/next.mjs")),
    ("next_server.mjs", include_str!("../../../../runtimes/adapters/node/next_server.mjs")),
    ("next_headers.mjs", include_str!("../../../../runtimes/adapters/node/next_headers.mjs")),
    ("next_navigation.mjs", include_str!("../../../../runtimes/adapters/node/next_navigation.mjs")),
    ("next_cache.mjs", include_str!("../../../../runtimes/adapters/node/next_cache.mjs")),
    ("aws.mjs", include_str!("../../../../runtimes/workerd/aws.js")),
    ("vercel_middleware.mjs", include_str!("../../../../runtimes/adapters/node/vercel_middleware.mjs")),
    ("vercel.mjs", include_str!("../../../../runtimes/adapters/node/vercel.mjs")),
    ("netlify.mjs", include_str!("../../../../runtimes/adapters/node/netlify.mjs")),
    ("netlify_paths.mjs", include_str!("../../../../runtimes/adapters/node/netlify_paths.mjs")),
    ("cron.mjs", include_str!("../../../../runtimes/adapters/node/cron.mjs")),
];

/// Modules of platforms that an adapter takes the place of: the platform's own need its server around them.
const IN_PLACE_OF: &[(&str, &str)] = &[
    ("next/server", "next_server.mjs"),
    ("next/headers", "next_headers.mjs"),
    ("next/navigation", "next_navigation.mjs"),
    ("next/cache", "next_cache.mjs"),
];

/// What every bundle begins with: CommonJS inside of it may ask for Node's own modules.
const BANNER: &str = "import{createRequire as __ebbRequire}from'node:module';import{fileURLToPath as __ebbPath}from'node:url';\
    const require=__ebbRequire(import.meta.url);const __filename=__ebbPath(import.meta.url);\
    const __dirname=__ebbPath(new URL('.',import.meta.url)).slice(0,-1);";

/// The module that is the handler's: source maps are only used by what is loaded after they are turned on.
const INDEX: &str =
    "process.setSourceMapsEnabled(true);\nexport const { handler } = await import('./app.mjs');\n";

/// Bundles, and where a module is missing once more, with the packages that the folder wants and has not, where those may
/// be installed. What adapters stand in for is not missed: packages are only installed where a module is.
pub(super) fn with_packages<T>(
    folder: &Path,
    install: bool,
    progress: &mut dyn FnMut(&str),
    bundle: impl Fn(Option<&Path>, &mut dyn FnMut(&str)) -> Result<T, ProjectError>,
) -> Result<T, ProjectError> {
    match bundle(None, progress) {
        Err(ProjectError::Bundle(said)) if install && said.contains("Could not resolve") => {
            match install::node(folder, progress)? {
                Some(packages) => bundle(Some(&packages), progress),
                None => Err(ProjectError::Bundle(said)),
            }
        }
        other => other,
    }
}

/// Bundles the entries, by function: the files of each package. `packages` is a folder of those that the project wants
/// and has not.
pub(super) fn all(
    project: &Path,
    entries: &BTreeMap<&str, &str>,
    packages: Option<&Path>,
    progress: &mut dyn FnMut(&str),
) -> Result<BTreeMap<String, BTreeMap<String, Bytes>>, ProjectError> {
    if entries.is_empty() {
        return Ok(BTreeMap::new());
    }
    progress("bundling");
    let work = Work::prepare(project, entries)?;
    esbuild::run(project, &work.arguments(entries), packages, progress)?;
    entries.keys().map(|name| Ok(((*name).to_owned(), work.result(name, project)?))).collect()
}

/// The folder in which one project is bundled.
struct Work {
    folder: PathBuf,
}

impl Work {
    fn prepare(project: &Path, entries: &BTreeMap<&str, &str>) -> Result<Self, ProjectError> {
        let work = Self { folder: tool::work_folder("bundles", project) };
        for (name, text) in ADAPTERS {
            work.write(&format!("adapter/{name}"), text)?;
        }
        for (name, entry) in entries {
            work.write(&format!("entry/{}.mjs", file_of(name)), entry)?;
        }
        Ok(work)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), ProjectError> {
        let path = self.folder.join(name);
        if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(|source| ProjectError::io("write", &path, source))
    }

    fn arguments(&self, entries: &BTreeMap<&str, &str>) -> Vec<String> {
        let mut arguments = Vec::new();
        for name in entries.keys().map(|name| file_of(name)) {
            arguments.push(format!("{name}/app={}", self.folder.join(format!("entry/{name}.mjs")).display()));
        }
        let own = ADAPTERS.iter().map(|(name, _)| (format!("ebb:{}", name.trim_end_matches(".mjs")), *name));
        let others = IN_PLACE_OF.iter().map(|(module, name)| ((*module).to_owned(), *name));
        for (module, name) in own.chain(others) {
            arguments.push(format!("--alias:{module}={}", self.folder.join("adapter").join(name).display()));
        }
        let fixed = [
            "--platform=node",
            "--target=node20",
            "--minify-whitespace",
            "--sourcemap=linked",
            "--keep-names",
            "--log-level=error",
            "--out-extension:.js=.mjs",
            "--loader:.node=copy",
            "--main-fields=module,main",
        ];
        arguments.extend(fixed.map(str::to_owned));
        arguments.push(format!("--banner:js={BANNER}"));
        arguments.push(format!("--outdir={}", self.folder.join("out").display()));
        arguments
    }

    /// The files of a function's package.
    fn result(&self, name: &str, project: &Path) -> Result<BTreeMap<String, Bytes>, ProjectError> {
        let folder = self.folder.join("out").join(file_of(name));
        let read = |file: &str| {
            let path = folder.join(file);
            fs::read(&path).map_err(|source| ProjectError::io("read", &path, source))
        };
        let map = with_sources_of(&read("app.mjs.map")?, &folder, project);
        Ok(BTreeMap::from([
            ("index.mjs".to_owned(), Bytes::from_static(INDEX.as_bytes())),
            ("app.mjs".to_owned(), Bytes::from(read("app.mjs")?)),
            ("app.mjs.map".to_owned(), Bytes::from(map)),
        ]))
    }
}

/// A source map that names sources by their paths in the project, so that stacks do, and no cache is named.
fn with_sources_of(map: &[u8], folder: &Path, project: &Path) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice::<Value>(map) else { return map.to_owned() };
    if let Some(Value::Array(sources)) = document.get_mut("sources") {
        for source in sources {
            let path = normal(&folder.join(source.as_str().unwrap_or_default()));
            let shown = match path.strip_prefix(project) {
                Ok(inner) => inner.display().to_string(),
                Err(_) => format!("ebb/{}", path.file_name().unwrap_or_default().to_string_lossy()),
            };
            *source = Value::from(shown);
        }
    }
    document.to_string().into_bytes()
}

/// A path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            normal.pop();
        } else {
            normal.push(part);
        }
    }
    normal
}

/// The file of a function's entry.
fn file_of(name: &str) -> &str {
    if name.is_empty() { "app" } else { name }
}

/// A path as text of a script.
pub(super) fn quoted(path: &Path) -> String {
    Value::from(path.to_string_lossy()).to_string()
}
