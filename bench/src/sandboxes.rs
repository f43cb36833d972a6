//! Sandboxes started and reaped in a second: the whole sandbox as instances have it, with a static binary in it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use ebb_sandbox::{Command, ExitStatus, Launcher, Limits, Mount, Network, SandboxSpec};

use crate::row::Row;
use crate::{Effort, median};

/// Under way at one time: enough to keep both sides of the work busy.
const AT_ONCE: usize = 8;

pub(crate) async fn measure(launcher: &Launcher, effort: Effort) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let binary = compile(folder.path()).await?;
    let mut rates = Vec::new();
    for _ in 0..effort.rounds {
        let start = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..AT_ONCE {
            let (launcher, binary) = (launcher.clone(), binary.clone());
            tasks.spawn(async move {
                let mut count = 0_u32;
                while start.elapsed().as_secs_f64() < effort.seconds {
                    one(&launcher, &binary).await?;
                    count += 1;
                }
                Ok::<_, anyhow::Error>(count)
            });
        }
        let mut count = 0;
        while let Some(done) = tasks.join_next().await {
            count += done??;
        }
        rates.push(f64::from(count) / start.elapsed().as_secs_f64());
    }
    let row =
        Row::at_least("sandboxes started and reaped, static binary", "/s", median(rates.clone()), 500.0);
    Ok(vec![row.spread(&rates, &[500.0])])
}

/// From nothing to a program that has ended in a sandbox that is gone.
async fn one(launcher: &Launcher, binary: &Path) -> Result<()> {
    let program = PathBuf::from("/var/task/bootstrap");
    let sandbox = launcher
        .create(SandboxSpec {
            name: "bench".to_owned(),
            mounts: vec![Mount::Bind { source: binary.to_owned(), target: program.clone() }],
            tmp_bytes: 512 << 20,
            limits: Limits { memory_bytes: 512 << 20, cpu_millis: None, processes: 1024, open_files: 1024 },
            network: Network::Outbound,
            listen: vec![9001, 9002],
        })
        .await?;
    let process = sandbox
        .spawn(Command {
            program,
            args: Vec::new(),
            env: Vec::new(),
            directory: "/".into(),
            descriptors: Vec::new(),
        })
        .await?;
    let status = process.wait().await;
    if !matches!(status, ExitStatus::Code(0)) {
        bail!("the program failed: {status:?}");
    }
    sandbox.destroy().await;
    Ok(())
}

async fn compile(folder: &Path) -> Result<PathBuf> {
    let binary = folder.join("true");
    std::fs::write(folder.join("true.rs"), "fn main() {}\n")?;
    let built = tokio::process::Command::new("rustc")
        .args(["-O", "-C", "target-feature=+crt-static", "true.rs", "-o"])
        .arg(&binary)
        .current_dir(folder)
        .status()
        .await?;
    if !built.success() {
        bail!("the static binary could not be built");
    }
    Ok(binary)
}
