use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ebb_model::Timestamp;
use ebb_store::StoreConfig;
use futures_util::TryStreamExt as _;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::delivery::Delivery;

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct World {
    buckets: Buckets,
    clock: Arc<TestClock>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(TestClock(AtomicI64::new(1_000_000_000)));
        let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
        let store = Store::open_with_clock(&config, clock.clone()).await.expect("a store");
        let parts = BucketParts {
            store,
            clock: clock.clone(),
            account: AccountId::parse("000000000000").expect("an account"),
            region: Region::parse("us-east-1").expect("a region"),
        };
        let buckets = Buckets::open(parts).await.expect("buckets");
        buckets.create("bucket").await.expect("a bucket");
        Self { buckets, clock, _folder: folder }
    }

    async fn version(&self, versioning: Versioning) {
        let set = self.buckets.configure("bucket", |bucket| {
            bucket.versioning = versioning;
            Ok(())
        });
        set.await.expect("set");
    }

    async fn new_object(&self, key: &str, bytes: &str) -> NewObject {
        let mut pieces = vec![Ok(Bytes::copy_from_slice(bytes.as_bytes()))];
        let written = self.buckets.write(|| std::future::ready(pieces.pop())).await.expect("written");
        NewObject {
            key: key.to_owned(),
            etag: written.md5,
            parts: vec![written.part],
            ..NewObject::default()
        }
    }

    async fn try_put(
        &self,
        key: &str,
        bytes: &str,
        condition: Condition,
    ) -> Result<Arc<Object>, BucketError> {
        let new = self.new_object(key, bytes).await;
        self.buckets.put("bucket", new, &condition, "ObjectCreated:Put").await
    }

    async fn put(&self, key: &str, bytes: &str) -> Arc<Object> {
        self.try_put(key, bytes, Condition::None).await.expect("put")
    }

    async fn text(&self, object: &Object) -> String {
        let pieces: Vec<Bytes> =
            self.buckets.bytes(object, 0..object.size).try_collect().await.expect("bytes");
        String::from_utf8(pieces.concat()).expect("text")
    }

    async fn read(&self, key: &str, version: Option<&str>) -> Result<String, BucketError> {
        let object = self.buckets.object("bucket", key, version).await?;
        Ok(self.text(&object).await)
    }

    /// The deliveries that wait.
    async fn deliveries(&self) -> Vec<Delivery> {
        let work = self.buckets.inner.store.work();
        let claimed = work.claim("delivery", 99, Duration::from_secs(9)).await.expect("work");
        claimed.iter().map(|work| serde_json::from_slice(&work.body).expect("a delivery")).collect()
    }
}

#[tokio::test]
async fn an_object_is_what_was_written_last() {
    let world = World::new().await;
    let first = world.put("a/b c", "one").await;
    assert_eq!(
        (first.etag.as_str(), first.size, first.version.as_str()),
        ("f97c5d29941bfb1b2fdab0874906ab82", 3, "null")
    );
    world.put("a/b c", "two").await;
    assert_eq!(world.read("a/b c", None).await.expect("there"), "two");
    // Its bytes are kept for a while, then collected.
    assert_eq!(world.text(&first).await, "one");
    world.clock.0.fetch_add(5 * 60_000, Ordering::SeqCst);
    world.put("other", "").await;
    // New garbage has the old looked at.
    world.put("a/b c", "three").await;
    let gone = async {
        while world.buckets.bytes(&first, 0..3).try_collect::<Vec<_>>().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("collected");
    assert!(matches!(world.buckets.delete("bucket").await, Err(BucketError::NotEmpty)));
    for key in ["a/b c", "other", "none"] {
        world.buckets.remove("bucket", key, None, Remover::Request).await.expect("removed");
    }
    assert!(matches!(world.read("a/b c", None).await, Err(BucketError::NoSuchKey)));
    world.buckets.delete("bucket").await.expect("removed");
    assert!(matches!(world.read("x", None).await, Err(BucketError::NoSuchBucket)));
}

#[tokio::test]
async fn versions_are_kept_and_come_back() {
    let world = World::new().await;
    let old = world.put("k", "old").await;
    world.version(Versioning::Enabled).await;
    let (one, two) = (world.put("k", "one").await, world.put("k", "two").await);
    for (version, text) in [(&old.version, "old"), (&one.version, "one"), (&two.version, "two")] {
        assert_eq!(world.read("k", Some(version)).await.expect("there"), text);
    }
    let marker = world.buckets.remove("bucket", "k", None, Remover::Request).await.expect("removed");
    assert!(marker.marker);
    assert!(matches!(world.read("k", None).await, Err(BucketError::DeleteMarker { named: false, .. })));
    let entries = world.buckets.versions("bucket", "", "").await.expect("versions");
    let shown: Vec<(bool, bool)> = entries.iter().map(|entry| (entry.object.marker, entry.latest)).collect();
    assert_eq!(shown, [(true, true), (false, false), (false, false), (false, false)]);
    assert_eq!(entries[1].object.version, two.version);
    // Without the marker, the newest is current again; and so on.
    world.buckets.remove("bucket", "k", marker.version.as_deref(), Remover::Request).await.expect("removed");
    assert_eq!(world.read("k", None).await.expect("there"), "two");
    world.buckets.remove("bucket", "k", Some(&one.version), Remover::Request).await.expect("removed");
    world.buckets.remove("bucket", "k", Some(&two.version), Remover::Request).await.expect("removed");
    assert_eq!(world.read("k", None).await.expect("there"), "old");
    assert!(matches!(world.read("k", Some(&one.version)).await, Err(BucketError::NoSuchVersion)));
    world.version(Versioning::Suspended).await;
    world.put("k", "new").await;
    assert_eq!(
        world.buckets.versions("bucket", "", "").await.expect("versions").len(),
        1,
        "null replaces null"
    );
}

#[tokio::test]
async fn many_writers_of_a_suspended_bucket_leave_one_version_without_an_id() {
    let world = World::new().await;
    world.put("k", "null").await;
    world.version(Versioning::Enabled).await;
    world.put("k", "one").await;
    world.version(Versioning::Suspended).await;
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (buckets, new) = (world.buckets.clone(), world.new_object("k", &n.to_string()).await);
        writers.spawn(async move { buckets.put("bucket", new, &Condition::None, "ObjectCreated:Put").await });
    }
    assert!(writers.join_all().await.into_iter().all(|put| put.is_ok()));
    let versions = world.buckets.versions("bucket", "", "").await.expect("versions");
    assert_eq!(versions.iter().filter(|entry| entry.object.is_null_version()).count(), 1);
    assert_eq!(versions.len(), 2);
}

#[tokio::test]
async fn a_write_is_made_only_where_its_condition_holds() {
    let world = World::new().await;
    let absent = world.try_put("k", "x", Condition::Etag("e".to_owned())).await;
    assert!(matches!(absent, Err(BucketError::NoSuchKey)));
    let first = world.try_put("k", "one", Condition::Absent).await.expect("put");
    assert!(matches!(
        world.try_put("k", "x", Condition::Absent).await,
        Err(BucketError::Precondition("If-None-Match"))
    ));
    world.try_put("k", "two", Condition::Etag(first.etag.clone())).await.expect("put");
    let stale = world.try_put("k", "x", Condition::Etag(first.etag.clone())).await;
    assert!(matches!(stale, Err(BucketError::Precondition("If-Match"))));
    // Of many at once that want nothing, the last wins, and none is refused.
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..40 {
        let (buckets, new) = (world.buckets.clone(), world.new_object("crowd", &n.to_string()).await);
        writers.spawn(async move { buckets.put("bucket", new, &Condition::None, "ObjectCreated:Put").await });
    }
    assert!(writers.join_all().await.into_iter().all(|put| put.is_ok()));
    // Of many at once, one wins.
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (buckets, new) = (world.buckets.clone(), world.new_object("race", &n.to_string()).await);
        writers.spawn(async move {
            buckets.put("bucket", new, &Condition::Absent, "ObjectCreated:Put").await.is_ok()
        });
    }
    assert_eq!(writers.join_all().await.into_iter().filter(|won| *won).count(), 1);
}

#[tokio::test]
async fn an_upload_becomes_an_object_of_its_parts() {
    let world = World::new().await;
    let buckets = &world.buckets;
    let new = NewObject { key: "big".to_owned(), ..NewObject::default() };
    let upload = buckets.begin_upload("bucket", new).await.expect("an upload");
    let large = "x".repeat(5 << 20);
    let mut parts = Vec::new();
    for (number, text) in [(1, large.as_str()), (3, "end"), (2, large.as_str())] {
        let object = world.new_object("part", text).await;
        let written = Written { part: object.parts[0].clone(), md5: object.etag.clone() };
        let part =
            buckets.add_part("bucket", &upload, number, written, BTreeMap::new()).await.expect("a part");
        parts.push(CompletedPart { number, etag: part.etag });
    }
    let complete = async |parts: &[CompletedPart]| {
        buckets.complete_upload("bucket", &upload, parts, &Condition::None, BTreeMap::new()).await
    };
    assert!(matches!(complete(&parts).await, Err(BucketError::PartOrder)));
    parts.sort_by_key(|part| part.number);
    let wrong = CompletedPart { number: 2, etag: "nope".to_owned() };
    assert!(matches!(complete(&[parts[0].clone(), wrong]).await, Err(BucketError::InvalidPart)));
    assert!(matches!(complete(&[]).await, Err(BucketError::Invalid(_))));
    let object = complete(&parts).await.expect("an object");
    assert!(object.etag.ends_with("-3"));
    assert_eq!(object.size, (10 << 20) + 3);
    let middle: Vec<Bytes> =
        buckets.bytes(&object, (10 << 20) - 1..(10 << 20) + 2).try_collect().await.expect("bytes");
    assert_eq!(middle.concat(), b"xen");
    assert!(matches!(buckets.upload("bucket", "big", &upload.id).await, Err(BucketError::NoSuchUpload)));
}

#[tokio::test]
async fn what_happens_is_told_with_the_write() {
    let world = World::new().await;
    let notification = |kind, arn: &str, events: &[&str], suffix: Option<&str>| Notification {
        id: "n".to_owned(),
        kind,
        arn: arn.to_owned(),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        prefix: None,
        suffix: suffix.map(str::to_owned),
    };
    let queue = "arn:aws:sqs:us-east-1:000000000000:q";
    let function = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let notifications = vec![
        notification(NotificationTarget::Queue, queue, &["s3:ObjectRemoved:*"], None),
        notification(NotificationTarget::Function, function, &["s3:ObjectCreated:Put"], Some(".png")),
    ];
    world.buckets.set_notifications("bucket", notifications, true).await.expect("set");
    let test: Value = serde_json::from_str(&world.deliveries().await[0].message.body).expect("JSON");
    assert_eq!(test["Event"], "s3:TestEvent");
    world.put("no.txt", "x").await;
    assert_eq!(world.deliveries().await.len(), 1, "the bus hears of all");
    world.put("dir/my photo+1ü.png", "12345").await;
    let deliveries = world.deliveries().await;
    let record: Value = serde_json::from_str(&deliveries[0].message.body).expect("JSON");
    let record = &record["Records"][0];
    assert_eq!(
        (&record["eventName"], &record["s3"]["object"]["key"], &record["s3"]["object"]["size"]),
        (&"ObjectCreated:Put".into(), &"dir/my+photo%2B1%C3%BC.png".into(), &5.into())
    );
    assert_eq!(deliveries[1].message.extra.as_ref().expect("an envelope")["DetailType"], "Object Created");
    world.buckets.remove("bucket", "no.txt", None, Remover::Request).await.expect("removed");
    let deliveries = world.deliveries().await;
    assert_eq!((deliveries[0].target.as_str(), deliveries.len()), (queue, 2));
    let wrong = notification(NotificationTarget::Queue, function, &["s3:ObjectCreated:*"], None);
    assert!(world.buckets.set_notifications("bucket", vec![wrong], false).await.is_err());
}

/// The obviously right way to list: all keys, one after the other.
fn model(keys: &BTreeSet<String>, request: &ListingRequest) -> (Vec<String>, Option<String>) {
    let mut entries = BTreeSet::new();
    for key in keys.iter().filter(|key| key.starts_with(&request.prefix)) {
        entries.insert(request.rolled_up(key).unwrap_or_else(|| key.clone()));
    }
    let after: Vec<String> = entries.into_iter().filter(|entry| *entry > request.after).collect();
    let page: Vec<String> = after.iter().take(request.limit).cloned().collect();
    let next = (after.len() > page.len()).then(|| page.last().cloned()).flatten();
    (page, next)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn listings_are_those_of_the_model(
        keys in proptest::collection::btree_set("[ab/\u{1}é]{1,4}", 0..25),
        prefix in "[ab/]{0,2}", delimiter in proptest::option::of(Just("/".to_owned())), limit in 1_usize..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let world = World::new().await;
            for key in &keys {
                world.put(key, "").await;
            }
            let mut request = ListingRequest { prefix, delimiter, after: String::new(), limit };
            loop {
                let listing = world.buckets.list("bucket", &request).await.expect("a listing");
                let mut entries: Vec<String> = listing.objects.iter().map(|object| object.key.clone()).collect();
                entries.extend(listing.prefixes);
                entries.sort();
                assert_eq!((entries, listing.next.clone()), model(&keys, &request), "{request:?}");
                match listing.next {
                    Some(next) => request.after = next,
                    None => break,
                }
            }
        });
    }
}
