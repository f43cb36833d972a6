//! What a wrangler file may not say.

use super::{Consumer, Wrangler};

/// Refuses what can be refused by the file alone.
pub(super) fn check(worker: &Wrangler) -> Result<(), String> {
    if worker.main.as_ref().is_some_and(|main| main.ends_with(".py")) {
        return Err("main: ebb does not run workers in Python yet".to_owned());
    }
    if worker.main.is_none() && worker.assets.as_ref().is_none_or(|assets| assets.directory.is_none()) {
        return Err("main: a worker needs an entry point, or assets.directory".to_owned());
    }
    if let Some(assets) = &worker.assets {
        one_of("assets.html_handling", &assets.html_handling, HTML_HANDLING)?;
        one_of("assets.not_found_handling", &assets.not_found_handling, NOT_FOUND_HANDLING)?;
    }
    for consumer in &worker.queues.consumers {
        check_consumer(consumer).map_err(|why| format!("queues.consumers ({}): {why}", consumer.queue))?;
    }
    check_environments(worker)?;
    if let Some(own) = worker.tail_consumers.iter().find(|it| Some(&it.service) == worker.name.as_ref()) {
        return Err(format!(
            "tail_consumers: {} would be told of its own invocations, each of which is one more",
            own.service
        ));
    }
    for rule in &worker.rules {
        one_of("rules.type", &rule.kind, RULE_TYPES)?;
    }
    Ok(())
}

/// Every worker has the environment `production`; those that wrangler's `env` makes are workers of their own.
/// Source: the Workers documentation, "Environments" and "Service environments" (2026-11).
fn check_environments(worker: &Wrangler) -> Result<(), String> {
    let services = worker.services.iter().map(|it| ("services", &it.service, &it.environment));
    let tails = worker.tail_consumers.iter().map(|it| ("tail_consumers", &it.service, &it.environment));
    let objects = worker.durable_objects.bindings.iter();
    let objects = objects.map(|it| ("durable_objects.bindings", &it.name, &it.environment));
    for (place, of, environment) in services.chain(tails).chain(objects) {
        if let Some(environment) = environment.as_ref().filter(|environment| *environment != "production") {
            return Err(format!(
                "{place} ({of}): ebb has no environment {environment:?} of one worker: name the worker that `env` makes, \
                 as in {of}-{environment}"
            ));
        }
    }
    Ok(())
}

/// Source: the Queues documentation, "Limits" (2026-11).
fn check_consumer(consumer: &Consumer) -> Result<(), String> {
    if consumer.kind.as_ref().is_some_and(|kind| kind != "worker") {
        return Err("ebb has consumers that are workers; others receive by the SQS API".to_owned());
    }
    let within = |what: &str, value: u32, least: u32, most: u32| match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(format!("{what}: {value} is not {least} to {most}")),
    };
    within("max_batch_size", consumer.max_batch_size, 1, 100)?;
    within("max_batch_timeout", consumer.max_batch_timeout, 0, 60)?;
    within("max_retries", consumer.max_retries, 0, 100)?;
    within(
        "max_concurrency (a mapping runs two batches at least)",
        consumer.max_concurrency.unwrap_or(2),
        2,
        250,
    )?;
    within("retry_delay", consumer.retry_delay, 0, 43_200)
}

const HTML_HANDLING: &[&str] =
    &["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"];
const NOT_FOUND_HANDLING: &[&str] = &["none", "404-page", "single-page-application"];
const RULE_TYPES: &[&str] = &["ESModule", "CommonJS", "CompiledWasm", "Text", "Data"];

fn one_of(what: &str, value: &str, allowed: &[&str]) -> Result<(), String> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(format!("{what}: {value:?} is not one of {}", allowed.join(", ")))
}
