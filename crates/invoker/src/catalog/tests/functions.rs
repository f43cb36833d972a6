//! Updates, versions and deletion.

use ebb_model::{UpdateState, Version};

use super::*;

#[tokio::test]
async fn a_name_is_taken_once() {
    let fixture = Fixture::new().await;
    fixture.function("f").await;
    let result = fixture.catalog.create(new_function("f")).await;
    assert_eq!(shown(result), "Conflict: Function already exist: f");
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let fixture = Fixture::new().await;
    let before = fixture.function("f").await.latest.clone();
    let input = SettingsInput { timeout_seconds: Some(9), ..SettingsInput::default() };
    let (_, latest) = fixture.catalog.update_settings(&fixture.at("f"), &input, None).await.unwrap();
    assert_eq!(latest.update, UpdateState::InProgress);
    let after = fixture.catalog.ready(&latest).await.unwrap();
    let expected = ebb_model::Settings { timeout_seconds: 9, ..before.settings.clone() };
    assert_eq!((&after.settings, &after.code), (&expected, &before.code));
    assert_ne!(after.revision, before.revision);
    assert!(after.last_modified > before.last_modified);
}

#[tokio::test]
async fn a_revision_that_is_not_the_latest_is_refused() {
    let fixture = Fixture::new().await;
    let old = fixture.function("f").await.latest.revision.to_string();
    let target = fixture.at("f");
    let current = fixture.touch("f", "changed").await.revision.to_string();
    let stale = "StaleRevision: The Revision Id provided does not match the latest Revision Id. Call the \
                 GetFunction/GetAlias API to retrieve the latest Revision Id";
    let input = SettingsInput::default();
    assert_eq!(shown(fixture.catalog.update_settings(&target, &input, Some(&old)).await), stale);
    let update = CodeUpdate { code: code("x"), revision: Some(old.clone()), ..CodeUpdate::default() };
    assert_eq!(shown(fixture.catalog.update_code(&target, update).await), stale);
    let publish = Publish { revision: Some(old), ..Publish::default() };
    assert_eq!(shown(fixture.catalog.publish_version(&target, &publish).await), stale);
    let publish = Publish { revision: Some(current), ..Publish::default() };
    assert_eq!(shown(fixture.catalog.publish_version(&target, &publish).await), "ok");
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let fixture = Fixture::new().await;
    let before = fixture.function("f").await;
    let update = CodeUpdate { code: code("two"), dry_run: true, ..CodeUpdate::default() };
    let (_, shown) = fixture.catalog.update_code(&fixture.at("f"), update).await.unwrap();
    assert_ne!(shown.code.digest, before.latest.code.digest);
    assert_eq!(fixture.get("f"), before);
}

#[tokio::test]
async fn publishing_without_a_change_gives_the_last_version_again() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.published("f").await.version, Version::Published(1));
    assert_eq!(fixture.publish("f").await.version, Version::Published(1));
    fixture.touch("f", "changed").await;
    let second = fixture.publish("f").await;
    assert_eq!(second.version, Version::Published(2));
    fixture.catalog.delete(&fixture.at("f:2")).await.unwrap();
    assert_eq!(fixture.publish("f").await.version, Version::Published(3));
}

#[tokio::test]
async fn published_versions_stay_as_they_were() {
    let fixture = Fixture::new().await;
    let first = fixture.published("f").await;
    let update = CodeUpdate { code: code("two"), publish: true, ..CodeUpdate::default() };
    let (_, second) = fixture.catalog.update_code(&fixture.at("f"), update).await.unwrap();
    assert_eq!(second.version, Version::Published(2));
    fixture.catalog.ready(&second).await.unwrap();
    let function = fixture.get("f");
    assert_eq!(function.versions[&1], first);
    assert_eq!(function.versions[&2].code, function.latest.code);
}

#[tokio::test]
async fn the_code_that_a_publisher_names_must_be_the_code() {
    let fixture = Fixture::new().await;
    let digest = fixture.function("f").await.latest.code.digest.to_base64();
    let publish = Publish { code_sha256: Some("other".into()), ..Publish::default() };
    let expected = format!(
        "InvalidParameter: CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({digest}). Please try \
         again with the CodeSHA256 in $LATEST."
    );
    assert_eq!(shown(fixture.catalog.publish_version(&fixture.at("f"), &publish).await), expected);
}

#[tokio::test]
async fn what_may_be_deleted() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    let alias = NewAlias { name: "live".into(), version: "1".into(), ..NewAlias::default() };
    fixture.catalog.create_alias(&fixture.at("f").name, &alias).await.unwrap();
    let latest = "InvalidParameter: $LATEST version cannot be deleted without deleting the function.";
    let used = format!(
        "Conflict: Version 1 cannot be deleted because the following aliases reference it: [{ARN}:f:live]"
    );
    for (reference, expected) in [
        ("f:$LATEST", latest),
        ("f:live", "InvalidParameter: Deletion of aliases is not currently supported."),
        ("f:1", used.as_str()),
        ("f:99", "ok"),
        ("missing", &format!("NotFound: Function not found: {ARN}:missing")),
        ("f", "ok"),
        ("f", &format!("NotFound: Function not found: {ARN}:f")),
    ] {
        assert_eq!(shown(fixture.catalog.delete(&fixture.at(reference)).await), expected, "{reference}");
    }
}

#[tokio::test]
async fn tags_are_added_replaced_and_taken_away() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    let arn = format!("{ARN}:f");
    let tags = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
    };
    fixture.catalog.tag(&arn, &tags(&[("a", "1"), ("b", "2")])).await.unwrap();
    fixture.catalog.tag(&arn, &tags(&[("b", "3"), ("c", "4")])).await.unwrap();
    fixture.catalog.untag(&arn, &["a".to_owned(), "none".to_owned()]).await.unwrap();
    assert_eq!(fixture.catalog.tags(&arn).unwrap(), tags(&[("b", "3"), ("c", "4")]));
    let on_version = "InvalidParameter: Tags on function aliases and versions are not supported. Please specify a \
                      function ARN.";
    assert_eq!(shown(fixture.catalog.tags(&format!("{arn}:1"))), on_version);
    let missing = format!("NotFound: Function not found: {ARN}:none");
    assert_eq!(shown(fixture.catalog.tags(&format!("{ARN}:none"))), missing);
    assert!(shown(fixture.catalog.tags("arn:aws:something")).starts_with("Validation: "));
}

#[tokio::test]
async fn settings_that_are_only_kept_are_returned() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    let target = fixture.at("f");
    assert_eq!(fixture.catalog.recursion(&target).unwrap(), RecursiveLoop::Terminate);
    fixture.catalog.set_recursion(&target, "Allow").await.unwrap();
    assert_eq!(fixture.catalog.recursion(&target).unwrap(), RecursiveLoop::Allow);
    fixture.catalog.set_runtime_management(&target, "FunctionUpdate", None).await.unwrap();
    assert_eq!(fixture.catalog.runtime_management(&target).unwrap().update_on, "FunctionUpdate");
    assert_eq!(fixture.catalog.runtime_management(&fixture.at("f:1")).unwrap().update_on, "Auto");
}

#[tokio::test]
async fn the_account_counts_the_package_of_each_version() {
    let fixture = Fixture::new().await;
    let size = fixture.published("f").await.code.size;
    fixture.function("same-code").await;
    let settings = fixture.catalog.account_settings();
    assert_eq!((settings.functions, settings.total_code), (2, 3 * size));
}
