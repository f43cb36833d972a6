//! Tests of the catalog against a real store (SQLite in a temporary folder) and a runtime that only says what it has.

mod aliases;
mod concurrency;
mod functions;
mod layers;
mod lifecycle;
mod permissions;
mod references;
mod urls;
mod validation;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;
use ebb_model::{AccountId, Clock, Function, FunctionVersion, Region, RuntimeName, Timestamp};
use ebb_store::{Store, StoreConfig};
use tempfile::TempDir;

use super::*;
use crate::port::{Boxed, Instance, InstanceSpec, Runtime, StartError, Unavailable};

pub(super) const ROLE: &str = "arn:aws:iam::000000000000:role/test";
pub(super) const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function";

/// A runtime port that starts nothing: it says which runtimes are here, and can hold preparations up.
#[derive(Default)]
pub(super) struct Machine {
    lacks: AtomicBool,
    held: Mutex<bool>,
    released: Condvar,
}

impl Machine {
    /// Whether runtimes are missing from now on.
    pub(super) fn lacks_runtimes(&self, lacks: bool) {
        self.lacks.store(lacks, Ordering::SeqCst);
    }

    /// No preparation ends until [`Machine::release`].
    pub(super) fn hold(&self) {
        *self.held.lock().unwrap() = true;
    }

    pub(super) fn release(&self) {
        *self.held.lock().unwrap() = false;
        self.released.notify_all();
    }
}

impl Runtime for Machine {
    fn check(&self, runtime: RuntimeName) -> Result<(), Unavailable> {
        let held = self.held.lock().unwrap();
        drop(self.released.wait_while(held, |held| *held).unwrap());
        if self.lacks.load(Ordering::SeqCst) {
            let (missing, hint) = ("no interpreter".to_owned(), "Install one.".to_owned());
            return Err(Unavailable { runtime, missing, hint });
        }
        Ok(())
    }

    fn start(&self, _spec: InstanceSpec) -> Boxed<'_, Result<Arc<dyn Instance>, StartError>> {
        Box::pin(async { Err(StartError::Platform("this machine starts nothing".to_owned())) })
    }
}

/// A clock that moves a second each time it is read.
#[derive(Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000 + self.0.fetch_add(1000, Ordering::SeqCst))
    }
}

/// A catalog on a folder of its own.
pub(super) struct Fixture {
    folder: TempDir,
    pub(super) machine: Arc<Machine>,
    pub(super) catalog: Catalog,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let machine = Arc::new(Machine::default());
        let catalog = open(&folder, machine.clone()).await;
        Self { folder, machine, catalog }
    }

    /// The same folder, read again as after a crash: nothing of the old catalog is closed in order.
    pub(super) async fn reopened(self) -> Self {
        let Self { folder, machine, catalog } = self;
        catalog.inner.preparations.close().await;
        catalog.inner.store.close().await;
        drop(catalog);
        let catalog = open(&folder, machine.clone()).await;
        Self { folder, machine, catalog }
    }

    /// Makes a function and waits until it is ready.
    pub(super) async fn function(&self, name: &str) -> Arc<Function> {
        let (function, _) = self.catalog.create(new_function(name)).await.unwrap();
        self.catalog.ready(&function.latest).await.unwrap();
        self.get(name)
    }

    /// Makes a function with version 1.
    pub(super) async fn published(&self, name: &str) -> Arc<FunctionVersion> {
        self.function(name).await;
        self.publish(name).await
    }

    pub(super) async fn publish(&self, name: &str) -> Arc<FunctionVersion> {
        let target = self.at(name);
        self.catalog.publish_version(&target, &Publish::default()).await.unwrap().1
    }

    /// Changes the description of a function, so that there is something to publish.
    pub(super) async fn touch(&self, name: &str, description: &str) -> Arc<FunctionVersion> {
        let input = SettingsInput { description: Some(description.to_owned()), ..SettingsInput::default() };
        let (_, latest) = self.catalog.update_settings(&self.at(name), &input, None).await.unwrap();
        self.catalog.ready(&latest).await.unwrap()
    }

    pub(super) fn at(&self, reference: &str) -> Target {
        self.catalog.locate(reference, None).unwrap()
    }

    pub(super) fn get(&self, name: &str) -> Arc<Function> {
        self.catalog.function(&self.at(name).name).unwrap()
    }
}

async fn open(folder: &TempDir, machine: Arc<Machine>) -> Catalog {
    let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
    Catalog::open(CatalogConfig {
        store: Store::open(&config).await.unwrap(),
        clock: Arc::new(Ticking::default()),
        account: AccountId::parse("000000000000").unwrap(),
        region: Region::parse("us-east-1").unwrap(),
        runtime: machine,
    })
    .await
    .unwrap()
}

/// A zip of these files.
pub(super) fn zip(files: &[(&str, &str)]) -> Bytes {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, content) in files {
        writer.start_file(*path, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    Bytes::from(writer.finish().unwrap().into_inner())
}

pub(super) fn code(content: &str) -> Option<CodeSource> {
    Some(CodeSource::Zip(zip(&[("app.py", content)])))
}

pub(super) fn input() -> SettingsInput {
    SettingsInput {
        runtime: Some("python3.11".to_owned()),
        handler: Some("app.handler".to_owned()),
        role: Some(ROLE.to_owned()),
        ..SettingsInput::default()
    }
}

pub(super) fn new_function(name: &str) -> NewFunction {
    NewFunction {
        name: name.to_owned(),
        settings: input(),
        code: code("one"),
        package_type: None,
        tags: BTreeMap::new(),
        publish: false,
        app: None,
    }
}

/// The text of an error, with the name of its kind.
pub(super) fn shown<T>(result: Result<T, CatalogError>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            let debug = format!("{error:?}");
            let kind = debug.split(['(', ' ']).next().unwrap_or_default().to_owned();
            format!("{kind}: {error}")
        }
    }
}
