//! Nested stacks whose templates are files of the project: their resources become the parent's own, under the name of the
//! nested stack.
//!
//! Source: CloudFormation user guide, "Split a template into reusable pieces using nested stacks", and the SAM developer
//! guide, "AWS::Serverless::Application" (2026-11). What is different here: `AWS::StackName` is the parent's, and
//! conditions of a nested template cannot look at what the parent only knows once its resources are there.

mod scope;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use scope::Scope;

use super::CODE;
use crate::template::{Entry, Fault, Node, Value, merge_globals, parse, transforms};

/// How deep templates may be nested: what names itself ends there.
const DEPTH: u32 = 10;

/// A template without nested stacks, or none where it has none of the project's own.
pub(super) fn flattened(root: &Node, folder: &Path) -> Result<Option<Node>, Fault> {
    let nests = root.get("Resources").into_iter().flat_map(Node::entries).any(|entry| local(entry).is_some());
    nests.then(|| flatten(root.clone(), folder, folder, 0)).transpose()
}

/// The local template of a resource that is a nested stack.
fn local(entry: &Entry) -> Option<(&str, u32)> {
    let property = match entry.value.get("Type").and_then(Node::as_str)? {
        "AWS::CloudFormation::Stack" => "TemplateURL",
        "AWS::Serverless::Application" => "Location",
        _ => return None,
    };
    let node = entry.value.get("Properties")?.get(property)?;
    let path = node.as_str()?;
    let elsewhere = ["http://", "https://", "s3://"].iter().any(|scheme| path.starts_with(scheme));
    (!elsewhere).then_some((path, node.line))
}

/// The outputs of nested stacks, by the stack's name and theirs.
type Outputs = BTreeMap<String, BTreeMap<String, Node>>;

fn flatten(mut root: Node, folder: &Path, base: &Path, depth: u32) -> Result<Node, Fault> {
    let resources = root.remove("Resources").unwrap_or_else(|| Node::map(1, []));
    let line = resources.line;
    let (mut made, mut outputs) = (Vec::new(), Outputs::new());
    let mut members = BTreeMap::new();
    for entry in resources.entries() {
        let Some((path, line)) = local(entry) else {
            made.push(entry.clone());
            continue;
        };
        let wrong = |why: String| Fault::new(line, format!("{}: {why}", entry.key));
        if depth == DEPTH {
            return Err(wrong(format!("templates are nested deeper than {DEPTH}")));
        }
        let path = plain(&folder.join(path));
        let text = fs::read_to_string(&path)
            .map_err(|error| wrong(format!("cannot read {}: {error}", path.display())))?;
        let within = |fault: Fault| wrong(format!("{}: {fault}", path.display()));
        let own = path.parent().unwrap_or(folder);
        let child = flatten(parse(&text).map_err(within)?, own, base, depth + 1).map_err(within)?;
        let child = placed(with_globals(child), own, base);
        adopt_transform(&mut root, &child);
        let given = entry.value.get("Properties").and_then(|own| own.get("Parameters"));
        let scope = Scope::of(&entry.key, &child, given).map_err(within)?;
        for section in ["Conditions", "Mappings"] {
            add_section(&mut root, section, scope.entries(&child, section));
        }
        let taken = scope.resources(&child, entry, &mut root);
        members.insert(entry.key.clone(), taken.iter().map(|one| one.key.clone()).collect::<Vec<_>>());
        made.extend(taken);
        outputs.insert(entry.key.clone(), scope.outputs(&child));
    }
    for entry in &mut made {
        depend(entry, &members);
    }
    root.set("Resources", Node::new(line, Value::Map(made)));
    // What a stack is given may be what another one gives.
    for _ in 0..=outputs.len() {
        root = scope::resolved(&root, &outputs);
    }
    Ok(root)
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// A nested template whose resources have its globals themselves.
fn with_globals(mut child: Node) -> Node {
    let Some(globals) = child.remove("Globals") else { return child };
    let Some(resources) = child.get("Resources").cloned() else { return child };
    let merged = resources.entries().iter().map(|entry| {
        let kind = entry.value.get("Type").and_then(Node::as_str).unwrap_or_default();
        let section = kind.strip_prefix("AWS::Serverless::").and_then(|section| globals.get(section));
        merge_globals(entry, section)
    });
    child.set("Resources", Node::new(resources.line, Value::Map(merged.collect())));
    child
}

/// A nested template whose local code is named from the parent's folder.
fn placed(mut child: Node, folder: &Path, base: &Path) -> Node {
    let Some(resources) = child.get("Resources").cloned() else { return child };
    let placed = resources.entries().iter().map(|entry| {
        let kind = entry.value.get("Type").and_then(Node::as_str).unwrap_or_default();
        let Some((_, property)) = CODE.iter().find(|(known, _)| *known == kind) else { return entry.clone() };
        let mut entry = entry.clone();
        let mut properties =
            entry.value.get("Properties").cloned().unwrap_or_else(|| Node::map(entry.line, []));
        let inline = properties.get("InlineCode").is_some() || properties.get("ImageUri").is_some();
        let said = match properties.get(property) {
            Some(node) => node.as_str().map(str::to_owned),
            None => (kind == "AWS::Serverless::Function" && !inline).then(|| ".".to_owned()),
        };
        if let Some(path) = said.filter(|path| !path.contains("://")) {
            let path = plain(&folder.join(path));
            let shown = path.strip_prefix(base).unwrap_or(&path).display().to_string();
            properties
                .set(property, Node::text(entry.line, if shown.is_empty() { ".".to_owned() } else { shown }));
            entry.value.set("Properties", properties);
        }
        entry
    });
    child.set("Resources", Node::new(resources.line, Value::Map(placed.collect())));
    child
}

/// The parent has the transforms of its nested templates.
fn adopt_transform(root: &mut Node, child: &Node) {
    let own: Vec<String> = transforms(root).into_iter().map(|(name, _)| name).collect();
    let mut all: Vec<Node> = own.iter().map(|name| Node::text(0, name.clone())).collect();
    all.extend(
        transforms(child)
            .into_iter()
            .filter(|(name, _)| !own.contains(name))
            .map(|(name, _)| Node::text(0, name)),
    );
    if !all.is_empty() {
        root.set("Transform", Node::list(0, all));
    }
}

fn add_section(root: &mut Node, section: &str, entries: Vec<Entry>) {
    if entries.is_empty() {
        return;
    }
    let mut all = root.get(section).map(Node::entries).unwrap_or_default().to_vec();
    all.extend(entries);
    root.set(section, Node::new(0, Value::Map(all)));
}

/// What depends on a nested stack depends on all that it is made of.
fn depend(entry: &mut Entry, members: &BTreeMap<String, Vec<String>>) {
    let Some(node) = entry.value.get("DependsOn") else { return };
    let line = node.line;
    let named = node.as_list().map_or_else(|| vec![node.clone()], <[Node]>::to_vec);
    let spread = named.iter().filter_map(Node::scalar).flat_map(|name| match members.get(&name) {
        Some(members) => members.clone(),
        None => vec![name],
    });
    let spread = spread.map(|name| Node::text(line, name)).collect();
    entry.value.set("DependsOn", Node::list(line, spread));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::project::tests::folder;

    #[test]
    fn resources_of_nested_templates_become_the_parents() {
        let child = "
Parameters:
  Name: {Type: String}
  Zones: {Type: CommaDelimitedList, Default: 'a,b'}
Conditions:
  Named: !Not [!Equals [!Ref Name, '']]
Mappings:
  M: {x: {y: z}}
Resources:
  Q: {Type: AWS::SQS::Queue, Condition: Named, Properties: {QueueName: !Sub '${Name}-${AWS::Region}'}}
  F:
    Type: AWS::Lambda::Function
    DependsOn: Q
    Properties:
      Code: src
      Environment: {Variables: {Q: !Sub 'arn ${Q.Arn} ${!x}', M: !FindInMap [M, x, y], Z: !Select [0, !Ref Zones], I: !If [Named, !Ref Q, no]}}
Outputs:
  Url: {Value: !GetAtt Q.Arn}
";
        let folder = folder(&[("stacks/child.yaml", child)]);
        let root = parse(
            "
Resources:
  Own: {Type: AWS::SQS::Queue}
  Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: stacks/child.yaml, Parameters: {Name: !GetAtt Own.QueueName}}}
  After: {Type: AWS::SQS::Queue, DependsOn: [Child, Own], Properties: {QueueName: !Sub 'x-${Child.Outputs.Url}'}}
Outputs:
  Url: {Value: !GetAtt Child.Outputs.Url}
",
        );
        let flat = flattened(&root.unwrap(), folder.path()).unwrap().unwrap().to_json();
        assert_eq!(
            flat["Conditions"],
            json!({ "ChildNamed": { "Fn::Not": [{ "Fn::Equals": [{ "Fn::GetAtt": ["Own", "QueueName"] }, ""] }] } })
        );
        assert_eq!(flat["Mappings"], json!({ "ChildM": { "x": { "y": "z" } } }));
        let own = json!({ "Fn::GetAtt": ["Own", "QueueName"] });
        assert_eq!(
            flat["Resources"]["ChildQ"],
            json!({ "Type": "AWS::SQS::Queue", "Condition": "ChildNamed", "Properties": { "QueueName": {
                "Fn::Sub": ["${Name}-${AWS::Region}", { "Name": own }] } } })
        );
        let function = &flat["Resources"]["ChildF"];
        assert_eq!(function["DependsOn"], json!(["ChildQ"]));
        assert_eq!(function["Properties"]["Code"], "stacks/src");
        assert_eq!(
            function["Properties"]["Environment"]["Variables"],
            json!({
                "Q": { "Fn::Sub": "arn ${ChildQ.Arn} ${!x}" },
                "M": { "Fn::FindInMap": ["ChildM", "x", "y"] },
                "Z": { "Fn::Select": [0, { "Fn::Split": [",", "a,b"] }] },
                "I": { "Fn::If": ["ChildNamed", { "Ref": "ChildQ" }, "no"] },
            })
        );
        let url = json!({ "Fn::GetAtt": ["ChildQ", "Arn"] });
        assert_eq!(flat["Outputs"]["Url"]["Value"], url);
        assert_eq!(flat["Resources"]["After"]["DependsOn"], json!(["ChildQ", "ChildF", "Own"]));
        assert_eq!(
            flat["Resources"]["After"]["Properties"]["QueueName"],
            json!({ "Fn::Sub": ["x-${ChildOutputsUrl}", { "ChildOutputsUrl": url }] })
        );
    }

    #[test]
    fn what_cannot_be_nested_says_why() {
        let nested =
            "Resources:\n  N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: n.yaml}}\n";
        let check = |child: Option<&str>, words: &str| {
            let files: Vec<(&str, &str)> = child.map(|text| ("n.yaml", text)).into_iter().collect();
            let folder = folder(&files);
            let said = flattened(&parse(nested).unwrap(), folder.path()).unwrap_err().to_string();
            assert!(said.contains(words) && said.starts_with("line 2"), "{said}");
        };
        check(None, "cannot read");
        check(Some("Parameters: {P: {Type: String}}\nResources: {}"), "P is given no value");
        check(Some(nested), "deeper than 10");
        let elsewhere =
            "Resources:\n  N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://x/y'}}\n";
        assert_eq!(flattened(&parse(elsewhere).unwrap(), Path::new("/")).unwrap(), None);
    }
}
