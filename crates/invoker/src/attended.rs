//! Work in the task of whoever waits for it, which goes on without them.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// Work that runs to its end whether or not anybody waits for it.
///
/// While somebody does, it runs in their task, so that nothing has to be woken between the two; it gets a task of its own
/// when this is dropped before it has ended. Work whose answer waits for somebody slow must not run so.
pub(crate) struct Attended(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Attended {
    /// Begins with [`Attended::answer`].
    pub(crate) fn new(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }

    /// Runs it until it sends its answer, and as far as it comes without waiting; the rest when this is dropped. None
    /// where it ends without an answer, or panics. Cancel safe.
    pub(crate) async fn answer<T>(mut self, mut answer: oneshot::Receiver<T>) -> Option<T> {
        poll_fn(|context| {
            if let Some(work) = &mut self.0 {
                // What panicked is not polled again, and says so itself.
                let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
                if !matches!(polled, Ok(Poll::Pending)) {
                    self.0 = None;
                }
            }
            match answer.try_recv() {
                Ok(answer) => Poll::Ready(Some(answer)),
                Err(TryRecvError::Empty) if self.0.is_some() => Poll::Pending,
                Err(_) => Poll::Ready(None),
            }
        })
        .await
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        // Without a runtime the whole server ends.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            drop(runtime.spawn(work));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn an_answer_comes_at_once_and_the_rest_goes_on() {
        let (go, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (waits, says) = (Arc::clone(&go), Arc::clone(&done));
        let (reply, answer) = oneshot::channel();
        let work = async move {
            let _ = reply.send(1);
            waits.notified().await;
            says.notify_one();
        };
        assert_eq!(Attended::new(work).answer(answer).await, Some(1));
        go.notify_one();
        done.notified().await;
    }

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits_any_more() {
        let go = Arc::new(Notify::new());
        let waits = Arc::clone(&go);
        let (reply, answer) = oneshot::channel();
        let (ended, heard) = oneshot::channel();
        let work = async move {
            waits.notified().await;
            let _ = ended.send(reply.send(()).is_ok());
        };
        let mut waiting = Box::pin(Attended::new(work).answer(answer));
        assert!(poll_once(&mut waiting).await.is_pending());
        drop(waiting);
        go.notify_one();
        assert_eq!(heard.await, Ok(false));
    }

    #[tokio::test]
    async fn work_that_panics_or_says_nothing_has_no_answer() {
        let (_reply, answer) = oneshot::channel::<()>();
        assert_eq!(Attended::new(async {}).answer(answer).await, None);
        let (reply, answer) = oneshot::channel::<()>();
        let work = async move {
            let _reply = reply;
            panic!("a fault");
        };
        assert_eq!(Attended::new(work).answer(answer).await, None);
    }

    async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context))).await
    }
}
