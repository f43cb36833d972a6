//! The second instance of a function whose initialisation is dear: it makes an SDK client as it is imported.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::functions::{App, BOTO3};
use crate::load::{self, Address};
use crate::ours::Ebb;
use crate::packages::Packages;
use crate::row::{Row, Target};
use crate::{Effort, median, peers};

/// Between a first instance and the second.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) async fn measure(effort: Effort) -> Result<Vec<Row>> {
    let count = effort.rounds;
    let ebb = Ebb::start("").await?;
    let app = App::new("second").several(BOTO3, count);
    ebb.deploy(&app).await?;
    let python = Packages::install().await?.python();
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for number in 0..count {
        let address = ebb.address(&app, BOTO3, number);
        load::once(&address).await?;
        tokio::time::sleep(PAUSE).await;
        // While the first instance is busy.
        let busy = Address { path: format!("{}?wait", address.path), ..address.clone() };
        let busy = tokio::spawn(async move { load::once(&busy).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        ours.push(load::once(&address).await?.as_secs_f64() * 1e3);
        busy.await??;
        other.push(bare_import(&python).await?.as_secs_f64() * 1e3);
    }
    ebb.stop().await?;
    let what = "second instance of a Python function that makes a boto3 client, to the answer, p50, against a plain start of the same";
    let row = Row::new(what, "ms", median(ours.clone()), median(other.clone()), Target::AtMost(0.05));
    Ok(vec![row.spread(&ours, &other)])
}

/// A plain interpreter that imports the handler and ends.
async fn bare_import(python: &Path) -> Result<Duration> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions/boto3");
    let mut command = peers::clean("env");
    command.arg(python).args(["-B", "-c", "import app"]).env("PYTHONPATH", folder);
    let start = Instant::now();
    let status = command.status().await?;
    if !status.success() {
        bail!("the handler cannot be imported: {status}");
    }
    Ok(start.elapsed())
}
