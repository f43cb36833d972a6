//! Looks after one instance while it is idle: freezes it, has its memory moved to swap, ends it when it has been idle for
//! long, notices that it ended by itself.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::Instant;

use super::pool::Pool;
use super::pooled::Pooled;
use crate::Shared;

/// How long an instance may go on running after it became idle. Freezing at once would cost a busy instance a freeze
/// and a thaw around every event; this is longer than the pauses between events of a busy one and shorter than
/// anything that a background thread could get done unnoticed.
pub(crate) const FREEZE_AFTER: Duration = Duration::from_millis(50);

/// What is next for an idle instance.
#[derive(Debug, Clone, Copy)]
enum Plan {
    /// It is in use.
    Nothing,
    Freeze(Instant),
    PageOut(Instant),
    SpinDown(Instant),
}

/// The keeper's whole life, which ends with the instance or the server.
pub(crate) async fn keep(shared: Arc<Shared>, pool: Arc<Pool>, pooled: Arc<Pooled>) {
    let instance = pooled.instance.clone();
    let mut exited = instance.exited();
    let mut done = Done::default();
    loop {
        // Not armed before the look at the idleness: an instance that becomes idle after it finds the keeper unarmed,
        // and wakes it.
        pooled.keeper_armed.store(false, Relaxed);
        let plan = plan(&shared, &pool, &pooled, done);
        let until = match plan {
            Plan::Freeze(until) => {
                pooled.keeper_armed.store(true, Relaxed);
                Some(until)
            }
            Plan::PageOut(until) | Plan::SpinDown(until) => Some(until),
            Plan::Nothing => None,
        };
        tokio::select! {
            biased;
            () = pooled.gone.cancelled() => return,
            cause = &mut exited => {
                ended_by_itself(&pool, &pooled, cause);
                return;
            }
            () = shared.stop.cancelled() => return,
            () = pooled.idle_again.notified() => {}
            () = tokio::time::sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                match plan {
                    Plan::SpinDown(_) => {
                        // Others may have gone since it was planned.
                        let needed = pool.keeps_last() && !pooled.life_left().is_zero();
                        if !needed && pool.withdraw(&pooled) {
                            pool.end(pooled, "spindown");
                            return;
                        }
                    }
                    Plan::PageOut(_) => {
                        done.paged_out = done.frozen;
                        if let Some(since) = done.frozen {
                            pooled.page_out(since).await;
                        }
                    }
                    Plan::Freeze(_) | Plan::Nothing => done.frozen = freeze_where_due(&pooled).await,
                }
            }
        }
    }
}

/// What was done, by the beginning of the idleness in which it was: a later one needs it again.
#[derive(Debug, Clone, Copy, Default)]
struct Done {
    frozen: Option<Instant>,
    paged_out: Option<Instant>,
}

fn plan(shared: &Shared, pool: &Pool, pooled: &Pooled, done: Done) -> Plan {
    let Some(since) = pooled.idle_since() else { return Plan::Nothing };
    let longest = Instant::now() + pooled.life_left();
    if pool.version.settings.is_awake() {
        return Plan::SpinDown(longest);
    }
    if done.frozen != Some(since) {
        return Plan::Freeze(since + FREEZE_AFTER);
    }
    // Some are always kept, as long as they can be: another takes their place then.
    let kept = pooled.provisioned || pool.keeps_last();
    let end = if kept { longest } else { since + shared.config.keep_warm };
    let page_out = shared.config.page_out_after.map(|after| since + after);
    match page_out.filter(|at| *at < end && done.paged_out != Some(since)) {
        // Those that were asked for by number are to answer at once.
        Some(at) if !pooled.provisioned => Plan::PageOut(at),
        _ => Plan::SpinDown(end),
    }
}

async fn freeze_where_due(pooled: &Pooled) -> Option<Instant> {
    let since = pooled.idle_since()?;
    if since.elapsed() < FREEZE_AFTER {
        return None;
    }
    pooled.freeze().await;
    Some(since)
}

fn ended_by_itself(pool: &Arc<Pool>, pooled: &Arc<Pooled>, cause: crate::port::ExitCause) {
    // In this order: whoever gives it back after this looks at `gone`, whoever did so before is found idle.
    pooled.gone.cancel();
    if pool.withdraw(pooled) {
        tracing::info!(function = %pool.version.name, log_stream = pooled.logs.name(), %cause, "an idle instance ended");
        pool.end(pooled.clone(), "failure");
    }
}
