//! What a dialect makes of a folder, in words that are the same for all of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ebb_model::{RateLimit, ServerSettings};

use super::build::ProjectBuild;
use super::error::ProjectError;
use super::{MEMORY, Packed, Project, TIMEOUT, bundle, deno, wasm, workers};
use crate::edge::{Pattern, Rule};
use crate::plan::{Ignored, PlannedKey, PlannedSchedule, PlannedTrigger};
use crate::routes::Route;

/// Memory of a server that the platform brings, in MiB: one process serves all requests of its function.
const SERVER_MEMORY: u32 = 1024;

/// Packs the code that a template names.
pub(super) type PackTemplate = fn(&Project, &Path, &mut dyn FnMut(&str)) -> Result<Packed, ProjectError>;

/// What is still to be learned once the functions are packed, by running something of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Completion {
    /// What an app of Azure Functions registers.
    AzureFunctions,
    /// What the configuration of an app of Next.js says.
    NextConfig,
}

/// A project as its dialect describes it, before anything was built or packed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Description {
    /// The name that the project gives itself.
    pub(super) name: Option<String>,
    pub(super) functions: Vec<SourceFunction>,
    /// What is run before, and may make some of what is described here: it is described anew then.
    pub(super) build: Option<ProjectBuild>,
    /// Where a template says what it is made of: how that is packed, and the template.
    pub(super) template: Option<(PackTemplate, PathBuf)>,
    /// What only the packed functions know.
    pub(super) completion: Option<Completion>,
    /// Folders whose files the edge serves; of two files with one path the first folder's counts.
    pub(super) files: Vec<PathBuf>,
    /// Whether the edge serves the files of the project's own folder that [`super::vercel::is_published`] says.
    pub(super) own_files: bool,
    /// Whether `about.html` is also `/about`.
    pub(super) short_html: bool,
    pub(super) rules: Vec<Rule>,
    pub(super) schedules: Vec<PlannedSchedule>,
    /// What else invokes functions, as [`crate::Plan::add_trigger`] reads it.
    pub(super) triggers: Vec<String>,
    /// The same, in full.
    pub(super) planned_triggers: Vec<PlannedTrigger>,
    /// What the server puts into the environments of the functions.
    pub(super) keys: Vec<PlannedKey>,
    /// What of the project is not deployed, and why.
    pub(super) ignored: Vec<Ignored>,
}

/// A function as the project describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SourceFunction {
    /// Empty for the only function of a project without a manifest.
    pub(super) name: String,
    /// Its folder.
    pub(super) folder: PathBuf,
    /// What is packed: a folder, or one file that becomes `bootstrap`.
    pub(super) package: PathBuf,
    pub(super) source: Source,
    pub(super) build: Option<String>,
    pub(super) runtime: Option<String>,
    pub(super) handler: Option<String>,
    pub(super) routes: Vec<Route>,
    pub(super) memory: u32,
    pub(super) timeout: u32,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) stream: bool,
    pub(super) background: bool,
    pub(super) before_files: bool,
    /// Paths that are not its own, though its routes take them.
    pub(super) except: Vec<Pattern>,
    /// How many requests it takes.
    pub(super) rate_limit: Option<RateLimit>,
    /// The paths that it stands in front of.
    pub(super) front: Vec<Pattern>,
    /// Where it is a server of its own.
    pub(super) server: Option<ServerSettings>,
    /// How many events an instance takes at a time, where it is no server.
    pub(super) instance_concurrency: u32,
}

/// How a package is made.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// Of the files as they are, with these generated ones beside them.
    Files(BTreeMap<String, String>),
    /// Of one module that a bundler makes from this entry, which imports files by their whole paths and the modules of
    /// the platform's adapter as `ebb:NAME`.
    Bundle(String),
    /// Of programs of Deno.
    Deno(Box<deno::Package>),
    /// Of a Cloudflare worker.
    Worker(Box<workers::Project>),
    /// Of a database of a Cloudflare worker.
    Database(Box<workers::Database>),
    /// Of a WebAssembly component.
    Component(wasm::Component),
}

impl SourceFunction {
    /// The function of a project that is one function and has no manifest.
    pub(super) fn only(folder: &Path) -> Self {
        Self {
            name: String::new(),
            folder: folder.to_owned(),
            package: folder.to_owned(),
            source: Source::Files(BTreeMap::new()),
            build: None,
            runtime: None,
            handler: None,
            routes: vec![Route::all()],
            memory: MEMORY,
            timeout: TIMEOUT,
            environment: BTreeMap::new(),
            stream: false,
            background: false,
            before_files: false,
            except: Vec::new(),
            rate_limit: None,
            front: Vec::new(),
            server: None,
            instance_concurrency: 1,
        }
    }

    /// A server that the platform brings: its answers are sent as it writes them.
    pub(super) fn served(folder: &Path, runtime: &str, source: Source) -> Self {
        Self {
            runtime: Some(runtime.to_owned()),
            handler: Some(runtime.to_owned()),
            stream: true,
            memory: SERVER_MEMORY,
            source,
            ..Self::only(folder)
        }
    }

    /// A function of Node that is bundled from an entry, and streams its answers.
    pub(super) fn bundled(name: &str, folder: &Path, entry: String) -> Self {
        Self {
            name: name.to_owned(),
            source: Source::Bundle(entry),
            runtime: Some("nodejs".to_owned()),
            handler: Some(format!("{}.handler", bundle::HANDLER_MODULE)),
            routes: Vec::new(),
            stream: true,
            ..Self::only(folder)
        }
    }
}

impl Description {
    /// Notes that something of the project is left out.
    pub(super) fn ignore(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        self.ignored.push(Ignored { path: path.into(), reason: reason.into() });
    }
}

/// A function's name from a path: what no name may hold becomes `-`.
pub(super) fn name_of(path: &str) -> String {
    let mapped = path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect::<String>();
    let mut name = String::new();
    for part in mapped.split('-').filter(|part| !part.is_empty()) {
        if !name.is_empty() {
            name.push('-');
        }
        name.push_str(part);
    }
    // An app's name comes before it, and both together are 64 characters at most.
    name.truncate(23);
    name.trim_end_matches('-').to_owned()
}
