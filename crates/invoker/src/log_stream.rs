//! The log stream of one instance: where everything goes that it or the platform about it says.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ebb_model::{FunctionVersion, LogFormat, LogLevel, RequestId, Timestamp, limits};
use ebb_store::logs::{LogEvent, LogStore};

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
pub struct LogStream {
    store: LogStore,
    group: Arc<str>,
    name: Arc<str>,
    format: LogFormat,
    application_level: LogLevel,
    system_level: LogLevel,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What an invocation wants to see of it.
    tail: Option<Tail>,
    /// What the platform wrote about an instance that was started ahead of need and has not been used; none of others.
    held: Option<Vec<LogEvent>>,
}

impl LogStream {
    /// A new stream for an instance of `version` that starts at `now`, in the version's log group. Its name has
    /// Lambda's form, `YYYY/MM/DD/[VERSION]` and 32 hexadecimal digits; in a group that is not the function's own, its
    /// name stands before its version. Source: the Lambda developer guide, "Configuring CloudWatch log groups" (2026-11).
    #[must_use]
    pub fn open(store: LogStore, version: &FunctionVersion, now: Timestamp) -> Self {
        let unique = RequestId::random().uuid().simple().to_string();
        let logging = &version.settings.logging;
        let own = logging.group.strip_prefix("/aws/lambda/") == Some(version.name.as_str());
        let function = if own { "" } else { version.name.as_str() };
        Self {
            store,
            group: logging.group.as_str().into(),
            name: format!("{}/{function}[{}]{unique}", now.format("%Y/%m/%d"), version.version).into(),
            format: logging.format,
            application_level: logging.application_level.unwrap_or(LogLevel::Info),
            system_level: logging.system_level.unwrap_or(LogLevel::Info),
            state: Mutex::default(),
        }
    }

    /// The same for an instance that is started ahead of need: as long as it has nothing to say itself and no event, the
    /// log has no stream of it.
    #[must_use]
    pub(crate) fn unused(mut self) -> Self {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner).held = Some(Vec::new());
        self
    }

    /// The instance is used, or has failed: what was held back is written.
    pub(crate) fn used(&self) {
        let held = self.lock().held.take();
        for event in held.into_iter().flatten() {
            self.store.append(&self.group, &self.name, event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log group: the value of `AWS_LAMBDA_LOG_GROUP_NAME`.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The stream: the value of `AWS_LAMBDA_LOG_STREAM_NAME`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes one event of the function; never blocks. In JSON format, lines below the application log level are
    /// dropped; lines without a level never are. Longer ones than the service keeps are cut.
    pub fn write(&self, line: LogLine) {
        let dropped =
            self.format == LogFormat::Json && line.level.is_some_and(|level| level < self.application_level);
        if !dropped {
            self.used();
            self.append(line.timestamp, line.message);
        }
    }

    /// The format in which the platform writes its own lines here.
    pub(crate) fn format(&self) -> LogFormat {
        self.format
    }

    /// Whether a JSON platform line of this level is wanted.
    pub(crate) fn wants(&self, level: LogLevel) -> bool {
        level >= self.system_level
    }

    /// Writes one line of the platform; never blocks.
    pub(crate) fn append(&self, timestamp: Timestamp, mut message: String) {
        truncate(&mut message, limits::LOG_EVENT_BYTES);
        let mut state = self.lock();
        if let Some(tail) = &mut state.tail {
            tail.push(&message);
        }
        let event = LogEvent { timestamp, message };
        match &mut state.held {
            Some(held) => held.push(event),
            None => {
                drop(state);
                self.store.append(&self.group, &self.name, event);
            }
        }
    }

    /// Starts to keep the last lines, for an invocation that asked for its log tail.
    pub(crate) fn begin_tail(&self) {
        self.lock().tail = Some(Tail::default());
    }

    /// The last 4 KiB since [`LogStream::begin_tail`].
    pub(crate) fn take_tail(&self) -> Option<Bytes> {
        self.lock().tail.take().map(Tail::into_bytes)
    }
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogStream({} {})", self.group, self.name)
    }
}

/// The last [`limits::LOG_TAIL_BYTES`] of what was pushed.
#[derive(Debug, Default)]
struct Tail(VecDeque<u8>);

impl Tail {
    fn push(&mut self, message: &str) {
        let newline: &[u8] = if message.ends_with('\n') { b"" } else { b"\n" };
        self.0.extend(message.as_bytes());
        self.0.extend(newline);
        let excess = self.0.len().saturating_sub(limits::LOG_TAIL_BYTES);
        self.0.drain(..excess);
    }

    fn into_bytes(self) -> Bytes {
        Bytes::from(Vec::from(self.0))
    }
}

/// Cuts `text` to at most `limit` bytes, between characters.
fn truncate(text: &mut String, limit: usize) {
    if text.len() > limit {
        let mut end = limit;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
}
