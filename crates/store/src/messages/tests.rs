//! One suite for both databases.

use super::ReceiptValidity::{WhileHeld, WhileThere};
use super::*;
use crate::testing::{TestStore, each_database};

const QUEUE: &str = "q";
const VISIBILITY: Duration = Duration::from_secs(30);

fn message(body: &str) -> NewMessage {
    let body = body.to_owned();
    NewMessage { name: body.clone(), body: body.into(), visible: Timestamp(0), group: None, token: None }
}

fn in_group(body: &str, group: &str) -> NewMessage {
    NewMessage { group: Some(group.to_owned()), ..message(body) }
}

fn receive(limit: u32) -> Receive {
    Receive {
        queue: QUEUE.to_owned(),
        limit,
        invisible: VISIBILITY,
        fifo: false,
        not_before: Timestamp(0),
        dead_letters: None,
        max_bytes: None,
        attempt: None,
    }
}

async fn send(store: &TestStore, messages: Vec<NewMessage>) -> Vec<SentMessage> {
    store.messages().send(QUEUE, messages).await.unwrap()
}

async fn got(store: &TestStore, receive: Receive) -> Vec<ReceivedMessage> {
    store.messages().receive(receive).await.unwrap()
}

/// `body#receives`.
fn shown(messages: &[ReceivedMessage]) -> Vec<String> {
    let shown = |m: &ReceivedMessage| format!("{}#{}", String::from_utf8_lossy(&m.body), m.receives);
    messages.iter().map(shown).collect()
}

fn receipt(message: &ReceivedMessage) -> Receipt {
    Receipt { id: message.id, receives: message.receives }
}

#[tokio::test]
async fn a_message_is_invisible_while_held_and_comes_back_unless_deleted() {
    each_database(async |store| {
        send(store, vec![message("a"), message("b"), message("c")]).await;
        let first = got(store, receive(2)).await;
        assert_eq!(shown(&first), ["a#1", "b#1"]);
        assert_eq!(shown(&got(store, receive(10)).await), ["c#1"]);
        assert!(got(store, receive(10)).await.is_empty());
        let depth = QueueDepth { visible: 0, in_flight: 3, delayed: 0 };
        assert_eq!(store.messages().depth(QUEUE).await.unwrap(), depth);
        let deleted = store.messages().delete(QUEUE, vec![receipt(&first[0]); 2], WhileHeld).await.unwrap();
        assert_eq!(deleted, [ReceiptUse::Done, ReceiptUse::Gone]);
        store.clock.advance(30_000);
        let again = got(store, receive(10)).await;
        assert_eq!(shown(&again), ["b#2", "c#2"]);
        assert_eq!(again[0].first_received, first[0].first_received);
        // The first receipt of b was followed by another.
        assert_eq!(
            store.messages().delete(QUEUE, vec![receipt(&first[1])], WhileHeld).await.unwrap(),
            [ReceiptUse::NotInFlight]
        );
    })
    .await;
}

#[tokio::test]
async fn delays_and_changes_of_visibility_hold() {
    each_database(async |store| {
        let later = store.clock.now().plus(Duration::from_secs(5));
        send(store, vec![NewMessage { visible: later, ..message("late") }, message("now")]).await;
        let now = got(store, receive(10)).await;
        assert_eq!(shown(&now), ["now#1"]);
        assert_eq!(store.messages().depth(QUEUE).await.unwrap().delayed, 1);
        let set = async |receipt, seconds| {
            let changes = vec![(receipt, Duration::from_secs(seconds))];
            store.messages().set_visibility(QUEUE, changes, WhileHeld).await.unwrap()[0]
        };
        assert_eq!(set(receipt(&now[0]), 60).await, ReceiptUse::Done);
        store.clock.advance(30_000);
        assert_eq!(shown(&got(store, receive(10)).await), ["late#1"]);
        assert_eq!(set(receipt(&now[0]), 0).await, ReceiptUse::Done);
        assert_eq!(set(receipt(&now[0]), 9).await, ReceiptUse::NotInFlight);
        assert_eq!(shown(&got(store, receive(10)).await), ["now#2"]);
        assert_eq!(set(receipt(&now[0]), 9).await, ReceiptUse::Gone);
    })
    .await;
}

#[tokio::test]
async fn as_many_of_a_group_as_there_are_come_before_the_next_group() {
    each_database(async |store| {
        let fifo = |limit| Receive { fifo: true, ..receive(limit) };
        let sent =
            [("a1", "a"), ("b1", "b"), ("a2", "a"), ("b2", "b"), ("a3", "a"), ("a4", "a"), ("c1", "c")];
        send(store, sent.map(|(body, group)| in_group(body, group)).to_vec()).await;
        let first = got(store, fifo(2)).await;
        assert_eq!(shown(&first), ["a1#1", "a2#1"]);
        let receipts = first.iter().map(receipt).collect();
        store.messages().delete(QUEUE, receipts, WhileHeld).await.unwrap();
        assert_eq!(shown(&got(store, fifo(10)).await), ["b1#1", "b2#1", "a3#1", "a4#1", "c1#1"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_visible_again_is_given_while_later_ones_of_its_group_are_held() {
    each_database(async |store| {
        let fifo = |limit| Receive { fifo: true, ..receive(limit) };
        send(store, vec![in_group("a1", "a"), in_group("a2", "a"), in_group("b1", "b")]).await;
        let first = got(store, fifo(2)).await;
        assert_eq!(shown(&first), ["a1#1", "a2#1"]);
        let set = async |index: usize, seconds| {
            let changes = vec![(receipt(&first[index]), Duration::from_secs(seconds))];
            store.messages().set_visibility(QUEUE, changes, WhileHeld).await.unwrap()[0]
        };
        store.clock.advance(1000);
        assert_eq!(set(0, 0).await, ReceiptUse::Done);
        // The group that waited comes first, and what is held stays so.
        assert_eq!(shown(&got(store, fifo(10)).await), ["b1#1", "a1#2"]);
        assert_eq!(set(1, 0).await, ReceiptUse::Done);
        assert!(got(store, fifo(10)).await.is_empty(), "a1 comes before a2 and is held");
        store.clock.advance(30_000);
        assert_eq!(shown(&got(store, fifo(10)).await), ["a1#3", "a2#2", "b1#2"]);
    })
    .await;
}

#[tokio::test]
async fn a_receipt_counts_while_the_message_is_held_or_until_it_is_received_again() {
    each_database(async |store| {
        send(store, vec![message("a"), message("b")]).await;
        let first = got(store, receive(10)).await;
        store.clock.advance(30_000);
        let messages = store.messages();
        let all: Vec<_> = first.iter().map(receipt).collect();
        assert_eq!(
            messages.delete(QUEUE, all.clone(), WhileHeld).await.unwrap(),
            [ReceiptUse::NotInFlight; 2]
        );
        let longer = vec![(all[0], VISIBILITY)];
        let changed = messages.set_visibility(QUEUE, longer.clone(), WhileThere).await.unwrap();
        assert_eq!(changed, [ReceiptUse::Done]);
        assert_eq!(shown(&got(store, receive(10)).await), ["b#2"], "a is held again");
        let of_b = vec![(all[1], Duration::ZERO)];
        assert_eq!(
            messages.set_visibility(QUEUE, of_b.clone(), WhileHeld).await.unwrap(),
            [ReceiptUse::Gone]
        );
        assert_eq!(messages.set_visibility(QUEUE, of_b, WhileThere).await.unwrap(), [ReceiptUse::Done]);
        assert_eq!(shown(&got(store, receive(10)).await), ["b#3"]);
        let of_b = vec![all[1]];
        assert_eq!(messages.delete(QUEUE, of_b, WhileHeld).await.unwrap(), [ReceiptUse::NotInFlight]);
        let deleted = messages.delete(QUEUE, all, WhileThere).await.unwrap();
        assert_eq!(deleted, [ReceiptUse::Done; 2], "also by the receipt of an earlier time");
    })
    .await;
}

#[tokio::test]
async fn groups_keep_their_order_and_wait_for_what_is_held() {
    each_database(async |store| {
        let fifo = |limit| Receive { fifo: true, ..receive(limit) };
        send(store, vec![in_group("a1", "a"), in_group("b1", "b"), in_group("a2", "a"), in_group("a3", "a")])
            .await;
        let first = got(store, fifo(1)).await;
        assert_eq!(shown(&first), ["a1#1"]);
        assert_eq!(shown(&got(store, fifo(10)).await), ["b1#1"], "group a is held");
        store.messages().delete(QUEUE, vec![receipt(&first[0])], WhileHeld).await.unwrap();
        let rest = got(store, fifo(10)).await;
        assert_eq!(shown(&rest), ["a2#1", "a3#1"], "several of a group come together");
        let changes = vec![(receipt(&rest[1]), Duration::ZERO)];
        store.messages().set_visibility(QUEUE, changes, WhileHeld).await.unwrap();
        assert!(got(store, fifo(10)).await.is_empty(), "a2 is still held");
        store.clock.advance(30_000);
        assert_eq!(shown(&got(store, fifo(10)).await), ["a2#2", "a3#2", "b1#2"]);
    })
    .await;
}

#[tokio::test]
async fn a_token_keeps_a_second_sending_out_for_its_time() {
    each_database(async |store| {
        let with_token = |body: &str| {
            let until = Timestamp(store.clock.now().millis() + 1000);
            NewMessage { token: Some(("t".to_owned(), until)), ..in_group(body, "g") }
        };
        let first = send(store, vec![with_token("one"), with_token("two")]).await;
        let duplicate = SentMessage { id: first[0].id, duplicate_of: Some("one".to_owned()) };
        assert_eq!(first, [SentMessage { id: first[0].id, duplicate_of: None }, duplicate]);
        store.clock.advance(1000);
        assert_eq!(send(store, vec![with_token("three")]).await[0].duplicate_of, None);
        assert_eq!(shown(&got(store, receive(10)).await), ["one#1", "three#1"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_received_too_often_or_too_old_is_not_given() {
    each_database(async |store| {
        let dead = DeadLetters {
            max_receives: 1,
            queue: "dead".to_owned(),
            source: "arn:q".to_owned(),
            begins_anew: false,
        };
        let strict = Receive { dead_letters: Some(dead), ..receive(10) };
        send(store, vec![message("a"), message("b")]).await;
        assert_eq!(shown(&got(store, strict.clone()).await), ["a#1", "b#1"]);
        store.clock.advance(30_000);
        send(store, vec![message("c")]).await;
        assert_eq!(shown(&got(store, strict.clone()).await), ["c#1"]);
        let buried = got(store, Receive { queue: "dead".to_owned(), ..receive(10) }).await;
        assert_eq!(shown(&buried), ["a#2", "b#2"], "a dead letter goes on counting");
        assert_eq!(buried[0].source.as_deref(), Some("arn:q"));
        assert_eq!(store.messages().sources("dead").await.unwrap(), [Some("arn:q".to_owned())]);
        store.clock.advance(30_000);
        assert_eq!(store.messages().move_some("dead", QUEUE, Some("arn:q"), 1).await.unwrap(), 1);
        assert_eq!(store.messages().move_some("dead", QUEUE, Some("arn:x"), 9).await.unwrap(), 0);
        let moved = Receive { not_before: store.clock.now(), ..receive(10) };
        assert_eq!(shown(&got(store, moved).await), ["a#1"], "what is moved back is as if it was sent now");
        store.clock.advance(30_000);
        let too_old = Receive { not_before: store.clock.now(), ..receive(10) };
        assert!(got(store, too_old).await.is_empty());
        assert_eq!(store.messages().depth(QUEUE).await.unwrap(), QueueDepth::default());
        store.messages().purge("dead").await.unwrap();
        assert_eq!(store.messages().depth("dead").await.unwrap(), QueueDepth::default());
    })
    .await;
}

#[tokio::test]
async fn waiting_ends_when_a_message_is_sent_or_given_back() {
    each_database(async |store| {
        let messages = store.messages().clone();
        let waiting = tokio::spawn(async move { messages.wait(QUEUE, false).await });
        send(store, vec![message("a")]).await;
        waiting.await.unwrap();
        let held = got(store, receive(1)).await;
        let messages = store.messages().clone();
        let waiting = tokio::spawn(async move { messages.wait(QUEUE, false).await });
        let changes = vec![(receipt(&held[0]), Duration::ZERO)];
        store.messages().set_visibility(QUEUE, changes, WhileHeld).await.unwrap();
        waiting.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn many_receivers_get_every_message_once() {
    each_database(async |store| {
        let sent = (0..300).map(|n| message(&n.to_string())).collect();
        send(store, sent).await;
        let mut receivers = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let messages = store.messages().clone();
            receivers.spawn(async move {
                let mut seen = Vec::new();
                loop {
                    let some = messages.receive(receive(10)).await.unwrap();
                    if some.is_empty() {
                        return seen;
                    }
                    seen.extend(some.iter().map(|message| message.id));
                }
            });
        }
        let mut seen: Vec<i64> = receivers.join_all().await.into_iter().flatten().collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 300);
    })
    .await;
}

#[tokio::test]
async fn a_held_group_has_nothing_until_something_of_it_changes() {
    each_database(async |store| {
        let fifo = |limit| Receive { fifo: true, ..receive(limit) };
        let next = async || store.messages().next_visible(QUEUE, true).await.unwrap();
        assert_eq!(next().await, None);
        send(store, vec![in_group("a1", "a"), in_group("a2", "a")]).await;
        assert!(next().await.is_some_and(|at| at <= store.clock.now()));
        let first = got(store, fifo(1)).await;
        // a2 is visible, but its group is held: a waiting receiver sleeps until the hold ends.
        let end = store.clock.now().plus(VISIBILITY);
        assert_eq!(next().await, Some(end));
        let waiting = tokio::spawn({
            let messages = store.messages().clone();
            async move { messages.wait(QUEUE, true).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        store.messages().delete(QUEUE, vec![receipt(&first[0])], WhileHeld).await.unwrap();
        waiting.await.unwrap();
        assert_eq!(shown(&got(store, fifo(10)).await), ["a2#1"]);
        // Another group is not kept back, whatever comes before it.
        send(store, vec![in_group("a3", "a"), in_group("b1", "b")]).await;
        assert!(next().await.is_some_and(|at| at <= store.clock.now()));
        assert_eq!(shown(&got(store, fifo(10)).await), ["b1#1"]);
        assert_eq!(next().await, Some(end), "of several holds the first that ends");
        store.clock.advance(30_000);
        assert!(next().await.is_some_and(|at| at <= store.clock.now()));
    })
    .await;
}

#[tokio::test]
async fn no_more_bytes_are_received_than_asked_for() {
    each_database(async |store| {
        let bodies = ["aaaa", "bbbb", "cc"];
        for fifo in [false, true] {
            let queue = format!("{QUEUE} {fifo}");
            let sent = bodies.map(|body| in_group(body, "g")).to_vec();
            store.messages().send(&queue, sent).await.unwrap();
            let some = |bytes| Receive { queue: queue.clone(), fifo, max_bytes: Some(bytes), ..receive(10) };
            assert!(got(store, some(3)).await.is_empty(), "the first does not fit");
            // What is small does not overtake what does not fit.
            let first = got(store, some(7)).await;
            assert_eq!(shown(&first), ["aaaa#1"]);
            store.messages().delete(&queue, vec![receipt(&first[0])], WhileHeld).await.unwrap();
            assert_eq!(shown(&got(store, some(6)).await), ["bbbb#1", "cc#1"]);
        }
    })
    .await;
}

#[tokio::test]
async fn an_attempt_is_given_the_same_again_while_all_of_it_is_held() {
    each_database(async |store| {
        let attempt = |id: &str| {
            let attempt =
                Attempt { id: id.to_owned(), until: store.clock.now().plus(Duration::from_secs(300)) };
            Receive { fifo: true, attempt: Some(attempt), ..receive(2) }
        };
        let messages = ["a1", "a2", "a3"].map(|body| in_group(body, "a")).to_vec();
        send(store, messages).await;
        let first = got(store, attempt("x")).await;
        assert_eq!(shown(&first), ["a1#1", "a2#1"]);
        store.clock.advance(20_000);
        assert_eq!(got(store, attempt("x")).await, first, "with the same receipts");
        assert!(got(store, attempt("y")).await.is_empty());
        // The second attempt held it anew.
        store.clock.advance(20_000);
        assert!(got(store, Receive { fifo: true, ..receive(10) }).await.is_empty());
        assert_eq!(got(store, attempt("x")).await, first);
        store.messages().delete(QUEUE, vec![receipt(&first[0])], WhileHeld).await.unwrap();
        assert!(got(store, attempt("x")).await.is_empty(), "one of them is gone, the other is held");
        store.clock.advance(300_000);
        assert_eq!(shown(&got(store, attempt("x")).await), ["a2#2", "a3#1"]);
    })
    .await;
}
