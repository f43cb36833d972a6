//! Makes busy components give way: while requests run, time goes on in small steps, and a component that computes when
//! a step ends lets others have the thread. That is also when one is ended for which nobody waits any more.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::Engine;

/// How long a component computes before others have their turn.
const STEP: Duration = Duration::from_millis(2);

/// Counts the requests that run: time stands still where there are none.
#[derive(Debug, Default)]
struct Clock {
    running: Mutex<usize>,
    begun: Condvar,
}

/// Time goes on while it lives.
#[derive(Debug)]
pub(crate) struct Running(Arc<Clock>);

/// Moves the time of an engine.
#[derive(Debug, Clone)]
pub(crate) struct Epoch(Arc<Clock>);

impl Epoch {
    /// Starts the thread that moves the time of `engine`; it lives as long as the process.
    ///
    /// # Errors
    /// Where there can be no thread.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let clock = Arc::new(Clock::default());
        let (moved, engine) = (Arc::clone(&clock), engine.clone());
        std::thread::Builder::new().name("epoch".into()).spawn(move || {
            loop {
                moved.wait_for_requests();
                pause(STEP);
                engine.increment_epoch();
            }
        })?;
        Ok(Self(clock))
    }

    /// A request begins.
    pub(crate) fn request(&self) -> Running {
        *self.0.running.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.begun.notify_one();
        Running(Arc::clone(&self.0))
    }
}

impl Clock {
    fn wait_for_requests(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.begun.wait_while(running, |running| *running == 0).unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.running.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own, which has nothing else to do")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
