//! Patterns of space-delimited events: `[ip, user, ..., status = 4*, bytes > 1000]`.

use super::json::Comparison;
use super::{InvalidPattern, wildcard};

/// What each field must be; `None` stands for `...`, any number of fields.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fields(Vec<Option<Vec<Test>>>);

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Number(Comparison, f64),
    Text { equal: bool, pattern: String },
}

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let fields: Vec<_> =
            text.split(',').map(|field| parse_field(field.trim())).collect::<Result<_, _>>()?;
        if fields.iter().filter(|field| field.is_none()).count() > 1 {
            return Err(InvalidPattern("... may stand once".into()));
        }
        Ok(Self(fields))
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let values = split(message);
        let fits = |(tests, value): (&Option<Vec<Test>>, &String)| {
            tests.iter().flatten().all(|test| test.holds(value))
        };
        match self.0.iter().position(Option::is_none) {
            None => values.len() == self.0.len() && self.0.iter().zip(&values).all(fits),
            Some(gap) => {
                let after = self.0.len() - gap - 1;
                values.len() >= gap + after
                    && self.0.iter().take(gap).zip(&values).all(fits)
                    && self.0.iter().rev().take(after).zip(values.iter().rev()).all(fits)
            }
        }
    }
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Number(comparison, number) => value.parse().is_ok_and(|own| comparison.holds(own, *number)),
            Self::Text { equal, pattern } => wildcard(pattern, value) == *equal,
        }
    }
}

fn parse_field(text: &str) -> Result<Option<Vec<Test>>, InvalidPattern> {
    if text == "..." {
        return Ok(None);
    }
    let tests = text.split("&&").map(|part| parse_test(part.trim()));
    Ok(Some(tests.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()))
}

/// `name`, or `name = value`. The name is for people only.
fn parse_test(text: &str) -> Result<Option<Test>, InvalidPattern> {
    let Some(at) = text.find(['=', '!', '<', '>']) else { return Ok(None) };
    let unclear = || InvalidPattern(format!("not understood: {text:?}"));
    let (comparison, value) = Comparison::read(&text[at..]).ok_or_else(unclear)?;
    let value = value.trim();
    if value.starts_with('%') {
        return Err(InvalidPattern("regular expressions (%…%) are not supported yet".into()));
    }
    match (value.parse(), comparison) {
        (Ok(number), _) => Ok(Some(Test::Number(comparison, number))),
        (Err(_), Comparison::Equal | Comparison::NotEqual) if !value.is_empty() => {
            let pattern = value.trim_matches('"').to_owned();
            Ok(Some(Test::Text { equal: comparison == Comparison::Equal, pattern }))
        }
        _ => Err(unclear()),
    }
}

/// Splits at spaces; what stands in quotes or brackets is one field.
fn split(message: &str) -> Vec<String> {
    let (mut fields, mut field, mut close) = (Vec::new(), String::new(), None);
    for c in message.trim().chars() {
        match (close, c) {
            (Some(end), _) if c == end => close = None,
            (None, '"') => close = Some('"'),
            (None, '[') => close = Some(']'),
            (None, _) if c.is_whitespace() => {
                if !field.is_empty() {
                    fields.push(std::mem::take(&mut field));
                }
            }
            _ => field.push(c),
        }
    }
    if !field.is_empty() {
        fields.push(field);
    }
    fields
}
