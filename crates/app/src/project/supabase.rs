//! Supabase Edge Functions: `supabase/functions/*`, each at `/functions/v1/NAME` and below.
//!
//! Source: the Supabase documentation, "Edge Functions", "Function configuration", "Managing dependencies", "Environment
//! variables" and "Authorization headers" (2026-11).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use ebb_model::ServerSettings;
use serde::Deserialize;

use super::description::{Description, name_of};
use super::error::ProjectError;
use super::next::{entries, file_name};
use super::{deno, dotenv};
use crate::plan::{KeyValue, PlannedKey};
use crate::routes::Route;

/// Seconds that a request may take. Source: "Limits", wall clock of the paid plan.
const TIMEOUT: u32 = 400;

/// What the function sees of a path: its name and what is below.
const PREFIX: &str = "/functions/v1";

/// When the tokens of an app's own keys end: the year 2100.
const EXPIRES: u64 = 4_102_444_800;

/// What `config.toml` may say here; the rest is of their other services.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    functions: BTreeMap<String, FunctionTable>,
    auth: Auth,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Auth {
    jwt_secret: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct FunctionTable {
    enabled: Option<bool>,
    verify_jwt: Option<bool>,
    import_map: Option<PathBuf>,
    entrypoint: Option<PathBuf>,
}

pub(super) fn describe(folder: &Path, marker: &Path) -> Result<Description, ProjectError> {
    let root = marker.parent().unwrap_or(folder);
    let config = read(&root.join("config.toml"))?;
    let mut description = Description::default();
    let mut package =
        deno::Package { folder: root.to_owned(), programs: Vec::new(), generated: BTreeMap::new() };
    let mut tables = config.functions.clone();
    for entry in entries(marker)? {
        let name = file_name(&entry);
        let found = entry.is_dir() && !name.starts_with(['_', '.']) && index(&entry).is_some();
        if found {
            tables.entry(name).or_default();
        }
    }
    tables.retain(|name, table| {
        let enabled = table.enabled.unwrap_or(true);
        if !enabled {
            description.ignore(format!("supabase/functions/{name}"), "it is not enabled in config.toml");
        }
        enabled
    });
    for (name, table) in &tables {
        package.programs.push(program(root, name, table)?);
    }
    let environment = environment(marker)?;
    for (own, (name, table)) in package.programs.iter().zip(&tables) {
        let mut function = package.function(own);
        function.name = name_of(name);
        function.timeout = TIMEOUT;
        function.routes =
            routes(name).map_err(|why| ProjectError::Route { file: root.join(&own.module), why })?;
        function.server = Some(ServerSettings {
            strip_prefix: PREFIX.to_owned(),
            settles: true,
            ..ServerSettings::default()
        });
        function.environment = environment.clone();
        function
            .environment
            .insert("EBB_VERIFY_JWT".to_owned(), table.verify_jwt.unwrap_or(true).to_string());
        if let Some(secret) = secret(&config, &environment) {
            function.environment.insert(SECRET.to_owned(), secret);
        }
        description.functions.push(function);
    }
    if description.functions.is_empty() {
        return Err(ProjectError::NothingFound(marker.to_owned()));
    }
    description.keys = keys();
    Ok(description)
}

/// The key that tokens are signed with.
const SECRET: &str = "SUPABASE_JWT_SECRET";

/// The key that the project names; one is made where it names none.
fn secret(config: &Config, environment: &BTreeMap<String, String>) -> Option<String> {
    let said = config.auth.jwt_secret.as_deref()?;
    match said.strip_prefix("env(").and_then(|rest| rest.strip_suffix(')')) {
        Some(name) => environment.get(name).cloned().or_else(|| std::env::var(name).ok()),
        None => Some(said.to_owned()),
    }
}

/// What the server makes for the app. Source: "Environment variables", "Default secrets".
fn keys() -> Vec<PlannedKey> {
    let key = |variable: &str, value: KeyValue, shown_as: Option<&str>| PlannedKey {
        variable: variable.to_owned(),
        value,
        shown_as: shown_as.map(str::to_owned),
    };
    let token = |role: &str| KeyValue::Token {
        signed_with: SECRET.to_owned(),
        claims: format!(r#"{{"iss":"supabase","role":"{role}","iat":1700000000,"exp":{EXPIRES}}}"#),
    };
    vec![
        key(SECRET, KeyValue::Random, Some("JWT secret")),
        key("SUPABASE_ANON_KEY", token("anon"), Some("anon key")),
        key("SUPABASE_SERVICE_ROLE_KEY", token("service_role"), Some("service role key")),
        key("SUPABASE_URL", KeyValue::Url, None),
    ]
}

fn read(path: &Path) -> Result<Config, ProjectError> {
    if !path.is_file() {
        return Ok(Config::default());
    }
    let text = fs::read_to_string(path).map_err(|source| ProjectError::io("read", path, source))?;
    toml::from_str(&text).map_err(|error| ProjectError::Manifest {
        path: path.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    })
}

/// The module of a function's folder.
fn index(folder: &Path) -> Option<PathBuf> {
    let names = ["index.ts", "index.js", "index.tsx", "index.jsx", "index.mjs"];
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// The program of a function: what config.toml says of it is meant from the `supabase` folder on.
fn program(root: &Path, name: &str, table: &FunctionTable) -> Result<deno::Program, ProjectError> {
    let own = Path::new("functions").join(name);
    let said = |path: &Path| {
        inside(path).ok_or_else(|| ProjectError::Manifest {
            path: root.join("config.toml"),
            message: format!("function {name}: {} is outside of the folder supabase", path.display()),
        })
    };
    let module = match &table.entrypoint {
        Some(path) => said(path)?,
        None => {
            let found = index(&root.join(&own)).ok_or_else(|| ProjectError::NothingFound(root.join(&own)))?;
            found.strip_prefix(root).unwrap_or(&found).to_owned()
        }
    };
    if !root.join(&module).is_file() {
        return Err(ProjectError::NothingFound(root.join(module)));
    }
    let config_in = |folder: &Path| deno::config_of(&root.join(folder)).map(|file| folder.join(file));
    let shared = Path::new("functions");
    let mut config = config_in(&own).or_else(|| config_in(shared));
    let mut import_map = match &table.import_map {
        Some(path) => Some(said(path)?),
        None => {
            let usual = [own.join("import_map.json"), shared.join("import_map.json")];
            usual.into_iter().find(|path| root.join(path).is_file() && config.is_none())
        }
    };
    // `import_map` may name a deno.json as well.
    if import_map.as_ref().is_some_and(|path| file_name(path).starts_with("deno.json")) {
        config = import_map.take();
    }
    Ok(deno::Program { name: name.to_owned(), module, config, import_map, entries: Vec::new() })
}

/// A path below the `supabase` folder.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut inner = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !inner.pop() {
                    return None;
                }
            }
            Component::Normal(name) => inner.push(name),
            _ => return None,
        }
    }
    Some(inner)
}

fn routes(name: &str) -> Result<Vec<Route>, String> {
    let own = format!("{PREFIX}/{name}");
    let parse = |text: String| Route::parse(&text).map_err(|error| error.to_string());
    Ok(vec![parse(own.clone())?, parse(format!("{own}/*"))?])
}

/// `supabase/functions/.env`: the secrets of the functions, as their own tools read them in development.
fn environment(functions: &Path) -> Result<BTreeMap<String, String>, ProjectError> {
    let path = functions.join(".env");
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let text = fs::read_to_string(&path).map_err(|source| ProjectError::io("read", &path, source))?;
    dotenv::parse(&text)
        .map_err(|line| ProjectError::Manifest { path, message: format!("line {line}: no NAME=value") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Description) {
        let folder = crate::project::tests::folder(files);
        let description = describe(folder.path(), &folder.path().join("supabase/functions")).unwrap();
        (folder, description)
    }

    #[test]
    fn folders_with_an_index_are_functions() {
        let (_folder, description) = project(&[
            (
                "supabase/config.toml",
                "[functions.open]\nverify_jwt = false\n[functions.off]\nenabled = false\n",
            ),
            ("supabase/functions/open/index.ts", ""),
            ("supabase/functions/locked/index.ts", ""),
            ("supabase/functions/off/index.ts", ""),
            ("supabase/functions/_shared/cors.ts", ""),
            ("supabase/functions/.env", "TOKEN=\"a b\"\n# note\nexport OTHER=1\n"),
        ]);
        let of = |name: &str| description.functions.iter().find(|it| it.name == name).unwrap();
        assert_eq!(description.functions.len(), 2);
        assert_eq!(of("open").environment["EBB_VERIFY_JWT"], "false");
        assert_eq!(of("locked").environment["EBB_VERIFY_JWT"], "true");
        assert_eq!(of("open").environment["TOKEN"], "a b");
        let routes: Vec<String> = of("open").routes.iter().map(ToString::to_string).collect();
        assert_eq!(routes, ["/functions/v1/open", "/functions/v1/open/*"]);
        assert_eq!(description.ignored[0].path, "supabase/functions/off");
    }

    #[test]
    fn what_a_function_runs_with_is_what_its_files_say() {
        let check = |files: &[(&str, &str)], expected: &str| {
            let mut all = vec![("supabase/functions/a/index.ts", "")];
            all.extend_from_slice(files);
            let (_folder, description) = project(&all);
            let handler = description.functions[0].handler.clone().unwrap();
            assert!(handler.contains(expected), "{handler} has no {expected}");
        };
        check(&[], "--no-config");
        check(&[("supabase/functions/a/deno.json", "{}")], "--config=functions/a/deno.json");
        check(&[("supabase/functions/deno.jsonc", "{}")], "--config=functions/deno.jsonc");
        check(
            &[
                ("supabase/config.toml", "[functions.a]\nentrypoint = './functions/a/main.ts'\n"),
                ("supabase/functions/a/main.ts", ""),
            ],
            "functions/a/main.ts",
        );
    }
}
