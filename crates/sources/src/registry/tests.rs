use std::path::PathBuf;

use ebb_store::{Changes, Store, StoreConfig};

use super::*;

async fn store(data: PathBuf) -> Store {
    Store::open(&StoreConfig { data, database: None, blobs: None }).await.expect("a store")
}

async fn registry(store: &Store) -> Registry<u32> {
    Registry::open(store.clone(), "number").await.expect("a registry")
}

async fn set(registry: &Registry<u32>, key: &str, value: Option<u32>) {
    registry.edit(key, |_| Ok::<_, StoreError>(value)).await.expect("an edit");
}

#[tokio::test]
async fn what_was_changed_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = store(folder.path().to_owned()).await;
    let numbers = registry(&first).await;
    set(&numbers, "a", Some(1)).await;
    set(&numbers, "b", Some(2)).await;
    set(&numbers, "a", Some(3)).await;
    set(&numbers, "b", None).await;
    assert_eq!(
        numbers.all().iter().map(|(key, value)| (key.as_str(), **value)).collect::<Vec<_>>(),
        [("a", 3)]
    );
    drop(numbers);
    first.close().await;
    drop(first);
    let numbers = registry(&store(folder.path().to_owned()).await).await;
    assert_eq!((numbers.get("a").as_deref(), numbers.get("b")), (Some(&3), None));
}

#[tokio::test]
async fn an_edit_is_made_on_top_of_what_another_server_wrote() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path().to_owned()).await;
    let (one, other) = (registry(&store).await, registry(&store).await);
    set(&one, "a", Some(1)).await;
    for registry in [&other, &one, &other] {
        let add = |before: Option<&u32>| Ok::<_, StoreError>(Some(before.copied().unwrap_or(100) + 1));
        registry.edit("a", add).await.expect("an edit");
    }
    assert_eq!(other.get("a").as_deref(), Some(&4));
    set(&one, "a", None).await;
    set(&other, "a", Some(7)).await;
    let Changes::Since(changes) = store.records().changes_since(0).await.expect("changes") else {
        panic!("nothing is forgotten");
    };
    for change in changes {
        one.follow(change).await.expect("a change");
    }
    assert_eq!(one.get("a").as_deref(), Some(&7));
}

#[tokio::test]
async fn a_refused_edit_changes_nothing() {
    #[derive(Debug, PartialEq)]
    struct Refused;
    impl From<StoreError> for Refused {
        fn from(error: StoreError) -> Self {
            panic!("{error}")
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let numbers = registry(&store(folder.path().to_owned()).await).await;
    set(&numbers, "a", Some(1)).await;
    assert_eq!(numbers.edit("a", |_| Err(Refused)).await, Err(Refused));
    assert_eq!(numbers.get("a").as_deref(), Some(&1));
}
