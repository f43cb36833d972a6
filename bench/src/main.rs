//! The benchmark: ours and others side by side, in one run, as ratios.
//!
//! Every figure is a median over several rounds, and the rounds of both sides take turns, so that a machine that is
//! busy for a moment is busy for both. See [`row::Row`] for what is printed and written.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks on its standard streams"
)]

mod api;
mod brokers;
mod burst;
mod chart;
mod cold;
mod events;
mod functions;
mod growth;
mod idle;
mod load;
mod memory;
mod ours;
mod packages;
mod peers;
mod process;
mod queue;
mod row;
mod sandboxes;
mod second;
mod trace;
mod warm;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use ebb_sandbox::LauncherOptions;

use crate::row::Row;

const USAGE: &str = "usage: cargo xtask bench [--quick] [--only SECTION,…] [--json FILE] [--svg FILE]";

/// The sections, in the order in which they run.
const SECTIONS: [&str; 10] =
    ["warm", "cold", "second", "burst", "sandboxes", "memory", "idle", "trace", "growth", "events"];

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Turns that each side takes.
    rounds: usize,
    /// Seconds of load in one turn.
    seconds: f64,
    /// Cold starts of each kind.
    cold_starts: usize,
    /// Functions of a server with many.
    functions: usize,
    /// Functions that a trace has requests for.
    traced_functions: usize,
    /// Messages in a long queue.
    queued: usize,
    /// Rules of a bus with many.
    rules: usize,
}

struct Options {
    effort: Effort,
    sections: Vec<String>,
    json: Option<PathBuf>,
    svg: Option<PathBuf>,
}

fn options() -> Result<Options> {
    let effort = Effort {
        rounds: 5,
        seconds: 2.0,
        cold_starts: 100,
        functions: 10_000,
        traced_functions: 1_000,
        queued: 1_000_000,
        rules: 10_000,
    };
    let sections = SECTIONS.map(str::to_owned).to_vec();
    let mut options = Options { effort, sections, json: None, svg: None };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => {
                options.effort = Effort {
                    rounds: 3,
                    seconds: 0.5,
                    cold_starts: 12,
                    functions: 1_000,
                    traced_functions: 200,
                    queued: 100_000,
                    rules: 1_000,
                };
            }
            "--only" => options.sections = sections_of(&args.next().context(USAGE)?)?,
            "--json" => options.json = Some(args.next().context(USAGE)?.into()),
            "--svg" => options.svg = Some(args.next().context(USAGE)?.into()),
            _ => bail!("{arg}: {USAGE}"),
        }
    }
    Ok(options)
}

fn sections_of(list: &str) -> Result<Vec<String>> {
    list.split(',')
        .map(|name| match SECTIONS.contains(&name) {
            true => Ok(name.to_owned()),
            false => bail!("{name}: no such section; there are {}", SECTIONS.join(", ")),
        })
        .collect()
}

fn main() -> Result<()> {
    // The launcher of sandboxes is this program again; it must be known before any thread exists.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == ebb_sandbox::Launcher::ARGUMENT) {
        ebb_sandbox::Launcher::run();
    }
    let options = options()?;
    let launcher = ebb_sandbox::Launcher::start_with(&LauncherOptions::default())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let rows = runtime.block_on(measure(&options, &launcher))?;
    print!("{}", row::table(&rows));
    if let Some(path) = &options.json {
        let text = serde_json::to_vec_pretty(&rows)?;
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &options.svg {
        std::fs::write(path, chart::svg(&rows)).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

async fn measure(options: &Options, launcher: &ebb_sandbox::Launcher) -> Result<Vec<Row>> {
    ours::check()?;
    let effort = options.effort;
    let mut rows = Vec::new();
    for section in &options.sections {
        eprintln!("measuring: {section}");
        let measured = match section.as_str() {
            "warm" => warm::measure(effort).await,
            "cold" => cold::measure(effort).await,
            "second" => second::measure(effort).await,
            "burst" => burst::measure().await,
            "sandboxes" => sandboxes::measure(launcher, effort).await,
            "memory" => memory::measure().await,
            "idle" => idle::measure(effort).await,
            "trace" => trace::measure(effort).await,
            "events" => events::measure(effort).await,
            _ => growth::measure(effort).await,
        };
        rows.extend(measured.with_context(|| format!("section {section}"))?);
    }
    Ok(rows)
}

/// The middle one.
pub(crate) fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this share of the values lies.
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * share) as usize;
    values.get(place.min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
