//! Spin applications: a `spin.toml` becomes a function for each component that has an HTTP trigger.
//!
//! Source: the Spin documentation, "Spin Application Manifest Reference" (version 2 of the manifest, 2026-11).

mod files;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component as Part, Path, PathBuf};

use ebb_model::ServerSettings;
use serde::Deserialize;
use serde_json::json;
use toml::Value;

use self::files::{below, matches};
use super::description::{Description, SourceFunction, name_of};
use super::error::ProjectError;
use super::pack::Files;
use super::wasm::{self, Component};
use super::workers;
use crate::plan::app_name_of;
use crate::routes::Route;

/// The manifest's file.
pub(super) const MANIFEST: &str = "spin.toml";
/// The variables of the environment that stand for those of the application begin with it.
const VARIABLE_PREFIX: &str = "SPIN_VARIABLE_";

#[derive(Debug, Deserialize)]
struct Manifest {
    spin_manifest_version: Value,
    application: Application,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
    #[serde(default)]
    trigger: BTreeMap<String, Value>,
    #[serde(default)]
    component: BTreeMap<String, ComponentTable>,
}

#[derive(Debug, Deserialize)]
struct Application {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Variable {
    default: Option<String>,
}

#[derive(Debug, Deserialize)]
struct HttpTrigger {
    route: Value,
    component: Value,
    executor: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct ComponentTable {
    source: Value,
    build: Option<Build>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    files: Vec<FileEntry>,
    #[serde(default)]
    exclude_files: Vec<String>,
    #[serde(default)]
    allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    key_value_stores: Vec<String>,
    #[serde(default)]
    sqlite_databases: Vec<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// What there is beside these.
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Build {
    command: Commands,
    workdir: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Commands {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum FileEntry {
    /// Files by their paths, in which `*`, `**` and `?` are wildcards.
    Pattern(String),
    /// A file or folder, and where it is for the component.
    Mounted { source: PathBuf, destination: String },
}

/// What of a component is Spin's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    root: PathBuf,
    routes: Vec<String>,
    /// The application's variables, with their defaults.
    application: BTreeMap<String, Option<String>>,
    variables: BTreeMap<String, String>,
    stores: Vec<String>,
    databases: Vec<String>,
    outbound: Vec<String>,
    files: Vec<FileEntry>,
    excluded: Vec<String>,
}

/// Fields that say nothing to the platform.
const OTHERS_BUSINESS: &[&str] = &["description", "tool", "profile"];

/// Describes the application of a folder.
pub(super) fn describe(folder: &Path, path: &Path) -> Result<Description, ProjectError> {
    let text = fs::read_to_string(path).map_err(|source| ProjectError::io("read", path, source))?;
    parse(folder, &text).map_err(|message| ProjectError::Manifest { path: path.to_owned(), message })
}

fn parse(folder: &Path, text: &str) -> Result<Description, String> {
    let manifest: Manifest = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    if manifest.spin_manifest_version.as_integer() != Some(2) {
        return Err("only version 2 of the manifest is known: `spin doctor` brings it there".to_owned());
    }
    let routes = routes(&manifest)?;
    if routes.is_empty() {
        return Err("it has no HTTP trigger; add a [[trigger.http]] table".to_owned());
    }
    check_databases(&manifest, &routes)?;
    let single = routes.len() == 1;
    let mut description =
        Description { name: app_name_of(&manifest.application.name), ..Description::default() };
    for (id, routes) in &routes {
        let table = manifest.component.get(id).ok_or_else(|| format!("there is no [component.{id}]"))?;
        let function = function(folder, table, routes, &manifest.variables)
            .map_err(|message| format!("component {id}: {message}"))?;
        let name = if single { String::new() } else { name_of(id) };
        description.functions.push(SourceFunction { name, ..function });
    }
    for id in manifest.component.keys().filter(|id| !routes.contains_key(*id)) {
        description.ignore(format!("{MANIFEST}: component {id}"), "no HTTP trigger leads to it");
    }
    Ok(description)
}

/// A database is in the folder of one function, which no other has.
fn check_databases(manifest: &Manifest, routes: &BTreeMap<String, Vec<String>>) -> Result<(), String> {
    let mut owners = BTreeMap::<&str, &str>::new();
    for (id, table) in manifest.component.iter().filter(|(id, _)| routes.contains_key(*id)) {
        for label in &table.sqlite_databases {
            if let Some(other) = owners.insert(label, id) {
                return Err(format!(
                    "sqlite_databases: the components {other} and {id} share the database {label:?}, and ebb keeps a \
                     database for one component yet: give each its own label, or have one component ask the other"
                ));
            }
        }
    }
    Ok(())
}

/// The routes of the HTTP triggers, by component.
fn routes(manifest: &Manifest) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut routes = BTreeMap::<String, Vec<String>>::new();
    for (kind, triggers) in &manifest.trigger {
        if kind != "http" {
            return Err(format!("ebb does not have the trigger {kind} yet"));
        }
        let triggers: Vec<HttpTrigger> =
            triggers.clone().try_into().map_err(|error| format!("[[trigger.http]]: {error}"))?;
        for HttpTrigger { route, component, executor } in triggers {
            let kind = executor.as_ref().and_then(|executor| executor.get("type")?.as_str());
            if !matches!(kind, None | Some("http" | "spin")) {
                return Err(format!("ebb does not have the executor {} yet", kind.unwrap_or_default()));
            }
            let id = component.as_str().ok_or("a trigger's `component` must be a component's id")?;
            let of_component = routes.entry(id.to_owned()).or_default();
            // A private route is for other components of the application only.
            if let Some(route) = route.as_str() {
                of_component.push(route.to_owned());
            }
        }
    }
    Ok(routes)
}

fn function(
    root: &Path,
    table: &ComponentTable,
    routes: &[String],
    variables: &BTreeMap<String, Variable>,
) -> Result<SourceFunction, String> {
    let unknown = table.rest.iter().find(|(name, value)| {
        let empty = value.as_array().is_some_and(Vec::is_empty);
        !empty && !OTHERS_BUSINESS.contains(&name.as_str())
    });
    if let Some((name, _)) = unknown {
        return Err(format!("ebb does not have `{name}` for components yet"));
    }
    let source = table.source.as_str().ok_or("ebb deploys components whose `source` is a file")?;
    let settings = Settings {
        root: root.to_owned(),
        routes: routes.to_vec(),
        application: variables.iter().map(|(name, it)| (name.clone(), it.default.clone())).collect(),
        variables: table.variables.clone(),
        stores: table.key_value_stores.clone(),
        databases: table.sqlite_databases.clone(),
        outbound: table.allowed_outbound_hosts.clone(),
        files: table.files.clone(),
        excluded: table.exclude_files.clone(),
    };
    settings.check()?;
    let mut environment = table.environment.clone();
    environment.extend(given(variables.keys()));
    let workdir = table.build.as_ref().and_then(|build| build.workdir.clone());
    let folder = match workdir {
        Some(workdir) => root.join(inside(&workdir)?),
        None => root.to_owned(),
    };
    let component = Component {
        package: root.join(inside(Path::new(source))?),
        file: None,
        spin: Some(Box::new(settings)),
    };
    let paths: Result<_, _> = routes.iter().map(|path| route(path)).collect();
    // A database is files of the function's own.
    let server =
        ServerSettings { stateful: !table.sqlite_databases.is_empty(), ..ServerSettings::of_components() };
    Ok(SourceFunction {
        server: Some(server),
        build: table.build.as_ref().map(|build| match &build.command {
            Commands::One(command) => command.clone(),
            Commands::Several(commands) => commands.join(" && "),
        }),
        routes: paths?,
        environment,
        ..wasm::function(&folder, component)
    })
}

/// The values of these variables in the environment of whoever deploys.
fn given<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<String, String> {
    let named = names.map(|name| format!("{VARIABLE_PREFIX}{}", name.to_ascii_uppercase()));
    named.filter_map(|name| std::env::var(&name).ok().map(|value| (name, value))).collect()
}

/// A route in ebb's notation.
fn route(text: &str) -> Result<Route, String> {
    let path = text.strip_suffix("/...").map(|path| format!("{path}/*"));
    let path = path.as_deref().unwrap_or(text);
    let segment = |segment: &str| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    };
    let path = path.split('/').map(segment).collect::<Vec<_>>().join("/");
    Route::parse(&path).map_err(|error| format!("route {text:?}: {}", error.why))
}

fn inside(path: &Path) -> Result<PathBuf, String> {
    let outside = path.components().any(|part| !matches!(part, Part::Normal(_) | Part::CurDir));
    if outside { Err(format!("{} is outside of the project", path.display())) } else { Ok(path.to_owned()) }
}

impl Settings {
    /// Checks what can be checked before it is packed.
    fn check(&self) -> Result<(), String> {
        for text in self.variables.values().chain(&self.outbound) {
            for name in text.split("{{").skip(1) {
                let name = name.split_once("}}").map(|(name, _)| name.trim());
                let known = name.is_some_and(|name| self.application.contains_key(name));
                if !known {
                    return Err(format!("{text:?} names no variable of [variables]"));
                }
            }
        }
        match self.outbound.iter().find(|host| !host.contains("://")) {
            Some(host) => {
                Err(format!("allowed_outbound_hosts: {host:?} has no scheme, as in \"https://{host}\""))
            }
            None => Ok(()),
        }
    }

    /// Adds what the host of components reads, for the function of `app`.
    pub(super) fn pack(&self, app: &str, files: &mut Files) -> Result<(), ProjectError> {
        let bucket =
            |label: &String| (label.clone(), workers::bucket_name("spin", &format!("{app}-{label}")));
        let stores: BTreeMap<_, _> = self.stores.iter().map(bucket).collect();
        let settings = json!({
            "routes": self.routes, "application": self.application, "variables": self.variables,
            "stores": stores, "databases": self.databases, "outbound": self.outbound,
        });
        files.add(".ebb/spin.json", settings.to_string());
        for (name, path) in self.found()? {
            files.add_path(&format!(".ebb/files/{name}"), &path)?;
        }
        Ok(())
    }

    /// The files that the component sees, by their path there.
    fn found(&self) -> Result<BTreeMap<String, PathBuf>, ProjectError> {
        let wrong = |message: String| ProjectError::Manifest { path: self.root.join(MANIFEST), message };
        let mut found = BTreeMap::new();
        for entry in &self.files {
            match entry {
                FileEntry::Mounted { source, destination } => {
                    let source = self.root.join(inside(source).map_err(wrong)?);
                    let destination = destination.trim_matches('/');
                    for (name, path) in below(&source)? {
                        let name = format!("{destination}/{name}");
                        found.insert(name.trim_matches('/').to_owned(), path);
                    }
                }
                FileEntry::Pattern(pattern) => {
                    let matching = |(name, _): &(String, PathBuf)| matches(pattern, name);
                    found.extend(below(&self.root)?.into_iter().filter(matching));
                }
            }
        }
        found.retain(|_, path| {
            let name = path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy();
            !self.excluded.iter().any(|pattern| matches(pattern, &name))
        });
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APPLICATION: &str = r#"
        spin_manifest_version = 2
        [application]
        name = "Shop App"
        version = "0.1.0"
        [variables]
        host = { required = true }
        greeting = { default = "hi" }
        [[trigger.http]]
        route = "/..."
        component = "web"
        [[trigger.http]]
        route = "/users/:id/..."
        component = "users-api"
        [[trigger.http]]
        route = "/users"
        component = "users-api"
        [component.web]
        source = "web/app.wasm"
        [component.users-api]
        source = "target/users.wasm"
        environment = { A = "1" }
        key_value_stores = ["default"]
        allowed_outbound_hosts = ["https://{{ host }}"]
        variables = { text = "{{ greeting }}!" }
        [component.users-api.build]
        command = "cargo build"
        workdir = "users"
        [component.unused]
        source = "x.wasm"
    "#;

    #[test]
    fn an_application_is_a_function_for_each_component() {
        let description = parse(Path::new("/p"), APPLICATION).unwrap();
        assert_eq!(description.name.as_deref(), Some("shop-app"));
        let [users, web] = description.functions.as_slice() else { panic!("{description:?}") };
        let shown = |function: &SourceFunction| {
            function.routes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((web.name.as_str(), shown(web).as_str()), ("web", "/*"));
        assert_eq!((users.name.as_str(), shown(users).as_str()), ("users-api", "/users/{id}/* /users"));
        assert_eq!(users.build.as_deref(), Some("cargo build"));
        assert_eq!(users.folder, Path::new("/p/users"));
        assert_eq!(users.environment["A"], "1");
        assert!(users.server.is_some() && users.stream);
        assert_eq!(description.ignored.len(), 1);
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        let check = |from: &str, to: &str, words: &str| {
            assert!(APPLICATION.contains(from), "{from}");
            let said = parse(Path::new("/p"), &APPLICATION.replacen(from, to, 1)).unwrap_err();
            assert!(said.contains(words), "{said}");
        };
        check("spin_manifest_version = 2", "spin_manifest_version = \"1\"", "version 2");
        check("[[trigger.http]]", "[[trigger.redis]]", "trigger redis");
        check("component = \"web\"", "component = \"other\"", "no [component.other]");
        check("key_value_stores = [\"default\"]", "ai_models = [\"llama2-chat\"]", "ai_models");
        let shared = "source = \"web/app.wasm\"\nsqlite_databases = [\"default\"]";
        let both = APPLICATION.replace("key_value_stores", "sqlite_databases");
        let said = parse(Path::new("/p"), &both.replace("source = \"web/app.wasm\"", shared)).unwrap_err();
        assert!(said.contains("users-api and web share"), "{said}");
        check("\"{{ greeting }}!\"", "\"{{ greet }}!\"", "no variable");
        check("\"web/app.wasm\"", "{ url = \"https://a\", digest = \"b\" }", "a file");
        check("\"web/app.wasm\"", "\"../app.wasm\"", "outside");
        check("\"https://{{ host }}\"", "\"a.example\"", "scheme");
    }

    #[test]
    fn a_component_with_a_database_keeps_state() {
        let text = APPLICATION.replace("key_value_stores", "sqlite_databases");
        let description = parse(Path::new("/p"), &text).unwrap();
        let stateful = |function: &SourceFunction| function.server.as_ref().unwrap().stateful;
        assert_eq!(description.functions.iter().map(stateful).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_component_has_the_files_that_it_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["static/a.txt", "static/sub/b.txt", "other/c.md", "other/d.txt"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let settings = Settings {
            root: folder.path().to_owned(),
            routes: Vec::new(),
            application: BTreeMap::new(),
            variables: BTreeMap::new(),
            stores: Vec::new(),
            databases: Vec::new(),
            outbound: Vec::new(),
            files: vec![
                FileEntry::Mounted { source: "static".into(), destination: "/".into() },
                FileEntry::Pattern("other/*".into()),
            ],
            excluded: vec!["**/*.md".into()],
        };
        let found = settings.found().unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["a.txt", "other/d.txt", "sub/b.txt"]);
    }
}
