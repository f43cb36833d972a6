//! Reading `ebb.toml`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use ebb_model::{RuntimeName, ServerSettings};
use serde::Deserialize;

use super::description::{Description, Source, SourceFunction};
use super::error::ProjectError;
use super::wasm;
use super::{MEMORY, TIMEOUT};
use crate::edge::Rule;
use crate::plan::PlannedSchedule;
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
    /// The folder of the files that the edge serves.
    files: Option<PathBuf>,
    #[serde(default)]
    short_html: bool,
    #[serde(default)]
    rule: Vec<Rule>,
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
    #[serde(default)]
    background: bool,
    #[serde(default)]
    before_files: bool,
    #[serde(default)]
    schedules: Vec<String>,
    #[serde(default)]
    triggers: Vec<String>,
}

/// The keys that a table may have, as the parser itself says where it is given another.
#[cfg(test)]
fn keys(text: &str) -> std::collections::BTreeSet<String> {
    let said = toml::from_str::<Manifest>(text).unwrap_err().message().to_owned();
    let (_, listed) = said.split_once("expected").unwrap();
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Reads the manifest at `path`.
pub(super) fn describe(_folder: &Path, path: &Path) -> Result<Description, ProjectError> {
    let text = std::fs::read_to_string(path).map_err(|source| ProjectError::io("read", path, source))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Description, ProjectError> {
    let wrong = |message: String| ProjectError::Manifest { path: path.to_owned(), message };
    let manifest: Manifest =
        toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
    let root = path.parent().unwrap_or(Path::new("."));
    if manifest.function.is_empty() && manifest.files.is_none() {
        return Err(wrong("it names no function; add a [[function]] table".to_owned()));
    }
    let several = manifest.function.len() > 1;
    let (mut functions, mut asked, mut triggers) = (Vec::new(), Vec::new(), Vec::new());
    for table in manifest.function {
        let line = text[..table.span().start.min(text.len())].matches('\n').count() + 1;
        let mut table = table.into_inner();
        let schedules = std::mem::take(&mut table.schedules);
        let own = std::mem::take(&mut table.triggers);
        let function = source_function(table, root, &manifest.environment, several)
            .map_err(|message| wrong(format!("line {line}: {message}")))?;
        let prefix = &function.name;
        triggers.extend(own.iter().map(|text| format!("{prefix}={text}")));
        asked.push((function.name.clone(), schedules));
        functions.push(function);
    }
    let mut schedules = Vec::new();
    for (name, expressions) in asked {
        let named =
            |expression| PlannedSchedule { function: name.clone(), expression, input: "{}".to_owned() };
        schedules.extend(expressions.into_iter().map(named));
    }
    let files = manifest.files.iter().map(|files| inside(root, files, "files"));
    Ok(Description {
        template: None,
        build: None,
        completion: None,
        name: manifest.name,
        functions,
        files: files.collect::<Result<_, _>>().map_err(wrong)?,
        own_files: false,
        short_html: manifest.short_html,
        rules: manifest.rule,
        schedules,
        triggers,
        planned_triggers: Vec::new(),
        keys: Vec::new(),
        ignored: Vec::new(),
    })
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
    let source = match runtime.as_deref() {
        Some(wasm::RUNTIME) => {
            Source::Component(wasm::Component { package: package.clone(), file: handler.clone(), spin: None })
        }
        _ => Source::Files(BTreeMap::new()),
    };
    Ok(SourceFunction {
        source,
        name,
        package,
        build: table.build,
        runtime,
        handler,
        routes,
        memory: table.memory.unwrap_or(MEMORY),
        timeout: table.timeout.unwrap_or(TIMEOUT),
        environment,
        stream: table.stream || server.is_some(),
        instance_concurrency: match &server {
            Some(_) => 1,
            None => table.concurrency.unwrap_or(1),
        },
        server,
        background: table.background,
        before_files: table.before_files,
        except: Vec::new(),
        rate_limit: None,
        front: Vec::new(),
        ..SourceFunction::only(&folder)
    })
}

/// What a `command` makes of a function, or a runtime that is one by itself: a server that listens on `$PORT`.
fn server(table: &FunctionTable) -> Result<Option<ServerSettings>, String> {
    let is_component = table.runtime.as_deref() == Some(wasm::RUNTIME);
    match (&table.command, table.concurrency) {
        (Some(_), _) if is_component => Err("a component has no `command`".to_owned()),
        (_, Some(0)) => Err("`concurrency` must be at least 1".to_owned()),
        (None, concurrency) if is_component => {
            let standard = ServerSettings::of_components();
            Ok(Some(ServerSettings { concurrency: concurrency.unwrap_or(standard.concurrency), ..standard }))
        }
        (None, Some(2..)) if !takes_several_events(table.runtime.as_deref()) => Err(format!(
            "`concurrency` is for Node.js, Python and servers (give the `command` that starts one), not {}",
            table.runtime.as_deref().unwrap_or_default()
        )),
        (None, _) => Ok(None),
        (Some(_), _) if table.handler.is_some() => {
            Err("a function has a `handler`, or a `command` that starts a server, not both".to_owned())
        }
        (Some(command), _) if command.trim().is_empty() => Err("`command` is empty".to_owned()),
        (Some(_), concurrency) => {
            let standard = ServerSettings::default();
            Ok(Some(ServerSettings { concurrency: concurrency.unwrap_or(standard.concurrency), ..standard }))
        }
    }
}

/// Whether an instance may take several events at a time; what is not said is found out later, and checked then.
fn takes_several_events(runtime: Option<&str>) -> bool {
    let Some(runtime) = runtime else { return true };
    matches!(runtime, "nodejs" | "python")
        || RuntimeName::parse(runtime).is_ok_and(|name| name.family().takes_several_events())
}

/// A path below `root`, which is all that a project may pack.
fn inside(root: &Path, path: &Path, field: &str) -> Result<PathBuf, String> {
    if path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(format!("`{field}` must be a path inside the project, not {}", path.display()));
    }
    let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    Ok(if path.as_os_str().is_empty() { root.to_owned() } else { root.join(path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schema that editors use says what the parser takes.
    #[test]
    fn the_schema_has_the_keys_of_the_parser() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../../../docs/ebb.schema.json")).unwrap();
        let check = |text: &str, properties: &serde_json::Value| {
            let listed = properties.as_object().unwrap().keys().cloned().collect();
            assert_eq!(keys(text), listed, "{text}");
        };
        let of = |name: &str| schema["definitions"][name]["properties"].clone();
        check("nope = 1", &schema["properties"]);
        check("[[function]]\nnope = 1", &of("function"));
        check("[[rule]]\nnope = 1", &of("rule"));
        check("[[rule]]\nfrom = \"/\"\nwhen = [{ nope = 1 }]", &of("condition"));
        check("[[rule]]\nfrom = \"/\"\nwhen = [{ part = \"nope\" }]", &{
            let parts = schema["definitions"]["condition"]["properties"]["part"]["enum"].clone();
            let parts = parts.as_array().unwrap().iter().map(|part| part.as_str().unwrap().to_owned());
            parts.map(|part| (part, serde_json::Value::Null)).collect::<serde_json::Map<_, _>>().into()
        });
        check("[[rule]]\nfrom = \"/\"\naction = { nope = 1 }", &{
            let kinds = schema["definitions"]["action"]["oneOf"].as_array().unwrap().clone();
            let kinds = kinds.iter().flat_map(|kind| kind["properties"].as_object().unwrap().clone());
            kinds.collect::<serde_json::Map<_, _>>().into()
        });
    }
}
