//! States, preparation, and what survives.

use ebb_model::{FunctionState, UpdateState, Version};

use super::*;

#[tokio::test]
async fn a_new_function_is_pending_and_becomes_active() {
    let fixture = Fixture::new().await;
    fixture.machine.hold();
    let (function, version) = fixture.catalog.create(new_function("f")).await.unwrap();
    assert_eq!(version.state, FunctionState::Pending);
    fixture.machine.release();
    let ready = fixture.catalog.ready(&version).await.unwrap();
    assert_eq!((&ready.state, &ready.update), (&FunctionState::Active, &UpdateState::Successful));
    assert_ne!(ready.revision, function.latest.revision, "its revision moves with its state");
}

#[tokio::test]
async fn preparation_that_was_cut_off_is_taken_up_again() {
    let fixture = Fixture::new().await;
    fixture.function("f").await;
    fixture.machine.hold();
    let (_, version) = fixture.catalog.create(new_function("cut")).await.unwrap();
    fixture.catalog.inner.preparations.close_now();
    fixture.machine.release();
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.catalog.ready(&version).await.unwrap().state, FunctionState::Active);
    assert_eq!(fixture.get("f").latest.state, FunctionState::Active);
}

#[tokio::test]
async fn a_missing_runtime_fails_the_function_and_it_recovers() {
    let fixture = Fixture::new().await;
    fixture.machine.lacks_runtimes(true);
    let (_, version) = fixture.catalog.create(new_function("f")).await.unwrap();
    let error = fixture.catalog.ready(&version).await.unwrap_err();
    let NotReady::Failed { code, reason } = error else { panic!("{error:?}") };
    assert_eq!(code, "InvalidRuntime");
    assert_eq!(reason, "python3.11 cannot run here: no interpreter. Install one.");
    fixture.machine.lacks_runtimes(false);
    let failed = fixture.get("f").latest.clone();
    assert_eq!(fixture.catalog.ready(&failed).await.unwrap().state, FunctionState::Active);
}

#[tokio::test]
async fn an_update_is_in_progress_and_refuses_another() {
    let fixture = Fixture::new().await;
    fixture.function("f").await;
    fixture.machine.hold();
    let update = CodeUpdate { code: code("two"), ..CodeUpdate::default() };
    let (_, latest) = fixture.catalog.update_code(&fixture.at("f"), update.clone()).await.unwrap();
    assert_eq!((&latest.state, &latest.update), (&FunctionState::Active, &UpdateState::InProgress));
    let busy = format!(
        "Conflict: The operation cannot be performed at this time. An update is in progress for resource: {ARN}:f"
    );
    let target = fixture.at("f");
    assert_eq!(shown(fixture.catalog.update_code(&target, update).await), busy);
    assert_eq!(shown(fixture.catalog.update_settings(&target, &input(), None).await), busy);
    assert_eq!(shown(fixture.catalog.publish_version(&target, &Publish::default()).await), busy);
    fixture.machine.release();
    let ready = fixture.catalog.ready(&latest).await.unwrap();
    assert_eq!(ready.update, UpdateState::Successful);
}

#[tokio::test]
async fn everything_survives_being_opened_again() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    fixture.touch("f", "second").await;
    fixture.publish("f").await;
    let alias = NewAlias { name: "live".to_owned(), version: "1".to_owned(), ..NewAlias::default() };
    fixture.catalog.create_alias(&fixture.at("f").name, &alias).await.unwrap();
    fixture
        .catalog
        .create_url(&fixture.at("f"), &UrlChange { auth: Some("NONE".into()), ..UrlChange::default() })
        .await
        .unwrap();
    let before = fixture.get("f");
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.get("f"), before);
    assert_eq!(before.versions.len(), 2);
    let id = &before.urls.values().next().unwrap().id;
    assert_eq!(fixture.catalog.snapshot().url(id).unwrap().0.name.as_str(), "f");
    fixture.touch("f", "third").await;
    assert_eq!(fixture.publish("f").await.version, Version::Published(3));
}

#[tokio::test]
async fn numbers_of_a_deleted_function_are_not_given_again() {
    let fixture = Fixture::new().await;
    fixture.published("f").await;
    fixture.catalog.delete(&fixture.at("f")).await.unwrap();
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.published("f").await.version, Version::Published(2));
}

#[tokio::test]
async fn changes_of_one_function_are_not_lost() {
    let fixture = Arc::new(Fixture::new().await);
    fixture.published("f").await;
    let tasks = (0..20).map(|n| {
        let fixture = fixture.clone();
        tokio::spawn(async move {
            let alias = NewAlias { name: format!("a{n}"), version: "1".to_owned(), ..NewAlias::default() };
            fixture.catalog.create_alias(&fixture.at("f").name, &alias).await.unwrap();
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(fixture.get("f").aliases.len(), 20);
}

#[tokio::test]
async fn a_change_wakes_who_waits_for_it() {
    let fixture = Fixture::new().await;
    let mut changes = fixture.catalog.changes();
    let before = *changes.borrow_and_update();
    fixture.function("f").await;
    changes.changed().await.unwrap();
    assert!(*changes.borrow() > before);
}
