//! What a function that stands in front of its app asks of it: the request goes to the edge, past such functions.
//!
//! It comes through the control API, signed as all calls of functions are. The signature takes the header
//! `authorization`, so that the headers of the request to make are in one of their own.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri};
use http_body_util::Full;
use serde::Deserialize;

/// Where it is asked.
pub(super) const PATH: &str = "/_ebb/v1/origin";

/// Says which request it is: JSON in base64.
const HEADER: &str = "x-ebb-request";

/// A request that is to be made.
pub(super) struct Asked {
    pub(super) request: Request<Full<Bytes>>,
    /// Who asked first.
    pub(super) client: IpAddr,
}

#[derive(Deserialize)]
struct Described {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    #[serde(default)]
    client: Option<IpAddr>,
}

impl Asked {
    /// Reads what is asked for; the error says what is wrong with it.
    pub(super) fn read(request: Request<Bytes>) -> Result<Self, &'static str> {
        let (parts, body) = request.into_parts();
        let header = parts.headers.get(HEADER).ok_or("x-ebb-request is missing")?;
        let json = STANDARD.decode(header.as_bytes()).map_err(|_| "x-ebb-request is no base64")?;
        let described: Described =
            serde_json::from_slice(&json).map_err(|_| "x-ebb-request is no request")?;
        let url: Uri = described.url.parse().map_err(|_| "the URL cannot be read")?;
        let host = url.authority().ok_or("the URL has no host")?.to_string();
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let mut asked = Request::builder().method(described.method.as_str()).uri(path);
        for (name, value) in &described.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                asked = asked.header(name, value);
            }
        }
        let mut request = asked.body(Full::new(body)).map_err(|_| "it makes no request")?;
        let host = HeaderValue::try_from(host).map_err(|_| "the host makes no header")?;
        request.headers_mut().insert(http::header::HOST, host);
        Ok(Self { request, client: described.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Asked, &'static str> {
        let request = Request::builder().header(HEADER, STANDARD.encode(json));
        Asked::read(request.body(Bytes::from_static(b"body")).unwrap())
    }

    #[test]
    fn requests_are_made_as_they_are_described() {
        let asked = read(
            r#"{ "method": "PUT", "url": "http://a.localhost:8440/x?y=1", "client": "1.2.3.4",
                 "headers": [["authorization", "Bearer t"], ["host", "other"]] }"#,
        );
        let Asked { request, client } = asked.unwrap();
        assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("PUT", "/x?y=1"));
        assert_eq!(request.headers()["authorization"], "Bearer t");
        assert_eq!(request.headers()["host"], "a.localhost:8440");
        assert_eq!(client.to_string(), "1.2.3.4");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for json in ["", "{}", r#"{ "method": "GET", "url": "/x", "headers": [] }"#] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
