//! Log events on disk: one file a day, retention drops files.
/// A handle to the logs.
#[derive(Debug, Clone)]
pub struct LogStore {}
