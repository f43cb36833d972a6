//! Patterns of JSON events: `{ $.level = "error" && $.code >= 500 }`.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use super::InvalidPattern;
use super::cursor::{Cursor, show_quoted};
use super::expression::Expression;
use super::operand::Test;

/// A condition on a JSON document.
pub(super) type Condition = Expression<Property>;

/// A property that is selected, and what it must be.
#[derive(Debug, Clone)]
pub(super) struct Property {
    path: Vec<Step>,
    is: Is,
}

/// A step of a selector: `.name`, `["name"]`, `[0]`, or `.*` and `[*]`, which are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
    Every,
}

#[derive(Debug, Clone)]
enum Is {
    Compared(Test),
    Null,
    Boolean(bool),
    Absent,
}

pub(super) fn parse(text: &str) -> Result<Condition, InvalidPattern> {
    let mut cursor = Cursor::new(text);
    let condition = Expression::read(&mut cursor, &Property::read)?;
    cursor.skip_spaces();
    if cursor.is_empty() { Ok(condition) } else { Err(cursor.unexpected()) }
}

/// Whether the message is a JSON document on which the condition holds.
pub(super) fn matches(condition: &Condition, message: &str) -> bool {
    serde_json::from_str(message)
        .is_ok_and(|document: Value| condition.holds(&|property: &Property| property.holds(&document)))
}

impl Property {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, InvalidPattern> {
        let path = path(cursor)?;
        let is = if let Some(test) = Test::read(cursor)? {
            Is::Compared(test)
        } else if cursor.take_keyword("IS") {
            let values = [("NULL", Is::Null), ("TRUE", Is::Boolean(true)), ("FALSE", Is::Boolean(false))];
            let found = values.into_iter().find_map(|(word, is)| cursor.take_keyword(word).then_some(is));
            found.ok_or_else(|| cursor.unexpected())?
        } else if cursor.take_keyword("NOT") && cursor.take_keyword("EXISTS") {
            Is::Absent
        } else {
            return Err(cursor.unexpected());
        };
        Ok(Self { path, is })
    }

    fn holds(&self, document: &Value) -> bool {
        let found = select(document, &self.path);
        match &self.is {
            Is::Absent => found.is_empty(),
            Is::Null => found.iter().any(|value| value.is_null()),
            Is::Boolean(boolean) => found.iter().any(|value| value.as_bool() == Some(*boolean)),
            Is::Compared(test) => found.iter().any(|value| {
                let text = match value {
                    Value::String(text) => Cow::Borrowed(text.as_str()),
                    Value::Number(_) | Value::Bool(_) => Cow::Owned(value.to_string()),
                    Value::Null | Value::Array(_) | Value::Object(_) => return false,
                };
                test.holds(&text, value.as_f64())
            }),
        }
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.path {
            match step {
                Step::Name(name) if name.chars().all(is_name) => write!(f, ".{name}")?,
                Step::Name(name) => {
                    f.write_str("[")?;
                    show_quoted(name, f)?;
                    f.write_str("]")?;
                }
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Every => f.write_str("[*]")?,
            }
        }
        match &self.is {
            Is::Compared(test) => write!(f, " {test}"),
            Is::Null => f.write_str(" IS NULL"),
            Is::Boolean(true) => f.write_str(" IS TRUE"),
            Is::Boolean(false) => f.write_str(" IS FALSE"),
            Is::Absent => f.write_str(" NOT EXISTS"),
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '@')
}

fn path(cursor: &mut Cursor<'_>) -> Result<Vec<Step>, InvalidPattern> {
    if !cursor.take_spaced("$") {
        return Err(cursor.unexpected());
    }
    let mut path = Vec::new();
    loop {
        if cursor.take(".") {
            if cursor.take("*") {
                path.push(Step::Every);
                continue;
            }
            match cursor.word(is_name) {
                "" => return Err(cursor.unexpected()),
                name => path.push(Step::Name(name.to_owned())),
            }
        } else if cursor.take("[") {
            path.push(bracket(cursor)?);
        } else if path.is_empty() {
            return Err(cursor.unexpected());
        } else {
            return Ok(path);
        }
    }
}

fn bracket(cursor: &mut Cursor<'_>) -> Result<Step, InvalidPattern> {
    cursor.skip_spaces();
    let step = if let Some(name) = cursor.quoted()? {
        Step::Name(name)
    } else if cursor.take("'") {
        let name = cursor.word(|c| c != '\'').to_owned();
        if !cursor.take("'") {
            return Err(cursor.unexpected());
        }
        Step::Name(name)
    } else if cursor.take("*") {
        Step::Every
    } else {
        let digits = cursor.word(|c| c.is_ascii_digit());
        Step::Index(digits.parse().map_err(|_| cursor.unexpected())?)
    };
    if cursor.take_spaced("]") { Ok(step) } else { Err(cursor.unexpected()) }
}

fn select<'a>(document: &'a Value, path: &[Step]) -> Vec<&'a Value> {
    let mut found = vec![document];
    for step in path {
        found = match step {
            Step::Name(name) => found.into_iter().filter_map(|value| value.get(name)).collect(),
            Step::Index(index) => found.into_iter().filter_map(|value| value.get(index)).collect(),
            Step::Every => found.into_iter().flat_map(members).collect(),
        };
    }
    found
}

/// What is in a list or an object.
fn members(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(object) => object.values().collect(),
        _ => Vec::new(),
    }
}
