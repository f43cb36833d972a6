//! Mapping templates: the template language that REST APIs write bodies in (VTL).
//!
//! Source: Apache Velocity 1.7 user guide; API Gateway developer guide, "Mapping template transformations for REST APIs" and
//! "Variables for data transformations" (2026-11). [`parse`] gives a tree, [`render`] what it writes; a [`World`] knows the
//! request, the context and the stage.

mod evaluate;
mod methods;
mod parse;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub(crate) use evaluate::render;
pub(crate) use parse::parse;

/// What templates refer to besides their own variables.
pub(crate) trait World {
    /// The body that is mapped.
    fn body(&self) -> &[u8];

    /// The parameters of the request: `path`, `querystring` and `header`, each a map of texts.
    fn parameters(&self) -> Value;

    /// A context variable, as in `identity.sourceIp`.
    fn context(&self, path: &str) -> Option<String>;

    /// The variables of the stage.
    fn stage_variables(&self) -> Value;
}

/// What a template set of the context (`requestOverride`, `responseOverride`): it lasts from one template to the next.
pub(crate) type Overrides = Map<String, Value>;

/// What is wrong with a template; the text is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(crate) struct BadTemplate {
    pub(crate) line: usize,
    pub(crate) what: String,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Text(String),
    /// A reference whose value is written; `source` where it has none, nothing where it is quiet.
    Shown {
        reference: Reference,
        quiet: bool,
        source: String,
    },
    Set(Reference, Expression),
    /// Conditions with what they are for, the last of which may have none.
    If(Vec<(Option<Expression>, Vec<Node>)>),
    Foreach(String, Expression, Vec<Node>),
    Break,
    Stop,
}

/// `$name.member.call(…)[index]`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Member(String),
    Call(String, Vec<Expression>),
    Index(Expression),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Literal(Value),
    /// A text in double quotes, which is a template itself.
    Text(Vec<Node>),
    Reference(Reference),
    List(Vec<Expression>),
    Range(Box<Expression>, Box<Expression>),
    Map(Vec<(Expression, Expression)>),
    Not(Box<Expression>),
    Binary(Box<Expression>, Operator, Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}
