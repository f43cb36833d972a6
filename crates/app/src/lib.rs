//! Apps: what one `ebb deploy` makes of a folder.
//!
//! The client's half ([`Project`]) recognises what a folder holds, runs its build commands, packs its functions into
//! zips that depend on nothing but their content, and writes down a [`Plan`]. The server's half ([`Apps`]) compares a
//! plan with what runs, applies the difference through the catalog, whole or not at all, and knows each app's routes.
//!
//! It must never start instances, speak HTTP, or change functions by any way but the catalog.
//!
//! Entry points: [`Project::open`] in the client, [`Apps::open`] in the server.
//!
//! Threading: the client's half blocks (files and build commands). The server's half takes one change of apps at a
//! time, behind one lock; routes are read from a snapshot without any.
//!
//! Start reading at `plan.rs`, then `project.rs` and `apps.rs`.

mod apps;
mod edge;
mod plan;
mod project;
mod routes;
mod stack;
mod template;

pub use apps::{App, AppError, Apps, AppsConfig, Deployment, ShownKey, Step, StepKind, Target, Url};
pub use edge::{
    Action, Condition, Destination, EdgeRequest, InvalidPattern, Part, Pattern, Rule, ToFile, ToFunction,
};
pub use plan::{
    Ignored, InvalidPlan, InvalidTrigger, KeyValue, Plan, PlannedFunction, PlannedKey, PlannedSchedule,
    PlannedTrigger, TriggerSource,
};
pub use project::{FunctionFolder, Package, Packed, Project, ProjectError};
pub use routes::{InvalidRoute, Route};
pub use stack::{
    ChangeSet, DeclaredParameter, Given, MadeResource, OnFailure, Parameters, ResourceChange, StackError,
    StackEvent, StackInput, StackOptions, StackOutput, StackRecord, StackServices, Stacks, StacksConfig,
    TemplateSummary,
};
pub use template::{Fault, read_yaml};
