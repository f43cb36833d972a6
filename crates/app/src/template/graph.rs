//! What depends on what, and the order that follows.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Resource, Template};
use super::node::{Fault, Node, Value};

/// The resources that a resource needs, directly. Faults where it names some that are not there.
pub(crate) fn dependencies(template: &Template, resource: &Resource) -> Result<BTreeSet<String>, Fault> {
    let mut found = BTreeSet::new();
    for (name, line) in &resource.depends_on {
        if template.resource(name).is_none() {
            let message = format!("resource {} depends on {name}, which is not there", resource.logical);
            return Err(Fault::new(*line, message));
        }
        found.insert(name.clone());
    }
    references(template, &resource.properties, &[], &mut found)?;
    Ok(found)
}

/// Notes every resource that a value names, and refuses names of nothing. `local` are the variables of a `Fn::Sub`.
pub(crate) fn references(
    template: &Template,
    node: &Node,
    local: &[&str],
    found: &mut BTreeSet<String>,
) -> Result<(), Fault> {
    let mut note = |name: &str, line: u32| {
        if template.resource(name).is_some() {
            found.insert(name.to_owned());
        } else if !name.starts_with("AWS::") && !template.parameters.iter().any(|entry| entry.key == name) {
            return Err(Fault::new(
                line,
                format!("{name} is neither a resource nor a parameter of this template"),
            ));
        }
        Ok(())
    };
    match node.intrinsic() {
        Some(("Ref", argument)) => {
            return argument.as_str().map_or(Ok(()), |name| note(name, argument.line));
        }
        Some(("Fn::GetAtt", argument)) => {
            let first = argument.as_list().and_then(|items| items.first()).unwrap_or(argument);
            let name = first.as_str().unwrap_or_default();
            let name = name.split('.').next().unwrap_or(name);
            if template.resource(name).is_none() {
                return Err(Fault::new(first.line, format!("{name} is no resource of this template")));
            }
            found.insert(name.to_owned());
            return argument
                .as_list()
                .unwrap_or_default()
                .iter()
                .skip(1)
                .try_for_each(|item| references(template, item, local, found));
        }
        Some(("Fn::Sub", argument)) => {
            let (text, variables) = match argument.as_list() {
                Some([text, variables]) => (text, Some(variables)),
                _ => (argument, None),
            };
            let own: Vec<&str> =
                variables.iter().flat_map(|map| map.entries()).map(|e| e.key.as_str()).collect();
            for name in placeholders(text.as_str().unwrap_or_default()) {
                let base = name.split('.').next().unwrap_or(name);
                if !own.contains(&name) && !local.contains(&name) {
                    note(base, text.line)?;
                }
            }
            return variables.map_or(Ok(()), |variables| references(template, variables, local, found));
        }
        _ => {}
    }
    match &node.value {
        Value::List(items) => items.iter().try_for_each(|item| references(template, item, local, found)),
        Value::Map(entries) => {
            entries.iter().try_for_each(|entry| references(template, &entry.value, local, found))
        }
        _ => Ok(()),
    }
}

/// The names in `${…}` of a text; `${!…}` is none.
pub(crate) fn placeholders(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        rest = &rest[at + 2..];
        let Some(end) = rest.find('}') else { break };
        let name = &rest[..end];
        if !name.starts_with('!') {
            names.push(name.trim());
        }
        rest = &rest[end + 1..];
    }
    names
}

/// The resources, each after those that it needs; otherwise in the order of the file.
pub(crate) fn in_order<'a>(
    template: &'a Template,
    wanted: &dyn Fn(&Resource) -> bool,
) -> Result<Vec<&'a Resource>, Fault> {
    let resources: Vec<&Resource> = template.resources.iter().filter(|resource| wanted(resource)).collect();
    let mut needs = BTreeMap::new();
    for resource in &resources {
        let own = dependencies(template, resource)?;
        let own: BTreeSet<String> =
            own.into_iter().filter(|name| resources.iter().any(|other| other.logical == *name)).collect();
        needs.insert(resource.logical.as_str(), own);
    }
    let mut ordered: Vec<&Resource> = Vec::new();
    while ordered.len() < resources.len() {
        let done = |name: &String| ordered.iter().any(|resource| resource.logical == *name);
        let next = resources.iter().find(|resource| {
            let name = resource.logical.as_str();
            !ordered.iter().any(|other| other.logical == name) && needs[name].iter().all(done)
        });
        let Some(next) = next else {
            let left: Vec<&&Resource> =
                resources.iter().filter(|resource| !done(&resource.logical)).collect();
            let names: Vec<&str> = left.iter().map(|resource| resource.logical.as_str()).collect();
            let line = left.first().map_or(0, |resource| resource.line);
            return Err(Fault::new(
                line,
                format!("Circular dependency between resources: [{}]", names.join(", ")),
            ));
        };
        ordered.push(next);
    }
    Ok(ordered)
}
