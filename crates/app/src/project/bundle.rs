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
use super::install::Added;
use super::native::Natives;
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

/// What every bundle begins with: CommonJS inside of it may ask for Node's own modules, and every module for where it is,
/// which is where the function's own module is in the project.
const BANNER: &str = "import{createRequire as __ebbRequire}from'node:module';import{fileURLToPath as __ebbPath}from'node:url';\
    const require=__ebbRequire(import.meta.url);const __ebbUrl=new URL('EBB_MODULE',import.meta.url).href;\
    const __filename=__ebbPath(__ebbUrl);const __dirname=__ebbPath(new URL('.',__ebbUrl)).slice(0,-1);";

/// Stands in [`BANNER`] for the path of the function's own module.
const MODULE: &str = "EBB_MODULE";

/// The bundle, in a package.
const BUNDLE: &str = "ebb_bundle.mjs";

/// The module of the handler, in a package: none of a project has its name.
pub(super) const HANDLER_MODULE: &str = "ebb_function";

/// The module that is the handler's: source maps are only used by what is loaded after they are turned on.
const INDEX: &str =
    "process.setSourceMapsEnabled(true);\nexport const { handler } = await import('./ebb_bundle.mjs');\n";

/// A function that is bundled.
#[derive(Debug, Default)]
pub(super) struct Bundled {
    /// The files that were made for it.
    pub(super) files: BTreeMap<String, Bytes>,
    /// Packages that it asks for and that are not in the bundle.
    pub(super) packages: Vec<Added>,
}

impl Bundled {
    /// Whether it may read files: those of the project then go with it.
    pub(super) fn reads_files(&self) -> bool {
        let modules = ["fs", "node:fs", "fs/promises", "node:fs/promises"];
        self.files.get(BUNDLE).is_some_and(|text| {
            let text = String::from_utf8_lossy(text);
            modules.iter().any(|module| text.contains(&format!("\"{module}\"")))
        })
    }
}

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
) -> Result<BTreeMap<String, Bundled>, ProjectError> {
    if entries.is_empty() {
        return Ok(BTreeMap::new());
    }
    progress("bundling");
    let work = Work::prepare(project, entries)?;
    let own = project.join("node_modules");
    let natives = Natives::of(packages.unwrap_or(&own));
    let mut arguments = work.arguments(entries);
    arguments.extend(natives.arguments());
    esbuild::run(project, &arguments, packages, progress)?;
    let result = |(name, entry): (&&str, &&str)| {
        Ok(((*name).to_owned(), work.result(name, &module_of(entry, project), project, &natives)?))
    };
    entries.iter().map(result).collect()
}

/// The path in the project of the module that an entry is for; that of the bundle where it is for several.
fn module_of(entry: &str, project: &Path) -> String {
    let inside = |text: &str| {
        let path: String = serde_json::from_str(&format!("\"{}\"", text.split('"').next()?)).ok()?;
        Some(Path::new(&path).strip_prefix(project).ok()?.to_string_lossy().into_owned())
    };
    let mut modules = entry.split("import(\"").skip(1).filter_map(inside);
    match (modules.next(), modules.next()) {
        (Some(module), None) => module,
        _ => BUNDLE.to_owned(),
    }
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
            arguments.push(format!(
                "{name}/ebb_bundle={}",
                self.folder.join(format!("entry/{name}.mjs")).display()
            ));
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
            "--define:import.meta.url=__ebbUrl",
            "--define:import.meta.filename=__filename",
            "--define:import.meta.dirname=__dirname",
        ];
        arguments.extend(fixed.map(str::to_owned));
        arguments.push(format!("--banner:js={BANNER}"));
        arguments.push(format!("--outdir={}", self.folder.join("out").display()));
        arguments
    }

    /// What became of a function whose own module is `module`.
    fn result(
        &self,
        name: &str,
        module: &str,
        project: &Path,
        natives: &Natives,
    ) -> Result<Bundled, ProjectError> {
        let folder = self.folder.join("out").join(file_of(name));
        let read = |file: &str| {
            let path = folder.join(file);
            fs::read(&path).map_err(|source| ProjectError::io("read", &path, source))
        };
        let map = with_sources_of(&read(&format!("{BUNDLE}.map"))?, &folder, project);
        let text = String::from_utf8_lossy(&read(BUNDLE)?).replacen(MODULE, &url_of(module), 1);
        let packages = natives.asked_for(&text);
        let files = BTreeMap::from([
            (format!("{HANDLER_MODULE}.mjs"), Bytes::from_static(INDEX.as_bytes())),
            (BUNDLE.to_owned(), Bytes::from(text)),
            (format!("{BUNDLE}.map"), Bytes::from(map)),
        ]);
        Ok(Bundled { files, packages })
    }
}

/// What of a path is no part of a URL.
const NOT_OF_URL: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// A path in the project as a relative URL.
fn url_of(path: &str) -> String {
    format!("./{}", percent_encoding::utf8_percent_encode(path, NOT_OF_URL))
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
