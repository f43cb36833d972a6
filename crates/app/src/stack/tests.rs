//! Stacks against real services.

use std::path::Path;
use std::sync::Arc;

use ebb_invoker::catalog::{Catalog, CatalogConfig};
use ebb_invoker::testing::FakeRuntime;
use ebb_model::{AccountId, Region, SystemClock};
use ebb_sources::schedule::SchedulerParts;
use ebb_store::{Store, StoreConfig};
use tempfile::TempDir;

use super::*;
use crate::apps::StepKind;

mod filters;
mod managed;

async fn open(data: &Path) -> Stacks {
    let store =
        Store::open(&StoreConfig { data: data.to_owned(), database: None, blobs: None }).await.unwrap();
    let catalog = Catalog::open(CatalogConfig {
        store: store.clone(),
        clock: Arc::new(SystemClock),
        account: AccountId::parse("000000000000").unwrap(),
        region: Region::parse("us-east-1").unwrap(),
        runtime: FakeRuntime::new(),
    })
    .await
    .unwrap();
    let scheduler = Scheduler::open(SchedulerParts {
        store: store.clone(),
        clock: Arc::new(SystemClock),
        account: catalog.account().clone(),
        region: catalog.region().clone(),
    });
    testing::stacks(&store, &catalog, scheduler.await.unwrap()).await
}

async fn fresh() -> (TempDir, Stacks) {
    let data = tempfile::tempdir().unwrap();
    let stacks = open(data.path()).await;
    (data, stacks)
}

fn input(template: &str) -> StackInput {
    StackInput { file: "template.yaml".into(), template: template.into(), ..StackInput::default() }
}

/// A queue, a function that it feeds, and what leads to the function.
const BASE: &str = "
Resources:
  Queue: {Type: 'AWS::SQS::Queue', Properties: {VisibilityTimeout: '40'}}
  Bus: {Type: 'AWS::Events::EventBus', Properties: {Name: orders}}
  Group: {Type: 'AWS::Logs::LogGroup', Properties: {RetentionInDays: 7}}
  Role: {Type: 'AWS::IAM::Role', Properties: {AssumeRolePolicyDocument: {Statement: []}}}
  Bucket: {Type: 'AWS::S3::Bucket', Properties: {VersioningConfiguration: {Status: Enabled}}}
  Worker:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Code: {ZipFile: 'def handler(e, c): pass'}
      Environment: {Variables: {QUEUE: !Ref Queue, N: 5}}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref Worker, EventSourceArn: !GetAtt Queue.Arn, BatchSize: 1}
  Url: {Type: 'AWS::Lambda::Url', Properties: {AuthType: NONE, TargetFunctionArn: !Ref Worker}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [shop]}
      Targets: [{Id: a, Arn: !GetAtt Worker.Arn}]
  Allowed:
    Type: AWS::Lambda::Permission
    Properties: {Action: 'lambda:InvokeFunction', FunctionName: !Ref Worker, Principal: events.amazonaws.com}
  Version: {Type: 'AWS::Lambda::Version', Properties: {FunctionName: !Ref Worker}}
  Alias:
    Type: AWS::Lambda::Alias
    Properties: {FunctionName: !Ref Worker, FunctionVersion: !GetAtt Version.Version, Name: live}
Outputs:
  Url: {Value: !Ref Queue, Export: {Name: queue-url}}
";

fn kept(stacks: &Stacks) -> (usize, usize, usize, usize) {
    let services = &stacks.inner.services;
    (
        services.catalog.snapshot().functions.len(),
        services.queues.list("").len(),
        services.buckets.buckets().len(),
        services.mappings.list(None, None).unwrap().len(),
    )
}

#[tokio::test]
async fn a_stack_is_made_changed_and_deleted() {
    let (_data, stacks) = fresh().await;
    let made = stacks.apply("shop", input(BASE), Some("shop")).await.unwrap();
    assert_eq!(made.status, "CREATE_COMPLETE");
    let worker = &made.resources["Worker"];
    assert!(worker.physical.starts_with("shop-Worker-"), "{}", worker.physical);
    let queue = &made.resources["Queue"];
    assert_eq!(made.outputs[0].value, queue.physical);
    assert!(queue.physical.starts_with("http://127.0.0.1:9440/000000000000/shop-Queue-"));
    let target = ebb_model::FunctionName::parse(&worker.physical).unwrap();
    let function = stacks.inner.services.catalog.function(&target).unwrap();
    assert_eq!(function.latest.settings.environment["QUEUE"], queue.physical);
    assert_eq!(function.latest.settings.environment["N"], "5");
    assert_eq!(function.latest.settings.role, made.resources["Role"].attributes["Arn"]);
    assert_eq!(made.resources["Version"].attributes["Version"], "1");
    assert_eq!(made.resources["Rule"].physical.split('|').next(), Some("orders"));
    assert_eq!(kept(&stacks), (1, 1, 1, 1));

    let steps = stacks.plan("shop", &input(BASE)).unwrap();
    assert!(steps.iter().all(|step| step.kind == StepKind::Keep), "{steps:?}");

    let changed = BASE
        .replace("VisibilityTimeout: '40'", "VisibilityTimeout: 50")
        .replace("Handler: index.handler", "Handler: index.handler\n      MemorySize: 256")
        .replace(
            "  Bucket: {Type: 'AWS::S3::Bucket', Properties: {VersioningConfiguration: {Status: Enabled}}}\n",
            "",
        );
    let steps = stacks.plan("shop", &input(&changed)).unwrap();
    let differing: Vec<_> =
        steps.iter().filter(|step| step.kind != StepKind::Keep).map(ResourceStep::shown).collect();
    assert_eq!(
        differing,
        ["Queue (AWS::SQS::Queue)", "Worker (AWS::Lambda::Function)", "Bucket (AWS::S3::Bucket)"]
    );
    let updated = stacks.apply("shop", input(&changed), Some("shop")).await.unwrap();
    assert_eq!(updated.status, "UPDATE_COMPLETE");
    assert_eq!(updated.resources["Worker"].physical, worker.physical);
    let function = stacks.inner.services.catalog.function(&target).unwrap();
    assert_eq!(function.latest.settings.memory_mib, 256);
    assert_eq!(kept(&stacks), (1, 1, 0, 1));

    stacks.delete("shop").await.unwrap();
    assert_eq!(kept(&stacks), (0, 0, 0, 0));
    assert!(matches!(stacks.get("shop"), Err(StackError::NotFound(_))));
}

#[tokio::test]
async fn a_change_that_fails_is_undone() {
    let (_data, stacks) = fresh().await;
    // The permission is made last, and has an action that no permission can have.
    let broken = |template: &str| template.replace("lambda:InvokeFunction", "sqs:Nope");
    let said = stacks.apply("shop", input(&broken(BASE)), None).await.unwrap_err().to_string();
    let line = BASE.lines().position(|line| line.contains("lambda:InvokeFunction")).unwrap() + 1;
    assert!(said.contains(&format!("template.yaml: line {line}: ")) && said.contains("Allowed"), "{said}");
    assert_eq!(kept(&stacks), (0, 0, 0, 0));
    assert!(stacks.list().is_empty());

    let made = stacks.apply("shop", input(BASE), None).await.unwrap();
    let next = broken(BASE).replace("N: 5", "N: 6").replace("Name: orders", "Name: orders2").replace(
        "Queue: {Type: 'AWS::SQS::Queue', Properties: {",
        "Queue: {Type: 'AWS::SQS::Queue', Properties: {QueueName: q2, ",
    );
    stacks.apply("shop", input(&next), None).await.unwrap_err();
    let after = stacks.get("shop").unwrap();
    assert_eq!(after.status, "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(after.resources["Queue"].physical, made.resources["Queue"].physical);
    assert_eq!(kept(&stacks), (1, 1, 1, 1));
    let name = ebb_model::FunctionName::parse(&made.resources["Worker"].physical).unwrap();
    let function = stacks.inner.services.catalog.function(&name).unwrap();
    assert_eq!(function.latest.settings.environment["N"], "5");
    assert!(stacks.inner.services.buses.bus("orders2").is_err());
    stacks.apply("shop", input(BASE), None).await.unwrap();
}

#[tokio::test]
async fn what_can_be_refused_before_is_refused_before() {
    let (_data, stacks) = fresh().await;
    for (template, line, why) in [
        ("Resources:\n  T:\n    Type: AWS::DynamoDB::GlobalTable", 3, "does not have yet"),
        (
            "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      Nope: 1",
            2,
            "no property Nope",
        ),
        ("Resources:\n  P:\n    Type: AWS::SQS::QueuePolicy", 2, "needs the property PolicyDocument"),
        (
            "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Runtime: cobol85\n      Code: {ZipFile: x}",
            5,
            "cobol85",
        ),
        ("Transform: Foo\nResources:\n  Q: {Type: 'AWS::SQS::Queue'}", 1, "transform Foo"),
    ] {
        let said = stacks.apply("shop", input(template), None).await.unwrap_err().to_string();
        assert!(said.starts_with(&format!("template.yaml: line {line}: ")) && said.contains(why), "{said}");
        assert!(stacks.plan("shop", &input(template)).is_err());
    }
    let skipping = StackInput {
        skip_unsupported: true,
        ..input("Resources:\n  T: {Type: 'AWS::DynamoDB::GlobalTable'}\n  Q: {Type: 'AWS::SQS::Queue'}")
    };
    let made = stacks.apply("shop", skipping, None).await.unwrap();
    assert_eq!(made.resources.keys().collect::<Vec<_>>(), ["Q"]);
}

#[tokio::test]
async fn exports_are_unique_and_imported() {
    let (_data, stacks) = fresh().await;
    stacks.apply("base", input(BASE), None).await.unwrap();
    let importing =
        "Resources: {Q: {Type: 'AWS::SQS::Queue'}}\nOutputs: {U: {Value: !ImportValue queue-url}}";
    let made = stacks.apply("user", input(importing), None).await.unwrap();
    assert_eq!(made.outputs[0].value, stacks.get("base").unwrap().outputs[0].value);
    let again =
        "Resources: {Q: {Type: 'AWS::SQS::Queue'}}\nOutputs: {U: {Value: x, Export: {Name: queue-url}}}";
    let said = stacks.apply("third", input(again), None).await.unwrap_err().to_string();
    assert!(said.contains("already exported by stack base"), "{said}");
}

#[tokio::test]
async fn a_change_that_a_crash_cut_off_is_undone() {
    let (data, stacks) = fresh().await;
    let made = stacks.apply("shop", input(BASE), None).await.unwrap();
    // As it is after the second change has made a queue and was about to make another.
    let mut stack = StackRecord::clone(&made);
    stack.status = "UPDATE_IN_PROGRESS".to_owned();
    for name in ["made", "about"] {
        let arn = stacks.inner.services.queues.create(name, &BTreeMap::new(), &BTreeMap::new()).await;
        let queue = MadeResource { physical: arn.unwrap().name.clone(), ..made.resources["Queue"].clone() };
        stack.undo.push(record::Undo::Delete { logical: format!("Q{name}"), made: queue });
    }
    record::save(&stacks.inner.store, &stack).await.unwrap();
    assert_eq!(kept(&stacks).1, 3);
    stacks.inner.services.catalog.close().await;
    stacks.inner.store.close().await;
    let stacks = open(data.path()).await;
    let after = stacks.get("shop").unwrap();
    assert_eq!((after.status.as_str(), kept(&stacks).1), ("UPDATE_ROLLBACK_COMPLETE", 1));
}
