//! What compilers make of packages: once for each package, in a sandbox, since neither they nor what they read are
//! trusted. It is kept in the data folder, by the content of the package and the version of the compiler, and mounted into
//! the instances of that package alone.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component as Part, Path, PathBuf};
use std::time::{Duration, SystemTime};

use ebb_invoker::Unprepared;
use ebb_model::{Digest, FunctionVersion};
use ebb_sandbox::{Command, ExitStatus, Launcher, Limits, Mount, Network, Sandbox, SandboxSpec};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::timeout;

use crate::boots::make_readable;
use crate::environment::TASK_ROOT;

/// How long a file may be compiled.
const COMPILE_TIME: Duration = Duration::from_secs(240);
/// What a compiler may use. A component of 13 MB takes a third of it.
const COMPILE_MEMORY_BYTES: u64 = 3 << 30;
/// What is read of what a compiler says.
const SAID_BYTES: u64 = 16 * 1024;
/// Files that are remembered not to compile.
const MOST_REFUSED: usize = 256;
/// How long what was compiled is kept that nobody uses.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How exactly it is known when it was used last.
const USED_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);
/// The extension of what is kept.
const EXTENSION: &str = "compiled";

/// A program that compiles a file, whose path is its last argument, to its standard output. Where the file is at fault it
/// says why on its standard error, and ends with 1.
#[derive(Debug)]
pub(crate) struct Compiler {
    /// The first part of the names of folders with what it made.
    pub(crate) name: &'static str,
    /// Names its version, since what another made is of no use. Blocks.
    pub(crate) version: Version,
    /// Where it is on the host, and inside.
    pub(crate) program: (PathBuf, &'static str),
    /// What comes before the path.
    pub(crate) arguments: Vec<&'static str>,
    /// What is said where the file is not in the package.
    pub(crate) missing: &'static str,
}

/// How the version of a compiler is known.
#[derive(Debug, Clone)]
pub(crate) enum Version {
    /// It is this.
    Known(String),
    /// It is asked.
    Asked(fn() -> Result<String, String>),
}

/// What one compiler made.
#[derive(Debug)]
pub(crate) struct Compiled {
    compiler: Compiler,
    launcher: Launcher,
    /// The folder that the folders of all compilers are in.
    runtimes: PathBuf,
    folder: OnceCell<PathBuf>,
    /// One file is compiled at a time: each takes all processors, and a good deal of memory. Holds what is known not to
    /// compile, by where it would be, and why: nobody has to wait for that twice.
    turn: Mutex<HashMap<PathBuf, String>>,
}

impl Compiled {
    /// Of a server with this data folder.
    pub(crate) fn new(compiler: Compiler, launcher: Launcher, data: &Path) -> Self {
        let runtimes = data.join("runtimes");
        Self { compiler, launcher, runtimes, folder: OnceCell::new(), turn: Mutex::default() }
    }

    /// What is made of a file of a version's package, which is done now where it was not before. `code` is the unpacked
    /// package.
    ///
    /// # Errors
    /// [`Unprepared`]: the package has no such file, it does not compile, or the platform failed.
    pub(crate) async fn of(
        &self,
        version: &FunctionVersion,
        code: &Path,
        file: &str,
    ) -> Result<PathBuf, Unprepared> {
        let folder = self.folder.get_or_try_init(|| self.open()).await?;
        let key = Digest::of(format!("{}\n{file}", version.code.digest).as_bytes());
        let place = folder.join(format!("{key}.{EXTENSION}"));
        if is_kept(&place) {
            return Ok(place);
        }
        let mut refused = self.turn.lock().await;
        if let Some(why) = refused.get(&place) {
            return Err(Unprepared::Package(why.clone()));
        }
        if !is_kept(&place) {
            let compiled = self.compile(file, code, &place).await;
            if let Err(Unprepared::Package(why)) = &compiled {
                if refused.len() >= MOST_REFUSED {
                    refused.clear();
                }
                refused.insert(place.clone(), why.clone());
            }
            compiled?;
        }
        Ok(place)
    }

    /// Makes the folder of this version of the compiler, and removes what nobody uses any more.
    async fn open(&self) -> Result<PathBuf, Unprepared> {
        let (name, version) = (self.compiler.name, self.compiler.version.clone());
        let runtimes = self.runtimes.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let version = match version {
                Version::Known(version) => version,
                Version::Asked(ask) => ask().map_err(Unprepared::Platform)?,
            };
            let folder = runtimes.join(format!("{name}-{version}"));
            let kept = |error: io::Error| failed("keeping what is compiled", &error);
            fs::create_dir_all(&folder).map_err(kept)?;
            make_readable(&folder).map_err(kept)?;
            remove_old(&runtimes, name, &version);
            // The launcher does not know the server's working folder.
            folder.canonicalize().map_err(kept)
        });
        opened.await.map_err(|error| failed("opening what is compiled", &error))?
    }

    async fn compile(&self, file: &str, code: &Path, place: &Path) -> Result<(), Unprepared> {
        let inside = Path::new(file).components().all(|part| matches!(part, Part::Normal(_)));
        if !inside || !code.join(file).is_file() {
            return Err(Unprepared::Package(format!(
                "{file}: the package holds no such file; {}",
                self.compiler.missing
            )));
        }
        let new = place.with_extension(format!("new-{}", uuid::Uuid::new_v4().simple()));
        let compiled = async {
            let output = File::create(&new).map_err(|error| failed("keeping what is compiled", &error))?;
            self.run(file, code, output.into()).await?;
            make_readable(&new)
                .and_then(|()| fs::rename(&new, place))
                .map_err(|error| failed("keeping what is compiled", &error))
        };
        let compiled = compiled.await;
        if compiled.is_err() {
            // Half of it is of no use; what is said is why it is half.
            let _ = fs::remove_file(&new);
        }
        compiled
    }

    /// Runs the compiler in a sandbox of its own.
    async fn run(&self, file: &str, code: &Path, output: OwnedFd) -> Result<(), Unprepared> {
        let creating = |error| failed("creating a sandbox for the compiler", &error);
        let sandbox = self.launcher.create(self.sandbox(code)).await.map_err(creating)?;
        let (errors, writer) = std::io::pipe().map_err(|error| failed("making a pipe", &error))?;
        let errors =
            pipe::Receiver::from_owned_fd(errors.into()).map_err(|error| failed("reading a pipe", &error))?;
        let arguments = self.compiler.arguments.iter().map(|argument| (*argument).to_owned());
        let command = Command {
            program: self.compiler.program.1.into(),
            args: arguments.chain([format!("{TASK_ROOT}/{file}")]).collect(),
            env: Vec::new(),
            directory: "/".into(),
            descriptors: vec![(output, 1), (writer.into(), 2)],
        };
        let starting = |error| failed("starting the compiler", &error);
        let process = sandbox.spawn(command).await.map_err(starting)?;
        let mut said = Vec::new();
        let reading = async {
            // What cannot be read is not said.
            let _ = errors.take(SAID_BYTES).read_to_end(&mut said).await;
            process.wait().await
        };
        let status = timeout(COMPILE_TIME, reading).await;
        verdict(file, status.ok(), &String::from_utf8_lossy(&said), &sandbox)
    }

    fn sandbox(&self, code: &Path) -> SandboxSpec {
        let (program, inside) = &self.compiler.program;
        let mut mounts = ebb_sandbox::base_system_mounts();
        mounts.push(Mount::Bind { source: program.clone(), target: inside.into() });
        mounts.push(Mount::Bind { source: code.to_owned(), target: TASK_ROOT.into() });
        SandboxSpec {
            name: "ebb-compile".into(),
            mounts,
            tmp_bytes: 1 << 20,
            limits: Limits {
                memory_bytes: COMPILE_MEMORY_BYTES,
                cpu_millis: None,
                processes: 256,
                open_files: 64,
            },
            network: Network::Loopback,
            listen: Vec::new(),
        }
    }
}

/// What the end of the compiler means; none where it did not end in time.
fn verdict(file: &str, status: Option<ExitStatus>, said: &str, sandbox: &Sandbox) -> Result<(), Unprepared> {
    let at_fault = |why: String| Err(Unprepared::Package(format!("{file}: {why}")));
    match status {
        Some(ExitStatus::Code(0)) => Ok(()),
        Some(ExitStatus::Code(1)) => at_fault(said.trim().to_owned()),
        None => at_fault(format!("it takes more than {} s to compile", COMPILE_TIME.as_secs())),
        Some(_) if sandbox.usage().out_of_memory_kills > 0 => {
            at_fault(format!("it takes more than {} GB of memory to compile", COMPILE_MEMORY_BYTES >> 30))
        }
        Some(status) => Err(failed("compiling", &format!("the compiler ended with {status:?}: {said}"))),
    }
}

fn failed(action: &str, error: &dyn std::fmt::Display) -> Unprepared {
    Unprepared::Platform(format!("{action}: {error}"))
}

/// Whether it is there; notes that it is used.
fn is_kept(place: &Path) -> bool {
    let Ok(metadata) = fs::metadata(place) else { return false };
    let age = metadata.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
    if age > USED_AGAIN {
        // Where it cannot be noted, it is compiled again in a month.
        let _ =
            File::options().append(true).open(place).and_then(|file| file.set_modified(SystemTime::now()));
    }
    true
}

/// Removes what other versions of the compiler made, and what was not used for long. What cannot be removed stays.
fn remove_old(runtimes: &Path, compiler: &str, version: &str) {
    let (prefix, current) = (format!("{compiler}-"), format!("{compiler}-{version}"));
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries(runtimes) {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(&prefix) && name.to_str() != Some(&current) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    for entry in entries(&runtimes.join(current)) {
        let age = entry.metadata().and_then(|it| it.modified()).ok().and_then(|at| at.elapsed().ok());
        let is_half = entry.path().extension().is_none_or(|extension| extension != EXTENSION);
        if is_half || age.is_some_and(|age| age > KEPT) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_compiler_or_function_uses_is_removed() {
        let data = tempfile::tempdir().unwrap();
        let file = |path: &str, age_days: u64| {
            let path = data.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = File::create(path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age_days * 24 * 60 * 60)).unwrap();
        };
        file("wasm-old/a.compiled", 0);
        file("wasm-now/used.compiled", 2);
        file("wasm-now/unused.compiled", 40);
        file("wasm-now/used.new-1", 0);
        file("workerd-1/x", 40);
        remove_old(data.path(), "wasm", "now");
        let exists = |path: &str| data.path().join(path).exists();
        assert!(exists("wasm-now/used.compiled") && exists("workerd-1/x"));
        assert!(!exists("wasm-old") && !exists("wasm-now/unused.compiled") && !exists("wasm-now/used.new-1"));
        let used = data.path().join("wasm-now/used.compiled");
        assert!(is_kept(&used) && !is_kept(&data.path().join("wasm-now/other.compiled")));
        assert!(fs::metadata(&used).unwrap().modified().unwrap().elapsed().unwrap() < USED_AGAIN);
    }
}
