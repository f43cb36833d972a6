//! From a tree to text.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::methods;
use super::{BadTemplate, Expression, Node, Operator, Overrides, Reference, Step, World};

/// The most that a template may write, in bytes, and the most nodes that it may visit: a loop in a loop must end.
const OUTPUT_BYTES: usize = 10 * 1024 * 1024;
const VISITS: usize = 1_000_000;

/// Writes a template. `overrides` are what it and those before it set of the context.
pub(crate) fn render(
    nodes: &[Node],
    world: &dyn World,
    overrides: &mut Overrides,
) -> Result<String, BadTemplate> {
    let mut scope = Scope { world, overrides, variables: HashMap::new(), visits: 0 };
    let mut out = String::new();
    scope.block(nodes, &mut out)?;
    Ok(out)
}

struct Scope<'a> {
    world: &'a dyn World,
    overrides: &'a mut Overrides,
    variables: HashMap<String, Value>,
    visits: usize,
}

/// How a block ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Stop,
}

fn too_much() -> BadTemplate {
    BadTemplate { line: 0, what: "it does or writes too much".to_owned() }
}

impl Scope<'_> {
    fn block(&mut self, nodes: &[Node], out: &mut String) -> Result<Flow, BadTemplate> {
        for node in nodes {
            self.visits += 1;
            if self.visits > VISITS || out.len() > OUTPUT_BYTES {
                return Err(too_much());
            }
            let flow = self.node(node, out)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node, out: &mut String) -> Result<Flow, BadTemplate> {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Shown { reference, quiet, source } => match self.reference(reference)? {
                Some(value) => out.push_str(&text_of(&value)),
                // What is asked of the request or the context and is not there is nothing.
                None if *quiet || is_root(&reference.name) => {}
                None => out.push_str(source),
            },
            Node::Set(target, value) => {
                let value = self.expression(value)?;
                self.set(target, value)?;
            }
            Node::If(branches) => {
                for (condition, body) in branches {
                    let holds = match condition {
                        Some(condition) => is_true(&self.expression(condition)?),
                        None => true,
                    };
                    if holds {
                        return self.block(body, out);
                    }
                }
            }
            Node::Foreach(name, over, body) => return self.foreach(name, over, body, out),
            Node::Break => return Ok(Flow::Break),
            Node::Stop => return Ok(Flow::Stop),
        }
        Ok(Flow::On)
    }

    fn foreach(
        &mut self,
        name: &str,
        over: &Expression,
        body: &[Node],
        out: &mut String,
    ) -> Result<Flow, BadTemplate> {
        let items = match self.expression(over)? {
            Value::Array(items) => items,
            Value::Object(members) => members.into_iter().map(|(_, value)| value).collect(),
            _ => Vec::new(),
        };
        let outer =
            [name, "foreach", "velocityCount"].map(|name| (name.to_owned(), self.variables.remove(name)));
        let count = items.len();
        let mut flow = Flow::On;
        for (index, item) in items.into_iter().enumerate() {
            let about = serde_json::json!({
                "index": index, "count": index + 1, "hasNext": index + 1 < count, "first": index == 0,
                "last": index + 1 == count,
            });
            self.variables.insert(name.to_owned(), item);
            self.variables.insert("foreach".to_owned(), about);
            self.variables.insert("velocityCount".to_owned(), (index + 1).into());
            flow = self.block(body, out)?;
            if flow != Flow::On {
                break;
            }
        }
        for (name, value) in outer {
            match value {
                Some(value) => self.variables.insert(name, value),
                None => self.variables.remove(&name),
            };
        }
        Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::On })
    }

    fn set(&mut self, target: &Reference, value: Value) -> Result<(), BadTemplate> {
        let mut path = Vec::new();
        for step in &target.steps {
            path.push(match step {
                Step::Member(name) => name.clone(),
                Step::Index(index) => text_of(&self.expression(index)?),
                Step::Call(name, _) => {
                    return Err(BadTemplate { line: 0, what: format!("{name}() cannot be set") });
                }
            });
        }
        if target.name == "context" {
            place(self.overrides, &path, value);
            return Ok(());
        }
        match path.is_empty() {
            true => {
                self.variables.insert(target.name.clone(), value);
            }
            false => {
                let own =
                    self.variables.entry(target.name.clone()).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(own) = own {
                    place(own, &path, value);
                }
            }
        }
        Ok(())
    }

    fn reference(&mut self, reference: &Reference) -> Result<Option<Value>, BadTemplate> {
        let Reference { name, steps } = reference;
        match name.as_str() {
            "input" => return self.input(steps),
            "util" => return self.util(steps),
            "context" => return Ok(self.context(steps)),
            "stageVariables" => {
                let all = self.world.stage_variables();
                return self.walk(Some(all), steps, None);
            }
            _ => {}
        }
        let start = self.variables.get(name).cloned();
        self.walk(start, steps, Some(name))
    }

    /// Follows the steps of a reference. Calls that change a list or a map change the variable itself.
    fn walk(
        &mut self,
        start: Option<Value>,
        steps: &[Step],
        variable: Option<&str>,
    ) -> Result<Option<Value>, BadTemplate> {
        let Some(mut at) = start else { return Ok(None) };
        for (number, step) in steps.iter().enumerate() {
            let next = match step {
                Step::Member(name) => member(&at, name),
                Step::Index(index) => {
                    let index = self.expression(index)?;
                    element(&at, &index)
                }
                Step::Call(name, arguments) => {
                    let arguments =
                        arguments.iter().map(|own| self.expression(own)).collect::<Result<Vec<_>, _>>()?;
                    let changed = methods::change(&mut at, name, &arguments);
                    if let Some(result) = changed {
                        if let (Some(variable), 0) = (variable, number) {
                            self.variables.insert(variable.to_owned(), at.clone());
                        }
                        Some(result)
                    } else {
                        methods::call(&at, name, &arguments)
                    }
                }
            };
            match next {
                Some(next) => at = next,
                None => return Ok(None),
            }
        }
        Ok(Some(at).filter(|value| !value.is_null()))
    }

    fn input(&mut self, steps: &[Step]) -> Result<Option<Value>, BadTemplate> {
        let (first, rest) = match steps.split_first() {
            Some(split) => split,
            None => return Ok(None),
        };
        let start = match first {
            Step::Member(name) if name == "body" => {
                Some(Value::String(String::from_utf8_lossy(self.world.body()).into_owned()))
            }
            Step::Call(name, arguments) => {
                let argument = match arguments.first() {
                    Some(argument) => Some(text_of(&self.expression(argument)?)),
                    None => None,
                };
                match (name.as_str(), argument) {
                    ("json", Some(path)) => {
                        let found = methods::json_path(&self.document(), &path).unwrap_or(Value::Null);
                        Some(Value::String(if found.is_null() {
                            "\"\"".to_owned()
                        } else {
                            found.to_string()
                        }))
                    }
                    ("path", Some(path)) => methods::json_path(&self.document(), &path),
                    ("params", None) => Some(self.world.parameters()),
                    ("params", Some(name)) => {
                        let all = self.world.parameters();
                        let of = |kind: &str| member_ignoring_case(&all[kind], &name, kind == "header");
                        of("path").or_else(|| of("querystring")).or_else(|| of("header"))
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        self.walk(start, rest, None)
    }

    /// The body as a document; null where it is none.
    fn document(&self) -> Value {
        serde_json::from_slice(self.world.body()).unwrap_or(Value::Null)
    }

    fn util(&mut self, steps: &[Step]) -> Result<Option<Value>, BadTemplate> {
        let Some((Step::Call(name, arguments), rest)) = steps.split_first() else { return Ok(None) };
        let argument = match arguments.first() {
            Some(argument) => self.expression(argument)?,
            None => Value::Null,
        };
        let start = methods::util(name, &text_of(&argument));
        self.walk(start, rest, None)
    }

    fn context(&mut self, steps: &[Step]) -> Option<Value> {
        let names: Option<Vec<String>> = steps
            .iter()
            .map(|step| match step {
                Step::Member(name) => Some(name.clone()),
                Step::Index(Expression::Literal(Value::String(name))) => Some(name.clone()),
                Step::Call(name, arguments) if name == "get" => match arguments.first() {
                    Some(Expression::Literal(Value::String(name))) => Some(name.clone()),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        let names = names?;
        let mut own = names.iter();
        let set = own.next().and_then(|first| self.overrides.get(first));
        let set = set.and_then(|start| own.try_fold(start, |at, name| at.get(name)));
        set.cloned().or_else(|| self.world.context(&names.join(".")).map(Value::String))
    }

    fn expression(&mut self, expression: &Expression) -> Result<Value, BadTemplate> {
        Ok(match expression {
            Expression::Literal(value) => value.clone(),
            Expression::Text(nodes) => {
                let mut out = String::new();
                self.block(nodes, &mut out)?;
                Value::String(out)
            }
            Expression::Reference(reference) => self.reference(reference)?.unwrap_or(Value::Null),
            Expression::List(items) => {
                Value::Array(items.iter().map(|item| self.expression(item)).collect::<Result<_, _>>()?)
            }
            Expression::Range(first, last) => {
                let bound = |value: Value| value.as_i64().unwrap_or_default();
                let (first, last) = (bound(self.expression(first)?), bound(self.expression(last)?));
                if first.abs_diff(last) > VISITS as u64 {
                    return Err(too_much());
                }
                let up = (first..=last).map(Value::from);
                if first <= last { up.collect() } else { (last..=first).rev().map(Value::from).collect() }
            }
            Expression::Map(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    map.insert(text_of(&self.expression(key)?), self.expression(value)?);
                }
                Value::Object(map)
            }
            Expression::Not(inner) => Value::Bool(!is_true(&self.expression(inner)?)),
            Expression::Binary(left, Operator::And, right) => {
                Value::Bool(is_true(&self.expression(left)?) && is_true(&self.expression(right)?))
            }
            Expression::Binary(left, Operator::Or, right) => {
                Value::Bool(is_true(&self.expression(left)?) || is_true(&self.expression(right)?))
            }
            Expression::Binary(left, operator, right) => {
                methods::binary(&self.expression(left)?, *operator, &self.expression(right)?)
            }
        })
    }
}

fn is_root(name: &str) -> bool {
    matches!(name, "input" | "util" | "context" | "stageVariables")
}

/// Puts a value at a path, with the maps that are missing.
fn place(map: &mut Map<String, Value>, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        map.insert(first.clone(), value);
        return;
    }
    let below = map.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
    if !below.is_object() {
        *below = Value::Object(Map::new());
    }
    if let Value::Object(below) = below {
        place(below, rest, value);
    }
}

fn member(value: &Value, name: &str) -> Option<Value> {
    value.as_object()?.get(name).cloned()
}

fn member_ignoring_case(value: &Value, name: &str, ignore: bool) -> Option<Value> {
    let found =
        value.as_object()?.iter().find(|(own, _)| *own == name || (ignore && own.eq_ignore_ascii_case(name)));
    found.map(|(_, value)| value.clone())
}

fn element(value: &Value, index: &Value) -> Option<Value> {
    match (value, index) {
        (Value::Array(items), Value::Number(number)) => {
            items.get(usize::try_from(number.as_u64()?).ok()?).cloned()
        }
        (Value::Object(_), name) => member(value, &text_of(name)),
        _ => None,
    }
}

/// Whether a value counts as true: all but `false` and what is not there.
fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

/// A value as it is written: lists and maps as the language of the service writes them.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(text_of).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let pairs: Vec<_> =
                members.iter().map(|(name, value)| format!("{name}={}", text_of(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}
