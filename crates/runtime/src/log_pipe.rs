//! A pipe from a process's standard output and error to the instance's log.
//!
//! Both streams of a process share one pipe, so that their lines keep their order.

use std::fs::File;
use std::io::{PipeReader, Read};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use ebb_invoker::log_stream::{LogLine, LogStream};
use ebb_model::Clock;
use tokio::net::unix::pipe;

use crate::lines::LineSplitter;

/// What is read at a time.
const READ_BYTES: usize = 16 * 1024;

/// Reads in a row before others get their turn: a process that never stops writing must not hold up whoever drains.
const READS_IN_A_ROW: usize = 64;

/// The reading end.
pub(crate) struct LogPipe {
    /// Tells when there is something to read.
    pipe: pipe::Receiver,
    /// The same pipe, for reads that do not ask whether anything is known to be there.
    direct: File,
    splitter: Mutex<LineSplitter>,
    log: Log,
}

/// Where lines go, and what time it is.
#[derive(Clone)]
pub(crate) struct Log {
    /// The instance's log.
    pub(crate) stream: Arc<LogStream>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Log {
    /// Writes one line, now.
    pub(crate) fn write(&self, message: String) {
        self.stream.write(LogLine { timestamp: self.clock.now(), level: None, message });
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drained {
    Empty,
    More,
    Closed,
}

impl LogPipe {
    /// A pipe and its writing end. Must be called within the async runtime.
    ///
    /// # Errors
    /// Where the system gives no pipe.
    pub(crate) fn new(log: Log) -> std::io::Result<(Arc<Self>, OwnedFd)> {
        let (reader, writer) = std::io::pipe()?;
        Ok((Self::of(reader, log)?, writer.into()))
    }

    /// The reading end of a pipe that something has written to by now, perhaps. Must be called within the async
    /// runtime.
    ///
    /// # Errors
    /// Where the system has no descriptor left.
    pub(crate) fn of(reader: PipeReader, log: Log) -> std::io::Result<Arc<Self>> {
        let direct = File::from(OwnedFd::from(reader.try_clone()?));
        // Makes both non-blocking: they are one open file.
        let pipe = pipe::Receiver::from_owned_fd(reader.into())?;
        Ok(Arc::new(Self { pipe, direct, splitter: Mutex::default(), log }))
    }

    /// Reads until every process has closed the pipe. Cancel safe.
    pub(crate) async fn run(&self) {
        while self.pipe.readable().await.is_ok() {
            match self.read(|buffer| self.pipe.try_read(buffer)) {
                Drained::Closed => break,
                Drained::Empty => {}
                Drained::More => tokio::task::yield_now().await,
            }
        }
        self.flush();
    }

    /// Takes what stands in the pipe now.
    pub(crate) fn drain(&self) {
        // Reads the descriptor itself rather than asking whether it is known to be readable, so that nothing written
        // before this call is left behind.
        self.read(|buffer| (&self.direct).read(buffer));
    }

    /// The same, and gives what stands without a newline as a line of its own.
    pub(crate) fn flush(&self) {
        self.drain();
        let mut splitter = self.splitter.lock().unwrap_or_else(PoisonError::into_inner);
        splitter.flush(|line| self.log.write(line));
    }

    fn read(&self, read: impl Fn(&mut [u8]) -> std::io::Result<usize>) -> Drained {
        let mut buffer = [0; READ_BYTES];
        // Held while reading too: whoever reads first must split first.
        let mut splitter = self.splitter.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..READS_IN_A_ROW {
            match read(&mut buffer) {
                Ok(0) => return Drained::Closed,
                Ok(read) => splitter.push(&buffer[..read], |line| self.log.write(line)),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Drained::Empty,
                Err(_) => return Drained::Closed,
            }
        }
        Drained::More
    }
}
