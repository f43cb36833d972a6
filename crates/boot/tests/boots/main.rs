//! The boots of `runtimes/`, run as they are by the interpreters of this machine and driven through the codec.
//!
//! No sandbox: the function's folder is a temporary one. Where an interpreter is missing, its tests say so and pass.

mod harness;
mod java;
mod node;
mod python;
mod ruby;
