//! What the kernel says of processes: who descends from whom, their memory, their processor time.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Ticks a second in `/proc/PID/stat`: the kernel's fixed USER_HZ.
const TICKS: f64 = 100.0;

/// Every process below `root`, without it.
pub(crate) fn descendants(root: u32) -> Result<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc")?.filter_map(Result::ok) {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = stat_field(pid, 1) {
            children.entry(parent as u32).or_default().push(pid);
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

/// A numeric field of `/proc/PID/stat`, counted from the state (0); nothing where the process is gone.
fn stat_field(pid: u32, place: usize) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command, in parentheses, may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(place)?.parse().ok()
}

/// The program that it runs.
pub(crate) fn program(pid: u32) -> Option<String> {
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(path.to_string_lossy().into_owned())
}

/// Memory that it alone uses and its share of what it shares, in MiB: what would be free without it.
pub(crate) fn proportional_mib(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    kib(&text, "Pss:").context("the kernel reports Pss").map(|kib| kib / 1024.0)
}

/// Memory of it that is in RAM, shared or not, in MB.
pub(crate) fn resident_mb(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    kib(&text, "VmRSS:").context("the kernel reports VmRSS").map(|kib| kib * 1024.0 / 1e6)
}

fn kib(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.trim().parse().ok())
}

/// Processor time that it has used.
pub(crate) fn processor_time(pid: u32) -> Duration {
    let ticks: u64 = [11, 12].iter().filter_map(|place| stat_field(pid, *place)).sum();
    Duration::from_secs_f64(ticks as f64 / TICKS)
}
