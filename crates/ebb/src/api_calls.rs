//! Calls of ebb's own APIs that it makes itself, for APIs that lead to services.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use ebb_aws::wire::credentials::KeyRing;
use ebb_aws::wire::sigv4::{SigningScope, sha256_hex, sign};
use ebb_gateway::ServiceCalls;
use ebb_invoker::Boxed;
use ebb_model::{Clock as _, Region, SystemClock};
use ebb_sources::https::{self, HttpsClient};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};

use crate::api_port::is_own;

/// The most of an answer that is taken. Source: "Amazon API Gateway quotas": 10 MB.
const ANSWER_BYTES: usize = 10 * 1024 * 1024;

/// Calls the api port with the root key.
pub(crate) struct ApiCalls {
    keys: KeyRing,
    region: Region,
    api: SocketAddr,
    client: HttpsClient,
}

impl ApiCalls {
    /// `api` is where the port listens.
    pub(crate) fn new(keys: &KeyRing, region: Region, mut api: SocketAddr) -> Self {
        if api.ip().is_unspecified() {
            api.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        Self { keys: keys.clone(), region, api, client: HttpsClient::default() }
    }

    async fn send(&self, service: &str, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let (mut parts, body) = request.into_parts();
        // Clients may choose parts of the path: they must not reach what is only the account's.
        if is_own(parts.uri.path()) {
            return Err(format!("{} is no path of a service", parts.uri.path()));
        }
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let uri: Uri = format!("http://{}{target}", self.api).parse().map_err(|error| format!("{error}"))?;
        parts.uri = uri;
        // Buckets want to be told.
        let digest = HeaderValue::try_from(sha256_hex(&body)).map_err(|error| error.to_string())?;
        parts.headers.insert("x-amz-content-sha256", digest);
        let scope = SigningScope { region: self.region.as_str(), service };
        sign(&mut parts, &body, self.keys.root(), scope, SystemClock.now());
        let answer = self.client.request(Request::from_parts(parts, Full::new(body))).await;
        let (parts, body) = answer.map_err(|error| https::chain(&error))?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|error| error.to_string())?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

impl ServiceCalls for ApiCalls {
    fn call<'a>(
        &'a self,
        service: &'a str,
        request: Request<Bytes>,
    ) -> Boxed<'a, Result<Response<Bytes>, String>> {
        Box::pin(self.send(service, request))
    }
}
