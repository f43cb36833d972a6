//! What an instance is made of: its mounts, limits, programs and environment. Pure but for looking at the package.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ebb_invoker::InstanceSpec;
use ebb_model::limits::{MEMORY_MIB, MEMORY_MIB_PER_CORE};
use ebb_model::{RuntimeFamily, Settings};
use ebb_sandbox::{Limits, Mount, Network, SandboxSpec};

use crate::boots;
use crate::core::Report;
use crate::environment::{self, CONTROL_API_PORT, Environment, RUNTIME_API_PORT, TASK_ROOT};
use crate::host::{Host, Manners};
use crate::interpreters::{Interpreter, Language};
use crate::server;

/// Processes and threads of an instance. Source: the Lambda developer guide, "Lambda quotas".
const PROCESSES: u32 = 1024;
/// Open files of a process. Source: as above.
const OPEN_FILES: u32 = 1024;
/// The number of the boot's socket in the boot.
pub(crate) const BOOT_DESCRIPTOR: i32 = 3;
/// Names [`BOOT_DESCRIPTOR`] to the boot, which removes it before user code runs.
pub(crate) const BOOT_VARIABLE: &str = "EBB_BOOT_FD";
/// The script that starts the runtime, where the function names one.
/// Source: the Lambda developer guide, "Modifying the runtime environment", "Wrapper scripts".
pub(crate) const WRAPPER_VARIABLE: &str = "AWS_LAMBDA_EXEC_WRAPPER";
/// Where external extensions are. Source: the Lambda developer guide, "Using the Lambda Extensions API".
const EXTENSIONS: &str = "/opt/extensions";
/// Where layers are.
const LAYERS: &str = "/opt";
/// Where the folder of a function is that keeps state.
const STATE: &str = "/var/state";
/// What an instance may use before it has a function: the most that any function has, since an ordinary user may lower
/// a limit and never raise it.
const STOCK_MEMORY_MIB: u32 = *MEMORY_MIB.end();

/// A program and what it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// Its path inside.
    pub(crate) path: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Its environment.
    pub(crate) environment: Environment,
}

/// An instance before it starts.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Its sandbox.
    pub(crate) sandbox: SandboxSpec,
    /// The runtime.
    pub(crate) runtime: Program,
    /// Whether the runtime is one of our boots.
    pub(crate) boot: bool,
    /// What a boot is told of its function's environment, beyond that of its own process.
    pub(crate) told: Environment,
    /// External extensions by name.
    pub(crate) extensions: BTreeMap<String, Program>,
    /// Thousandths of a core that it may use once it is initialised.
    pub(crate) cpu_millis: u32,
    /// Of a server.
    pub(crate) manners: Manners,
}

/// What runs a managed runtime.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Managed {
    /// The language.
    pub(crate) language: Language,
    /// Its interpreter.
    pub(crate) interpreter: Interpreter,
    /// The folder of its boot.
    pub(crate) boot: PathBuf,
    /// The SDK layer, where it is installed, and where it goes.
    pub(crate) sdk: Option<(PathBuf, &'static str)>,
}

impl Managed {
    /// The interpreter with our boot, and no function.
    fn boot(&self, family: RuntimeFamily) -> Program {
        let level = self.language.level(self.interpreter.version);
        let mut environment = environment::of_boot(family, level);
        environment.insert(BOOT_VARIABLE.into(), BOOT_DESCRIPTOR.to_string());
        let arguments = self.language.arguments(STOCK_MEMORY_MIB);
        Program { path: self.interpreter.program.clone(), arguments, environment }
    }
}

/// Plans an instance.
///
/// # Errors
/// What is said of a package that cannot be started.
pub(crate) fn plan(spec: &InstanceSpec, managed: Option<&Managed>, network: Network) -> Result<Plan, Report> {
    let level = managed.and_then(|managed| managed.language.level(managed.interpreter.version));
    let environment = environment::of_runtime(spec, level);
    let extension_environment = environment::of_extension(&environment);
    let extensions = extensions(&spec.layers)
        .into_iter()
        .map(|name| {
            let path = Path::new(EXTENSIONS).join(&name);
            (name, Program { path, arguments: Vec::new(), environment: extension_environment.clone() })
        })
        .collect();
    let runtime = match managed {
        Some(managed) => managed_program(managed, spec, environment),
        None => custom_program(spec, environment)?,
    };
    Ok(Plan {
        sandbox: sandbox(spec, managed, network),
        runtime,
        boot: managed.is_some(),
        told: Environment::new(),
        extensions,
        cpu_millis: cpu_millis(spec.version.settings.memory_mib),
        manners: Manners::default(),
    })
}

/// A program of this machine that servers may start by its name.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    /// Its names in `/var/lang/bin`.
    pub(crate) names: &'static [&'static str],
    /// The program, inside.
    pub(crate) program: PathBuf,
    /// What it needs of the host beside the system's folders, and where.
    pub(crate) binds: Vec<(PathBuf, PathBuf)>,
}

impl Tool {
    /// An interpreter.
    pub(crate) fn of(language: Language, interpreter: &Interpreter) -> Self {
        let Interpreter { program, binds, .. } = interpreter.clone();
        let binds = binds.into_iter().map(|path| (path.clone(), path)).collect();
        Self { names: language.names(), program, binds }
    }
}

/// Plans a server: the handler is the command, in the language of the shell.
pub(crate) fn server_plan(spec: &InstanceSpec, tools: &[Tool], network: Network) -> Plan {
    let mut sandbox = sandbox(spec, None, network);
    sandbox.listen = vec![CONTROL_API_PORT];
    for Tool { names, program, binds } in tools {
        let bind = |(source, target): &(PathBuf, PathBuf)| Mount::Bind {
            source: source.clone(),
            target: target.clone(),
        };
        sandbox.mounts.extend(binds.iter().map(bind));
        sandbox.mounts.extend(names.iter().map(|name| Mount::Symlink {
            points_to: program.clone(),
            target: Path::new("/var/lang/bin").join(name),
        }));
    }
    let settings = &spec.version.settings;
    let runtime = Program {
        path: "/bin/sh".into(),
        arguments: vec!["-c".into(), format!("exec {}", settings.handler)],
        environment: environment::of_server(spec, server::PORT),
    };
    Plan {
        sandbox,
        runtime,
        boot: false,
        told: Environment::new(),
        extensions: BTreeMap::new(),
        cpu_millis: server_cpu_millis(settings.memory_mib),
        manners: Manners::default(),
    }
}

/// Plans an instance in a host, which finds what was compiled of its function.
pub(crate) fn hosted_plan(spec: &InstanceSpec, host: &Host, compiled: &Path, network: Network) -> Plan {
    let settings = &spec.version.settings;
    let mut mounts = host.mounts();
    mounts.extend([bind(&spec.code, TASK_ROOT), bind(compiled, host.compiled)]);
    mounts.extend(state(spec));
    let name = host_name(spec.version.name.as_str());
    let mut sandbox =
        bare_sandbox(name, mounts, settings.memory_mib, settings.ephemeral_storage_mib, network);
    sandbox.listen = vec![CONTROL_API_PORT];
    let told = match settings.runtime.family() {
        RuntimeFamily::Wasm => environment::of_component(spec),
        _ => environment::of_server(spec, server::PORT),
    };
    Plan {
        sandbox,
        runtime: host.program(),
        boot: true,
        told,
        extensions: BTreeMap::new(),
        cpu_millis: server_cpu_millis(settings.memory_mib),
        manners: host.manners,
    }
}

/// A function's share of the processor: one core for 1,769 MB.
/// Source: the Lambda developer guide, "Configure Lambda function memory".
pub(crate) fn cpu_millis(memory_mib: u32) -> u32 {
    (memory_mib * 1000).div_ceil(MEMORY_MIB_PER_CORE)
}

/// The same of a server, which takes several events at a time: at least a core, as where such servers come from.
/// Source: the Cloud Run documentation, "Configure CPU limits for services" (the default).
fn server_cpu_millis(memory_mib: u32) -> u32 {
    cpu_millis(memory_mib).max(1000)
}

/// What an instance can be before it has a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Ahead {
    /// An interpreter that runs our boot.
    Booted(RuntimeFamily, Managed),
    /// A host.
    Host(Host),
    /// A sandbox with no program in it.
    Empty {
        /// Whether the Runtime API is for whatever comes into it.
        runtime_api: bool,
    },
}

impl fmt::Display for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Booted(_, managed) => write!(f, "{}", managed.interpreter.program.display()),
            Self::Host(host) => f.write_str(host.name),
            Self::Empty { .. } => f.write_str("an empty sandbox"),
        }
    }
}

impl Ahead {
    /// The empty sandbox that this function can have.
    pub(crate) fn empty(settings: &Settings) -> Self {
        Self::Empty { runtime_api: !settings.runtime.family().is_server() && settings.server.is_none() }
    }

    /// Whether it takes connections already.
    pub(crate) fn listens(&self) -> bool {
        matches!(self, Self::Host(host) if host.manners.listens_first)
    }

    /// Its sandbox, and the boot in it.
    pub(crate) fn plan(&self, tmp_mib: u32, network: Network) -> (SandboxSpec, Option<Program>) {
        let (mounts, program) = match self {
            Self::Booted(family, managed) => (runtime_mounts(Some(managed)), Some(managed.boot(*family))),
            Self::Host(host) => (host.mounts(), Some(host.program())),
            Self::Empty { .. } => (runtime_mounts(None), None),
        };
        let mut sandbox = bare_sandbox("ebb-stock".into(), mounts, STOCK_MEMORY_MIB, tmp_mib, network);
        if matches!(self, Self::Host(_) | Self::Empty { runtime_api: false }) {
            sandbox.listen = vec![CONTROL_API_PORT];
        }
        (sandbox, program)
    }
}

fn sandbox(spec: &InstanceSpec, managed: Option<&Managed>, network: Network) -> SandboxSpec {
    let settings = &spec.version.settings;
    let mut mounts = runtime_mounts(managed);
    mounts.push(bind(&spec.code, TASK_ROOT));
    if !spec.layers.is_empty() {
        mounts.push(Mount::Merged { layers: spec.layers.clone(), target: LAYERS.into() });
    }
    mounts.extend(state(spec));
    let name = host_name(spec.version.name.as_str());
    bare_sandbox(name, mounts, settings.memory_mib, settings.ephemeral_storage_mib, network)
}

/// The folder that outlives the instance.
fn state(spec: &InstanceSpec) -> Option<Mount> {
    let state = spec.state.as_ref()?;
    Some(Mount::Writable { source: state.path().to_owned(), target: STATE.into() })
}

/// The system, and what runs a managed runtime.
fn runtime_mounts(managed: Option<&Managed>) -> Vec<Mount> {
    let mut mounts = ebb_sandbox::base_system_mounts();
    if let Some(managed) = managed {
        mounts.push(bind(&managed.boot, boots::MOUNTED_AT));
        if let Some((folder, target)) = &managed.sdk {
            mounts.push(bind(folder, target));
        }
        let binds = managed.interpreter.binds.iter();
        mounts.extend(binds.map(|path| Mount::Bind { source: path.clone(), target: path.clone() }));
        mounts.extend(managed.language.names().iter().map(|name| Mount::Symlink {
            points_to: managed.interpreter.program.clone(),
            target: Path::new("/var/lang/bin").join(name),
        }));
    }
    mounts
}

fn bare_sandbox(
    name: String,
    mounts: Vec<Mount>,
    memory_mib: u32,
    tmp_mib: u32,
    network: Network,
) -> SandboxSpec {
    let mebibyte = 1024 * 1024;
    SandboxSpec {
        name,
        mounts,
        tmp_bytes: u64::from(tmp_mib) * mebibyte,
        limits: Limits {
            memory_bytes: u64::from(memory_mib) * mebibyte,
            // Initialisation has the whole machine.
            cpu_millis: None,
            processes: PROCESSES,
            open_files: OPEN_FILES,
        },
        network,
        listen: vec![RUNTIME_API_PORT, CONTROL_API_PORT],
    }
}

/// A host name has at most 64 bytes, and none of the characters that resolvers trip over.
fn host_name(function: &str) -> String {
    let name: String =
        function.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(48).collect();
    format!("ebb-{name}")
}

fn bind(source: &Path, target: &str) -> Mount {
    Mount::Bind { source: source.to_owned(), target: target.into() }
}

fn managed_program(managed: &Managed, spec: &InstanceSpec, mut environment: Environment) -> Program {
    environment.insert(BOOT_VARIABLE.into(), BOOT_DESCRIPTOR.to_string());
    let path = managed.interpreter.program.clone();
    let arguments = managed.language.arguments(spec.version.settings.memory_mib);
    match environment.get(WRAPPER_VARIABLE).cloned() {
        Some(wrapper) => {
            let arguments = std::iter::once(path.display().to_string()).chain(arguments).collect();
            Program { path: wrapper.into(), arguments, environment }
        }
        None => Program { path, arguments, environment },
    }
}

/// `bootstrap` in the package, else in a layer; or what the handler names.
fn custom_program(spec: &InstanceSpec, environment: Environment) -> Result<Program, Report> {
    let settings = &spec.version.settings;
    let name = if settings.runtime.handler_is_program() { settings.handler.as_str() } else { "bootstrap" };
    let in_layers = spec.layers.iter().rev().map(|layer| (layer.join(name), format!("{LAYERS}/{name}")));
    let own = (spec.code.join(name), format!("{TASK_ROOT}/{name}"));
    for (source, path) in std::iter::once(own).chain(in_layers) {
        let Ok(metadata) = fs::metadata(&source) else { continue };
        if metadata.is_dir() {
            continue;
        }
        if metadata.permissions().mode() & 0o111 == 0 {
            return Err(invalid_entrypoint(format!("fork/exec {path}: permission denied")));
        }
        return Ok(Program { path: path.into(), arguments: Vec::new(), environment });
    }
    Err(invalid_entrypoint(format!("Couldn't find valid bootstrap(s): [{TASK_ROOT}/{name} {LAYERS}/{name}]")))
}

/// What is said of a runtime whose program cannot be started. The words are Lambda's.
pub(crate) fn invalid_entrypoint(message: String) -> Report {
    Report { kind: "Runtime.InvalidEntrypoint", message }
}

/// The external extensions of the layers: the files in their `extensions` folders that may be executed.
fn extensions(layers: &[PathBuf]) -> Vec<String> {
    let mut found = BTreeMap::new();
    for layer in layers {
        for entry in fs::read_dir(layer.join("extensions")).into_iter().flatten().flatten() {
            let executable = fs::metadata(entry.path())
                .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0);
            // A later layer's file hides an earlier one of the same name.
            found.insert(entry.file_name().to_string_lossy().into_owned(), executable);
        }
    }
    found.into_iter().filter(|(_, executable)| *executable).map(|(name, _)| name).collect()
}

impl Language {
    /// What its interpreter is called in `/var/lang/bin`.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Node => &["node"],
            Self::Python => &["python3", "python"],
            Self::Java => &["java"],
            Self::Ruby => &["ruby"],
        }
    }

    /// How its interpreter starts its boot.
    fn arguments(self, memory_mib: u32) -> Vec<String> {
        let boot = |name: &str| format!("{}/{name}", boots::MOUNTED_AT);
        match self {
            Self::Node => vec![boot("boot.cjs")],
            // The packages of the interpreter's own installation are the host's: their start-up code is left out.
            Self::Python => vec!["-S".into(), boot("boot.py")],
            Self::Ruby => vec![boot("boot.rb")],
            Self::Java => vec![
                // The machine's memory is what it sees; the instance's is what it has. The rest is for the JVM itself.
                format!("-Xmx{}m", memory_mib * 7 / 10),
                "-XX:+UseSerialGC".into(),
                "-XX:TieredStopAtLevel=1".into(),
                "-Xshare:auto".into(),
                // For the boot itself: see its entry point.
                "--add-opens=java.base/java.io=ALL-UNNAMED".into(),
                "--add-opens=java.base/java.lang=ALL-UNNAMED".into(),
                "--add-opens=java.base/java.util=ALL-UNNAMED".into(),
                "-cp".into(),
                boots::MOUNTED_AT.into(),
                "ebb.boot.Boot".into(),
            ],
        }
    }
}

#[cfg(test)]
mod tests;
