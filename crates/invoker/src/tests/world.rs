//! A server's inside, small: a real store and catalog, a fake runtime, a clock that follows tokio's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_model::{
    AccountId, Clock, Digest, FailureKind, Function, FunctionName, FunctionReference, FunctionVersion,
    Invocation, Outcome, Qualifier, Region, Response, RevisionId, Timestamp, Trigger, Version,
};
use ebb_store::logs::{Direction, ReadRequest, StreamChoice};
use ebb_store::{Store, StoreConfig};
use serde_json::{Value, json};

use crate::catalog::{Catalog, CatalogConfig, ProvisionedStatus};
use crate::testing::{FakeCarrier, FakeRuntime, FixedCredentials};
use crate::{Delivery, InvokeError, Invoker, InvokerConfig, InvokerParts};

/// 2026-11-25T00:00:00Z
const START: i64 = 1_795_564_800_000;

/// Follows tokio's time, paused or not.
struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp(START).plus(self.0.elapsed())
    }
}

pub(super) struct World {
    pub(super) invoker: Invoker,
    pub(super) runtime: Arc<FakeRuntime>,
    pub(super) store: Store,
    pub(super) catalog: Catalog,
    config: InvokerConfig,
    clock: Arc<dyn Clock>,
    code: Digest,
    _paused: Option<Paused>,
    _data: tempfile::TempDir,
}

/// Time stands still, but for what sleeps, while this lives.
struct Paused;

impl Paused {
    fn begin() -> Self {
        tokio::time::pause();
        Self
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}

impl World {
    /// With the usual settings, on paused time.
    pub(super) async fn new() -> Self {
        Self::with(InvokerConfig::default()).await
    }

    /// On paused time.
    pub(super) async fn with(config: InvokerConfig) -> Self {
        let world = Self::in_real_time(config).await;
        // Not before: the threads of the database do not know of paused time.
        Self { _paused: Some(Paused::begin()), ..world }
    }

    pub(super) async fn in_real_time(config: InvokerConfig) -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(TokioClock(tokio::time::Instant::now()));
        let runtime = FakeRuntime::new();
        let store_config = StoreConfig { data: data.path().to_owned(), database: None, blobs: None };
        let store = Store::open_with_clock(&store_config, clock.clone()).await.unwrap();
        let catalog = Catalog::open(CatalogConfig {
            store: store.clone(),
            clock: clock.clone(),
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            runtime: runtime.clone(),
        })
        .await
        .unwrap();
        let code = store.blobs().put(zip()).await.unwrap();
        store.packages().unpacked(code).await.unwrap();
        let parts = InvokerParts {
            config: config.clone(),
            store: store.clone(),
            catalog: catalog.clone(),
            runtime: runtime.clone(),
            credentials: Arc::new(FixedCredentials),
            clock: clock.clone(),
            results: Arc::new(FakeCarrier),
        };
        Self {
            invoker: Invoker::new(parts),
            runtime,
            store,
            catalog,
            config,
            clock,
            code,
            _paused: None,
            _data: data,
        }
    }

    /// Another invoker on the same store and catalog.
    pub(super) fn restarted(self) -> Self {
        let invoker = Invoker::new(InvokerParts {
            config: self.config.clone(),
            store: self.store.clone(),
            catalog: self.catalog.clone(),
            runtime: self.runtime.clone(),
            credentials: Arc::new(FixedCredentials),
            clock: self.clock.clone(),
            results: Arc::new(FakeCarrier),
        });
        Self { invoker, ..self }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits until no accepted event is left.
    pub(super) async fn emptied(&self) {
        let wait = async {
            loop {
                let depth = self.store.work().depth("invoke").await.unwrap();
                if depth.ready + depth.delayed + depth.claimed == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect("accepted events come to an end");
    }

    /// Everything in the log of `f`: each event with its stream.
    pub(super) async fn log(&self) -> Vec<(String, String)> {
        let request = ReadRequest {
            group: "/aws/lambda/f".to_owned(),
            streams: StreamChoice::All,
            start: None,
            end: None,
            after: None,
            direction: Direction::Forward,
            max_events: 1000,
            max_bytes: 1 << 20,
            max_scan: 1 << 20,
        };
        let page = self.store.logs().read(request, |_| true).await.unwrap();
        page.events.into_iter().map(|event| (event.stream.to_string(), event.message)).collect()
    }

    /// What the catalog was told of provisioned instances of `f`.
    pub(super) fn provisioned(&self, qualifier: &Qualifier) -> (u32, Option<String>) {
        let target = self.catalog.locate("f", Some(&qualifier.to_string())).unwrap();
        match self.catalog.provisioned_concurrency(&target) {
            Ok(state) => match state.status {
                ProvisionedStatus::Failed(reason) => (state.available, Some(reason)),
                ProvisionedStatus::InProgress | ProvisionedStatus::Ready => (state.available, None),
            },
            Err(_) => (0, None),
        }
    }

    /// A function named `f` with a timeout of 3 s, changed as asked.
    pub(super) fn deploy(&self, change: impl FnOnce(&mut Function)) {
        let mut function = self.function("f");
        change(&mut function);
        self.put(function);
    }

    pub(super) fn put(&self, function: Function) {
        self.catalog.publish(|snapshot| {
            snapshot.functions.insert(function.name.clone(), Arc::new(function));
        });
    }

    pub(super) fn function(&self, name: &str) -> Function {
        let name = FunctionName::parse(name).unwrap();
        let latest = self.version(&name, Version::Latest);
        serde_json::from_value(json!({"name": name, "latest": latest, "next_version": 1})).unwrap()
    }

    pub(super) fn version(&self, name: &FunctionName, version: Version) -> FunctionVersion {
        let settings = json!({
            "runtime": "python3.11", "handler": "app.handler", "role": "arn:aws:iam::000000000000:role/r",
            "timeout_seconds": 3, "memory_mib": 192, "ephemeral_storage_mib": 512, "architecture": "x86_64",
            "tracing": "pass_through",
            "logging": {
                "format": "text", "application_level": null, "system_level": null,
                "group": format!("/aws/lambda/{name}"),
            },
        });
        serde_json::from_value(json!({
            "name": name, "version": version, "settings": settings,
            "code": {"digest": self.code, "size": 1, "package": "zip"},
            "revision": RevisionId::random(), "last_modified": START, "state": "active", "update": "successful",
        }))
        .unwrap()
    }

    /// An event of `f` with this payload.
    pub(super) fn event(&self, payload: &str) -> Invocation {
        Self::event_of("f", payload)
    }

    pub(super) fn event_of(function: &str, payload: &str) -> Invocation {
        let function = FunctionReference::parse(function).unwrap();
        Invocation::new(function, Bytes::copy_from_slice(payload.as_bytes()), Trigger::Direct)
    }

    pub(super) async fn invoke(&self, payload: &str) -> Result<Outcome, InvokeError> {
        self.invoker.invoke(self.event(payload), Delivery::Whole).await
    }

    /// Invokes and gives the answer, or the failure's kind with its error object.
    pub(super) async fn call(&self, payload: &str) -> Result<Value, (FailureKind, Value)> {
        answer(self.invoke(payload).await.expect("the platform runs it"))
    }

    /// Lets everything run that can.
    pub(super) async fn rest(&self) {
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

pub(super) fn answer(outcome: Outcome) -> Result<Value, (FailureKind, Value)> {
    let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap();
    match outcome.result {
        Ok(Response::Whole(bytes)) => Ok(json(&bytes)),
        Ok(Response::Streamed(bytes)) => Ok(bytes.into()),
        Err(failure) => Err((failure.kind, json(&failure.payload))),
    }
}

/// Paused time moves by whole milliseconds from where it was paused, so sums of sleeps are a little longer.
pub(super) fn about(took: Duration, millis: u64) {
    let expected = Duration::from_millis(millis);
    assert!(
        took >= expected && took < expected + Duration::from_millis(5),
        "{took:?} instead of {expected:?}"
    );
}

/// A zip with one file `a` that holds `b`, stored.
fn zip() -> Bytes {
    let crc = 0x71be_eff9_u32.to_le_bytes();
    let mut zip = Vec::new();
    let common = |zip: &mut Vec<u8>| {
        zip.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
        zip.extend(crc);
        zip.extend([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    };
    zip.extend(b"PK\x03\x04");
    common(&mut zip);
    zip.extend(b"ab");
    let directory = u32::try_from(zip.len()).unwrap();
    zip.extend(b"PK\x01\x02\x14\x03");
    common(&mut zip);
    zip.extend([0, 0, 0, 0, 0, 0]);
    zip.extend((0o100_644_u32 << 16).to_le_bytes());
    zip.extend([0, 0, 0, 0]);
    zip.extend(b"a");
    let size = u32::try_from(zip.len()).unwrap() - directory;
    zip.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
    zip.extend(size.to_le_bytes());
    zip.extend(directory.to_le_bytes());
    zip.extend([0, 0]);
    zip.into()
}
