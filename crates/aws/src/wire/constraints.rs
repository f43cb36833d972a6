//! Constraints of the public models, and what the services say of a request that does not keep them: all of what is
//! wrong at once, in the order of the table.

use http::StatusCode;
use serde_json::{Map, Value};

use super::call::Call;
use super::error::AwsError;

/// What a member of a request must keep.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Constraint {
    /// It is there, where what it is a member of is.
    Required,
    /// A text of so many characters, or a list or map of so many members.
    Length(usize, usize),
    /// A whole number from the first to the second.
    Range(i64, i64),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// What matches the pattern, as the service writes it.
    Pattern(&'static str, fn(&str) -> bool),
    /// Anything, but what is said of it does not tell what it is.
    Sensitive,
}

/// A member by its path, as in `Targets[].Id`, and what it must keep.
pub(crate) type Member = (&'static str, &'static [Constraint]);

/// Checks a request of a JSON protocol: its body, and the parameters of its path under their names.
///
/// # Errors
/// `ValidationException` (400), which names all that is wrong; `SerializationException` for what is no JSON object.
pub(crate) fn check(call: &Call, members: &[Member]) -> Result<(), AwsError> {
    let mut request: Map<String, Value> = call.json()?;
    request.extend(call.path.0.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())));
    let request = Value::Object(request);
    let mut wrong = Vec::new();
    for (path, constraints) in members {
        let segments: Vec<&str> = path.split('.').collect();
        visit(&request, &segments, "", constraints, &mut wrong);
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let errors = if wrong.len() == 1 { "error" } else { "errors" };
    let message = format!("{} validation {errors} detected: {}", wrong.len(), wrong.join("; "));
    Err(AwsError::new("ValidationException", StatusCode::BAD_REQUEST, message))
}

/// Goes down a path, into every item of the lists on it.
fn visit(at: &Value, path: &[&str], shown: &str, constraints: &[Constraint], wrong: &mut Vec<String>) {
    let Some((segment, rest)) = path.split_first() else {
        let hidden = constraints.iter().any(|constraint| matches!(constraint, Constraint::Sensitive));
        let violations = constraints.iter().filter_map(|constraint| constraint.violation(at, shown, hidden));
        return wrong.extend(violations);
    };
    let (name, is_list) = segment.strip_suffix("[]").map_or((*segment, false), |name| (name, true));
    let dot = if shown.is_empty() { "" } else { "." };
    let shown = format!("{shown}{dot}{}", camel(name));
    let value = at.get(name).unwrap_or(&Value::Null);
    if is_list {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            visit(item, rest, &format!("{shown}.{}.member", index + 1), constraints, wrong);
        }
    } else if rest.is_empty() || !value.is_null() {
        visit(value, rest, &shown, constraints, wrong);
    }
}

impl Constraint {
    fn violation(self, value: &Value, name: &str, hidden: bool) -> Option<String> {
        let says = |constraint: String| {
            let value = match value.as_str() {
                _ if hidden => String::new(),
                Some(text) => format!(" '{text}'"),
                None => format!(" '{value}'"),
            };
            Some(format!("Value{value} at '{name}' failed to satisfy constraint: Member must {constraint}"))
        };
        match self {
            Self::Required if value.is_null() => {
                Some(format!("Value null at '{name}' failed to satisfy constraint: Member must not be null"))
            }
            Self::Length(least, most) => {
                let length = match value {
                    Value::String(text) => text.chars().count(),
                    Value::Array(items) => items.len(),
                    Value::Object(members) => members.len(),
                    _ => return None,
                };
                match length {
                    length if length > most => says(format!("have length less than or equal to {most}")),
                    length if length < least => says(format!("have length greater than or equal to {least}")),
                    _ => None,
                }
            }
            Self::Range(least, most) => match value.as_i64()? {
                number if number > most => says(format!("have value less than or equal to {most}")),
                number if number < least => says(format!("have value greater than or equal to {least}")),
                _ => None,
            },
            Self::OneOf(values) if !values.contains(&value.as_str()?) => {
                says(format!("satisfy enum value set: [{}]", values.join(", ")))
            }
            Self::Pattern(pattern, matches) if !matches(value.as_str()?) => {
                says(format!("satisfy regular expression pattern: {pattern}"))
            }
            Self::Required | Self::OneOf(_) | Self::Pattern(..) | Self::Sensitive => None,
        }
    }
}

/// The name of a member as messages have it: its first letter is small.
fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MEMBERS: &[Member] = &[
        ("Name", &[Constraint::Required, Constraint::Pattern("[a-z]+", lower), Constraint::Length(1, 4)]),
        ("State", &[Constraint::OneOf(&["ON", "OFF"])]),
        ("Secret", &[Constraint::Sensitive, Constraint::Length(1, 3)]),
        ("Targets", &[Constraint::Length(1, 2)]),
        ("Targets[].Id", &[Constraint::Required]),
        ("Targets[].Retry.MaximumAttempts", &[Constraint::Range(0, 185)]),
        ("Window.Mode", &[Constraint::Required]),
    ];

    fn lower(text: &str) -> bool {
        text.bytes().all(|byte| byte.is_ascii_lowercase())
    }

    #[track_caller]
    fn check(request: &Value, expected: &[&str]) {
        let mut wrong = Vec::new();
        for (path, constraints) in MEMBERS {
            let segments: Vec<&str> = path.split('.').collect();
            visit(request, &segments, "", constraints, &mut wrong);
        }
        let said: Vec<String> =
            wrong.iter().map(|text| text.replace("failed to satisfy constraint: ", "")).collect();
        assert_eq!(said, expected, "{request}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        check(&json!({ "Name": "abc", "Targets": [{ "Id": "1" }], "State": "ON" }), &[]);
        check(&json!({}), &["Value null at 'name' Member must not be null"]);
        check(
            &json!({ "Name": "abc", "Secret": "hush" }),
            &["Value at 'secret' Member must have length less than or equal to 3"],
        );
        check(
            &json!({ "Name": "A b c d" }),
            &[
                "Value 'A b c d' at 'name' Member must satisfy regular expression pattern: [a-z]+",
                "Value 'A b c d' at 'name' Member must have length less than or equal to 4",
            ],
        );
        check(
            &json!({ "Name": "a", "State": "x", "Targets": [{ "Id": "1" }, { "Retry": { "MaximumAttempts": 186 } }] }),
            &[
                "Value 'x' at 'state' Member must satisfy enum value set: [ON, OFF]",
                "Value null at 'targets.2.member.id' Member must not be null",
                "Value '186' at 'targets.2.member.retry.maximumAttempts' Member must have value less than or equal to 185",
            ],
        );
        check(
            &json!({ "Name": "a", "Targets": [], "Window": {} }),
            &[
                "Value '[]' at 'targets' Member must have length greater than or equal to 1",
                "Value null at 'window.mode' Member must not be null",
            ],
        );
    }
}
