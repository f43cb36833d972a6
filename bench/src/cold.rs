//! Cold starts: the first request to a function that has no instance, to its answer over HTTP, against the bare
//! interpreter or process from spawn to exit.

use anyhow::Result;

use crate::ours::Ebb;
use crate::row::{Row, Target};
use crate::{Effort, load, median, peers};

pub(crate) async fn measure(ebb: &Ebb, effort: Effort) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (kind, program, args, target) in [
        ("node", "/usr/bin/node", &["-e", "0"][..], Target::AtMost(1.6)),
        ("python", "/usr/bin/python3", &["-c", "pass"][..], Target::AtMost(0.6)),
        ("static", "/bin/true", &[][..], Target::AtMost(4.0)),
    ] {
        let (mut ours, mut other) = (Vec::new(), Vec::new());
        for number in 1..=effort.cold_starts {
            ours.push(load::once(&ebb.address(kind, number)).await?.as_secs_f64() * 1e3);
            other.push(peers::spawn(program, args).await?.as_secs_f64() * 1e3);
        }
        let name = [&[program], args].concat().join(" ");
        rows.push(Row::new(
            format!("cold {kind} to first answer over HTTP, p50, against `{name}`"),
            "ms",
            median(ours),
            median(other),
            target,
        ));
    }
    Ok(rows)
}
