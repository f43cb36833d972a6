//! The client's half: a folder becomes a plan and packages.

mod azure;
mod build;
mod bundle;
mod deno;
mod description;
mod dotenv;
mod error;
mod esbuild;
mod google;
mod handler;
mod install;
mod jsonc;
mod literal;
mod manifest;
mod native;
mod netlify;
mod next;
mod pack;
mod path_pattern;
mod platform;
mod sam_build;
mod scratch;
mod script;
mod sdk;
mod server;
mod serverless;
mod spin;
mod stack;
mod supabase;
#[cfg(test)]
mod tests;
mod tool;
mod vercel;
mod wasm;
mod workers;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ebb_model::Digest;

use crate::plan::{Ignored, Plan, PlannedFunction, app_name_of};

use description::{Completion, Description, Source, SourceFunction};
pub use error::ProjectError;

/// Memory of a function that does not say, in MiB.
const MEMORY: u32 = 512;

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
    /// Whether packages that it depends on and does not bring are installed.
    pub install: bool,
    description: Description,
}

/// Where the sources of a function are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionFolder<'a> {
    /// Its name; empty for the only function of a project without a manifest.
    pub name: &'a str,
    /// Its folder: what changes in it changes the function.
    pub folder: &'a Path,
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
    /// Layers with an AWS SDK that functions import and do not package, as `ebb runtimes add` names them, and
    /// `typescript` for what runs it.
    pub sdks: BTreeSet<&'static str>,
}

impl Packed {
    /// The same, function by function: what [`Project::pack`] takes as known.
    #[must_use]
    pub fn by_function(&self) -> BTreeMap<String, Self> {
        let single = |function: &PlannedFunction| {
            let plan = Plan { functions: vec![function.clone()], ..Plan::new(&self.plan.app) };
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
        let description = platform::describe(&folder)?;
        let of_folder = || folder.file_name().and_then(|name| app_name_of(&name.to_string_lossy()));
        let name = name
            .map(str::to_owned)
            .or(description.name.clone())
            .or_else(of_folder)
            .ok_or_else(|| ProjectError::NoName(folder.clone()))?;
        Ok(Self { folder, name, install: true, description })
    }

    /// Its functions, and where their sources are.
    #[must_use]
    pub fn functions(&self) -> Vec<FunctionFolder<'_>> {
        let of = self.description.functions.iter();
        of.map(|SourceFunction { name, folder, .. }| FunctionFolder { name, folder }).collect()
    }

    /// The folders that build commands may write into.
    #[must_use]
    pub fn built_folders(&self) -> Vec<PathBuf> {
        let built = self.description.functions.iter().filter(|function| function.build.is_some());
        let own = self.description.build.iter().map(|build| build.folder.clone());
        own.chain(built.map(|function| function.folder.clone())).collect()
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
        let Some(build) = &self.description.build else { return self.pack_described(known, progress) };
        build.run(self.install, progress)?;
        let built = Self { description: platform::describe(&self.folder)?, ..self.clone() };
        built.pack_described(known, progress)
    }

    fn pack_described(
        &self,
        known: &BTreeMap<String, Packed>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Packed, ProjectError> {
        if let Some((pack, template)) = &self.description.template {
            return pack(self, template, progress);
        }
        let mut plan = Plan {
            short_html: self.description.short_html,
            rules: self.description.rules.clone(),
            schedules: self.description.schedules.clone(),
            triggers: self.description.planned_triggers.clone(),
            keys: self.description.keys.clone(),
            ignored: self.description.ignored.clone(),
            ..Plan::new(&self.name)
        };
        let (mut packages, mut sdks) = (Vec::<Package>::new(), BTreeSet::new());
        let mut bundles = self.bundles(known, progress)?;
        let mut zips = Zips::new();
        for function in &self.description.functions {
            let packed = match known.get(&function.name) {
                Some(packed) => packed.clone(),
                None => self.pack_function(function, bundles.remove(&function.name), &mut zips, progress)?,
            };
            plan.functions.extend(packed.plan.functions);
            for ignored in packed.plan.ignored {
                if !plan.ignored.contains(&ignored) {
                    plan.ignored.push(ignored);
                }
            }
            sdks.extend(packed.sdks);
            add_packages(&mut packages, packed.packages);
        }
        let own = self.description.own_files.then(|| pack::files(&self.folder, vercel::is_published));
        let folders = self.description.files.iter().map(|folder| pack::files(folder, |_| true));
        for files in folders.chain(own) {
            for (path, content) in files? {
                let digest = Digest::of(&content);
                if let Entry::Vacant(place) = plan.files.entry(path) {
                    place.insert(digest);
                    add_packages(&mut packages, vec![Package { digest, zip: content }]);
                }
            }
        }
        for trigger in &self.description.triggers {
            plan.add_trigger(trigger).map_err(|error| ProjectError::Manifest {
                path: self.folder.clone(),
                message: error.to_string(),
            })?;
        }
        match self.description.completion {
            Some(Completion::AzureFunctions) => azure::complete(self, &mut plan, &packages, progress)?,
            Some(Completion::NextConfig) => next::complete(self, &mut plan, progress)?,
            None => {}
        }
        plan.check()?;
        Ok(Packed { plan, packages, sdks })
    }

    /// Bundles the functions that are not known and want it.
    fn bundles(
        &self,
        known: &BTreeMap<String, Packed>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<BTreeMap<String, bundle::Bundled>, ProjectError> {
        let mut entries = BTreeMap::new();
        for function in &self.description.functions {
            if let Source::Bundle(entry) = &function.source
                && !known.contains_key(&function.name)
            {
                entries.insert(function.name.as_str(), entry.as_str());
            }
        }
        bundle::with_packages(&self.folder, self.install, progress, |packages, progress| {
            bundle::all(&self.folder, &entries, packages, progress)
        })
    }

    fn pack_function(
        &self,
        function: &SourceFunction,
        bundled: Option<bundle::Bundled>,
        zips: &mut Zips,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Packed, ProjectError> {
        let shown = if function.name.is_empty() { &self.name } else { &function.name };
        if let Some(command) = &function.build {
            progress(&format!("building {shown}: {command}"));
            // What a script of package.json runs is among its packages.
            let script = self.install && (command.contains("npm ") || command.contains("npx "));
            let _linked = match script {
                true => install::for_build(&function.folder, progress)?,
                false => None,
            };
            build::run(shown, command, &function.folder)?;
        }
        progress(&format!("packing {shown}"));
        let mut inferred = match &function.source {
            Source::Component(component) => component.inferred()?,
            _ => handler::infer(&function.package, function.runtime.as_deref(), function.handler.as_deref())?,
        };
        if self.install
            && inferred.runtime == "python"
            && let Some(runtime) = install::python_runtime(&function.package)
        {
            inferred.runtime = runtime;
        }
        let same = |made: &&(PathBuf, Source, pack::Zipped)| {
            bundled.is_none() && made.0 == function.package && made.1 == function.source
        };
        let pack::Zipped { zip, ignored } = match zips.iter().find(same) {
            Some((.., zipped)) => zipped.clone(),
            None => {
                let zipped = self.zip(function, &inferred.runtime, bundled, progress)?;
                zips.push((function.package.clone(), function.source.clone(), zipped.clone()));
                zipped
            }
        };
        let digest = Digest::of(&zip);
        let sdks = match &function.source {
            Source::Worker(_) | Source::Database(_) => BTreeSet::from([workers::RUNTIME]),
            Source::Deno(_) => BTreeSet::from([deno::RUNTIME]),
            _ => {
                let typed = sdk::is_typescript(&function.package, &inferred.runtime, &inferred.handler);
                let layer = sdk::wanted(&function.package, &inferred.runtime);
                layer.into_iter().chain(typed.then_some(sdk::TYPESCRIPT)).collect()
            }
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
            background: function.background,
            before_files: function.before_files,
            except: function.except.clone(),
            rate_limit: function.rate_limit.clone(),
            front: function.front.clone(),
            server: function.server.clone(),
            instance_concurrency: function.instance_concurrency,
            inspect: None,
            package: digest,
        };
        let ignored = ignored
            .into_iter()
            .map(|(path, reason)| Ignored { path: self.shown(&path), reason: reason.to_owned() })
            .collect();
        Ok(Packed {
            plan: Plan { functions: vec![planned], ignored, ..Plan::new(&self.name) },
            packages: vec![Package { digest, zip }],
            sdks,
        })
    }

    /// Makes the package of a function.
    fn zip(
        &self,
        function: &SourceFunction,
        runtime: &str,
        bundled: Option<bundle::Bundled>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<pack::Zipped, ProjectError> {
        match (&function.source, bundled) {
            (Source::Files(generated), _) => {
                let added = self.dependencies(&function.package, runtime, progress)?;
                pack::zip(&function.package, generated, &added)
            }
            (Source::Bundle(_), bundled) => self.zip_bundle(&function.folder, bundled.unwrap_or_default()),
            (Source::Worker(worker), _) => worker.pack(&self.name, self.install, progress),
            (Source::Database(database), _) => database.pack(),
            (Source::Deno(package), _) => package.pack(progress),
            (Source::Component(component), _) => component.pack(&self.name),
        }
    }

    /// The package of a bundled function. The files of the project go with it where it may read them, but for those that
    /// the edge serves and those that only tools read.
    fn zip_bundle(&self, folder: &Path, bundled: bundle::Bundled) -> Result<pack::Zipped, ProjectError> {
        let reads = bundled.reads_files();
        let mut files = pack::Files::default();
        for entry in reads.then(|| next::entries(folder)).transpose()?.unwrap_or_default() {
            let name = next::file_name(&entry);
            let kept = !name.starts_with('.') && name != "node_modules" && name != MANIFEST;
            if kept && !self.description.files.contains(&entry) {
                files.add_path(&name, &entry)?;
            }
        }
        files.add_installed(&bundled.packages)?;
        for (name, content) in bundled.files {
            files.add(name, content);
        }
        files.zip(folder)
    }

    /// The packages that a function wants and its folder lacks.
    fn dependencies(
        &self,
        package: &Path,
        runtime: &str,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Vec<install::Added>, ProjectError> {
        let mut added = Vec::new();
        if !self.install || !package.is_dir() {
            return Ok(added);
        }
        let server = runtime == server::RUNTIME;
        if (server || runtime.starts_with("nodejs"))
            && let Some(modules) = install::node(package, progress)?
        {
            added.push(("node_modules".to_owned(), modules));
        }
        if server || runtime.starts_with("python") {
            let place = if server { install::PythonPlace::Apart } else { install::PythonPlace::Root };
            if let Some(packages) = install::python(package, place, runtime, progress)? {
                let name = if server { server::PYTHON_PACKAGES } else { "" };
                added.push((name.to_owned(), packages));
            }
        }
        Ok(added)
    }

    /// A path as people see it: from the project's folder on.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.folder).unwrap_or(path).display().to_string()
    }
}

/// What was packed, by what it was packed of: functions of one folder may have one package.
type Zips = Vec<(PathBuf, Source, pack::Zipped)>;

/// Adds packages that are not there yet.
fn add_packages(packages: &mut Vec<Package>, more: Vec<Package>) {
    for package in more {
        if !packages.iter().any(|known| known.digest == package.digest) {
            packages.push(package);
        }
    }
}
