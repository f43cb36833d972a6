//! The sections of a template.

use super::for_each;
use super::node::{Entry, Fault, Node};

/// A template, section by section.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    pub(crate) description: Option<String>,
    pub(crate) parameters: Vec<Entry>,
    pub(crate) mappings: Vec<Entry>,
    pub(crate) conditions: Vec<Entry>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) outputs: Vec<Output>,
}

/// A resource, as the template says it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource {
    pub(crate) logical: String,
    pub(crate) line: u32,
    /// As in `AWS::SQS::Queue`.
    pub(crate) kind: String,
    /// The line of its type.
    pub(crate) kind_line: u32,
    pub(crate) properties: Node,
    pub(crate) depends_on: Vec<(String, u32)>,
    pub(crate) condition: Option<(String, u32)>,
    /// Whether `DeletionPolicy` keeps it when the stack no longer has it.
    pub(crate) retained: bool,
}

/// An output, as the template says it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) line: u32,
    pub(crate) value: Node,
    pub(crate) description: Option<String>,
    pub(crate) export: Option<Node>,
    pub(crate) condition: Option<(String, u32)>,
}

const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Resources",
    "Outputs",
    "Hooks",
    "Globals",
];

const RESOURCE_KEYS: &[&str] = &[
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "UpdatePolicy",
    "CreationPolicy",
    "Metadata",
];

/// The transforms that a template names.
pub(crate) fn transforms(root: &Node) -> Vec<(String, u32)> {
    let Some(node) = root.get("Transform") else { return Vec::new() };
    let items = node.as_list().unwrap_or(std::slice::from_ref(node));
    let name = |item: &Node| item.scalar().or_else(|| item.get("Name")?.scalar());
    items.iter().filter_map(|item| Some((name(item)?, item.line))).collect()
}

/// Expands the loops of a template that has `AWS::LanguageExtensions`. `list` gives the value of a parameter.
pub(crate) fn expand(root: Node, list: &dyn Fn(&str) -> Option<Vec<String>>) -> Result<Node, Fault> {
    if transforms(&root).iter().any(|(name, _)| name == "AWS::LanguageExtensions") {
        return for_each::expand(root, list);
    }
    Ok(root)
}

impl Template {
    /// Reads the sections. Resources of transforms must have been replaced before.
    pub(crate) fn read(root: &Node) -> Result<Self, Fault> {
        let Some(entries) = root.as_map() else {
            return Err(Fault::new(root.line, format!("a template is a map, not {}", root.kind())));
        };
        if let Some(unknown) = entries.iter().find(|entry| !SECTIONS.contains(&entry.key.as_str())) {
            return Err(Fault::new(unknown.line, format!("a template has no section {}", unknown.key)));
        }
        let resources = section(root, "Resources")?;
        if resources.is_empty() {
            return Err(Fault::new(root.line, "At least one Resources member must be defined."));
        }
        Ok(Self {
            description: root.get("Description").and_then(Node::scalar),
            parameters: section(root, "Parameters")?,
            mappings: section(root, "Mappings")?,
            conditions: section(root, "Conditions")?,
            resources: resources.iter().map(Resource::read).collect::<Result<_, _>>()?,
            outputs: section(root, "Outputs")?.iter().map(Output::read).collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn resource(&self, logical: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.logical == logical)
    }

    pub(crate) fn condition(&self, name: &str) -> Option<&Node> {
        self.conditions.iter().find(|entry| entry.key == name).map(|entry| &entry.value)
    }
}

fn section(root: &Node, name: &str) -> Result<Vec<Entry>, Fault> {
    match root.get(name) {
        None => Ok(Vec::new()),
        Some(node) => match node.as_map() {
            Some(entries) => Ok(entries.to_vec()),
            None => Err(Fault::new(node.line, format!("{name} must be a map, not {}", node.kind()))),
        },
    }
}

/// The name of a condition that something depends on.
fn condition(node: &Node) -> Result<Option<(String, u32)>, Fault> {
    match node.get("Condition") {
        None => Ok(None),
        Some(named) => match named.as_str() {
            Some(name) => Ok(Some((name.to_owned(), named.line))),
            None => Err(Fault::new(named.line, "Condition must name a condition")),
        },
    }
}

impl Resource {
    fn read(entry: &Entry) -> Result<Self, Fault> {
        let Entry { key, line, value } = entry;
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let message = format!("{key:?} is no name of a resource: only letters and digits are allowed");
            return Err(Fault::new(*line, message));
        }
        let wrong = |what: String| Fault::new(*line, format!("resource {key} {what}"));
        let Some(entries) = value.as_map() else {
            return Err(wrong(format!("must be a map, not {}", value.kind())));
        };
        if let Some(unknown) = entries.iter().find(|entry| !RESOURCE_KEYS.contains(&entry.key.as_str())) {
            let message = format!("resource {key} has {}, which resources do not have", unknown.key);
            return Err(Fault::new(unknown.line, message));
        }
        let kind = value.get("Type").ok_or_else(|| wrong("has no Type".to_owned()))?;
        let name = kind.as_str().ok_or_else(|| wrong("has a Type that is no string".to_owned()))?;
        let properties = match value.get("Properties") {
            None => Node::map(*line, []),
            Some(properties) if properties.as_map().is_some() => properties.clone(),
            Some(other) if other.kind() == "nothing" => Node::map(*line, []),
            Some(other) => return Err(Fault::new(other.line, "Properties must be a map")),
        };
        let depends_on = match value.get("DependsOn") {
            None => Vec::new(),
            Some(node) => {
                let items = node.as_list().unwrap_or(std::slice::from_ref(node));
                let named = |item: &Node| Some((item.as_str()?.to_owned(), item.line));
                items.iter().filter_map(named).collect()
            }
        };
        let policy = value.get("DeletionPolicy").and_then(Node::as_str).unwrap_or("Delete");
        Ok(Self {
            logical: key.clone(),
            line: *line,
            kind: name.to_owned(),
            kind_line: kind.line,
            properties,
            depends_on,
            condition: condition(value)?,
            retained: policy.starts_with("Retain"),
        })
    }
}

impl Output {
    fn read(entry: &Entry) -> Result<Self, Fault> {
        let Entry { key, line, value } = entry;
        let Some(own) = value.get("Value") else {
            return Err(Fault::new(*line, format!("output {key} has no Value")));
        };
        Ok(Self {
            name: key.clone(),
            line: *line,
            value: own.clone(),
            description: value.get("Description").and_then(Node::scalar),
            export: value.get("Export").and_then(|export| export.get("Name")).cloned(),
            condition: condition(value)?,
        })
    }
}
