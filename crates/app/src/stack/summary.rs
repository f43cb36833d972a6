//! What a template declares, without a stack.

use serde_json::Value as Json;

use super::{StackError, StackInput, StackRecord, Stacks};
use crate::template::{self, Fault, Node, Template, parse};

/// What a template declares.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateSummary {
    /// What it says of itself.
    pub description: Option<String>,
    /// Its parameters.
    pub parameters: Vec<DeclaredParameter>,
    /// The types of its resources, each once.
    pub resource_types: Vec<String>,
    /// What a caller must acknowledge.
    pub capability: Option<&'static str>,
    /// Which of its resources ask for that.
    pub capability_reason: Option<String>,
    /// Its transforms.
    pub transforms: Vec<String>,
    /// Its metadata.
    pub metadata: Option<Json>,
}

/// A parameter that a template declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredParameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Its default.
    pub default: Option<String>,
    /// Whether its value is hidden.
    pub hidden: bool,
    /// For people.
    pub description: Option<String>,
    /// The only values that it may have.
    pub allowed: Vec<String>,
}

impl Stacks {
    /// What a template declares.
    ///
    /// # Errors
    /// [`StackError::Template`] where it is none.
    pub fn summary(&self, text: &str) -> Result<TemplateSummary, StackError> {
        summarised(text).map_err(|fault| StackError::Template { file: "template".to_owned(), fault })
    }

    /// The template of a stack as it is after its transforms, as JSON.
    ///
    /// # Errors
    /// [`StackError::Template`].
    pub fn processed(&self, stack: &StackRecord) -> Result<Json, StackError> {
        let read = |input: &StackInput| -> Result<Json, Fault> {
            let root = parse(&input.template)?;
            Ok(template::transformed(&root, &input.parameters, &|_| String::new())?.to_json())
        };
        read(&stack.input).map_err(|fault| StackError::Template { file: stack.input.file.clone(), fault })
    }
}

fn summarised(text: &str) -> Result<TemplateSummary, Fault> {
    let root = parse(text)?;
    let transforms = template::transforms(&root).into_iter().map(|(name, _)| name).collect();
    let metadata = root.get("Metadata").map(Node::to_json);
    let given = std::collections::BTreeMap::new();
    let expanded = template::transformed(&root, &given, &|_| String::new())?;
    let template = Template::read(&expanded)?;
    let mut resource_types: Vec<String> = template.resources.iter().map(|own| own.kind.clone()).collect();
    resource_types.sort();
    resource_types.dedup();
    let iam: Vec<&str> = template
        .resources
        .iter()
        .filter(|own| own.kind.starts_with("AWS::IAM::"))
        .map(|own| own.logical.as_str())
        .collect();
    let parameters = template.parameters.iter().map(|entry| {
        let text = |name: &str| entry.value.get(name).and_then(Node::scalar);
        let list = |name: &str| {
            let items = entry.value.get(name).and_then(Node::as_list).unwrap_or_default();
            items.iter().filter_map(Node::scalar).collect::<Vec<_>>()
        };
        DeclaredParameter {
            name: entry.key.clone(),
            kind: text("Type").unwrap_or_else(|| "String".to_owned()),
            default: text("Default"),
            hidden: text("NoEcho").is_some_and(|text| text == "true"),
            description: text("Description"),
            allowed: list("AllowedValues"),
        }
    });
    Ok(TemplateSummary {
        description: template.description.clone(),
        parameters: parameters.collect(),
        resource_types,
        capability: (!iam.is_empty()).then_some("CAPABILITY_IAM"),
        capability_reason: (!iam.is_empty())
            .then(|| format!("The following resource(s) require capabilities: [{}]", iam.join(", "))),
        transforms,
        metadata,
    })
}
