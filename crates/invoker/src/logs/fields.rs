//! Patterns of space-delimited events: `[ip, user, ..., status = 4* || status = 5*, bytes > 1000]`.

use std::fmt;

use super::InvalidPattern;
use super::cursor::Cursor;
use super::expression::Expression;
use super::operand::{Test, number};

/// Stands for any number of fields.
const GAP: &str = "...";

#[derive(Debug, Clone)]
pub(super) struct Fields(Vec<Field>);

#[derive(Debug, Clone)]
enum Field {
    /// Any number of fields.
    Gap,
    One(Expression<Named>),
}

/// A field by a name that is for people only, and what it must be, where that matters.
#[derive(Debug, Clone)]
struct Named {
    name: String,
    test: Option<Test>,
}

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let mut cursor = Cursor::new(text);
        let mut fields = Vec::new();
        loop {
            fields.push(Field::read(&mut cursor)?);
            if !cursor.take_spaced(",") {
                break;
            }
        }
        if cursor.is_empty() { Ok(Self(fields)) } else { Err(cursor.unexpected()) }
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let values = split(message);
        // Which counts of values the fields so far can stand for.
        let mut reachable = vec![false; values.len() + 1];
        reachable[0] = true;
        for field in &self.0 {
            reachable = match field {
                Field::Gap => {
                    let first = reachable.iter().position(|reachable| *reachable);
                    (0..reachable.len()).map(|count| first.is_some_and(|first| count >= first)).collect()
                }
                Field::One(expression) => {
                    let step = |(value, reachable): (&String, &bool)| *reachable && holds(expression, value);
                    std::iter::once(false).chain(values.iter().zip(&reachable).map(step)).collect()
                }
            };
        }
        reachable.last().copied().unwrap_or(false)
    }
}

fn holds(expression: &Expression<Named>, value: &str) -> bool {
    expression.holds(&|named: &Named| named.test.as_ref().is_none_or(|test| test.holds(value, number(value))))
}

impl Field {
    /// `...`, nothing at all (any one field), or an expression of names and tests.
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, InvalidPattern> {
        if cursor.take_spaced(GAP) {
            return Ok(Self::Gap);
        }
        cursor.skip_spaces();
        match cursor.peek() {
            None | Some(',') => Ok(Self::One(Expression::Test(Named { name: String::new(), test: None }))),
            Some(_) => Expression::read(cursor, &Named::read).map(Self::One),
        }
    }
}

impl Named {
    /// `name`, `= value`, or both.
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, InvalidPattern> {
        cursor.skip_spaces();
        let name = cursor.word(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$')).to_owned();
        if name.starts_with(GAP) {
            return Err(InvalidPattern(format!(
                "{GAP} stands for whole fields, and cannot be part of a test"
            )));
        }
        let test = Test::read(cursor)?;
        if name.is_empty() && test.is_none() { Err(cursor.unexpected()) } else { Ok(Self { name, test }) }
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, field) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match field {
                Field::Gap => f.write_str(GAP)?,
                Field::One(expression) => expression.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.test {
            Some(test) => write!(f, "{} {test}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Splits at spaces; what stands in quotes or brackets is one field, without them.
fn split(message: &str) -> Vec<String> {
    let (mut fields, mut field, mut close) = (Vec::new(), None::<String>, None);
    for c in message.trim().chars() {
        match (close, c) {
            (Some(end), _) if c == end => close = None,
            (Some(_), _) => field.get_or_insert_default().push(c),
            (None, '"') if field.is_none() => close = Some('"'),
            (None, '[') if field.is_none() => close = Some(']'),
            (None, _) if c.is_whitespace() => fields.extend(field.take()),
            (None, _) => field.get_or_insert_default().push(c),
        }
        if close.is_some() {
            // An empty pair of quotes is a field too.
            field.get_or_insert_default();
        }
    }
    fields.extend(field);
    fields
}
