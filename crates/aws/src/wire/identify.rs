//! Which service a request is for, and in which protocol it must be answered.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};

/// How a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// JSON bodies; the operation is in method and path.
    RestJson,
    /// XML bodies; the operation is in method and path.
    RestXml,
    /// JSON bodies; the operation is in `X-Amz-Target`.
    Json {
        /// `application/x-amz-json-1.0` or `-1.1`.
        content_type: &'static str,
    },
    /// Forms in and XML out; the operation is in `Action`.
    Query {
        /// The XML namespace of answers.
        namespace: &'static str,
    },
}

/// What a request says of itself before anything is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identified {
    /// The service by its signing name, or by the prefix of its target; empty where nothing tells.
    pub service: String,
    /// The operation, where the protocol puts it into a header.
    pub operation: Option<String>,
    /// The protocol that the form of the request implies, for services that ebb does not have.
    pub protocol: Protocol,
}

/// Reads what a request says: the scope of its signature first, then `X-Amz-Target`, then the form of body and path.
#[must_use]
pub(crate) fn identify(method: &Method, path: &str, headers: &HeaderMap, scope: Option<&str>) -> Identified {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (prefix, operation) = match target.rsplit_once('.') {
        Some((prefix, operation)) => (prefix, Some(operation.to_owned())),
        None => ("", None),
    };
    let service = scope.unwrap_or(prefix).to_owned();
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let protocol = if operation.is_some() {
        let json_1_0 = content_type.starts_with("application/x-amz-json-1.0");
        let content_type = if json_1_0 { "application/x-amz-json-1.0" } else { "application/x-amz-json-1.1" };
        Protocol::Json { content_type }
    } else if (content_type.starts_with("application/x-www-form-urlencoded")
        && method == Method::POST
        // The URL of a queue is the path of older clients.
        && (path == "/" || service == "sqs"))
        // Queues take the form from the query too; nothing else of theirs is a GET.
        || (method == Method::GET && service == "sqs")
    {
        Protocol::Query { namespace: "https://ebb.invalid/doc/" }
    } else if service == "s3" {
        Protocol::RestXml
    } else {
        Protocol::RestJson
    };
    Identified { service, operation, protocol }
}
