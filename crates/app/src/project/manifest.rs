//! Reading `ebb.toml`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use ebb_model::ServerSettings;
use serde::Deserialize;

use super::error::ProjectError;
use super::{MEMORY, Source, SourceFunction, TIMEOUT};
use crate::routes::Route;

/// The runtime of a server that is started by a command.
const SERVER: &str = "http";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: Option<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    function: Vec<toml::Spanned<FunctionTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FunctionTable {
    name: Option<String>,
    dir: Option<PathBuf>,
    package: Option<PathBuf>,
    build: Option<String>,
    runtime: Option<String>,
    handler: Option<String>,
    command: Option<String>,
    concurrency: Option<u32>,
    route: Option<Route>,
    #[serde(default)]
    routes: Vec<Route>,
    memory: Option<u32>,
    timeout: Option<u32>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    stream: bool,
}

/// Reads the manifest at `path`: the app's name, where it has one, and its functions.
pub(super) fn read(path: &Path) -> Result<(Option<String>, Vec<SourceFunction>), ProjectError> {
    let text = std::fs::read_to_string(path).map_err(|source| ProjectError::io("read", path, source))?;
    parse(path, &text)
}

pub(super) fn parse(path: &Path, text: &str) -> Result<(Option<String>, Vec<SourceFunction>), ProjectError> {
    let wrong = |message: String| ProjectError::Manifest { path: path.to_owned(), message };
    let manifest: Manifest =
        toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
    let root = path.parent().unwrap_or(Path::new("."));
    if manifest.function.is_empty() {
        return Err(wrong("it names no function; add a [[function]] table".to_owned()));
    }
    let several = manifest.function.len() > 1;
    let mut functions = Vec::new();
    for table in manifest.function {
        let line = text[..table.span().start.min(text.len())].matches('\n').count() + 1;
        let function = source_function(table.into_inner(), root, &manifest.environment, several)
            .map_err(|message| wrong(format!("line {line}: {message}")))?;
        functions.push(function);
    }
    Ok((manifest.name, functions))
}

fn source_function(
    table: FunctionTable,
    root: &Path,
    shared: &BTreeMap<String, String>,
    several: bool,
) -> Result<SourceFunction, String> {
    if several && table.name.as_ref().is_none_or(String::is_empty) {
        return Err("a function of several needs a `name`".to_owned());
    }
    let server = server(&table)?;
    let name = table.name.unwrap_or_default();
    let folder = inside(root, table.dir.as_deref().unwrap_or(Path::new(".")), "dir")?;
    let package = match &table.package {
        Some(package) => inside(&folder, package, "package")?,
        None => folder.clone(),
    };
    if !folder.is_dir() {
        return Err(format!("`dir` is no folder: {}", folder.display()));
    }
    let mut routes: Vec<Route> = table.route.into_iter().chain(table.routes).collect();
    if routes.is_empty() {
        routes.push(match several {
            false => Route::all(),
            true => Route::parse(&format!("/{name}/*")).map_err(|error| error.to_string())?,
        });
    }
    let (runtime, handler) = match &table.command {
        Some(command) => (table.runtime.or(Some(SERVER.to_owned())), Some(command.clone())),
        None => (table.runtime, table.handler),
    };
    let mut environment = shared.clone();
    environment.extend(table.environment);
    Ok(SourceFunction {
        source: Source::Files,
        name,
        folder,
        package,
        build: table.build,
        runtime,
        handler,
        routes,
        memory: table.memory.unwrap_or(MEMORY),
        timeout: table.timeout.unwrap_or(TIMEOUT),
        environment,
        stream: table.stream || server.is_some(),
        server,
    })
}

/// What a `command` makes of a function: a server that listens on `$PORT`.
fn server(table: &FunctionTable) -> Result<Option<ServerSettings>, String> {
    match (&table.command, table.concurrency) {
        (None, Some(_)) => Err("`concurrency` is for servers: give the `command` that starts one".to_owned()),
        (None, None) => Ok(None),
        (Some(_), _) if table.handler.is_some() => {
            Err("a function has a `handler`, or a `command` that starts a server, not both".to_owned())
        }
        (Some(command), _) if command.trim().is_empty() => Err("`command` is empty".to_owned()),
        (Some(_), Some(0)) => Err("`concurrency` must be at least 1".to_owned()),
        (Some(_), concurrency) => {
            let standard = ServerSettings::default();
            Ok(Some(ServerSettings { concurrency: concurrency.unwrap_or(standard.concurrency), ..standard }))
        }
    }
}

/// A path below `root`, which is all that a project may pack.
fn inside(root: &Path, path: &Path, field: &str) -> Result<PathBuf, String> {
    if path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(format!("`{field}` must be a path inside the project, not {}", path.display()));
    }
    let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    Ok(if path.as_os_str().is_empty() { root.to_owned() } else { root.join(path) })
}
