//! The names of a nested template, in its parent's.

use std::collections::{BTreeMap, BTreeSet};

use super::Outputs;
use crate::template::{Entry, Fault, Node, Value, placeholders};

/// What the names in a nested template stand for.
pub(super) struct Scope {
    /// Comes before its names.
    prefix: String,
    resources: BTreeSet<String>,
    conditions: BTreeSet<String>,
    mappings: BTreeSet<String>,
    parameters: BTreeMap<String, Node>,
}

impl Scope {
    /// The scope of a template that is given these parameters.
    ///
    /// # Errors
    /// Where a parameter has no value.
    pub(super) fn of(prefix: &str, child: &Node, given: Option<&Node>) -> Result<Self, Fault> {
        let names = |section: &str| {
            child.get(section).into_iter().flat_map(Node::entries).map(|entry| entry.key.clone()).collect()
        };
        let mut parameters = BTreeMap::new();
        for entry in child.get("Parameters").into_iter().flat_map(Node::entries) {
            let said = given.and_then(|given| given.get(&entry.key)).or_else(|| entry.value.get("Default"));
            let value = said.ok_or_else(|| {
                Fault::new(entry.line, format!("the parameter {} is given no value", entry.key))
            })?;
            let kind = entry.value.get("Type").and_then(Node::as_str).unwrap_or_default();
            let is_list = kind.contains("List") && value.as_list().is_none();
            let value = match is_list {
                true => {
                    let split = Node::list(value.line, vec![Node::text(value.line, ","), value.clone()]);
                    Node::map(value.line, [("Fn::Split", split)])
                }
                false => value.clone(),
            };
            parameters.insert(entry.key.clone(), value);
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            resources: names("Resources"),
            conditions: names("Conditions"),
            mappings: names("Mappings"),
            parameters,
        })
    }

    fn own(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A section, in the parent's names.
    pub(super) fn entries(&self, child: &Node, section: &str) -> Vec<Entry> {
        let entries = child.get(section).into_iter().flat_map(Node::entries);
        entries
            .map(|entry| Entry {
                key: self.own(&entry.key),
                line: entry.line,
                value: self.renamed(&entry.value),
            })
            .collect()
    }

    /// The outputs, by their own names.
    pub(super) fn outputs(&self, child: &Node) -> BTreeMap<String, Node> {
        let entries = child.get("Outputs").into_iter().flat_map(Node::entries);
        entries
            .filter_map(|entry| Some((entry.key.clone(), self.renamed(entry.value.get("Value")?))))
            .collect()
    }

    /// The resources, under the condition of the nested stack itself where it has one.
    pub(super) fn resources(&self, child: &Node, stack: &Entry, root: &mut Node) -> Vec<Entry> {
        let outer = stack.value.get("Condition").and_then(Node::scalar);
        let waits = stack
            .value
            .get("DependsOn")
            .map(|node| node.as_list().map_or_else(|| vec![node.clone()], <[Node]>::to_vec));
        let mut made = Vec::new();
        for entry in child.get("Resources").into_iter().flat_map(Node::entries) {
            let mut value = self.renamed(&entry.value);
            let inner = entry.value.get("Condition").and_then(Node::scalar).map(|name| self.own(&name));
            let line = entry.line;
            let condition = match (inner, &outer) {
                (Some(inner), Some(outer)) => Some(both(&inner, outer, root)),
                (inner, outer) => inner.or_else(|| outer.clone()),
            };
            if let Some(condition) = condition {
                value.set("Condition", Node::text(line, condition));
            }
            let own = entry
                .value
                .get("DependsOn")
                .map(|node| node.as_list().map_or_else(|| vec![node.clone()], <[Node]>::to_vec));
            let own = own
                .into_iter()
                .flatten()
                .filter_map(|node| node.scalar())
                .map(|name| Node::text(line, self.own(&name)));
            let all: Vec<Node> = own.chain(waits.iter().flatten().cloned()).collect();
            if !all.is_empty() {
                value.set("DependsOn", Node::list(line, all));
            }
            made.push(Entry { key: self.own(&entry.key), line, value });
        }
        made
    }

    /// A value, in the parent's names.
    fn renamed(&self, node: &Node) -> Node {
        let line = node.line;
        if let Some((function, argument)) = node.intrinsic()
            && let Some(renamed) = self.intrinsic(function, argument)
        {
            return renamed;
        }
        each(node, line, &|inner| self.renamed(inner))
    }

    /// A function that says a name; nothing where it says none of this scope.
    fn intrinsic(&self, function: &str, argument: &Node) -> Option<Node> {
        let line = argument.line;
        let call = |argument: Node| Node::map(line, [(function, argument)]);
        let name = argument.as_str();
        match function {
            "Ref" => {
                let name = name?;
                match self.parameters.get(name) {
                    Some(value) => Some(value.clone()),
                    None => self.resources.contains(name).then(|| call(Node::text(line, self.own(name)))),
                }
            }
            "Condition" => self
                .conditions
                .contains(name?)
                .then(|| call(Node::text(line, self.own(name.unwrap_or_default())))),
            "Fn::GetAtt" => match argument.as_list() {
                None => {
                    let (logical, attribute) = name?.split_once('.')?;
                    let parts = vec![Node::text(line, self.own(logical)), Node::text(line, attribute)];
                    self.resources.contains(logical).then(|| call(Node::list(line, parts)))
                }
                Some(items) => self.first(items, &self.resources).map(|items| call(Node::list(line, items))),
            },
            "Fn::If" => {
                self.first(argument.as_list()?, &self.conditions).map(|items| call(Node::list(line, items)))
            }
            "Fn::FindInMap" => {
                self.first(argument.as_list()?, &self.mappings).map(|items| call(Node::list(line, items)))
            }
            "Fn::Sub" => Some(call(self.substituted(argument))),
            _ => None,
        }
    }

    /// The items of a list whose first is a name of these, in the parent's names.
    fn first(&self, items: &[Node], names: &BTreeSet<String>) -> Option<Vec<Node>> {
        let (first, rest) = items.split_first()?;
        let name = first.as_str().filter(|name| names.contains(*name))?;
        let mut renamed = vec![Node::text(first.line, self.own(name))];
        renamed.extend(rest.iter().map(|item| self.renamed(item)));
        Some(renamed)
    }

    /// The argument of a `Fn::Sub`: parameters become its variables.
    fn substituted(&self, argument: &Node) -> Node {
        let line = argument.line;
        let (text, given) = match argument.as_list() {
            Some([text, variables]) => (text, variables.entries().to_vec()),
            _ => (argument, Vec::new()),
        };
        let mut out = text.as_str().unwrap_or_default().to_owned();
        let mut variables: Vec<Entry> =
            given.iter().map(|entry| Entry { value: self.renamed(&entry.value), ..entry.clone() }).collect();
        for name in placeholders(text.as_str().unwrap_or_default()) {
            let base = name.split('.').next().unwrap_or(name);
            if variables.iter().any(|entry| entry.key == name) {
                continue;
            }
            if let Some(value) = self.parameters.get(name) {
                variables.push(Entry { key: name.to_owned(), line, value: value.clone() });
            } else if self.resources.contains(base) {
                out = out.replace(&format!("${{{name}}}"), &format!("${{{}}}", self.own(name)));
            }
        }
        sub(line, out, variables)
    }
}

/// A condition that holds where both do.
fn both(inner: &str, outer: &str, root: &mut Node) -> String {
    let name = format!("{outer}And{inner}");
    let of = |name: &str| Node::map(0, [("Condition", Node::text(0, name))]);
    let all = Node::map(0, [("Fn::And", Node::list(0, vec![of(outer), of(inner)]))]);
    if root.get("Conditions").is_none() {
        root.set("Conditions", Node::map(0, []));
    }
    let mut conditions = root.get("Conditions").cloned().unwrap_or_else(|| Node::map(0, []));
    conditions.set(&name, all);
    root.set("Conditions", conditions);
    name
}

/// The argument of a `Fn::Sub`.
fn sub(line: u32, text: String, variables: Vec<Entry>) -> Node {
    let text = Node::text(line, text);
    if variables.is_empty() {
        return text;
    }
    Node::list(line, vec![text, Node::new(line, Value::Map(variables))])
}

/// The same with something done to what it holds.
fn each(node: &Node, line: u32, change: &dyn Fn(&Node) -> Node) -> Node {
    let value = match &node.value {
        Value::List(items) => Value::List(items.iter().map(change).collect()),
        Value::Map(entries) => Value::Map(
            entries.iter().map(|entry| Entry { value: change(&entry.value), ..entry.clone() }).collect(),
        ),
        other => other.clone(),
    };
    Node { line, value }
}

/// A tree with the outputs of nested stacks in the place of what asks for them.
pub(super) fn resolved(node: &Node, outputs: &Outputs) -> Node {
    let line = node.line;
    if let Some((function, argument)) = node.intrinsic() {
        let output =
            |stack: &str, rest: &str| outputs.get(stack)?.get(rest.strip_prefix("Outputs.")?).cloned();
        match function {
            "Ref" if argument.as_str().is_some_and(|name| outputs.contains_key(name)) => {
                return Node::map(line, [("Ref", Node::text(line, "AWS::StackId"))]);
            }
            "Fn::GetAtt" => {
                let listed: Vec<String> =
                    argument.as_list().unwrap_or_default().iter().filter_map(Node::scalar).collect();
                let whole = argument.as_str().map_or_else(|| listed.join("."), str::to_owned);
                if let Some(value) = whole.split_once('.').and_then(|(stack, rest)| output(stack, rest)) {
                    return value;
                }
            }
            "Fn::Sub" => return Node::map(line, [("Fn::Sub", resolved_sub(argument, outputs))]),
            _ => {}
        }
    }
    each(node, line, &|inner| resolved(inner, outputs))
}

fn resolved_sub(argument: &Node, outputs: &Outputs) -> Node {
    let line = argument.line;
    let (text, given) = match argument.as_list() {
        Some([text, variables]) => (text, variables.entries().to_vec()),
        _ => (argument, Vec::new()),
    };
    let mut variables: Vec<Entry> =
        given.into_iter().map(|entry| Entry { value: resolved(&entry.value, outputs), ..entry }).collect();
    let mut out = text.as_str().unwrap_or_default().to_owned();
    for name in placeholders(text.as_str().unwrap_or_default()) {
        let parts: Vec<&str> = name.split('.').collect();
        if let [stack, "Outputs", output] = parts[..]
            && let Some(value) = outputs.get(stack).and_then(|all| all.get(output))
        {
            let key = format!("{stack}Outputs{output}");
            out = out.replace(&format!("${{{name}}}"), &format!("${{{key}}}"));
            if !variables.iter().any(|entry| entry.key == key) {
                variables.push(Entry { key, line, value: value.clone() });
            }
        }
    }
    sub(line, out, variables)
}
