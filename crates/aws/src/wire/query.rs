//! The query protocol: forms in, XML out.

use std::borrow::Cow;

use ebb_model::RequestId;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::body::{Body, full_body};

/// Escapes text for XML.
#[must_use]
pub fn escape_xml(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'', '\r']) {
        return Cow::Borrowed(text);
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // A reader would make a line feed of a carriage return.
    let escaped = escaped.replace('\r', "&#xD;");
    Cow::Owned(escaped.replace('"', "&quot;").replace('\'', "&apos;"))
}

/// The answer of an operation: `result` is the XML inside `<OPERATIONResult>`, escaped already.
#[must_use]
pub fn xml_response(operation: &str, namespace: &str, result: &str, request_id: RequestId) -> Response<Body> {
    let result = match result {
        "" => format!("<{operation}Result/>"),
        result => format!("<{operation}Result>{result}</{operation}Result>"),
    };
    let text = format!(
        "<{operation}Response xmlns=\"{namespace}\">{result}<ResponseMetadata><RequestId>{request_id}</RequestId>\
         </ResponseMetadata></{operation}Response>"
    );
    let mut response = Response::new(full_body(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}
