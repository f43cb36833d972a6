//! Stores for tests: SQLite always, PostgreSQL too where `EBB_TEST_POSTGRES_URL` names a server.

use std::ops::Deref;
use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ebb_model::{Clock, Timestamp};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::{Store, StoreConfig};

/// A future of any kind.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    /// A clock that stands at this time, in milliseconds since the epoch.
    pub(crate) fn at(millis: i64) -> Self {
        Self(AtomicI64::new(millis))
    }

    /// Moves it on, in milliseconds.
    pub(crate) fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// An empty store with a data folder of its own.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) config: StoreConfig,
    _folder: tempfile::TempDir,
}

impl Deref for TestStore {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

impl TestStore {
    async fn open(database: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_000_000)));
        let config = StoreConfig { data: folder.path().join("data"), database, blobs: None };
        let store = Store::open_with_clock(&config, Arc::<TestClock>::clone(&clock)).await.unwrap();
        Self { store, clock, config, _folder: folder }
    }

    /// A store on SQLite.
    pub(crate) async fn sqlite() -> Self {
        Self::open(None).await
    }

    /// What a new process would find in the database, through a copy of the data folder: this store still holds its own.
    pub(crate) async fn reopened(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig { data: folder.path().join("data"), ..self.config.clone() };
        std::fs::create_dir(&config.data).unwrap();
        for name in ["ebb.db", "ebb.db-wal"].map(|name| self.config.data.join(name)) {
            if name.exists() {
                std::fs::copy(&name, config.data.join(name.file_name().unwrap())).unwrap();
            }
        }
        let clock = Arc::clone(&self.clock);
        let store = Store::open_with_clock(&config, Arc::<TestClock>::clone(&clock)).await.unwrap();
        Self { store, clock, config, _folder: folder }
    }
}

/// Runs a test on SQLite, and on PostgreSQL in a schema of its own.
pub(crate) async fn each_database(test: impl AsyncFn(&TestStore)) {
    let store = TestStore::sqlite().await;
    test(&store).await;
    store.close().await;
    in_schema(async |url| {
        let store = TestStore::open(Some(url)).await;
        test(&store).await;
        store.close().await;
    })
    .await;
}

/// Runs a test on two nodes that share a database; on PostgreSQL only.
pub(crate) async fn two_nodes(test: impl AsyncFn(&TestStore, &TestStore)) {
    in_schema(async |url| {
        let (one, two) = tokio::join!(TestStore::open(Some(url.clone())), TestStore::open(Some(url)));
        test(&one, &two).await;
        one.close().await;
        two.close().await;
    })
    .await;
}

/// Runs a test on PostgreSQL with a function that cuts all connections of its store, as a restart of the server would.
pub(crate) async fn with_unsteady_server(
    test: impl AsyncFn(&TestStore, &dyn Fn() -> BoxFuture<'static, ()>),
) {
    let Some(server) = server() else { return };
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    admin(&server, format!("CREATE DATABASE {name}")).await;
    let store = TestStore::open(Some(with_option(&server, &format!("dbname={name}")))).await;
    let cut = || -> BoxFuture<'static, ()> {
        let all =
            format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'");
        let server = server.clone();
        Box::pin(async move { admin(&server, all).await })
    };
    test(&store, &cut).await;
    store.close().await;
    admin(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

/// Gives the URL of an empty schema, where there is a server.
async fn in_schema(test: impl AsyncFn(String)) {
    let Some(server) = server() else { return };
    let schema = format!("test_{}", uuid::Uuid::new_v4().simple());
    admin(&server, format!("CREATE SCHEMA {schema}")).await;
    test(with_option(&server, &format!("options[search_path]={schema}"))).await;
    admin(&server, format!("DROP SCHEMA {schema} CASCADE")).await;
}

fn server() -> Option<String> {
    std::env::var("EBB_TEST_POSTGRES_URL").ok()
}

fn with_option(url: &str, option: &str) -> String {
    format!("{url}{}{option}", if url.contains('?') { '&' } else { '?' })
}

async fn admin(server: &str, sql: String) {
    let options = PgConnectOptions::from_str(server).unwrap();
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
