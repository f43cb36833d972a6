//! What a target gets: the event, a part of it, a constant, or a text made of parts of it.
//!
//! Source: EventBridge user guide, "Amazon EventBridge input transformation" (2026-11).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::path::Path;

/// What a target gets of an event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Input {
    /// The event.
    #[default]
    Whole,
    /// Always this text.
    Constant(String),
    /// The value at this path.
    Path(String),
    /// A template with the values at some paths in it.
    Transformer {
        /// Paths by the names that the template uses.
        paths: BTreeMap<String, String>,
        /// Text or JSON with `<name>` where values go.
        template: String,
    },
}

/// What templates may use besides the values of their paths.
#[derive(Debug)]
pub(super) struct Reserved<'a> {
    pub(super) rule_arn: &'a str,
    pub(super) rule_name: &'a str,
    /// When the bus took the event, as RFC 3339.
    pub(super) ingestion_time: &'a str,
}

impl Input {
    /// Checks paths and placeholders, for the target of this id.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub(super) fn check(&self, target: &str) -> Result<(), String> {
        let path = |path: &str| Path::parse(path).map(drop).ok_or(format!("Invalid JSON path: {path}"));
        match self {
            Self::Whole => Ok(()),
            Self::Constant(text) => serde_json::from_str::<serde::de::IgnoredAny>(text)
                .map(drop)
                .map_err(|_| format!("Input {text} is not valid JSON")),
            Self::Path(text) => path(text),
            Self::Transformer { paths, template } => {
                if paths.len() > 100 {
                    return Err("InputPathsMap has more than 100 members".to_owned());
                }
                for (name, text) in paths {
                    if name.is_empty() || name.starts_with("aws") {
                        return Err(format!("InputPathsMap has a name that is reserved: {name}"));
                    }
                    path(text)?;
                }
                let unknown = placeholders(template).into_iter().find(|name| !known(name, paths));
                unknown.map_or(Ok(()), |name| {
                    Err(format!("InputTemplate for target {target} contains invalid placeholder {name}."))
                })
            }
        }
    }

    /// The text that the target gets; `text` is the event as it was accepted.
    pub(super) fn of(&self, event: &Value, text: &str, reserved: &Reserved<'_>) -> String {
        match self {
            Self::Whole => text.to_owned(),
            Self::Constant(text) => text.clone(),
            Self::Path(path) => {
                let value = Path::parse(path).and_then(|path| path.get(event));
                value.unwrap_or_default().to_string()
            }
            Self::Transformer { paths, template } => {
                let find = |name: &str| match name {
                    "aws.events.rule-arn" => Some(reserved.rule_arn.into()),
                    "aws.events.rule-name" => Some(reserved.rule_name.into()),
                    "aws.events.event.ingestion-time" => Some(reserved.ingestion_time.into()),
                    "aws.events.event.json" => Some(event.clone()),
                    // Without the detail, as the documentation has it.
                    "aws.events.event" => {
                        let mut event = event.clone();
                        if let Value::Object(members) = &mut event {
                            members.remove("detail");
                            // Of the members only this one is called otherwise here.
                            let detail_type = members.remove("detail-type");
                            members.extend(detail_type.map(|value| ("detailType".to_owned(), value)));
                        }
                        Some(event)
                    }
                    _ => Path::parse(paths.get(name)?)?.get(event),
                };
                fill(template, find)
            }
        }
    }
}

fn known(name: &str, paths: &BTreeMap<String, String>) -> bool {
    paths.contains_key(name)
        || matches!(
            name,
            "aws.events.rule-arn"
                | "aws.events.rule-name"
                | "aws.events.event.ingestion-time"
                | "aws.events.event.json"
                | "aws.events.event"
        )
}

/// Puts values in the place of `<name>`. Within quotes a text goes in without its own, and anything else with its
/// quotes escaped, or without them where the template is a text; outside of quotes values go in as JSON. What has no
/// value leaves nothing behind.
fn fill(template: &str, find: impl Fn(&str) -> Option<Value>) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut quoted = false;
    let is_text = template.trim_start().starts_with('"');
    let mut rest = template;
    while let Some(character) = rest.chars().next() {
        if let Some((name, after)) = placeholder(rest) {
            match find(name) {
                Some(Value::String(text)) if quoted => filled.push_str(&escaped(&text)),
                Some(value) if quoted && is_text => filled.push_str(&value.to_string().replace('"', "")),
                Some(value) if quoted => filled.push_str(&escaped(&value.to_string())),
                Some(value) => filled.push_str(&value.to_string()),
                None if quoted => {}
                None => filled.push_str("\"\""),
            }
            rest = after;
            continue;
        }
        let width = if character == '\\' {
            1 + rest[1..].chars().next().map_or(0, char::len_utf8)
        } else {
            character.len_utf8()
        };
        quoted ^= character == '"';
        filled.push_str(&rest[..width]);
        rest = &rest[width..];
    }
    filled
}

/// `<name>` at the beginning: the name, and what follows.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix('<')?.split_once('>')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, rest))
}

fn placeholders(template: &str) -> Vec<&str> {
    let starts = template.match_indices('<').map(|(at, _)| &template[at..]);
    starts.filter_map(|text| placeholder(text).map(|(name, _)| name)).collect()
}

/// A text as it stands within quotes of JSON.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(paths: &[(&str, &str)], template: &str, expected: &str) {
        let event = json!({
            "id": "1", "detail-type": "placed", "resources": ["r0", "r1"],
            "detail": {"total": 50, "who": "y \"z\"", "items": [{"n": 1}, {"n": 2}], "flag": true, "none": null},
        });
        let paths = paths.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect();
        let input = Input::Transformer { paths, template: template.to_owned() };
        assert_eq!(input.check("t"), Ok(()), "{template}");
        let reserved =
            Reserved { rule_arn: "arn:rule", rule_name: "rule", ingestion_time: "2026-11-25T00:00:00Z" };
        assert_eq!(input.of(&event, &event.to_string(), &reserved), expected, "{template}");
    }

    #[test]
    fn values_go_where_their_names_stand() {
        let paths = [
            ("t", "$.detail.total"),
            ("w", "$.detail.who"),
            ("r", "$.resources[1]"),
            ("d", "$.detail-type"),
            ("all", "$.detail.items[*].n"),
            ("first", "$.detail['items'][0]"),
            ("x", "$.detail.missing"),
            ("f", "$.detail.flag"),
            ("n", "$.detail.none"),
        ];
        check(&paths, r#"{"total": <t>, "text": "from <w>"}"#, r#"{"total": 50, "text": "from y \"z\""}"#);
        check(
            &paths,
            r#"{"who": <w>, "d": <d>, "f": <f>, "n": <n>}"#,
            r#"{"who": "y \"z\"", "d": "placed", "f": true, "n": null}"#,
        );
        check(&paths, r#""<d> at <r>, <t> items""#, r#""placed at r1, 50 items""#);
        check(&paths, r#"{"all": <all>, "first": <first>}"#, r#"{"all": [1,2], "first": {"n":1}}"#);
        check(&paths, r#"{"first": "<first>"}"#, r#"{"first": "{\"n\":1}"}"#);
        check(&paths, r#""<first> of <all>""#, r#""{n:1} of [1,2]""#);
        check(&paths, r#"{"gone": "<x>", "bare": <x>}"#, r#"{"gone": "", "bare": ""}"#);
        check(
            &paths,
            r#"{"quote": "\"<d>\"", "less": "1 < 2 <t>"}"#,
            r#"{"quote": "\"placed\"", "less": "1 < 2 50"}"#,
        );
        check(
            &[],
            r#"{"r": <aws.events.rule-name>, "at": "<aws.events.event.ingestion-time>"}"#,
            r#"{"r": "rule", "at": "2026-11-25T00:00:00Z"}"#,
        );
        check(&[], "<aws.events.event>", r#"{"detailType":"placed","id":"1","resources":["r0","r1"]}"#);
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let transformer = |path: &str, template: &str| Input::Transformer {
            paths: [("a".to_owned(), path.to_owned())].into(),
            template: template.to_owned(),
        };
        assert!(
            transformer("$.x", "\"<b>\"").check("t").is_err_and(|error| error.contains("placeholder b."))
        );
        assert!(transformer("x", "\"<a>\"").check("t").is_err());
        assert!(Input::Path("$.".to_owned()).check("t").is_err());
        assert!(Input::Constant("{".to_owned()).check("t").is_err());
        assert_eq!(Input::Path("$.detail".to_owned()).check("t"), Ok(()));
    }
}
