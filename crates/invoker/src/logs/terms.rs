//! Patterns of terms: `error "disk full" ?a ?b -debug`.

use super::InvalidPattern;

/// All of `all`, one of `any` (where there are some), none of `none`. Case counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Terms {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl Terms {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let mut terms = Self::default();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let list = match first {
                '?' => &mut terms.any,
                '-' => &mut terms.none,
                _ => &mut terms.all,
            };
            if matches!(first, '?' | '-') {
                rest = &rest[1..];
            }
            let (term, after) = term(rest)?;
            list.push(term);
            rest = after.trim_start();
        }
        Ok(terms)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let has = |term: &String| message.contains(term.as_str());
        self.all.iter().all(has)
            && (self.any.is_empty() || self.any.iter().any(has))
            && !self.none.iter().any(has)
    }
}

/// The first term, without its quotes, and what follows it.
fn term(text: &str) -> Result<(String, &str), InvalidPattern> {
    if text.starts_with('%') {
        return Err(InvalidPattern("regular expressions (%…%) are not supported yet".into()));
    }
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (term, rest) = text.split_at(end);
        if term.is_empty() {
            return Err(InvalidPattern("a ? or - has no term after it".into()));
        }
        let plain =
            |c: char| c.is_alphanumeric() || matches!(c, '_' | '*' | '.' | '-' | ':' | '/' | '@' | '#' | '=');
        if let Some(odd) = term.chars().find(|c| !plain(*c)) {
            return Err(InvalidPattern(format!("{term:?} has a {odd:?}; put it in double quotes")));
        }
        return Ok((term.to_owned(), rest));
    };
    let (mut term, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                term.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Ok((term, &quoted[at + 1..])),
            _ => term.push(c),
        }
    }
    Err(InvalidPattern("a quotation mark is not closed".into()))
}
