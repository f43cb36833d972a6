//! Stacks that calls manage.

use super::*;
use crate::stack::{ChangeSet, Given, OnFailure, StackOptions};

fn given(template: &str) -> Given {
    let options =
        StackOptions { capabilities: vec!["CAPABILITY_NAMED_IAM".to_owned()], ..StackOptions::default() };
    Given { template: Some(template.to_owned()), options, ..Given::default() }
}

/// A template whose last resource cannot be made.
fn broken() -> String {
    BASE.replace("lambda:InvokeFunction", "sqs:Nope")
}

fn seen(stack: &StackRecord) -> Vec<(&str, &str)> {
    stack.events.iter().rev().map(|event| (event.logical.as_str(), event.status.as_str())).collect()
}

#[tokio::test]
async fn a_stack_is_begun_at_once_and_deleted_ones_are_remembered() {
    let (_data, stacks) = fresh().await;
    let id = stacks.begin_create("shop", given(BASE)).await.unwrap();
    assert!(matches!(stacks.begin_create("shop", given(BASE)).await, Err(StackError::Exists(_))));
    stacks.stop().await;
    let made = stacks.get("shop").unwrap();
    assert_eq!((made.id.as_str(), made.status.as_str()), (id.as_str(), "CREATE_COMPLETE"));
    assert_eq!(seen(&made)[0], ("shop", "CREATE_IN_PROGRESS"));
    assert_eq!(seen(&made).last(), Some(&("shop", "CREATE_COMPLETE")));
    let role = &made.resources["Role"].physical;
    assert!(stacks.inner.services.iam.role(role).is_ok());

    assert!(matches!(stacks.begin_update("shop", given(BASE)).await, Err(StackError::NoUpdates)));
    assert!(stacks.apply("shop", input(BASE), Some("shop")).await.is_err(), "no deploy takes it over");
    stacks.protect("shop", true).await.unwrap();
    assert!(stacks.begin_delete("shop", Vec::new()).await.is_err());
    stacks.protect("shop", false).await.unwrap();
    stacks.begin_delete("shop", Vec::new()).await.unwrap();
    stacks.stop().await;
    assert_eq!(kept(&stacks), (0, 0, 0, 0));
    assert!(stacks.inner.services.iam.roles().is_empty());
    assert!(stacks.find("shop").await.is_err());
    assert_eq!(stacks.find(&id).await.unwrap().status, "DELETE_COMPLETE");
    stacks.begin_delete("shop", Vec::new()).await.unwrap();
}

#[tokio::test]
async fn what_fails_is_undone_or_kept_as_asked() {
    let (_data, stacks) = fresh().await;
    stacks.begin_create("shop", given(&broken())).await.unwrap();
    stacks.stop().await;
    let failed = stacks.get("shop").unwrap();
    assert_eq!(failed.status, "ROLLBACK_COMPLETE");
    assert!(failed.resources.is_empty() && kept(&stacks) == (0, 0, 0, 0));
    let events = seen(&failed);
    for wanted in
        [("Allowed", "CREATE_FAILED"), ("shop", "ROLLBACK_IN_PROGRESS"), ("Queue", "DELETE_COMPLETE")]
    {
        assert!(events.contains(&wanted), "{wanted:?} in {events:?}");
    }
    assert!(matches!(stacks.begin_update("shop", given(BASE)).await, Err(StackError::State(_))));

    let mut kept_back = given(&broken());
    kept_back.options.on_failure = OnFailure::DoNothing;
    stacks.begin_create("kept", kept_back).await.unwrap();
    stacks.stop().await;
    assert_eq!(stacks.get("kept").unwrap().status, "CREATE_FAILED");
    assert_eq!(kept(&stacks).1, 1);

    let mut gone = given(&broken().replace("Name: orders", "Name: others"));
    gone.options.on_failure = OnFailure::Delete;
    let id = stacks.begin_create("gone", gone).await.unwrap();
    stacks.stop().await;
    assert!(stacks.get("gone").is_err());
    assert_eq!(stacks.find(&id).await.unwrap().status, "DELETE_COMPLETE");
}

#[tokio::test]
async fn change_sets_are_worked_out_and_carried_out() {
    let (_data, stacks) = fresh().await;
    let set = |set: Result<ChangeSet, StackError>| set.unwrap();
    let first = set(stacks.create_change_set("shop", "first", (true, None), given(BASE)).await);
    assert!(first.changes.iter().all(|change| change.action == "Add") && first.changes.len() > 10);
    assert_eq!(stacks.get("shop").unwrap().status, "REVIEW_IN_PROGRESS");
    stacks.execute_change_set(Some("shop"), "first", false).await.unwrap();
    stacks.stop().await;
    assert_eq!(stacks.get("shop").unwrap().status, "CREATE_COMPLETE");

    let same = set(stacks.create_change_set("shop", "same", (false, None), given(BASE)).await);
    assert_eq!((same.status.as_str(), same.execution.as_str()), ("FAILED", "UNAVAILABLE"));
    assert!(stacks.execute_change_set(None, &same.id, false).await.is_err());
    let next = BASE.replace("VisibilityTimeout: '40'", "VisibilityTimeout: 50");
    let next = set(stacks.create_change_set("shop", "next", (false, None), given(&next)).await);
    let [change] = &next.changes[..] else { panic!("{:?}", next.changes) };
    assert_eq!(
        (change.logical.as_str(), change.action.as_str(), change.replaces),
        ("Queue", "Modify", false)
    );
    assert!(change.physical.is_some() && change.changed == ["VisibilityTimeout"]);
    stacks.execute_change_set(None, &next.id, false).await.unwrap();
    stacks.stop().await;
    let updated = stacks.get("shop").unwrap();
    assert_eq!(updated.status, "UPDATE_COMPLETE");
    assert_eq!(updated.change_sets.len(), 1, "the others are gone");
    assert!(matches!(stacks.change_set(Some("shop"), "same"), Err(StackError::NoChangeSet(_))));
}

#[tokio::test]
async fn roles_must_be_acknowledged() {
    let (_data, stacks) = fresh().await;
    let named = BASE.replace("{AssumeRolePolicyDocument", "{RoleName: boss, AssumeRolePolicyDocument");
    for (template, capabilities, missing) in [
        (BASE, vec![], Some("CAPABILITY_IAM")),
        (named.as_str(), vec!["CAPABILITY_IAM"], Some("CAPABILITY_NAMED_IAM")),
        (BASE, vec!["CAPABILITY_IAM"], None),
    ] {
        let mut asked = given(template);
        asked.options.capabilities = capabilities.into_iter().map(str::to_owned).collect();
        match (stacks.begin_create("shop", asked).await, missing) {
            (Ok(_), None) => {}
            (Err(StackError::Capabilities(own)), Some(missing)) => assert_eq!(own, missing),
            (result, _) => panic!("{missing:?}: {result:?}"),
        }
    }
    stacks.stop().await;
}
