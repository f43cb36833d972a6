//! What a server acknowledged is there after `kill -9`, and one data folder has one server.
//!
//! The test runs itself again as the process that is killed: [`the_process_that_is_killed`] does nothing unless
//! [`FOLDER`] is set. That process says on its output what it is about to do and what was acknowledged.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_model::{Clock, Digest, SystemClock, Timestamp};
use ebb_store::{Expect, NewWork, Store, StoreConfig, StoreError, Write};

/// Tells the child which data folder to write to.
const FOLDER: &str = "EBB_CRASH_TEST_FOLDER";
const QUEUE: &str = "crash";
/// Longer than any run of this test.
const LEASE: Duration = Duration::from_secs(600);
const ROUNDS: u32 = 8;

fn config(folder: &Path) -> StoreConfig {
    StoreConfig { data: folder.to_owned(), database: None, blobs: None }
}

/// Says a line in one write, so that a kill cannot mix or hide lines that were said.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_process_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = Store::open(&config(folder.as_ref())).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        writers.spawn(write_for_ever(store.clone()));
    }
    writers.join_next().await;
}

async fn write_for_ever(store: Store) {
    loop {
        let name = uuid::Uuid::new_v4().to_string();
        let put = |kind| Write::Put {
            kind,
            key: name.clone(),
            body: Bytes::copy_from_slice(name.as_bytes()),
            expect: Expect::Absent,
        };
        store.records().commit(vec![put("left"), put("right")]).await.unwrap();
        say(&format!("record {name}"));
        let due = SystemClock.now();
        let new = NewWork { queue: QUEUE, body: Bytes::copy_from_slice(name.as_bytes()), due, watched: None };
        let ids = store.work().enqueue(vec![new.clone(), new]).await.unwrap();
        say(&format!("work {}", ids[0]));
        say(&format!("work {}", ids[1]));
        for work in store.work().claim(QUEUE, 1, LEASE).await.unwrap() {
            say(&format!("trying {}", work.id));
            store.work().complete(&work).await.unwrap();
            say(&format!("done {}", work.id));
        }
        let digest = store.blobs().put(Bytes::from(name)).await.unwrap();
        say(&format!("blob {digest}"));
    }
}

/// What the killed processes said, by its first word.
#[derive(Default)]
struct Said(BTreeMap<String, BTreeSet<String>>);

impl Said {
    fn hear(&mut self, line: &str) {
        if let Some((what, which)) = line.split_once(' ') {
            self.0.entry(what.to_owned()).or_default().insert(which.to_owned());
        }
    }

    fn all(&self, what: &str) -> impl Iterator<Item = &str> {
        self.0.get(what).into_iter().flatten().map(String::as_str)
    }
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A clock that is past every lease.
struct LaterClock;

impl Clock for LaterClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(LEASE * 2)
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("data");
    let mut said = Said::default();
    for round in 0..ROUNDS {
        let mut child = start(&folder);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A different moment each time: uuids are random.
        let moment = usize::from(uuid::Uuid::new_v4().as_bytes()[0]) + 10;
        let mut heard = 0;
        while heard < moment {
            let line = lines.next().unwrap().unwrap();
            heard += usize::from(line.starts_with("record "));
            said.hear(&line);
        }
        if round == 0 {
            let refused = Store::open(&config(&folder)).await.unwrap_err();
            let StoreError::Held { holder, .. } = refused else { panic!("{refused:?}") };
            assert!(holder.starts_with(&format!("process {}, started 20", child.id())), "{holder}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What was said before the kill may still be in the pipe.
        lines.map_while(Result::ok).for_each(|line| said.hear(&line));
        check(&folder, &said).await;
    }
}

async fn check(folder: &Path, said: &Said) {
    let store = Store::open_with_clock(&config(folder), Arc::new(LaterClock)).await.unwrap();
    let keys = async |kind| -> BTreeSet<String> {
        store.records().load(kind).await.unwrap().into_iter().map(|record| record.key).collect()
    };
    let (left, right) = (keys("left").await, keys("right").await);
    assert_eq!(left, right, "a transaction is whole");
    for name in said.all("record") {
        assert!(left.contains(name), "record {name} was acknowledged");
    }
    // A claim that ends at once leaves all to be claimed again.
    let present: BTreeSet<String> = store
        .work()
        .claim(QUEUE, u32::MAX, Duration::ZERO)
        .await
        .unwrap()
        .into_iter()
        .map(|work| work.id.to_string())
        .collect();
    let tried: BTreeSet<&str> = said.all("trying").collect();
    for id in said.all("work") {
        assert!(present.contains(id) || tried.contains(id), "work {id} was acknowledged");
    }
    for id in said.all("done") {
        assert!(!present.contains(id), "work {id} was acknowledged as done");
    }
    for digest in said.all("blob") {
        assert!(store.blobs().get(Digest::parse_hex(digest).unwrap()).await.unwrap().is_some());
    }
    store.close().await;
}
