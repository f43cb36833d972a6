//! A component that is ready to be instantiated, with all that its instances share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;
use wasmtime::ResourcesRequired;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::budget::Budget;
use crate::engine::{MOST_INSTANCES, MOST_MEMORIES};
use crate::epoch::Epoch;
use crate::output::Sink;
use crate::spin;
use crate::state::{self, State};

/// Tells the memory of the function, in MiB. Source: the Lambda developer guide, "Defined runtime environment variables".
const MEMORY_VARIABLE: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
/// The memory of a function that does not say, in MiB.
const MEMORY_MIB: usize = 128;
/// How much larger an instance is taken to become than it begins.
const GROWTH: usize = 2;
const PAGE_BYTES: usize = 64 * 1024;

/// The function of this process.
pub(crate) struct Loaded {
    pub(crate) component: ProxyPre<State>,
    /// What else it has where it is a Spin application's.
    pub(crate) spin: Option<Arc<spin::Component>>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) budget: Budget,
    /// Places for instances: as many as fit the function's memory. Requests beyond them wait.
    pub(crate) places: Arc<Semaphore>,
    /// How many places there are.
    #[cfg(test)]
    pub(crate) most: usize,
    pub(crate) epoch: Epoch,
    pub(crate) output: Sink,
}

impl Loaded {
    /// Maps what [`crate::compile`] made of a component for this very function, whose package is in `root`.
    ///
    /// # Errors
    /// Where the file was made by another version of the engine, or cannot be read.
    pub(crate) fn from_file(
        linker: &Linker<State>,
        path: &Path,
        root: &Path,
        mut environment: BTreeMap<String, String>,
        epoch: Epoch,
        output: Sink,
    ) -> wasmtime::Result<Self> {
        let component = map(linker, path)?;
        let spin = spin::Component::read(root, &mut environment)?.map(Arc::new);
        let memory = environment.get(MEMORY_VARIABLE).and_then(|mib| mib.parse().ok()).unwrap_or(MEMORY_MIB);
        let budget = Budget::of(memory);
        let places = places(component.resources_required(), budget.bytes());
        Ok(Self {
            spin,
            component: state::linked(linker, &component)?,
            environment: environment.into_iter().collect(),
            budget,
            places: Arc::new(Semaphore::new(places)),
            #[cfg(test)]
            most: places,
            epoch,
            output,
        })
    }
}

#[expect(unsafe_code, reason = "machine code is taken from a file; the block says why it may be")]
fn map(linker: &Linker<State>, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file must be what this engine wrote, and must not change while it is mapped. It was made by
    // `compile` in a sandbox, is kept by the server under the name of the package's content and of the engine, and is
    // mounted read-only. Where the compiler was made to write something else, that runs here: in the sandbox of the one
    // function whose package did it.
    unsafe { Component::deserialize_file(linker.engine(), path) }
}

/// How many instances fit the function's memory.
fn places(required: Option<ResourcesRequired>, bytes: usize) -> usize {
    let Some(required) = required else { return 1 };
    let memories = required.num_memories as usize;
    let first = usize::try_from(required.max_initial_memory_size.unwrap_or(0)).unwrap_or(usize::MAX);
    // The largest stands for each: adapters have a page or two.
    let each = first.saturating_mul(PAGE_BYTES).saturating_mul(GROWTH).max(PAGE_BYTES);
    let of_pool = MOST_MEMORIES as usize / memories.max(1);
    (bytes / each).min(MOST_INSTANCES as usize).min(of_pool).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_instances_run_as_fit_the_memory() {
        let check = |memories: u32, pages: u64, mib: usize, expected: usize| {
            let required = ResourcesRequired {
                num_memories: memories,
                max_initial_memory_size: Some(pages),
                num_tables: 1,
                max_initial_table_size: None,
            };
            assert_eq!(places(Some(required), mib * 1024 * 1024), expected, "{memories} {pages} {mib}");
        };
        // A component of Rust, and one with an interpreter in it.
        check(1, 17, 512, 128);
        check(2, 17, 64, 30);
        check(2, 160, 512, 25);
        check(8, 1, 512, 32);
        // However large it is, one runs.
        check(1, 4096, 128, 1);
        check(0, 0, 128, 128);
        assert_eq!(places(None, 1 << 30), 1);
    }
}
