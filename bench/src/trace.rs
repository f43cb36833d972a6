//! An hour of a platform with many functions, of which few get most of the requests, replayed in a minute: our policy of
//! what stays warm against a fixed keep-alive.
//!
//! The shape is that of M. Shahrad et al., "Serverless in the Wild: Characterizing and Optimizing the Serverless Workload
//! at a Large Cloud Provider" (ATC 2020): rates that span many orders of magnitude. Here they follow Zipf's law and the
//! requests of each function come at random; the seed is fixed, so that every run replays the same. An hour becomes a
//! minute, the ten minutes for which platforms keep what is idle become ten seconds. The other side keeps instances by
//! that rule alone; ours may use as much memory as that took on average.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use crate::functions::{App, NODE};
use crate::ours::Ebb;
use crate::row::{Row, Target};
use crate::{Effort, load, process, quantile};

const LENGTH: Duration = Duration::from_secs(60);
/// Requests for each function, on average.
const REQUESTS: usize = 3;
const SEED: u64 = 2019;
/// Between two looks at the memory.
const LOOK: Duration = Duration::from_secs(2);
/// The least budget that a server takes.
const LEAST_BUDGET_MIB: f64 = 128.0;

pub(crate) async fn measure(effort: Effort) -> Result<Vec<Row>> {
    let functions = effort.traced_functions;
    let trace = trace(functions, functions * REQUESTS);
    let fixed = replay(functions, &trace, "keep_warm_seconds = 10\n").await?;
    let budget = fixed.memory_mib.max(LEAST_BUDGET_MIB);
    let ours = replay(functions, &trace, &format!("memory_budget_mib = {budget:.0}\n")).await?;
    let row = |what: &str, unit, figure: fn(&Replayed) -> f64| {
        let what = format!(
            "a trace of {functions} functions, {} requests: {what}, against a fixed keep-alive",
            trace.len()
        );
        Row::new(what, unit, figure(&ours), figure(&fixed), Target::None)
    };
    Ok(vec![
        row("share of cold starts", "share", |replayed| replayed.cold),
        row("p50", "ms", |replayed| quantile(replayed.latencies.clone(), 0.5)),
        row("p99", "ms", |replayed| quantile(replayed.latencies.clone(), 0.99)),
        row("memory of all processes, on average", "MiB", |replayed| replayed.memory_mib),
    ])
}

/// What a server did with a trace.
struct Replayed {
    /// Starts of instances by requests.
    cold: f64,
    /// In milliseconds.
    latencies: Vec<f64>,
    memory_mib: f64,
}

/// Requests by their time, with the number of the function that each goes to.
fn trace(functions: usize, requests: usize) -> Vec<(Duration, usize)> {
    let mut random = Random(SEED);
    let weight = |rank: usize| 1.0 / (rank + 1) as f64;
    let total: f64 = (0..functions).map(weight).sum();
    let mut trace: Vec<_> = (0..requests)
        .map(|_| {
            let mut left = random.share() * total;
            let function = (0..functions).find(|rank| {
                left -= weight(*rank);
                left <= 0.0
            });
            (LENGTH.mul_f64(random.share()), function.unwrap_or(functions - 1))
        })
        .collect();
    trace.sort_unstable();
    trace
}

/// Numbers that look random and are the same in every run: G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom
/// number generators" (OOPSLA 2014).
struct Random(u64);

impl Random {
    /// At least 0 and less than 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

async fn replay(functions: usize, trace: &[(Duration, usize)], config: &str) -> Result<Replayed> {
    let ebb = Ebb::start(config).await?;
    let app = App::new("trace").several(NODE, functions);
    ebb.deploy(&app).await?;
    let (begin, server) = (Instant::now(), ebb.pid()?);
    let memory = tokio::spawn(mean_memory(server, begin + LENGTH));
    let mut requests = Vec::new();
    for (at, function) in trace {
        tokio::time::sleep_until(begin + *at).await;
        let address = ebb.address(&app, NODE, *function);
        requests.push(tokio::spawn(async move { load::once(&address).await }));
    }
    let mut latencies = Vec::new();
    for request in requests {
        latencies.push(request.await??.as_secs_f64() * 1e3);
    }
    let memory_mib = memory.await?;
    let cold = ebb.api()?.counter("ebb_function_cold_starts_total").await? / trace.len() as f64;
    ebb.stop().await?;
    Ok(Replayed { cold, latencies, memory_mib })
}

/// Of all processes of a server, until then.
async fn mean_memory(server: u32, until: Instant) -> f64 {
    let (mut sum, mut looks) = (0.0, 0);
    while Instant::now() < until {
        tokio::time::sleep(LOOK).await;
        let processes = process::descendants(server).unwrap_or_default();
        // One that has ended meanwhile takes none.
        sum += processes.into_iter().filter_map(|pid| process::proportional_mib(pid).ok()).sum::<f64>();
        looks += 1;
    }
    sum / f64::from(looks.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_the_same_every_time_and_few_functions_get_most_of_it() {
        let made = trace(1_000, 3_000);
        assert_eq!(made, trace(1_000, 3_000));
        assert!(made.is_sorted() && made.last().unwrap().0 < LENGTH);
        let of_the_first = made.iter().filter(|(_, function)| *function < 100).count();
        assert!((1_800..2_400).contains(&of_the_first), "{of_the_first}");
    }
}
