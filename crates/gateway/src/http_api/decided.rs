//! What an authorizer said of a request that may go on.
//!
//! Source: API Gateway developer guide, "Control access to HTTP APIs with JWT authorizers", "Control access to HTTP APIs
//! with AWS Lambda authorizers" and "Output from an API Gateway Lambda authorizer" (2026-11).

use serde_json::{Map, Value, json};

use super::variables;

/// What an authorizer adds to what follows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decided {
    /// A token was right.
    Token {
        /// What it claims, as events show it: everything as text.
        claims: Map<String, Value>,
        /// The token's scopes, where the route asks for any.
        scopes: Option<Vec<String>>,
    },
    /// A function let it pass.
    Function {
        /// Whom it took the caller for.
        principal: Option<String>,
        /// What it adds.
        context: Map<String, Value>,
    },
}

impl Decided {
    /// As payload format 2.0 has it.
    pub(crate) fn event_v2(&self) -> Value {
        match self {
            Self::Token { claims, scopes } => json!({ "jwt": { "claims": claims, "scopes": scopes } }),
            Self::Function { context, .. } if context.is_empty() => json!({ "lambda": null }),
            Self::Function { context, .. } => json!({ "lambda": context }),
        }
    }

    /// As payload format 1.0 has it.
    pub(crate) fn event_v1(&self) -> Value {
        match self {
            Self::Token { claims, scopes } => json!({ "claims": claims, "scopes": scopes }),
            Self::Function { principal, context } => {
                let mut own = context.clone();
                if let Some(principal) = principal {
                    own.insert("principalId".to_owned(), principal.as_str().into());
                }
                Value::Object(own)
            }
        }
    }

    /// The context variable `$context.authorizer.PATH`.
    pub(crate) fn variable(&self, path: &str) -> Option<String> {
        match (self, path.strip_prefix("claims.").or_else(|| path.strip_prefix("jwt.claims."))) {
            (Self::Token { claims, .. }, Some(claim)) => variables::text(claims.get(claim)?),
            (Self::Function { principal, .. }, None) if path == "principalId" => principal.clone(),
            (Self::Function { context, .. }, None) => {
                variables::text(context.get(path.strip_prefix("lambda.").unwrap_or(path))?)
            }
            _ => None,
        }
    }
}
