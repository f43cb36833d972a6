//! Variables of a `serverless.yml`: `${source:address, default}`, the innermost first.
//!
//! Source: Serverless Framework documentation, "Variables" (v3 and v4, 2026-11).

use std::path::{Path, PathBuf};

use crate::template::{Entry, Fault, Node, Value, parse};

/// How deep variables lead to variables.
const DEPTH: usize = 50;

/// Where variables are looked up.
pub(super) struct Variables<'a> {
    /// The whole file, as it was read.
    pub(super) root: &'a Node,
    pub(super) folder: &'a Path,
    pub(super) stage: String,
    pub(super) region: String,
}

impl Variables<'_> {
    /// A value with all variables in it replaced.
    pub(super) fn resolved(&self, node: &Node) -> Result<Node, Fault> {
        self.node(node, 0)
    }

    fn node(&self, node: &Node, depth: usize) -> Result<Node, Fault> {
        if depth > DEPTH {
            return Err(Fault::new(node.line, "variables lead to each other without end"));
        }
        let value = match &node.value {
            Value::String(text) => return self.text(text, node.line, depth),
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.node(item, depth)).collect::<Result<_, _>>()?)
            }
            Value::Map(entries) => {
                let mut resolved = Vec::new();
                for entry in entries {
                    let key = self.text(&entry.key, entry.line, depth)?.scalar();
                    let value = self.node(&entry.value, depth)?;
                    resolved.push(Entry { key: key.unwrap_or_default(), line: entry.line, value });
                }
                Value::Map(resolved)
            }
            other => other.clone(),
        };
        Ok(Node { line: node.line, value })
    }

    fn text(&self, text: &str, line: u32, depth: usize) -> Result<Node, Fault> {
        let Some((start, end)) = innermost(text) else { return Ok(Node::text(line, text)) };
        let value = self.variable(&text[start + 2..end - 1], line, depth)?;
        if start == 0 && end == text.len() {
            return self.node(&value, depth + 1);
        }
        let Some(shown) = value.scalar() else {
            let message =
                format!("{} is {}, which cannot be a part of a text", &text[start..end], value.kind());
            return Err(Fault::new(line, message));
        };
        self.text(&format!("{}{shown}{}", &text[..start], &text[end..]), line, depth + 1)
    }

    /// The first of the alternatives that has a value.
    fn variable(&self, inner: &str, line: u32, depth: usize) -> Result<Node, Fault> {
        for alternative in inner.split(',').map(str::trim) {
            let literal = alternative.trim_matches(['\'', '"']);
            if literal.len() + 2 == alternative.len() {
                return Ok(Node::text(line, literal));
            }
            if let Some(found) = self.source(alternative, line, depth)? {
                return Ok(found);
            }
        }
        Err(Fault::new(line, format!("the variable ${{{inner}}} has no value")))
    }

    fn source(&self, text: &str, line: u32, depth: usize) -> Result<Option<Node>, Fault> {
        if let Some(rest) = text.strip_prefix("file(") {
            return self.file(rest, line, depth);
        }
        let Some((source, address)) = text.split_once(':') else {
            // A default may be a number or a boolean.
            let literal = parse(text).ok().filter(|node| node.scalar().is_some());
            return Ok(literal.map(|node| Node { line, ..node }));
        };
        Ok(match (source, address) {
            ("self", address) => self.own(address, line, depth)?,
            ("sls", "stage") | ("opt", "stage") => Some(Node::text(line, self.stage.clone())),
            ("opt", "region") | ("aws", "region") => Some(Node::text(line, self.region.clone())),
            ("aws", "accountId") => Some(Node::text(line, "000000000000")),
            ("opt", _) => None,
            ("env", name) => std::env::var(name).ok().map(|value| Node::text(line, value)),
            _ => {
                let message = format!("variables from {source} (${{{text}}}) are not built yet in ebb");
                return Err(Fault::new(line, message));
            }
        })
    }

    fn own(&self, address: &str, line: u32, depth: usize) -> Result<Option<Node>, Fault> {
        if address == "provider.stage" {
            return Ok(Some(Node::text(line, self.stage.clone())));
        }
        if address == "provider.region" {
            return Ok(Some(Node::text(line, self.region.clone())));
        }
        self.address(self.root, address, depth)
    }

    fn address(&self, root: &Node, address: &str, depth: usize) -> Result<Option<Node>, Fault> {
        let mut at = root.clone();
        for part in address.split('.').filter(|part| !part.is_empty()) {
            // What lies on the way may be a variable itself.
            if at.as_str().is_some() {
                at = self.node(&at, depth + 1)?;
            }
            let next = match at.as_list() {
                Some(items) => part.parse::<usize>().ok().and_then(|index| items.get(index).cloned()),
                None => at.get(part).cloned(),
            };
            let Some(next) = next else { return Ok(None) };
            at = next;
        }
        Ok(Some(at))
    }

    /// `file(PATH)` or `file(PATH):address`, in YAML or JSON, below the project's folder.
    fn file(&self, rest: &str, line: u32, depth: usize) -> Result<Option<Node>, Fault> {
        let Some((name, address)) = rest.split_once(')') else {
            return Err(Fault::new(line, "file( without )"));
        };
        let path: PathBuf = self.folder.join(name);
        let known =
            path.extension().is_some_and(|extension| ["yml", "yaml", "json"].iter().any(|e| extension == *e));
        if !known {
            return Err(Fault::new(line, format!("file({name}): only YAML and JSON files are read")));
        }
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        let node = parse(&text).map_err(|fault| Fault::new(line, format!("{name}: {fault}")))?;
        self.address(&node, address.trim_start_matches(':'), depth)
    }
}

/// The first variable that holds no other: where it begins and ends. Functions of CloudFormation (`${AWS::Region}`,
/// `${Resource}`) are left alone.
fn innermost(text: &str) -> Option<(usize, usize)> {
    let is_ours = |inner: &str| {
        inner.starts_with("file(")
            || inner.split_once(':').is_some_and(|(source, rest)| {
                !rest.starts_with(':') && !source.is_empty() && source.bytes().all(|b| b.is_ascii_lowercase())
            })
    };
    let mut open = Vec::new();
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if bytes[at..].starts_with(b"${") {
            open.push(at);
        } else if *byte == b'}'
            && let Some(start) = open.pop()
            && is_ours(&text[start + 2..at])
        {
            return Some((start, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
service: shop
custom: {table: '${self:service}-${sls:stage}', dev: {size: 5}, list: [a, b], loop: '${self:custom.loop}'}
";

    #[test]
    fn variables_are_replaced() {
        let root = parse(FILE).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.yml"), "a: {b: '${self:service}!'}").unwrap();
        let variables =
            Variables { root: &root, folder: folder.path(), stage: "dev".into(), region: "us-east-1".into() };
        let value =
            |text: &str| variables.resolved(&Node::text(3, text)).map(|node| node.to_json().to_string());
        for (text, expected) in [
            ("plain", "\"plain\""),
            ("${self:custom.table}", "\"shop-dev\""),
            ("${self:custom.${sls:stage}.size}", "5"),
            ("x-${self:custom.dev.size}", "\"x-5\""),
            ("${self:custom.list.1}", "\"b\""),
            ("${self:custom.dev}", "{\"size\":5}"),
            ("${opt:nope, 'd'}", "\"d\""),
            ("${opt:stage, 'prod'}", "\"dev\""),
            ("${env:EBB_NO_SUCH_VARIABLE, self:service}", "\"shop\""),
            ("${self:nope, 7}", "7"),
            ("${file(./x.yml):a.b}", "\"shop!\""),
            ("${AWS::Region}-${Res.Arn}", "\"${AWS::Region}-${Res.Arn}\""),
        ] {
            assert_eq!(value(text).unwrap(), expected, "{text}");
        }
        for (text, why) in [
            ("${self:nope}", "has no value"),
            ("${ssm:/x}", "variables from ssm"),
            ("${self:custom.loop}", "without end"),
            ("x${self:custom.dev}", "cannot be a part of a text"),
            ("${file(./x.js)}", "only YAML and JSON"),
        ] {
            let said = value(text).unwrap_err().to_string();
            assert!(said.contains(why) && said.starts_with("line 3"), "{text}: {said}");
        }
    }
}
