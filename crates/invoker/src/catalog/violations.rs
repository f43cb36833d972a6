//! Constraints of parameters, and the message that the service gives when they are broken.

use std::fmt;
use std::ops::RangeInclusive;

use super::CatalogError;

/// The constraints that a request breaks, in the order in which they were found.
///
/// Printed as the service prints them (observed answers of the Lambda API, 2025): `1 validation error detected: Value
/// '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(Vec<String>);

impl Violations {
    /// None so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that is known already.
    #[must_use]
    pub fn one(at: &str, value: impl fmt::Display, constraint: &str) -> Self {
        let mut violations = Self::new();
        violations.add(at, value, constraint);
        violations
    }

    /// Notes that `value` at `at` breaks `constraint`.
    pub fn add(&mut self, at: &str, value: impl fmt::Display, constraint: &str) {
        self.0.push(format!("Value '{value}' at '{at}' failed to satisfy constraint: {constraint}"));
    }

    /// Notes that a required member is absent.
    pub fn missing(&mut self, at: &str) {
        self.0.push(format!("Value null at '{at}' failed to satisfy constraint: Member must not be null"));
    }

    /// Checks a number against the range that it must lie in.
    pub fn range(&mut self, at: &str, value: i64, range: &RangeInclusive<u32>) {
        if value < i64::from(*range.start()) {
            self.add(
                at,
                value,
                &format!("Member must have value greater than or equal to {}", range.start()),
            );
        } else if value > i64::from(*range.end()) {
            self.add(at, value, &format!("Member must have value less than or equal to {}", range.end()));
        }
    }

    /// Checks the length of a text, in characters.
    pub fn length(&mut self, at: &str, value: &str, range: &RangeInclusive<usize>) {
        let length = value.chars().count();
        if length > *range.end() {
            self.add(at, value, &format!("Member must have length less than or equal to {}", range.end()));
        } else if length < *range.start() {
            self.add(
                at,
                value,
                &format!("Member must have length greater than or equal to {}", range.start()),
            );
        }
    }

    /// Notes a value that does not match `pattern`, unless `holds`.
    pub fn pattern(&mut self, at: &str, value: &str, pattern: &str, holds: bool) {
        if !holds {
            self.add(at, value, &format!("Member must satisfy regular expression pattern: {pattern}"));
        }
    }

    /// Gives what `value` stands for among `choices`, or notes that it is none of them.
    pub fn choice<T: Copy>(&mut self, at: &str, value: &str, choices: &[(&str, T)]) -> Option<T> {
        let found = choices.iter().find(|(text, _)| *text == value).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let set: Vec<_> = choices.iter().map(|(text, _)| *text).collect();
            self.add(at, value, &format!("Member must satisfy enum value set: [{}]", set.join(", ")));
        }
        found
    }

    /// Whether nothing was broken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends the check.
    ///
    /// # Errors
    /// [`CatalogError::Validation`] where anything was broken.
    pub fn finish(self) -> Result<(), CatalogError> {
        if self.is_empty() { Ok(()) } else { Err(CatalogError::Validation(self)) }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} validation error{plural} detected: {}", self.0.len(), self.0.join("; "))
    }
}
