//! The benchmark: ours and others side by side, in one run, as ratios.
//!
//! Every figure is a median over several rounds, and the rounds of both sides take turns, so that a machine that is
//! busy for a moment is busy for both. See [`row::Row`] for what is printed and written.
#![expect(clippy::print_stdout, reason = "a command line tool talks on standard output")]

mod cold;
mod load;
mod memory;
mod ours;
mod peers;
mod row;
mod warm;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::ours::Ebb;

const USAGE: &str = "usage: cargo xtask bench [--quick] [--json FILE]";

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Turns that each side takes.
    rounds: usize,
    /// Seconds of load in one turn.
    seconds: f64,
    /// Cold starts of each kind.
    cold_starts: usize,
}

struct Options {
    effort: Effort,
    json: Option<PathBuf>,
}

fn options() -> Result<Options> {
    let mut options = Options { effort: Effort { rounds: 5, seconds: 2.0, cold_starts: 30 }, json: None };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => options.effort = Effort { rounds: 3, seconds: 0.5, cold_starts: 8 },
            "--json" => options.json = Some(args.next().context(USAGE)?.into()),
            _ => bail!("{arg}: {USAGE}"),
        }
    }
    Ok(options)
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = options()?;
    let ebb = Ebb::start(options.effort).await?;
    let mut rows = warm::measure(&ebb, options.effort).await?;
    rows.extend(cold::measure(&ebb, options.effort).await?);
    rows.extend(memory::measure(&ebb).await?);
    print!("{}", row::table(&rows));
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&rows)?)
            .with_context(|| path.display().to_string())?;
    }
    ebb.stop().await
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
