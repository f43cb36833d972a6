//! Patterns of JSON events: `{ $.level = "error" && $.code >= 500 }`.

use serde_json::Value;

use super::{InvalidPattern, wildcard};

/// How deeply parentheses may nest.
const MAX_DEPTH: usize = 32;

/// A condition on a JSON document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Test(Vec<Step>, Test),
}

/// A step of a selector: `.name`, `["name"]`, `[0]` or `[*]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
    Every,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Number(Comparison, f64),
    Text { equal: bool, pattern: String },
    Null,
    Boolean(bool),
    Absent,
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

const COMPARISONS: [(&str, Comparison); 6] = [
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("=", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Comparison {
    /// Reads a comparison at the start of `text`, and gives the rest.
    pub(super) fn read(text: &str) -> Option<(Self, &str)> {
        COMPARISONS.iter().find_map(|(sign, comparison)| Some((*comparison, text.strip_prefix(sign)?)))
    }

    pub(super) fn holds(self, left: f64, right: f64) -> bool {
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

impl Condition {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let mut parser = Parser { rest: text, depth: 0 };
        let condition = parser.either()?;
        parser.skip();
        if parser.rest.is_empty() { Ok(condition) } else { Err(parser.unexpected()) }
    }

    pub(super) fn matches(&self, document: &Value) -> bool {
        match self {
            Self::And(conditions) => conditions.iter().all(|condition| condition.matches(document)),
            Self::Or(conditions) => conditions.iter().any(|condition| condition.matches(document)),
            Self::Test(path, test) => {
                let found = select(document, path);
                match test {
                    Test::Absent => found.is_empty(),
                    _ => found.iter().any(|value| test.holds(value)),
                }
            }
        }
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Number(comparison, number) => {
                value.as_f64().is_some_and(|own| comparison.holds(own, *number))
            }
            Self::Text { equal, pattern } => {
                value.as_str().is_some_and(|own| wildcard(pattern, own) == *equal)
            }
            Self::Null => value.is_null(),
            Self::Boolean(boolean) => value.as_bool() == Some(*boolean),
            Self::Absent => false,
        }
    }
}

fn select<'a>(document: &'a Value, path: &[Step]) -> Vec<&'a Value> {
    let mut found = vec![document];
    for step in path {
        found = match step {
            Step::Name(name) => found.into_iter().filter_map(|value| value.get(name)).collect(),
            Step::Index(index) => found.into_iter().filter_map(|value| value.get(index)).collect(),
            Step::Every => found.into_iter().filter_map(Value::as_array).flatten().collect(),
        };
    }
    found
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn either(&mut self) -> Result<Condition, InvalidPattern> {
        let mut conditions = vec![self.both()?];
        while self.take("||") {
            conditions.push(self.both()?);
        }
        Ok(one_or(conditions, Condition::Or))
    }

    fn both(&mut self) -> Result<Condition, InvalidPattern> {
        let mut conditions = vec![self.single()?];
        while self.take("&&") {
            conditions.push(self.single()?);
        }
        Ok(one_or(conditions, Condition::And))
    }

    fn single(&mut self) -> Result<Condition, InvalidPattern> {
        if !self.take("(") {
            let path = self.path()?;
            return Ok(Condition::Test(path, self.test()?));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(InvalidPattern(format!("more than {MAX_DEPTH} parentheses deep")));
        }
        let condition = self.either()?;
        self.depth -= 1;
        if self.take(")") { Ok(condition) } else { Err(self.unexpected()) }
    }

    fn path(&mut self) -> Result<Vec<Step>, InvalidPattern> {
        if !self.take("$") {
            return Err(self.unexpected());
        }
        let mut path = Vec::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                let name = self.word(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '@'));
                if name.is_empty() {
                    return Err(self.unexpected());
                }
                path.push(Step::Name(name.to_owned()));
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                self.rest = rest;
                path.push(self.bracket()?);
            } else {
                return Ok(path);
            }
        }
    }

    fn bracket(&mut self) -> Result<Step, InvalidPattern> {
        let end = self.rest.find(']').ok_or_else(|| InvalidPattern("[ without ]".into()))?;
        let (inner, rest) = (self.rest[..end].trim(), &self.rest[end + 1..]);
        let quoted = |mark: char| inner.strip_prefix(mark).and_then(|inner| inner.strip_suffix(mark));
        let step = match quoted('"').or_else(|| quoted('\'')) {
            Some(name) => Step::Name(name.to_owned()),
            None if inner == "*" => Step::Every,
            None => Step::Index(inner.parse().map_err(|_| self.unexpected())?),
        };
        self.rest = rest;
        Ok(step)
    }

    fn test(&mut self) -> Result<Test, InvalidPattern> {
        self.skip();
        if let Some((comparison, rest)) = Comparison::read(self.rest) {
            self.rest = rest;
            self.skip();
            return self.operand(comparison);
        }
        let keyword = |parser: &mut Self| parser.word(char::is_alphabetic).to_ascii_uppercase();
        match keyword(self).as_str() {
            "IS" => {
                self.skip();
                match keyword(self).as_str() {
                    "NULL" => Ok(Test::Null),
                    "TRUE" => Ok(Test::Boolean(true)),
                    "FALSE" => Ok(Test::Boolean(false)),
                    _ => Err(self.unexpected()),
                }
            }
            "NOT" => {
                self.skip();
                if keyword(self) == "EXISTS" { Ok(Test::Absent) } else { Err(self.unexpected()) }
            }
            _ => Err(self.unexpected()),
        }
    }

    fn operand(&mut self, comparison: Comparison) -> Result<Test, InvalidPattern> {
        let (text, quoted) = match self.rest.strip_prefix('"') {
            Some(rest) => {
                let end =
                    rest.find('"').ok_or_else(|| InvalidPattern("a quotation mark is not closed".into()))?;
                self.rest = &rest[end + 1..];
                (&rest[..end], true)
            }
            None => (self.word(|c| !c.is_whitespace() && !matches!(c, ')' | '&' | '|' | '(')), false),
        };
        if text.starts_with('%') && !quoted {
            return Err(InvalidPattern("regular expressions (%…%) are not supported yet".into()));
        }
        match (text.parse::<f64>(), comparison) {
            (Ok(number), _) if !quoted => Ok(Test::Number(comparison, number)),
            (_, Comparison::Equal | Comparison::NotEqual) if quoted || !text.is_empty() => {
                Ok(Test::Text { equal: comparison == Comparison::Equal, pattern: text.to_owned() })
            }
            _ => Err(self.unexpected()),
        }
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn unexpected(&self) -> InvalidPattern {
        match self.rest.trim() {
            "" => InvalidPattern("it ends too early".into()),
            rest => InvalidPattern(format!("not understood: {rest:?}")),
        }
    }
}

fn one_or(mut conditions: Vec<Condition>, many: fn(Vec<Condition>) -> Condition) -> Condition {
    match conditions.len() {
        1 => conditions.remove(0),
        _ => many(conditions),
    }
}
