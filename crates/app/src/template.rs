//! Templates of CloudFormation: read with positions, checked, and evaluated.
//!
//! [`parse`](parse::parse) gives a tree, [`Template`] its sections, [`Evaluator`] the values of properties once it is
//! known what parameters and resources are. Nothing here does I/O or knows of any service.
//!
//! Source of all behaviour: CloudFormation user guide, "Template reference" (2026-11).

mod document;
mod dynamic;
mod evaluate;
mod for_each;
mod graph;
mod include;
mod late;
mod node;
mod parameters;
mod parse;
mod sam;
#[cfg(test)]
mod tests;

pub(crate) use document::{Resource, Template, transforms};
pub(crate) use dynamic::resolve as resolve_dynamic;
pub(crate) use evaluate::{Evaluator, Pseudo, World};
pub(crate) use graph::{in_order, placeholders, references};
pub(crate) use include::{included, locations as included_locations};
pub(crate) use late::{Late, Place, replaced as late_replaced};
pub use node::Fault;
pub(crate) use node::{Entry, Node, Value};
pub(crate) use parameters::{ParameterValue, resolve as resolve_parameters};
pub(crate) use parse::parse;
pub(crate) use sam::merge_globals;

use std::collections::BTreeMap;

/// A document in YAML, or in the JSON that YAML has in it.
///
/// # Errors
/// For people, where it is neither.
pub fn read_yaml(text: &str) -> Result<serde_json::Value, String> {
    parse(text).map(|document| document.to_json()).map_err(|fault| fault.to_string())
}

/// Applies the transforms that a template names. `given` are parameters; `code` tells packages apart, by logical id.
pub(crate) fn transformed(
    root: &Node,
    given: &BTreeMap<String, String>,
    code: &dyn Fn(&str) -> String,
) -> Result<Node, Fault> {
    let list = |parameter: &str| {
        let declared = root.get("Parameters").and_then(|all| all.get(parameter));
        let default = declared.and_then(|declared| declared.get("Default")).and_then(Node::scalar);
        let text = given.get(parameter).cloned().or(default)?;
        Some(text.split(',').map(|item| item.trim().to_owned()).collect())
    };
    let mut root = document::expand(root.clone(), &list)?;
    include::check(&root)?;
    for (name, line) in document::transforms(&root) {
        match name.as_str() {
            "AWS::LanguageExtensions" => {}
            "AWS::Serverless-2016-10-31" => root = sam::transform(root, code)?,
            _ => return Err(Fault::new(line, format!("the transform {name} is not built yet in ebb"))),
        }
    }
    Ok(root)
}
