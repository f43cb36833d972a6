//! A thousand requests at once to a function that sleeps and may have fifty instances.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;

use crate::functions::{App, NODE};
use crate::ours::Ebb;
use crate::row::Row;
use crate::{load, process};

const REQUESTS: usize = 1_000;
const INSTANCES: usize = 50;

pub(crate) async fn measure() -> Result<Vec<Row>> {
    let ebb = Ebb::start("stock_instances = 0\n").await?;
    let app = App::new("burst").several(NODE, 1);
    ebb.deploy(&app).await?;
    ebb.api()?.reserve(&app.function(NODE, 0), INSTANCES).await?;
    let done = Arc::new(AtomicBool::new(false));
    let most = Arc::new(AtomicUsize::new(0));
    let watch = tokio::spawn({
        let (done, most, pid) = (done.clone(), most.clone(), ebb.pid()?);
        async move {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(instances(pid), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    let address = ebb.address(&app, NODE, 0);
    let requests: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let address = address.clone();
            tokio::spawn(async move { load::once(&address).await })
        })
        .collect();
    let mut answered = 0;
    for request in requests {
        answered += u32::from(request.await?.is_ok());
    }
    done.store(true, Ordering::Relaxed);
    watch.await?;
    ebb.stop().await?;
    let what = format!("{REQUESTS} first requests at once, {INSTANCES} instances allowed");
    Ok(vec![
        Row::at_least(format!("{what}: answered 200"), "requests", f64::from(answered), REQUESTS as f64),
        Row::at_most(
            format!("{what}: instances at one time"),
            "instances",
            most.load(Ordering::Relaxed) as f64,
            INSTANCES as f64,
        ),
    ])
}

/// Node processes below the server.
fn instances(server: u32) -> usize {
    let is_node = |pid: &u32| process::program(*pid).is_some_and(|path| path.ends_with("/node"));
    process::descendants(server).map_or(0, |pids| pids.iter().filter(|pid| is_node(pid)).count())
}
