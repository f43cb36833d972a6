//! What a deploy is to make: the document that the client sends and the server keeps.

mod key;
mod trigger;

use std::collections::{BTreeMap, BTreeSet};

use ebb_model::{Digest, FunctionName, InvalidName, RateLimit, ServerSettings};
use ebb_sources::schedule::{Expression, Grammar};
use serde::{Deserialize, Serialize};

use crate::edge::{InvalidPattern, Pattern, Rule};
use crate::routes::Route;
use crate::stack::StackInput;
pub use key::{KeyValue, PlannedKey};
pub use trigger::{InvalidTrigger, PlannedTrigger, TriggerSource};

/// An app, as it shall be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The app's name: a DNS label, since it becomes the app's host.
    pub app: String,
    /// Its functions, in the order of the project.
    #[serde(default)]
    pub functions: Vec<PlannedFunction>,
    /// The files that the edge serves, by their path without the first slash: each a blob of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
    /// Whether a file `about.html` is also served at `/about`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub short_html: bool,
    /// Redirects, rewrites and headers, in the order in which they are tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// When functions are invoked by the clock.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<PlannedSchedule>,
    /// What else invokes functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<PlannedTrigger>,
    /// What the server puts into the environments of the functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<PlannedKey>,
    /// The template whose resources the app is made of, besides functions of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackInput>,
    /// What was left out of the packages, and why.
    #[serde(default)]
    pub ignored: Vec<Ignored>,
}

/// A function of an app that is invoked by the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedSchedule {
    /// The function's name within the app.
    pub function: String,
    /// When, as the scheduler has it: `rate(5 minutes)` or `cron(0 12 * * ? *)`, in UTC.
    pub expression: String,
    /// The event, as JSON text.
    pub input: String,
}

/// A function of an app, as it shall be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFunction {
    /// Its name within the app; empty for the only function of an app that has no need of one.
    #[serde(default)]
    pub name: String,
    /// A Lambda runtime, or `nodejs` or `python` for whatever version the server has.
    pub runtime: String,
    /// The entry point, in the runtime's notation.
    pub handler: String,
    /// Memory in MiB.
    pub memory: u32,
    /// Timeout in seconds.
    pub timeout: u32,
    /// Environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// What requests go to it.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Whether its answers are sent as they are written.
    #[serde(default)]
    pub stream: bool,
    /// Whether requests are answered with 202 at once and their events run later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub background: bool,
    /// Whether its routes are tried before the app's files, rather than after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub before_files: bool,
    /// Paths that are not its own, though its routes take them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Pattern>,
    /// How many requests it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// The paths that it stands in front of: it gets their requests before rules, files and other functions do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub front: Vec<Pattern>,
    /// How it gets its events, where its runtime is a server of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerSettings>,
    /// How many events an instance takes at a time, where it is no server.
    #[serde(default = "ebb_model::one_event", skip_serializing_if = "is_one_event")]
    pub instance_concurrency: u32,
    /// The port of this machine's loopback address where a debugger reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspect: Option<u16>,
    /// Its package.
    pub package: Digest,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it by reference")]
fn is_one_event(events: &u32) -> bool {
    *events == ebb_model::one_event()
}

/// Something that was left out of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// Its path in the project.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// A plan that no app can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlan {
    /// The app's name is no DNS label, or is taken by the edge itself.
    #[error(
        "{0:?} is no name for an app: use 1 to 40 of a-z, 0-9 and -, with a letter or digit at both ends"
    )]
    AppName(String),
    /// A function's name does not do.
    #[error(transparent)]
    FunctionName(#[from] InvalidName),
    /// The app has neither functions nor files.
    #[error("app {0:?} has no functions and no files")]
    Empty(String),
    /// Two functions have one name.
    #[error("two functions are named {0:?}")]
    Duplicate(String),
    /// Two functions want the same requests.
    #[error("two functions have the route {0:?}")]
    DuplicateRoute(String),
    /// A schedule is of no function.
    #[error("a schedule is for function {0:?}, and the app has none of that name")]
    ScheduleOfNothing(String),
    /// A trigger is of no function.
    #[error("a trigger is for function {0:?}, and the app has none of that name")]
    TriggerOfNothing(String),
    /// A schedule makes no sense.
    #[error("the schedule {expression:?} of function {function:?} cannot be read: {why}")]
    Schedule {
        /// The function.
        function: String,
        /// As it was given.
        expression: String,
        /// What is wrong.
        why: String,
    },
    /// A rule's pattern makes no sense.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
}

impl Plan {
    /// An app with nothing in it yet.
    #[must_use]
    pub fn new(app: &str) -> Self {
        Self {
            app: app.to_owned(),
            functions: Vec::new(),
            files: BTreeMap::new(),
            short_html: false,
            rules: Vec::new(),
            schedules: Vec::new(),
            triggers: Vec::new(),
            keys: Vec::new(),
            stack: None,
            ignored: Vec::new(),
        }
    }

    /// Checks what can be checked without a server.
    ///
    /// # Errors
    /// [`InvalidPlan`].
    pub fn check(&self) -> Result<(), InvalidPlan> {
        if !is_app_name(&self.app) {
            return Err(InvalidPlan::AppName(self.app.clone()));
        }
        if self.functions.is_empty() && self.files.is_empty() && self.stack.is_none() {
            return Err(InvalidPlan::Empty(self.app.clone()));
        }
        let (mut names, mut routes) = (BTreeSet::new(), BTreeSet::new());
        for function in &self.functions {
            if !names.insert(self.function_name(function)?) {
                return Err(InvalidPlan::Duplicate(function.name.clone()));
            }
            for pattern in function.front.iter().chain(&function.except) {
                pattern.check()?;
            }
            if let Some(route) = function.routes.iter().find(|route| !routes.insert(route.to_string())) {
                return Err(InvalidPlan::DuplicateRoute(route.to_string()));
            }
        }
        for rule in &self.rules {
            rule.check()?;
        }
        for trigger in &self.triggers {
            if !self.functions.iter().any(|function| function.name == trigger.function) {
                return Err(InvalidPlan::TriggerOfNothing(trigger.function.clone()));
            }
        }
        self.schedules.iter().try_for_each(|schedule| self.check_schedule(schedule))
    }

    fn check_schedule(&self, schedule: &PlannedSchedule) -> Result<(), InvalidPlan> {
        if !self.functions.iter().any(|function| function.name == schedule.function) {
            return Err(InvalidPlan::ScheduleOfNothing(schedule.function.clone()));
        }
        match Expression::parse(&schedule.expression, Grammar::App) {
            Ok(_) => Ok(()),
            Err(error) => Err(InvalidPlan::Schedule {
                function: schedule.function.clone(),
                expression: schedule.expression.clone(),
                why: error.to_string(),
            }),
        }
    }

    /// The name that a function of this app has in the catalog: `APP`, or `APP-FUNCTION`.
    ///
    /// # Errors
    /// [`InvalidName`] where that is no name for a function.
    pub fn function_name(&self, function: &PlannedFunction) -> Result<FunctionName, InvalidName> {
        if function.name.is_empty() || (self.functions.len() == 1 && function.name == self.app) {
            FunctionName::parse(&self.app)
        } else {
            FunctionName::parse(&format!("{}-{}", self.app, function.name))
        }
    }
}

/// Whether `name` can be the first label of a host, and of function names.
pub(crate) fn is_app_name(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=40).contains(&name.len())
        && name.bytes().all(legal)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name != "lambda-url"
}

/// The nearest app name to a folder's; nothing where none of it is left.
pub(crate) fn app_name_of(folder: &str) -> Option<String> {
    let mapped: String = folder
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(40)
        .collect();
    Some(mapped.trim_matches('-').to_owned()).filter(|name| is_app_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_app_names() {
        for (folder, name) in
            [("hello", Some("hello")), ("My App_2", Some("my-app-2")), ("--", None), ("é", None)]
        {
            assert_eq!(app_name_of(folder).as_deref(), name, "{folder}");
        }
    }

    fn function(name: &str, routes: &[&str]) -> PlannedFunction {
        PlannedFunction {
            name: name.into(),
            runtime: "nodejs".into(),
            handler: "index.handler".into(),
            memory: 128,
            timeout: 3,
            environment: BTreeMap::new(),
            routes: routes.iter().map(|route| route.parse().unwrap()).collect(),
            stream: false,
            background: false,
            before_files: false,
            except: Vec::new(),
            rate_limit: None,
            front: Vec::new(),
            server: None,
            instance_concurrency: 1,
            inspect: None,
            package: Digest::of(b""),
        }
    }

    #[test]
    fn plans_are_checked() {
        let check = |app: &str, functions: Vec<PlannedFunction>, expected: &str| {
            let result = Plan { functions, ..Plan::new(app) }.check();
            let said = result.map_or_else(|error| error.to_string(), |()| String::new());
            assert!(if expected.is_empty() { said.is_empty() } else { said.contains(expected) }, "{said}");
        };
        check("a", vec![function("", &["/*"])], "");
        check("a", vec![function("x", &["/x"]), function("y", &["/y", "GET /x"])], "");
        check("A", vec![function("", &[])], "no name for an app");
        check("lambda-url", vec![function("", &[])], "no name for an app");
        check("a", vec![], "no functions");
        check("a", vec![function("x", &[]), function("x", &[])], "two functions are named");
        check("a", vec![function("x", &["/x"]), function("y", &["/x"])], "two functions have the route");
        check("a", vec![function("x y", &[])], "not a valid function name");
    }
}
