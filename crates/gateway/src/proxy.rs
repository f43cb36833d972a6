//! Rules of apps that lead to another host: the request goes on as it is, and the answer is passed on as it comes.
//!
//! Sources: the Vercel documentation, "Rewrites", "External rewrites"; the Netlify documentation, "Rewrites and proxies"
//! (2026-11).

use std::net::IpAddr;

use bytes::Bytes;
use ebb_sources::https::{self, HttpsClient};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};

use crate::answer::AnswerBody;
use crate::payload::is_hop;

/// Passes a request on to a URL, for a client. The error is for the log.
pub(crate) async fn pass(
    hosts: &HttpsClient,
    parts: &Parts,
    body: Bytes,
    (url, client): (Uri, IpAddr),
) -> Result<Response<AnswerBody>, String> {
    let authority = url.authority().ok_or("the URL has no host")?.as_str();
    let value = |text: &str| HeaderValue::try_from(text).map_err(|error| error.to_string());
    let mut headers = end_to_end(&parts.headers);
    headers.remove(CONTENT_LENGTH);
    if let Some(host) = parts.headers.get(HOST) {
        headers.insert("x-forwarded-host", host.clone());
    }
    headers.insert(HOST, value(authority)?);
    headers.append("x-forwarded-for", value(&client.to_string())?);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = url;
    *request.headers_mut() = headers;
    let answer = hosts.request(request).await.map_err(|error| https::chain(&error))?;
    let (answered, body) = answer.into_parts();
    let mut response = Response::new(AnswerBody::Page(body.map_err(Into::into).boxed_unsync()));
    *response.status_mut() = answered.status;
    *response.headers_mut() = end_to_end(&answered.headers);
    Ok(response)
}

/// The headers that are not those of one connection.
pub(crate) fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        if !is_hop(name) && !named.contains(name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_one_connection_stay_behind() {
        let pairs = [("connection", "close, x-own"), ("x-own", "1"), ("te", "trailers"), ("x-kept", "2")];
        let pair = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let kept = end_to_end(&pairs.map(pair).into_iter().collect());
        assert_eq!(kept.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-kept"]);
    }
}
