//! Patterns of terms: `error "disk full" ?a ?b -debug %4\d\d%`.

use std::fmt;

use super::InvalidPattern;
use super::cursor::{Cursor, show_quoted};
use super::regex::Regex;

/// All of `all`, one of `any` (where there are some), none of `none`. Case counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    all: Vec<Term>,
    any: Vec<Term>,
    none: Vec<Term>,
}

#[derive(Debug, Clone)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Terms {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let mut cursor = Cursor::new(text);
        let mut terms = Self::default();
        loop {
            cursor.skip_spaces();
            if cursor.is_empty() {
                return Ok(terms);
            }
            let list = if cursor.take("?") {
                &mut terms.any
            } else if cursor.take("-") {
                &mut terms.none
            } else {
                &mut terms.all
            };
            list.push(Term::read(&mut cursor)?);
        }
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let has = |term: &Term| match term {
            Term::Text(text) => message.contains(text.as_str()),
            Term::Regex(regex) => regex.matches(message),
        };
        self.all.iter().all(has)
            && (self.any.is_empty() || self.any.iter().any(has))
            && !self.none.iter().any(has)
    }
}

impl Term {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, InvalidPattern> {
        if let Some(regex) = cursor.regex()? {
            return Ok(Self::Regex(regex));
        }
        if let Some(text) = cursor.quoted()? {
            return Ok(Self::Text(text));
        }
        let plain =
            |c: char| c.is_alphanumeric() || matches!(c, '_' | '*' | '.' | '-' | ':' | '/' | '@' | '#' | '=');
        let term = cursor.word(plain).to_owned();
        match cursor.peek() {
            Some(odd) if !odd.is_whitespace() => {
                Err(InvalidPattern(format!("{term:?} is followed by {odd:?}; put the term in double quotes")))
            }
            _ if term.is_empty() => Err(InvalidPattern("a ? or - has no term after it".into())),
            _ => Ok(Self::Text(term)),
        }
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [("", &self.all), ("?", &self.any), ("-", &self.none)];
        let terms = lists.into_iter().flat_map(|(mark, list)| list.iter().map(move |term| (mark, term)));
        for (index, (mark, term)) in terms.enumerate() {
            f.write_str(if index > 0 { " " } else { "" })?;
            f.write_str(mark)?;
            match term {
                Term::Text(text) => show_quoted(text, f)?,
                Term::Regex(regex) => regex.fmt(f)?,
            }
        }
        Ok(())
    }
}
