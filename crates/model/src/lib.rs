//! The words of ebb as types: what a function, a version, an invocation and an outcome are.
//!
//! Everything else in the workspace depends on this crate, so it stays small and pure: no I/O, no async runtime,
//! no HTTP, no SQL, no wire formats. Values are validated when they are made (`parse`), and trusted afterwards.
//!
//! Start reading at [`Invocation`] (what a trigger makes) and [`Outcome`] (what every invocation ends in).

mod arn;
mod clock;
mod credentials;
mod function;
mod ids;
mod invocation;
pub mod limits;
mod outcome;
mod parameter;
mod policy;
mod rate_limit;
mod runtime_name;
pub mod worker_package;

pub use arn::{FunctionArn, FunctionReference, InvalidReference, LayerArn, LayerVersionArn};
pub use clock::{Clock, SystemClock, Timestamp};
pub use credentials::{AccessKeyId, Credentials, Secret, SecretAccessKey};
pub use function::{
    Alias, Architecture, Code, EventEncoding, EventInvokeConfig, Function, FunctionState, FunctionUrl,
    FunctionVersion, INSPECT_VARIABLE, InvokeMode, LayerReference, LayerVersion, LogFormat, LogLevel,
    LoggingSettings, PackageType, ServerSettings, Settings, TracingMode, UpdateState, UrlAuth, UrlCors,
    one_event,
};
pub use ids::{
    AccountId, AliasName, Digest, FunctionName, InvalidName, LayerName, Qualifier, Region, RequestId,
    RevisionId, Version,
};
pub use invocation::{Invocation, TraceHeader, Trigger};
pub use outcome::{FailureKind, FunctionFailure, Outcome, Report, Response};
pub use parameter::{NewParameter, Parameter, ParameterError, ParameterKind, ParameterVersion};
pub use policy::{Grant, LabelTaken, Policy, PolicyDocument, ServiceCaller, Statement, like};
pub use rate_limit::RateLimit;
pub use runtime_name::{RuntimeFamily, RuntimeName, UnknownRuntime};
