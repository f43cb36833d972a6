use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::testing::TestClock;

const GROUP: &str = "/aws/lambda/f";
/// 2026-11-25T00:00:00Z.
const MIDNIGHT: i64 = 1_795_564_800_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::at(MIDNIGHT + 1000))
}

fn open(folder: &Path, clock: &Arc<TestClock>) -> LogStore {
    LogStore::open(folder.to_owned(), Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

fn append(store: &LogStore, stream: &str, time: i64, message: &str) {
    append_to(store, GROUP, stream, time, message);
}

fn append_to(store: &LogStore, group: &str, stream: &str, time: i64, message: &str) {
    store.append(&group.into(), &stream.into(), event(time, message));
}

fn event(time: i64, message: &str) -> LogEvent {
    LogEvent { timestamp: Timestamp(time), message: message.to_owned() }
}

fn everything(group: &str) -> ReadRequest {
    ReadRequest {
        group: group.to_owned(),
        streams: StreamChoice::All,
        start: None,
        end: None,
        after: None,
        direction: Direction::Forward,
        max_events: 10_000,
        max_bytes: 1024 * 1024,
        max_scan: u64::MAX,
    }
}

/// All pages of a request, each event as `stream:time:message`.
async fn read_all(store: &LogStore, mut request: ReadRequest) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let page = store.read(request.clone(), |_| true).await.unwrap();
        let show = |event: &StoredEvent| {
            format!("{}:{}:{}", event.stream, event.position.timestamp.millis(), event.message)
        };
        found.extend(page.events.iter().map(show));
        match page.next {
            Some(next) => request.after = Some(next),
            None => return found,
        }
    }
}

fn files(folder: &Path, extension: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(extension))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_was_appended_is_read_at_once_in_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &clock());
    append(&store, "b", MIDNIGHT + 3, "three");
    append(&store, "a", MIDNIGHT + 1, "one");
    append(&store, "b", MIDNIGHT + 2, "two");
    append(&store, "a", MIDNIGHT + 3, "three too");
    let told = ["a:1:one", "b:2:two", "b:3:three", "a:3:three too"];
    let told: Vec<String> = told
        .iter()
        .map(|text| {
            let (stream, rest) = text.split_once(':').unwrap();
            let (time, message) = rest.split_once(':').unwrap();
            format!("{stream}:{}:{message}", MIDNIGHT + time.parse::<i64>().unwrap())
        })
        .collect();
    assert_eq!(read_all(&store, everything(GROUP)).await, told);
    let backward = ReadRequest { direction: Direction::Backward, ..everything(GROUP) };
    let reversed: Vec<String> = told.iter().rev().cloned().collect();
    assert_eq!(read_all(&store, backward).await, reversed);
    let named = ReadRequest { streams: StreamChoice::Named(vec!["b".to_owned()]), ..everything(GROUP) };
    assert_eq!(read_all(&store, named).await.len(), 2);
    let part = ReadRequest {
        start: Some(Timestamp(MIDNIGHT + 2)),
        end: Some(Timestamp(MIDNIGHT + 3)),
        ..everything(GROUP)
    };
    assert_eq!(read_all(&store, part).await, told[1..2]);
}

#[tokio::test]
async fn events_groups_and_settings_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let before = {
        let store = open(folder.path(), &clock);
        store.create_group("g", BTreeMap::from([("k".to_owned(), "v".to_owned())])).await.unwrap();
        store.create_stream("g", "s").await.unwrap();
        store.put("g", "s", vec![event(MIDNIGHT, "acknowledged")]).await.unwrap();
        store.set_retention("g", Some(7)).await.unwrap();
        append(&store, "x", MIDNIGHT, "appended");
        let before = (store.groups().await.unwrap(), store.streams("g").await.unwrap());
        store.close().await;
        before
    };
    assert_eq!(files(folder.path(), ".index"), ["2026-11-25.index"]);
    let store = open(folder.path(), &clock);
    assert_eq!((store.groups().await.unwrap(), store.streams("g").await.unwrap()), before);
    let group = store.group("g").await.unwrap();
    assert_eq!((group.retention_days, group.tags["k"].as_str()), (Some(7), "v"));
    assert!(group.stored_bytes > 0);
    assert_eq!(read_all(&store, everything("g")).await, [format!("s:{MIDNIGHT}:acknowledged")]);
    // What is written after a restart stands behind what was before.
    append(&store, "x", MIDNIGHT, "later");
    let told = [format!("x:{MIDNIGHT}:appended"), format!("x:{MIDNIGHT}:later")];
    assert_eq!(read_all(&store, everything(GROUP)).await, told);
}

/// As after `kill -9`: the files are copied while the server runs, and opened as they are.
#[tokio::test]
async fn what_was_acknowledged_survives_the_end_of_the_process_and_a_torn_tail_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let store = open(folder.path(), &clock);
    store.create_group("g", BTreeMap::new()).await.unwrap();
    store.create_stream("g", "s").await.unwrap();
    store.put("g", "s", vec![event(MIDNIGHT, "one"), event(MIDNIGHT + 1, "two")]).await.unwrap();
    store.put("g", "s", vec![event(MIDNIGHT + 2, "three")]).await.unwrap();
    for torn in [0, 1, 9] {
        let copy = tempfile::tempdir().unwrap();
        for name in ["groups.journal", "2026-11-25.log"] {
            let bytes = std::fs::read(folder.path().join(name)).unwrap();
            let kept = if name.ends_with(".log") { bytes.len() - torn } else { bytes.len() };
            std::fs::write(copy.path().join(name), &bytes[..kept]).unwrap();
        }
        let copied = open(copy.path(), &clock);
        let expected = if torn == 0 { 3 } else { 2 };
        assert_eq!(read_all(&copied, everything("g")).await.len(), expected, "{torn} bytes torn off");
        copied.put("g", "s", vec![event(MIDNIGHT + 9, "after")]).await.unwrap();
        drop(copied);
        let again = read_all(&open(copy.path(), &clock), everything("g")).await;
        assert_eq!(again.len(), expected + 1);
        assert_eq!(again.last().unwrap(), &format!("s:{}:after", MIDNIGHT + 9));
    }
}

#[tokio::test]
async fn groups_and_streams_are_made_once_and_deleted_with_what_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &clock());
    let exists = |result| matches!(result, Err(LogError::Exists(_)));
    let missing = |result| matches!(result, Err(LogError::Missing(_)));
    store.create_group("g", BTreeMap::new()).await.unwrap();
    assert!(exists(store.create_group("g", BTreeMap::new()).await));
    store.create_stream("g", "s").await.unwrap();
    assert!(exists(store.create_stream("g", "s").await));
    assert!(missing(store.create_stream("none", "s").await));
    assert!(missing(store.put("g", "none", vec![event(0, "x")]).await));
    store.put("g", "s", vec![event(MIDNIGHT, "x")]).await.unwrap();
    store.delete_stream("g", "s").await.unwrap();
    assert!(missing(store.delete_stream("g", "s").await));
    store.create_stream("g", "s").await.unwrap();
    assert!(read_all(&store, everything("g")).await.is_empty(), "a new stream of an old name is empty");
    store.put("g", "s", vec![event(MIDNIGHT, "y")]).await.unwrap();
    store.delete_group("g").await.unwrap();
    assert!(missing(store.read(everything("g"), |_| true).await.map(|_| ())));
    append_to(&store, "g", "s", MIDNIGHT, "z");
    assert_eq!(read_all(&store, everything("g")).await, [format!("s:{MIDNIGHT}:z")]);
}

#[tokio::test]
async fn retention_hides_drops_days_and_compacts_them() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let store = open(folder.path(), &clock);
    let long = "x".repeat(500);
    append_to(&store, "short", "old", MIDNIGHT + 1, &long);
    append_to(&store, "long", "s", MIDNIGHT + 1, "kept");
    store.set_retention("short", Some(1)).await.unwrap();
    clock.advance(DAY);
    append_to(&store, "short", "new", MIDNIGHT + DAY, "new");
    store.flush().await.unwrap();
    assert_eq!(files(folder.path(), ".log"), ["2026-11-25.log", "2026-11-26.log"]);

    clock.advance(DAY / 2);
    let told = [format!("new:{}:new", MIDNIGHT + DAY)];
    assert_eq!(read_all(&store, everything("short")).await, told, "hidden before the sweep");
    let size = || std::fs::metadata(folder.path().join("2026-11-25.log")).unwrap().len();
    let before = size();
    store.sweep().await.unwrap();
    assert!(size() < before / 2, "compacted");
    assert_eq!(read_all(&store, everything("long")).await, [format!("s:{}:kept", MIDNIGHT + 1)]);
    let streams: Vec<_> = store.streams("short").await.unwrap();
    assert_eq!(streams.iter().map(|stream| &*stream.name).collect::<Vec<_>>(), ["new"], "emptied streams go");

    store.delete_group("long").await.unwrap();
    store.sweep().await.unwrap();
    assert_eq!(files(folder.path(), ".log"), ["2026-11-26.log"], "a day that nobody wants is dropped");
    drop(store);
    assert_eq!(read_all(&open(folder.path(), &clock), everything("short")).await, told);
}

#[tokio::test]
async fn a_full_buffer_drops_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &clock());
    store.create_group(GROUP, BTreeMap::new()).await.unwrap();
    let message = "x".repeat(256 * 1024);
    {
        // While the files are locked nothing leaves the buffer.
        let _held = store.shared().lock();
        store.shared().buffer.take();
        for _ in 0..80 {
            append(&store, "s", MIDNIGHT, &message);
        }
    }
    let dropped = store.dropped();
    assert!((10..=20).contains(&dropped), "{dropped}");
    let request = ReadRequest { max_bytes: usize::MAX, ..everything(GROUP) };
    let all = read_all(&store, request).await;
    assert_eq!(all.len() as u64, 80 - dropped + 1);
    assert!(all.iter().any(|line| line.contains(&format!("{dropped} log events were dropped"))));
}

#[tokio::test]
async fn a_page_ends_at_its_limits_and_says_where_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &clock());
    for n in 0..200 {
        append(&store, &format!("s{}", n % 3), MIDNIGHT + n / 2, &format!("{n} {}", "x".repeat(n as usize)));
        if n % 7 == 0 {
            store.flush().await.unwrap();
        }
    }
    let all = read_all(&store, everything(GROUP)).await;
    assert_eq!(all.len(), 200);
    for direction in [Direction::Forward, Direction::Backward] {
        let base = ReadRequest { direction, ..everything(GROUP) };
        let mut expected = all.clone();
        if direction == Direction::Backward {
            expected.reverse();
        }
        for request in [
            ReadRequest { max_events: 1, ..base.clone() },
            ReadRequest { max_events: 13, ..base.clone() },
            ReadRequest { max_bytes: 50, ..base.clone() },
            ReadRequest { max_scan: 1, ..base.clone() },
            ReadRequest { max_scan: 1, max_events: 1, max_bytes: 1, ..base.clone() },
        ] {
            let found = read_all(&store, request.clone()).await;
            assert_eq!(found, expected, "{request:?}");
        }
    }
}

#[tokio::test]
async fn many_small_writes_keep_the_index_small() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let store = open(folder.path(), &clock);
    for n in 0..1500 {
        for stream in ["a", "b"] {
            append(&store, stream, MIDNIGHT + n, &n.to_string());
        }
        store.shared().flush().unwrap();
    }
    let extents: usize = {
        let state = store.shared().lock();
        state
            .days
            .values()
            .flat_map(|day| day.index.streams.values())
            .map(|stream| stream.extents.len())
            .sum()
    };
    assert!(extents <= 2 * 1024, "{extents}");
    let request = ReadRequest { streams: StreamChoice::Prefix("b".to_owned()), ..everything(GROUP) };
    let expected: Vec<String> = (0..1500).map(|n| format!("b:{}:{n}", MIDNIGHT + n)).collect();
    assert_eq!(read_all(&store, request.clone()).await, expected);
    store.close().await;
    drop(store);
    assert_eq!(read_all(&open(folder.path(), &clock), request).await, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever was written, in whatever batches, is read back sorted by time and then by order of writing.
    #[test]
    fn reading_is_a_stable_sort(
        writes in prop::collection::vec((0usize..3, 0i64..20, any::<bool>()), 0..60),
        max_events in 1usize..10,
        reopen in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let clock = clock();
            let mut store = open(folder.path(), &clock);
            store.create_group(GROUP, BTreeMap::new()).await.unwrap();
            for (n, (stream, time, flush)) in writes.iter().enumerate() {
                append(&store, &format!("s{stream}"), MIDNIGHT + time, &n.to_string());
                if *flush {
                    store.flush().await.unwrap();
                }
            }
            if reopen {
                store.close().await;
                drop(store);
                store = open(folder.path(), &clock);
            }
            let request = ReadRequest { max_events, ..everything(GROUP) };
            let found = read_all(&store, request.clone()).await;
            let times: Vec<i64> = found.iter().map(|line| line.split(':').nth(1).unwrap().parse().unwrap()).collect();
            assert!(times.is_sorted());
            let mut messages: Vec<usize> =
                found.iter().map(|line| line.rsplit(':').next().unwrap().parse().unwrap()).collect();
            messages.sort_unstable();
            assert_eq!(messages, (0..writes.len()).collect::<Vec<_>>());
            let mut backward = read_all(&store, ReadRequest { direction: Direction::Backward, ..request }).await;
            backward.reverse();
            assert_eq!(backward, found);
        });
    }
}
