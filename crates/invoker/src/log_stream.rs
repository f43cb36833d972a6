//! The log stream of one instance.

use ebb_model::{LogLevel, Timestamp};

/// One log event that an instance or the platform wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub timestamp: Timestamp,
    /// Its level, where the writer gave one.
    pub level: Option<LogLevel>,
    /// The text, with no newline at the end.
    pub message: String,
}

/// Where the lines of one instance go: to the log store, and to the tail of the invocation that runs now.
#[derive(Debug)]
pub struct LogStream {}

impl LogStream {
    /// Writes one event; never blocks.
    pub fn write(&self, _line: LogLine) {
        unimplemented!()
    }
}
