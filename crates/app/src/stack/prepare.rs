//! From the text of a template to what is to be done: everything that can be refused before anything is changed.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::provide;
use super::record::{MadeResource, StackOutput};
use super::world::{Elsewhere, StackWorld, UNKNOWN};
use super::{ResourceStep, StackError, StackInput};
use crate::apps::StepKind;
use crate::template::{
    self, Evaluator, Fault, Node, ParameterValue, Pseudo, Resource, Template, in_order, parse,
    resolve_parameters,
};

/// A template that was read and checked.
pub(super) struct Prepared {
    file: String,
    template: Template,
    parameters: BTreeMap<String, ParameterValue>,
    pseudo: Pseudo,
    /// Logical ids, each after those that it needs.
    pub(super) order: Vec<String>,
    /// Resources that are left out, with their types.
    pub(super) skipped: Vec<(String, String)>,
}

impl Prepared {
    /// Reads and checks a template.
    pub(super) fn new(input: &StackInput, pseudo: Pseudo, elsewhere: &Elsewhere) -> Result<Self, StackError> {
        let file = input.file.clone();
        Self::read(input, pseudo, elsewhere).map_err(|fault| StackError::Template { file, fault })
    }

    fn read(input: &StackInput, pseudo: Pseudo, elsewhere: &Elsewhere) -> Result<Self, Fault> {
        let root = template::transformed(&parsed(input)?, &input.parameters, &|logical| {
            input.packages.get(logical).map(ToString::to_string).unwrap_or_default()
        })?;
        let template = Template::read(&root)?;
        let parameters = resolve_parameters(&template.parameters, &input.parameters, &|name| {
            elsewhere.stored(name, None)
        })?;
        let nothing = BTreeMap::new();
        let world = StackWorld { resources: &nothing, elsewhere, pretends: true, skipped: &[] };
        let evaluator = Evaluator::new(&template, &parameters, &pseudo, &world);
        let mut wanted = Vec::new();
        let mut skipped = Vec::new();
        for resource in &template.resources {
            let holds = match &resource.condition {
                Some((name, line)) => evaluator.condition(name, *line)?,
                None => true,
            };
            if !holds {
                continue;
            }
            if provide::is_supported(&resource.kind) {
                wanted.push(resource.logical.clone());
            } else if input.skip_unsupported {
                skipped.push((resource.logical.clone(), resource.kind.clone()));
            } else {
                let message = format!(
                    "resource {} is of type {}, which ebb does not have yet; --skip-unsupported leaves it out",
                    resource.logical, resource.kind
                );
                return Err(Fault::new(resource.kind_line, message));
            }
        }
        let ordered = in_order(&template, &|resource| wanted.contains(&resource.logical))?;
        for resource in &ordered {
            let properties = evaluator.value(&resource.properties)?.unwrap_or(Json::Null);
            provide::check(&resource.kind, &resource.logical, &properties)
                .map_err(|message| Fault::new(line_of(resource, &message), message))?;
        }
        let order = ordered.iter().map(|resource| resource.logical.clone()).collect();
        Ok(Self { file: input.file.clone(), template, parameters, pseudo, order, skipped })
    }

    /// The properties of a resource, with the values of those that are there.
    pub(super) fn properties(
        &self,
        resource: &Resource,
        resources: &BTreeMap<String, MadeResource>,
        elsewhere: &Elsewhere,
        pretends: bool,
    ) -> Result<Json, StackError> {
        let world = StackWorld { resources, elsewhere, pretends, skipped: &self.skipped };
        let evaluator = Evaluator::new(&self.template, &self.parameters, &self.pseudo, &world);
        let value = evaluator.value(&resource.properties).map_err(|fault| self.fault(fault))?;
        let mut value = value.unwrap_or(Json::Null);
        template::resolve_dynamic(&mut value, &|name, version| elsewhere.stored(name, version))
            .map_err(|message| self.fault(Fault::new(line_of(resource, &message), message)))?;
        Ok(value)
    }

    /// The outputs, once all resources are there.
    pub(super) fn outputs(
        &self,
        resources: &BTreeMap<String, MadeResource>,
        elsewhere: &Elsewhere,
    ) -> Result<Vec<StackOutput>, StackError> {
        let skipped = |node: &Node| {
            let mut found = std::collections::BTreeSet::new();
            let _ = template::references(&self.template, node, &[], &mut found);
            self.skipped.iter().any(|(logical, _)| found.contains(logical))
        };
        let world = StackWorld { resources, elsewhere, pretends: false, skipped: &self.skipped };
        let evaluator = Evaluator::new(&self.template, &self.parameters, &self.pseudo, &world);
        let mut outputs = Vec::new();
        for output in &self.template.outputs {
            let holds = match &output.condition {
                Some((name, line)) => evaluator.condition(name, *line),
                None => Ok(true),
            };
            if !holds.map_err(|fault| self.fault(fault))? || skipped(&output.value) {
                continue;
            }
            let stored = |name: &str, version| elsewhere.stored(name, version);
            let text = |node: &Node| match evaluator.value(node) {
                Ok(Some(mut value @ Json::String(_))) => template::resolve_dynamic(&mut value, &stored)
                    .map(|()| value.as_str().unwrap_or_default().to_owned())
                    .map_err(|message| Fault::new(output.line, message)),
                Ok(Some(value @ (Json::Number(_) | Json::Bool(_)))) => Ok(value.to_string()),
                Ok(_) => Err(Fault::new(output.line, format!("output {} is no string", output.name))),
                Err(fault) => Err(fault),
            };
            let export = output.export.as_ref().map(text).transpose().map_err(|fault| self.fault(fault))?;
            outputs.push(StackOutput {
                name: output.name.clone(),
                value: text(&output.value).map_err(|fault| self.fault(fault))?,
                description: output.description.clone(),
                export,
            });
        }
        Ok(outputs)
    }

    /// What would be done to a stack that has these resources.
    pub(super) fn steps(
        &self,
        resources: &BTreeMap<String, MadeResource>,
        elsewhere: &Elsewhere,
    ) -> Result<Vec<ResourceStep>, StackError> {
        let mut steps = Vec::new();
        for logical in &self.order {
            let Some(resource) = self.template.resource(logical) else { continue };
            let properties = self.properties(resource, resources, elsewhere, true)?;
            let (kind, changed) = match resources.get(logical) {
                None => (StepKind::Create, Vec::new()),
                Some(made) if made.kind != resource.kind => (StepKind::Update, vec!["Type".to_owned()]),
                Some(made) => match differences(&made.properties, &properties) {
                    changed if changed.is_empty() => (StepKind::Keep, changed),
                    changed => (StepKind::Update, changed),
                },
            };
            let (logical, resource) = (logical.clone(), resource.kind.clone());
            steps.push(ResourceStep { logical, resource, kind, changed });
        }
        for (logical, made) in resources.iter().filter(|(logical, _)| !self.order.contains(logical)) {
            let (logical, resource) = (logical.clone(), made.kind.clone());
            steps.push(ResourceStep { logical, resource, kind: StepKind::Delete, changed: Vec::new() });
        }
        Ok(steps)
    }

    pub(super) fn resource(&self, logical: &str) -> Option<&Resource> {
        self.template.resource(logical)
    }

    pub(super) fn description(&self) -> Option<String> {
        self.template.description.clone()
    }

    /// The values of the parameters; hidden ones as stars.
    pub(super) fn shown_parameters(&self) -> BTreeMap<String, String> {
        let shown =
            |value: &ParameterValue| if value.hidden { "****".to_owned() } else { value.text.clone() };
        self.parameters.iter().map(|(name, value)| (name.clone(), shown(value))).collect()
    }

    /// What a caller must acknowledge of it: that it makes roles and the like, and names for them.
    pub(super) fn capability(&self) -> Option<&'static str> {
        let mut needed = None;
        for resource in self.order.iter().filter_map(|logical| self.resource(logical)) {
            if !resource.kind.starts_with("AWS::IAM::") {
                continue;
            }
            let naming = ["RoleName", "UserName", "GroupName", "InstanceProfileName", "ManagedPolicyName"];
            if naming.iter().any(|name| resource.properties.get(name).is_some()) {
                return Some("CAPABILITY_NAMED_IAM");
            }
            needed = Some("CAPABILITY_IAM");
        }
        needed
    }

    fn fault(&self, fault: Fault) -> StackError {
        StackError::Template { file: self.file.clone(), fault }
    }

    /// Why something could not be done to a resource, with the line of the value that the message names.
    pub(super) fn failed(&self, action: &'static str, logical: &str, message: String) -> StackError {
        let resource = self.template.resource(logical);
        StackError::Resource {
            file: self.file.clone(),
            line: resource.map_or(0, |resource| line_of(resource, &message)),
            action,
            logical: logical.to_owned(),
            kind: resource.map(|resource| resource.kind.clone()).unwrap_or_default(),
            message,
        }
    }
}

/// The tree of a template.
fn parsed(input: &StackInput) -> Result<Node, Fault> {
    let mut root = parse(&input.template)?;
    if input.generated {
        root.forget_lines();
    }
    Ok(root)
}

/// The properties that differ.
pub(super) fn differences(before: &Json, after: &Json) -> Vec<String> {
    let (Json::Object(before), Json::Object(after)) = (before, after) else { return Vec::new() };
    let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differs = |name: &&&String| {
        before.get(**name) != after.get(**name) && !after.get(**name).is_some_and(|v| v == UNKNOWN)
    };
    names.iter().filter(differs).map(|name| (*name).clone()).collect()
}

/// The line of the value that a message is about: the longest one that it repeats; else the resource's.
fn line_of(resource: &Resource, message: &str) -> u32 {
    let mut best: Option<(usize, u32)> = None;
    visit(&resource.properties, &mut |text, line| {
        if text.len() >= 2 && message.contains(text) && best.is_none_or(|(length, _)| text.len() > length) {
            best = Some((text.len(), line));
        }
    });
    best.map_or(resource.line, |(_, line)| line)
}

fn visit(node: &Node, seen: &mut dyn FnMut(&str, u32)) {
    if let Some(text) = node.scalar() {
        seen(&text, node.line);
    }
    node.as_list().unwrap_or_default().iter().for_each(|item| visit(item, seen));
    node.entries().iter().for_each(|entry| visit(&entry.value, seen));
}
