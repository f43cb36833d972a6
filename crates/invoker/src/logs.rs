//! Filter patterns of the log service. Source: the CloudWatch Logs user guide, "Filter pattern syntax" (2026-11).
//!
//! A pattern is terms (`ERROR -debug ?a ?b "disk full" %4\d\d%`), a condition on JSON (`{ $.level = "error" }`) or
//! space-delimited fields (`[ip, ..., status = 4*]`). Reading takes time linear in its length, matching time linear
//! in that of the message; nothing in either can make it panic or run away.

mod cursor;
mod expression;
mod fields;
mod json;
mod operand;
mod regex;
mod terms;
#[cfg(test)]
mod tests;

use std::fmt;

/// The longest pattern, in bytes. Source: the API reference, `FilterLogEvents`.
const MAX_PATTERN: usize = 1024;

/// A filter pattern that was read. Shown, it is a pattern that means the same.
#[derive(Debug, Clone)]
pub struct FilterPattern(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Terms(terms::Terms),
    Json(json::Condition),
    Fields(fields::Fields),
}

/// A text that is no filter pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid filter pattern: {0}")]
pub struct InvalidPattern(String);

impl FilterPattern {
    /// Reads a pattern. The empty one matches everything.
    ///
    /// # Errors
    /// [`InvalidPattern`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        if text.len() > MAX_PATTERN {
            return Err(InvalidPattern(format!("it is longer than {MAX_PATTERN} bytes")));
        }
        let text = text.trim();
        if let Some(inner) = enclosed(text, '{', '}') {
            return json::parse(inner?).map(Kind::Json).map(Self);
        }
        if let Some(inner) = enclosed(text, '[', ']') {
            // No fields ask for nothing.
            if inner.as_ref().is_ok_and(|inner| inner.trim().is_empty()) {
                return terms::Terms::parse("").map(Kind::Terms).map(Self);
            }
            return fields::Fields::parse(inner?).map(Kind::Fields).map(Self);
        }
        terms::Terms::parse(text).map(Kind::Terms).map(Self)
    }

    /// Whether a log event with this message is wanted.
    #[must_use]
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::Terms(terms) => terms.matches(message),
            Kind::Json(condition) => json::matches(condition, message),
            Kind::Fields(fields) => fields.matches(message),
        }
    }
}

impl fmt::Display for FilterPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Terms(terms) => terms.fmt(f),
            Kind::Json(condition) => write!(f, "{{ {condition} }}"),
            Kind::Fields(fields) => write!(f, "[{fields}]"),
        }
    }
}

/// What stands between the delimiters, where the text begins with the first.
fn enclosed(text: &str, open: char, close: char) -> Option<Result<&str, InvalidPattern>> {
    let rest = text.strip_prefix(open)?;
    Some(rest.strip_suffix(close).ok_or_else(|| InvalidPattern(format!("{open} without {close} at the end"))))
}
