//! What the platform itself writes into a function's log: plain lines, or JSON events in JSON log format.
//!
//! Source: the Lambda developer guide, "Understanding the Lambda execution environment lifecycle" (INIT_REPORT),
//! "Sending Lambda function logs to CloudWatch Logs" (START, END, REPORT) and "Configuring JSON and plain text log
//! formats", with the log levels of the table "System log level event mapping"; the shapes of JSON events follow the
//! "Lambda Telemetry API Event schema reference" (2026-11).

use std::time::Duration;

use ebb_model::{
    Digest, LogFormat, LogLevel, Region, Report, RequestId, RuntimeFamily, RuntimeName, Timestamp, Version,
};
use serde_json::{Value, json};

use crate::acquire::start::SNAP_START;
use crate::log_stream::LogStream;
use crate::settle::up_to_millis;

/// The part of an instance's life in which an initialisation ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Before any event.
    Init,
    /// Within the time of an event, after a first one failed.
    Invoke,
}

/// How something ended, in the words of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    Success,
    Timeout,
    /// With its error type, as in `Runtime.ExitError`.
    Error(String),
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
        }
    }
}

impl Status {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Timeout => "timeout",
            Self::Error(_) => "error",
        }
    }

    /// As it stands at the end of a plain line; success is not mentioned.
    fn suffix(&self) -> String {
        match self {
            Self::Success => String::new(),
            Self::Timeout => "\tStatus: timeout".to_owned(),
            Self::Error(kind) => format!("\tStatus: error\tError Type: {kind}"),
        }
    }

    /// Adds `status`, and the error type where there is one, to a record.
    fn describe(&self, record: &mut Value) {
        record["status"] = self.as_str().into();
        if let Self::Error(kind) = self {
            record["errorType"] = kind.as_str().into();
        }
    }

    fn level(&self, where_successful: LogLevel) -> LogLevel {
        if *self == Self::Success { where_successful } else { LogLevel::Warn }
    }
}

/// One line of the platform about one instance.
pub(crate) struct PlatformLog<'a> {
    pub(crate) stream: &'a LogStream,
    pub(crate) at: Timestamp,
}

impl PlatformLog<'_> {
    fn text(&self, line: impl FnOnce() -> String) {
        if self.stream.format() == LogFormat::Text {
            self.stream.append(self.at, line());
        }
    }

    fn json(&self, level: LogLevel, kind: &str, record: impl FnOnce() -> Value) {
        if self.stream.format() == LogFormat::Json && self.stream.wants(level) {
            let event = json!({"time": self.at.to_rfc3339(), "type": kind, "record": record()});
            self.stream.append(self.at, event.to_string());
        }
    }

    /// An instance is being initialised.
    pub(crate) fn init_start(&self, runtime: RuntimeName, region: &Region, initialization: &str) {
        let version = runtime_version(runtime);
        let arn = runtime_version_arn(runtime, region);
        self.text(|| format!("INIT_START Runtime Version: {version}\tRuntime Version ARN: {arn}"));
        self.json(LogLevel::Info, "platform.initStart", || {
            json!({
                "initializationType": initialization, "phase": "init",
                "runtimeVersion": version, "runtimeVersionArn": arn,
            })
        });
    }

    /// An initialisation ended. In plain text, only those are mentioned that failed, or that no event reports.
    pub(crate) fn init_report(&self, phase: Phase, took: Duration, status: &Status, initialization: &str) {
        if *status != Status::Success || initialization == SNAP_START {
            self.text(|| {
                let (took, phase, status) = (millis(took), phase.as_str(), status.suffix());
                format!("INIT_REPORT Init Duration: {took} ms\tPhase: {phase}{status}")
            });
        }
        let usual = if initialization == "on-demand" { LogLevel::Debug } else { LogLevel::Info };
        self.json(status.level(usual), "platform.initReport", || {
            let mut record = json!({
                "initializationType": initialization, "phase": phase.as_str(),
                "metrics": {"durationMs": rounded(took)},
            });
            status.describe(&mut record);
            record
        });
    }

    /// An event goes to the instance.
    pub(crate) fn start(&self, id: RequestId, version: Version) {
        self.text(|| format!("START RequestId: {id} Version: {version}"));
        self.json(LogLevel::Info, "platform.start", || json!({"requestId": id, "version": version}));
    }

    /// The event ran past its timeout.
    pub(crate) fn timed_out(&self, id: RequestId, timeout: Duration) {
        let seconds = timeout.as_secs_f64();
        self.text(|| format!("{} {id} Task timed out after {seconds:.2} seconds", self.at.to_rfc3339()));
    }

    /// The instance failed the event; `message` is the error message that the caller gets.
    pub(crate) fn crashed(&self, message: &str, kind: &str) {
        self.text(|| format!("{message}\n{kind}"));
    }

    /// The event is over: `END` and `REPORT`.
    pub(crate) fn end(
        &self,
        id: RequestId,
        produced: u64,
        report: &Report,
        memory_mib: u32,
        status: &Status,
    ) {
        let duration = rounded(report.duration);
        self.text(|| format!("END RequestId: {id}"));
        self.text(|| report_line(id, report, memory_mib, status));
        self.json(status.level(LogLevel::Debug), "platform.runtimeDone", || {
            let metrics = json!({"durationMs": duration, "producedBytes": produced});
            let mut record = json!({"requestId": id, "metrics": metrics});
            status.describe(&mut record);
            record
        });
        self.json(status.level(LogLevel::Info), "platform.report", || {
            let mut metrics = json!({
                "durationMs": duration, "billedDurationMs": whole_millis(report.billed),
                "memorySizeMB": memory_mib, "maxMemoryUsedMB": report.max_memory_mib,
            });
            if let Some(init) = report.init {
                metrics["initDurationMs"] = rounded(init).into();
            }
            if let Some(restore) = report.restore {
                metrics["restoreDurationMs"] = rounded(restore).into();
            }
            let mut record = json!({"requestId": id, "metrics": metrics});
            status.describe(&mut record);
            record
        });
    }
}

fn report_line(id: RequestId, report: &Report, memory_mib: u32, status: &Status) -> String {
    let init = report.init.map_or_else(String::new, |init| format!("Init Duration: {} ms\t", millis(init)));
    let restore = report.restore.map_or_else(String::new, |restore| {
        let billed = up_to_millis(restore).as_millis();
        format!("Restore Duration: {} ms\tBilled Restore Duration: {billed} ms\t", millis(restore))
    });
    format!(
        "REPORT RequestId: {id}\tDuration: {} ms\tBilled Duration: {} ms\tMemory Size: {memory_mib} MB\t\
         Max Memory Used: {} MB\t{init}{restore}{}",
        millis(report.duration),
        whole_millis(report.billed),
        report.max_memory_mib,
        status.suffix().trim_start()
    )
}

/// Milliseconds with two digits, as plain lines have them.
fn millis(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1000.0)
}

/// The same as a number.
fn rounded(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The name of the runtime's build in `INIT_START`, as in `python:3.11.v1`. Ebb counts its own boots, all at 1.
fn runtime_version(runtime: RuntimeName) -> String {
    match runtime.family() {
        RuntimeFamily::Node(major) => format!("nodejs:{major}.v1"),
        RuntimeFamily::Python(minor) => format!("python:3.{minor}.v1"),
        RuntimeFamily::Java(feature) => format!("java:{feature}.v1"),
        RuntimeFamily::Ruby(minor) => format!("ruby:3.{minor}.v1"),
        RuntimeFamily::Http | RuntimeFamily::Deno | RuntimeFamily::Workerd | RuntimeFamily::Wasm => {
            format!("{runtime}.v1")
        }
        RuntimeFamily::Custom => format!("{}.v1", runtime.as_str().replacen('.', ":", 1)),
    }
}

/// The ARN of that build: named by a digest, as Lambda's are.
#[must_use]
pub fn runtime_version_arn(runtime: RuntimeName, region: &Region) -> String {
    format!("arn:aws:lambda:{region}::runtime:{}", Digest::of(runtime_version(runtime).as_bytes()))
}
