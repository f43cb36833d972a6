//! The runtimes whose instances are servers that the platform brings: `workerd`.
//!
//! The instance's program is this same binary, which watches the server (`watchdog.rs`).

use std::path::{Path, PathBuf};

use ebb_invoker::Unavailable;
use ebb_model::{RuntimeFamily, RuntimeName};

use crate::environment::TASK_ROOT;
use crate::{sdk, watchdog};

/// What the binary is called inside.
const BINARY: &str = "/var/runtime/ebb";
/// Where the program of workers is inside.
const WORKERD: &str = "/var/runtime/workerd";
/// The name that `ebb runtimes add` knows it by.
const WORKERD_NAME: &str = "workerd";
/// The configuration of a worker, and its limit of processor time, in its package.
const WORKER_CONFIG: &str = ".ebb/worker.capnp";
const WORKER_LIMIT: &str = ".ebb/cpu_ms";
/// Where the servers listen for what only the platform reaches.
const EVENT_PORT: u16 = 8081;

/// What runs such a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Served {
    /// The program, inside.
    pub(crate) program: PathBuf,
    /// The arguments that make it the server, watched.
    pub(crate) arguments: Vec<String>,
    /// What it needs of the host, and where.
    pub(crate) binds: Vec<(PathBuf, PathBuf)>,
}

/// Whether a runtime is one of these.
pub(crate) fn is_served(family: RuntimeFamily) -> bool {
    matches!(family, RuntimeFamily::Workerd)
}

/// What runs `runtime`; none where it is another kind of runtime. `binary` is this program on the host.
///
/// # Errors
/// [`Unavailable`] where workerd is not installed in the data folder.
pub(crate) fn served(
    runtime: RuntimeName,
    data: &Path,
    binary: &Path,
) -> Result<Option<Served>, Unavailable> {
    let own = (binary.to_owned(), PathBuf::from(BINARY));
    let in_package = |name: &str| format!("{TASK_ROOT}/{name}");
    let (arguments, binds) = match runtime.family() {
        RuntimeFamily::Workerd => {
            let program = workerd(data).ok_or_else(|| Unavailable {
                runtime,
                missing: "workerd is not installed".into(),
                hint: format!("Install it with `ebb runtimes add {WORKERD_NAME}`"),
            })?;
            let watched = vec![
                watchdog::ARGUMENT.to_owned(),
                EVENT_PORT.to_string(),
                in_package(WORKER_LIMIT),
                WORKERD.into(),
                "serve".into(),
                "--experimental".into(),
                in_package(WORKER_CONFIG),
            ];
            (watched, vec![own, (program, PathBuf::from(WORKERD))])
        }
        _ => return Ok(None),
    };
    Ok(Some(Served { program: BINARY.into(), arguments, binds }))
}

/// The program of workers, where it is installed. The data folder may be given relative to the working folder, which the
/// launcher does not know.
fn workerd(data: &Path) -> Option<PathBuf> {
    sdk::program(WORKERD_NAME, data)?.canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_workers_are_served_and_they_need_their_program() {
        let data = tempfile::tempdir().unwrap();
        let of = |name: &str| served(RuntimeName::parse(name).unwrap(), data.path(), Path::new("/ebb"));
        assert_eq!(of("nodejs20.x").unwrap(), None);
        let missing = of("workerd").unwrap_err();
        assert!(missing.hint.contains("ebb runtimes add workerd"), "{missing:?}");
    }
}
