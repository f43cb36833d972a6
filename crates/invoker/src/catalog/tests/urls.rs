//! Function URLs and asynchronous settings.

use super::*;

fn auth(kind: &str) -> UrlChange {
    UrlChange { auth: Some(kind.to_owned()), ..UrlChange::default() }
}

#[tokio::test]
async fn a_url_keeps_its_address() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    let target = fixture.at("f");
    let made = fixture.catalog.create_url(&target, &auth("NONE")).await.unwrap();
    assert_eq!(made.url.id.len(), 32);
    assert!(made.url.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    let twice = format!(
        "Conflict: Failed to create function url config for [functionArn = {ARN}:f]. Error message:  \
         FunctionUrlConfig exists for this Lambda function"
    );
    assert_eq!(shown(fixture.catalog.create_url(&target, &auth("NONE")).await), twice);
    let changed = fixture.catalog.update_url(&target, &auth("AWS_IAM")).await.unwrap();
    assert_eq!((&changed.url.id, changed.url.created), (&made.url.id, made.url.created));
    assert_ne!(changed.url.auth, made.url.auth);
    let (function, qualifier, url) = fixture.catalog.snapshot().url(&made.url.id).unwrap();
    assert_eq!(
        (function.name.as_str(), qualifier.to_string(), url),
        ("f", "$LATEST".to_owned(), changed.url)
    );
    fixture.catalog.delete_url(&target).await.unwrap();
    assert!(fixture.catalog.snapshot().url(&made.url.id).is_none());
}

#[tokio::test]
async fn urls_that_cannot_be() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    let version = r"Validation: 1 validation error detected: Value '1' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)";
    let none = "NotFound: Function does not exist";
    let gone = "NotFound: The resource you requested does not exist.";
    for (reference, created, got) in
        [("missing", none, gone), ("f:1", version, version), ("f:none", none, gone)]
    {
        let target = fixture.at(reference);
        assert_eq!(shown(fixture.catalog.create_url(&target, &auth("NONE")).await), created, "{reference}");
        assert_eq!(shown(fixture.catalog.url(&target)), got, "{reference}");
        assert_eq!(shown(fixture.catalog.delete_url(&target).await), got, "{reference}");
    }
    let target = fixture.at("f");
    assert_eq!(shown(fixture.catalog.update_url(&target, &auth("NONE")).await), gone);
    let kind = "Validation: 1 validation error detected: Value 'BASIC' at 'authType' failed to satisfy constraint: \
                Member must satisfy enum value set: [NONE, AWS_IAM]";
    assert_eq!(shown(fixture.catalog.create_url(&target, &auth("BASIC")).await), kind);
}

#[tokio::test]
async fn asynchronous_settings_are_put_whole_or_in_part() {
    let fixture = Fixture::new().await;
    fixture.function("f").await;
    let target = fixture.at("f");
    let age =
        |seconds| EventInvokeChange { max_event_age_seconds: Some(seconds), ..EventInvokeChange::default() };
    let retries = EventInvokeChange { max_retry_attempts: Some(0), ..EventInvokeChange::default() };
    let missing = format!("NotFound: The function {ARN}:f:$LATEST doesn't have an EventInvokeConfig");
    assert_eq!(shown(fixture.catalog.set_event_invoke(&target, &retries, true).await), missing);
    fixture.catalog.set_event_invoke(&target, &age(60), false).await.unwrap();
    let (arn, both) = fixture.catalog.set_event_invoke(&target, &retries, true).await.unwrap();
    assert_eq!(arn.to_string(), format!("{ARN}:f:$LATEST"));
    assert_eq!((both.max_event_age_seconds, both.max_retry_attempts), (Some(60), Some(0)));
    let (_, one) = fixture.catalog.set_event_invoke(&target, &retries, false).await.unwrap();
    assert_eq!((one.max_event_age_seconds, one.max_retry_attempts), (None, Some(0)));
    let young = shown(fixture.catalog.set_event_invoke(&target, &age(59), false).await);
    assert!(young.contains("'maximumEventAgeInSeconds'"), "{young}");
    fixture.catalog.delete_event_invoke(&target).await.unwrap();
    assert_eq!(shown(fixture.catalog.event_invoke(&target)), missing);
}

#[tokio::test]
async fn destinations_must_be_possible() {
    let fixture = Fixture::new().await;
    fixture.function("f").await;
    fixture.function("other").await;
    let target = fixture.at("f");
    let iam = "arn:aws:iam:us-east-1:000000000000:function:x";
    for (arn, expected) in [
        (format!("{ARN}:other"), "ok".to_owned()),
        ("arn:aws:sqs:us-east-1:000000000000:q".to_owned(), "ok".to_owned()),
        (
            format!("{ARN}:f"),
            "InvalidParameter: You can't specify the function as a destination for itself.".to_owned(),
        ),
        (format!("{ARN}:none"), format!("InvalidParameter: The destination ARN {ARN}:none is invalid.")),
        (
            iam.to_owned(),
            format!(
                "InvalidParameter: The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={iam}), onFailure=null) is invalid."
            ),
        ),
    ] {
        let change =
            EventInvokeChange { on_success: Some(Some(arn.clone())), ..EventInvokeChange::default() };
        assert_eq!(shown(fixture.catalog.set_event_invoke(&target, &change, false).await), expected, "{arn}");
    }
    let nothing = "InvalidParameter: You must specify at least one of error handling or destination setting.";
    let change = EventInvokeChange::default();
    assert_eq!(shown(fixture.catalog.set_event_invoke(&target, &change, false).await), nothing);
}
