//! Many patterns at once, at a cost that grows with the event and with what matches, not with the patterns that do not.
//!
//! Each pattern is filed under one *access test*, the rarest among those that it cannot match without: a value that a
//! field must have, or what it must begin or end with, a span of numbers or a network that it lies in. An event looks up
//! its own values and checks in full only the patterns that it finds there. Source: Fabret et al., "Filtering Algorithms and Implementation for Very Fast
//! Publish/Subscribe Systems", SIGMOD 2001 (access predicates).

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::cidr::Cidr;
use super::span::{Span, cover};
use super::test::{Test, TextTest, fold};
use super::{Field, Leaf, Node, Pattern};

/// A set of patterns, each under a key.
#[derive(Debug, Clone)]
pub struct PatternIndex<K> {
    patterns: HashMap<K, Filed>,
    root: Level<K>,
    /// Those that an event may match by what it lacks.
    unfiled: BTreeSet<K>,
    /// How many patterns could be filed under each access test: says which is rare.
    uses: HashMap<Access, usize>,
}

#[derive(Debug, Clone)]
struct Filed {
    pattern: Pattern,
    under: Option<Vec<Access>>,
}

/// A way to find a pattern by a value of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Access {
    path: Vec<String>,
    key: Key,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Text(String),
    /// The bits of the number as a float.
    Number(u64),
    Boolean(bool),
    Null,
    Folded(String),
    Prefix(String),
    Suffix(String),
    FoldedPrefix(String),
    FoldedSuffix(String),
    Span(Span),
    Network(Cidr),
    /// Whatever it is.
    Present,
}

/// Keys that a value is looked up under in several lengths, or in another form: whether there are any, and which lengths
/// they have, is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shape {
    Folded,
    Prefix,
    Suffix,
    FoldedPrefix,
    FoldedSuffix,
    Span,
    Network,
}

/// Patterns are short: a longer text than this is none of theirs.
fn length_of(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

impl Key {
    /// Its shape and its length, where it has one that matters.
    fn shape(&self) -> Option<(Shape, u32)> {
        Some(match self {
            Self::Folded(_) => (Shape::Folded, 0),
            Self::Prefix(text) => (Shape::Prefix, length_of(text)),
            Self::Suffix(text) => (Shape::Suffix, length_of(text)),
            Self::FoldedPrefix(text) => (Shape::FoldedPrefix, length_of(text)),
            Self::FoldedSuffix(text) => (Shape::FoldedSuffix, length_of(text)),
            Self::Span(span) => (Shape::Span, span.length),
            Self::Network(cidr) => (Shape::Network, cidr.length()),
            _ => return None,
        })
    }
}

/// The patterns that are filed at one path.
#[derive(Debug, Clone)]
struct Level<K> {
    below: HashMap<String, Self>,
    keys: HashMap<Key, BTreeSet<K>>,
    /// The lengths of the keys of each shape, with how many have it.
    lengths: HashMap<Shape, HashMap<u32, usize>>,
}

impl<K> Default for Level<K> {
    fn default() -> Self {
        Self { below: HashMap::new(), keys: HashMap::new(), lengths: HashMap::new() }
    }
}

impl<K> Default for PatternIndex<K> {
    fn default() -> Self {
        Self {
            patterns: HashMap::new(),
            root: Level::default(),
            unfiled: BTreeSet::new(),
            uses: HashMap::new(),
        }
    }
}

impl<K: Clone + Ord + std::hash::Hash> PatternIndex<K> {
    /// Adds a pattern, in the place of the one that the key had before.
    pub fn insert(&mut self, key: K, pattern: Pattern) {
        self.remove(&key);
        let ways = ways(&pattern.root);
        for access in ways.iter().flatten() {
            *self.uses.entry(access.clone()).or_default() += 1;
        }
        let commonness = |way: &Vec<Access>| -> usize {
            way.iter().map(|access| self.uses.get(access).copied().unwrap_or(0)).sum()
        };
        let depth = |way: &Vec<Access>| way.iter().map(|access| access.path.len()).min().unwrap_or(0);
        let under =
            ways.into_iter().min_by_key(|way| (commonness(way), breadth(way), usize::MAX - depth(way)));
        match &under {
            Some(way) => way.iter().for_each(|access| self.root.add(access, &key)),
            None => drop(self.unfiled.insert(key.clone())),
        }
        self.patterns.insert(key, Filed { pattern, under });
    }

    /// Takes a pattern away.
    pub fn remove(&mut self, key: &K) {
        let Some(filed) = self.patterns.remove(key) else { return };
        for access in ways(&filed.pattern.root).iter().flatten() {
            if let Some(uses) = self.uses.get_mut(access) {
                *uses -= 1;
                if *uses == 0 {
                    self.uses.remove(access);
                }
            }
        }
        match &filed.under {
            Some(way) => way.iter().for_each(|access| self.root.take(access, &access.path, key)),
            None => drop(self.unfiled.remove(key)),
        }
    }

    /// The keys of all patterns that want the event, in order.
    #[must_use]
    pub fn matching(&self, event: &Value) -> Vec<K> {
        let wanted = |key: &&K| self.patterns.get(*key).is_some_and(|filed| filed.pattern.matches(event));
        self.candidates(event).into_iter().filter(wanted).cloned().collect()
    }

    /// Those that are checked in full.
    pub(super) fn candidates(&self, event: &Value) -> BTreeSet<&K> {
        let mut found: BTreeSet<&K> = self.unfiled.iter().collect();
        self.root.find(event, &mut found);
        found
    }

    /// How many patterns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }
}

impl Access {
    /// How little it singles out, for where nothing else tells.
    fn breadth(&self) -> usize {
        match &self.key {
            Key::Prefix(text) | Key::Suffix(text) | Key::FoldedPrefix(text) | Key::FoldedSuffix(text) => {
                1 << 20 >> text.len().min(16)
            }
            Key::Span(span) => 1 << 20 >> span.length.min(16),
            Key::Network(cidr) => 1 << 20 >> (cidr.length() / 4).min(16),
            Key::Present => 1 << 40,
            _ => 0,
        }
    }
}

impl<K: Clone + Ord> Level<K> {
    fn add(&mut self, access: &Access, key: &K) {
        let mut level = self;
        for name in &access.path {
            level = level.below.entry(name.clone()).or_default();
        }
        level.keys.entry(access.key.clone()).or_default().insert(key.clone());
        if let Some((shape, length)) = access.key.shape() {
            *level.lengths.entry(shape).or_default().entry(length).or_default() += 1;
        }
    }

    fn take(&mut self, access: &Access, path: &[String], key: &K) {
        if let [name, rest @ ..] = path {
            if let Some(level) = self.below.get_mut(name) {
                level.take(access, rest, key);
                if level.below.is_empty() && level.keys.is_empty() {
                    self.below.remove(name);
                }
            }
            return;
        }
        let Some(keys) = self.keys.get_mut(&access.key) else { return };
        keys.remove(key);
        if keys.is_empty() {
            self.keys.remove(&access.key);
        }
        if let Some((shape, length)) = access.key.shape()
            && let Some(lengths) = self.lengths.get_mut(&shape)
        {
            forget(lengths, length);
            if lengths.is_empty() {
                self.lengths.remove(&shape);
            }
        }
    }

    fn find<'a>(&'a self, value: &Value, found: &mut BTreeSet<&'a K>) {
        match value {
            Value::Array(elements) => elements.iter().for_each(|element| self.find(element, found)),
            Value::Object(object) => {
                // The smaller of the two is gone through.
                if object.len() < self.below.len() {
                    for (name, value) in object {
                        if let Some(level) = self.below.get(name) {
                            level.find(value, found);
                        }
                    }
                } else {
                    for (name, level) in &self.below {
                        if let Some(value) = object.get(name) {
                            level.find(value, found);
                        }
                    }
                }
            }
            scalar if !self.keys.is_empty() => self.look_up(scalar, found),
            _ => {}
        }
    }

    fn has(&self, shape: Shape) -> bool {
        self.lengths.contains_key(&shape)
    }

    /// The lengths that keys of this shape have.
    fn lengths(&self, shape: Shape) -> impl Iterator<Item = u32> {
        self.lengths.get(&shape).into_iter().flat_map(HashMap::keys).copied()
    }

    /// How a text begins, in these lengths.
    fn starts(&self, shape: Shape, text: &str) -> impl Iterator<Item = String> {
        self.lengths(shape).filter_map(|length| Some(text.get(..length as usize)?.to_owned()))
    }

    /// How a text ends, in these lengths.
    fn ends(&self, shape: Shape, text: &str) -> impl Iterator<Item = String> {
        self.lengths(shape)
            .filter_map(|length| Some(text.get(text.len().checked_sub(length as usize)?..)?.to_owned()))
    }

    fn look_up<'a>(&'a self, scalar: &Value, found: &mut BTreeSet<&'a K>) {
        let mut take = |key: Key| {
            if let Some(keys) = self.keys.get(&key) {
                found.extend(keys);
            }
        };
        take(Key::Present);
        match scalar {
            Value::String(text) => {
                take(Key::Text(text.clone()));
                self.starts(Shape::Prefix, text).for_each(|start| take(Key::Prefix(start)));
                self.ends(Shape::Suffix, text).for_each(|end| take(Key::Suffix(end)));
                if [Shape::Folded, Shape::FoldedPrefix, Shape::FoldedSuffix]
                    .iter()
                    .any(|shape| self.has(*shape))
                {
                    let text = fold(text);
                    self.starts(Shape::FoldedPrefix, &text).for_each(|start| take(Key::FoldedPrefix(start)));
                    self.ends(Shape::FoldedSuffix, &text).for_each(|end| take(Key::FoldedSuffix(end)));
                    take(Key::Folded(text));
                }
                if self.has(Shape::Network)
                    && let Ok(address) = text.parse()
                {
                    let networks =
                        self.lengths(Shape::Network).filter_map(|length| Cidr::around(address, length));
                    networks.for_each(|network| take(Key::Network(network)));
                }
            }
            Value::Number(number) => {
                take(number_key(number));
                let value = number.as_f64().unwrap_or_default();
                let spans = self.lengths(Shape::Span).map(|length| Span::of(value, length));
                spans.for_each(|span| take(Key::Span(span)));
            }
            Value::Bool(boolean) => take(Key::Boolean(*boolean)),
            _ => take(Key::Null),
        }
    }
}

fn forget(lengths: &mut HashMap<u32, usize>, length: u32) {
    if let Some(count) = lengths.get_mut(&length) {
        *count -= 1;
        if *count == 0 {
            lengths.remove(&length);
        }
    }
}

/// The ways to find a pattern: in each, an event that matches has a value for at least one of the access tests.
fn ways(node: &Node) -> Vec<Vec<Access>> {
    let mut all = Vec::new();
    for (_, field) in &node.fields {
        match field {
            Field::Node(node) => all.extend(ways(node)),
            Field::Leaf(leaf) => all.extend(leaf_way(leaf)),
        }
    }
    for nodes in &node.alternatives {
        // One way for each alternative, all together; the one with the deepest path, as rarity is not known yet.
        let best = |node: &Node| ways(node).into_iter().min_by_key(|way| breadth(way));
        all.extend(nodes.iter().map(best).collect::<Option<Vec<_>>>().map(|ways| ways.concat()));
    }
    all
}

fn breadth(way: &[Access]) -> usize {
    way.iter().map(Access::breadth).sum()
}

/// All tests of a leaf, where each has a key; nothing where absence passes, or where an event may have the leaf at more
/// than one path.
fn leaf_way(leaf: &Leaf) -> Option<Vec<Access>> {
    if leaf.path.iter().any(|name| name.contains('.')) {
        return None;
    }
    let access = |key| Access { path: leaf.path.clone(), key };
    let keys = leaf.tests.iter().map(keys).collect::<Option<Vec<_>>>()?;
    Some(keys.into_iter().flatten().map(access).collect())
}

/// A value that passes has at least one of these keys.
fn keys(test: &Test) -> Option<Vec<Key>> {
    Some(vec![match test {
        Test::Null => Key::Null,
        Test::Boolean(boolean) => Key::Boolean(*boolean),
        Test::Number(number) => number_key(number),
        Test::Numeric(range) => {
            let (low, high) = range.ends();
            return Some(cover(low, high).into_iter().map(Key::Span).collect());
        }
        Test::Cidr(cidr) => Key::Network(cidr.canonical()?),
        Test::Text(TextTest::Equal(text)) => Key::Text(text.clone()),
        Test::Text(TextTest::EqualIgnoringCase(text)) => Key::Folded(text.clone()),
        Test::Text(TextTest::Prefix(text)) => Key::Prefix(text.clone()),
        Test::Text(TextTest::Suffix(text)) => Key::Suffix(text.clone()),
        Test::Text(TextTest::PrefixIgnoringCase(text)) => Key::FoldedPrefix(text.clone()),
        Test::Text(TextTest::SuffixIgnoringCase(text)) => Key::FoldedSuffix(text.clone()),
        Test::Text(TextTest::Wildcard(wildcard)) if !wildcard.first().is_empty() => {
            Key::Prefix(wildcard.first().to_owned())
        }
        Test::Text(TextTest::Wildcard(wildcard)) if !wildcard.last().is_empty() => {
            Key::Suffix(wildcard.last().to_owned())
        }
        Test::Absent => return None,
        _ => Key::Present,
    }])
}

/// Numbers that are the same have the same key; a few that differ may share one.
fn number_key(number: &serde_json::Number) -> Key {
    // Zero has two signs.
    Key::Number((number.as_f64().unwrap_or_default() + 0.0).to_bits())
}
