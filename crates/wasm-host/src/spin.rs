//! What a component of a Spin application has beyond those of `wasi:http`: variables, key-value stores, SQLite
//! databases, a list of the hosts that it may send requests to, and headers that tell of its route.
//!
//! What the application says of it is a file in the package. Source of all: the Spin documentation, "Spin Application
//! Manifest Reference", "The Spin HTTP Trigger", "Spin Key Value Store", "SQLite Storage", "Dynamic Application Configuration"
//! (2026-11).

mod absent;
mod bindings;
mod database;
mod key_value;
mod outbound;
mod routes;
mod s3;
mod signature;
mod sqlite;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

pub(crate) use absent::add_to_linker as add_absent;
pub(crate) use bindings::{View, add_to_linker};
#[expect(unreachable_pub, reason = "generated code exports it again")]
pub use database::Database;
#[expect(unreachable_pub, reason = "generated code exports it again")]
pub use key_value::Store;
pub(crate) use outbound::Allowed;
use routes::Route;
use s3::Buckets;

/// Where the package says it.
const FILE: &str = ".ebb/spin.json";
/// Where the package has the files that the component sees.
const FILES: &str = ".ebb/files";
/// The variables of the function that stand for variables of the application begin with it.
/// Source: the Spin documentation, "Application Variables Runtime Configuration", "Environment Variable Provider".
const VARIABLE_PREFIX: &str = "SPIN_VARIABLE_";

/// What the package says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// The routes that lead to the component, in the manifest's notation.
    routes: Vec<String>,
    /// The application's variables, with what they are where nothing else is said.
    application: BTreeMap<String, Option<String>>,
    /// The component's own, each a text in which `{{ name }}` stands for one of the application's.
    variables: BTreeMap<String, String>,
    /// The buckets that keep its stores, by label.
    stores: BTreeMap<String, String>,
    /// The databases that it may open, by label.
    #[serde(default)]
    databases: BTreeSet<String>,
    /// The hosts that it may send requests to, which may hold `{{ name }}` as well.
    outbound: Vec<String>,
}

/// The same, ready for requests.
#[derive(Debug)]
pub(crate) struct Component {
    routes: Vec<Route>,
    /// None for one that has no value.
    pub(crate) variables: BTreeMap<String, Option<String>>,
    pub(crate) stores: BTreeMap<String, String>,
    databases: BTreeSet<String>,
    pub(crate) allowed: Arc<Allowed>,
    /// The folder of its files, where it has any.
    pub(crate) files: Option<PathBuf>,
    buckets: Buckets,
}

impl Component {
    /// Reads what the package in `root` says; none where it is no Spin application's. Takes what is meant for the host
    /// out of the environment.
    ///
    /// # Errors
    /// Where the file cannot be read, or says what makes no sense.
    pub(crate) fn read(root: &Path, environment: &mut BTreeMap<String, String>) -> io::Result<Option<Self>> {
        let text = match fs::read(root.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let manifest: Manifest = serde_json::from_slice(&text)?;
        let component = Self::of(manifest, environment).map_err(io::Error::other)?;
        let files = Some(root.join(FILES)).filter(|files| files.is_dir());
        Ok(Some(Self { files, ..component }))
    }

    fn of(manifest: Manifest, environment: &mut BTreeMap<String, String>) -> Result<Self, String> {
        let buckets = Buckets::of(environment);
        let mut application = manifest.application;
        for (name, value) in &mut application {
            let given = environment.get(&format!("{VARIABLE_PREFIX}{}", name.to_ascii_uppercase()));
            *value = given.cloned().or(value.take());
        }
        // The component has what it is given, and no more.
        let own: BTreeSet<_> = s3::VARIABLES.iter().copied().collect();
        environment.retain(|name, _| !name.starts_with(VARIABLE_PREFIX) && !own.contains(name.as_str()));
        let of = |text: &String| template::filled(text, &application);
        let mut variables = BTreeMap::new();
        for (name, text) in &manifest.variables {
            variables.insert(name.clone(), of(text)?);
        }
        let hosts: Result<Vec<_>, _> = manifest.outbound.iter().map(of).collect();
        let allowed = Allowed::parse(hosts?.into_iter().flatten())?;
        Ok(Self {
            routes: manifest.routes.iter().map(|route| Route::parse(route)).collect(),
            variables,
            stores: manifest.stores,
            databases: manifest.databases,
            allowed: Arc::new(allowed),
            files: None,
            buckets,
        })
    }

    /// Adds the headers that tell of the route, in place of any that the client sent.
    pub(crate) fn add_headers(&self, request: &mut http::request::Parts) {
        routes::add_headers(&self.routes, request);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_from_the_function_and_are_no_environment_of_the_component() {
        let manifest = r#"{ "routes": ["/..."], "application": { "host": null, "name": "a", "none": null },
            "variables": { "url": "https://{{ host }}/{{name}}", "missing": "{{ none }}" }, "stores": {},
            "outbound": ["https://{{ host }}"] }"#;
        let mut environment = BTreeMap::from(
            [("SPIN_VARIABLE_HOST", "x.example"), ("OWN", "1"), ("AWS_SECRET_ACCESS_KEY", "s")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let component = Component::of(serde_json::from_str(manifest).unwrap(), &mut environment).unwrap();
        assert_eq!(component.variables["url"].as_deref(), Some("https://x.example/a"));
        assert_eq!(component.variables["missing"], None);
        assert_eq!(environment.keys().collect::<Vec<_>>(), ["OWN"]);
        assert!(component.allowed.allows(&"https://x.example/y".parse().unwrap()));
        assert!(!component.allowed.allows(&"https://y.example/".parse().unwrap()));
    }
}
