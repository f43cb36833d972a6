//! Settings of functions: as a plan says them, and as they are.

use ebb_invoker::catalog::SettingsInput;
use ebb_model::{Function, INSPECT_VARIABLE, RuntimeFamily, RuntimeName, Settings};

use super::CODE;
use crate::plan::PlannedFunction;

/// What a plan says of a function and its present state does not.
pub(super) fn differences(function: &Function, planned: &PlannedFunction) -> Vec<&'static str> {
    let settings = &function.latest.settings;
    let inspected = settings.inspected();
    let without_debugger = |(name, _): &(&String, &String)| name.as_str() != INSPECT_VARIABLE;
    let environment = settings.environment.iter().filter(without_debugger);
    let compared = [
        (CODE, function.latest.code.digest == planned.package),
        ("runtime", settings.runtime.as_str() == planned.runtime),
        ("handler", settings.handler == planned.handler),
        ("memory", settings.memory_mib == planned.memory),
        ("timeout", settings.timeout_seconds == planned.timeout),
        ("environment", environment.eq(&planned.environment)),
        ("debugger", inspected == planned.inspect),
        ("server", settings.server == planned.server),
        ("concurrency", settings.instance_concurrency == planned.instance_concurrency),
    ];
    compared.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect()
}

/// The settings that a plan asks for.
pub(super) fn settings_input(planned: &PlannedFunction) -> SettingsInput {
    SettingsInput {
        runtime: Some(planned.runtime.clone()),
        handler: Some(planned.handler.clone()),
        timeout_seconds: Some(planned.timeout.into()),
        memory_mib: Some(planned.memory.into()),
        environment: Some(planned.environment.clone()),
        server: planned.server.clone(),
        instance_concurrency: Some(planned.instance_concurrency),
        inspect: planned.inspect,
        ..SettingsInput::default()
    }
}

/// The settings that a deploy changes, as they are.
pub(super) fn settings_of(settings: &Settings) -> SettingsInput {
    let mut environment = settings.environment.clone();
    environment.remove(INSPECT_VARIABLE);
    SettingsInput {
        runtime: Some(settings.runtime.as_str().to_owned()),
        handler: Some(settings.handler.clone()),
        timeout_seconds: Some(settings.timeout_seconds.into()),
        memory_mib: Some(settings.memory_mib.into()),
        environment: Some(environment),
        inspect: settings.inspected(),
        server: settings.server.clone(),
        instance_concurrency: Some(settings.instance_concurrency),
        ..SettingsInput::default()
    }
}

/// The best runtime for `nodejs` or `python`; nothing for anything else, which is a runtime itself or a mistake.
pub(super) fn best_runtime(language: &str, preferred: &[RuntimeName]) -> Option<RuntimeName> {
    let fits = |runtime: &RuntimeName| {
        matches!(
            (language, runtime.family()),
            ("nodejs", RuntimeFamily::Node(_)) | ("python", RuntimeFamily::Python(_))
        )
    };
    let known = || RuntimeName::all().filter(fits).last();
    preferred.iter().copied().find(fits).or_else(known)
}
