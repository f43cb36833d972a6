//! Regular expressions between percent signs, in the subset that the service takes.
//!
//! Source: the user guide, "Supported regular expressions (regex) syntax" (2026-11): ASCII letters and digits, some
//! symbols and operators, no parentheses.

use std::fmt;

use super::InvalidPattern;

/// Beside letters, digits and spaces.
const PLAIN: &str = ":_#=@/;,-";
const OPERATORS: &str = "^$?[]{}|\\*+.";
/// The most that a compiled expression may take, in bytes: `a{1000}{1000}` is refused, not tried.
const MAX_COMPILED: usize = 256 * 1024;

#[derive(Debug, Clone)]
pub(super) struct Regex {
    source: String,
    compiled: regex_lite::Regex,
}

impl Regex {
    pub(super) fn parse(source: &str) -> Result<Self, InvalidPattern> {
        let mut escaped = false;
        for c in source.chars() {
            let known = c.is_ascii_alphanumeric() || c == ' ' || PLAIN.contains(c) || OPERATORS.contains(c);
            let meant = escaped && c.is_ascii_graphic();
            if !(known || meant) {
                return Err(InvalidPattern(format!("regular expressions cannot hold {c:?}")));
            }
            escaped = c == '\\' && !escaped;
        }
        let compiled = regex_lite::RegexBuilder::new(source).size_limit(MAX_COMPILED).build();
        let compiled = compiled.map_err(|error| InvalidPattern(format!("%{source}%: {error}")))?;
        Ok(Self { source: source.to_owned(), compiled })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}%", self.source)
    }
}
