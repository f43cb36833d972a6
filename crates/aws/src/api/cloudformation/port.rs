//! What CloudFormation's calls need of whoever has the stacks. Documents come as that one keeps them; members that are
//! not named here are none of the protocol's business.

use std::collections::BTreeMap;

use ebb_invoker::Boxed;
use ebb_model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Has the stacks. The binary wires it.
pub trait StackPort: Send + Sync + 'static {
    /// Begins to make a stack; gives its id.
    fn create(&self, name: String, request: StackRequest) -> Boxed<'_, Result<String, StackPortError>>;

    /// Begins to change a stack; gives its id.
    fn update(&self, name: String, request: StackRequest) -> Boxed<'_, Result<String, StackPortError>>;

    /// Begins to delete a stack but for these of its resources.
    fn delete(&self, name: String, kept: Vec<String>) -> Boxed<'_, Result<(), StackPortError>>;

    /// Sets whether a stack can be deleted; gives its id.
    fn protect(&self, name: String, protected: bool) -> Boxed<'_, Result<String, StackPortError>>;

    /// All stacks, those among them that were deleted not long ago.
    fn all(&self) -> Boxed<'_, Result<Vec<Stack>, StackPortError>>;

    /// A stack by name or id.
    fn find(&self, name: String) -> Boxed<'_, Result<Stack, StackPortError>>;

    /// Works a change out.
    fn create_change_set(&self, request: ChangeSetRequest) -> Boxed<'_, Result<ChangeSet, StackPortError>>;

    /// A change set with its stack.
    fn change_set(&self, stack: Option<&str>, name: &str) -> Result<(Stack, ChangeSet), StackPortError>;

    /// Deletes a change set.
    fn delete_change_set(&self, stack: Option<String>, name: String)
    -> Boxed<'_, Result<(), StackPortError>>;

    /// Carries a change set out; `keep_failed` leaves what was made where it fails.
    fn execute_change_set(
        &self,
        stack: Option<String>,
        name: String,
        keep_failed: bool,
    ) -> Boxed<'_, Result<(), StackPortError>>;

    /// The template in a bucket that a URL names.
    fn template_at(&self, url: String) -> Boxed<'_, Result<String, StackPortError>>;

    /// A template with the parts that it includes (`AWS::Include`) from buckets.
    fn with_parts(&self, template: String) -> Boxed<'_, Result<String, StackPortError>>;

    /// What a template declares.
    fn summary(&self, template: &str) -> Result<TemplateSummary, StackPortError>;

    /// The template of a stack after its transforms.
    fn processed(&self, stack: &str) -> Result<Value, StackPortError>;
}

/// What a stack shall be.
#[derive(Debug, Clone, Default)]
pub struct StackRequest {
    /// The template; that of the stack where there is none.
    pub template: Option<String>,
    /// Parameters; those without a value stay what they are.
    pub parameters: BTreeMap<String, Option<String>>,
    /// The rest.
    pub options: Options,
    /// Whether tags were given.
    pub with_tags: bool,
}

/// What a caller says of a stack besides its template and parameters.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Options {
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What the caller acknowledges.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// What happens where a change fails.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Whether it cannot be deleted.
    #[serde(default)]
    pub termination_protection: bool,
    /// A role that stands for the caller.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// Topics.
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

/// A change that shall be worked out.
#[derive(Debug, Clone, Default)]
pub struct ChangeSetRequest {
    /// The stack.
    pub stack: String,
    /// The change set's name.
    pub name: String,
    /// Whether it makes the stack.
    pub creates: bool,
    /// For people.
    pub description: Option<String>,
    /// What the stack shall be.
    pub wanted: StackRequest,
}

/// A stack.
#[derive(Debug, Clone, Deserialize)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// As in `CREATE_COMPLETE`.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// What its template says of itself.
    pub description: Option<String>,
    /// Its template and what else it is made of.
    pub input: StackTemplate,
    /// Its parameters' values.
    pub parameters: BTreeMap<String, String>,
    /// What else was said.
    pub options: Options,
    /// Its resources, by logical id.
    pub resources: BTreeMap<String, Resource>,
    /// Its outputs.
    pub outputs: Vec<Output>,
    /// What happened, the last first.
    pub events: Vec<Event>,
    /// Its change sets.
    pub change_sets: Vec<ChangeSet>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// When it was deleted.
    pub deleted: Option<Timestamp>,
    /// The id of the stack that it is nested in.
    pub parent: Option<String>,
}

/// What a stack is made of.
#[derive(Debug, Clone, Deserialize)]
pub struct StackTemplate {
    /// The text of the template.
    pub template: String,
}

/// A resource of a stack.
#[derive(Debug, Clone, Deserialize)]
pub struct Resource {
    /// Its type.
    pub kind: String,
    /// Its physical id.
    pub physical: String,
    /// When it was last changed.
    pub updated: Timestamp,
    /// What `Fn::GetAtt` gives.
    #[serde(default)]
    pub attributes: Map<String, Value>,
}

/// An output of a stack.
#[derive(Debug, Clone, Deserialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// For people.
    pub description: Option<String>,
    /// The name under which other stacks import it.
    pub export: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
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

/// A change set.
#[derive(Debug, Clone, Deserialize)]
pub struct ChangeSet {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// For people.
    pub description: Option<String>,
    /// `CREATE_COMPLETE` or `FAILED`.
    pub status: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// `AVAILABLE`, `UNAVAILABLE` or `EXECUTE_COMPLETE`.
    pub execution: String,
    /// Its template.
    pub input: StackTemplate,
    /// What else was said.
    pub options: Options,
    /// Its parameters' values.
    pub parameters: BTreeMap<String, String>,
    /// What it does.
    pub changes: Vec<ResourceChange>,
    /// When it was made.
    pub created: Timestamp,
}

/// What a change does to a resource.
#[derive(Debug, Clone, Deserialize)]
pub struct ResourceChange {
    /// Its logical id.
    pub logical: String,
    /// Its physical id.
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

/// What a template declares.
#[derive(Debug, Clone, Default)]
pub struct TemplateSummary {
    /// What it says of itself.
    pub description: Option<String>,
    /// Its parameters.
    pub parameters: Vec<DeclaredParameter>,
    /// The types of its resources.
    pub resource_types: Vec<String>,
    /// What a caller must acknowledge.
    pub capability: Option<&'static str>,
    /// Why.
    pub capability_reason: Option<String>,
    /// Its transforms.
    pub transforms: Vec<String>,
    /// Its metadata.
    pub metadata: Option<Value>,
}

/// A parameter that a template declares.
#[derive(Debug, Clone, Default)]
pub struct DeclaredParameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Its default.
    pub default: Option<String>,
    /// Whether its value is hidden.
    pub hidden: bool,
    /// For people.
    pub description: Option<String>,
    /// The only values that it may have.
    pub allowed: Vec<String>,
}

/// Why something about a stack cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StackPortError {
    /// There is no such stack.
    #[error("{0}")]
    NotFound(String),
    /// There is one already.
    #[error("{0}")]
    Exists(String),
    /// There is no such change set.
    #[error("{0}")]
    NoChangeSet(String),
    /// The change set is not in a state for this.
    #[error("{0}")]
    BadChangeSet(String),
    /// The caller did not acknowledge what the template does.
    #[error("{0}")]
    Capabilities(String),
    /// The request or the template makes no sense, or not now.
    #[error("{0}")]
    Invalid(String),
    /// The platform failed; the text is for the log.
    #[error("{0}")]
    Internal(String),
}
