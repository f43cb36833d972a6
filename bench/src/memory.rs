//! Memory of idle instances, by their proportional set size (what each would free by ending).

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, Result};

use crate::ours::Ebb;
use crate::peers;
use crate::row::{Row, Target};

pub(crate) async fn measure(ebb: &Ebb) -> Result<Vec<Row>> {
    let server = ebb.pid().context("the server runs")?;
    let mut rows = Vec::new();
    for (kind, program, args) in [
        ("node", "/usr/bin/node", ["-e", "setTimeout(() => {}, 60000)"]),
        ("python", "/usr/bin/python3", ["-c", "import time; time.sleep(60)"]),
    ] {
        let mut bare = peers::clean(program).args(args).kill_on_drop(true).spawn()?;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let other = proportional_mib(bare.id().context("it runs")?)?;
        let own: Vec<f64> = descendants(server)?
            .into_iter()
            .filter(|pid| command(*pid).is_some_and(|path| path.contains(kind)))
            .filter_map(|pid| proportional_mib(pid).ok())
            .collect();
        bare.kill().await?;
        rows.push(Row::new(
            format!("memory of an idle {kind} instance, against an idle `{program}`"),
            "MiB",
            own.iter().sum::<f64>() / own.len() as f64,
            other,
            Target::None,
        ));
    }
    Ok(rows)
}

/// Every process below `root`.
fn descendants(root: u32) -> Result<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc")?.filter_map(Result::ok) {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The command, in parentheses, may hold anything; the fields after it are state and parent.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let (mut found, mut open, mut seen) = (Vec::new(), vec![root], HashSet::new());
    while let Some(pid) = open.pop() {
        for child in children.get(&pid).into_iter().flatten().filter(|child| seen.insert(**child)) {
            found.push(*child);
            open.push(*child);
        }
    }
    Ok(found)
}

fn command(pid: u32) -> Option<String> {
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(path.to_string_lossy().into_owned())
}

fn proportional_mib(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    Ok(kib.context("the kernel reports Pss")? / 1024.0)
}
