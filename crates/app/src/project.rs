//! The client's half: a folder becomes a plan and packages.

mod build;
mod bundle;
mod error;
mod handler;
mod jsonc;
mod manifest;
mod pack;
mod platform;
mod sdk;
mod serverless;
mod stack;
#[cfg(test)]
mod tests;
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ebb_model::{Digest, ServerSettings};

use crate::plan::{Ignored, Plan, PlannedFunction, PlannedSchedule, app_name_of};
use crate::routes::Route;

pub use error::ProjectError;

/// Memory of a function that does not say, in MiB.
const MEMORY: u32 = 512;

/// Memory of a server that the platform brings, in MiB: one process serves all requests of its function.
const SERVER_MEMORY: u32 = 1024;

/// Timeout of a function that does not say, in seconds.
const TIMEOUT: u32 = 30;

/// The file that describes a project.
const MANIFEST: &str = "ebb.toml";

/// What a folder holds, before anything was built or packed.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// The folder.
    pub folder: PathBuf,
    /// The app's name.
    pub name: String,
    functions: Vec<SourceFunction>,
    /// The template that describes it, where one does.
    template: Option<PathBuf>,
}

/// A function as the project describes it.
#[derive(Debug, Clone, PartialEq)]
struct SourceFunction {
    /// Empty for the only function of a project without a manifest.
    name: String,
    /// Its folder.
    folder: PathBuf,
    /// What is packed: a folder, or one file that becomes `bootstrap`.
    package: PathBuf,
    build: Option<String>,
    runtime: Option<String>,
    handler: Option<String>,
    routes: Vec<Route>,
    memory: u32,
    timeout: u32,
    environment: BTreeMap<String, String>,
    stream: bool,
    /// Where it is a server of its own.
    server: Option<ServerSettings>,
    source: Source,
}

/// What a function's package is made of.
#[derive(Debug, Clone, PartialEq)]
enum Source {
    /// The files of its folder.
    Files,
    /// A Cloudflare worker.
    Worker(Box<workers::Project>),
}

/// Where the sources of a function are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionFolder<'a> {
    /// Its name; empty for the only function of a project without a manifest.
    pub name: &'a str,
    /// Its folder: what changes in it changes the function.
    pub folder: &'a Path,
    /// Whether it has a build command, which may write into the folder.
    pub builds: bool,
}

/// A function's zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its digest, as the plan names it.
    pub digest: Digest,
    /// The zip.
    pub zip: Bytes,
}

/// A plan, and the packages that it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// The plan.
    pub plan: Plan,
    /// Each package once.
    pub packages: Vec<Package>,
    /// Layers with an AWS SDK that functions import and do not package, as `ebb runtimes add` names them.
    pub sdks: BTreeSet<&'static str>,
}

impl Packed {
    /// The same, function by function: what [`Project::pack`] takes as known.
    #[must_use]
    pub fn by_function(&self) -> BTreeMap<String, Self> {
        let single = |function: &PlannedFunction| {
            let schedules = self.plan.schedules.iter().filter(|schedule| schedule.function == function.name);
            let plan = Plan {
                functions: vec![function.clone()],
                schedules: schedules.cloned().collect(),
                ..Plan::new(&self.plan.app)
            };
            let packages = self.packages.iter().filter(|package| package.digest == function.package);
            let sdks = self.sdks.clone();
            (function.name.clone(), Self { plan, packages: packages.cloned().collect(), sdks })
        };
        self.plan.functions.iter().map(single).collect()
    }
}

impl Project {
    /// Recognises what `folder` holds. Reads it, and runs nothing. `name` wins over the name that the project gives
    /// itself. Blocks.
    ///
    /// # Errors
    /// [`ProjectError`]: nothing is recognised, it is of a platform that is not built yet, or its `ebb.toml` is wrong.
    pub fn open(folder: &Path, name: Option<&str>) -> Result<Self, ProjectError> {
        let folder = folder.canonicalize().map_err(|source| ProjectError::io("open", folder, source))?;
        if !folder.is_dir() {
            return Err(ProjectError::NotAFolder(folder));
        }
        let manifest = folder.join(MANIFEST);
        let found = || stack::find(&folder).or_else(|| serverless::find(&folder));
        let template = if manifest.is_file() { None } else { found() };
        let (own_name, functions) = if manifest.is_file() {
            manifest::read(&manifest)?
        } else if let Some(template) = &template {
            (serverless::service(template), Vec::new())
        } else {
            of_platform(&folder)?
        };
        let of_folder = || folder.file_name().and_then(|name| app_name_of(&name.to_string_lossy()));
        let name = name
            .map(str::to_owned)
            .or(own_name)
            .or_else(of_folder)
            .ok_or_else(|| ProjectError::NoName(folder.clone()))?;
        let project = Self { folder, name, functions, template };
        // Without a manifest the handler is the proof that there is a function at all.
        let only = project.functions.first().filter(|only| only.source == Source::Files);
        if let Some(only) = only.filter(|_| !manifest.is_file()) {
            handler::infer(&only.folder, None, None)?;
        }
        Ok(project)
    }

    /// Its functions, and where their sources are.
    #[must_use]
    pub fn functions(&self) -> Vec<FunctionFolder<'_>> {
        let of = self.functions.iter();
        of.map(|SourceFunction { name, folder, build, .. }| FunctionFolder {
            name,
            folder,
            builds: build.is_some(),
        })
        .collect()
    }

    /// Runs the build commands and packs every function. `progress` gets a line for each step. `known` gives packages
    /// of functions (by name) that need not be built again. Blocks, for as long as the build commands take.
    ///
    /// # Errors
    /// [`ProjectError`] where a build fails, a function has no handler, or files cannot be read.
    pub fn pack(
        &self,
        known: &BTreeMap<String, Packed>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Packed, ProjectError> {
        if let Some(template) = &self.template {
            return match serverless::is_one(template) {
                true => serverless::pack(self, template, progress),
                false => stack::pack(self, template, progress),
            };
        }
        let mut plan = Plan::new(&self.name);
        let (mut packages, mut sdks) = (Vec::<Package>::new(), BTreeSet::new());
        for function in &self.functions {
            let packed = match known.get(&function.name) {
                Some(packed) => packed.clone(),
                None => self.pack_function(function, progress)?,
            };
            plan.functions.extend(packed.plan.functions);
            plan.ignored.extend(packed.plan.ignored);
            plan.schedules.extend(packed.plan.schedules);
            sdks.extend(packed.sdks);
            for package in packed.packages {
                if !packages.iter().any(|known| known.digest == package.digest) {
                    packages.push(package);
                }
            }
        }
        plan.check()?;
        Ok(Packed { plan, packages, sdks })
    }

    fn pack_function(
        &self,
        function: &SourceFunction,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Packed, ProjectError> {
        let shown = if function.name.is_empty() { &self.name } else { &function.name };
        if let Some(command) = &function.build {
            progress(&format!("building {shown}: {command}"));
            build::run(shown, command, &function.folder)?;
        }
        progress(&format!("packing {shown}"));
        let inferred =
            handler::infer(&function.package, function.runtime.as_deref(), function.handler.as_deref())?;
        let pack::Zipped { zip, ignored } = match &function.source {
            Source::Files => pack::zip(&function.package)?,
            Source::Worker(worker) => worker.pack(&self.name, progress)?,
        };
        let digest = Digest::of(&zip);
        let sdks = match &function.source {
            Source::Files => sdk::wanted(&function.package, &inferred.runtime).into_iter().collect(),
            Source::Worker(_) => BTreeSet::from([workers::RUNTIME]),
        };
        let planned = PlannedFunction {
            name: function.name.clone(),
            runtime: inferred.runtime,
            handler: inferred.handler,
            memory: function.memory,
            timeout: function.timeout,
            environment: function.environment.clone(),
            routes: function.routes.clone(),
            stream: function.stream,
            background: false,
            before_files: false,
            server: function.server.clone(),
            package: digest,
        };
        let ignored = ignored
            .into_iter()
            .map(|(path, reason)| Ignored { path: self.shown(&path), reason: reason.to_owned() })
            .collect();
        Ok(Packed {
            plan: Plan {
                functions: vec![planned],
                schedules: self.schedules(function)?,
                ignored,
                ..Plan::new(&self.name)
            },
            packages: vec![Package { digest, zip }],
            sdks,
        })
    }

    fn schedules(&self, function: &SourceFunction) -> Result<Vec<PlannedSchedule>, ProjectError> {
        let Source::Worker(worker) = &function.source else { return Ok(Vec::new()) };
        let planned =
            |(expression, input)| PlannedSchedule { function: function.name.clone(), expression, input };
        Ok(worker.schedules()?.into_iter().map(planned).collect())
    }

    /// A path as people see it: from the project's folder on.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.folder).unwrap_or(path).display().to_string()
    }
}

impl SourceFunction {
    /// The function of a project that is one function and has no manifest.
    fn only(folder: &Path) -> Self {
        Self {
            name: String::new(),
            folder: folder.to_owned(),
            package: folder.to_owned(),
            build: None,
            runtime: None,
            handler: None,
            routes: vec![Route::all()],
            memory: MEMORY,
            timeout: TIMEOUT,
            environment: BTreeMap::new(),
            stream: false,
            server: None,
            source: Source::Files,
        }
    }

    /// A server that the platform brings: its answers are sent as it writes them.
    fn served(folder: &Path, runtime: &str, source: Source) -> Self {
        Self {
            runtime: Some(runtime.to_owned()),
            handler: Some(runtime.to_owned()),
            stream: true,
            memory: SERVER_MEMORY,
            source,
            ..Self::only(folder)
        }
    }
}

/// What a folder without a manifest holds: the name that it gives itself, and its functions.
fn of_platform(folder: &Path) -> Result<(Option<String>, Vec<SourceFunction>), ProjectError> {
    Ok(match platform::recognise(folder)? {
        platform::Dialect::Handler => (None, vec![SourceFunction::only(folder)]),
        platform::Dialect::Worker => {
            let worker = workers::open(folder)?;
            let (name, environment) = (worker.name(), worker.secrets.clone());
            let source = Source::Worker(Box::new(worker));
            let function = SourceFunction::served(folder, workers::RUNTIME, source);
            (name, vec![SourceFunction { environment, ..function }])
        }
    })
}
