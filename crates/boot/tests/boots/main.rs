//! The boots of `runtimes/`, run as they are by the interpreters of this machine and driven through the codec.
//!
//! No sandbox: the function's folder is a temporary one. Where an interpreter is missing, its tests say so and pass.

#[cfg(test)]
mod harness;
#[cfg(test)]
mod java;
#[cfg(test)]
mod node;
#[cfg(test)]
mod python;
#[cfg(test)]
mod ruby;
