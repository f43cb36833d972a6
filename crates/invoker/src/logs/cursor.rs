//! What is left of a pattern while it is read.

use super::InvalidPattern;
use super::regex::Regex;

/// Regular expressions that one pattern may hold. Source: the user guide, "Supported regular expressions", quotas.
const MAX_REGEXES: usize = 2;

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
    regexes: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, regexes: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes `token`, where it stands here.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes `token` behind any spaces.
    pub(super) fn take_spaced(&mut self, token: &str) -> bool {
        self.skip_spaces();
        self.take(token)
    }

    /// Takes a word in capital or small letters that nothing but a letter could continue.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        self.skip_spaces();
        let end = self.rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(self.rest.len());
        let found = self.rest[..end].eq_ignore_ascii_case(keyword);
        if found {
            self.rest = &self.rest[end..];
        }
        found
    }

    /// Takes what belongs to a word; perhaps nothing.
    pub(super) fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Takes what stands before an operator, a delimiter or a space.
    pub(super) fn bare_operand(&mut self) -> &'a str {
        let ends = |(at, c): (usize, char)| {
            let rest = &self.rest[at..];
            let ends = c.is_whitespace() || matches!(c, ')' | '(' | ',' | '"');
            (ends || rest.starts_with("&&") || rest.starts_with("||")).then_some(at)
        };
        let end = self.rest.char_indices().find_map(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Takes a text in double quotes, in which a backslash makes the next character plain.
    pub(super) fn quoted(&mut self) -> Result<Option<String>, InvalidPattern> {
        let Some(inner) = self.rest.strip_prefix('"') else { return Ok(None) };
        let (mut text, mut escaped) = (String::new(), false);
        for (at, c) in inner.char_indices() {
            match c {
                '\\' if !escaped => escaped = true,
                '"' if !escaped => {
                    self.rest = &inner[at + 1..];
                    return Ok(Some(text));
                }
                _ => {
                    text.push(c);
                    escaped = false;
                }
            }
        }
        Err(InvalidPattern("a quotation mark is not closed".into()))
    }

    /// Takes a regular expression between percent signs.
    pub(super) fn regex(&mut self) -> Result<Option<Regex>, InvalidPattern> {
        let Some(inner) = self.rest.strip_prefix('%') else { return Ok(None) };
        let mut escaped = false;
        let end = inner.char_indices().find_map(|(at, c)| {
            let end = c == '%' && !escaped;
            escaped = c == '\\' && !escaped;
            end.then_some(at)
        });
        let end = end.ok_or_else(|| InvalidPattern("a regular expression is not closed with %".into()))?;
        self.rest = &inner[end + 1..];
        self.regexes += 1;
        if self.regexes > MAX_REGEXES {
            return Err(InvalidPattern(format!("more than {MAX_REGEXES} regular expressions")));
        }
        Regex::parse(&inner[..end]).map(Some)
    }

    /// The error for what stands here.
    pub(super) fn unexpected(&self) -> InvalidPattern {
        match self.rest.trim() {
            "" => InvalidPattern("it ends too early".into()),
            rest => InvalidPattern(format!("not understood: {rest:?}")),
        }
    }
}

/// Shows a text in double quotes, as [`Cursor::quoted`] reads it.
pub(super) fn show_quoted(text: &str, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
