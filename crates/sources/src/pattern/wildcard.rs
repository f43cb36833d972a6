//! Texts with `*` for any characters: `dir/*.png`. A backslash before `*` or `\` takes it as it is.

/// A text with gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wildcard {
    /// What stands before, between and after the gaps: one more than there are gaps.
    parts: Vec<String>,
}

impl Wildcard {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = vec![String::new()];
        let mut characters = text.char_indices().peekable();
        let mut after_gap = false;
        while let Some((at, character)) = characters.next() {
            let gap = character == '*';
            if gap && after_gap {
                return Err(format!("Consecutive wildcard characters at pos {at}"));
            }
            after_gap = gap;
            if gap {
                parts.push(String::new());
                continue;
            }
            let literal = match character {
                '\\' => match characters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => escaped,
                    _ => return Err(format!("Invalid escape character at pos {at}")),
                },
                literal => literal,
            };
            if let Some(part) = parts.last_mut() {
                part.push(literal);
            }
        }
        Ok(Self { parts })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix(self.first()) else { return false };
        let [_, middle @ .., last] = self.parts.as_slice() else { return rest.is_empty() };
        // The leftmost place of each part leaves the most for the parts after it.
        let mut rest = rest;
        for part in middle {
            match rest.find(part.as_str()) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }

    /// What every matching text begins with.
    pub(super) fn first(&self) -> &str {
        self.parts.first().map_or("", String::as_str)
    }

    /// What every matching text ends with.
    pub(super) fn last(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }
}
