//! Hosts: this very program inside instances, as a boot that is a server too.

use std::path::{Path, PathBuf};

use ebb_invoker::Unprepared;
use ebb_model::FunctionVersion;
use ebb_sandbox::Mount;

use crate::compiled::Compiled;
use crate::plan::{BOOT_DESCRIPTOR, BOOT_VARIABLE, Program};

/// What runs the functions of one kind, and can be started before it has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Host {
    /// What it is called, for people.
    pub(crate) name: &'static str,
    /// This program on the host.
    pub(crate) binary: PathBuf,
    /// What makes it this host.
    pub(crate) arguments: Vec<String>,
    /// Another program that it starts: where that is on the host, and inside.
    pub(crate) program: Option<(PathBuf, &'static str)>,
    /// Where it finds what was compiled of its function.
    pub(crate) compiled: &'static str,
    /// How its functions get their events, and answer.
    pub(crate) manners: Manners,
}

/// In what servers differ that the platform brings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Manners {
    /// Whether it says behind what it answered until then that, and how, the function failed.
    pub(crate) trailers: bool,
    /// Whether it takes connections before it has its function.
    pub(crate) listens_first: bool,
    /// Where it gets events that are no requests; at the port of requests where it has no other for them.
    pub(crate) event_port: Option<u16>,
}

impl Host {
    /// Where this program is inside.
    pub(crate) const BINARY: &str = "/var/runtime/ebb";

    pub(crate) fn program(&self) -> Program {
        let environment = [("LANG", "C.UTF-8".to_owned()), (BOOT_VARIABLE, BOOT_DESCRIPTOR.to_string())];
        Program {
            path: Self::BINARY.into(),
            arguments: self.arguments.clone(),
            environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    /// The system, itself, and what it starts.
    pub(crate) fn mounts(&self) -> Vec<Mount> {
        let bind =
            |source: &PathBuf, target: &str| Mount::Bind { source: source.clone(), target: target.into() };
        let mut mounts = ebb_sandbox::base_system_mounts();
        mounts.push(bind(&self.binary, Self::BINARY));
        mounts.extend(self.program.iter().map(|(source, target)| bind(source, target)));
        mounts
    }
}

/// A host, and what its functions are compiled to.
#[derive(Debug)]
pub(crate) struct Hosted {
    pub(crate) host: Host,
    pub(crate) compiled: Compiled,
    /// What is compiled; where none, what the handler names.
    pub(crate) file: Option<&'static str>,
}

impl Hosted {
    /// What a version is compiled to, which is done now where it was not before. `code` is its unpacked package.
    ///
    /// # Errors
    /// As [`Compiled::of`].
    pub(crate) async fn compiled(
        &self,
        version: &FunctionVersion,
        code: &Path,
    ) -> Result<PathBuf, Unprepared> {
        self.compiled.of(version, code, self.file.unwrap_or(&version.settings.handler)).await
    }
}
