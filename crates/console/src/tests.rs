//! The API in front of a real catalog, invoker and store; apps are a fake.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ebb_invoker::catalog::{Catalog, CatalogConfig, CodeSource, NewFunction, SettingsInput};
use ebb_invoker::testing::{FakeCarrier, FakeRuntime, FixedCredentials};
use ebb_invoker::{Boxed, Delivery, Invoker, InvokerConfig, InvokerParts};
use ebb_model::{AccountId, FunctionName, FunctionReference, Invocation, Region, SystemClock, Trigger};
use ebb_store::{Store, StoreConfig};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ports::{AppPort, AppPortError, LogPatterns, MessageTest, RuntimePort};
use crate::service::{Console, ConsoleParts};
use crate::upload::Upload;

/// Keeps what it is told.
#[derive(Default)]
struct FakeApps(Mutex<BTreeMap<String, Value>>);

impl AppPort for FakeApps {
    fn list(&self) -> Result<Bytes, AppPortError> {
        Ok(json!(self.0.lock().unwrap().keys().collect::<Vec<_>>()).to_string().into())
    }

    fn get(&self, name: &str) -> Result<Bytes, AppPortError> {
        let found = self.0.lock().unwrap().get(name).cloned();
        found
            .map(|app| app.to_string().into())
            .ok_or_else(|| AppPortError::NotFound(format!("no app {name}")))
    }

    fn deploy(
        &self,
        name: String,
        plan: Bytes,
        packages: Vec<Bytes>,
        dry_run: bool,
    ) -> Boxed<'_, Result<Bytes, AppPortError>> {
        Box::pin(async move {
            match &plan[..] {
                b"bad" => return Err(AppPortError::Invalid("bad plan".into())),
                b"taken" => return Err(AppPortError::Conflict("taken".into())),
                b"broken" => return Err(AppPortError::Internal("secret detail".into())),
                _ => {}
            }
            let app = json!({ "packages": packages.len(), "dry_run": dry_run });
            if !dry_run {
                self.0.lock().unwrap().insert(name, app.clone());
            }
            Ok(app.to_string().into())
        })
    }

    fn remove(&self, name: String) -> Boxed<'_, Result<Bytes, AppPortError>> {
        Box::pin(async move {
            let app = self.get(&name)?;
            self.0.lock().unwrap().remove(&name);
            Ok(app)
        })
    }

    fn missing(&self, digests: Bytes) -> Boxed<'_, Result<Bytes, AppPortError>> {
        Box::pin(async move { Ok(digests) })
    }
}

struct FakeRuntimes;

impl RuntimePort for FakeRuntimes {
    fn stock_use(&self) -> (u64, u64) {
        (3, 1)
    }

    fn installed(&self) -> Vec<String> {
        vec!["python-sdk".to_owned()]
    }

    fn add(&self, name: String) -> Boxed<'_, Result<(), AppPortError>> {
        Box::pin(async move {
            if name == "workerd" {
                Ok(())
            } else {
                Err(AppPortError::NotFound(format!("there is no {name} to add")))
            }
        })
    }
}

/// A pattern is a word that must be in the message.
struct Words;

impl LogPatterns for Words {
    fn compile(&self, pattern: &str) -> Result<MessageTest, String> {
        let word = pattern.to_owned();
        if word == "{" {
            Err("not a pattern".into())
        } else {
            Ok(Box::new(move |message| message.contains(&word)))
        }
    }
}

struct Fixture {
    _data: TempDir,
    invoker: Invoker,
    console: Console,
}

impl Fixture {
    async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = StoreConfig { data: data.path().to_owned(), database: None, blobs: None };
        let store = Store::open(&store).await.unwrap();
        let (runtime, clock) = (FakeRuntime::new(), Arc::new(SystemClock));
        let region = Region::parse("us-east-1").unwrap();
        let catalog = Catalog::open(CatalogConfig {
            store: store.clone(),
            clock: clock.clone(),
            account: AccountId::parse("000000000000").unwrap(),
            region: region.clone(),
            runtime: runtime.clone(),
        })
        .await
        .unwrap();
        let invoker = Invoker::new(InvokerParts {
            config: InvokerConfig::default(),
            store: store.clone(),
            catalog,
            runtime,
            credentials: Arc::new(FixedCredentials),
            clock,
            results: Arc::new(FakeCarrier),
        });
        let console = Console::new(ConsoleParts {
            invoker: invoker.clone(),
            store,
            apps: Arc::new(FakeApps::default()),
            runtimes: Arc::new(FakeRuntimes),
            patterns: Arc::new(Words),
            region,
            domain: "localhost".to_owned(),
            port: 8440,
        });
        Self { _data: data, invoker, console }
    }

    async fn send(&self, method: &str, path: &str, body: impl Into<Bytes>) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
        let response = self.console.handle(request).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path, "").await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn check(&self, method: &str, path: &str, body: &str, expected: u16, words: &str) {
        let (status, body) = self.send(method, path, body.to_owned()).await;
        assert_eq!(status.as_u16(), expected, "{method} {path}: {body}");
        assert!(body.contains(words), "{method} {path}: {body}");
    }

    async fn create(&self, name: &str, app: Option<&str>) {
        let mut zip = zip_writer();
        zip.0.write_all(b"x").unwrap();
        let settings = SettingsInput {
            runtime: Some("nodejs20.x".into()),
            handler: Some("index.handler".into()),
            role: Some("arn:aws:iam::000000000000:role/r".into()),
            ..SettingsInput::default()
        };
        let new = NewFunction {
            name: name.into(),
            settings,
            code: Some(CodeSource::Zip(zip.finish())),
            package_type: None,
            tags: BTreeMap::new(),
            publish: false,
            app: app.map(Into::into),
        };
        Box::pin(self.invoker.catalog().create(new)).await.unwrap();
    }

    async fn invoke(&self, name: &str, log: &str) {
        let function = FunctionReference::named(FunctionName::parse(name).unwrap());
        let payload = json!({ "log": log }).to_string();
        let invocation = Invocation::new(function, payload.into(), Trigger::Direct);
        self.invoker.invoke(invocation, Delivery::Whole).await.unwrap();
    }
}

struct Zip(zip::ZipWriter<std::io::Cursor<Vec<u8>>>);

fn zip_writer() -> Zip {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("index.mjs", zip::write::SimpleFileOptions::default()).unwrap();
    Zip(writer)
}

impl Zip {
    fn finish(self) -> Bytes {
        self.0.finish().unwrap().into_inner().into()
    }
}

#[tokio::test]
async fn health_says_what_clients_need() {
    let fixture = Fixture::new().await;
    let health = fixture.get("/_ebb/health").await;
    assert_eq!((&health["status"], &health["region"]), (&json!("ok"), &json!("us-east-1")));
}

#[tokio::test]
async fn apps_go_through_the_port() {
    let fixture = Fixture::new().await;
    let upload = |plan: &'static str| {
        let packages = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        Upload { plan: Bytes::from_static(plan.as_bytes()), packages }.encode().unwrap()
    };
    let (status, body) = fixture.send("PUT", "/_ebb/v1/apps/shop?dry_run=true", upload("{}")).await;
    assert!(status == 200 && body.contains("\"dry_run\":true"), "{body}");
    fixture.check("GET", "/_ebb/v1/apps/shop", "", 404, "no app shop").await;
    assert_eq!(fixture.send("PUT", "/_ebb/v1/apps/shop", upload("{}")).await.0, 200);
    fixture.check("GET", "/_ebb/v1/apps", "", 200, "[\"shop\"]").await;
    assert_eq!(fixture.get("/_ebb/v1/apps/shop").await["packages"], 2);
    fixture.check("POST", "/_ebb/v1/packages", "[1]", 200, "[1]").await;
    fixture.check("DELETE", "/_ebb/v1/apps/shop", "", 200, "packages").await;
    fixture.check("DELETE", "/_ebb/v1/apps/shop", "", 404, "no app shop").await;
    for (plan, expected, words) in
        [("bad", 400, "bad plan"), ("taken", 409, "taken"), ("broken", 500, "its log")]
    {
        let (status, body) = fixture.send("PUT", "/_ebb/v1/apps/x", upload(plan)).await;
        assert_eq!(status.as_u16(), expected, "{body}");
        assert!(body.contains(words) && !body.contains("secret"), "{body}");
    }
    fixture.check("PUT", "/_ebb/v1/apps/x", "torn", 400, "ends in the middle").await;
    fixture.check("GET", "/_ebb/v1/runtimes", "", 200, "python-sdk").await;
    fixture.check("POST", "/_ebb/v1/runtimes/workerd", "", 200, "python-sdk").await;
    fixture.check("POST", "/_ebb/v1/runtimes/perl", "", 404, "there is no perl to add").await;
    fixture.check("PUT", "/_ebb/v1/apps/x?dry_run=maybe", "", 400, "maybe").await;
}

#[tokio::test]
async fn functions_and_metrics_show_what_was_used() {
    let fixture = Fixture::new().await;
    fixture.create("f-one", Some("app")).await;
    fixture.create("f-two", None).await;
    fixture.invoke("f-two", "x").await;
    let functions = fixture.get("/_ebb/v1/functions").await;
    let names: Vec<_> = functions.as_array().unwrap().iter().map(|f| f["name"].clone()).collect();
    assert_eq!(names, ["f-one", "f-two"]);
    assert_eq!((&functions[0]["app"], &functions[1]["usage"]["invocations"]), (&json!("app"), &json!(1)));
    assert_eq!(fixture.get("/_ebb/v1/functions/f-two").await["runtime"], "nodejs20.x");
    fixture.check("GET", "/_ebb/v1/functions/nope", "", 404, "nope").await;
    fixture
        .check("GET", "/_ebb/metrics", "", 200, "ebb_function_invocations_total{function=\"f-two\"} 1")
        .await;
    fixture.check("GET", "/_ebb/metrics", "", 200, "ebb_functions 2").await;
    fixture.check("GET", "/_ebb/metrics", "", 200, "ebb_stock_hits_total 3").await;
    for line in ["ebb_async_events{state=\"ready\"} 0", "ebb_async_event_oldest_age_seconds 0"] {
        fixture.check("GET", "/_ebb/metrics", "", 200, line).await;
    }
}

#[tokio::test]
async fn logs_are_read_by_function_by_app_and_all() {
    let fixture = Fixture::new().await;
    for (name, app) in [("a-one", Some("a")), ("a-two", Some("a")), ("other", None)] {
        fixture.create(name, app).await;
        if name != "a-two" {
            fixture.invoke(name, &format!("said by {name}")).await;
        }
    }
    let said = async |path: &str| -> Vec<String> {
        let page = fixture.get(path).await;
        let events = page["events"].as_array().unwrap();
        let mut said: Vec<String> = events
            .iter()
            .map(|event| event["message"].as_str().unwrap().to_owned())
            .filter(|message| message.starts_with("said by"))
            .collect();
        said.sort();
        said
    };
    assert_eq!(said("/_ebb/v1/logs?name=a-one").await, ["said by a-one"]);
    assert_eq!(said("/_ebb/v1/logs?name=a").await, ["said by a-one"]);
    assert_eq!(said("/_ebb/v1/logs?since=0").await, ["said by a-one", "said by other"]);
    assert_eq!(said("/_ebb/v1/logs?filter=other").await, ["said by other"]);
    assert!(said("/_ebb/v1/logs?since=99999999999999").await.is_empty());
    let page = fixture.get("/_ebb/v1/logs?limit=1").await;
    assert_eq!((page["events"].as_array().unwrap().len(), &page["more"]), (1, &json!(true)));
    fixture.check("GET", "/_ebb/v1/logs?name=nope", "", 404, "no function or app named nope").await;
    fixture.check("GET", "/_ebb/v1/logs?since=soon", "", 400, "soon").await;
    fixture.check("GET", "/_ebb/v1/logs?filter=%7B", "", 400, "not a pattern").await;
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let fixture = Fixture::new().await;
    fixture.check("GET", "/_ebb/console/", "", 501, "not built yet").await;
    fixture.check("GET", "/_ebb/v2/x", "", 404, "/_ebb/v2/x").await;
    fixture.check("POST", "/_ebb/health", "", 405, "POST").await;
    fixture.check("PATCH", "/_ebb/v1/apps/x", "", 405, "PATCH").await;
}
