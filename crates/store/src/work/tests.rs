//! One suite for both databases.

use std::collections::HashSet;

use super::*;
use crate::Expect;
use crate::testing::{TestStore, each_database};

const QUEUE: &str = "events";
const LEASE: Duration = Duration::from_secs(30);

fn item(body: &str, due: i64) -> NewWork {
    NewWork {
        queue: QUEUE,
        body: Bytes::copy_from_slice(body.as_bytes()),
        due: Timestamp(due),
        watched: None,
    }
}

async fn add(store: &TestStore, bodies: &[&str]) {
    let now = store.clock.now().millis();
    store.work().enqueue(bodies.iter().map(|body| item(body, now)).collect()).await.unwrap();
}

async fn claim(store: &TestStore, limit: u32) -> Vec<Work> {
    store.work().claim(QUEUE, limit, LEASE).await.unwrap()
}

/// What a claim took: `body#attempts`.
fn shown(work: &[Work]) -> Vec<String> {
    work.iter().map(|work| format!("{}#{}", String::from_utf8_lossy(&work.body), work.attempts)).collect()
}

fn is_lost<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::LeaseLost { .. }))
}

#[tokio::test]
async fn work_is_claimed_once_in_order_and_gone_when_complete() {
    each_database(async |store| {
        add(store, &["a", "b", "c"]).await;
        let elsewhere = NewWork { queue: "other", ..item("x", 0) };
        store.work().enqueue(vec![elsewhere]).await.unwrap();
        let first = claim(store, 2).await;
        assert_eq!(shown(&first), ["a#1", "b#1"]);
        assert_eq!(first[0].enqueued, store.clock.now());
        assert_eq!(shown(&claim(store, 9).await), ["c#1"]);
        assert!(claim(store, 9).await.is_empty());
        store.work().complete(&first[0]).await.unwrap();
        assert!(is_lost(&store.work().complete(&first[0]).await));
        store.clock.advance(30_001);
        assert_eq!(shown(&claim(store, 9).await), ["b#2", "c#2"]);
    })
    .await;
}

#[tokio::test]
async fn work_waits_for_its_time() {
    each_database(async |store| {
        let now = store.clock.now().millis();
        store.work().enqueue(vec![item("later", now + 10), item("now", now)]).await.unwrap();
        assert_eq!(shown(&claim(store, 9).await), ["now#1"]);
        store.clock.advance(9);
        assert!(claim(store, 9).await.is_empty());
        store.clock.advance(1);
        assert_eq!(shown(&claim(store, 9).await), ["later#1"]);
    })
    .await;
}

#[tokio::test]
async fn a_retry_comes_back_at_its_time_with_its_new_body() {
    each_database(async |store| {
        add(store, &["a", "b"]).await;
        let taken = claim(store, 9).await;
        let due = store.clock.now().plus(Duration::from_millis(5));
        store.work().retry(&taken[0], due, Some(Bytes::from_static(b"A"))).await.unwrap();
        store.work().retry(&taken[1], due, None).await.unwrap();
        assert!(is_lost(&store.work().retry(&taken[0], due, None).await));
        assert!(is_lost(&store.work().complete(&taken[1]).await));
        assert!(claim(store, 9).await.is_empty());
        store.clock.advance(5);
        assert_eq!(shown(&claim(store, 9).await), ["A#2", "b#2"]);
    })
    .await;
}

#[tokio::test]
async fn what_follows_from_work_is_added_with_its_end_or_not_at_all() {
    each_database(async |store| {
        add(store, &["a"]).await;
        let now = store.clock.now();
        let taken = claim(store, 9).await;
        let again = Pass { again: Some((now, Some(Bytes::from_static(b"A")))), add: vec![item("b", 0)] };
        store.work().pass(&taken[0], again.clone()).await.unwrap();
        assert!(is_lost(&store.work().pass(&taken[0], again).await));
        let taken = claim(store, 9).await;
        assert_eq!(shown(&taken), ["A#2", "b#1"]);
        let done = Pass { again: None, add: vec![item("c", 0), item("d", 0)] };
        store.work().pass(&taken[0], done).await.unwrap();
        assert_eq!(shown(&claim(store, 9).await), ["c#1", "d#1"]);
    })
    .await;
}

#[tokio::test]
async fn work_comes_with_the_records_that_it_follows_from_or_not_at_all() {
    each_database(async |store| {
        let write = |expect| {
            vec![Write::Put { kind: "k", key: "x".to_owned(), body: Bytes::from_static(b"1"), expect }]
        };
        let work = store.work();
        assert_eq!(work.enqueue_with(write(Expect::Absent), vec![item("a", 0)]).await.unwrap(), [1]);
        let refused = work.enqueue_with(write(Expect::Absent), vec![item("b", 0)]).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })));
        assert_eq!(work.enqueue_with(write(Expect::Revision(1)), vec![item("c", 0)]).await.unwrap(), [2]);
        assert_eq!(shown(&claim(store, 9).await), ["a#1", "c#1"]);
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_another_followed_settles_nothing() {
    each_database(async |store| {
        add(store, &["a"]).await;
        let slow = claim(store, 1).await;
        store.work().extend(&slow[0], LEASE * 2).await.unwrap();
        store.clock.advance(30_001);
        assert!(claim(store, 1).await.is_empty());
        store.clock.advance(30_000);
        let next = claim(store, 1).await;
        assert_eq!(shown(&next), ["a#2"]);
        let now = store.clock.now();
        assert!(is_lost(&store.work().complete(&slow[0]).await));
        assert!(is_lost(&store.work().retry(&slow[0], now, None).await));
        assert!(is_lost(&store.work().extend(&slow[0], LEASE).await));
        store.work().complete(&next[0]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn depth_tells_ready_delayed_and_claimed_apart() {
    each_database(async |store| {
        assert_eq!(store.work().depth(QUEUE).await.unwrap(), Depth::default());
        let start = store.clock.now();
        add(store, &["a", "b", "c"]).await;
        claim(store, 1).await;
        store.clock.advance(10);
        store.work().enqueue(vec![item("later", start.millis() + 1000)]).await.unwrap();
        let expected = Depth { ready: 2, delayed: 1, claimed: 1, oldest_enqueued: Some(start) };
        assert_eq!(store.work().depth(QUEUE).await.unwrap(), expected);
        store.clock.advance(30_000);
        let expected = Depth { ready: 4, delayed: 0, claimed: 0, oldest_enqueued: Some(start) };
        assert_eq!(store.work().depth(QUEUE).await.unwrap(), expected);
    })
    .await;
}

#[tokio::test]
async fn many_workers_share_a_queue_without_taking_anything_twice() {
    each_database(async |store| {
        let mut writers = tokio::task::JoinSet::new();
        for n in 0..100 {
            let work = store.work().clone();
            writers.spawn(
                async move { work.enqueue(vec![item(&n.to_string(), 0), item("x", 0)]).await.unwrap() },
            );
        }
        let ids: Vec<i64> = writers.join_all().await.into_iter().flatten().collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 200);
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let work = store.work().clone();
            workers.spawn(async move {
                let mut seen = Vec::new();
                loop {
                    let taken = work.claim(QUEUE, 7, LEASE).await.unwrap();
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
        let mut expected = ids;
        expected.sort_unstable();
        assert_eq!(seen, expected);
    })
    .await;
}

/// Polls a future once, far enough for its first look at the database; tells whether it is done.
async fn settles(wait: &mut (impl Future<Output = ()> + Unpin), store: &TestStore) -> bool {
    tokio::select! {
        biased;
        () = wait => true,
        // As many trips to the database as the wait can need for its look.
        () = async { for _ in 0..20 { store.work().depth(QUEUE).await.unwrap(); } } => false,
    }
}

#[tokio::test]
async fn waiting_ends_with_new_work_and_with_work_given_back() {
    each_database(async |store| {
        let mut wait = Box::pin(store.work().wait(QUEUE));
        assert!(!settles(&mut wait, store).await);
        let now = store.clock.now();
        store.work().enqueue(vec![item("later", now.millis() + 60_000)]).await.unwrap();
        assert!(!settles(&mut wait, store).await);
        add(store, &["a"]).await;
        wait.await;
        store.work().wait(QUEUE).await;
        let taken = claim(store, 9).await;
        let mut wait = Box::pin(store.work().wait(QUEUE));
        assert!(!settles(&mut wait, store).await);
        store.work().retry(&taken[0], now, None).await.unwrap();
        wait.await;
    })
    .await;
}

#[tokio::test]
async fn waiting_ends_when_the_time_of_work_comes() {
    let folder = tempfile::tempdir().unwrap();
    let config = crate::StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
    let store = crate::Store::open(&config).await.unwrap();
    let work = store.work();
    let soon = ebb_model::SystemClock.now().plus(Duration::from_millis(20));
    work.enqueue(vec![NewWork { due: soon, ..item("soon", 0) }]).await.unwrap();
    work.wait(QUEUE).await;
    let taken = work.claim(QUEUE, 1, Duration::from_millis(20)).await.unwrap();
    assert_eq!(shown(&taken), ["soon#1"]);
    // Nobody settles it: the end of its lease ends the wait too.
    work.wait(QUEUE).await;
    assert_eq!(shown(&work.claim(QUEUE, 1, LEASE).await.unwrap()), ["soon#2"]);
    store.close().await;
    assert!(matches!(work.claim(QUEUE, 1, LEASE).await, Err(StoreError::Closed)));
}

/// Whoever adds work may wait for its first attempt; no attempt is missed, and nobody waits longer than they would.
#[tokio::test]
async fn work_is_watched_until_it_is_attempted() {
    each_database(async |store| {
        let work = store.work();
        let patience = Duration::from_secs(60);
        let watched = NewWork { watched: Some("a".to_owned()), ..item("a", 0) };
        let attempt = async {
            while claim(store, 1).await.is_empty() {
                tokio::task::yield_now().await;
            }
            work.attempted("a");
        };
        let add = work.enqueue_and_watch(Vec::new(), vec![watched.clone()], patience);
        let (added, ()) = tokio::join!(add, attempt);
        added.unwrap();
        // Nobody attempts this one.
        work.enqueue_and_watch(Vec::new(), vec![watched], Duration::from_millis(1)).await.unwrap();
    })
    .await;
}
