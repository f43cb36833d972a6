//! Environment variables of a function.

use std::collections::BTreeMap;

use ebb_model::INSPECT_VARIABLE;
use ebb_model::limits::ENVIRONMENT_BYTES;

use super::{CatalogError, Violations};

/// Variables that the platform sets itself. Source: the Lambda developer guide, "Defined runtime environment
/// variables" (2026-11), the reserved ones; and the one that opens a port of the host for debuggers.
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    INSPECT_VARIABLE,
];

/// The service's own pattern wants two characters at least. A single letter is a good name everywhere else, and ebb has
/// no reason to refuse it.
const KEY_PATTERN: &str = "[a-zA-Z]([a-zA-Z0-9_])*";

/// Notes names that are malformed.
pub(super) fn check_names(variables: &BTreeMap<String, String>, violations: &mut Violations) {
    let legal = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    // Reserved names that the pattern would refuse as well are left to the clearer message.
    let bad: Vec<_> =
        variables.keys().filter(|name| !legal(name) && !RESERVED.contains(&name.as_str())).cloned().collect();
    if !bad.is_empty() {
        violations.add(
            "environment.variables",
            format!("[{}]", bad.join(", ")),
            &format!(
                "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: {KEY_PATTERN}]"
            ),
        );
    }
}

/// Refuses names that the platform needs itself, and more than fits.
pub(super) fn check(variables: &BTreeMap<String, String>) -> Result<(), CatalogError> {
    let reserved: Vec<_> =
        variables.keys().filter(|name| RESERVED.contains(&name.as_str())).map(String::as_str).collect();
    if !reserved.is_empty() {
        return Err(CatalogError::InvalidParameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used \
             in this request: {}",
            reserved.join(", ")
        )));
    }
    let measured = serde_json::to_string(variables).unwrap_or_default();
    if measured.len() > ENVIRONMENT_BYTES {
        return Err(CatalogError::InvalidParameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit. String measured: {measured}"
        )));
    }
    Ok(())
}
