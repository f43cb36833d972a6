//! The slow and obviously right way to match: write the event out as a list of fields, write the pattern out as
//! alternatives without `$or`, and try every choice of fields.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::pattern::Pattern;

/// A value of the event, where it stands, and which element it took of each array above it.
struct Flat<'a> {
    path: Vec<String>,
    elements: BTreeMap<Vec<usize>, usize>,
    value: &'a Value,
}

/// A leaf of the pattern.
type Wanted<'a> = (Vec<String>, &'a Vec<Value>);

pub(super) fn matches(pattern: &Value, event: &Value) -> bool {
    let mut fields = Vec::new();
    flatten(event, &mut Vec::new(), &mut Vec::new(), &BTreeMap::new(), &mut fields);
    expand(pattern, &[]).iter().any(|leaves| choose(leaves, &fields, &BTreeMap::new()))
}

/// `place` tells arrays apart: by the members and the elements on the way to them.
fn flatten<'a>(
    value: &'a Value,
    path: &mut Vec<String>,
    place: &mut Vec<usize>,
    elements: &BTreeMap<Vec<usize>, usize>,
    fields: &mut Vec<Flat<'a>>,
) {
    match value {
        Value::Object(object) => {
            for (at, (name, value)) in object.iter().enumerate() {
                path.push(name.clone());
                place.push(at);
                flatten(value, path, place, elements, fields);
                place.pop();
                path.pop();
            }
        }
        Value::Array(array) => {
            for (at, value) in array.iter().enumerate() {
                let mut elements = elements.clone();
                elements.insert(place.clone(), at);
                place.push(at);
                flatten(value, path, place, &elements, fields);
                place.pop();
            }
        }
        value => fields.push(Flat { path: path.clone(), elements: elements.clone(), value }),
    }
}

fn expand<'a>(pattern: &'a Value, path: &[String]) -> Vec<Vec<Wanted<'a>>> {
    let Value::Object(object) = pattern else {
        let Value::Array(tests) = pattern else { panic!("a pattern has no {pattern}") };
        return vec![vec![(path.to_vec(), tests)]];
    };
    let mut all: Vec<Vec<Wanted<'a>>> = vec![Vec::new()];
    for (name, value) in object {
        let each: Vec<Vec<Wanted<'a>>> = if name == "$or" {
            value.as_array().expect("alternatives").iter().flat_map(|one| expand(one, path)).collect()
        } else {
            expand(value, &[path, std::slice::from_ref(name)].concat())
        };
        all = all
            .iter()
            .flat_map(|before| each.iter().map(move |more| [before.as_slice(), more.as_slice()].concat()))
            .collect();
    }
    all
}

fn choose(leaves: &[Wanted<'_>], fields: &[Flat<'_>], chosen: &BTreeMap<Vec<usize>, usize>) -> bool {
    let Some(((path, tests), rest)) = leaves.split_first() else { return true };
    let here = || fields.iter().filter(|field| field.path == *path);
    let absent = serde_json::json!({"exists": false});
    if tests.contains(&absent) && here().next().is_none() && choose(rest, fields, chosen) {
        return true;
    }
    here().any(|field| {
        let consistent =
            field.elements.iter().all(|(array, at)| chosen.get(array).is_none_or(|other| other == at));
        let mut together = chosen.clone();
        together.extend(field.elements.clone());
        consistent && passes(tests, field.value) && choose(rest, fields, &together)
    })
}

/// By the pattern of a single field, which the tables cover.
fn passes(tests: &[Value], value: &Value) -> bool {
    let pattern = serde_json::json!({ "v": tests });
    Pattern::from_value(&pattern).expect("a pattern").matches(&serde_json::json!({ "v": value }))
}
