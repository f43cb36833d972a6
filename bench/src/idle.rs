//! What a server costs that has nothing to do.

use std::time::Duration;

use anyhow::Result;

use crate::functions::{App, NODE};
use crate::ours::Ebb;
use crate::row::Row;
use crate::{Effort, load, median, process};

/// Functions that are deployed, and how many of them have an instance.
const FUNCTIONS: usize = 1_000;
const FROZEN: usize = 100;

/// How long the processor is watched.
const WATCHED: Duration = Duration::from_secs(20);

pub(crate) async fn measure(effort: Effort) -> Result<Vec<Row>> {
    let (mut starts, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let ebb = Ebb::start("").await?;
        starts.push(ebb.start.as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(500)).await;
        // The launcher as well, which is the same program: what both have of it counts once.
        let all = process::descendants(ebb.pid()?)?.into_iter().chain([ebb.pid()?]);
        let mib = all.map(process::proportional_mib).sum::<Result<f64>>()?;
        memory.push(mib * 1024.0 * 1024.0 / 1e6);
        ebb.stop().await?;
    }
    Ok(vec![
        Row::at_most("a fresh server: start to ready, p50", "ms", median(starts.clone()), 30.0)
            .spread(&starts, &[30.0]),
        Row::at_most("a fresh server: memory of all its processes", "MB", median(memory.clone()), 20.0)
            .spread(&memory, &[20.0]),
        processor_use().await?,
    ])
}

/// With many functions and frozen instances, and no traffic.
async fn processor_use() -> Result<Row> {
    let ebb = Ebb::start("").await?;
    let app = App::new("idle").several(NODE, FUNCTIONS);
    ebb.deploy(&app).await?;
    for number in 0..FROZEN {
        load::once(&ebb.address(&app, NODE, number)).await?;
    }
    // The stock is filled up again, instances are frozen.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let used = || -> Result<Duration> {
        let below = process::descendants(ebb.pid()?)?;
        Ok(below.into_iter().chain([ebb.pid()?]).map(process::processor_time).sum())
    };
    let before = used()?;
    tokio::time::sleep(WATCHED).await;
    let share = (used()? - before).as_secs_f64() / WATCHED.as_secs_f64();
    ebb.stop().await?;
    let what = format!("processor use with {FUNCTIONS} functions, {FROZEN} frozen instances and no traffic");
    Ok(Row::at_most(what, "% of a core", share * 100.0, 0.1))
}
