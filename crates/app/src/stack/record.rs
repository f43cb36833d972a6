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

/// The most events that a stack keeps.
const EVENTS: usize = 500;

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
        self.status.ends_with("_IN_PROGRESS")
    }
}

pub(super) async fn load(store: &Store) -> Result<Vec<StackRecord>, StoreError> {
    let records = store.records().load(KIND).await?;
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
