//! Keeps as many initialised instances as functions have asked for, and tells the catalog how that stands.
//!
//! Every invocation of a version may use its provisioned instances; where they do not suffice, others are started as
//! usual. Source: the Lambda developer guide, "Configuring provisioned concurrency for a function" (2026-11).

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use ebb_model::{Alias, Function, FunctionName, FunctionState, FunctionVersion, Qualifier, Version};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::Shared;
use crate::acquire::pool::Pool;
use crate::acquire::start::{self, Boot, BootError, InitEnd};

/// Starts at one time, so that a large number of instances leaves the processors to those who run events.
const STARTS_AT_ONCE: usize = 4;
/// The pause after a failed start, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What one qualifier of a function asked for: so many instances of these versions.
struct Wish {
    name: FunctionName,
    qualifier: Qualifier,
    shares: Vec<(Arc<Pool>, u32)>,
}

/// How the starts of provisioned instances of one pool stand.
#[derive(Default)]
pub(crate) struct Provisioning {
    starting: u32,
    failures: u32,
    failure: Option<String>,
    /// Not before.
    next: Option<Instant>,
}

/// Runs until the server stops.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let mut changes = shared.catalog.changes();
    let turns = Arc::new(Semaphore::new(STARTS_AT_ONCE));
    let mut before: Vec<Wish> = Vec::new();
    loop {
        changes.borrow_and_update();
        let wishes = wishes(&shared);
        drop_old(&shared, &before, &wishes);
        let mut retry = None;
        for (pool, target) in targets(&wishes) {
            let wait = fill(&shared, &turns, &pool, target);
            retry = [retry, wait].into_iter().flatten().min();
        }
        report(&shared, &wishes);
        before = wishes;
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = shared.provisioned_changed.notified() => {}
            () = tokio::time::sleep_until(retry.unwrap_or_else(Instant::now)), if retry.is_some() => {}
            () = shared.draining.cancelled() => return,
        }
    }
}

/// What all functions ask for now.
fn wishes(shared: &Shared) -> Vec<Wish> {
    let snapshot = shared.catalog.snapshot();
    let mut wishes = Vec::new();
    for function in snapshot.functions.values() {
        for (qualifier, count) in &function.provisioned_concurrency {
            let shares = shares(function, qualifier, *count);
            let shares = shares.into_iter().filter(|(version, _)| version.state == FunctionState::Active);
            wishes.push(Wish {
                name: function.name.clone(),
                qualifier: qualifier.clone(),
                shares: shares
                    .map(|(version, share)| (shared.pools.of_version(shared, function, version), share))
                    .collect(),
            });
        }
    }
    wishes
}

/// How many provisioned instances a version of a function may use.
pub(crate) fn promised(function: &Function, version: Version) -> u32 {
    let all = function.provisioned_concurrency.iter();
    all.flat_map(|(qualifier, count)| shares(function, qualifier, *count))
        .filter(|(of, _)| of.version == version)
        .map(|(_, share)| share)
        .sum()
}

/// How a number of instances is split over the versions that a qualifier leads to.
fn shares<'a>(
    function: &'a Function,
    qualifier: &Qualifier,
    count: u32,
) -> Vec<(&'a Arc<FunctionVersion>, u32)> {
    let of = |version: Version| match version {
        Version::Latest => Some(&function.latest),
        Version::Published(number) => function.versions.get(&number),
    };
    match qualifier {
        Qualifier::Version(version) => of(*version).map(|version| (version, count)).into_iter().collect(),
        Qualifier::Alias(name) => {
            let Some(alias) = function.aliases.get(name) else { return Vec::new() };
            split(alias, count)
                .into_iter()
                .filter_map(|(version, share)| of(version).map(|version| (version, share)))
                .collect()
        }
    }
}

/// By weight, rounded; the alias's own version has the rest.
fn split(alias: &Alias, count: u32) -> Vec<(Version, u32)> {
    let mut shares = Vec::new();
    let mut rest = count;
    for (version, weight) in &alias.weights {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 1 of a u32 is a u32"
        )]
        let share = ((f64::from(count) * weight.clamp(0.0, 1.0)).round() as u32).min(rest);
        rest -= share;
        shares.push((*version, share));
    }
    shares.push((alias.version, rest));
    shares
}

/// The sum of the wishes for each pool.
fn targets(wishes: &[Wish]) -> Vec<(Arc<Pool>, u32)> {
    let mut targets: Vec<(Arc<Pool>, u32)> = Vec::new();
    for (pool, share) in wishes.iter().flat_map(|wish| &wish.shares) {
        match targets.iter_mut().find(|(other, _)| Arc::ptr_eq(other, pool)) {
            Some((_, target)) => *target += share,
            None => targets.push((pool.clone(), *share)),
        }
    }
    targets
}

/// Ends what was asked for before and is not any more.
fn drop_old(shared: &Shared, before: &[Wish], now: &[Wish]) {
    for wish in before {
        for (pool, _) in &wish.shares {
            let kept = now.iter().flat_map(|wish| &wish.shares).any(|(other, _)| Arc::ptr_eq(other, pool));
            if !kept {
                pool.set_provisioned(0);
            }
        }
        if !now.iter().any(|other| other.name == wish.name && other.qualifier == wish.qualifier) {
            shared.catalog.report_provisioned(&wish.name, &wish.qualifier, 0, None);
        }
    }
}

/// Starts what is missing; gives the time at which to look again, where a failed start has to wait.
fn fill(shared: &Arc<Shared>, turns: &Arc<Semaphore>, pool: &Arc<Pool>, target: u32) -> Option<Instant> {
    let missing = pool.set_provisioned(target);
    let (begin, wait) = pool_starts(pool).begin(missing);
    for _ in 0..begin {
        let (shared, turns, pool) = (shared.clone(), turns.clone(), pool.clone());
        shared.tasks.clone().spawn(async move {
            let Ok(_turn) = turns.acquire_owned().await else { return };
            let stop = shared.draining.clone();
            let plan = Boot::provisioned(&shared, &pool);
            let Some(booted) = stop.run_until_cancelled(start::boot(&shared, &pool, plan)).await else {
                return;
            };
            let failure = match booted {
                Ok(pooled) => {
                    pool.add_provisioned(pooled);
                    None
                }
                Err(error) => Some(explain(error)),
            };
            pool_starts(&pool).end(failure);
            shared.provisioned_changed.notify_one();
        });
    }
    wait
}

fn explain(error: BootError) -> String {
    match error {
        BootError::Platform(error) => error.to_string(),
        // What it was is in the function's log.
        BootError::Init(InitEnd::Reported(_) | InitEnd::Diagnosed { .. } | InitEnd::Exited(_)) => {
            "FUNCTION_ERROR_INIT_FAILURE".to_owned()
        }
        BootError::Init(InitEnd::TimedOut) => "FUNCTION_ERROR_INIT_TIMEOUT".to_owned(),
    }
}

/// Tells the catalog how far each wish is fulfilled.
fn report(shared: &Shared, wishes: &[Wish]) {
    for wish in wishes {
        let available = wish.shares.iter().map(|(pool, share)| pool.provisioned().min(*share)).sum();
        let failure = wish.shares.iter().find_map(|(pool, _)| pool_starts(pool).failure.clone());
        shared.catalog.report_provisioned(&wish.name, &wish.qualifier, available, failure);
    }
}

fn pool_starts(pool: &Pool) -> MutexGuard<'_, Provisioning> {
    pool.provisioning.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Provisioning {
    /// Counts as many starts as are missing and not under way; after a failure one, and not before its pause is over.
    fn begin(&mut self, missing: u32) -> (u32, Option<Instant>) {
        let lacking = missing.saturating_sub(self.starting);
        let begin = match self.next {
            _ if lacking == 0 => 0,
            Some(next) if Instant::now() < next => return (0, Some(next)),
            Some(_) => u32::from(self.starting == 0),
            None => lacking,
        };
        self.starting += begin;
        (begin, None)
    }

    fn end(&mut self, failure: Option<String>) {
        self.starting = self.starting.saturating_sub(1);
        if failure.is_some() {
            let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
            self.failures += 1;
            self.next = Some(Instant::now() + pause);
        } else {
            (self.failures, self.next) = (0, None);
        }
        self.failure = failure;
    }
}
