//! What is deployed: functions, versions, aliases, layers. An immutable snapshot in memory, swapped whole after each
//! committed change; the one place where these are validated and changed.

use std::collections::HashMap;
use std::sync::Arc;

use ebb_model::{Function, FunctionName};

/// Everything deployed, at one moment.
#[derive(Debug, Default, Clone)]
pub struct Snapshot {
    /// Functions by name.
    pub functions: HashMap<FunctionName, Arc<Function>>,
}

/// The handle to what is deployed.
#[derive(Debug, Clone)]
pub struct Catalog {}

impl Catalog {
    /// What is deployed now; cheap.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        unimplemented!()
    }

    /// Wakes after each change of the snapshot.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        unimplemented!()
    }
}
