//! Functions and what they used.

use std::collections::HashMap;
use std::sync::Arc;

use ebb_invoker::{Invoker, Usage};
use ebb_model::{Function, FunctionName, FunctionState};
use serde::{Deserialize, Serialize};

/// A function, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionView {
    /// Its name.
    pub name: String,
    /// The app that it is part of.
    #[serde(default)]
    pub app: Option<String>,
    /// What boots it.
    pub runtime: String,
    /// Its entry point.
    pub handler: String,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Timeout in seconds.
    pub timeout_seconds: u32,
    /// `pending`, `active` or `failed`.
    pub state: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was last changed, RFC 3339.
    pub last_modified: String,
    /// Its log group.
    pub log_group: String,
    /// Its function URLs.
    #[serde(default)]
    pub urls: Vec<String>,
    /// What it used since the server started.
    pub usage: UsageView,
}

/// What a function used since the server started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct UsageView {
    /// Invocations that ran.
    pub invocations: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// Requests that were refused by a limit.
    pub throttles: u64,
    /// Instances that were started.
    pub cold_starts: u64,
    /// Sum of the durations, in seconds.
    pub duration_seconds: f64,
    /// Billed time by memory.
    pub gb_seconds: f64,
    /// Invocations that run now.
    pub concurrent: u32,
}

impl From<Usage> for UsageView {
    fn from(usage: Usage) -> Self {
        Self {
            invocations: usage.invocations,
            errors: usage.errors,
            throttles: usage.throttles,
            cold_starts: usage.cold_starts,
            duration_seconds: usage.duration.as_secs_f64(),
            gb_seconds: usage.gb_seconds,
            concurrent: usage.concurrent,
        }
    }
}

/// All functions, by name.
pub(crate) fn all(invoker: &Invoker, url_of: &dyn Fn(&str) -> String) -> Vec<FunctionView> {
    let usage: HashMap<FunctionName, Usage> = invoker.metering().usage().into_iter().collect();
    let snapshot = invoker.catalog().snapshot();
    let mut views: Vec<_> = snapshot
        .functions
        .iter()
        .map(|(name, function)| view(function, usage.get(name).copied().unwrap_or_default(), url_of))
        .collect();
    views.sort_by(|a, b| a.name.cmp(&b.name));
    views
}

fn view(function: &Arc<Function>, usage: Usage, url_of: &dyn Fn(&str) -> String) -> FunctionView {
    let (latest, settings) = (&function.latest, &function.latest.settings);
    let (state, reason) = match &latest.state {
        FunctionState::Pending => ("pending", None),
        FunctionState::Active => ("active", None),
        FunctionState::Failed { reason, .. } => ("failed", Some(reason.clone())),
    };
    FunctionView {
        name: function.name.to_string(),
        app: function.app.clone(),
        runtime: settings.runtime.to_string(),
        handler: settings.handler.clone(),
        memory_mib: settings.memory_mib,
        timeout_seconds: settings.timeout_seconds,
        state: state.to_owned(),
        reason,
        last_modified: latest.last_modified.to_rfc3339(),
        log_group: settings.logging.group.clone(),
        urls: function.urls.values().map(|url| url_of(&url.id)).collect(),
        usage: usage.into(),
    }
}
