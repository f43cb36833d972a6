//! What the package of a worker holds for the platform: said by whoever packs one, read by whoever runs it.

/// The configuration, in the text format of workerd.
pub const CONFIG: &str = ".ebb/worker.capnp";
/// How much processor time one request may use, in milliseconds.
pub const CPU_LIMIT: &str = ".ebb/cpu_ms";
/// A text of the configuration that begins with this stands for the value of the environment's variable whose name follows.
pub const VARIABLE: &str = "ebb-environment:";
