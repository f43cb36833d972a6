//! Holding on to the claim of an event while it runs.

use std::time::Duration;

use ebb_store::{Store, StoreError, Work};

/// How long a claim holds. Short, so that the events of a server that died are soon taken up again; held on to by
/// [`HEARTBEAT`] while an event runs.
pub(super) const LEASE: Duration = Duration::from_secs(15);
/// How often a claim is renewed.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);

/// Renews the claim so often while `run` lasts; nothing where it was lost to another server.
pub(super) async fn hold<T>(
    store: &Store,
    work: &Work,
    every: Duration,
    run: impl Future<Output = T>,
) -> Option<T> {
    let renewing = async {
        loop {
            tokio::time::sleep(every).await;
            match store.work().extend(work, LEASE).await {
                Err(StoreError::LeaseLost { .. }) => return,
                // The next one may get through, and if not the event runs twice.
                Err(error) => tracing::warn!(%error, "a claim could not be renewed"),
                Ok(()) => {}
            }
        }
    };
    tokio::select! {
        biased;
        ended = run => Some(ended),
        () = renewing => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use bytes::Bytes;
    use ebb_model::{Clock, Timestamp};
    use ebb_store::{NewWork, StoreConfig};

    use super::*;

    const QUEUE: &str = "held";
    const SOON: Duration = Duration::from_millis(2);

    struct TestClock(AtomicI64);

    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
    }

    /// A store with one item, claimed for a second.
    async fn claimed() -> (tempfile::TempDir, Arc<TestClock>, Store, Work) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_000_000)));
        let config = StoreConfig { data: folder.path().to_owned(), database: None, blobs: None };
        let store = Store::open_with_clock(&config, clock.clone()).await.unwrap();
        let item = NewWork { queue: QUEUE, body: Bytes::from("x"), due: clock.now(), watched: None };
        store.work().enqueue(vec![item]).await.unwrap();
        let work = store.work().claim(QUEUE, 1, Duration::from_secs(1)).await.unwrap().remove(0);
        (folder, clock, store, work)
    }

    /// Waits until the item is claimed for longer than it was at first.
    async fn renewed(store: &Store, clock: &TestClock) {
        clock.0.fetch_add(2_000, Ordering::SeqCst);
        while store.work().depth(QUEUE).await.unwrap().claimed == 0 {
            tokio::time::sleep(SOON).await;
        }
    }

    #[tokio::test]
    async fn a_claim_is_renewed_while_its_event_runs() {
        let (_folder, clock, store, work) = claimed().await;
        assert_eq!(hold(&store, &work, SOON, renewed(&store, &clock)).await, Some(()));
        assert!(store.work().claim(QUEUE, 1, LEASE).await.unwrap().is_empty(), "it is held");
        store.work().complete(&work).await.unwrap();
    }

    #[tokio::test]
    async fn an_event_is_given_up_that_another_server_has() {
        let (_folder, clock, store, work) = claimed().await;
        clock.0.fetch_add(2_000, Ordering::SeqCst);
        let other = store.work().claim(QUEUE, 1, LEASE).await.unwrap().remove(0);
        assert_eq!(hold(&store, &work, SOON, std::future::pending::<()>()).await, None);
        store.work().complete(&other).await.unwrap();
    }
}
