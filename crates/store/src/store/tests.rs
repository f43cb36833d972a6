use bytes::Bytes;
use ebb_model::Timestamp;

use super::*;
use crate::testing::{TestStore, each_database, two_nodes, with_unsteady_server};
use crate::{Changes, Expect, NewWork, Write};

fn put(key: &str) -> Write {
    Write::Put { kind: "thing", key: key.to_owned(), body: Bytes::from_static(b"x"), expect: Expect::Absent }
}

#[tokio::test]
async fn closing_makes_what_waits_and_opening_again_finds_it() {
    each_database(async |store| {
        let mut calls = tokio::task::JoinSet::new();
        for n in 0..300 {
            let records = store.records().clone();
            calls.spawn(async move { (n, records.commit(vec![put(&n.to_string())]).await) });
        }
        // Some calls are under way, some have not begun.
        tokio::task::yield_now().await;
        store.close().await;
        let mut made = Vec::new();
        for (n, result) in calls.join_all().await {
            match result {
                Ok(_) => made.push(n.to_string()),
                Err(StoreError::Closed) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert!(matches!(store.records().load("thing").await, Err(StoreError::Closed)));
        let again = store.reopened().await;
        let mut found: Vec<_> =
            again.records().load("thing").await.unwrap().into_iter().map(|record| record.key).collect();
        found.sort();
        made.sort();
        assert_eq!(found, made);
        again.close().await;
    })
    .await;
}

#[tokio::test]
async fn opening_gives_back_what_the_process_before_held() {
    let store = TestStore::sqlite().await;
    let work =
        |body| NewWork { queue: "q", body: Bytes::from_static(body), due: store.clock.now(), watched: None };
    store.work().enqueue(vec![work(b"held"), work(b"free")]).await.unwrap();
    let hour = std::time::Duration::from_secs(3600);
    let held = store.work().claim("q", 1, hour).await.unwrap();
    store.close().await;
    let again = store.reopened().await;
    assert!(again.work().complete(&held[0]).await.is_err(), "the claim died with its process");
    let taken = again.work().claim("q", 9, hour).await.unwrap();
    assert_eq!(
        taken.iter().map(|work| (&work.body[..], work.attempts)).collect::<Vec<_>>(),
        [(&b"held"[..], 2), (&b"free"[..], 1)]
    );
}

#[tokio::test]
async fn a_data_folder_has_one_store_until_it_is_closed() {
    let TestStore { store, config, .. } = &TestStore::sqlite().await;
    let refused = Store::open(config).await.unwrap_err();
    assert!(matches!(refused, StoreError::Held { .. }), "{refused:?}");
    store.close().await;
    Store::open(config).await.unwrap().close().await;
}

#[test]
fn a_configuration_is_shown_without_its_secrets() {
    let config = StoreConfig {
        data: "/data".into(),
        database: Some("postgres://ebb:secret@host/db".to_owned()),
        blobs: Some("s3://key:secret@bucket".to_owned()),
    };
    let shown = format!("{config:?}");
    assert!(shown.contains("postgres") && shown.contains("s3") && !shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn a_database_that_is_not_built_is_named_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let url = Some("mysql://root:secret@host/db".to_owned());
    let config = StoreConfig { data: folder.path().to_owned(), database: url, blobs: None };
    let message = Store::open(&config).await.unwrap_err().to_string();
    let expected = "database \"mysql\" is not supported; supported: postgres://… , or none for SQLite in the data folder";
    assert_eq!(message, expected);
}

#[tokio::test]
async fn nodes_on_one_database_see_each_other_and_share_the_work() {
    two_nodes(async |one, two| {
        let start = two.records().last_change().await.unwrap();
        let mut calls = tokio::task::JoinSet::new();
        for n in 0..200 {
            let (records, work) =
                [one, two].map(|node| (node.records().clone(), node.work().clone()))[n % 2].clone();
            calls.spawn(async move {
                // Each key is wanted by one call of each node.
                let won = records.commit(vec![put(&(n / 2).to_string())]).await.is_ok();
                let new = NewWork { queue: "shared", body: Bytes::new(), due: Timestamp(0), watched: None };
                work.enqueue(vec![new]).await.unwrap();
                won
            });
        }
        assert_eq!(calls.join_all().await.into_iter().filter(|won| *won).count(), 100);
        let Changes::Since(changes) = two.records().changes_since(start).await.unwrap() else { panic!() };
        assert_eq!(changes.len(), 100);
        let mut workers = tokio::task::JoinSet::new();
        for node in [one, two, one, two] {
            let work = node.work().clone();
            workers.spawn(async move {
                let mut seen = Vec::new();
                loop {
                    let taken = work.claim("shared", 3, std::time::Duration::from_secs(60)).await.unwrap();
                    if taken.is_empty() {
                        return seen;
                    }
                    for item in taken {
                        work.complete(&item).await.unwrap();
                        seen.push(item.id);
                    }
                }
            });
        }
        let mut seen: Vec<i64> = workers.join_all().await.into_iter().flatten().collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 200);
        // Work that another node adds ends a wait too.
        let wait = async { two.work().wait("shared").await };
        let add = async {
            one.work()
                .enqueue(vec![NewWork {
                    queue: "shared",
                    body: Bytes::new(),
                    due: Timestamp(0),
                    watched: None,
                }])
                .await
        };
        let ((), added) = tokio::join!(wait, add);
        added.unwrap();
    })
    .await;
}

#[tokio::test]
async fn lost_connections_are_made_again() {
    with_unsteady_server(async |store, cut| {
        for n in 0..3 {
            // The writer and a reader each hold a connection that is about to break.
            store.records().commit(vec![put(&format!("before-{n}"))]).await.unwrap();
            store.records().load("thing").await.unwrap();
            cut().await;
            store.records().commit(vec![put(&format!("after-{n}"))]).await.unwrap();
            cut().await;
            assert_eq!(store.records().load("thing").await.unwrap().len(), 2 * (n + 1));
        }
    })
    .await;
}
