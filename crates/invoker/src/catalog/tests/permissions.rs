//! Resource policies of functions.

use serde_json::json;

use super::*;

fn permission(id: &str, principal: &str) -> NewPermission {
    NewPermission {
        statement_id: id.to_owned(),
        action: "lambda:InvokeFunction".to_owned(),
        principal: principal.to_owned(),
        ..NewPermission::default()
    }
}

#[tokio::test]
async fn principals_have_four_forms() {
    let fixture = Fixture::new().await;
    fixture.function("f").await;
    let target = fixture.at("f");
    for (n, (given, expected)) in [
        ("*", json!("*")),
        ("s3.amazonaws.com", json!({"Service": "s3.amazonaws.com"})),
        ("111111111111", json!({"AWS": "arn:aws:iam::111111111111:root"})),
        ("arn:aws:iam::111111111111:user/u", json!({"AWS": "arn:aws:iam::111111111111:user/u"})),
    ]
    .into_iter()
    .enumerate()
    {
        let added =
            fixture.catalog.add_permission(&target, &permission(&format!("s{n}"), given)).await.unwrap();
        assert_eq!(added.principal, expected, "{given}");
    }
    let refused =
        "InvalidParameter: The provided principal was invalid. Please check the principal and try again.";
    let result = fixture.catalog.add_permission(&target, &permission("x", "invalid.nonaws.com")).await;
    assert_eq!(shown(result), refused);
}

#[tokio::test]
async fn conditions_have_the_form_of_iam() {
    let fixture = Fixture::new().await;
    fixture.function("f").await;
    let url = NewPermission {
        action: "lambda:InvokeFunctionUrl".into(),
        source_arn: Some("arn:aws:s3:::b".into()),
        source_account: Some("111111111111".into()),
        function_url_auth_type: Some("NONE".into()),
        principal_org_id: Some("o-1234567890".into()),
        ..permission("url", "*")
    };
    let added = fixture.catalog.add_permission(&fixture.at("f"), &url).await.unwrap();
    let expected = json!({
        "Sid": "url", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunctionUrl",
        "Resource": format!("{ARN}:f"),
        "Condition": {
            "StringEquals": {
                "AWS:SourceAccount": "111111111111", "lambda:FunctionUrlAuthType": "NONE",
                "aws:PrincipalOrgID": "o-1234567890"
            },
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}
        }
    });
    assert_eq!(serde_json::to_value(&added).unwrap(), expected);
    let through = NewPermission { invoked_via_function_url: Some(true), ..permission("through", "*") };
    let added = fixture.catalog.add_permission(&fixture.at("f"), &through).await.unwrap();
    assert_eq!(added.condition, Some(json!({"Bool": {"lambda:InvokedViaFunctionUrl": "true"}})));
}

#[tokio::test]
async fn policies_hang_on_functions_versions_and_aliases() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    let latest = "InvalidParameter: We currently do not support adding policies for $LATEST.";
    for (reference, expected) in [
        ("f", "ok".to_owned()),
        ("f:1", "ok".to_owned()),
        ("f:$LATEST", latest.to_owned()),
        ("f:42", format!("NotFound: Function not found: {ARN}:f:42")),
        ("f:none", format!("NotFound: Cannot find alias arn: {ARN}:f:none")),
        ("g", format!("NotFound: Function not found: {ARN}:g")),
    ] {
        let result = fixture.catalog.add_permission(&fixture.at(reference), &permission("s", "*")).await;
        assert_eq!(shown(result), expected, "{reference}");
    }
    let policy = fixture.catalog.policy(&fixture.at("f:1")).unwrap();
    assert_eq!(policy.statements[0].resource, format!("{ARN}:f:1"));
}

#[tokio::test]
async fn revisions_of_a_policy_guard_it() {
    let fixture = Fixture::new().await;
    let of_function = fixture.function("f").await.latest.revision.to_string();
    let target = fixture.at("f");
    let known = |id: &str, revision: &str| NewPermission {
        revision: Some(revision.to_owned()),
        ..permission(id, "*")
    };
    let stale = "StaleRevision: The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API \
                 to retrieve the latest Revision Id";
    assert_eq!(shown(fixture.catalog.add_permission(&target, &known("a", "wrong")).await), stale);
    assert_eq!(shown(fixture.catalog.add_permission(&target, &known("a", &of_function)).await), "ok");
    let policy = fixture.catalog.policy(&target).unwrap();
    assert_eq!(policy.revision, fixture.get("f").latest.revision, "both move together");
    assert_eq!(shown(fixture.catalog.remove_permission(&target, "a", Some("wrong")).await), stale);
    let revision = policy.revision.to_string();
    assert_eq!(shown(fixture.catalog.remove_permission(&target, "a", Some(&revision)).await), "ok");
    let gone = "NotFound: The resource you requested does not exist.";
    assert_eq!(shown(fixture.catalog.policy(&target)), gone);
}

#[tokio::test]
async fn statements_are_unique_and_found() {
    let fixture = Fixture::new().await;
    fixture.function("f").await;
    let target = fixture.at("f");
    let nothing = "NotFound: No policy is associated with the given resource.";
    assert_eq!(shown(fixture.catalog.remove_permission(&target, "a", None).await), nothing);
    fixture.catalog.add_permission(&target, &permission("a", "*")).await.unwrap();
    let taken = "Conflict: The statement id (a) provided already exists. Please provide a new statement id, or remove \
                 the existing statement.";
    assert_eq!(shown(fixture.catalog.add_permission(&target, &permission("a", "*")).await), taken);
    let missing = "NotFound: Statement b is not found in resource policy.";
    assert_eq!(shown(fixture.catalog.remove_permission(&target, "b", None).await), missing);
    let no_function = format!("NotFound: No policy found for: {ARN}:g");
    assert_eq!(shown(fixture.catalog.remove_permission(&fixture.at("g"), "a", None).await), no_function);
    let dotted = "Validation: 1 validation error detected: Value 'a.b' at 'statementId' failed to satisfy constraint: \
                  Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)";
    assert_eq!(shown(fixture.catalog.add_permission(&target, &permission("a.b", "*")).await), dotted);
}

#[tokio::test]
async fn a_service_needs_a_statement_of_the_qualifier_that_it_calls() {
    let fixture = Fixture::new().await;
    fixture.function("f").await;
    let caller = ebb_model::ServiceCaller {
        service: "s3.amazonaws.com".into(),
        source_arn: "arn:aws:s3:::b".into(),
        source_account: "000000000000".into(),
    };
    let granted = |name: &str| {
        let reference = ebb_model::FunctionReference::parse(name).unwrap();
        fixture.catalog.granted(&reference, &caller).map_err(|error| error.to_string())
    };
    let missing = granted("f").unwrap_err();
    assert!(missing.contains("arn:aws:s3:::b") && missing.contains("s3.amazonaws.com"), "{missing}");
    let target = fixture.at("f");
    fixture.catalog.add_permission(&target, &permission("s", "s3.amazonaws.com")).await.unwrap();
    assert_eq!(granted("f"), Ok(()));
    assert!(granted("f:1").is_err());
    assert!(granted("g").is_err());
}
