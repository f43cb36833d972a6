//! Event patterns: which events a rule, a subscription or an event source mapping wants.
//!
//! A pattern is a JSON object whose leaves are lists: an event matches where, for each leaf, one of the values at the
//! leaf's path passes one of the tests of the list. Objects in an array are looked at one by one, so that tests on two
//! fields must hold within one element. `exists` looks at leaves only.
//!
//! Sources: Amazon EventBridge user guide, "Creating event patterns" and "Comparison operators for use in event
//! patterns"; Amazon SNS developer guide, "Subscription filter policies" (2026-11), which use the same language.

mod cidr;
mod index;
mod numeric;
mod parse;
mod span;
mod test;
mod wildcard;

use serde_json::{Map, Value};

pub use index::PatternIndex;
pub(crate) use parse::alternatives;
use test::Test;

/// A pattern that has been read and found valid. Matching allocates nothing for most operators.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    root: Node,
}

/// What is wrong with a pattern, and at which path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}{}", if path.is_empty() { String::new() } else { format!("\n at {}", path.join(".")) })]
pub struct InvalidPattern {
    reason: String,
    path: Vec<String>,
}

impl InvalidPattern {
    /// What is wrong, without the path.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// How large a pattern is; services put limits on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PatternSize {
    /// Leaves, those in every alternative of `$or` included.
    pub leaves: usize,
    /// Tests in all leaves.
    pub tests: usize,
    /// The product of the numbers of tests in the leaves, where those of alternatives are added.
    pub combinations: usize,
    /// Names on the longest path.
    pub depth: usize,
}

/// A level of a pattern: all fields must hold, and one alternative of each `$or`.
#[derive(Debug, Clone, PartialEq, Default)]
struct Node {
    fields: Vec<(String, Field)>,
    alternatives: Vec<Vec<Node>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    Node(Node),
    Leaf(Leaf),
}

#[derive(Debug, Clone, PartialEq)]
struct Leaf {
    /// From the root of the event: absence is looked for there.
    path: Vec<String>,
    tests: Vec<Test>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`InvalidPattern`] says what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let value = serde_json::from_str(text)
            .map_err(|error| InvalidPattern { reason: format!("Invalid JSON: {error}"), path: Vec::new() })?;
        Self::from_value(&value)
    }

    /// As [`Pattern::parse`], of a document that is read already.
    ///
    /// # Errors
    /// As [`Pattern::parse`].
    pub fn from_value(value: &Value) -> Result<Self, InvalidPattern> {
        parse::pattern(value).map(|root| Self { root })
    }

    /// Whether the event is wanted.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        self.root.holds(Some(event), event)
    }

    /// How large it is.
    #[must_use]
    pub fn size(&self) -> PatternSize {
        self.root.size()
    }

    /// The paths of all leaves, each from the root.
    pub fn paths(&self) -> impl Iterator<Item = &[String]> {
        let mut paths = Vec::new();
        self.root.each_leaf(&mut |leaf| paths.push(leaf.path.as_slice()));
        paths.into_iter()
    }
}

impl Node {
    fn holds(&self, value: Option<&Value>, event: &Value) -> bool {
        match value {
            Some(Value::Array(elements)) if !elements.is_empty() => {
                elements.iter().any(|element| self.holds(Some(element), event))
            }
            Some(Value::Object(object)) => self.holds_in(Some(object), event),
            _ => self.holds_in(None, event),
        }
    }

    fn holds_in(&self, object: Option<&Map<String, Value>>, event: &Value) -> bool {
        let field = |(name, field): &(String, Field)| {
            let value = object.and_then(|object| member(object, name));
            match field {
                Field::Node(node) => node.holds(value, event),
                Field::Leaf(leaf) => leaf.holds(value, event),
            }
        };
        self.fields.iter().all(field)
            && self.alternatives.iter().all(|nodes| nodes.iter().any(|node| node.holds_in(object, event)))
    }

    fn each_leaf<'a>(&'a self, visit: &mut impl FnMut(&'a Leaf)) {
        for (_, field) in &self.fields {
            match field {
                Field::Node(node) => node.each_leaf(visit),
                Field::Leaf(leaf) => visit(leaf),
            }
        }
        for node in self.alternatives.iter().flatten() {
            node.each_leaf(visit);
        }
    }

    fn size(&self) -> PatternSize {
        let mut size = PatternSize { combinations: 1, ..PatternSize::default() };
        for (_, field) in &self.fields {
            let field = match field {
                Field::Node(node) => node.size(),
                Field::Leaf(leaf) => PatternSize {
                    leaves: 1,
                    tests: leaf.tests.len(),
                    combinations: leaf.tests.len(),
                    depth: leaf.path.len(),
                },
            };
            size = size.both(field);
        }
        for nodes in &self.alternatives {
            let either = nodes.iter().map(Self::size).reduce(PatternSize::either).unwrap_or_default();
            size = size.both(either);
        }
        size
    }
}

impl PatternSize {
    fn both(self, other: Self) -> Self {
        let combinations = self.combinations.saturating_mul(other.combinations);
        Self { combinations, ..self.either(other) }
    }

    fn either(self, other: Self) -> Self {
        Self {
            leaves: self.leaves + other.leaves,
            tests: self.tests + other.tests,
            combinations: self.combinations.saturating_add(other.combinations),
            depth: self.depth.max(other.depth),
        }
    }
}

impl Leaf {
    fn holds(&self, value: Option<&Value>, event: &Value) -> bool {
        let present = value.is_some_and(|value| {
            any_scalar(value, &mut |scalar| self.tests.iter().any(|test| test.passes(scalar)))
        });
        present || (self.tests.contains(&Test::Absent) && !is_present(event, &self.path))
    }
}

/// Whether `wanted` is true of one of the values that are no object: those in arrays, however deep, count one by one.
fn any_scalar<'a>(value: &'a Value, wanted: &mut impl FnMut(&'a Value) -> bool) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(elements) => elements.iter().any(|element| any_scalar(element, wanted)),
        scalar => wanted(scalar),
    }
}

/// The member of this name. Dots in a name are those between the names of a path, too. Source: Amazon EventBridge user
/// guide, "Considerations when creating event patterns" (2026-11).
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let below = |(at, _): (usize, &str)| member(object.get(&name[..at])?.as_object()?, &name[at + 1..]);
    object.get(name).or_else(|| name.match_indices('.').find_map(below))
}

/// Whether the event has a leaf at this path, in whichever element of its arrays.
fn is_present(value: &Value, path: &[String]) -> bool {
    match (value, path) {
        (Value::Array(elements), path) => elements.iter().any(|element| is_present(element, path)),
        (Value::Object(_), []) => false,
        (_, []) => true,
        (Value::Object(object), [name, rest @ ..]) => {
            member(object, name).is_some_and(|value| is_present(value, rest))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
