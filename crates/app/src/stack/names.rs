//! Physical names: `STACK-LOGICAL-SUFFIX`, within what each service allows.

use ebb_model::RequestId;

/// How long the random part is.
const SUFFIX: usize = 12;

/// A name that nobody has, for a resource that has none of its own.
pub(super) fn physical(stack: &str, logical: &str, kind: &str) -> String {
    let random: String = RequestId::random()
        .to_string()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(SUFFIX)
        .collect::<String>()
        .to_ascii_uppercase();
    let longest = match kind {
        "AWS::SQS::Queue" => 80,
        "AWS::S3::Bucket" => 63,
        "AWS::Events::Archive" => 48,
        "AWS::Logs::LogGroup" | "AWS::Logs::SubscriptionFilter" => 512,
        "AWS::CloudFormation::Stack" => 128,
        "AWS::Lambda::LayerVersion" => 140,
        _ => 64,
    };
    let rest = longest - SUFFIX - 2;
    // Both parts keep their beginnings; the stack's gets what the logical id leaves.
    let logical: String =
        logical.chars().take(rest.saturating_sub(stack.len()).max(24.min(rest / 2))).collect();
    let stack: String = stack.chars().take(rest - logical.len()).collect();
    let name = format!("{}-{logical}-{random}", stack.trim_end_matches('-'));
    if kind == "AWS::S3::Bucket" { name.to_ascii_lowercase() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_stack_and_logical_id_and_fit() {
        let long = "x".repeat(100);
        for (stack, logical, kind, longest) in [
            ("app", "Put", "AWS::Lambda::Function", 64),
            (&long, &long, "AWS::Lambda::Function", 64),
            ("app", &long, "AWS::S3::Bucket", 63),
            (&long, "Q", "AWS::SQS::Queue", 80),
        ] {
            let name = physical(stack, logical, kind);
            assert!(name.len() <= longest, "{name}");
            assert!(name.starts_with(&stack[..3.min(stack.len())]), "{name}");
            assert_ne!(name, physical(stack, logical, kind));
        }
        assert!(physical("app-12345678", "Put", "AWS::Lambda::Function").starts_with("app-12345678-Put-"));
        let bucket = physical("App", "Bucket", "AWS::S3::Bucket");
        assert_eq!(bucket, bucket.to_ascii_lowercase());
    }
}
