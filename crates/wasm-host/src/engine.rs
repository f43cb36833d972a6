//! The engine: one configuration for compiling and for running, since compiled components fit only engines of their
//! own kind.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

/// Instances that are alive at one time at most: what the pools of memories, tables and stacks are laid out for. They
/// take address space, not memory.
pub(crate) const MOST_INSTANCES: u32 = 128;
/// Linear memories of all instances together: a component and the adapters in it often have one each.
pub(crate) const MOST_MEMORIES: u32 = 2 * MOST_INSTANCES;
const MOST_TABLES: u32 = 4 * MOST_INSTANCES;
const MOST_CORE_INSTANCES: u32 = 16 * MOST_INSTANCES;
/// Entries of one table: an interpreter that was compiled to WebAssembly has tens of thousands of functions.
const TABLE_ENTRIES: usize = 200_000;
/// What of a memory stays in place for the next instance: to clear so much by hand is cheaper than to give it back.
const KEPT_BYTES: usize = 256 * 1024;

/// The engine that runs components.
pub(crate) fn running() -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(MOST_INSTANCES)
        .total_core_instances(MOST_CORE_INSTANCES)
        .total_memories(MOST_MEMORIES)
        .total_tables(MOST_TABLES)
        .total_stacks(MOST_INSTANCES)
        .table_elements(TABLE_ENTRIES)
        .linear_memory_keep_resident(KEPT_BYTES)
        .table_keep_resident(KEPT_BYTES);
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// The engine that compiles them.
pub(crate) fn compiling() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// Names the kind of engine that compiled components fit: changes with the version of the engine, its settings and the
/// processor.
///
/// # Errors
/// Where this machine has no engine; says why.
pub fn compatibility() -> Result<String, String> {
    let engine = compiling().map_err(|error| format!("{error:#}"))?;
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .cranelift_opt_level(OptLevel::Speed)
        // A busy component gives way to the others now and then: see `epoch.rs`.
        .epoch_interruption(true)
        // Memories begin as private mappings of the compiled component's own file.
        .memory_init_cow(true);
    config
}
