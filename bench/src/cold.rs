//! Cold starts: the first request to a function that has no instance, to its answer over HTTP, against the bare
//! interpreter or process from spawn to exit.

use std::time::Duration;

use anyhow::Result;

use crate::functions::{App, Kind, NODE, PYTHON, STATIC, WASM};
use crate::ours::Ebb;
use crate::row::{Row, Target};
use crate::{Effort, load, peers, quantile};

/// Time for the stock to be filled up again after a cold start took from it.
const REFILL: Duration = Duration::from_millis(300);

/// What a kind is held against.
struct Bare {
    kind: Kind,
    program: &'static str,
    arguments: &'static [&'static str],
}

const NODE_BARE: Bare = Bare { kind: NODE, program: "/usr/bin/node", arguments: &["-e", "0"] };
const PYTHON_BARE: Bare = Bare { kind: PYTHON, program: "/usr/bin/python3", arguments: &["-c", "pass"] };
const STATIC_BARE: Bare = Bare { kind: STATIC, program: "/bin/true", arguments: &[] };

pub(crate) async fn measure(effort: Effort) -> Result<Vec<Row>> {
    let app = |name, bare: &[&Bare]| {
        bare.iter().fold(App::new(name), |app, bare| app.several(bare.kind, effort.cold_starts))
    };
    let stocked = Run::start(
        "",
        app("stocked", &[&NODE_BARE, &PYTHON_BARE, &STATIC_BARE]).several(WASM, effort.cold_starts),
    )
    .await?;
    let node = stocked.against(&NODE_BARE, effort, REFILL).await?;
    let python = stocked.against(&PYTHON_BARE, effort, REFILL).await?;
    let program = stocked.against(&STATIC_BARE, effort, REFILL).await?;
    let components = stocked.first_answers(WASM, effort).await?;
    let workers = stocked.first_answers_of_workers(effort).await?;
    let api = stocked.ebb.api()?;
    let hits = api.counter("ebb_stock_hits_total").await?;
    let starts = hits + api.counter("ebb_stock_misses_total").await?;
    stocked.ebb.stop().await?;
    let bare = app("bare", &[&NODE_BARE, &PYTHON_BARE, &STATIC_BARE]);
    let bare = Run::start("stock_instances = 0\n", bare).await?;
    let rows = vec![
        node.row("cold node, from the stock, p50", 0.5, Target::AtMost(0.4)),
        node.row("cold node, from the stock, p99 (against p99)", 0.99, Target::AtMost(1.0)),
        python.row("cold python, from the stock, p50", 0.5, Target::AtMost(0.6)),
        program.row("cold static binary, in a sandbox from the stock, p50", 0.5, Target::AtMost(4.0)),
        first_answer("cold wasm component", &components, 1.0),
        first_answer("cold worker", &workers, 15.0),
        Row::new(
            "cold starts that found one in stock, one at a time",
            "share",
            hits / starts,
            1.0,
            Target::None,
        ),
        bare.against(&NODE_BARE, effort, Duration::ZERO).await?.row(
            "cold node, without a stock, p50",
            0.5,
            Target::AtMost(1.6),
        ),
        bare.against(&PYTHON_BARE, effort, Duration::ZERO).await?.row(
            "cold python, without a stock, p50",
            0.5,
            Target::None,
        ),
        bare.against(&STATIC_BARE, effort, Duration::ZERO).await?.row(
            "cold static binary, without a stock, p50",
            0.5,
            Target::None,
        ),
    ];
    bare.ebb.stop().await?;
    Ok(rows)
}

/// A server with functions of which none has run.
struct Run {
    ebb: Ebb,
    app: App,
}

impl Run {
    async fn start(config: &str, app: App) -> Result<Self> {
        let ebb = Ebb::start(config).await?;
        ebb.deploy(&app).await?;
        tokio::time::sleep(REFILL).await;
        Ok(Self { ebb, app })
    }

    /// Calls each function of a kind once; what each took, in milliseconds.
    async fn first_answers(&self, kind: Kind, effort: Effort) -> Result<Vec<f64>> {
        let mut took = Vec::new();
        for number in 0..effort.cold_starts {
            tokio::time::sleep(REFILL).await;
            took.push(milliseconds(load::once(&self.ebb.address(&self.app, kind, number)).await?));
        }
        Ok(took)
    }

    /// The same of workers, each of which is an app.
    async fn first_answers_of_workers(&self, effort: Effort) -> Result<Vec<f64>> {
        let mut took = Vec::new();
        for number in 0..effort.cold_starts {
            let worker = self.ebb.deploy_worker(&format!("worker-{number}")).await?;
            tokio::time::sleep(REFILL).await;
            took.push(milliseconds(load::once(&worker).await?));
        }
        Ok(took)
    }

    /// Calls each function of a kind once, with `pause` after each, in turns with the bare process.
    async fn against(&self, bare: &Bare, effort: Effort, pause: Duration) -> Result<Turns> {
        let command = [&[bare.program], bare.arguments].concat().join(" ");
        let mut turns = Turns { command, ours: Vec::new(), other: Vec::new() };
        for number in 0..effort.cold_starts {
            tokio::time::sleep(pause).await;
            turns.ours.push(milliseconds(load::once(&self.ebb.address(&self.app, bare.kind, number)).await?));
            tokio::time::sleep(pause).await;
            turns.other.push(milliseconds(peers::spawn(bare.program, bare.arguments).await?));
        }
        Ok(turns)
    }
}

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// Against a figure, since there is nothing to hold it against.
fn first_answer(what: &str, took: &[f64], figure: f64) -> Row {
    let what = format!("{what}, from the stock, p50, to the answer over HTTP");
    Row::at_most(what, "ms", quantile(took.to_vec(), 0.5), figure).spread(took, &[figure])
}

struct Turns {
    command: String,
    ours: Vec<f64>,
    other: Vec<f64>,
}

impl Turns {
    fn row(&self, what: &str, share: f64, target: Target) -> Row {
        let (ours, other) = (quantile(self.ours.clone(), share), quantile(self.other.clone(), share));
        let what = format!("{what}, to the answer over HTTP, against `{}`", self.command);
        let row = Row::new(what, "ms", ours, other, target);
        if share == 0.5 { row.spread(&self.ours, &self.other) } else { row }
    }
}
