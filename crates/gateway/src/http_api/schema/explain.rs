//! What is wrong with a body, in the words of the service: `$context.error.validationErrorString`.
//!
//! Source: API Gateway developer guide, "Variables for data models and mapping templates"; the words are those of the
//! validator json-schema-validator, which answers recorded from the service show (2026-11). What has no words here is told
//! as the part of the schema that does not hold.

use serde_json::{Map, Value};

use super::{Check, Resolve, of_type, within};

/// All that is wrong with a value, as a list in brackets.
pub(crate) fn explain(schema: &Value, value: &Value, resolve: Resolve<'_>) -> String {
    let mut said = Vec::new();
    Check { root: schema, resolve }.explain(schema, value, &mut said);
    format!("[{}]", said.join(", "))
}

impl Check<'_> {
    fn explain(&self, schema: &Value, value: &Value, said: &mut Vec<String>) {
        let Value::Object(own) = schema else { return };
        if self.valid(schema, value, 0) {
            return;
        }
        let before = said.len();
        if let Some(pointer) = own.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#')) {
            if let Some(schema) = self.root.pointer(pointer) {
                self.explain(schema, value, said);
            }
        } else if of_type(own, value) {
            self.explain_members(own, value, said);
        } else {
            let allowed = match own.get("type") {
                Some(Value::Array(names)) => Value::Array(names.clone()),
                name => Value::Array(name.cloned().into_iter().collect()),
            };
            said.push(format!(
                "instance type ({}) does not match any allowed primitive type (allowed: {allowed})",
                type_of(value)
            ));
        }
        if said.len() == before {
            said.push(format!("instance {value} does not match schema {schema}"));
        }
    }

    fn explain_members(&self, schema: &Map<String, Value>, value: &Value, said: &mut Vec<String>) {
        if let Some(Value::Array(all)) = schema.get("enum")
            && !all.contains(value)
        {
            let all = Value::Array(all.clone());
            said.push(format!("instance value ({value}) not found in enum (possible values: {all})"));
        }
        match value {
            Value::Object(members) => self.explain_object(schema, members, said),
            Value::Array(items) => {
                let item = schema.get("items").filter(|schema| schema.is_object());
                items.iter().for_each(|one| item.into_iter().for_each(|item| self.explain(item, one, said)));
            }
            Value::String(text) => explain_string(schema, text, said),
            Value::Number(_) => explain_number(schema, value, said),
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn explain_object(
        &self,
        schema: &Map<String, Value>,
        members: &Map<String, Value>,
        said: &mut Vec<String>,
    ) {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let missing: Value = required
            .filter(|name| name.as_str().is_some_and(|name| !members.contains_key(name)))
            .cloned()
            .collect();
        if missing.as_array().is_some_and(|missing| !missing.is_empty()) {
            said.push(format!("object has missing required properties ({missing})"));
        }
        let nothing = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        for (name, member) in members {
            properties.get(name).into_iter().for_each(|schema| self.explain(schema, member, said));
        }
        if schema.get("additionalProperties") == Some(&Value::Bool(false))
            && !schema.contains_key("patternProperties")
        {
            let others: Value =
                members.keys().filter(|name| !properties.contains_key(*name)).cloned().collect();
            if others.as_array().is_some_and(|others| !others.is_empty()) {
                said.push(format!(
                    "object instance has properties which are not allowed by the schema: {others}"
                ));
            }
        }
    }
}

fn explain_string(schema: &Map<String, Value>, text: &str, said: &mut Vec<String>) {
    let length = text.chars().count();
    let shown = Value::from(text);
    for (bound, word, which) in [("minLength", "short", "minimum"), ("maxLength", "long", "maximum")] {
        let own = Map::from_iter(schema.get(bound).map(|limit| (bound.to_owned(), limit.clone())));
        if !within(&own, "minLength", "maxLength", length) {
            let limit = &schema[bound];
            said.push(format!("string {shown} is too {word} (length: {length}, required {which}: {limit})"));
        }
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
        && !super::matches(pattern, text)
    {
        let pattern = Value::from(pattern);
        said.push(format!("ECMA 262 regex {pattern} does not match input string {shown}"));
    }
}

fn explain_number(schema: &Map<String, Value>, value: &Value, said: &mut Vec<String>) {
    let own = value.as_f64().unwrap_or_default();
    for (bound, word, beyond) in
        [("minimum", "lower", f64::lt as fn(&f64, &f64) -> bool), ("maximum", "greater", f64::gt)]
    {
        if let Some(limit) =
            schema.get(bound).filter(|limit| limit.as_f64().is_some_and(|it| beyond(&own, &it)))
        {
            said.push(format!(
                "numeric instance is {word} than the required {bound} ({bound}: {limit}, found: {value})"
            ));
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_the_service() {
        let schema = json!({
            "type": "object", "required": ["name", "kind"], "additionalProperties": false,
            "definitions": { "age": { "type": "integer", "minimum": 0 } },
            "properties": {
                "name": { "type": "string", "minLength": 2, "pattern": "^[a-z]+$" }, "kind": { "enum": ["a", "b"] },
                "age": { "$ref": "#/definitions/age" }, "tags": { "type": "array", "items": { "type": "string" } },
                "odd": { "not": { "type": "string" } },
            },
        });
        for (value, expected) in [
            (json!({ "name": "rex", "kind": "a" }), "[]"),
            (json!({}), r#"[object has missing required properties (["name","kind"])]"#),
            (
                json!({ "name": 1, "kind": "a" }),
                r#"[instance type (integer) does not match any allowed primitive type (allowed: ["string"])]"#,
            ),
            (
                json!({ "name": "X", "kind": "c" }),
                r#"[instance value ("c") not found in enum (possible values: ["a","b"]), string "X" is too short (length: 1, required minimum: 2), ECMA 262 regex "^[a-z]+$" does not match input string "X"]"#,
            ),
            (
                json!({ "name": "rex", "kind": "a", "age": -1 }),
                "[numeric instance is lower than the required minimum (minimum: 0, found: -1)]",
            ),
            (
                json!({ "name": "rex", "kind": "a", "tags": [true], "more": 1 }),
                r#"[instance type (boolean) does not match any allowed primitive type (allowed: ["string"]), object instance has properties which are not allowed by the schema: ["more"]]"#,
            ),
            (
                json!({ "name": "rex", "kind": "a", "odd": "x" }),
                r#"[instance "x" does not match schema {"not":{"type":"string"}}]"#,
            ),
        ] {
            assert_eq!(explain(&schema, &value, &|_| None), expected, "{value}");
        }
    }
}
