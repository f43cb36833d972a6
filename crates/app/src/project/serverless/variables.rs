//! Variables of a `serverless.yml`: `${source:address, default}`, the innermost first.
//!
//! Source: Serverless Framework documentation, "Variables" (v3 and v4, 2026-11).

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::project::{dotenv, script};
use crate::template::{Entry, Fault, Late, Node, Place, Value, parse};

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
        let mut alternatives = inner.split(',').map(str::trim);
        while let Some(alternative) = alternatives.next() {
            if let Some(place) = late(alternative, line)? {
                // The server looks it up; it is told what takes its place, if anything does.
                let rest: Vec<_> = alternatives.collect();
                let default = match rest.is_empty() {
                    true => None,
                    false => self.variable(&rest.join(","), line, depth)?.scalar(),
                };
                return Ok(Node::text(line, Late { place, default }.text()));
            }
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
        if let Some(value) = text.strip_prefix("strToBool(").and_then(|rest| rest.strip_suffix(')')) {
            let value = value.trim_matches(['\'', '"', ' ']);
            let truth = ["true", "1", "false", "0"].iter().position(|known| *known == value);
            let truth = truth
                .ok_or_else(|| Fault::new(line, format!("strToBool: {value:?} is neither true nor false")))?;
            return Ok(parse(if truth < 2 { "true" } else { "false" })
                .ok()
                .map(|node| Node { line, ..node }));
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
            ("env", name) => self.environment(name).map(|value| Node::text(line, value)),
            ("param", name) => self.parameter(name, depth)?,
            // The platform puts the value in when it makes what it is a part of.
            (source, name) if source == "ssm" || source.starts_with("ssm(") => {
                Some(Node::text(line, format!("{{{{resolve:ssm:{}}}}}", name.trim_end_matches("~true"))))
            }
            _ => {
                let message = format!("variables from {source} (${{{text}}}) are not built yet in ebb");
                return Err(Fault::new(line, message));
            }
        })
    }

    /// A variable of the deploy's environment, or of the files that stand for it. Source: "Environment variables", .env.
    fn environment(&self, name: &str) -> Option<String> {
        let in_file = |file: &str| {
            let text = std::fs::read_to_string(self.folder.join(file)).ok()?;
            dotenv::parse(&text).ok()?.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
        };
        std::env::var(name)
            .ok()
            .or_else(|| in_file(&format!(".env.{}", self.stage)))
            .or_else(|| in_file(".env"))
    }

    /// A parameter of the stage, or of all stages. Source: "Parameters".
    fn parameter(&self, name: &str, depth: usize) -> Result<Option<Node>, Fault> {
        for stage in [self.stage.as_str(), "default"] {
            for address in [format!("params.{stage}.{name}"), format!("stages.{stage}.params.{name}")] {
                if let Some(found) = self.address(self.root, &address, depth)? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
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

    /// `file(PATH)` or `file(PATH):address`, in YAML, JSON or JavaScript, below the project's folder.
    fn file(&self, rest: &str, line: u32, depth: usize) -> Result<Option<Node>, Fault> {
        let Some((name, address)) = rest.split_once(')') else {
            return Err(Fault::new(line, "file( without )"));
        };
        let path: PathBuf = self.folder.join(name);
        let is = |kinds: &[&str]| path.extension().is_some_and(|it| kinds.iter().any(|kind| it == *kind));
        if !is(&["yml", "yaml", "json", "js", "mjs", "cjs", "ts"]) {
            return Err(Fault::new(line, format!("file({name}): only YAML, JSON and JavaScript are read")));
        }
        let Ok(mut text) = std::fs::read_to_string(&path) else { return Ok(None) };
        if is(&["js", "mjs", "cjs", "ts"]) {
            let given = json!([{ "options": { "stage": self.stage, "region": self.region } }]);
            let said = script::settings(self.folder, &path, &given, true, &mut |_| {});
            text = said.map_err(|error| Fault::new(line, format!("file({name}): {error}")))?.to_string();
        }
        let node = parse(&text).map_err(|fault| Fault::new(line, format!("{name}: {fault}")))?;
        self.address(&node, address.trim_start_matches(':'), depth)
    }
}

/// The place of a value that only the server knows: `cf:STACK.OUTPUT` or `s3:BUCKET/KEY`, of any region.
/// Source: Serverless Framework documentation, "Reference CloudFormation Outputs" and "AWS S3 Objects" (2026-11).
fn late(text: &str, line: u32) -> Result<Option<Place>, Fault> {
    let Some((source, address)) = text.split_once(':') else { return Ok(None) };
    let wrong = |form: &str| Fault::new(line, format!("${{{text}}}: it is not of the form {form}"));
    Ok(match source.split_once('(').map_or(source, |(source, _)| source) {
        "cf" => {
            let (stack, name) = address.split_once('.').ok_or_else(|| wrong("cf:STACK.OUTPUT"))?;
            Some(Place::Output { stack: stack.to_owned(), name: name.to_owned() })
        }
        "s3" => {
            let (bucket, key) = address.split_once('/').ok_or_else(|| wrong("s3:BUCKET/KEY"))?;
            Some(Place::Object { bucket: bucket.to_owned(), key: key.to_owned() })
        }
        _ => None,
    })
}

/// The first variable that holds no other: where it begins and ends. Functions of CloudFormation (`${AWS::Region}`,
/// `${Resource}`) are left alone.
fn innermost(text: &str) -> Option<(usize, usize)> {
    let is_ours = |inner: &str| {
        inner.starts_with("file(")
            || inner.starts_with("strToBool(")
            || inner.split_once(':').is_some_and(|(source, rest)| {
                let source = source.split_once('(').map_or(source, |(source, _)| source);
                !rest.starts_with(':')
                    && !source.is_empty()
                    && source.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
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
params: {default: {domain: example, other: o}, dev: {domain: dev.example}}
";

    #[test]
    fn variables_are_replaced() {
        let root = parse(FILE).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.yml"), "a: {b: '${self:service}!'}").unwrap();
        std::fs::write(folder.path().join(".env"), "EBB_OF_FILE=filed\n").unwrap();
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
            ("${ssm:/x/y}", "\"{{resolve:ssm:/x/y}}\""),
            ("${ssm(eu-west-1):/x}", "\"{{resolve:ssm:/x}}\""),
            ("${cf:stack-${sls:stage}.Out}", "\"{{ebb:stack:stack-dev:Out}}\""),
            ("${cf(eu-west-1):stack.Out, 'none'}", "\"{{ebb:stack:stack:Out|none}}\""),
            ("x-${s3:bucket/a/b.txt, self:service}", "\"x-{{ebb:object:bucket:a/b.txt|shop}}\""),
            ("${strToBool(true)}", "true"),
            ("${env:EBB_OF_FILE}", "\"filed\""),
            ("${param:domain}", "\"dev.example\""),
            ("${param:other}", "\"o\""),
            ("${AWS::Region}-${Res.Arn}", "\"${AWS::Region}-${Res.Arn}\""),
        ] {
            assert_eq!(value(text).unwrap(), expected, "{text}");
        }
        for (text, why) in [
            ("${self:nope}", "has no value"),
            ("${cf:stack}", "cf:STACK.OUTPUT"),
            ("${git:sha1}", "variables from git"),
            ("${strToBool(perhaps)}", "neither true nor false"),
            ("${self:custom.loop}", "without end"),
            ("x${self:custom.dev}", "cannot be a part of a text"),
            ("${file(./x.txt)}", "only YAML, JSON and JavaScript"),
        ] {
            let said = value(text).unwrap_err().to_string();
            assert!(said.contains(why) && said.starts_with("line 3"), "{text}: {said}");
        }
    }
}
