//! What one value is tested for.

use std::net::IpAddr;

use serde_json::{Number, Value};

use super::cidr::Cidr;
use super::numeric::{Range, same_number};
use super::wildcard::Wildcard;

/// A member of a leaf's list.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Null,
    Boolean(bool),
    Number(Number),
    Text(TextTest),
    Numeric(Range),
    Cidr(Cidr),
    /// `exists: true`.
    Present,
    /// `exists: false`: no value passes, the leaf itself looks for absence.
    Absent,
    /// Any value but these numbers.
    NotNumbers(Vec<Number>),
    /// Any value but texts that pass one of these.
    NotTexts(Vec<TextTest>),
}

/// What a text is tested for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TextTest {
    Equal(String),
    /// Folded already.
    EqualIgnoringCase(String),
    Prefix(String),
    /// Folded already.
    PrefixIgnoringCase(String),
    Suffix(String),
    /// Folded already.
    SuffixIgnoringCase(String),
    Wildcard(Wildcard),
}

impl Test {
    /// Whether this value, which is no array and no object, passes.
    pub(super) fn passes(&self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Boolean(wanted) => value.as_bool() == Some(*wanted),
            Self::Number(wanted) => matches!(value, Value::Number(number) if same_number(number, wanted)),
            Self::Text(test) => value.as_str().is_some_and(|text| test.passes(text)),
            Self::Numeric(range) => matches!(value, Value::Number(number) if range.contains(number)),
            Self::Cidr(cidr) => value
                .as_str()
                .and_then(|text| text.parse::<IpAddr>().ok())
                .is_some_and(|address| cidr.contains(address)),
            Self::Present => true,
            Self::Absent => false,
            Self::NotNumbers(unwanted) => match value {
                Value::Number(number) => !unwanted.iter().any(|unwanted| same_number(number, unwanted)),
                _ => true,
            },
            Self::NotTexts(unwanted) => {
                value.as_str().is_none_or(|text| !unwanted.iter().any(|test| test.passes(text)))
            }
        }
    }
}

impl TextTest {
    pub(super) fn passes(&self, text: &str) -> bool {
        match self {
            Self::Equal(wanted) => text == wanted,
            Self::EqualIgnoringCase(wanted) => fold(text) == *wanted,
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::PrefixIgnoringCase(prefix) => fold(text).starts_with(prefix),
            Self::Suffix(suffix) => text.ends_with(suffix),
            Self::SuffixIgnoringCase(suffix) => fold(text).ends_with(suffix),
            Self::Wildcard(wildcard) => wildcard.matches(text),
        }
    }
}

/// The form in which texts are the same that differ in case only.
pub(super) fn fold(text: &str) -> String {
    text.to_lowercase()
}
