//! Deploys against a real catalog and store.

use std::io::Write as _;
use std::path::Path;

use ebb_invoker::catalog::CatalogConfig;
use ebb_invoker::testing::FakeRuntime;
use ebb_model::{AccountId, Region, SystemClock};
use ebb_store::{Expect, StoreConfig};
use tempfile::TempDir;

use super::*;
use crate::plan::PlannedFunction;

async fn open(data: &Path) -> Apps {
    let store = StoreConfig { data: data.to_owned(), database: None, blobs: None };
    let store = Store::open(&store).await.unwrap();
    let catalog = Catalog::open(CatalogConfig {
        store: store.clone(),
        clock: Arc::new(SystemClock),
        account: AccountId::parse("000000000000").unwrap(),
        region: Region::parse("us-east-1").unwrap(),
        runtime: FakeRuntime::new(),
    })
    .await
    .unwrap();
    let preferred = Box::new(|| {
        vec![RuntimeName::parse("nodejs20.x").unwrap(), RuntimeName::parse("python3.11").unwrap()]
    });
    let domain = "localhost".to_owned();
    Apps::open(AppsConfig { catalog, store, clock: Arc::new(SystemClock), domain, port: 8440, preferred })
        .await
        .unwrap()
}

async fn fresh() -> (TempDir, Apps) {
    let data = tempfile::tempdir().unwrap();
    let apps = open(data.path()).await;
    (data, apps)
}

/// Ends everything, so that the data folder can be opened again.
async fn close(apps: Apps) {
    apps.inner.catalog.close().await;
    apps.inner.store.close().await;
}

fn zip_of(content: &str) -> Bytes {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("index.mjs", zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(content.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner().into()
}

/// An app with these functions: name, content, route.
fn plan(app: &str, functions: &[(&str, &str, &str)]) -> (Plan, Vec<Bytes>) {
    let planned = |(name, content, route): &(&str, &str, &str)| PlannedFunction {
        name: (*name).to_owned(),
        runtime: "nodejs".to_owned(),
        handler: "index.handler".to_owned(),
        memory: 128,
        timeout: 3,
        environment: BTreeMap::new(),
        routes: vec![route.parse().unwrap()],
        stream: false,
        package: Digest::of(&zip_of(content)),
    };
    let functions: Vec<_> = functions.to_vec();
    let packages = functions.iter().map(|(_, content, _)| zip_of(content)).collect();
    (
        Plan { app: app.to_owned(), functions: functions.iter().map(planned).collect(), ignored: vec![] },
        packages,
    )
}

async fn deploy(apps: &Apps, (plan, packages): (Plan, Vec<Bytes>)) -> Result<Vec<String>, AppError> {
    let deployment = apps.deploy(plan, packages, false).await?;
    Ok(deployment.steps.iter().map(shown).collect())
}

fn shown(step: &Step) -> String {
    let kind = serde_json::to_value(step.kind).unwrap();
    let changed = step.changed.join(" ");
    format!("{} {} {changed}", kind.as_str().unwrap(), step.function).trim_end().to_owned()
}

fn functions(apps: &Apps) -> Vec<String> {
    let mut names: Vec<_> =
        apps.inner.catalog.snapshot().functions.iter().map(|(name, _)| name.to_string()).collect();
    names.sort();
    names
}

fn to(function: &str, matched: &str) -> Target {
    let function = FunctionName::parse(function).unwrap();
    Target::Function { function, matched: matched.to_owned(), stream: false }
}

#[tokio::test]
async fn a_deploy_makes_changes_keeps_and_deletes() {
    let (_data, apps) = fresh().await;
    let first = plan("shop", &[("web", "1", "/web/*"), ("api", "1", "/api/*")]);
    assert_eq!(deploy(&apps, first.clone()).await.unwrap(), ["create shop-web", "create shop-api"]);
    assert_eq!(apps.route("shop", "GET", "/api/x"), to("shop-api", "/api"));
    assert_eq!(
        (apps.route("shop", "GET", "/"), apps.route("other", "GET", "/")),
        (Target::NoRoute, Target::NoApp)
    );
    assert_eq!(deploy(&apps, first).await.unwrap(), ["keep shop-web", "keep shop-api"]);
    let mut second = plan("shop", &[("web", "2", "/web/*"), ("job", "1", "/job")]);
    second.0.functions[0].memory = 256;
    assert_eq!(
        deploy(&apps, second).await.unwrap(),
        ["update shop-web code memory", "create shop-job", "delete shop-api"]
    );
    assert_eq!(functions(&apps), ["shop-job", "shop-web"]);
    let web = apps.inner.catalog.function(&FunctionName::parse("shop-web").unwrap()).unwrap();
    assert_eq!(web.latest.settings.runtime.as_str(), "nodejs20.x");
    assert_eq!((web.latest.settings.memory_mib, web.latest.code.digest), (256, Digest::of(&zip_of("2"))));
    let shop = apps.get("shop").unwrap();
    assert_eq!((shop.generation, shop.urls[0].url.as_str()), (3, "http://shop.localhost:8440/web/"));
}

#[tokio::test]
async fn one_function_has_the_name_of_its_app() {
    let (_data, apps) = fresh().await;
    assert_eq!(deploy(&apps, plan("solo", &[("", "1", "/*")])).await.unwrap(), ["create solo"]);
    assert_eq!(apps.route("solo", "GET", "/any"), to("solo", ""));
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let (_data, apps) = fresh().await;
    let (plan, _) = plan("dry", &[("", "1", "/*")]);
    let deployment = apps.deploy(plan, vec![], true).await.unwrap();
    assert!(deployment.dry_run && deployment.steps[0].kind == StepKind::Create);
    assert!(functions(&apps).is_empty() && apps.list().is_empty());
}

#[tokio::test]
async fn a_deploy_that_fails_leaves_everything_as_it_was() {
    let (data, apps) = fresh().await;
    deploy(&apps, plan("shop", &[("web", "1", "/web"), ("api", "1", "/api")])).await.unwrap();
    for (name, broken) in [("memory", 5_u32), ("timeout", 0)] {
        let mut bad = plan("shop", &[("web", "2", "/"), ("new", "1", "/new"), ("bad", "1", "/bad")]);
        match name {
            "memory" => bad.0.functions[2].memory = broken,
            _ => bad.0.functions[2].timeout = broken,
        }
        let said = deploy(&apps, bad).await.unwrap_err().to_string();
        assert!(said.contains("shop-bad"), "{said}");
    }
    let check = |apps: &Apps| {
        assert_eq!(functions(apps), ["shop-api", "shop-web"]);
        let web = apps.inner.catalog.function(&FunctionName::parse("shop-web").unwrap()).unwrap();
        assert_eq!(web.latest.code.digest, Digest::of(&zip_of("1")));
        assert_eq!(apps.route("shop", "GET", "/web"), to("shop-web", "/web"));
        assert_eq!(apps.route("shop", "GET", "/new"), Target::NoRoute);
        assert_eq!(apps.get("shop").unwrap().generation, 1);
    };
    check(&apps);
    let mut bad = plan("fresh", &[("", "1", "/*")]);
    bad.0.functions[0].runtime = "cobol85".to_owned();
    assert!(deploy(&apps, bad).await.unwrap_err().to_string().contains("cobol85"));
    assert!(matches!(apps.get("fresh"), Err(AppError::NotFound(_))));
    close(apps).await;
    check(&open(data.path()).await);
}

#[tokio::test]
async fn functions_of_others_are_not_touched() {
    let (_data, apps) = fresh().await;
    deploy(&apps, plan("a", &[("b", "1", "/b"), ("c", "1", "/c")])).await.unwrap();
    let said = deploy(&apps, plan("a-b", &[("", "2", "/*")])).await.unwrap_err().to_string();
    assert!(said.contains("a-b exists already"), "{said}");
}

#[tokio::test]
async fn a_package_that_was_never_sent_is_missed() {
    let (_data, apps) = fresh().await;
    let (plan, packages) = plan("app", &[("", "1", "/*")]);
    let digests = [Digest::of(&packages[0])];
    assert_eq!(apps.missing(&digests).await.unwrap(), digests);
    assert!(matches!(deploy(&apps, (plan.clone(), vec![])).await, Err(AppError::PackageMissing(_))));
    deploy(&apps, (plan.clone(), packages)).await.unwrap();
    assert!(apps.missing(&digests).await.unwrap().is_empty());
    assert_eq!(deploy(&apps, (plan, vec![])).await.unwrap(), ["keep app"]);
}

#[tokio::test]
async fn a_removed_app_is_gone_with_its_functions() {
    let (data, apps) = fresh().await;
    deploy(&apps, plan("app", &[("", "1", "/*")])).await.unwrap();
    apps.remove("app").await.unwrap();
    assert!(functions(&apps).is_empty());
    assert_eq!(apps.route("app", "GET", "/"), Target::NoApp);
    assert!(matches!(apps.remove("app").await, Err(AppError::NotFound(_))));
    close(apps).await;
    assert!(open(data.path()).await.list().is_empty());
}

#[tokio::test]
async fn a_deploy_that_a_crash_cut_off_is_taken_up() {
    let (data, apps) = fresh().await;
    deploy(&apps, plan("app", &[("old", "1", "/old"), ("web", "1", "/web")])).await.unwrap();
    // As it is after the pending plan was written, and its first function changed.
    let (mut next, packages) = plan("app", &[("web", "2", "/web"), ("new", "1", "/new")]);
    for zip in packages {
        apps.inner.store.blobs().put(zip).await.unwrap();
    }
    apps.settle_runtimes(&mut next).await.unwrap();
    let live = apps.inner.live.load_full();
    let mut record = live["app"].record.clone();
    record.pending = Some(next);
    record::save(&apps.inner.store, "app", &record, Expect::Revision(live["app"].revision)).await.unwrap();
    close(apps).await;
    let apps = open(data.path()).await;
    assert_eq!(functions(&apps), ["app-new", "app-web"]);
    assert_eq!(apps.route("app", "GET", "/new"), to("app-new", "/new"));
    assert_eq!(apps.get("app").unwrap().generation, 2);
}
