//! Counting memory and processor time where no cgroup does: every process inside is visible from process 1.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

use crate::spec::Usage;

/// How often the processes are counted.
pub(super) const INTERVAL_MILLISECONDS: u16 = 100;

/// Adds up what the processes use, and kills the largest when they have more than the limit: late by up to the
/// interval, and shared pages count for each process, but a limit all the same.
#[derive(Debug)]
pub(super) struct Watch {
    limit: u64,
    page_bytes: u64,
    last: Option<Instant>,
    usage: Usage,
}

impl Watch {
    pub(super) fn new(limit: u64) -> Self {
        let page_bytes =
            sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|size| u64::try_from(size).ok());
        Self { limit, page_bytes: page_bytes.unwrap_or(4096), last: None, usage: Usage::default() }
    }

    /// Counts if the interval is over. Something to report if anything changed.
    pub(super) fn sample(&mut self) -> Option<Usage> {
        let interval = Duration::from_millis(INTERVAL_MILLISECONDS.into());
        if self.last.is_some_and(|last| last.elapsed() < interval) {
            return None;
        }
        self.last = Some(Instant::now());
        let before = self.usage;
        self.count();
        (self.usage != before).then_some(self.usage)
    }

    /// What is known now that a process has ended; its own peak included.
    pub(super) fn after_exit(&mut self) -> Usage {
        if let Ok(ended) = getrusage(UsageWho::RUSAGE_CHILDREN) {
            let peak = u64::try_from(ended.max_rss()).unwrap_or(0) * 1024;
            self.usage.peak_memory_bytes = self.usage.peak_memory_bytes.max(peak);
            let cpu = time(ended.user_time()) + time(ended.system_time());
            self.usage.cpu = self.usage.cpu.max(cpu);
        }
        self.usage
    }

    fn count(&mut self) {
        let mut total = 0;
        let mut cpu = Duration::ZERO;
        let mut largest = (0, None);
        for pid in processes() {
            let bytes = self.resident(pid).unwrap_or(0);
            cpu += processor_time(pid).unwrap_or_default();
            total += bytes;
            if bytes > largest.0 {
                largest = (bytes, Some(pid));
            }
        }
        self.usage.memory_bytes = total;
        self.usage.peak_memory_bytes = self.usage.peak_memory_bytes.max(total);
        self.usage.cpu = self.usage.cpu.max(cpu);
        if total > self.limit
            && let Some(pid) = largest.1
            && kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok()
        {
            self.usage.out_of_memory_kills += 1;
        }
    }

    /// Memory of its own, without what it shares: files of programs and libraries, but `/tmp` as well.
    fn resident(&self, pid: i32) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        let mut pages = status.split(' ').skip(1).map(|field| field.parse::<u64>().unwrap_or(0));
        let (resident, shared) = (pages.next()?, pages.next()?);
        Some(resident.saturating_sub(shared) * self.page_bytes)
    }
}

/// Every process inside but this one.
fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| *pid != 1)
}

fn processor_time(pid: i32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; user and system time are fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|hz| u64::try_from(hz).ok())?;
    Some(Duration::from_millis(ticks * 1000 / per_second))
}

fn time(value: nix::sys::time::TimeVal) -> Duration {
    Duration::from_micros(u64::try_from(value.tv_sec() * 1_000_000 + value.tv_usec()).unwrap_or(0))
}
