//! What is deployed, at one moment.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use ebb_model::{Function, FunctionName, FunctionUrl, LayerName, LayerVersion, Qualifier};

/// Parts of a [`Shards`]: a change copies one part and the list of parts, about 40 + 256 pointers at 10,000 entries.
const PARTS: usize = 256;

/// A map that is cheap to copy with one entry changed, because the copy shares all but one of its parts.
#[derive(Debug)]
pub struct Shards<K, V> {
    parts: Vec<Arc<HashMap<K, V>>>,
    hasher: RandomState,
    len: usize,
}

impl<K, V> Clone for Shards<K, V> {
    fn clone(&self) -> Self {
        Self { parts: self.parts.clone(), hasher: self.hasher.clone(), len: self.len }
    }
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let empty = Arc::new(HashMap::new());
        Self { parts: vec![empty; PARTS], hasher: RandomState::new(), len: 0 }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Shards<K, V> {
    fn part<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        usize::try_from(self.hasher.hash_one(key) % PARTS as u64).unwrap_or(0)
    }

    /// The value of `key`.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.parts[self.part(key)].get(key)
    }

    /// Whether there is a value of `key`.
    pub fn contains_key<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    /// All keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, key: K, value: V) {
        let part = self.part(&key);
        if Arc::make_mut(&mut self.parts[part]).insert(key, value).is_none() {
            self.len += 1;
        }
    }

    /// Takes `key` out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let part = self.part(key);
        let removed = Arc::make_mut(&mut self.parts[part]).remove(key);
        self.len -= usize::from(removed.is_some());
        removed
    }
}

/// A layer: its versions that were not deleted.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Its name.
    pub name: LayerName,
    /// Versions by number.
    pub versions: BTreeMap<u64, Arc<LayerVersion>>,
    /// The number that the next version gets; never reused.
    pub next_version: u64,
}

/// Everything deployed, at one moment.
#[derive(Debug, Default, Clone)]
pub struct Snapshot {
    /// Functions by name.
    pub functions: Shards<FunctionName, Arc<Function>>,
    /// Layers by name.
    pub layers: Shards<LayerName, Arc<Layer>>,
    urls: Shards<String, (FunctionName, Qualifier)>,
}

impl Snapshot {
    /// The function of this name.
    #[must_use]
    pub fn function(&self, name: &FunctionName) -> Option<&Arc<Function>> {
        self.functions.get(name)
    }

    /// The function URL with this id: its function, what it invokes (`$LATEST` for the unqualified function) and its
    /// settings.
    #[must_use]
    pub fn url(&self, id: &str) -> Option<(Arc<Function>, Qualifier, FunctionUrl)> {
        let (name, qualifier) = self.urls.get(id)?;
        let function = self.functions.get(name)?;
        let url = function.urls.get(qualifier)?;
        Some((function.clone(), qualifier.clone(), url.clone()))
    }

    /// Puts a function in the place of the one of its name, or takes that one out.
    pub(super) fn set_function(&mut self, name: &FunctionName, function: Option<Arc<Function>>) {
        if let Some(old) = self.functions.get(name).cloned() {
            for url in old.urls.values() {
                self.urls.remove(&url.id);
            }
        }
        match function {
            Some(function) => {
                for (qualifier, url) in &function.urls {
                    self.urls.insert(url.id.clone(), (name.clone(), qualifier.clone()));
                }
                self.functions.insert(name.clone(), function);
            }
            None => {
                self.functions.remove(name);
            }
        }
    }

    /// Puts a layer in the place of the one of its name.
    pub(super) fn set_layer(&mut self, layer: Arc<Layer>) {
        self.layers.insert(layer.name.clone(), layer);
    }
}
