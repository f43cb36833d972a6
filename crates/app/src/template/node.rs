//! The tree of a template: JSON's kinds of values, each with the line that it stands on.

use serde_json::Value as Json;

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// The line, from 1; 0 for what no line of the file says.
    pub(crate) line: u32,
    pub(crate) value: Value,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    String(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// An entry of a map; maps keep the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// The line of the key.
    pub(crate) line: u32,
    pub(crate) value: Node,
}

/// Something that is wrong with a template, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if *line == 0 { String::new() } else { format!("line {line}: ") })]
pub struct Fault {
    /// The line, from 1; 0 where it is no single one.
    pub line: u32,
    /// What is wrong, for people.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(line: u32, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

impl Node {
    pub(crate) fn new(line: u32, value: Value) -> Self {
        Self { line, value }
    }

    /// A string.
    pub(crate) fn text(line: u32, text: impl Into<String>) -> Self {
        Self::new(line, Value::String(text.into()))
    }

    /// A map with these entries, all on one line.
    pub(crate) fn map<const N: usize>(line: u32, entries: [(&str, Node); N]) -> Self {
        let entry = |(key, value): (&str, Node)| Entry { key: key.to_owned(), line, value };
        Self::new(line, Value::Map(entries.into_iter().map(entry).collect()))
    }

    /// A list.
    pub(crate) fn list(line: u32, items: Vec<Node>) -> Self {
        Self::new(line, Value::List(items))
    }

    /// A tree that no file has: all of it is said to stand on `line`.
    pub(crate) fn from_json(line: u32, json: Json) -> Self {
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(number) => Value::Number(number),
            Json::String(text) => Value::String(text),
            Json::Array(items) => {
                Value::List(items.into_iter().map(|item| Self::from_json(line, item)).collect())
            }
            Json::Object(map) => Value::Map(
                map.into_iter()
                    .map(|(key, value)| Entry { key, line, value: Self::from_json(line, value) })
                    .collect(),
            ),
        };
        Self { line, value }
    }

    /// The same without positions.
    pub(crate) fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => Json::Number(number.clone()),
            Value::String(text) => Json::String(text.clone()),
            Value::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect())
            }
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar.
    pub(crate) fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entries of a map; none where it is no map.
    pub(crate) fn entries(&self) -> &[Entry] {
        self.as_map().unwrap_or_default()
    }

    /// What a map has under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Sets what a map has under a key; does nothing where it is no map.
    pub(crate) fn set(&mut self, key: &str, node: Node) {
        let line = node.line;
        let Value::Map(entries) = &mut self.value else { return };
        match entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.value = node,
            None => entries.push(Entry { key: key.to_owned(), line, value: node }),
        }
    }

    /// Takes a key out of a map.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Node> {
        let Value::Map(entries) = &mut self.value else { return None };
        let at = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(at).value)
    }

    /// The name and argument of an intrinsic function: a map with one entry that is called so.
    pub(crate) fn intrinsic(&self) -> Option<(&str, &Node)> {
        match self.as_map()? {
            [Entry { key, value, .. }] if key == "Ref" || key == "Condition" || key.starts_with("Fn::") => {
                Some((key, value))
            }
            _ => None,
        }
    }

    /// Makes a tree say nothing about where it stands.
    pub(crate) fn forget_lines(&mut self) {
        self.line = 0;
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(Self::forget_lines),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| {
                entry.line = 0;
                entry.value.forget_lines();
            }),
            _ => {}
        }
    }

    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}
