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
/// interval, and without memory that no process has mapped, but a limit all the same.
#[derive(Debug)]
pub(super) struct Watch {
    limit: u64,
    last: Option<Instant>,
    usage: Usage,
}

impl Watch {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, last: None, usage: Usage::default() }
    }

    /// From now on this is the limit.
    pub(super) fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
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
        // The quick count takes what processes share once for each. It is all that is needed as long as it is small.
        let quick: u64 = processes().filter_map(Self::resident).sum();
        let precise = quick > self.limit;
        for pid in processes() {
            let bytes = Self::share(pid).filter(|_| precise).or_else(|| Self::resident(pid)).unwrap_or(0);
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

    /// What it has mapped, without files: memory of its own, and shared memory.
    fn resident(pid: i32) -> Option<u64> {
        kibibytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, &["RssAnon:", "RssShmem:"])
    }

    /// The same with its share only of what it shares, which takes the kernel a walk through all pages. Linux 5.9.
    fn share(pid: i32) -> Option<u64> {
        kibibytes(
            &fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?,
            &["Pss_Anon:", "Pss_Shmem:"],
        )
    }
}

/// The sum of the numbers after these names, all of which must be there, in bytes.
fn kibibytes(text: &str, names: &[&str]) -> Option<u64> {
    let number = |name: &&str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(*name))?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    names.iter().map(number).sum::<Option<u64>>().map(|sum| sum * 1024)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_was_written_to_whether_shared_or_not() {
        let status = "VmRSS:\t  9000 kB\nRssAnon:\t  100 kB\nRssFile:\t 7000 kB\nRssShmem:\t  20 kB\n";
        assert_eq!(kibibytes(status, &["RssAnon:", "RssShmem:"]), Some(120 * 1024));
        assert_eq!(kibibytes(status, &["RssAnon:", "Pss_Shmem:"]), None);
    }
}
