//! APIs as targets: stages of REST and HTTP APIs, which are called through the edge as anybody calls them.
//!
//! Source: EventBridge user guide, "API Gateway as a target in Amazon EventBridge" (2026-11); what headers say who calls
//! is as recorded in 2024.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use ebb_invoker::Boxed;
use ebb_model::Clock;
use http::Request;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http_body_util::Full;

use super::destination_call::{DEADLINE, TargetParameters, outcome, put_headers, url};
use crate::delivery::{Delivery, Sender, Target, Undelivered};
use crate::http_client::HttpClient;

/// What requests are signed for.
const SERVICE: &str = "execute-api";
/// The stage that has no segment in the path.
const DEFAULT_STAGE: &str = "$default";

/// Signs the request of a rule or a schedule, as the role of its target would.
pub trait RequestSigner: Send + Sync + 'static {
    /// Signs for a service, as in `execute-api`.
    fn sign(&self, service: &str, request: &mut Parts, body: &[u8]);
}

/// Where APIs are, and who signs what is sent to them.
pub struct ApiTargetParts {
    /// Where the edge listens.
    pub edge: SocketAddr,
    /// The domain of the edge: `ID.execute-api.REGION.DOMAIN` is an API.
    pub domain: String,
    /// Signs the requests.
    pub signer: Arc<dyn RequestSigner>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// Delivers to stages of APIs.
pub struct ApiTarget {
    parts: ApiTargetParts,
    client: HttpClient,
}

/// What the ARN of a target says: `arn:aws:execute-api:REGION:ACCOUNT:ID/STAGE/METHOD/PATH`.
#[derive(Debug, PartialEq, Eq)]
struct ApiAddress<'a> {
    id: &'a str,
    region: &'a str,
    method: &'a str,
    path: String,
}

impl ApiTarget {
    /// To these.
    #[must_use]
    pub fn new(parts: ApiTargetParts) -> Self {
        Self { parts, client: HttpClient::new() }
    }

    async fn call(&self, delivery: &Delivery) -> Result<(), Undelivered> {
        let request =
            self.request(delivery).map_err(|error| Undelivered::refused("INVALID_PARAMETER", error))?;
        let answer = self.client.call(request, DEADLINE).await;
        outcome(&delivery.target, answer, self.parts.clock.now().millis())
    }

    fn request(&self, delivery: &Delivery) -> Result<Request<Full<Bytes>>, String> {
        let address = ApiAddress::parse(&delivery.target)
            .ok_or_else(|| format!("{} names no stage and method of an API", delivery.target))?;
        let given = TargetParameters::of(delivery);
        let endpoint = format!("http://{}{}", reachable(self.parts.edge), address.path);
        let body = Bytes::copy_from_slice(delivery.message.body.as_bytes());
        let request = Request::builder()
            .method(address.method)
            .uri(url(&endpoint, &given.path, &[&given.query])?)
            .body(())
            .map_err(|error| error.to_string())?;
        let (mut parts, ()) = request.into_parts();
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        put_headers(&mut parts.headers, &given.headers)?;
        if let Sender::Service(caller) = &delivery.from {
            let about =
                [("x-amz-source-arn", &caller.source_arn), ("x-amz-source-account", &caller.source_account)];
            for (name, text) in about {
                let value = HeaderValue::from_str(text).map_err(|error| error.to_string())?;
                parts.headers.insert(HeaderName::from_static(name), value);
            }
        }
        let host = format!("{}.execute-api.{}.{}", address.id, address.region, self.parts.domain);
        parts.headers.insert(HOST, HeaderValue::from_str(&host).map_err(|error| error.to_string())?);
        self.parts.signer.sign(SERVICE, &mut parts, &body);
        Ok(Request::from_parts(parts, Full::new(body)))
    }
}

impl Target for ApiTarget {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Boxed<'a, Result<(), Undelivered>> {
        Box::pin(self.call(delivery))
    }
}

impl std::fmt::Debug for ApiTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiTarget").field("edge", &self.parts.edge).finish_non_exhaustive()
    }
}

impl<'a> ApiAddress<'a> {
    fn parse(arn: &'a str) -> Option<Self> {
        let mut sections = arn.splitn(6, ':').skip(3);
        let (region, resource) = (sections.next()?, sections.nth(1)?);
        let mut segments = resource.splitn(4, '/');
        let (id, stage, method) = (segments.next()?, segments.next()?, segments.next()?);
        let rest = segments.next().unwrap_or_default();
        let path = if stage == DEFAULT_STAGE { format!("/{rest}") } else { format!("/{stage}/{rest}") };
        // A target for all methods is called as those that are for none are.
        let method = if method == "*" { "POST" } else { method };
        Some(Self { id, region, method, path })
    }
}

/// An address that this machine can connect to.
fn reachable(edge: SocketAddr) -> SocketAddr {
    if edge.ip().is_unspecified() {
        return SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), edge.port());
    }
    edge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_say_which_stage_and_path() {
        let check = |resource: &str, expected: Option<(&str, &str, &str)>| {
            let arn = format!("arn:aws:execute-api:us-east-1:000000000000:{resource}");
            let parsed = ApiAddress::parse(&arn);
            let parsed = parsed.as_ref().map(|address| (address.id, address.method, address.path.as_str()));
            assert_eq!(parsed, expected, "{resource}");
        };
        check("abc/prod/POST/pets/*", Some(("abc", "POST", "/prod/pets/*")));
        check("abc/prod/GET/", Some(("abc", "GET", "/prod/")));
        check("abc/prod/PUT", Some(("abc", "PUT", "/prod/")));
        check("abc/$default/*/a:b", Some(("abc", "POST", "/a:b")));
        check("abc/prod", None);
    }
}
