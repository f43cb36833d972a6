//! Reading constants off JavaScript and TypeScript without running it: `export const config = { ... }`.

use serde_json::{Map, Number, Value};

/// The value that a module exports under `name`, where it is written down as a literal.
pub(super) fn exported(text: &str, name: &str) -> Option<Value> {
    let marks = [format!("export const {name}"), format!("export let {name}"), format!("exports.{name}")];
    for mark in &marks {
        for (at, _) in text.match_indices(mark.as_str()) {
            let rest = &text[at + mark.len()..];
            if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
                continue;
            }
            // A type may stand between the name and the value.
            if let Some(equals) = rest.find('=')
                && !rest[..equals].contains([';', '\n'])
                && let Some(value) = parse(&rest[equals + 1..])
            {
                return Some(value);
            }
        }
    }
    None
}

/// The literal at the beginning of a text; what comes after it does not matter.
pub(super) fn parse(text: &str) -> Option<Value> {
    Reader { rest: text }.value(0)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: u32) -> Option<Value> {
        if depth > 32 {
            return None;
        }
        self.skip();
        match self.rest.chars().next()? {
            '{' => self.object(depth),
            '[' => self.array(depth),
            '"' | '\'' | '`' => self.string().map(Value::String),
            c if c.is_ascii_digit() || c == '-' => self.number(),
            _ => match self.word() {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                "null" | "undefined" => Some(Value::Null),
                _ => None,
            },
        }
    }

    fn object(&mut self, depth: u32) -> Option<Value> {
        self.take('{')?;
        let mut map = Map::new();
        loop {
            self.skip();
            if self.take('}').is_some() {
                return Some(Value::Object(map));
            }
            let key = match self.rest.chars().next()? {
                '"' | '\'' => self.string()?,
                _ => self.word().to_owned(),
            };
            self.skip();
            if key.is_empty() || self.take(':').is_none() {
                return None;
            }
            map.insert(key, self.value(depth + 1)?);
            self.skip();
            if self.take(',').is_none() && !self.rest.starts_with('}') {
                return None;
            }
        }
    }

    fn array(&mut self, depth: u32) -> Option<Value> {
        self.take('[')?;
        let mut values = Vec::new();
        loop {
            self.skip();
            if self.take(']').is_some() {
                return Some(Value::Array(values));
            }
            values.push(self.value(depth + 1)?);
            self.skip();
            if self.take(',').is_none() && !self.rest.starts_with(']') {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.rest.chars().next()?;
        let mut text = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                _ if c == quote => {
                    self.rest = &self.rest[1 + at + 1..];
                    return Some(text);
                }
                '$' if quote == '`' && self.rest[1 + at..].starts_with("${") => return None,
                '\n' if quote != '`' => return None,
                '\\' => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'u' | 'x' => return None,
                    other => text.push(other),
                },
                _ => text.push(c),
            }
        }
        None
    }

    fn number(&mut self) -> Option<Value> {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c)));
        let (text, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let text = text.replace('_', "");
        match text.parse::<i64>() {
            Ok(number) => Some(Value::from(number)),
            Err(_) => Number::from_f64(text.parse().ok()?).map(Value::Number),
        }
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn take(&mut self, wanted: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    /// Leaves out white space and comments.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if let Some(comment) = self.rest.strip_prefix("//") {
                self.rest = comment.find('\n').map_or("", |end| &comment[end..]);
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                self.rest = comment.find("*/").map_or("", |end| &comment[end + 2..]);
            } else {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn constants_are_read_off_modules() {
        for (text, expected) in [
            (
                "export const config = { path: '/a/:b', method: [\"GET\", 'POST',], }",
                json!({"path": "/a/:b", "method": ["GET", "POST"]}),
            ),
            (
                "export const config: Config = {\n  // when\n  schedule: `@daily`, /* x */ n: 1_000 } satisfies Config;",
                json!({"schedule": "@daily", "n": 1000}),
            ),
            ("x\nexports.config = {'a-b': null, c: -1.5}", json!({"a-b": null, "c": -1.5})),
            ("export const configuration = {}; export const config = true", json!(true)),
        ] {
            assert_eq!(exported(text, "config"), Some(expected), "{text}");
        }
        for text in [
            "export const config = make()",
            "export const config = { a: b }",
            "export const config = `${x}`",
            "const config = {}",
            "export const config = {",
        ] {
            assert_eq!(exported(text, "config"), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = parse(&text);
            let _ = exported(&format!("export const a ={text}"), "a");
        }
    }
}
