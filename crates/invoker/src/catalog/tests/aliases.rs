//! Aliases and their weights.

use super::*;

fn weights(pairs: &[(&str, f64)]) -> Option<BTreeMap<String, f64>> {
    Some(pairs.iter().map(|(version, weight)| ((*version).to_owned(), *weight)).collect())
}

async fn with_two_versions() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    fixture.touch("f", "second").await;
    fixture.publish("f").await;
    fixture
}

#[tokio::test]
async fn aliases_that_cannot_be() {
    let fixture = with_two_versions().await;
    let name = fixture.at("f").name;
    let constraint = "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must \
                      have value greater than or equal to 0.0, Member must not be null]";
    let too_high = format!(
        "Validation: 1 validation error detected: Value '{{2=2.0}}' at 'routingConfig.additionalVersionWeights' \
         failed to satisfy constraint: {constraint}"
    );
    let missing = format!("NotFound: Function not found: {ARN}:f:10");
    let numeric = "Validation: 1 validation error detected: Value '2024' at 'name' failed to satisfy constraint: Member \
                   must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)";
    for (alias, version, routing, expected) in [
        (
            "a",
            "1",
            weights(&[("2", 0.5), ("1", 0.1)]),
            "InvalidParameter: Number of items in AdditionalVersionWeights \
                                                         cannot be greater than 1",
        ),
        ("a", "1", weights(&[("2", 2.0)]), too_high.as_str()),
        (
            "a",
            "1",
            weights(&[("1", 0.5)]),
            "InvalidParameter: Invalid function version 1. Function version 1 is already \
                                            included in routing configuration.",
        ),
        ("a", "10", None, missing.as_str()),
        ("a", "1", weights(&[("10", 0.5)]), missing.as_str()),
        (
            "a",
            "$LATEST",
            weights(&[("2", 0.5)]),
            "InvalidParameter: $LATEST is not supported for an alias pointing to \
                                                  more than 1 version",
        ),
        ("2024", "1", None, numeric),
    ] {
        let new =
            NewAlias { name: alias.into(), version: version.into(), weights: routing, ..NewAlias::default() };
        assert_eq!(shown(fixture.catalog.create_alias(&name, &new).await), expected, "{alias} -> {version}");
    }
}

#[tokio::test]
async fn an_alias_moves_and_splits() {
    let fixture = with_two_versions().await;
    let name = fixture.at("f").name;
    let new = NewAlias { name: "live".into(), version: "1".into(), ..NewAlias::default() };
    let made = fixture.catalog.create_alias(&name, &new).await.unwrap();
    let again = fixture.catalog.create_alias(&name, &new).await;
    assert_eq!(shown(again), format!("Conflict: Alias already exists: {ARN}:f:live"));
    let split = AliasChange { weights: weights(&[("2", 0.25)]), ..AliasChange::default() };
    let changed = fixture.catalog.update_alias(&name, "live", &split).await.unwrap();
    assert_eq!((changed.version, changed.weights.len()), (made.version, 1));
    assert_ne!(changed.revision, made.revision);
    let stale = AliasChange { revision: Some(made.revision.to_string()), ..AliasChange::default() };
    assert!(shown(fixture.catalog.update_alias(&name, "live", &stale).await).starts_with("StaleRevision: "));
    let whole = AliasChange { version: Some("2".into()), weights: weights(&[]), ..AliasChange::default() };
    let moved = fixture.catalog.update_alias(&name, "live", &whole).await.unwrap();
    assert_eq!((moved.version.to_string(), moved.weights.len()), ("2".to_owned(), 0));
    assert_eq!(fixture.catalog.alias(&name, "live").unwrap(), moved);
}

#[tokio::test]
async fn an_alias_takes_what_hangs_on_it_along() {
    let fixture = with_two_versions().await;
    let name = fixture.at("f").name;
    let new = NewAlias { name: "live".into(), version: "1".into(), ..NewAlias::default() };
    fixture.catalog.create_alias(&name, &new).await.unwrap();
    let target = fixture.at("f:live");
    let url = UrlChange { auth: Some("NONE".into()), ..UrlChange::default() };
    let id = fixture.catalog.create_url(&target, &url).await.unwrap().url.id;
    fixture.catalog.set_provisioned_concurrency(&target, 1).await.unwrap();
    fixture.catalog.delete_alias(&name, "live").await.unwrap();
    fixture.catalog.delete_alias(&name, "live").await.unwrap();
    assert!(fixture.catalog.snapshot().url(&id).is_none());
    assert!(fixture.get("f").provisioned_concurrency.is_empty());
    let missing = format!("NotFound: Cannot find alias arn: {ARN}:f:live");
    assert_eq!(shown(fixture.catalog.alias(&name, "live")), missing);
}

#[tokio::test]
async fn aliases_of_a_version_are_found() {
    let fixture = with_two_versions().await;
    let name = fixture.at("f").name;
    for (alias, version, routing) in [("b", "1", None), ("a", "2", weights(&[("1", 0.1)])), ("c", "2", None)]
    {
        let new =
            NewAlias { name: alias.into(), version: version.into(), weights: routing, ..NewAlias::default() };
        fixture.catalog.create_alias(&name, &new).await.unwrap();
    }
    let names = |version| {
        let found = fixture.catalog.aliases(&name, version).unwrap();
        found.iter().map(|alias| alias.name.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        (names(None), names(Some("1")), names(Some("2"))),
        ("a b c".into(), "a b".into(), "a c".into())
    );
}
