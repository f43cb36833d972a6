//! `ebb events`: what happened to events.

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use ebb_console::EventPage;
use ebb_model::Timestamp;
use ebb_store::trail::{Step, StepKind};
use http::Method;
use tokio::time::{MissedTickBehavior, interval};

use super::client::{Client, encode};
use super::logs::{Since, parse_since};
use super::output::{Output, Style};
use super::{ClientArgs, Failure};

/// Time between two looks.
const POLL: Duration = Duration::from_millis(500);
/// How far a look goes back before the newest step that was seen.
const OVERLAP_MILLIS: i64 = 5_000;
/// Steps that are shown where `--since` is not given.
const NEWEST: usize = 100;
/// Steps of one look.
const PAGE: usize = 5_000;

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// The id of an event: of an invocation, a message, or an event on a bus [default: all events]
    id: Option<String>,
    /// Go on with what comes
    #[arg(long, short)]
    follow: bool,
    /// From when on: 30s, 10m, 2h, 1d, or a time like 2026-11-25T04:05:06Z
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<Since>,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: EventsArgs) -> Result<ExitCode, Failure> {
    let client = Client::connect(&args.client).await?;
    let since = args.since.map(Since::millis);
    let mut shown = Shown { output: Output::new(), json: args.client.json, newest: 0, seen: HashSet::new() };
    let steps = page(&client, args.id.as_deref(), since).await?;
    if let (Some(id), true, false) = (&args.id, steps.is_empty(), args.follow) {
        return Err(Failure::new(format!("no steps of an event {id}"), client.endpoint()).hint(
            "steps are kept for seven days, from the first attempt on; `ebb events` shows the newest of all events",
        ));
    }
    shown.show(steps);
    if !args.follow {
        return Ok(ExitCode::SUCCESS);
    }
    let following = async {
        let mut looks = interval(POLL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let since = (shown.newest > 0).then(|| shown.newest - OVERLAP_MILLIS).or(since);
            let steps = page(&client, args.id.as_deref(), since).await?;
            shown.show(steps);
        }
    };
    tokio::select! {
        ended = following => ended,
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
    }
}

async fn page(client: &Client, id: Option<&str>, since: Option<i64>) -> Result<Vec<Step>, Failure> {
    let limit = if since.is_some() || id.is_some() { PAGE } else { NEWEST };
    let mut target = format!("/_ebb/v1/events?limit={limit}");
    // The steps of one event are found from its first on: what it led to is known by it.
    if let (Some(since), None) = (since, id) {
        target += &format!("&since={since}");
    }
    if let Some(id) = id {
        target += &format!("&id={}", encode(id));
    }
    let page: EventPage = client.ebb(Method::GET, target, Bytes::new()).await?;
    Ok(page.steps)
}

/// What was shown, each step once.
struct Shown {
    output: Output,
    json: bool,
    newest: i64,
    seen: HashSet<String>,
}

impl Shown {
    fn show(&mut self, steps: Vec<Step>) {
        for step in steps {
            let text = serde_json::to_string(&step).unwrap_or_default();
            self.newest = self.newest.max(step.at.millis());
            if !self.seen.insert(text.clone()) {
                continue;
            }
            let line = if self.json { text } else { self.line(&step) };
            self.output.line(&line);
        }
    }

    fn line(&self, step: &Step) -> String {
        let time = self.output.paint(Style::Dim, &Timestamp(step.at.millis()).to_rfc3339());
        let (word, style) = match step.step {
            StepKind::Accepted => ("accepted", Style::Bold),
            StepKind::Tried => ("tried", Style::Dim),
            StepKind::Failed => ("failed", Style::Red),
            StepKind::Retried => ("retried", Style::Yellow),
            StepKind::Delivered => ("delivered", Style::Green),
            StepKind::DeadLettered => ("dead-lettered", Style::Red),
            StepKind::Dropped => ("dropped", Style::Red),
        };
        let word = self.output.paint(style, &format!("{word:13}"));
        let attempt = step.attempt.map(|attempt| format!(" (attempt {attempt})")).unwrap_or_default();
        let detail = step.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        format!("{time} {} {word} {}{attempt}{detail}", step.id, step.target)
    }
}
