//! How a stack is kept.

use std::collections::BTreeMap;

use bytes::Bytes;
use ebb_model::Timestamp;
use ebb_store::{Expect, Store, StoreError, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::StackInput;

/// The kind of the records.
const KIND: &str = "stack";

/// The kind of the records of stacks that were deleted, by their ids.
const DELETED: &str = "stack-deleted";

/// The most events that a stack keeps.
const EVENTS: usize = 500;

/// The most deleted stacks that are remembered.
const REMEMBERED: usize = 200;

/// A stack. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackRecord {
    /// Its name.
    pub name: String,
    /// Its id: an ARN.
    pub id: String,
    /// The app whose deploy made it.
    pub app: Option<String>,
    /// As in `CREATE_COMPLETE`.
    pub status: String,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// What it is made of.
    pub input: StackInput,
    /// Its resources, by logical id.
    pub resources: BTreeMap<String, MadeResource>,
    /// Its outputs.
    pub outputs: Vec<StackOutput>,
    /// What happened, the last first.
    pub events: Vec<StackEvent>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// What undoes the change that runs, in the order in which it was done.
    #[serde(default)]
    pub(super) undo: Vec<Undo>,
    /// Whether it is managed by calls (of CloudFormation) rather than by deploys of an app: its failures are kept.
    #[serde(default)]
    pub managed: bool,
    /// What its template says of itself.
    #[serde(default)]
    pub description: Option<String>,
    /// The values of its parameters, defaults among them; hidden ones as stars.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// What the last change was asked for with.
    #[serde(default)]
    pub options: StackOptions,
    /// Changes that wait to be carried out, and the last one that was.
    #[serde(default)]
    pub change_sets: Vec<ChangeSet>,
    /// When it was deleted.
    #[serde(default)]
    pub deleted: Option<Timestamp>,
    /// The id of the stack that it is a resource of.
    #[serde(default)]
    pub parent: Option<String>,
}

/// What a caller says of a stack besides its template and parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StackOptions {
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What the caller acknowledges, as in `CAPABILITY_IAM`.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// What happens where a change fails.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Whether it cannot be deleted.
    #[serde(default)]
    pub termination_protection: bool,
    /// A role that stands for the caller; kept, and not used.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// Topics that would be told; kept, and not told.
    #[serde(default)]
    pub notification_arns: Vec<String>,
}

/// What happens where a change fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnFailure {
    /// All is undone.
    #[default]
    Rollback,
    /// What was made stays.
    DoNothing,
    /// All is undone, and a new stack is deleted.
    Delete,
}

/// A change that was worked out and waits to be carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// Its name.
    pub name: String,
    /// Its id: an ARN.
    pub id: String,
    /// For people.
    pub description: Option<String>,
    /// Whether it makes the stack.
    pub creates: bool,
    /// `CREATE_COMPLETE` or `FAILED`.
    pub status: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// `AVAILABLE`, `UNAVAILABLE` or `EXECUTE_COMPLETE`.
    pub execution: String,
    /// What the stack shall be.
    pub input: StackInput,
    /// What else was said.
    pub options: StackOptions,
    /// The values of the parameters, as [`StackRecord::parameters`].
    pub parameters: BTreeMap<String, String>,
    /// What it does to each resource.
    pub changes: Vec<ResourceChange>,
    /// When it was made.
    pub created: Timestamp,
}

/// What a change does to a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// Its logical id.
    pub logical: String,
    /// Its physical id, where it is there.
    pub physical: Option<String>,
    /// Its type.
    pub kind: String,
    /// `Add`, `Modify` or `Remove`.
    pub action: String,
    /// Whether another takes its place.
    pub replaces: bool,
    /// The properties that differ.
    pub changed: Vec<String>,
}

/// A resource that is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MadeResource {
    /// As in `AWS::SQS::Queue`.
    pub kind: String,
    /// What `Ref` gives.
    pub physical: String,
    /// What `Fn::GetAtt` gives.
    #[serde(default)]
    pub attributes: Map<String, Json>,
    /// Its properties, evaluated.
    pub properties: Json,
    /// Whether it stays when the stack no longer has it.
    #[serde(default)]
    pub retained: bool,
    /// Its place in the order in which resources were made.
    pub order: usize,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// An output of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackOutput {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// For people.
    pub description: Option<String>,
    /// The name under which other stacks import it.
    pub export: Option<String>,
}

/// Something that happened to a stack or to a resource of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackEvent {
    /// Names it.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// To which resource; the stack's name for the stack itself.
    pub logical: String,
    /// Its physical id.
    pub physical: String,
    /// Its type.
    pub kind: String,
    /// As in `CREATE_FAILED`.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
}

/// What undoes one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Undo {
    /// It was made, or was about to be.
    Delete { logical: String, made: MadeResource },
    /// It was changed, or was about to be.
    Restore { logical: String, before: MadeResource },
    /// It was replaced by another, and still is there.
    Reinstate { logical: String, before: MadeResource },
}

impl StackRecord {
    /// Notes what happened.
    pub(super) fn note(&mut self, event: StackEvent) {
        self.events.insert(0, event);
        self.events.truncate(EVENTS);
    }

    /// Whether a change of it runs.
    pub(super) fn is_busy(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && !self.is_planned()
    }

    /// Whether there is only a change set that would make it.
    #[must_use]
    pub fn is_planned(&self) -> bool {
        self.status == "REVIEW_IN_PROGRESS"
    }
}

pub(super) async fn load(store: &Store) -> Result<Vec<StackRecord>, StoreError> {
    read(store, KIND).await
}

/// The stacks that were deleted, the last first.
pub(super) async fn load_deleted(store: &Store) -> Result<Vec<StackRecord>, StoreError> {
    let mut stacks = read(store, DELETED).await?;
    stacks.sort_by_key(|stack| std::cmp::Reverse(stack.deleted));
    Ok(stacks)
}

/// Remembers a stack that was deleted, in place of the stack; the oldest of the others is forgotten.
pub(super) async fn bury(store: &Store, stack: &StackRecord) -> Result<(), StoreError> {
    let oldest = load_deleted(store).await?.into_iter().skip(REMEMBERED - 1);
    let body = Bytes::from(serde_json::to_vec(stack).expect("strings, numbers and maps by strings are JSON"));
    let mut writes = vec![
        Write::Put { kind: DELETED, key: stack.id.clone(), body, expect: Expect::Anything },
        Write::Delete { kind: KIND, key: stack.name.clone(), expect: Expect::Anything },
    ];
    writes.extend(oldest.map(|old| Write::Delete { kind: DELETED, key: old.id, expect: Expect::Anything }));
    store.records().commit(writes).await.map(drop)
}

async fn read(store: &Store, kind: &'static str) -> Result<Vec<StackRecord>, StoreError> {
    let records = store.records().load(kind).await?;
    let mut stacks = Vec::new();
    for record in records {
        match serde_json::from_slice(&record.body) {
            Ok(stack) => stacks.push(stack),
            Err(error) => tracing::error!(stack = record.key, %error, "the record of a stack makes no sense"),
        }
    }
    Ok(stacks)
}

/// Writes a stack; durable when it returns.
pub(super) async fn save(store: &Store, stack: &StackRecord) -> Result<(), StoreError> {
    let body = serde_json::to_vec(stack).expect("strings, numbers and maps by strings are JSON");
    let key = stack.name.clone();
    let write = Write::Put { kind: KIND, key, body: Bytes::from(body), expect: Expect::Anything };
    store.records().commit(vec![write]).await.map(drop)
}

pub(super) async fn delete(store: &Store, name: &str) -> Result<(), StoreError> {
    let write = Write::Delete { kind: KIND, key: name.to_owned(), expect: Expect::Anything };
    store.records().commit(vec![write]).await.map(drop)
}
