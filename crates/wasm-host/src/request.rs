//! The life of one request: a place, a fresh instance, the call, and its answer.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::TE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;
use wasmtime::Store;
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::failure::Failure;
use crate::loaded::Loaded;
use crate::response::{Answer, Guest};
use crate::state::State;

/// How a component that ended early failed; nothing while it runs, and where it ended well.
pub(crate) type Failed = Arc<Mutex<Option<Failure>>>;

/// What a component made of the request.
type Made = Result<Response<HyperOutgoingBody>, ErrorCode>;

impl Loaded {
    /// Answers a request. Dropping the future, or the body of the answer, ends the component.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Bytes>) -> Response<Answer> {
        let without_body = request.method() == Method::HEAD;
        match self.call(request).await {
            Ok((response, guest)) => Answer::of(response, guest, without_body),
            Err(failure) => failed(&failure),
        }
    }

    async fn call(
        self: Arc<Self>,
        mut request: Request<Bytes>,
    ) -> Result<(Response<HyperOutgoingBody>, Guest), Failure> {
        // The connection's own.
        request.headers_mut().remove(TE);
        if let Some(spin) = &self.spin {
            let (mut parts, body) = request.into_parts();
            spin.add_headers(&mut parts);
            request = Request::from_parts(parts, body);
        }
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| Failure::new("Runtime.Closed", "the server ends"))?;
        let (share, refused) = self.budget.share();
        let broken = |error: wasmtime::Error| Failure::new("Runtime.BadRequest", format!("{error:#}"));
        let state = State::new(&self.environment, share, &self.output, self.spin.clone()).map_err(broken)?;
        let mut store = Store::new(self.component.engine(), state);
        store.limiter(|state| &mut state.share);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let (sender, receiver) = oneshot::channel::<Made>();
        let mut http = store.data_mut().http();
        let request = http.new_incoming_request(Scheme::Http, request.map(Full::new)).map_err(broken)?;
        let out = http.new_response_outparam(sender).map_err(broken)?;

        let failed: Failed = Arc::default();
        let (noted, loaded) = (Arc::clone(&failed), Arc::clone(&self));
        let running = tokio::spawn(async move {
            let _place = place;
            let _running = loaded.epoch.request();
            let called = async {
                let component = loaded.component.instantiate_async(&mut store).await?;
                component.wasi_http_incoming_handler().call_handle(&mut store, request, out).await
            };
            if let Err(error) = called.await {
                let failure = failure(&error, &refused, loaded.budget.bytes());
                eprintln!("{failure}");
                // Before the store is dropped: that ends the body of the answer, and whoever reads it looks here why.
                *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            }
        });
        let guest = Guest { running: AbortOnDropHandle::new(running), failed };
        match receiver.await {
            Ok(Ok(response)) => Ok((response, guest)),
            Ok(Err(code)) => {
                let failure =
                    Failure::new("Runtime.HandlerError", format!("the component answered {code:?}"));
                eprintln!("{failure}");
                Err(failure)
            }
            Err(_) => Err(guest.ended().await),
        }
    }
}

/// Why a component ended.
fn failure(error: &wasmtime::Error, refused: &AtomicBool, budget: usize) -> Failure {
    let failure = Failure::of(error);
    if refused.load(Relaxed) {
        // It hardly ever fails in words that say so.
        let mib = budget / (1024 * 1024);
        let message = format!(
            "{} (after it was refused more memory: the components of this function have {mib} MB)",
            failure.message
        );
        return Failure { kind: "Runtime.OutOfMemory", message, ..failure };
    }
    failure
}

impl Guest {
    /// Waits for the end of a component that set no response.
    async fn ended(self) -> Failure {
        // Its panic, where it had one, is the host's own fault and on its standard error.
        let joined = self.running.await;
        let noted = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        noted.unwrap_or_else(|| {
            let failure = match joined {
                Ok(()) => Failure::new("Runtime.NoResponse", "the component returned without a response"),
                Err(error) => Failure::new("Runtime.HostError", format!("the host failed: {error}")),
            };
            eprintln!("{failure}");
            failure
        })
    }
}

/// The answer that says to the platform that there is none.
fn failed(failure: &Failure) -> Response<Answer> {
    let mut response = Response::new(Answer::empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(ebb_boot::FAILURE_HEADER, header(failure));
    response
}

/// A failure as the value of a header.
pub(crate) fn header(failure: &Failure) -> HeaderValue {
    // JSON has no control characters but escaped ones.
    HeaderValue::from_bytes(failure.object().as_bytes()).unwrap_or(HeaderValue::from_static("{}"))
}
