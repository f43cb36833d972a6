//! Memory of idle instances, by their proportional set size (what each would free by ending).

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::functions::{App, NODE, PYTHON};
use crate::ours::Ebb;
use crate::row::{Row, Target};
use crate::{load, peers, process};

/// Instances of each kind: what they share is shared by as many.
const INSTANCES: usize = 8;

pub(crate) async fn measure() -> Result<Vec<Row>> {
    // Without a stock every interpreter that runs is an instance of a function.
    let ebb = Ebb::start("stock_instances = 0\n").await?;
    let app = App::new("memory").several(NODE, INSTANCES).several(PYTHON, INSTANCES);
    ebb.deploy(&app).await?;
    let mut rows = Vec::new();
    for (kind, program, args) in [
        (NODE, "/usr/bin/node", ["-e", "setTimeout(() => {}, 60000)"]),
        (PYTHON, "/usr/bin/python3", ["-c", "import time; time.sleep(60)"]),
    ] {
        let mut bare = Vec::new();
        for number in 0..INSTANCES {
            load::once(&ebb.address(&app, kind, number)).await?;
            bare.push(peers::clean(program).args(args).kill_on_drop(true).spawn()?);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let own = process::descendants(ebb.pid()?)?;
        let own =
            own.into_iter().filter(|pid| process::program(*pid).is_some_and(|path| path.contains(kind.name)));
        let own = own.map(process::proportional_mib).collect::<Result<Vec<_>>>()?;
        let pids = bare.iter().map(|child| child.id().context("it runs"));
        let other = pids.map(|pid| process::proportional_mib(pid?)).collect::<Result<Vec<_>>>()?;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let name = kind.name;
        rows.push(
            Row::new(
                format!(
                    "memory of an idle {name} instance, of {INSTANCES}, against as many idle `{program}`"
                ),
                "MiB",
                mean(&own),
                mean(&other),
                Target::None,
            )
            .spread(&own, &other),
        );
    }
    ebb.stop().await?;
    Ok(rows)
}
