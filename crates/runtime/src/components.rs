//! WebAssembly components: compiled once for each package, and run by a process of their own.
//!
//! Both are done by this very program, executed again inside a sandbox: neither the compiler nor a component ever runs
//! in the server. What the compiler writes is kept in the data folder, by the content of the package and the kind of the
//! engine, and mounted into the instances of that package alone.

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
use crate::plan::Host;

/// Where the program is inside.
pub(crate) const BINARY: &str = "/var/runtime/ebb";
/// Where the compiled component of an instance is. The host of components knows it by this path.
pub(crate) const COMPILED: &str = "/var/runtime/component.cwasm";

/// How long a component may be compiled.
const COMPILE_TIME: Duration = Duration::from_secs(240);
/// What the compiler may use. A component of 13 MB takes a third of it.
const COMPILE_MEMORY_BYTES: u64 = 3 << 30;
/// What is read of what the compiler says.
const SAID_BYTES: u64 = 16 * 1024;
/// Components that are remembered not to compile.
const MOST_REFUSED: usize = 256;
/// How long a compiled component is kept that nobody uses.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How exactly it is known when one was used last.
const USED_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// The programs that the binary is inside of sandboxes, and what their engine is: whoever builds the engine of this
/// crate knows them, which itself knows nothing of WebAssembly.
#[derive(Debug, Clone, Copy)]
pub struct ComponentHost {
    /// The first argument that makes the binary the compiler: the component's path follows, and the machine code goes to
    /// standard output.
    pub compile: &'static str,
    /// The first argument that makes the binary the server of an instance: a boot that listens on the port of servers.
    pub serve: &'static str,
    /// Names the kind of engine that compiled components fit.
    pub compatibility: fn() -> Result<String, String>,
}

/// What runs components.
#[derive(Debug)]
pub(crate) struct Components {
    host: ComponentHost,
    /// This program on the host.
    binary: PathBuf,
    launcher: Launcher,
    /// The folder that the folders of all kinds of engines are in.
    runtimes: PathBuf,
    folder: OnceCell<PathBuf>,
    /// One is compiled at a time: each takes all processors, and a good deal of memory. Holds what is known not to
    /// compile, by where it would be, and why: nobody has to wait for that twice.
    turn: Mutex<HashMap<PathBuf, String>>,
}

impl Components {
    pub(crate) fn new(host: ComponentHost, binary: PathBuf, launcher: Launcher, data: &Path) -> Self {
        let runtimes = data.join("runtimes");
        Self { host, binary, launcher, runtimes, folder: OnceCell::new(), turn: Mutex::default() }
    }

    /// What runs a component that is compiled.
    pub(crate) fn host(&self) -> Host {
        Host { binary: self.binary.clone(), argument: self.host.serve }
    }

    /// The compiled component of a version, which is compiled where that was not done before. `code` is its unpacked
    /// package.
    ///
    /// # Errors
    /// [`Unprepared`]: the package has no such component, it does not compile, or the platform failed.
    pub(crate) async fn compiled(
        &self,
        version: &FunctionVersion,
        code: &Path,
    ) -> Result<PathBuf, Unprepared> {
        let handler = &version.settings.handler;
        let folder = self.folder.get_or_try_init(|| self.open()).await?;
        let key = Digest::of(format!("{}\n{handler}", version.code.digest).as_bytes());
        let place = folder.join(format!("{key}.cwasm"));
        if is_kept(&place) {
            return Ok(place);
        }
        let mut refused = self.turn.lock().await;
        if let Some(why) = refused.get(&place) {
            return Err(Unprepared::Package(why.clone()));
        }
        if !is_kept(&place) {
            let compiled = self.compile(handler, code, &place).await;
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

    /// Makes the folder of this kind of engine, and removes what no engine or function uses any more.
    async fn open(&self) -> Result<PathBuf, Unprepared> {
        let (compatibility, runtimes) = (self.host.compatibility, self.runtimes.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let name = format!("wasm-{}", compatibility().map_err(Unprepared::Platform)?);
            let folder = runtimes.join(&name);
            let kept = |error: io::Error| failed("keeping compiled components", &error);
            fs::create_dir_all(&folder).map_err(kept)?;
            make_readable(&folder).map_err(kept)?;
            remove_old(&runtimes, &name);
            // The launcher does not know the server's working folder.
            folder.canonicalize().map_err(kept)
        });
        opened.await.map_err(|error| failed("opening compiled components", &error))?
    }

    async fn compile(&self, handler: &str, code: &Path, place: &Path) -> Result<(), Unprepared> {
        let inside = Path::new(handler).components().all(|part| matches!(part, Part::Normal(_)));
        if !inside || !code.join(handler).is_file() {
            return Err(Unprepared::Package(format!(
                "{handler}: the package holds no such file; the handler of a component is its path in the package"
            )));
        }
        let new = place.with_extension(format!("new-{}", uuid::Uuid::new_v4().simple()));
        let compiled = async {
            let file = File::create(&new).map_err(|error| failed("keeping a compiled component", &error))?;
            self.run(handler, code, file.into()).await?;
            make_readable(&new)
                .and_then(|()| fs::rename(&new, place))
                .map_err(|error| failed("keeping a compiled component", &error))
        };
        let compiled = compiled.await;
        if compiled.is_err() {
            // Half of one is of no use; what is said is why it is half.
            let _ = fs::remove_file(&new);
        }
        compiled
    }

    /// Runs the compiler in a sandbox of its own.
    async fn run(&self, handler: &str, code: &Path, output: OwnedFd) -> Result<(), Unprepared> {
        let creating = |error| failed("creating a sandbox for the compiler", &error);
        let sandbox = self.launcher.create(self.sandbox(code)).await.map_err(creating)?;
        let (errors, writer) = std::io::pipe().map_err(|error| failed("making a pipe", &error))?;
        let errors =
            pipe::Receiver::from_owned_fd(errors.into()).map_err(|error| failed("reading a pipe", &error))?;
        let command = Command {
            program: BINARY.into(),
            args: vec![self.host.compile.to_owned(), format!("{TASK_ROOT}/{handler}")],
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
        verdict(handler, status.ok(), &String::from_utf8_lossy(&said), &sandbox)
    }

    fn sandbox(&self, code: &Path) -> SandboxSpec {
        let mut mounts = ebb_sandbox::base_system_mounts();
        mounts.push(Mount::Bind { source: self.binary.clone(), target: BINARY.into() });
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
fn verdict(
    handler: &str,
    status: Option<ExitStatus>,
    said: &str,
    sandbox: &Sandbox,
) -> Result<(), Unprepared> {
    let at_fault = |why: String| Err(Unprepared::Package(format!("{handler}: {why}")));
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

/// Removes what other versions of the engine compiled, and what was not used for long. What cannot be removed stays.
fn remove_old(runtimes: &Path, current: &str) {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries(runtimes) {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("wasm-") && name.to_str() != Some(current) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    for entry in entries(&runtimes.join(current)) {
        let age = entry.metadata().and_then(|it| it.modified()).ok().and_then(|at| at.elapsed().ok());
        let is_half = entry.path().extension().is_none_or(|extension| extension != "cwasm");
        if is_half || age.is_some_and(|age| age > KEPT) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_engine_or_function_uses_is_removed() {
        let data = tempfile::tempdir().unwrap();
        let file = |path: &str, age_days: u64| {
            let path = data.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = File::create(path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age_days * 24 * 60 * 60)).unwrap();
        };
        file("wasm-old/a.cwasm", 0);
        file("wasm-now/used.cwasm", 2);
        file("wasm-now/unused.cwasm", 40);
        file("wasm-now/used.new-1", 0);
        file("workerd/x", 40);
        remove_old(data.path(), "wasm-now");
        let exists = |path: &str| data.path().join(path).exists();
        assert!(exists("wasm-now/used.cwasm") && exists("workerd/x"));
        assert!(!exists("wasm-old") && !exists("wasm-now/unused.cwasm") && !exists("wasm-now/used.new-1"));
        let used = data.path().join("wasm-now/used.cwasm");
        assert!(is_kept(&used) && !is_kept(&data.path().join("wasm-now/other.cwasm")));
        assert!(fs::metadata(&used).unwrap().modified().unwrap().elapsed().unwrap() < USED_AGAIN);
    }
}
