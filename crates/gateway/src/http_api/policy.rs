//! What the policy document of an authorizer says of a request.
//!
//! Source: API Gateway developer guide, "Output from an API Gateway Lambda authorizer" and "Control access for invoking
//! an API"; IAM user guide, "Policy evaluation logic" (2026-11).

use ebb_model::like;
use serde_json::Value;

const INVOKE: &str = "execute-api:invoke";

/// Whether a request to this ARN is denied (`Some(false)`), allowed (`Some(true)`), or not spoken of.
///
/// A statement with conditions allows nothing, since what they would be about is not known here, and denies all the
/// same.
pub(crate) fn decide(policy: &Value, arn: &str) -> Option<bool> {
    let statements = match &policy["Statement"] {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    let about = |statement: &&Value| actions(statement) && resources(statement, arn);
    let mut decision = None;
    for statement in statements.iter().filter(about) {
        let conditional =
            statement.get("Condition").and_then(Value::as_object).is_some_and(|own| !own.is_empty());
        match statement["Effect"].as_str() {
            Some("Allow") if !conditional => decision = Some(true),
            Some("Deny") => return Some(false),
            _ => {}
        }
    }
    decision
}

fn any(value: &Value, holds: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => holds(text),
        Value::Array(list) => list.iter().filter_map(Value::as_str).any(holds),
        _ => false,
    }
}

fn actions(statement: &Value) -> bool {
    let holds = |form: &str| like(&form.to_ascii_lowercase(), INVOKE);
    match statement.get("NotAction") {
        Some(others) => !any(others, holds),
        None => any(&statement["Action"], holds),
    }
}

fn resources(statement: &Value, arn: &str) -> bool {
    match statement.get("NotResource") {
        Some(others) => !any(others, |form| like(form, arn)),
        None => any(&statement["Resource"], |form| like(form, arn)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn policies_are_evaluated() {
        let arn = "arn:aws:execute-api:us-east-1:000000000000:api/dev/GET/pets/7";
        let prefix = "arn:aws:execute-api:us-east-1:000000000000:api/";
        let allow = |resource: &str| json!({ "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource });
        let deny =
            |resource: &str| json!({ "Effect": "Deny", "Action": ["execute-api:*"], "Resource": [resource] });
        for (statement, expected) in [
            (allow(arn), Some(true)),
            (json!([allow(&format!("{prefix}*/GET/*"))]), Some(true)),
            (allow("*"), Some(true)),
            (allow(&format!("{prefix}dev/POST/*")), None),
            (json!([allow("*"), deny(&format!("{prefix}dev/GET/pets/*"))]), Some(false)),
            (json!([allow("*"), deny(&format!("{prefix}prod/*"))]), Some(true)),
            (json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }), None),
            (json!({ "Effect": "Allow", "NotAction": "s3:*", "Resource": "*" }), Some(true)),
            (json!({ "Effect": "Allow", "Action": "*", "NotResource": arn }), None),
            (
                json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { "Bool": { "a": "true" } } }),
                None,
            ),
            (json!(null), None),
        ] {
            assert_eq!(decide(&json!({ "Statement": statement }), arn), expected, "{statement}");
        }
    }
}
