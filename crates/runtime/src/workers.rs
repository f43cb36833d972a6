//! Workers: functions that workerd runs, watched by this program (`watchdog.rs`).
//!
//! The configuration of a worker, with all of its modules, is compiled once for each package: workerd can then be started
//! before it has a worker, and gets it over its standard input.

use std::path::{Path, PathBuf};

use ebb_invoker::Unavailable;
use ebb_model::{Digest, RuntimeName, worker_package};
use ebb_sandbox::Launcher;

use crate::compiled::{Compiled, Compiler, Version};
use crate::host::{Host, Hosted, Manners};
use crate::{sdk, watchdog};

/// The name that `ebb runtimes add` knows workerd by.
const NAME: &str = "workerd";
/// Where it is inside.
const PROGRAM: &str = "/var/runtime/workerd";
/// Where the configuration of an instance is, compiled. The watchdog is told.
const COMPILED: &str = "/var/runtime/worker.bin";
/// Where workers listen for what only the platform reaches.
const EVENT_PORT: u16 = 8081;

/// What runs workers, and what their configurations are compiled to, for a server with this data folder. `binary` is this
/// program on the host.
///
/// # Errors
/// [`Unavailable`] where workerd is not installed in the data folder.
pub(crate) fn workers(
    runtime: RuntimeName,
    data: &Path,
    binary: PathBuf,
    launcher: Launcher,
) -> Result<Hosted, Unavailable> {
    let program = workerd(data).ok_or_else(|| missing(runtime))?;
    let compiler = Compiler {
        name: "worker",
        // The folder of an installation is named after its version.
        version: Version::Known(Digest::of(program.as_os_str().as_encoded_bytes()).to_string()),
        program: (program.clone(), PROGRAM),
        arguments: vec!["compile", "--config-only"],
        missing: "workers are deployed with `ebb deploy`",
    };
    let arguments = [watchdog::ARGUMENT, &EVENT_PORT.to_string(), COMPILED, PROGRAM].map(str::to_owned);
    let host = Host {
        name: "the host of workers",
        binary,
        arguments: arguments.into(),
        program: Some((program, PROGRAM)),
        compiled: COMPILED,
        manners: Manners { event_port: Some(EVENT_PORT), ..Manners::default() },
    };
    Ok(Hosted { host, compiled: Compiled::new(compiler, launcher, data), file: Some(worker_package::CONFIG) })
}

fn missing(runtime: RuntimeName) -> Unavailable {
    let hint = format!("Install it with `ebb runtimes add {NAME}`");
    Unavailable { runtime, missing: "workerd is not installed".into(), hint }
}

/// The program, where it is installed. The data folder may be given relative to the working folder, which the launcher does
/// not know.
fn workerd(data: &Path) -> Option<PathBuf> {
    sdk::program(NAME, data)?.canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_workerd_it_is_said_how_to_get_it() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(workerd(data.path()), None);
        let missing = missing(RuntimeName::parse("workerd").unwrap());
        assert!(missing.hint.contains("ebb runtimes add workerd"), "{missing:?}");
    }
}
