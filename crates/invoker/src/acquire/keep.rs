//! Looks after one instance while it is idle: freezes it, ends it when it has been idle for long, notices that it
//! ended by itself.

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
    SpinDown(Instant),
}

/// The keeper's whole life, which ends with the instance or the server.
pub(crate) async fn keep(shared: Arc<Shared>, pool: Arc<Pool>, pooled: Arc<Pooled>) {
    let instance = pooled.instance.clone();
    let mut exited = instance.exited();
    let mut frozen_since = None;
    loop {
        // Not armed before the look at the idleness: an instance that becomes idle after it finds the keeper unarmed,
        // and wakes it.
        pooled.keeper_armed.store(false, Relaxed);
        let plan = plan(&shared, &pool, &pooled, frozen_since);
        let until = match plan {
            Plan::Freeze(until) => {
                pooled.keeper_armed.store(true, Relaxed);
                Some(until)
            }
            Plan::SpinDown(until) => Some(until),
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
                if let Plan::SpinDown(_) = plan {
                    // Others may have gone since it was planned.
                    let needed = pool.keeps_last() && !pooled.life_left().is_zero();
                    if !needed && pool.withdraw(&pooled) {
                        pool.end(pooled, "spindown");
                        return;
                    }
                } else {
                    frozen_since = freeze_where_due(&pooled).await;
                }
            }
        }
    }
}

/// `frozen_since` is the beginning of the idleness in which it was frozen: a later one needs another freeze.
fn plan(shared: &Shared, pool: &Pool, pooled: &Pooled, frozen_since: Option<Instant>) -> Plan {
    match pooled.idle_since() {
        None => Plan::Nothing,
        Some(_) if pool.version.settings.is_awake() => Plan::SpinDown(Instant::now() + pooled.life_left()),
        Some(since) if frozen_since != Some(since) => Plan::Freeze(since + FREEZE_AFTER),
        // Always kept, as long as it can be: another takes its place then.
        Some(_) if pooled.provisioned || pool.keeps_last() => {
            Plan::SpinDown(Instant::now() + pooled.life_left())
        }
        Some(since) => Plan::SpinDown(since + shared.config.keep_warm),
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
