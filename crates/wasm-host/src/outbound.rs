//! Requests that a component sends.

use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks, default_send_request};

use crate::spin::Allowed;

/// How a request goes on after its response has begun.
type Going = Box<dyn Future<Output = Result<()>> + Send>;

/// Lets a component send requests: to any host that the sandbox reaches, or to those of its list only.
pub(crate) struct Outbound {
    /// None for any.
    pub(crate) allowed: Option<Arc<Allowed>>,
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _done: Going,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Going)>> + Send> {
        let allowed = self.allowed.clone();
        Box::new(async move {
            if allowed.is_some_and(|allowed| !allowed.allows(request.uri())) {
                let uri = request.uri();
                let (scheme, host) = (uri.scheme_str().unwrap_or_default(), uri.authority());
                let host = host.map(ToString::to_string).unwrap_or_default();
                eprintln!("allowed_outbound_hosts does not list {scheme}://{host}");
                return Err(Error::HttpRequestDenied);
            }
            let (response, going) = default_send_request(request, options).await?;
            Ok((response.map(BodyExt::boxed_unsync), Box::new(going) as Going))
        })
    }
}
