//! Warm requests over HTTP: latency at one connection, throughput at 32.

use anyhow::Result;

use crate::load::{self, Address};
use crate::ours::Ebb;
use crate::row::{Row, Target};
use crate::{Effort, median, peers};

/// The load that the throughput rows use.
const CONNECTIONS: usize = 32;

pub(crate) async fn measure(ebb: &Ebb, effort: Effort) -> Result<Vec<Row>> {
    let node = peers::server("node", "server.mjs").await?;
    let python = peers::server("python3", "server.py").await?;
    let bare = peers::hyper().await?;
    let mut rows = Vec::new();
    for (kind, name, peer, throughput) in [
        ("node", "Node `http` server, one process", &node, Target::AtLeast(0.6)),
        ("python", "Python `http.server`, one process", &python, Target::None),
        ("static", "bare hyper server", &bare, Target::None),
    ] {
        let ours = ebb.address(kind, 0);
        let turn = compare(&ours, &peer.address, CONNECTIONS, effort).await?;
        rows.push(Row::new(
            format!("warm {kind} over HTTP, {CONNECTIONS} connections, against {name}"),
            "req/s",
            turn.ours_throughput,
            turn.other_throughput,
            throughput,
        ));
        let turn = compare(&ours, &peer.address, 1, effort).await?;
        rows.push(Row::new(
            format!("warm {kind} over HTTP, 1 connection, p50, against {name}"),
            "µs",
            turn.ours_p50,
            turn.other_p50,
            Target::None,
        ));
    }
    Ok(rows)
}

/// Medians over the rounds.
struct Comparison {
    ours_throughput: f64,
    other_throughput: f64,
    ours_p50: f64,
    other_p50: f64,
}

/// Both sides take turns.
async fn compare(ours: &Address, other: &Address, connections: usize, effort: Effort) -> Result<Comparison> {
    // Instances and caches of both are warm before the first round counts.
    load::run(ours, connections, 0.5).await?;
    load::run(other, connections, 0.2).await?;
    let (mut our_turns, mut other_turns) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        our_turns.push(load::run(ours, connections, effort.seconds).await?);
        other_turns.push(load::run(other, connections, effort.seconds).await?);
    }
    let throughput = |turns: &[load::Load]| median(turns.iter().map(|turn| turn.throughput).collect());
    let p50 = |turns: &[load::Load]| median(turns.iter().map(|turn| turn.p50.as_secs_f64() * 1e6).collect());
    Ok(Comparison {
        ours_throughput: throughput(&our_turns),
        other_throughput: throughput(&other_turns),
        ours_p50: p50(&our_turns),
        other_p50: p50(&other_turns),
    })
}
