//! The pool of every version that was invoked or is kept warm.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ebb_model::{Function, FunctionName, FunctionVersion, Version};

use super::pool::Pool;
use crate::Shared;
use crate::catalog::Snapshot;
use crate::resolve::Resolved;

type Key = (FunctionName, Version);

/// All pools, by version.
#[derive(Default)]
pub(crate) struct Pools {
    // Read for a lookup on each invocation, written when a version is first used, replaced or deleted.
    by_version: RwLock<HashMap<Key, Arc<Pool>>>,
}

impl Pools {
    /// The pool for an invocation.
    pub(crate) fn of(&self, shared: &Shared, resolved: &Resolved) -> Arc<Pool> {
        self.of_version(shared, &resolved.function, &resolved.version)
    }

    /// The pool of one version, made on first use. The pool of an older state of `$LATEST` is retired.
    pub(crate) fn of_version(
        &self,
        shared: &Shared,
        function: &Function,
        version: &Arc<FunctionVersion>,
    ) -> Arc<Pool> {
        let key = (function.name.clone(), version.version);
        let known = self.by_version.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(pool) = known.filter(|pool| serves(pool, version)) {
            return pool;
        }
        let (pool, replaced) = {
            let mut pools = self.by_version.write().unwrap_or_else(PoisonError::into_inner);
            match pools.get(&key) {
                Some(pool) if serves(pool, version) => (pool.clone(), None),
                _ => {
                    let made = shared.pool(function, version);
                    let replaced = pools.insert(key, made.clone());
                    (made, replaced)
                }
            }
        };
        if let Some(replaced) = replaced {
            replaced.retire();
        }
        pool
    }

    /// Retires the pools of versions that were deleted or replaced.
    pub(crate) fn follow(&self, snapshot: &Snapshot) {
        let mut gone = Vec::new();
        self.by_version.write().unwrap_or_else(PoisonError::into_inner).retain(|(name, version), pool| {
            let current = snapshot.functions.get(name).and_then(|function| current(function, *version));
            let keep = current.is_some_and(|current| serves(pool, current));
            if !keep {
                gone.push(pool.clone());
            }
            keep
        });
        for pool in gone {
            pool.retire();
        }
    }

    /// Every pool.
    pub(crate) fn all(&self) -> Vec<Arc<Pool>> {
        self.by_version.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

fn current(function: &Function, version: Version) -> Option<&Arc<FunctionVersion>> {
    match version {
        Version::Latest => Some(&function.latest),
        Version::Published(number) => function.versions.get(&number),
    }
}

/// Whether instances of `pool` may run `version`: the same code with the same configuration, updated at the same
/// time. What only describes the version, such as its state, may differ. An invocation that resolved before an update
/// may run after it, and gets the newer instances.
fn serves(pool: &Pool, version: &Arc<FunctionVersion>) -> bool {
    let own = &pool.version;
    Arc::ptr_eq(own, version)
        || own.last_modified > version.last_modified
        || (own.last_modified == version.last_modified
            && own.code == version.code
            && own.settings == version.settings)
}
