//! Deploys against a real catalog and store.

use std::io::Write as _;
use std::path::Path;

use ebb_invoker::catalog::CatalogConfig;
use ebb_invoker::testing::FakeRuntime;
use ebb_model::{AccountId, Region, SystemClock};
use ebb_sources::schedule::SchedulerParts;
use ebb_store::{Expect, StoreConfig};
use tempfile::TempDir;

use super::*;
use crate::plan::{PlannedFunction, PlannedSchedule, PlannedTrigger, TriggerSource};

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
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (account, region) = (catalog.account().clone(), catalog.region().clone());
    let scheduler =
        Scheduler::open(SchedulerParts { store: store.clone(), clock: clock.clone(), account, region });
    let scheduler = scheduler.await.unwrap();
    let domain = "localhost".to_owned();
    let stacks = crate::stack::testing::stacks(&store, &catalog, scheduler.clone()).await;
    let config = AppsConfig { catalog, store, scheduler, stacks, clock, domain, port: 8440, preferred };
    Apps::open(config).await.unwrap()
}

async fn fresh() -> (TempDir, Apps) {
    let data = tempfile::tempdir().unwrap();
    let apps = open(data.path()).await;
    (data, apps)
}

/// Ends everything, so that the data folder can be opened again.
async fn close(apps: Apps) {
    apps.inner.scheduler.stop().await;
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
        background: false,
        before_files: false,
        except: Vec::new(),
        rate_limit: None,
        front: Vec::new(),
        server: None,
        instance_concurrency: 1,
        inspect: None,
        package: Digest::of(&zip_of(content)),
    };
    let functions: Vec<_> = functions.to_vec();
    let packages = functions.iter().map(|(_, content, _)| zip_of(content)).collect();
    (Plan { functions: functions.iter().map(planned).collect(), ..Plan::new(app) }, packages)
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

/// Where a GET of an app goes: the function and the part of the path that its route matched.
fn route(apps: &Apps, app: &str, path: &str) -> String {
    let header = |_: &str| None;
    let request =
        EdgeRequest { method: "GET", path, query: "", host: "app.localhost", header: &header, inside: false };
    match apps.route(app, &request).map(|target| target.to) {
        None => "no app".to_owned(),
        Some(Destination::Nowhere) => "no route".to_owned(),
        Some(Destination::Function(to)) => format!("{} {}", to.function, to.matched),
        Some(other) => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_deploy_makes_changes_keeps_and_deletes() {
    let (_data, apps) = fresh().await;
    let first = plan("shop", &[("web", "1", "/web/*"), ("api", "1", "/api/*")]);
    assert_eq!(deploy(&apps, first.clone()).await.unwrap(), ["create shop-web", "create shop-api"]);
    assert_eq!(route(&apps, "shop", "/api/x"), "shop-api /api");
    assert_eq!((route(&apps, "shop", "/"), route(&apps, "other", "/")), ("no route".into(), "no app".into()));
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
    assert_eq!(route(&apps, "solo", "/any"), "solo ");
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
        assert_eq!(route(apps, "shop", "/web"), "shop-web /web");
        assert_eq!(route(apps, "shop", "/new"), "no route");
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
    assert_eq!(route(&apps, "app", "/"), "no app");
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
    assert_eq!(route(&apps, "app", "/new"), "app-new /new");
    assert_eq!(apps.get("app").unwrap().generation, 2);
}

fn schedules(apps: &Apps) -> Vec<String> {
    apps.inner.scheduler.schedules().iter().map(|one| format!("{} {}", one.group, one.expression)).collect()
}

#[tokio::test]
async fn files_and_schedules_come_and_go_with_the_app() {
    let (_data, apps) = fresh().await;
    let (mut first, mut packages) = plan("site", &[("f", "1", "/f")]);
    let page = Bytes::from_static(b"<h1>page</h1>");
    first.files.insert("index.html".to_owned(), Digest::of(&page));
    let schedule = |expression: &str| PlannedSchedule {
        function: "f".to_owned(),
        expression: expression.to_owned(),
        input: "{}".to_owned(),
    };
    first.schedules = vec![schedule("rate(1 hour)"), schedule("cron(0 5 * * ? *)")];
    assert!(deploy(&apps, (first.clone(), packages.clone())).await.is_err(), "the file was not sent");
    assert_eq!(schedules(&apps), Vec::<String>::new());
    packages.push(page.clone());
    deploy(&apps, (first.clone(), packages.clone())).await.unwrap();
    assert!(route(&apps, "site", "/").contains("index.html"));
    assert_eq!(apps.file(Digest::of(&page)).await.unwrap(), Some(page));
    assert_eq!(schedules(&apps), ["ebb-app-site rate(1 hour)", "ebb-app-site cron(0 5 * * ? *)"]);

    let mut second = first.clone();
    second.schedules = vec![schedule("rate(2 hours)")];
    second.files.clear();
    deploy(&apps, (second, packages.clone())).await.unwrap();
    assert_eq!(schedules(&apps), ["ebb-app-site rate(2 hours)"]);
    assert_eq!(route(&apps, "site", "/"), "no route");

    let mut broken = first;
    broken.schedules = vec![schedule("every day")];
    let said = deploy(&apps, (broken, packages)).await.unwrap_err().to_string();
    assert!(said.contains("\"every day\"") && said.contains("\"f\""), "{said}");
    assert_eq!(schedules(&apps), ["ebb-app-site rate(2 hours)"]);
    apps.remove("site").await.unwrap();
    assert_eq!(schedules(&apps), Vec::<String>::new());
}

/// What there is of the services that triggers need, and what leads to functions.
fn connected(apps: &Apps) -> Vec<String> {
    let services = apps.inner.stacks.services();
    let mut all: Vec<String> = services.queues.list("").iter().map(|queue| queue.name.clone()).collect();
    all.extend(services.topics.topics().iter().map(|topic| topic.name.clone()));
    for bucket in services.buckets.buckets() {
        all.push(format!("{} {}", bucket.name, bucket.notifications.len()));
    }
    all.extend(services.mappings.list(None, None).unwrap().iter().map(|one| {
        let short = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
        format!("{} to {}", short(&one.source_arn), short(&one.function_arn))
    }));
    all.extend(services.buses.rules("default", "").iter().map(|rule| rule.name.clone()));
    all.sort();
    all
}

#[tokio::test]
async fn triggers_come_and_go_with_the_app() {
    let (_data, apps) = fresh().await;
    let (mut first, packages) = plan("shop", &[("f", "1", "/f")]);
    let trigger = |on: TriggerSource| PlannedTrigger { function: "f".to_owned(), on };
    let queue = |name: &str| TriggerSource::Queue {
        name: name.to_owned(),
        batch: 10,
        reports_failures: true,
        attempts: Some(5),
        dead_letter: Some(format!("{name}-poison")),
        window: None,
        at_once: None,
    };
    let bucket = TriggerSource::Bucket {
        name: "uploads".to_owned(),
        events: vec!["s3:ObjectCreated:*".to_owned()],
        prefix: "in/".to_owned(),
        suffix: String::new(),
    };
    let topic = TriggerSource::Topic { name: "orders".to_owned() };
    let bus = TriggerSource::Bus { pattern: r#"{"source":["shop"]}"#.to_owned() };
    first.triggers = [queue("jobs"), bucket.clone(), topic, bus].into_iter().map(trigger).collect();
    deploy(&apps, (first.clone(), packages.clone())).await.unwrap();
    let all = ["ebb-app-shop-f", "jobs", "jobs to shop-f", "jobs-poison", "orders", "uploads 1"];
    assert_eq!(connected(&apps), all);
    deploy(&apps, (first.clone(), packages.clone())).await.unwrap();
    assert_eq!(connected(&apps), all, "nothing is made twice");

    let mut broken = first.clone();
    broken.triggers.push(trigger(queue("no name for a queue")));
    let said = deploy(&apps, (broken, packages.clone())).await.unwrap_err().to_string();
    assert!(said.contains("no name for a queue"), "{said}");
    assert_eq!(connected(&apps), all, "a deploy that fails changes nothing");

    let mut second = first;
    second.triggers = vec![trigger(bucket)];
    deploy(&apps, (second, packages)).await.unwrap();
    assert!(!connected(&apps).contains(&"ebb-app-shop-f".to_owned()), "its rule is gone");
    apps.remove("shop").await.unwrap();
    // A mapping ends with the events that it started.
    while !connected(&apps).is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_first_deploy_that_fails_leaves_nothing() {
    let (_data, apps) = fresh().await;
    let (mut plan, packages) = plan("shop", &[("f", "1", "/f")]);
    for name in ["orders", "no name for a topic"] {
        let on = TriggerSource::Topic { name: name.to_owned() };
        plan.triggers.push(PlannedTrigger { function: "f".to_owned(), on });
    }
    assert!(deploy(&apps, (plan, packages)).await.is_err());
    assert_eq!(connected(&apps), Vec::<String>::new());
    assert!(functions(&apps).is_empty());
}
