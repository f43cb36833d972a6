//! Comparisons with a value: `= 4*`, `>= 5e2`, `!= "x y"`, `= %4\d\d%`.

use std::fmt;

use super::InvalidPattern;
use super::cursor::{Cursor, show_quoted};
use super::regex::Regex;

/// What a value must be.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Number(Comparison, f64),
    /// In the pattern, `*` stands for anything.
    Text {
        equal: bool,
        pattern: String,
    },
    Regex {
        equal: bool,
        regex: Regex,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Longer signs first, so that `<=` is not read as `<`.
const SIGNS: [(&str, Comparison); 6] = [
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("=", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Comparison {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        SIGNS.iter().find_map(|(sign, comparison)| cursor.take_spaced(sign).then_some(*comparison))
    }

    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

impl Test {
    /// Reads a comparison; nothing where none stands here.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Option<Self>, InvalidPattern> {
        let Some(comparison) = Comparison::read(cursor) else { return Ok(None) };
        let equal = comparison == Comparison::Equal;
        let ordered = !equal && comparison != Comparison::NotEqual;
        cursor.skip_spaces();
        if ordered {
            let number = number(cursor.bare_operand()).ok_or_else(|| cursor.unexpected())?;
            return Ok(Some(Self::Number(comparison, number)));
        }
        if let Some(regex) = cursor.regex()? {
            return Ok(Some(Self::Regex { equal, regex }));
        }
        if let Some(pattern) = cursor.quoted()? {
            return Ok(Some(Self::Text { equal, pattern }));
        }
        let text = cursor.bare_operand();
        match number(text) {
            _ if text.is_empty() => Err(cursor.unexpected()),
            Some(number) => Ok(Some(Self::Number(comparison, number))),
            None => Ok(Some(Self::Text { equal, pattern: text.to_owned() })),
        }
    }

    /// Whether a value holds that is this text and, where it is one, this number.
    pub(super) fn holds(&self, text: &str, number: Option<f64>) -> bool {
        match self {
            Self::Number(comparison, wanted) => match number {
                Some(number) => comparison.holds(number, *wanted),
                None => *comparison == Comparison::NotEqual,
            },
            Self::Text { equal, pattern } => wildcard(pattern, text) == *equal,
            Self::Regex { equal, regex } => regex.matches(text) == *equal,
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |equal: &bool| if *equal { "=" } else { "!=" };
        match self {
            Self::Number(comparison, number) => {
                let sign = SIGNS.iter().find(|(_, other)| other == comparison).map_or("=", |(sign, _)| sign);
                write!(f, "{sign} {number:e}")
            }
            Self::Text { equal, pattern } => {
                write!(f, "{} ", sign(equal))?;
                show_quoted(pattern, f)
            }
            Self::Regex { equal, regex } => write!(f, "{} {regex}", sign(equal)),
        }
    }
}

/// A finite number, with or without an exponent; words such as `inf` are none.
pub(super) fn number(text: &str) -> Option<f64> {
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    text.parse().ok().filter(|number: &f64| starts && number.is_finite())
}

/// Matches a text in which `*` stands for anything.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
