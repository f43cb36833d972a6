//! The transform `AWS::Include`: parts of a template that are elsewhere.
//!
//! Source: CloudFormation user guide, "AWS::Include transform" (2026-11). `Fn::Transform` in a map stands for the entries
//! of what it includes; one that is the whole of a map, for that.

use super::node::{Entry, Fault, Node, Value};

const KEY: &str = "Fn::Transform";
const NAME: &str = "AWS::Include";

/// Gives what is at a location; none leaves it for whoever looks next.
pub(crate) type Load<'a> = &'a mut dyn FnMut(&str, u32) -> Result<Option<Node>, Fault>;

/// The locations of everything that a template includes.
pub(crate) fn locations(root: &Node) -> Vec<String> {
    let mut found = Vec::new();
    // What is only looked at is never replaced.
    let _ = included(root.clone(), &mut |location, _| {
        found.push(location.to_owned());
        Ok(None)
    });
    found
}

/// A template with what `load` gives in its place.
pub(crate) fn included(root: Node, load: Load<'_>) -> Result<Node, Fault> {
    let line = root.line;
    let value = match root.value {
        Value::List(items) => {
            Value::List(items.into_iter().map(|item| included(item, load)).collect::<Result<_, _>>()?)
        }
        Value::Map(entries) => {
            let mut made = Vec::new();
            for entry in entries {
                // At the top the section is called `Transform`.
                let location = match entry.key.as_str() {
                    KEY | "Transform" => location(&entry)?,
                    _ => None,
                };
                let part = match location {
                    Some(location) => load(&location, entry.line)?,
                    None => None,
                };
                match part.map(|part| included(part, load)).transpose()? {
                    Some(Node { value: Value::Map(part), .. }) => merge(&mut made, part),
                    Some(part) if made.is_empty() => return Ok(part),
                    Some(_) => {
                        return Err(Fault::new(entry.line, "what is included beside others must be a map"));
                    }
                    None if entry.key == "Transform" => made.push(entry),
                    None => made.push(Entry { value: included(entry.value, load)?, ..entry }),
                }
            }
            Value::Map(made)
        }
        other => other,
    };
    Ok(Node { line, value })
}

/// What is written down in the template itself counts.
fn merge(made: &mut Vec<Entry>, part: Vec<Entry>) {
    for entry in part {
        if !made.iter().any(|known| known.key == entry.key) {
            made.push(entry);
        }
    }
}

/// Where the part is that an entry includes; none where it is a transform of another kind.
fn location(entry: &Entry) -> Result<Option<String>, Fault> {
    if entry.value.get("Name").and_then(Node::as_str) != Some(NAME) {
        return Ok(None);
    }
    let given = entry.value.get("Parameters").and_then(|parameters| parameters.get("Location"));
    let location = given.and_then(Node::as_str);
    location
        .map(|text| Some(text.to_owned()))
        .ok_or_else(|| Fault::new(entry.line, "AWS::Include needs a Location that is a text"))
}

/// Refuses what is still to be transformed.
pub(super) fn check(root: &Node) -> Result<(), Fault> {
    let unknown = |entry: &Entry| {
        let name = entry.value.get("Name").and_then(Node::as_str).unwrap_or_default();
        Fault::new(entry.line, format!("the transform {name} is not built yet in ebb"))
    };
    for entry in root.entries() {
        if entry.key == KEY {
            return Err(unknown(entry));
        }
        check(&entry.value)?;
    }
    root.as_list().unwrap_or_default().iter().try_for_each(check)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::parse;

    fn check_included(template: &str, expected: &str) {
        let mut load = |location: &str, _| Ok((location == "part").then(|| parse("{A: 1, B: 2}").unwrap()));
        let made = included(parse(template).unwrap(), &mut load).unwrap();
        assert_eq!(made.to_json().to_string(), expected, "{template}");
    }

    #[test]
    fn parts_take_the_place_of_what_includes_them() {
        let include = "{Name: 'AWS::Include', Parameters: {Location: part}}";
        check_included(&format!("{{X: {{Fn::Transform: {include}}}}}"), r#"{"X":{"A":1,"B":2}}"#);
        check_included(&format!("{{X: {{A: 0, Fn::Transform: {include}}}}}"), r#"{"X":{"A":0,"B":2}}"#);
        check_included(&format!("{{Transform: {include}, R: 1}}"), r#"{"A":1,"B":2,"R":1}"#);
        check_included("{Transform: 'AWS::Other'}", r#"{"Transform":"AWS::Other"}"#);
    }

    #[test]
    fn what_nobody_includes_is_refused() {
        let template = parse("R:\n  Fn::Transform: {Name: Mine}\n").unwrap();
        assert!(check(&template).unwrap_err().to_string().contains("Mine"));
    }
}
