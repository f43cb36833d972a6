//! D1 databases: each is a function of its own, which keeps an SQLite database and which the worker calls.
//!
//! Source: the D1 documentation, "Migrations", and the Workers documentation, "Wrangler configuration" (2026-11).

use std::fs;
use std::path::{Path, PathBuf};

use ebb_model::{ServerSettings, worker_package};
use serde_json::json;

use super::super::description::{Source, SourceFunction, name_of};
use super::super::error::ProjectError;
use super::super::pack::{Files, Zipped};
use super::wrangler::D1Database;
use super::{CPU_MS, RUNTIME};

/// How many queries it takes at once; the database itself runs one after another.
const CONCURRENCY: u32 = 100;
/// Memory of a database's process, in MiB.
const MEMORY: u32 = 512;

const PARTS: &[(&str, &str)] = &[
    (".ebb/d1_database.js", include_str!("../../../../../runtimes/workerd/d1_database.js")),
    (worker_package::CONFIG, include_str!("../../../../../runtimes/workerd/d1_database.capnp")),
];

/// A database before it is packed.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Database {
    folder: PathBuf,
    described: D1Database,
}

impl Database {
    /// The function that it is.
    pub(super) fn function(folder: &Path, described: &D1Database) -> SourceFunction {
        let database = Self { folder: folder.to_owned(), described: described.clone() };
        let server = ServerSettings { concurrency: CONCURRENCY, stateful: true, ..ServerSettings::default() };
        SourceFunction {
            name: function_name(described),
            memory: MEMORY,
            routes: Vec::new(),
            stream: false,
            server: Some(server),
            ..SourceFunction::served(folder, RUNTIME, Source::Database(Box::new(database)))
        }
    }

    /// Packs it, with the migrations that are there.
    pub(in super::super) fn pack(&self) -> Result<Zipped, ProjectError> {
        let mut files = Files::default();
        for (name, content) in PARTS {
            files.add(*name, *content);
        }
        files.add(worker_package::CPU_LIMIT, CPU_MS.to_string());
        let settings = json!({ "table": self.described.migrations_table, "migrations": self.migrations()? });
        files.add(".ebb/settings.json", settings.to_string());
        files.zip(&self.folder)
    }

    /// Name and text of each, in their order.
    fn migrations(&self) -> Result<Vec<(String, String)>, ProjectError> {
        let folder = self.folder.join(&self.described.migrations_dir);
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let reading = |source| ProjectError::io("read", &folder, source);
        let mut migrations = Vec::new();
        for entry in fs::read_dir(&folder).map_err(reading)? {
            let path = entry.map_err(reading)?.path();
            if path.extension().is_some_and(|extension| extension == "sql") {
                let text =
                    fs::read_to_string(&path).map_err(|source| ProjectError::io("read", &path, source))?;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                migrations.push((name, text));
            }
        }
        migrations.sort();
        Ok(migrations)
    }
}

/// The name of its function within the app.
pub(super) fn function_name(database: &D1Database) -> String {
    let known = database.database_name.as_deref().or(database.database_id.as_deref());
    name_of(&format!("d1-{}", known.unwrap_or(&database.binding)))
}
