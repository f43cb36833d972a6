//! Reserved and provisioned concurrency.

use ebb_model::Qualifier;

use super::*;

#[tokio::test]
async fn reservations_leave_a_hundred_to_the_account() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    fixture.function("g").await;
    let catalog = &fixture.catalog;
    let (f, g) = (fixture.at("f"), fixture.at("g"));
    let too_much = "InvalidParameter: Specified ReservedConcurrentExecutions for function decreases account's \
                    UnreservedConcurrentExecution below its minimum value of [100].";
    assert_eq!(shown(catalog.set_reserved_concurrency(&f, Some(901)).await), too_much);
    assert_eq!(shown(catalog.set_reserved_concurrency(&f, Some(800)).await), "ok");
    assert_eq!(shown(catalog.set_reserved_concurrency(&g, Some(101)).await), too_much);
    assert_eq!(shown(catalog.set_reserved_concurrency(&g, Some(100)).await), "ok");
    assert_eq!(catalog.unreserved_concurrency(), 100);
    assert_eq!(shown(catalog.set_reserved_concurrency(&f, None).await), "ok");
    assert_eq!(catalog.unreserved_concurrency(), 900);
    let qualified = shown(catalog.set_reserved_concurrency(&fixture.at("f:1"), Some(1)).await);
    assert!(qualified.starts_with("InvalidParameter: This operation is permitted on Lambda functions only."));
    let missing = format!("NotFound: Function not found: {ARN}:none:$LATEST");
    assert_eq!(shown(catalog.set_reserved_concurrency(&fixture.at("none"), Some(1)).await), missing);
}

#[tokio::test]
async fn provisioned_concurrency_fits_what_is_reserved() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    let catalog = &fixture.catalog;
    let (f, one) = (fixture.at("f"), fixture.at("f:1"));
    catalog.set_provisioned_concurrency(&one, 2).await.unwrap();
    let below = "InvalidParameter:  ReservedConcurrentExecutions  1 should not be lower than function's total \
                 provisioned concurrency [2].";
    assert_eq!(shown(catalog.set_reserved_concurrency(&f, Some(1)).await), below);
    catalog.set_reserved_concurrency(&f, Some(2)).await.unwrap();
    let above = "InvalidParameter: Requested Provisioned Concurrency should not be greater than the \
                 reservedConcurrentExecution for function";
    assert_eq!(shown(catalog.set_provisioned_concurrency(&one, 3).await), above);
    catalog.set_reserved_concurrency(&f, None).await.unwrap();
    let account = "InvalidParameter: Specified ConcurrentExecutions for function is greater than account's unreserved \
                   concurrency [1000].";
    assert_eq!(shown(catalog.set_provisioned_concurrency(&one, 1001).await), account);
    let minimum = "InvalidParameter: Specified ConcurrentExecutions for function decreases account's \
                   UnreservedConcurrentExecution below its minimum value of [100].";
    assert_eq!(shown(catalog.set_provisioned_concurrency(&one, 901).await), minimum);
}

#[tokio::test]
async fn provisioned_concurrency_is_for_versions_and_aliases() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    let alias = NewAlias { name: "live".into(), version: "1".into(), ..NewAlias::default() };
    fixture.catalog.create_alias(&fixture.at("f").name, &alias).await.unwrap();
    let latest = "InvalidParameter: Provisioned Concurrency Configs cannot be applied to unpublished function versions.";
    let clash = "Conflict: Alias can't be used for Provisioned Concurrency configuration on an already Provisioned \
                 version";
    for (reference, expected) in [
        ("f", latest.to_owned()),
        ("f:$LATEST", latest.to_owned()),
        ("f:9", format!("NotFound: Function not found: {ARN}:f:9")),
        ("f:none", format!("NotFound: Cannot find alias arn: {ARN}:f:none")),
        ("none:live", format!("NotFound: Cannot find alias arn: {ARN}:none:live")),
        ("f:1", "ok".to_owned()),
        ("f:live", clash.to_owned()),
    ] {
        let result = fixture.catalog.set_provisioned_concurrency(&fixture.at(reference), 1).await;
        assert_eq!(shown(result), expected, "{reference}");
    }
    fixture.catalog.delete_provisioned_concurrency(&fixture.at("f:1")).await.unwrap();
    fixture.catalog.set_provisioned_concurrency(&fixture.at("f:live"), 1).await.unwrap();
    let pointed = "Conflict: Version is pointed by a Provisioned Concurrency alias";
    let result = fixture.catalog.set_provisioned_concurrency(&fixture.at("f:1"), 1).await;
    assert_eq!(shown(result), pointed);
}

#[tokio::test]
async fn the_status_is_what_the_invoker_says() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    let (catalog, target) = (&fixture.catalog, fixture.at("f:1"));
    let missing = "ProvisionedConcurrencyNotFound: No Provisioned Concurrency Config found for this function";
    assert_eq!(shown(catalog.provisioned_concurrency(&target)), missing);
    catalog.set_provisioned_concurrency(&target, 2).await.unwrap();
    let qualifier = Qualifier::parse("1").unwrap();
    for (available, failure, expected) in [
        (0, None, ProvisionedStatus::InProgress),
        (1, None, ProvisionedStatus::InProgress),
        (1, Some("no room"), ProvisionedStatus::Failed("no room".to_owned())),
        (2, None, ProvisionedStatus::Ready),
        (3, None, ProvisionedStatus::Ready),
    ] {
        catalog.report_provisioned(&target.name, &qualifier, available, failure.map(str::to_owned));
        let config = catalog.provisioned_concurrency(&target).unwrap();
        assert_eq!((config.requested, config.status), (2, expected), "{available} {failure:?}");
        assert_eq!(config.available, available.min(2));
    }
}
