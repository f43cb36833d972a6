//! Counters in the Prometheus text format. Source: the Prometheus documentation, "Exposition formats" (2026-11).

use std::fmt::Write as _;
use std::time::Duration;

use ebb_store::Depth;

use crate::functions::FunctionView;

/// A metric of each function.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&FunctionView) -> f64,
}

#[expect(clippy::cast_precision_loss, reason = "the format knows floating-point numbers only")]
const METRICS: &[Metric] = &[
    Metric {
        name: "ebb_function_invocations_total",
        kind: "counter",
        help: "Invocations that ran, however they ended.",
        value: |function| function.usage.invocations as f64,
    },
    Metric {
        name: "ebb_function_errors_total",
        kind: "counter",
        help: "Invocations that the function failed.",
        value: |function| function.usage.errors as f64,
    },
    Metric {
        name: "ebb_function_throttles_total",
        kind: "counter",
        help: "Requests that a concurrency limit refused.",
        value: |function| function.usage.throttles as f64,
    },
    Metric {
        name: "ebb_function_cold_starts_total",
        kind: "counter",
        help: "Instances that were started.",
        value: |function| function.usage.cold_starts as f64,
    },
    Metric {
        name: "ebb_function_duration_seconds_total",
        kind: "counter",
        help: "Sum of the durations of invocations.",
        value: |function| function.usage.duration_seconds,
    },
    Metric {
        name: "ebb_function_billed_gb_seconds_total",
        kind: "counter",
        help: "Billed duration by memory.",
        value: |function| function.usage.gb_seconds,
    },
    Metric {
        name: "ebb_function_concurrent_invocations",
        kind: "gauge",
        help: "Invocations that run now.",
        value: |function| f64::from(function.usage.concurrent),
    },
];

/// Counters of the server as a whole.
pub(crate) struct ServerCounters {
    pub(crate) dropped_log_events: u64,
    pub(crate) stock_hits: u64,
    pub(crate) stock_misses: u64,
    /// Accepted events that are not settled yet.
    pub(crate) accepted: Depth,
    /// How long ago the oldest of them was accepted.
    pub(crate) oldest_accepted: Duration,
}

/// The page.
pub(crate) fn page(functions: &[FunctionView], server: &ServerCounters) -> String {
    let mut page = String::new();
    for metric in METRICS {
        header(&mut page, metric.name, metric.kind, metric.help);
        for function in functions {
            // A function's name has no character that a label would have to escape.
            let _ = writeln!(
                page,
                "{}{{function=\"{}\"}} {}",
                metric.name,
                function.name,
                (metric.value)(function)
            );
        }
    }
    header(&mut page, "ebb_functions", "gauge", "Functions that are deployed.");
    let _ = writeln!(page, "ebb_functions {}", functions.len());
    for (name, help, value) in [
        (
            "ebb_log_events_dropped_total",
            "Log events that came faster than the disk took them.",
            server.dropped_log_events,
        ),
        ("ebb_stock_hits_total", "Cold starts that found a booted instance in stock.", server.stock_hits),
        (
            "ebb_stock_misses_total",
            "Cold starts that could have had one from the stock and did not.",
            server.stock_misses,
        ),
    ] {
        header(&mut page, name, "counter", help);
        let _ = writeln!(page, "{name} {value}");
    }
    let name = "ebb_async_events";
    header(&mut page, name, "gauge", "Accepted asynchronous events that are not settled yet.");
    let Depth { ready, delayed, claimed, .. } = server.accepted;
    for (state, count) in [("ready", ready), ("delayed", delayed), ("running", claimed)] {
        let _ = writeln!(page, "{name}{{state=\"{state}\"}} {count}");
    }
    let name = "ebb_async_event_oldest_age_seconds";
    header(&mut page, name, "gauge", "Age of the oldest asynchronous event that is not settled yet.");
    let _ = writeln!(page, "{name} {}", server.oldest_accepted.as_secs_f64());
    page
}

/// Writing to a string cannot fail.
fn header(page: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}
