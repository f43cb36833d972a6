//! Values of properties: intrinsic functions, references, conditions.

mod functions;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::document::Template;
use super::node::{Fault, Node, Value};
use super::parameters::ParameterValue;

/// What values refer to besides the template: resources that are there, and other stacks.
pub(crate) trait World {
    /// What `Ref` of a resource gives; nothing where it is not there.
    fn reference(&self, logical: &str) -> Option<Json>;

    /// What `Fn::GetAtt` of a resource gives; nothing where it has no such attribute.
    fn attribute(&self, logical: &str, attribute: &str) -> Option<Json>;

    /// The value of an export of another stack.
    fn import(&self, export: &str) -> Option<Json>;
}

/// The pseudo parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pseudo {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) stack_name: String,
    pub(crate) stack_id: String,
}

/// Computes values of one template.
pub(crate) struct Evaluator<'a> {
    template: &'a Template,
    parameters: &'a BTreeMap<String, ParameterValue>,
    pseudo: &'a Pseudo,
    world: &'a dyn World,
    /// Conditions that were decided; nothing for those that are being decided, to notice circles.
    conditions: RefCell<BTreeMap<String, Option<bool>>>,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(
        template: &'a Template,
        parameters: &'a BTreeMap<String, ParameterValue>,
        pseudo: &'a Pseudo,
        world: &'a dyn World,
    ) -> Self {
        Self { template, parameters, pseudo, world, conditions: RefCell::default() }
    }

    /// The value of a node; nothing where it is `AWS::NoValue`.
    pub(crate) fn value(&self, node: &Node) -> Result<Option<Json>, Fault> {
        if let Some((function, argument)) = node.intrinsic() {
            return self.call(function, argument, node.line);
        }
        let json = match &node.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => Json::Number(number.clone()),
            Value::String(text) => Json::String(text.clone()),
            Value::List(items) => {
                let mut values = Vec::new();
                for item in items {
                    values.extend(self.value(item)?);
                }
                Json::Array(values)
            }
            Value::Map(entries) => {
                let mut map = Map::new();
                for entry in entries {
                    if let Some(value) = self.value(&entry.value)? {
                        map.insert(entry.key.clone(), value);
                    }
                }
                Json::Object(map)
            }
        };
        Ok(Some(json))
    }

    /// Whether a condition holds.
    pub(crate) fn condition(&self, name: &str, line: u32) -> Result<bool, Fault> {
        match self.conditions.borrow().get(name) {
            Some(Some(decided)) => return Ok(*decided),
            Some(None) => {
                return Err(Fault::new(line, format!("condition {name} depends on itself")));
            }
            None => {}
        }
        let Some(node) = self.template.condition(name) else {
            return Err(Fault::new(line, format!("there is no condition {name}")));
        };
        self.conditions.borrow_mut().insert(name.to_owned(), None);
        let decided = self.boolean(node)?;
        self.conditions.borrow_mut().insert(name.to_owned(), Some(decided));
        Ok(decided)
    }

    fn boolean(&self, node: &Node) -> Result<bool, Fault> {
        match self.value(node)? {
            Some(Json::Bool(value)) => Ok(value),
            Some(Json::String(text)) if text == "true" || text == "false" => Ok(text == "true"),
            _ => Err(Fault::new(node.line, "a condition was expected here")),
        }
    }

    fn reference(&self, name: &str, line: u32) -> Result<Option<Json>, Fault> {
        let text = |text: &str| Ok(Some(Json::String(text.to_owned())));
        match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::AccountId" => return text(&self.pseudo.account),
            "AWS::Region" => return text(&self.pseudo.region),
            "AWS::StackName" => return text(&self.pseudo.stack_name),
            "AWS::StackId" => return text(&self.pseudo.stack_id),
            "AWS::Partition" => return text("aws"),
            "AWS::URLSuffix" => return text("amazonaws.com"),
            "AWS::NotificationARNs" => return Ok(Some(Json::Array(Vec::new()))),
            _ => {}
        }
        if let Some(parameter) = self.parameters.get(name) {
            return Ok(Some(parameter.value.clone()));
        }
        if self.template.resource(name).is_none() {
            let message = format!("{name} is neither a resource nor a parameter of this template");
            return Err(Fault::new(line, message));
        }
        let found = self.world.reference(name);
        found.map(Some).ok_or_else(|| self.absent(name, line))
    }

    fn attribute(&self, logical: &str, attribute: &str, line: u32) -> Result<Json, Fault> {
        let Some(resource) = self.template.resource(logical) else {
            return Err(Fault::new(line, format!("{logical} is no resource of this template")));
        };
        if self.world.reference(logical).is_none() {
            return Err(self.absent(logical, line));
        }
        self.world.attribute(logical, attribute).ok_or_else(|| {
            let message =
                format!("{logical} is of type {}, which has no attribute {attribute}", resource.kind);
            Fault::new(line, message)
        })
    }

    fn absent(&self, logical: &str, line: u32) -> Fault {
        let condition = self.template.resource(logical).and_then(|resource| resource.condition.as_ref());
        let message = match condition {
            Some((name, _)) => format!("{logical} is not there, since condition {name} is false"),
            None => format!("{logical} is not there"),
        };
        Fault::new(line, message)
    }
}
