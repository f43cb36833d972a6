//! The forms in which requests name functions.

use super::*;

#[tokio::test]
async fn references_are_read_or_refused() {
    let fixture = Fixture::new().await;
    let pattern = format!("Member must satisfy regular expression pattern: {}", locate::REFERENCE_PATTERN);
    let malformed = |text: &str| {
        format!(
            "Validation: 1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: {pattern}"
        )
    };
    let long = "a".repeat(65);
    let mismatch = "InvalidParameter: The derived qualifier from the function name does not match the specified \
                    qualifier.";
    let long_qualifier = "q".repeat(129);
    for (reference, qualifier, expected) in [
        ("f", None, "ok".to_owned()),
        ("f:1", Some("1"), "ok".to_owned()),
        ("000000000000:function:f:live", None, "ok".to_owned()),
        ("arn:aws:lambda:us-east-1:000000000000:function:f", Some("$LATEST"), "ok".to_owned()),
        ("*", None, malformed("*")),
        ("arn:aws:lambda:us-east-1:000000000000:function", None, "ok".to_owned()),
        ("arn:aws-us-gov:lambda:us-gov-west-1:000000000000:function:f", None,
            "NotFound: Functions from 'us-gov-west-1' are not reachable in this region ('us-east-1')".to_owned()),
        ("arn:aws:lambda:invalid-region:000000000000:function:f", None,
            malformed("arn:aws:lambda:invalid-region:000000000000:function:f")),
        ("my-function!", None, malformed("my-function!")),
        ("arn:aws:ec2:us-east-1:000000000000:instance:i", None, malformed("arn:aws:ec2:us-east-1:000000000000:instance:i")),
        ("f:1", Some("2"), mismatch.to_owned()),
        ("f:$LATEST", Some("1"), mismatch.to_owned()),
        (&long, None, format!("NotFound: Function not found: {ARN}:{long}")),
        ("f", Some("with-$-inside"), format!("NotFound: Function not found: {ARN}:f:with-$-inside")),
        (
            "arn:aws:lambda:eu-west-1:000000000000:function:f",
            None,
            "NotFound: Functions from 'eu-west-1' are not reachable in this region ('us-east-1')".to_owned(),
        ),
        (
            "arn:aws:lambda:us-east-1:111111111111:function:f",
            None,
            "OtherAccount: Account 111111111111 is not served here".to_owned(),
        ),
        (
            "f",
            Some("invalid!"),
            r"Validation: 1 validation error detected: Value 'invalid!' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+".to_owned(),
        ),
        (
            "f",
            Some(&long_qualifier),
            format!("Validation: 1 validation error detected: Value '{long_qualifier}' at 'qualifier' failed to satisfy constraint: Member must have length less than or equal to 128"),
        ),
    ] {
        assert_eq!(shown(fixture.catalog.locate(reference, qualifier)), expected, "{reference} {qualifier:?}");
    }
}

#[tokio::test]
async fn new_names_are_read_or_refused() {
    let fixture = Fixture::new().await;
    let long = "a".repeat(65);
    let longer = "a".repeat(141);
    for (text, expected) in [
        ("f", "ok".to_owned()),
        ("arn:aws:lambda:us-east-1:000000000000:function:f", "ok".to_owned()),
        (
            &long,
            format!(
                "InvalidParameter: 1 validation error detected: Value '{long}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64"
            ),
        ),
        (
            &longer,
            format!(
                "Validation: 1 validation error detected: Value '{longer}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 140"
            ),
        ),
    ] {
        assert_eq!(shown(fixture.catalog.new_name(text)), expected, "{text}");
    }
    assert!(shown(fixture.catalog.new_name("no spaces")).starts_with("Validation: 1 validation error"));
}

#[tokio::test]
async fn a_version_is_found_through_any_name_of_it() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    let alias = NewAlias { name: "live".into(), version: "1".into(), ..NewAlias::default() };
    fixture.catalog.create_alias(&fixture.at("f").name, &alias).await.unwrap();
    for (reference, expected) in [
        ("f", "$LATEST".to_owned()),
        ("f:$LATEST", "$LATEST".to_owned()),
        ("f:1", "1".to_owned()),
        ("f:live", "1".to_owned()),
        ("f:2", format!("NotFound: Function not found: {ARN}:f:2")),
        ("f:none", format!("NotFound: Function not found: {ARN}:f:none")),
        ("g", format!("NotFound: Function not found: {ARN}:g")),
    ] {
        let found = match fixture.catalog.version(&fixture.at(reference)) {
            Ok((_, version)) => version.version.to_string(),
            Err(error) => shown::<()>(Err(error)),
        };
        assert_eq!(found, expected, "{reference}");
    }
}
