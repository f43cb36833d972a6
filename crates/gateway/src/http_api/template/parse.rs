//! From text to a tree.

use serde_json::Value;

use super::{BadTemplate, Expression, Node, Operator, Reference, Step};

/// How deep blocks and expressions may lie in each other.
const DEPTH: usize = 50;

/// Reads a template.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, BadTemplate> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let (nodes, end) = parser.block()?;
    match end {
        None => Ok(nodes),
        Some(directive) => Err(parser.bad(format!("#{directive} closes nothing"))),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn bad(&self, what: impl Into<String>) -> BadTemplate {
        BadTemplate { line: self.text[..self.at].matches('\n').count() + 1, what: what.into() }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), BadTemplate> {
        self.spaces();
        if self.eat(word) { Ok(()) } else { Err(self.bad(format!("{word:?} is missing"))) }
    }

    fn spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn word(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let starts = rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let end = rest.find(|c| !legal(c)).unwrap_or(rest.len());
        if !starts {
            return None;
        }
        self.at += end;
        Some(&rest[..end])
    }

    fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, BadTemplate>,
    ) -> Result<T, BadTemplate> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.bad("it is nested too deeply"));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Nodes up to a directive that ends them (`end`, `else`, `elseif`), or to the end.
    fn block(&mut self) -> Result<(Vec<Node>, Option<&'static str>), BadTemplate> {
        let mut nodes = Vec::new();
        let mut text = String::new();
        while let Some(next) = self.peek() {
            let special = match next {
                '$' => self.shown()?,
                '#' => match self.directive()? {
                    Found::Node(node) => node,
                    Found::Nothing => continue,
                    Found::Text => None,
                    Found::End(end) => {
                        push_text(&mut nodes, text);
                        return Ok((nodes, Some(end)));
                    }
                },
                '\\' if self.rest().starts_with("\\$") || self.rest().starts_with("\\#") => {
                    self.at += 1;
                    None
                }
                _ => None,
            };
            match special {
                Some(node) => {
                    push_text(&mut nodes, std::mem::take(&mut text));
                    nodes.push(node);
                }
                None => text.extend(self.take()),
            }
        }
        push_text(&mut nodes, text);
        Ok((nodes, None))
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// A reference in text, or nothing where the dollar is only one.
    fn shown(&mut self) -> Result<Option<Node>, BadTemplate> {
        let start = self.at;
        self.at += 1;
        let quiet = self.eat("!");
        let braces = self.eat("{");
        let Some(reference) = self.reference()? else {
            self.at = start;
            return Ok(None);
        };
        if braces && !self.eat("}") {
            self.at = start;
            return Ok(None);
        }
        let source = self.text[start..self.at].to_owned();
        Ok(Some(Node::Shown { reference, quiet, source }))
    }

    /// What follows the dollar.
    fn reference(&mut self) -> Result<Option<Reference>, BadTemplate> {
        let Some(name) = self.word() else { return Ok(None) };
        let mut steps = Vec::new();
        loop {
            let before = self.at;
            if self.eat(".") {
                let Some(member) = self.word() else {
                    // A full stop that ends a sentence.
                    self.at = before;
                    break;
                };
                if self.eat("(") {
                    steps.push(Step::Call(member.to_owned(), self.list(")")?));
                } else {
                    steps.push(Step::Member(member.to_owned()));
                }
            } else if self.eat("[") {
                let index = self.deeper(Self::expression)?;
                self.expect("]")?;
                steps.push(Step::Index(index));
            } else {
                break;
            }
        }
        Ok(Some(Reference { name: name.to_owned(), steps }))
    }

    /// Expressions with commas between them, up to `end`.
    fn list(&mut self, end: &str) -> Result<Vec<Expression>, BadTemplate> {
        let mut items = Vec::new();
        self.spaces();
        while !self.eat(end) {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(self.deeper(Self::expression)?);
            self.spaces();
        }
        Ok(items)
    }

    fn directive(&mut self) -> Result<Found, BadTemplate> {
        let start = self.at;
        if self.eat("##") {
            let end = self.rest().find('\n').map_or(self.rest().len(), |at| at + 1);
            self.at += end;
            return Ok(Found::Nothing);
        }
        if self.eat("#*") {
            let end = self.rest().find("*#").ok_or_else(|| self.bad("a comment does not end"))?;
            self.at += end + 2;
            return Ok(Found::Nothing);
        }
        self.at += 1;
        let braces = self.eat("{");
        let name = self.word().unwrap_or_default();
        let known = ["set", "if", "elseif", "else", "end", "foreach", "break", "stop"];
        // `#elsefoo` is `#else` and text, as it is there.
        let name = known.iter().filter(|own| name.starts_with(**own)).max_by_key(|own| own.len());
        let Some(name) = name else {
            self.at = start;
            return Ok(Found::Text);
        };
        self.at = start + 1 + usize::from(braces) + name.len();
        if braces {
            self.expect("}")?;
        }
        let found = match *name {
            "set" => Found::Node(Some(self.set()?)),
            "if" => Found::Node(Some(self.deeper(Self::condition)?)),
            "foreach" => Found::Node(Some(self.deeper(Self::foreach)?)),
            "break" => Found::Node(Some(Node::Break)),
            "stop" => Found::Node(Some(Node::Stop)),
            "end" => Found::End("end"),
            "else" => Found::End("else"),
            _ => return Ok(Found::End("elseif")),
        };
        if matches!(*name, "set" | "end" | "else") {
            self.rest_of_line();
        }
        Ok(found)
    }

    /// A line that ends with a directive leaves no line behind.
    fn rest_of_line(&mut self) {
        let blank = self.rest().find(|c: char| !matches!(c, ' ' | '\t' | '\r')).unwrap_or(self.rest().len());
        if self.rest()[blank..].starts_with('\n') {
            self.at += blank + 1;
        }
    }

    fn set(&mut self) -> Result<Node, BadTemplate> {
        self.expect("(")?;
        self.expect("$")?;
        let braces = self.eat("{");
        let target = self.reference()?.ok_or_else(|| self.bad("#set needs a variable"))?;
        if braces {
            self.expect("}")?;
        }
        self.expect("=")?;
        let value = self.deeper(Self::expression)?;
        self.expect(")")?;
        Ok(Node::Set(target, value))
    }

    fn condition(&mut self) -> Result<Node, BadTemplate> {
        let mut branches = Vec::new();
        let mut condition = Some(self.parenthesised()?);
        loop {
            self.rest_of_line();
            let (body, end) = self.block()?;
            branches.push((condition.take(), body));
            match end {
                Some("end") => return Ok(Node::If(branches)),
                Some("elseif") => condition = Some(self.parenthesised()?),
                Some(_) => {}
                None => return Err(self.bad("an #if does not #end")),
            }
        }
    }

    fn parenthesised(&mut self) -> Result<Expression, BadTemplate> {
        self.expect("(")?;
        let inner = self.deeper(Self::expression)?;
        self.expect(")")?;
        Ok(inner)
    }

    fn foreach(&mut self) -> Result<Node, BadTemplate> {
        self.expect("(")?;
        self.expect("$")?;
        let name = self.word().ok_or_else(|| self.bad("#foreach needs a variable"))?.to_owned();
        self.expect("in")?;
        let over = self.deeper(Self::expression)?;
        self.expect(")")?;
        self.rest_of_line();
        match self.block()? {
            (body, Some("end")) => Ok(Node::Foreach(name, over, body)),
            _ => Err(self.bad("a #foreach does not #end")),
        }
    }

    fn expression(&mut self) -> Result<Expression, BadTemplate> {
        self.binary(0)
    }

    fn binary(&mut self, level: usize) -> Result<Expression, BadTemplate> {
        const LEVELS: [&[(&str, Operator)]; 6] = [
            &[("||", Operator::Or), ("or ", Operator::Or)],
            &[("&&", Operator::And), ("and ", Operator::And)],
            &[
                ("==", Operator::Equal),
                ("!=", Operator::Unequal),
                ("eq ", Operator::Equal),
                ("ne ", Operator::Unequal),
            ],
            &[
                ("<=", Operator::LessOrEqual),
                (">=", Operator::MoreOrEqual),
                ("<", Operator::Less),
                (">", Operator::More),
            ],
            &[("+", Operator::Add), ("-", Operator::Subtract)],
            &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)],
        ];
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        'next: loop {
            self.spaces();
            for (sign, operator) in *operators {
                if self.eat(sign) {
                    let right = self.deeper(|parser| parser.binary(level + 1))?;
                    left = Expression::Binary(Box::new(left), *operator, Box::new(right));
                    continue 'next;
                }
            }
            return Ok(left);
        }
    }

    fn unary(&mut self) -> Result<Expression, BadTemplate> {
        self.spaces();
        if self.eat("!") || self.eat("not ") {
            return Ok(Expression::Not(Box::new(self.deeper(Self::unary)?)));
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Expression, BadTemplate> {
        match self.peek() {
            Some('(') => self.deeper(Self::parenthesised),
            Some('$') => {
                self.at += 1;
                self.eat("!");
                let braces = self.eat("{");
                let reference = self.reference()?.ok_or_else(|| self.bad("a name is missing after $"))?;
                if braces {
                    self.expect("}")?;
                }
                Ok(Expression::Reference(reference))
            }
            Some(quote @ ('\'' | '"')) => self.text(quote),
            Some('[') => {
                self.at += 1;
                self.brackets()
            }
            Some('{') => {
                self.at += 1;
                self.map()
            }
            Some(c) if c.is_ascii_digit() || c == '-' => self.number(),
            _ => match self.word() {
                Some("true") => Ok(Expression::Literal(true.into())),
                Some("false") => Ok(Expression::Literal(false.into())),
                Some("null") => Ok(Expression::Literal(Value::Null)),
                _ => Err(self.bad("an expression is missing")),
            },
        }
    }

    /// A text: as it is in single quotes, a template in double ones. A quote in it is written twice.
    fn text(&mut self, quote: char) -> Result<Expression, BadTemplate> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.take() {
                Some(c) if c == quote && self.peek() == Some(quote) => {
                    self.at += 1;
                    text.push(quote);
                }
                Some(c) if c == quote => break,
                Some(c) => text.push(c),
                None => return Err(self.bad("a text does not end")),
            }
        }
        if quote == '\'' || !text.contains(['$', '#']) {
            return Ok(Expression::Literal(text.into()));
        }
        self.deeper(|_| parse(&text).map(Expression::Text))
    }

    fn brackets(&mut self) -> Result<Expression, BadTemplate> {
        self.spaces();
        if self.eat("]") {
            return Ok(Expression::List(Vec::new()));
        }
        let first = self.deeper(Self::expression)?;
        self.spaces();
        if self.eat("..") {
            let last = self.deeper(Self::expression)?;
            self.expect("]")?;
            return Ok(Expression::Range(Box::new(first), Box::new(last)));
        }
        let mut items = vec![first];
        if self.eat(",") {
            items.extend(self.list("]")?);
        } else {
            self.expect("]")?;
        }
        Ok(Expression::List(items))
    }

    fn map(&mut self) -> Result<Expression, BadTemplate> {
        let mut entries = Vec::new();
        self.spaces();
        while !self.eat("}") {
            if !entries.is_empty() {
                self.expect(",")?;
                self.spaces();
            }
            let key = self.deeper(Self::expression)?;
            self.expect(":")?;
            entries.push((key, self.deeper(Self::expression)?));
            self.spaces();
        }
        Ok(Expression::Map(entries))
    }

    fn number(&mut self) -> Result<Expression, BadTemplate> {
        let rest = self.rest();
        let body = rest.strip_prefix('-').unwrap_or(rest);
        let mut end = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
        // `1..3` is a range.
        let fraction =
            body[end..].strip_prefix('.').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(fraction) = fraction {
            end += 1 + fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        }
        let text = &rest[..end + rest.len() - body.len()];
        self.at += text.len();
        let value = text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<f64>().map(Value::from));
        value.map(Expression::Literal).map_err(|_| self.bad(format!("{text:?} is no number")))
    }
}

/// What a `#` was.
enum Found {
    Node(Option<Node>),
    /// A comment.
    Nothing,
    /// Only itself.
    Text,
    /// The end of the block.
    End(&'static str),
}

fn push_text(nodes: &mut Vec<Node>, text: String) {
    if !text.is_empty() {
        nodes.push(Node::Text(text));
    }
}
