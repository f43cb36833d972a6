//! Reading YAML and JSON into a tree with lines.
//!
//! JSON is read as the YAML that it is. The short forms of intrinsic functions (`!Sub`, `!GetAtt`, …) become the long
//! ones. Source: CloudFormation user guide, "Intrinsic function reference" (2026-11).

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::node::{Entry, Fault, Node, Value};

/// The deepest that values are nested: the tree is walked by recursion.
const DEPTH: usize = 100;

/// The most values of a file, those that aliases repeat counted each time.
const NODES: usize = 200_000;

/// Reads the text of a template.
pub(crate) fn parse(text: &str) -> Result<Node, Fault> {
    let mut reader =
        Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0, line: 1 };
    let mut document = None;
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {}
            event if document.is_none() => document = Some(reader.node(event, span, 0)?),
            _ => return Err(Fault::new(line(span), "a second document; a template has one")),
        }
    }
    document.ok_or_else(|| Fault::new(1, "the file is empty"))
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    line: u32,
}

fn line(span: Span) -> u32 {
    u32::try_from(span.start.line()).unwrap_or(u32::MAX)
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Fault> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                self.line = line(span);
                Ok(Some((event, span)))
            }
            Some(Err(error)) => {
                let at = u32::try_from(error.marker().line()).unwrap_or(u32::MAX);
                Err(Fault::new(at, format!("not readable as YAML or JSON: {}", error.info())))
            }
        }
    }

    fn following(&mut self) -> Result<(Event<'a>, Span), Fault> {
        self.next()?.ok_or_else(|| Fault::new(self.line, "the file ends in the middle of a value"))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Fault> {
        let at = line(span);
        if depth > DEPTH {
            return Err(Fault::new(at, format!("values are nested more than {DEPTH} deep")));
        }
        self.count(1, at)?;
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                (anchor, tagged(Node::new(at, scalar(&text, plain, tag.as_deref())), tag.as_deref())?)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let mut items = Vec::new();
                loop {
                    match self.following()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                (anchor, tagged(Node::list(at, items), tag.as_deref())?)
            }
            Event::MappingStart(_, anchor, tag) => {
                let map = Node::new(at, Value::Map(self.entries(depth)?));
                (anchor, tagged(map, tag.as_deref())?)
            }
            Event::Alias(anchor) => {
                let aliased = self.anchors.get(&anchor).cloned();
                let node = aliased.ok_or_else(|| Fault::new(at, "an alias of something that holds it"))?;
                self.count(size(&node), at)?;
                (0, node)
            }
            _ => return Err(Fault::new(at, "a value was expected")),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<Entry>, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys = HashSet::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.following()?;
            if event == Event::MappingEnd {
                break;
            }
            let at = line(span);
            let key = self.node(event, span, depth + 1)?;
            let Some(key) = key.scalar() else {
                return Err(Fault::new(at, format!("a key must be a string, not {}", key.kind())));
            };
            let (event, span) = self.following()?;
            let value = self.node(event, span, depth + 1)?;
            if key == "<<" {
                merged.push(value);
            } else if !keys.insert(key.clone()) {
                return Err(Fault::new(at, format!("the key {key} is there twice")));
            } else {
                entries.push(Entry { key, line: at, value });
            }
        }
        for map in merged.iter().flat_map(|value| value.as_list().unwrap_or(std::slice::from_ref(value))) {
            for entry in map.entries() {
                if keys.insert(entry.key.clone()) {
                    entries.push(entry.clone());
                }
            }
        }
        Ok(entries)
    }

    /// Aliases of aliases grow without end otherwise.
    fn count(&mut self, nodes: usize, at: u32) -> Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes > NODES {
            return Err(Fault::new(at, format!("the file has more than {NODES} values")));
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| size(&entry.value)).sum::<usize>(),
        _ => 1,
    }
}

/// What a scalar is by YAML's core schema; a quoted or tagged one is a string.
fn scalar(text: &str, plain: bool, tag: Option<&Tag>) -> Value {
    if !plain || tag.is_some() {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        // Only what JSON writes as a number: account ids and version numbers keep their zeros.
        _ => text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Number),
    }
}

/// The long form of a tagged value.
fn tagged(node: Node, tag: Option<&Tag>) -> Result<Node, Fault> {
    let Some(tag) = tag else { return Ok(node) };
    let line = node.line;
    let shown = tag.to_string();
    let Some(name) = shown.strip_prefix('!').filter(|name| !name.is_empty()) else { return Ok(node) };
    let (key, argument) = match name {
        "Ref" | "Condition" => (name.to_owned(), node),
        "GetAtt" => ("Fn::GetAtt".to_owned(), get_att(node)),
        "And" | "Base64" | "Cidr" | "Contains" | "EachMemberEquals" | "EachMemberIn" | "Equals"
        | "FindInMap" | "GetAZs" | "If" | "ImportValue" | "Join" | "Length" | "Not" | "Or" | "RefAll"
        | "Select" | "Split" | "Sub" | "ToJsonString" | "Transform" | "ValueOf" | "ValueOfAll" => {
            (format!("Fn::{name}"), node)
        }
        _ => return Err(Fault::new(line, format!("!{name} is no function of CloudFormation"))),
    };
    Ok(Node::map(line, [(key.as_str(), argument)]))
}

/// `A.B.C` means attribute `B.C` of `A`.
fn get_att(node: Node) -> Node {
    match node.as_str().and_then(|text| text.split_once('.')) {
        Some((resource, attribute)) => {
            Node::list(node.line, vec![Node::text(node.line, resource), Node::text(node.line, attribute)])
        }
        None => node,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(text: &str, expected: &serde_json::Value) {
        assert_eq!(parse(text).unwrap().to_json(), *expected, "{text}");
    }

    #[test]
    fn yaml_and_json_give_the_same_tree() {
        check("a: 1\nb: [x, 'y', true, ~]", &json!({"a": 1, "b": ["x", "y", true, null]}));
        check("{\"a\": 1,\n\t\"b\": {\"c\": \"d\"}}", &json!({"a": 1, "b": {"c": "d"}}));
        check(
            "a: 012345678901\nb: 2010-09-09\nc: '5'",
            &json!({"a": "012345678901", "b": "2010-09-09", "c": "5"}),
        );
        check(
            "a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}",
            &json!({"a": {"b": 1}, "c": {"b": 1}, "d": {"e": 2, "b": 1}}),
        );
        check("a: |\n  x\n  y\n", &json!({"a": "x\ny\n"}));
    }

    #[test]
    fn short_forms_become_long_ones() {
        check("!Ref A", &json!({"Ref": "A"}));
        check("!GetAtt A.B.C", &json!({"Fn::GetAtt": ["A", "B.C"]}));
        check("!GetAtt [A, B]", &json!({"Fn::GetAtt": ["A", "B"]}));
        check("!Sub '${A}-x'", &json!({"Fn::Sub": "${A}-x"}));
        check("!Sub 5", &json!({"Fn::Sub": "5"}));
        check(
            "!If [C, !Join [',', [a, !Ref B]], !Ref 'AWS::NoValue']",
            &json!({"Fn::If": ["C", {"Fn::Join": [",", ["a", {"Ref": "B"}]]}, {"Ref": "AWS::NoValue"}]}),
        );
        check("!Not [!Condition C]", &json!({"Fn::Not": [{"Condition": "C"}]}));
        check("Fn::Base64: !Sub x", &json!({"Fn::Base64": {"Fn::Sub": "x"}}));
    }

    #[test]
    fn faults_name_their_line() {
        for (text, line, message) in [
            ("a: 1\nb: !Foo x", 2, "!Foo is no function"),
            ("a: 1\na: 2", 2, "there twice"),
            ("a: [1", 1, "not readable"),
            ("", 1, "empty"),
            ("a: 1\n---\nb: 2", 3, "second document"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.message.contains(message), "{text}: {fault}");
            assert!(fault.line.abs_diff(line) <= 1, "{text}: {fault}");
        }
        let node = parse("a:\n  b: 1\n  c:\n    d: x").unwrap();
        assert_eq!(node.get("a").unwrap().get("c").unwrap().get("d").unwrap().line, 4);
    }

    #[test]
    fn aliases_do_not_grow_without_end() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..8 {
            let items = vec![format!("*a{}", level - 1); 10].join(", ");
            text += &format!("a{level}: &a{level} [{items}]\n");
        }
        assert!(parse(&text).unwrap_err().message.contains("more than"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = parse(&text);
        }
    }
}
