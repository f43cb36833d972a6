//! A server's inside, small: a real store and catalog, a fake runtime, a clock that follows tokio's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_model::{
    AccountId, Clock, Digest, FailureKind, Function, FunctionName, FunctionReference, FunctionVersion,
    Invocation, Outcome, Region, Response, RevisionId, Timestamp, Trigger, Version,
};
use ebb_store::{Store, StoreConfig};
use serde_json::{Value, json};

use crate::catalog::{Catalog, CatalogConfig};
use crate::testing::{FakeRuntime, FixedCredentials};
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
    code: Digest,
    _data: tempfile::TempDir,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(InvokerConfig::default()).await
    }

    pub(super) async fn with(config: InvokerConfig) -> Self {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().to_owned();
        Self::open(config, data, &path).await
    }

    async fn open(config: InvokerConfig, data: tempfile::TempDir, path: &std::path::Path) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock(tokio::time::Instant::now()));
        let runtime = FakeRuntime::new();
        let store_config = StoreConfig { data: path.to_owned(), database: None, blobs: None };
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
        let invoker = Invoker::new(InvokerParts {
            config,
            store: store.clone(),
            catalog: catalog.clone(),
            runtime: runtime.clone(),
            credentials: Arc::new(FixedCredentials),
            clock,
        });
        Self { invoker, runtime, store, catalog, code, _data: data }
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
