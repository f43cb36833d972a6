//! Warm requests over HTTP: throughput at 32 connections with as many instances as cores, latency at one.

use anyhow::Result;

use crate::functions::{App, Kind, NODE, NODE_SHARED, PYTHON, RUST, STATIC, WASM, WORKER};
use crate::load::{self, Address, Load};
use crate::ours::Ebb;
use crate::packages::Packages;
use crate::peers::{self, Peer};
use crate::row::{Row, Target};
use crate::{Effort, median};

/// The load that the throughput rows use.
const CONNECTIONS: usize = 32;

pub(crate) async fn measure(effort: Effort) -> Result<Vec<Row>> {
    let cores = std::thread::available_parallelism()?.get();
    let ebb = Ebb::start("").await?;
    let kinds = [NODE, NODE_SHARED, PYTHON, STATIC, RUST, WASM];
    let app = kinds.iter().fold(App::new("warm"), |app, kind| app.several(*kind, 1));
    ebb.deploy(&app).await?;
    let worker = ebb.deploy_worker(WORKER.name).await?;
    for kind in kinds {
        ebb.api()?.reserve(&app.function(kind, 0), cores * kind.concurrency).await?;
    }
    let warm = Warm {
        ours: |kind| vec![if kind == WORKER { worker.clone() } else { ebb.address(&app, kind, 0) }],
        effort,
        cores,
    };
    let mut rows = warm.against_plain_servers().await?;
    rows.extend(warm.against_packages(&Packages::install().await?).await?);
    ebb.stop().await?;
    Ok(rows)
}

struct Warm<F> {
    ours: F,
    effort: Effort,
    cores: usize,
}

impl<F: Fn(Kind) -> Vec<Address>> Warm<F> {
    /// The same handlers in the plainest servers that there are.
    async fn against_plain_servers(&self) -> Result<Vec<Row>> {
        let node = Peer::several(self.cores, || peers::server("node", "server.mjs")).await?;
        let python = Peer::several(self.cores, || peers::server("python3", "server.py")).await?;
        let hyper = vec![peers::hyper().await?];
        let gateway = vec![peers::gateway(&node).await?];
        let mut rows = Vec::new();
        for (kind, name, peers, throughput, latency) in [
            (NODE, "plain Node `http`", &node, Target::AtLeast(0.6), Target::AtMostMore(150.0)),
            (NODE_SHARED, "plain Node `http`", &node, Target::AtLeast(0.6), Target::AtMostMore(150.0)),
            (PYTHON, "plain Python `http.server`", &python, Target::None, Target::AtMostMore(150.0)),
            (STATIC, "bare hyper", &hyper, Target::None, Target::None),
            (WASM, "bare hyper", &hyper, Target::None, Target::None),
        ] {
            rows.push(self.throughput(kind, name, peers, throughput).await?);
            let turns = compare(&(self.ours)(kind), &addresses(peers), 1, self.effort).await?;
            let what = format!("warm {} over HTTP, one connection, p50, against {name}", kind.name);
            rows.push(turns.row(what, "µs", latency, |load| load.p50.as_secs_f64() * 1e6));
        }
        rows.push(
            self.throughput(
                NODE,
                "a bare hyper gateway before the plain Node servers",
                &gateway,
                Target::None,
            )
            .await?,
        );
        Ok(rows)
    }

    /// The same handlers in what people run on their own machines today. What does not start here is left out, and said.
    async fn against_packages(&self, packages: &Packages) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let mut add = async |kind, name: &str, started: Result<Vec<Peer>>, target| {
            match started {
                Ok(peers) => rows.push(self.throughput(kind, name, &peers, target).await?),
                Err(error) => eprintln!("not measured: {name}: {error:#}"),
            }
            Ok::<_, anyhow::Error>(())
        };
        let node = Peer::several(self.cores, || packages.functions_framework_node()).await;
        add(NODE, "Google's framework", node, Target::AtLeast(1.3)).await?;
        // It runs a function's events beside each other in one process, as shared instances do.
        for kind in [NODE, NODE_SHARED] {
            let offline = packages.serverless_offline().await.map(|peer| vec![peer]);
            add(kind, "`serverless-offline`", offline, Target::AtLeast(8.0)).await?;
        }
        let python = packages.functions_framework_python().await.map(|peer| vec![peer]);
        add(PYTHON, "Google's framework", python, Target::AtLeast(2.0)).await?;
        let cargo_lambda = packages.cargo_lambda().await.map(|peer| vec![peer]);
        add(RUST, "`cargo lambda watch`", cargo_lambda, Target::AtLeast(2.0)).await?;
        let workerd = packages.workerd().await.map(|peer| vec![peer]);
        add(WORKER, "plain workerd", workerd, Target::None).await?;
        let wasmtime = packages.wasmtime().await.map(|peer| vec![peer]);
        add(WASM, "`wasmtime serve`", wasmtime, Target::None).await?;
        Ok(rows)
    }

    async fn throughput(&self, kind: Kind, name: &str, peers: &[Peer], target: Target) -> Result<Row> {
        let turns = compare(&(self.ours)(kind), &addresses(peers), CONNECTIONS, self.effort).await?;
        let shared =
            if kind.concurrency > 1 { format!(" of {} events", kind.concurrency) } else { String::new() };
        let instances = if [WORKER, WASM].contains(&kind) { 1 } else { self.cores };
        let what = format!(
            "warm {} over HTTP, {CONNECTIONS} connections, {} instances{shared}, against {} of {name}",
            kind.name,
            instances,
            peers.len()
        );
        Ok(turns.row(what, "req/s", target, |load| load.throughput))
    }
}

fn addresses(peers: &[Peer]) -> Vec<Address> {
    peers.iter().map(|peer| peer.address.clone()).collect()
}

/// What each side did in its turns.
struct Turns {
    ours: Vec<Load>,
    other: Vec<Load>,
}

impl Turns {
    fn row(&self, what: String, unit: &'static str, target: Target, figure: impl Fn(&Load) -> f64) -> Row {
        let figures = |turns: &[Load]| turns.iter().map(&figure).collect::<Vec<_>>();
        let (ours, other) = (figures(&self.ours), figures(&self.other));
        Row::new(what, unit, median(ours.clone()), median(other.clone()), target).spread(&ours, &other)
    }
}

/// Both sides take turns.
async fn compare(ours: &[Address], other: &[Address], connections: usize, effort: Effort) -> Result<Turns> {
    // Instances and caches of both are warm before the first round counts.
    load::run(ours, connections, 1.0).await?;
    load::run(other, connections, 1.0).await?;
    let mut turns = Turns { ours: Vec::new(), other: Vec::new() };
    for _ in 0..effort.rounds {
        turns.ours.push(load::run(ours, connections, effort.seconds).await?);
        turns.other.push(load::run(other, connections, effort.seconds).await?);
    }
    Ok(turns)
}
