//! JSON schema as far as models of APIs use it: draft 4, with the numbers of later drafts.
//!
//! Source: JSON Schema Validation, draft-fge-json-schema-validation-00; API Gateway developer guide, "Data models for
//! REST APIs" (2026-11). Formats are not checked, nor are they there.

mod explain;

use std::collections::HashSet;

use serde_json::{Map, Value};

pub(crate) use explain::explain;

/// How deep references may lead into each other.
const DEPTH: usize = 64;

/// Says what a reference to another document stands for.
pub(crate) type Resolve<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// Whether a value is what a schema says. A schema that makes no sense lets nothing through.
pub(crate) fn is_valid(schema: &Value, value: &Value, resolve: Resolve<'_>) -> bool {
    Check { root: schema, resolve }.valid(schema, value, 0)
}

struct Check<'a> {
    root: &'a Value,
    resolve: Resolve<'a>,
}

impl Check<'_> {
    fn valid(&self, schema: &Value, value: &Value, depth: usize) -> bool {
        if depth > DEPTH {
            return false;
        }
        let schema = match schema {
            Value::Bool(all) => return *all,
            Value::Object(schema) => schema,
            _ => return false,
        };
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return self.referred(reference, value, depth);
        }
        let same = match value {
            Value::Object(members) => self.object(schema, members, depth),
            Value::Array(items) => self.array(schema, items, depth),
            Value::String(text) => string(schema, text),
            Value::Number(_) => value.as_f64().is_some_and(|own| number(schema, own)),
            Value::Bool(_) | Value::Null => true,
        };
        same && of_type(schema, value)
            && schema.get("enum").is_none_or(|all| all.as_array().is_some_and(|all| all.contains(value)))
            && schema.get("const").is_none_or(|own| own == value)
            && self.combined(schema, value, depth)
    }

    fn referred(&self, reference: &str, value: &Value, depth: usize) -> bool {
        let local = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        match local {
            Some(schema) => self.valid(schema, value, depth + 1),
            None => match (self.resolve)(reference) {
                Some(schema) => {
                    Check { root: &schema, resolve: self.resolve }.valid(&schema, value, depth + 1)
                }
                None => false,
            },
        }
    }

    fn combined(&self, schema: &Map<String, Value>, value: &Value, depth: usize) -> bool {
        let count = |name: &str| {
            let all = schema.get(name)?.as_array()?;
            Some((all.iter().filter(|one| self.valid(one, value, depth + 1)).count(), all.len()))
        };
        count("allOf").is_none_or(|(valid, all)| valid == all)
            && count("anyOf").is_none_or(|(valid, _)| valid > 0)
            && count("oneOf").is_none_or(|(valid, _)| valid == 1)
            && schema.get("not").is_none_or(|not| !self.valid(not, value, depth + 1))
    }

    fn object(&self, schema: &Map<String, Value>, members: &Map<String, Value>, depth: usize) -> bool {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        if required.filter_map(Value::as_str).any(|name| !members.contains_key(name)) {
            return false;
        }
        if !within(schema, "minProperties", "maxProperties", members.len()) {
            return false;
        }
        for (name, needs) in schema.get("dependencies").and_then(Value::as_object).into_iter().flatten() {
            let holds = match needs {
                Value::Array(all) => {
                    all.iter().filter_map(Value::as_str).all(|other| members.contains_key(other))
                }
                schema => self.valid(schema, &Value::Object(members.clone()), depth + 1),
            };
            if members.contains_key(name) && !holds {
                return false;
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let patterns: Vec<_> =
            schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten().collect();
        members.iter().all(|(name, value)| {
            let named = properties.and_then(|properties| properties.get(name));
            let matching: Vec<_> = patterns.iter().filter(|(pattern, _)| matches(pattern, name)).collect();
            let known = named.is_some() || !matching.is_empty();
            named.is_none_or(|schema| self.valid(schema, value, depth + 1))
                && matching.iter().all(|(_, schema)| self.valid(schema, value, depth + 1))
                && (known
                    || schema.get("additionalProperties").is_none_or(|own| self.valid(own, value, depth + 1)))
        })
    }

    fn array(&self, schema: &Map<String, Value>, items: &[Value], depth: usize) -> bool {
        let every =
            |schema: &Value, items: &[Value]| items.iter().all(|item| self.valid(schema, item, depth + 1));
        let fitting = match schema.get("items") {
            None => true,
            Some(Value::Array(schemas)) => {
                let rest = items.get(schemas.len()..).unwrap_or_default();
                schemas.iter().zip(items).all(|(schema, item)| self.valid(schema, item, depth + 1))
                    && schema.get("additionalItems").is_none_or(|own| every(own, rest))
            }
            Some(schema) => every(schema, items),
        };
        let unique = schema.get("uniqueItems") != Some(&Value::Bool(true)) || {
            let mut seen = HashSet::new();
            items.iter().all(|item| seen.insert(item.to_string()))
        };
        fitting && unique && within(schema, "minItems", "maxItems", items.len())
    }
}

fn of_type(schema: &Map<String, Value>, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|own| own.fract() == 0.0),
        _ => false,
    };
    match schema.get("type") {
        None => true,
        Some(Value::String(name)) => is(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(is),
        Some(_) => false,
    }
}

fn string(schema: &Map<String, Value>, text: &str) -> bool {
    let pattern = schema.get("pattern").is_none_or(|own| own.as_str().is_some_and(|own| matches(own, text)));
    pattern && within(schema, "minLength", "maxLength", text.chars().count())
}

/// Bounds are the limit itself, or beyond it where a flag (draft 4) or a number of its own (later) says so.
fn number(schema: &Map<String, Value>, own: f64) -> bool {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let flag = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    let least = |least: f64| own > least || (own >= least && !flag("exclusiveMinimum"));
    let most = |most: f64| own < most || (own <= most && !flag("exclusiveMaximum"));
    let whole = |part: f64| part > 0.0 && ((own / part) - (own / part).round()).abs() < 1e-9;
    bound("minimum").is_none_or(least)
        && bound("maximum").is_none_or(most)
        && bound("exclusiveMinimum").is_none_or(|least| own > least)
        && bound("exclusiveMaximum").is_none_or(|most| own < most)
        && bound("multipleOf").is_none_or(whole)
}

fn within(schema: &Map<String, Value>, least: &str, most: &str, own: usize) -> bool {
    let own = own as u64;
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    bound(least).is_none_or(|least| own >= least) && bound(most).is_none_or(|most| own <= most)
}

fn matches(pattern: &str, text: &str) -> bool {
    regex_lite::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: &Value, valid: &[Value], invalid: &[Value]) {
        let resolve = |name: &str| (name == "https://m/Name").then(|| json!({ "type": "string" }));
        for (values, expected) in [(valid, true), (invalid, false)] {
            for value in values {
                assert_eq!(is_valid(schema, value, &resolve), expected, "{schema} {value}");
            }
        }
    }

    #[test]
    fn objects_and_arrays() {
        let pet = json!({
            "$schema": "http://json-schema.org/draft-04/schema#",
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": { "type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$" },
                "age": { "type": "integer", "minimum": 0, "maximum": 20, "exclusiveMaximum": true },
                "tags": { "type": "array", "items": { "enum": ["a", "b"] }, "uniqueItems": true, "maxItems": 2 },
            },
            "additionalProperties": false,
        });
        check(
            &pet,
            &[json!({ "name": "rex" }), json!({ "name": "rex", "age": 19.0, "tags": ["a", "b"] })],
            &[
                json!({}),
                json!([]),
                json!({ "name": 1 }),
                json!({ "name": "r" }),
                json!({ "name": "Rex" }),
                json!({ "name": "rexxx" }),
                json!({ "name": "rex", "age": 20 }),
                json!({ "name": "rex", "age": 1.5 }),
                json!({ "name": "rex", "tags": ["a", "a"] }),
                json!({ "name": "rex", "tags": ["c"] }),
                json!({ "name": "rex", "other": 1 }),
            ],
        );
        let tuple =
            json!({ "items": [{ "type": "string" }, { "type": "number" }], "additionalItems": false });
        check(&tuple, &[json!(["a", 1]), json!(["a"])], &[json!([1]), json!(["a", 1, 2])]);
        let named = json!({ "patternProperties": { "^x-": { "type": "string" } }, "minProperties": 1 });
        check(&named, &[json!({ "x-a": "1" }), json!({ "b": 1 })], &[json!({ "x-a": 1 }), json!({})]);
        check(&json!({ "dependencies": { "a": ["b"] } }), &[json!({ "a": 1, "b": 2 })], &[json!({ "a": 1 })]);
    }

    #[test]
    fn combinations_and_references() {
        let either = json!({ "oneOf": [{ "type": "string" }, { "type": "number", "multipleOf": 5 }], "not": { "const": "no" } });
        check(&either, &[json!("yes"), json!(10)], &[json!("no"), json!(7)]);
        check(
            &json!({ "anyOf": [{ "type": "null" }, { "type": ["boolean"] }] }),
            &[json!(null)],
            &[json!(1)],
        );
        check(
            &json!({ "allOf": [{ "minimum": 1 }, { "exclusiveMaximum": 3 }] }),
            &[json!(1)],
            &[json!(3), json!(0)],
        );
        let tree = json!({
            "definitions": { "node": { "properties": { "next": { "$ref": "#/definitions/node" }, "v": { "type": "number" } } } },
            "$ref": "#/definitions/node",
        });
        check(
            &tree,
            &[json!({ "v": 1, "next": { "v": 2 } })],
            &[json!({ "next": { "next": { "v": "x" } } })],
        );
        check(&json!({ "$ref": "https://m/Name" }), &[json!("x")], &[json!(1)]);
        check(&json!({ "$ref": "https://m/Other" }), &[], &[json!("x")]);
        check(&json!({ "$ref": "#" }), &[], &[json!("endless")]);
    }
}
