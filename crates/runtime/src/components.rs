//! WebAssembly components: compiled once for each package, and run by a process of their own.
//!
//! Both are done by this very program, executed again inside a sandbox: neither the compiler nor a component ever runs
//! in the server.

use std::path::{Path, PathBuf};

use ebb_sandbox::Launcher;

use crate::compiled::{Compiled, Compiler, Version};
use crate::host::{Host, Hosted, Manners};

/// Where the compiled component of an instance is. The host of components knows it by this path.
const COMPILED: &str = "/var/runtime/component.cwasm";

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

/// What runs components, and what they are compiled to. `binary` is this program on the host.
pub(crate) fn components(host: ComponentHost, binary: PathBuf, launcher: Launcher, data: &Path) -> Hosted {
    let compiler = Compiler {
        name: "wasm",
        version: Version::Asked(host.compatibility),
        program: (binary.clone(), Host::BINARY),
        arguments: vec![host.compile],
        missing: "the handler of a component is its path in the package",
    };
    let host = Host {
        name: "the host of components",
        binary,
        arguments: vec![host.serve.to_owned()],
        program: None,
        compiled: COMPILED,
        manners: Manners { trailers: true, listens_first: true, event_port: None },
    };
    Hosted { host, compiled: Compiled::new(compiler, launcher, data), file: None }
}
