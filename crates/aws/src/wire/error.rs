//! The one error that handlers return, and the only place that writes it onto the wire.

use std::borrow::Cow;

use ebb_model::RequestId;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Map, Value};

use super::body::{Body, full_body};
use super::identify::Protocol;
use super::query::escape_xml;

/// Whose fault an error is, as the services report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller's: `Type` is `User`, or `Sender` in XML.
    Client,
    /// Ours: `Type` is `Service`, or `Receiver` in XML.
    Service,
}

/// An error as a client of AWS knows it: a code, a status and a message.
#[derive(Debug, Clone)]
pub struct AwsError {
    /// The documented code, such as `ResourceNotFoundException`.
    pub code: Cow<'static, str>,
    /// What the caller reads.
    pub message: String,
    /// The HTTP status.
    pub status: StatusCode,
    /// Whose fault it is.
    pub fault: Fault,
    /// Further members of the error's shape, such as `Reason`.
    pub extra: Map<String, Value>,
    /// Further headers, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What few errors have; apart, so that the others stay small.
    rare: Option<Box<Rare>>,
}

#[derive(Debug, Clone, Default)]
struct Rare {
    /// What the query protocol says instead of `message`, where the service says something else there.
    query_message: Option<&'static str>,
    /// What went wrong inside; logged with the request id and never sent.
    detail: Option<String>,
}

impl AwsError {
    /// An error with this code and status; a status of 500 or more makes it the service's fault.
    #[must_use]
    pub fn new(code: &'static str, status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            message: message.into(),
            status,
            fault: if status.is_server_error() { Fault::Service } else { Fault::Client },
            extra: Map::new(),
            headers: Vec::new(),
            rare: None,
        }
    }

    /// An error of the caller, with status 400.
    #[must_use]
    pub fn client(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, StatusCode::BAD_REQUEST, message)
    }

    /// A failure of the platform. `detail` goes to the log; the caller gets the service's own code for it.
    #[must_use]
    pub fn internal(detail: impl std::fmt::Display) -> Self {
        let mut error = Self::new(
            INTERNAL,
            StatusCode::INTERNAL_SERVER_ERROR,
            "An internal error occurred; the server's log has the detail under this request id.",
        );
        error.rare.get_or_insert_default().detail = Some(detail.to_string());
        error
    }

    /// An operation that exists and that ebb does not have.
    #[must_use]
    pub fn not_implemented(service: &str, operation: &str, protocol: Protocol) -> Self {
        let message = format!("ebb does not implement {service}:{operation} yet");
        match protocol {
            Protocol::Query { .. } => Self::client("InvalidAction", message),
            Protocol::RestXml => Self::new("NotImplemented", StatusCode::NOT_IMPLEMENTED, message),
            Protocol::RestJson => Self::new("UnknownOperationException", StatusCode::NOT_FOUND, message),
            Protocol::Json { .. } => Self::client("UnknownOperationException", message),
        }
    }

    /// A request that asks for nothing: in the query protocol it has an answer of its own shape.
    #[must_use]
    pub fn unknown_operation() -> Self {
        Self::new(UNKNOWN, StatusCode::NOT_FOUND, "")
    }

    /// Adds a member of the error's shape.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(member.to_owned(), value.into());
        self
    }

    /// Adds what the query protocol calls the error, for services that speak it besides JSON: clients of the JSON
    /// protocol look there too. Source: Smithy 2.0, "awsQueryCompatible trait".
    #[must_use]
    pub fn with_query_code(self, code: &str) -> Self {
        let fault = if self.fault == Fault::Client { "Sender" } else { "Receiver" };
        match HeaderValue::from_str(&format!("{code};{fault}")) {
            Ok(value) => self.with_header(QUERY_ERROR, value),
            Err(_) => self,
        }
    }

    /// Sets what the query protocol says instead of the message.
    #[must_use]
    pub fn with_query_message(mut self, message: &'static str) -> Self {
        self.rare.get_or_insert_default().query_message = Some(message);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The answer, in the shape of `protocol`. `internal_code` is what the service calls its own failures.
    pub(crate) fn into_response(
        mut self,
        protocol: Protocol,
        internal_code: &'static str,
        request_id: RequestId,
    ) -> Response<Body> {
        if self.code == INTERNAL {
            self.code = Cow::Borrowed(internal_code);
        }
        let (content_type, body) = match protocol {
            Protocol::RestJson => ("application/json", self.rest_json()),
            Protocol::Json { content_type } => (content_type, self.json_rpc()),
            Protocol::Query { namespace } => ("text/xml", self.query_xml(namespace, request_id)),
            Protocol::RestXml => ("application/xml", self.rest_xml(request_id)),
        };
        let mut response = Response::new(full_body(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if !matches!(protocol, Protocol::Query { .. } | Protocol::RestXml)
            && let Ok(code) = HeaderValue::from_str(&self.code)
        {
            headers.insert(ERROR_TYPE, code);
        }
        headers.extend(self.headers);
        response
    }

    fn rest_json(&self) -> String {
        let mut body = self.extra.clone();
        if !FRONT_END_CODES.contains(&self.code.as_ref()) {
            let kind = if self.fault == Fault::Client { "User" } else { "Service" };
            body.insert("Type".to_owned(), kind.into());
        }
        let key = if CAPITAL_MESSAGE_CODES.contains(&self.code.as_ref()) { "Message" } else { "message" };
        body.insert(key.to_owned(), self.message.as_str().into());
        Value::Object(body).to_string()
    }

    fn json_rpc(&self) -> String {
        let mut body = self.extra.clone();
        body.insert("__type".to_owned(), self.code.as_ref().into());
        body.insert("message".to_owned(), self.message.as_str().into());
        Value::Object(body).to_string()
    }

    fn query_xml(&self, namespace: &str, request_id: RequestId) -> String {
        if self.code == UNKNOWN && self.message.is_empty() {
            return format!("<{UNKNOWN}/>");
        }
        let kind = if self.fault == Fault::Client { "Sender" } else { "Receiver" };
        // A service that speaks JSON too may have another name for it here.
        let named = self
            .headers
            .iter()
            .find(|(name, _)| *name == QUERY_ERROR)
            .and_then(|(_, value)| value.to_str().ok());
        let code = named.and_then(|named| named.split(';').next()).unwrap_or(&self.code);
        // The services that came to speak JSON later have kept this element, empty (recorded 2025).
        let detail = if named.is_some() { "<Detail/>" } else { "" };
        format!(
            "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{kind}</Type><Code>{}</Code><Message>{}</Message>\
             {detail}</Error><RequestId>{request_id}</RequestId></ErrorResponse>",
            escape_xml(code),
            escape_xml(self.rare.as_ref().and_then(|rare| rare.query_message).unwrap_or(&self.message))
        )
    }

    fn rest_xml(&self, request_id: RequestId) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{}</Code><Message>{}</Message>\
             <RequestId>{request_id}</RequestId></Error>",
            escape_xml(&self.code),
            escape_xml(&self.message)
        )
    }
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.status.as_u16(), self.message)?;
        let detail = self.rare.as_ref().and_then(|rare| rare.detail.as_ref());
        detail.map_or(Ok(()), |detail| write!(f, " [{detail}]"))
    }
}

impl std::error::Error for AwsError {}

/// Stands for "what this service calls its own failures" until the protocol is known.
const INTERNAL: &str = "InternalFailure";

/// What the front of a service says where it is asked for no operation.
const UNKNOWN: &str = "UnknownOperationException";

const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Errors that come from the front of the service rather than from its model; they have no `Type` member.
const FRONT_END_CODES: [&str; 10] = [
    "ValidationException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "IncompleteSignatureException",
    "MissingAuthenticationTokenException",
    "ExpiredTokenException",
    "AccessDeniedException",
    "UnknownOperationException",
    "SerializationException",
    "RequestEntityTooLargeException",
];

/// Lambda's errors whose model spells the member `Message`; all others spell it `message`.
/// Source: the public model of Lambda (`lambda/2015-03-31/service-2.json`), 2026-11.
const CAPITAL_MESSAGE_CODES: [&str; 33] = [
    "CallbackTimeoutException",
    "CodeSigningConfigNotFoundException",
    "CodeVerificationFailedException",
    "DurableExecutionAlreadyStartedException",
    "EC2AccessDeniedException",
    "EC2ThrottledException",
    "EC2UnexpectedException",
    "EFSIOException",
    "EFSMountConnectivityException",
    "EFSMountFailureException",
    "EFSMountTimeoutException",
    "ENILimitReachedException",
    "ENINotReadyException",
    "InvalidCodeSignatureException",
    "InvalidRuntimeException",
    "InvalidSecurityGroupIDException",
    "InvalidSubnetIDException",
    "InvalidZipFileException",
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "NoPublishedVersionException",
    "PublicPolicyException",
    "RecursiveInvocationException",
    "ResourceInUseException",
    "ResourceNotFoundException",
    "ServiceException",
    "ServiceQuotaExceededException",
    "SnapStartException",
    "SnapStartNotReadyException",
    "SnapStartRegenerationFailureException",
    "SnapStartTimeoutException",
];
