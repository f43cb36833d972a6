//! One suite for both databases; see `testing` for where PostgreSQL comes from.

use super::*;
use crate::testing::{TestStore, each_database};

fn put(key: &str, body: &str, expect: Expect) -> Write {
    Write::Put { kind: "thing", key: key.to_owned(), body: Bytes::copy_from_slice(body.as_bytes()), expect }
}

fn delete(key: &str, expect: Expect) -> Write {
    Write::Delete { kind: "thing", key: key.to_owned(), expect }
}

/// Commits transactions one after the other. `expected` has a line for each (revisions, or the key in conflict), then
/// one with what is there afterwards as `key@revision=body`.
async fn check(store: &TestStore, transactions: Vec<Vec<Write>>, expected: &[&str]) {
    let mut seen = Vec::new();
    for writes in transactions {
        seen.push(match store.records().commit(writes).await {
            Ok(revisions) => format!("{revisions:?}"),
            Err(StoreError::Conflict { kind, key }) => format!("conflict at {kind} {key}"),
            Err(error) => panic!("{error:?}"),
        });
    }
    let found = store.records().load("thing").await.unwrap();
    let shown = |record: &Record| {
        format!("{}@{}={}", record.key, record.revision, String::from_utf8_lossy(&record.body))
    };
    seen.push(found.iter().map(shown).collect::<Vec<_>>().join(" "));
    assert_eq!(seen, expected);
    for record in &found {
        assert_eq!(store.records().get("thing", &record.key).await.unwrap().as_ref(), Some(record));
    }
}

#[tokio::test]
async fn revisions_grow_with_each_write_and_never_repeat() {
    use Expect::Anything;
    each_database(async |store| {
        let transactions = vec![
            vec![put("a", "1", Anything), put("b", "1", Anything)],
            vec![put("a", "2", Anything)],
            vec![delete("a", Anything)],
            vec![put("a", "3", Anything)],
            vec![delete("missing", Anything)],
            vec![put("c", "", Anything), put("c", "twice", Anything)],
            vec![put("empty", "", Anything)],
        ];
        let expected =
            ["[1, 1]", "[2]", "[0]", "[4]", "[0]", "[1, 2]", "[1]", "a@4=3 b@1=1 c@2=twice empty@1="];
        check(store, transactions, &expected).await;
    })
    .await;
}

#[tokio::test]
async fn a_write_whose_expectation_fails_undoes_its_whole_transaction_and_no_other() {
    use Expect::{Absent, Anything, Revision};
    each_database(async |store| {
        let transactions = vec![
            vec![put("a", "1", Absent)],
            vec![put("b", "1", Anything), put("a", "2", Absent)],
            vec![put("b", "2", Anything), put("a", "2", Revision(7))],
            vec![put("missing", "1", Revision(1))],
            vec![put("a", "2", Revision(1))],
            vec![delete("a", Revision(1))],
            vec![delete("a", Absent)],
            vec![delete("missing", Absent)],
            vec![delete("missing", Revision(1))],
            vec![delete("a", Revision(2))],
            vec![put("a", "late", Revision(3))],
            vec![put("a", "again", Absent)],
        ];
        let expected = [
            "[1]",
            "conflict at thing a",
            "conflict at thing a",
            "conflict at thing missing",
            "[2]",
            "conflict at thing a",
            "conflict at thing a",
            "[0]",
            "conflict at thing missing",
            "[0]",
            "conflict at thing a",
            "[4]",
            "a@4=again",
        ];
        check(store, transactions, &expected).await;
    })
    .await;
}

#[tokio::test]
async fn keys_are_ordered_by_their_bytes() {
    each_database(async |store| {
        let keys = ["b", "a", "B", "ä", "a/b", "a b"];
        let writes = keys.iter().map(|key| put(key, "x", Expect::Absent)).collect();
        store.records().commit(writes).await.unwrap();
        let found = store.records().load("thing").await.unwrap();
        let found: Vec<_> = found.iter().map(|record| record.key.as_str()).collect();
        assert_eq!(found, ["B", "a", "a b", "a/b", "b", "ä"]);
    })
    .await;
}

#[tokio::test]
async fn of_many_who_expect_the_same_revision_one_wins() {
    each_database(async |store| {
        store.records().commit(vec![put("a", "0", Expect::Absent)]).await.unwrap();
        let mut racers = tokio::task::JoinSet::new();
        for n in 0..50 {
            let records = store.records().clone();
            racers.spawn(async move {
                let also = put(&format!("by-{n}"), "", Expect::Absent);
                records.commit(vec![also, put("a", &n.to_string(), Expect::Revision(1))]).await.is_ok()
            });
        }
        let winners = racers.join_all().await.into_iter().filter(|won| *won).count();
        assert_eq!(winners, 1);
        assert_eq!(store.records().load("thing").await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn changes_can_be_followed() {
    each_database(async |store| {
        let records = store.records();
        let start = records.last_change().await.unwrap();
        records.commit(vec![put("a", "1", Expect::Absent), put("b", "1", Expect::Absent)]).await.unwrap();
        records.commit(vec![put("a", "2", Expect::Absent)]).await.unwrap_err();
        records.commit(vec![put("a", "2", Expect::Anything)]).await.unwrap();
        records.commit(vec![delete("b", Expect::Anything)]).await.unwrap();
        let Changes::Since(changes) = records.changes_since(start).await.unwrap() else { panic!() };
        let seen: Vec<_> = changes
            .iter()
            .map(|change| (change.key.as_str(), change.revision, change.body.clone()))
            .collect();
        assert_eq!(seen, [("a", 2, Some(Bytes::from_static(b"2"))), ("b", 2, None)]);
        assert!(changes[0].sequence < changes[1].sequence);
        assert_eq!(records.last_change().await.unwrap(), changes[1].sequence);
        let nothing = records.changes_since(changes[1].sequence).await.unwrap();
        assert_eq!(nothing, Changes::Since(Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn a_bad_change_does_not_spoil_the_others_that_wait_with_it() {
    each_database(async |store| {
        let mut calls = tokio::task::JoinSet::new();
        for n in 0..40 {
            let records = store.records().clone();
            // PostgreSQL refuses a NUL in text, SQLite takes it.
            let key = if n == 20 { "bad\0".to_owned() } else { format!("good-{n:02}") };
            calls
                .spawn(async move { (n, records.commit(vec![put(&key, "", Expect::Absent)]).await.is_ok()) });
        }
        for (n, ok) in calls.join_all().await {
            assert!(ok || n == 20, "{n}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_range_has_the_keys_from_its_begin_to_before_its_end() {
    use Expect::Anything;
    each_database(async |store| {
        let keys = ["a|1", "a|2", "a|3", "a}", "B"];
        let writes = keys.iter().map(|key| put(key, "12", Anything)).collect();
        store.records().commit(writes).await.unwrap();
        store.records().commit(vec![delete("a|2", Anything)]).await.unwrap();
        let range = async |from: &str, until: &str, limit| {
            let found = store.records().range("thing", from, until, limit).await.unwrap();
            found.into_iter().map(|record| record.key).collect::<Vec<_>>()
        };
        assert_eq!(range("a|", "a}", 9).await, ["a|1", "a|3"]);
        assert_eq!(range("", "a|3", 9).await, ["B", "a|1"]);
        assert_eq!(range("a|1 ", "b", 1).await, ["a|3"]);
        assert_eq!(store.records().measure("thing", "a|", "a}").await.unwrap(), (2, 4));
        assert_eq!(store.records().measure("none", "", "z").await.unwrap(), (0, 0));
    })
    .await;
}
