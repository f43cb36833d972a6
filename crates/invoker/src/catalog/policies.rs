//! Statements in resource policies, whatever they hang on.

use ebb_model::{Policy, RevisionId, Statement};

use super::{CatalogError, NotFound};

/// The most that a policy may be, in bytes. Source: the Lambda developer guide, "Lambda quotas" (2026-11).
const POLICY_BYTES: usize = 20 * 1024;

/// Adds a statement, under a new revision.
pub(super) fn add(
    policy: Option<Policy>,
    statement: Statement,
    revision: RevisionId,
) -> Result<Policy, CatalogError> {
    let mut statements = policy.map(|policy| policy.statements).unwrap_or_default();
    if statements.iter().any(|present| present.id == statement.id) {
        return Err(CatalogError::Conflict(format!(
            "The statement id ({}) provided already exists. Please provide a new statement id, or remove the \
             existing statement.",
            statement.id
        )));
    }
    statements.push(statement);
    let size = serde_json::to_vec(&statements).map_or(0, |bytes| bytes.len());
    if size > POLICY_BYTES {
        return Err(CatalogError::PolicyTooLong { size, limit: POLICY_BYTES });
    }
    Ok(Policy { revision, statements })
}

/// Takes a statement out, under a new revision; nothing where that was the last.
pub(super) fn remove(
    policy: &Policy,
    id: &str,
    revision: RevisionId,
) -> Result<Option<Policy>, CatalogError> {
    let kept: Vec<_> = policy.statements.iter().filter(|statement| statement.id != id).cloned().collect();
    if kept.len() == policy.statements.len() {
        return Err(NotFound::Statement(id.to_owned()).into());
    }
    Ok(Some(Policy { revision, statements: kept }).filter(|policy| !policy.statements.is_empty()))
}
