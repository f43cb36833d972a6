//! Patterns of rules: regular expressions, with the one kind of look-ahead that platforms' own examples use.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

/// A regular expression that must match all of a text. `(?!...)` may stand in it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(pub String);

impl Pattern {
    /// Checks that it can be read.
    ///
    /// # Errors
    /// [`InvalidPattern`].
    pub(crate) fn check(&self) -> Result<(), InvalidPattern> {
        Compiled::new(self).map(drop)
    }
}

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern {pattern:?} cannot be read: {why}")]
pub struct InvalidPattern {
    /// As it was given.
    pub pattern: String,
    /// What is wrong.
    pub why: String,
}

/// What patterns captured: by name, and by number from 1 where there is no name.
pub(super) type Captures = BTreeMap<String, String>;

/// A pattern, ready to match.
#[derive(Debug)]
pub(super) struct Compiled {
    whole: Regex,
    /// What must not come at the beginning.
    not: Option<Regex>,
}

impl Compiled {
    pub(super) fn new(pattern: &Pattern) -> Result<Self, InvalidPattern> {
        let invalid = |why: String| InvalidPattern { pattern: pattern.0.clone(), why };
        let compile = |text: &str| Regex::new(text).map_err(|error| invalid(error.to_string()));
        let Some(start) = pattern.0.find("(?!") else {
            return Ok(Self { whole: compile(&format!("^(?:{})$", pattern.0))?, not: None });
        };
        let (before, rest) = (&pattern.0[..start], &pattern.0[start + 3..]);
        let end = closing(rest).ok_or_else(|| invalid("(?! is not closed".to_owned()))?;
        let (ahead, after) = (&rest[..end], &rest[end + 1..]);
        let open = before.matches('(').count() - before.matches(')').count().min(before.matches('(').count());
        let not = format!("^{before}(?:{ahead}){}", ")".repeat(open));
        Ok(Self { whole: compile(&format!("^(?:{before}{after})$"))?, not: Some(compile(&not)?) })
    }

    /// Whether `text` matches; adds what was captured.
    pub(super) fn matches(&self, text: &str, captures: &mut Captures) -> bool {
        if self.not.as_ref().is_some_and(|not| not.is_match(text)) {
            return false;
        }
        let Some(found) = self.whole.captures(text) else { return false };
        for (index, name) in self.whole.capture_names().enumerate().skip(1) {
            let value = found.get(index).map(|value| value.as_str()).unwrap_or_default();
            captures.insert(name.map_or_else(|| index.to_string(), str::to_owned), value.to_owned());
        }
        true
    }
}

/// Where the parenthesis ends that `text` is in.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A target with what was captured in the place of `{name}`.
pub(super) fn fill(target: &str, captures: &Captures) -> String {
    let mut filled = String::with_capacity(target.len());
    let mut rest = target;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        let inside = &rest[open + 1..];
        let end = inside.find('}');
        match end.and_then(|end| Some((end, captures.get(&inside[..end])?))) {
            Some((end, value)) => {
                filled.push_str(value);
                rest = &inside[end + 1..];
            }
            None => {
                filled.push('{');
                rest = inside;
            }
        }
    }
    filled + rest
}
