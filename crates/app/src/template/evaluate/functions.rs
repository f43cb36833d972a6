//! The intrinsic functions.
//!
//! Source: CloudFormation user guide, "Intrinsic function reference" (2026-11).

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::Evaluator;
use crate::template::node::{Fault, Node};

type Result<T> = std::result::Result<T, Fault>;

impl Evaluator<'_> {
    /// Calls an intrinsic function.
    pub(super) fn call(&self, function: &str, argument: &Node, line: u32) -> Result<Option<Json>> {
        let value = match function {
            "Ref" => {
                let name = argument.as_str().ok_or_else(|| Fault::new(line, "Ref takes a name"))?;
                return self.reference(name, argument.line);
            }
            "Fn::If" => return self.choose(argument, line),
            "Condition" => {
                let name = argument.as_str().ok_or_else(|| Fault::new(line, "Condition takes a name"))?;
                Json::Bool(self.condition(name, line)?)
            }
            "Fn::GetAtt" => self.get_att(argument, line)?,
            "Fn::Sub" => Json::String(self.sub(argument, line)?),
            "Fn::Join" => Json::String(self.join(argument, line)?),
            "Fn::Split" => self.split(argument, line)?,
            "Fn::Select" => self.select(argument, line)?,
            "Fn::FindInMap" => self.find_in_map(argument, line)?,
            "Fn::ImportValue" => {
                let name = self.text(argument, "Fn::ImportValue")?;
                let found = self.world.import(&name);
                found.ok_or_else(|| Fault::new(line, format!("No export named {name} found.")))?
            }
            "Fn::Base64" => Json::String(STANDARD.encode(self.text(argument, function)?)),
            "Fn::Cidr" => self.cidr(argument, line)?,
            "Fn::GetAZs" => {
                let region = self.text(argument, function)?;
                let region = if region.is_empty() { self.pseudo.region.clone() } else { region };
                Json::Array(["a", "b", "c"].iter().map(|zone| format!("{region}{zone}").into()).collect())
            }
            "Fn::Length" => Json::from(self.list(argument, function)?.len()),
            "Fn::ToJsonString" => Json::String(self.value(argument)?.unwrap_or(Json::Null).to_string()),
            "Fn::Equals" => {
                let [left, right] = self.arguments(argument, function)?;
                Json::Bool(same(self.value(left)?.as_ref(), self.value(right)?.as_ref()))
            }
            "Fn::Not" => {
                let [condition] = self.arguments(argument, function)?;
                Json::Bool(!self.boolean(condition)?)
            }
            "Fn::And" | "Fn::Or" => {
                let all = function == "Fn::And";
                let items = argument.as_list().filter(|items| (2..=10).contains(&items.len()));
                let items =
                    items.ok_or_else(|| Fault::new(line, format!("{function} takes 2 to 10 conditions")))?;
                let mut held = all;
                for item in items {
                    let one = self.boolean(item)?;
                    held = if all { held && one } else { held || one };
                }
                Json::Bool(held)
            }
            "Fn::Contains" => {
                let [list, value] = self.arguments(argument, function)?;
                let value = self.value(value)?;
                Json::Bool(self.list(list, function)?.iter().any(|item| same(Some(item), value.as_ref())))
            }
            other => return Err(Fault::new(line, format!("{other} is not built yet in ebb"))),
        };
        Ok(Some(value))
    }

    /// Exactly `N` arguments.
    fn arguments<'n, const N: usize>(&self, argument: &'n Node, function: &str) -> Result<&'n [Node; N]> {
        let items = argument.as_list().and_then(|items| items.try_into().ok());
        items.ok_or_else(|| Fault::new(argument.line, format!("{function} takes a list of {N}")))
    }

    fn text(&self, node: &Node, function: &str) -> Result<String> {
        let value = self.value(node)?;
        value.as_ref().and_then(text_of).ok_or_else(|| {
            Fault::new(node.line, format!("{function} takes a string here, not {}", shown(value.as_ref())))
        })
    }

    fn list(&self, node: &Node, function: &str) -> Result<Vec<Json>> {
        match self.value(node)? {
            Some(Json::Array(items)) => Ok(items),
            other => {
                let message = format!("{function} takes a list here, not {}", shown(other.as_ref()));
                Err(Fault::new(node.line, message))
            }
        }
    }

    fn choose(&self, argument: &Node, line: u32) -> Result<Option<Json>> {
        let [condition, yes, no] = self.arguments(argument, "Fn::If")?;
        let holds = match condition.as_str() {
            Some(name) => self.condition(name, line)?,
            None => self.boolean(condition)?,
        };
        self.value(if holds { yes } else { no })
    }

    fn get_att(&self, argument: &Node, line: u32) -> Result<Json> {
        if let Some((logical, attribute)) = argument.as_str().and_then(|text| text.split_once('.')) {
            return self.attribute(logical, attribute, line);
        }
        let [logical, attribute] = self.arguments(argument, "Fn::GetAtt")?;
        let attribute = self.text(attribute, "Fn::GetAtt")?;
        self.attribute(logical.as_str().unwrap_or_default(), &attribute, line)
    }

    fn sub(&self, argument: &Node, line: u32) -> Result<String> {
        let (template, variables) = match argument.as_list() {
            Some([template, variables]) => (template, Some(variables)),
            Some(_) => return Err(Fault::new(line, "Fn::Sub takes a string, or a string and a map")),
            None => (argument, None),
        };
        let Some(mut rest) = template.as_str() else {
            return Err(Fault::new(line, format!("Fn::Sub takes a string, not {}", template.kind())));
        };
        let mut result = String::new();
        while let Some(at) = rest.find("${") {
            result.push_str(&rest[..at]);
            let inner = &rest[at + 2..];
            let end = inner.find('}').ok_or_else(|| Fault::new(template.line, "Fn::Sub: ${ without }"))?;
            let name = inner[..end].trim();
            rest = &inner[end + 1..];
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let own = variables.and_then(|variables| variables.get(name));
            let value = match (own, name.split_once('.')) {
                (Some(own), _) => self.value(own)?,
                (None, Some((logical, attribute))) => {
                    Some(self.attribute(logical, attribute, template.line)?)
                }
                (None, None) => self.reference(name, template.line)?,
            };
            let value = value.as_ref().and_then(joined).ok_or_else(|| {
                Fault::new(template.line, format!("Fn::Sub: ${{{name}}} is {}", shown(value.as_ref())))
            })?;
            result.push_str(&value);
        }
        result.push_str(rest);
        Ok(result)
    }

    fn join(&self, argument: &Node, line: u32) -> Result<String> {
        let [delimiter, items] = self.arguments(argument, "Fn::Join")?;
        let delimiter = self.text(delimiter, "Fn::Join")?;
        let items = self.list(items, "Fn::Join")?;
        let texts: Option<Vec<String>> = items.iter().map(text_of).collect();
        let texts = texts.ok_or_else(|| Fault::new(line, "Fn::Join takes a list of strings"))?;
        Ok(texts.join(&delimiter))
    }

    fn split(&self, argument: &Node, line: u32) -> Result<Json> {
        let [delimiter, text] = self.arguments(argument, "Fn::Split")?;
        let (delimiter, text) = (self.text(delimiter, "Fn::Split")?, self.text(text, "Fn::Split")?);
        if delimiter.is_empty() {
            return Err(Fault::new(line, "Fn::Split takes a delimiter that is not empty"));
        }
        Ok(text.split(&delimiter).map(Json::from).collect())
    }

    fn select(&self, argument: &Node, line: u32) -> Result<Json> {
        let [index, items] = self.arguments(argument, "Fn::Select")?;
        let index = self.text(index, "Fn::Select")?;
        let items = self.list(items, "Fn::Select")?;
        let found = index.parse::<usize>().ok().and_then(|index| items.get(index).cloned());
        found.ok_or_else(|| {
            Fault::new(line, format!("Fn::Select cannot select {index} of a list of {}", items.len()))
        })
    }

    fn find_in_map(&self, argument: &Node, line: u32) -> Result<Json> {
        let Some([map, top, second, more @ ..]) = argument.as_list() else {
            return Err(Fault::new(line, "Fn::FindInMap takes a map and two keys"));
        };
        let keys = [map, top, second].map(|node| self.text(node, "Fn::FindInMap"));
        let [map, top, second] = keys;
        let (map, top, second) = (map?, top?, second?);
        let mapping = self.template.mappings.iter().find(|entry| entry.key == map);
        let found = mapping.and_then(|entry| entry.value.get(&top)).and_then(|entry| entry.get(&second));
        let default = more.first().and_then(|options| options.get("DefaultValue"));
        match found.or(default) {
            Some(node) => Ok(self.value(node)?.unwrap_or(Json::Null)),
            None => Err(Fault::new(line, format!("Fn::FindInMap: there is no {map}.{top}.{second}"))),
        }
    }

    fn cidr(&self, argument: &Node, line: u32) -> Result<Json> {
        let items = argument.as_list().unwrap_or_default();
        let texts: Vec<String> =
            items.iter().map(|item| self.text(item, "Fn::Cidr")).collect::<Result<_>>()?;
        let wrong = || Fault::new(line, format!("Fn::Cidr cannot divide {}", texts.join(", ")));
        let (block, count, bits) = match texts.as_slice() {
            [block, count] => (block, count, "8"),
            [block, count, bits] => (block, count, bits.as_str()),
            _ => return Err(wrong()),
        };
        let (count, bits): (u128, u32) =
            (count.parse().map_err(|_| wrong())?, bits.parse().map_err(|_| wrong())?);
        subnets(block, count, bits).ok_or_else(wrong)
    }
}

/// `count` subnets of `block` with `bits` bits for hosts each.
fn subnets(block: &str, count: u128, bits: u32) -> Option<Json> {
    let (address, prefix) = block.split_once('/')?;
    let prefix: u32 = prefix.parse().ok()?;
    let (base, width) = match address.parse::<Ipv4Addr>() {
        Ok(address) => (u128::from(address.to_bits()), 32),
        Err(_) => (address.parse::<Ipv6Addr>().ok()?.to_bits(), 128),
    };
    let own = width - prefix.min(width);
    if !(1..=256).contains(&count)
        || bits > own
        || prefix > width
        || (own - bits < 8 && count > 1 << (own - bits))
    {
        return None;
    }
    let base = base.checked_shr(own).unwrap_or(0).checked_shl(own).unwrap_or(0);
    let subnet = |index: u128| {
        let start = base + index.checked_shl(bits).unwrap_or(0);
        let shown = match width {
            32 => Ipv4Addr::from_bits(u32::try_from(start).unwrap_or_default()).to_string(),
            _ => Ipv6Addr::from_bits(start).to_string(),
        };
        Json::String(format!("{shown}/{}", width - bits))
    };
    Some((0..count).map(subnet).collect())
}

/// The text of a scalar.
fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// The text of a scalar, or of a list of them as parameters write it.
fn joined(value: &Json) -> Option<String> {
    match value {
        Json::Array(items) => items.iter().map(text_of).collect::<Option<Vec<_>>>().map(|all| all.join(",")),
        other => text_of(other),
    }
}

/// Values are compared as the service does: scalars by their text.
fn same(left: Option<&Json>, right: Option<&Json>) -> bool {
    match (left.and_then(text_of), right.and_then(text_of)) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

fn shown(value: Option<&Json>) -> &'static str {
    match value {
        None => "AWS::NoValue",
        Some(Json::Null) => "null",
        Some(Json::Bool(_)) => "a boolean",
        Some(Json::Number(_)) => "a number",
        Some(Json::String(_)) => "a string",
        Some(Json::Array(_)) => "a list",
        Some(Json::Object(_)) => "a map",
    }
}
