//! `ebb logs`: what functions have said.

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use ebb_console::{LogEventView, LogPage};
use ebb_model::{Clock as _, SystemClock, Timestamp};
use http::Method;
use tokio::time::{MissedTickBehavior, interval};

use super::client::{Client, encode};
use super::output::{Output, Style};
use super::{ClientArgs, Failure};

/// Time between two looks.
const POLL: Duration = Duration::from_millis(250);

/// How far a look goes back before the newest line that was seen: lines of different instances reach the store in
/// another order than that of their times.
const OVERLAP: Duration = Duration::from_secs(5);

/// Lines that are shown where `--since` is not given.
const NEWEST: usize = 200;

/// Lines of one look.
const PAGE: usize = 5_000;

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// A function, or an app for all of its functions [default: everything]
    name: Option<String>,
    /// Go on with what comes
    #[arg(long, short)]
    follow: bool,
    /// From when on: 30s, 10m, 2h, 1d, or a time like 2026-11-25T04:05:06Z
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<Since>,
    /// A CloudWatch Logs filter pattern
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

/// From when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    Ago(Duration),
    At(Timestamp),
}

impl Since {
    pub(crate) fn millis(self) -> i64 {
        match self {
            Self::Ago(duration) => before(SystemClock.now().millis(), duration),
            Self::At(time) => time.millis(),
        }
    }
}

fn before(millis: i64, duration: Duration) -> i64 {
    millis.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)).max(0)
}

pub(crate) fn parse_since(text: &str) -> Result<Since, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(Since::At(Timestamp(time.as_millisecond())));
    }
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("write it like 30s, 10m, 2h, 1d or 2026-11-25T04:05:06Z".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "it needs a number before the unit".to_owned())?;
    Ok(Since::Ago(Duration::from_secs(number.saturating_mul(unit))))
}

pub(crate) async fn run(args: LogsArgs) -> Result<ExitCode, Failure> {
    let client = Client::connect(&args.client).await?;
    let mut tail = Tail::new(client, args.name, args.filter);
    let mut output = LogOutput { output: Output::new(), json: args.client.json };
    tail.first(args.since.map(Since::millis), &mut output).await?;
    if !args.follow {
        return Ok(ExitCode::SUCCESS);
    }
    tokio::select! {
        ended = tail.follow(&mut output) => ended.map(|never| match never {}),
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
    }
}

/// Where lines go.
pub(crate) struct LogOutput {
    pub(crate) output: Output,
    pub(crate) json: bool,
}

impl LogOutput {
    fn write(&mut self, event: &LogEventView, several: bool) {
        if self.json {
            if let Ok(text) = serde_json::to_string(event) {
                self.output.line(&text);
            }
            return;
        }
        let time = self.output.paint(Style::Dim, &Timestamp(event.timestamp).to_rfc3339());
        let message = event.message.trim_end_matches('\n');
        if several {
            let function = self.output.paint(Style::Cyan, &event.function);
            self.output.line(&format!("{time} {function} {message}"));
        } else {
            self.output.line(&format!("{time} {message}"));
        }
    }
}

/// Reads lines as they come, each once.
pub(crate) struct Tail {
    client: Client,
    name: Option<String>,
    filter: Option<String>,
    /// The time of the newest line that was seen.
    newest: i64,
    /// Lines near it that were shown.
    seen: HashSet<String>,
}

impl Tail {
    pub(crate) fn new(client: Client, name: Option<String>, filter: Option<String>) -> Self {
        Self { client, name, filter, newest: SystemClock.now().millis(), seen: HashSet::new() }
    }

    /// Shows what there is: since a time, else the newest lines.
    async fn first(&mut self, since: Option<i64>, output: &mut LogOutput) -> Result<(), Failure> {
        let mut from = since;
        loop {
            let page = self.page(from).await?;
            let last = page.events.last().map(|event| event.timestamp);
            let new = self.show(&page, output);
            match (since, last) {
                // A page of lines of one millisecond would lead to itself for ever.
                (Some(_), Some(last)) if page.more && new > 0 => from = Some(last),
                _ => return Ok(()),
            }
        }
    }

    /// Shows what comes, until it fails.
    pub(crate) async fn follow(
        &mut self,
        output: &mut LogOutput,
    ) -> Result<std::convert::Infallible, Failure> {
        let mut looks = interval(POLL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.look(output).await?;
        }
    }

    /// Shows what came since the last look.
    pub(crate) async fn look(&mut self, output: &mut LogOutput) -> Result<(), Failure> {
        let page = self.page(Some(before(self.newest, OVERLAP))).await?;
        self.show(&page, output);
        Ok(())
    }

    /// Writes the lines of a page that were not written yet; gives how many those were.
    fn show(&mut self, page: &LogPage, output: &mut LogOutput) -> usize {
        let several = page.functions.len() > 1;
        let mut new = 0;
        for event in &page.events {
            if self.seen.insert(event.id.clone()) {
                output.write(event, several);
                self.newest = self.newest.max(event.timestamp);
                new += 1;
            }
        }
        // Ids begin with their time, so those before the overlap can be told and forgotten.
        let oldest = format!("{:014}", before(self.newest, OVERLAP));
        self.seen.retain(|id| *id >= oldest);
        new
    }

    async fn page(&self, since: Option<i64>) -> Result<LogPage, Failure> {
        let limit = if since.is_some() { PAGE } else { NEWEST };
        let mut target = format!("/_ebb/v1/logs?limit={limit}");
        if let Some(since) = since {
            target += &format!("&since={since}");
        }
        for (key, value) in [("name", &self.name), ("filter", &self.filter)] {
            if let Some(value) = value {
                target += &format!("&{key}={}", encode(value));
            }
        }
        self.client.ebb(Method::GET, target, Bytes::new()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let ago = |seconds| Ok(Since::Ago(Duration::from_secs(seconds)));
        for (text, expected) in [("30s", ago(30)), ("10m", ago(600)), ("2h", ago(7_200)), ("1d", ago(86_400))]
        {
            assert_eq!(parse_since(text), expected, "{text}");
        }
        assert_eq!(parse_since("1970-01-01T00:00:01Z"), Ok(Since::At(Timestamp(1_000))));
        for text in ["", "10", "m", "10y", "yesterday"] {
            assert!(parse_since(text).is_err(), "{text}");
        }
    }
}
