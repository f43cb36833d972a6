//! Filter patterns of the log service. Source: the CloudWatch Logs user guide, "Filter pattern syntax" (2026-11).

mod fields;
mod json;
mod terms;
#[cfg(test)]
mod tests;

/// A filter pattern that was read: terms, a JSON condition, or space-delimited fields.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterPattern(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Terms(terms::Terms),
    Json(json::Condition),
    Fields(fields::Fields),
}

/// A text that is no filter pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid filter pattern: {0}")]
pub struct InvalidPattern(pub(crate) String);

impl FilterPattern {
    /// Reads a pattern. The empty one matches everything.
    ///
    /// # Errors
    /// [`InvalidPattern`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let text = text.trim();
        if let Some(inner) = enclosed(text, '{', '}') {
            return json::Condition::parse(inner?).map(Kind::Json).map(Self);
        }
        if let Some(inner) = enclosed(text, '[', ']') {
            return fields::Fields::parse(inner?).map(Kind::Fields).map(Self);
        }
        terms::Terms::parse(text).map(Kind::Terms).map(Self)
    }

    /// Whether a log event with this message is wanted.
    #[must_use]
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::Terms(terms) => terms.matches(message),
            Kind::Json(condition) => {
                serde_json::from_str(message).is_ok_and(|document| condition.matches(&document))
            }
            Kind::Fields(fields) => fields.matches(message),
        }
    }
}

/// What stands between the delimiters, where the text begins with the first.
fn enclosed(text: &str, open: char, close: char) -> Option<Result<&str, InvalidPattern>> {
    let rest = text.strip_prefix(open)?;
    Some(rest.strip_suffix(close).ok_or_else(|| InvalidPattern(format!("{open} without {close} at the end"))))
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
