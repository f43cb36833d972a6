//! Answers that the edge makes itself. The only place that writes them.

use bytes::Bytes;
use ebb_invoker::{InvokeError, ThrottleReason};
use ebb_model::RequestId;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use crate::answer::AnswerBody;

/// Why a request is not answered by a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Nothing lives at this host; holds the host and the domain of this edge.
    #[error("no app or function URL at host {host:?}")]
    UnknownHost { host: String, domain: String },
    /// No function URL has this id.
    #[error("no such function URL")]
    UnknownUrl,
    /// No HTTP API has this id.
    #[error("no HTTP API has the id {0:?}")]
    UnknownApi(String),
    /// No app has this name.
    #[error("no app named {0:?}")]
    UnknownApp(String),
    /// The app has no route for this method and path.
    #[error("app {app:?} has no route for {method} {path}")]
    NoRoute { app: String, method: String, path: String },
    /// Path and query are too long.
    #[error("the request target is too long")]
    TargetTooLong,
    /// The headers are too many or too long.
    #[error("the request headers are too large")]
    HeadersTooLarge,
    /// The body is too large.
    #[error("the request body is too large")]
    BodyTooLarge,
    /// The body did not come in time.
    #[error("the request body did not arrive in time")]
    BodyTimedOut,
    /// The body could not be read.
    #[error("the request body is malformed")]
    BodyBroken,
    /// Not signed, or not by somebody who may call.
    #[error("forbidden")]
    Forbidden,
    /// A concurrency limit was reached.
    #[error("throttled")]
    Throttled(ThrottleReason),
    /// More requests than an app's function takes.
    #[error("Too Many Requests")]
    RateLimited,
    /// The function failed, timed out, or answered something that is no response.
    #[error("the function failed")]
    FunctionFailed,
    /// The host that a rule of the app leads to cannot be reached.
    #[error("the host behind the app cannot be reached")]
    Unreachable,
    /// The server is stopping.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The platform failed.
    #[error("internal error")]
    Internal,
}

/// What the service answers to callers who may not call a function URL.
const FORBIDDEN: &str = "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";

impl From<&InvokeError> for Refusal {
    fn from(error: &InvokeError) -> Self {
        match error {
            InvokeError::Throttled(reason) => Self::Throttled(*reason),
            // The event is larger than the body: base64 and the fields around it count too.
            InvokeError::PayloadTooLarge { .. } => Self::BodyTooLarge,
            // As recorded on the service for the URL of an alias that was deleted.
            InvokeError::NotFound(_) => Self::Forbidden,
            InvokeError::ShuttingDown => Self::ShuttingDown,
            InvokeError::NotReady(_) | InvokeError::RuntimeUnavailable(_) => Self::FunctionFailed,
            InvokeError::PayloadNotJson(_) | InvokeError::Internal(_) => Self::Internal,
        }
    }
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::UnknownHost { .. } | Self::UnknownApi(_) | Self::UnknownApp(_) | Self::NoRoute { .. } => {
                StatusCode::NOT_FOUND
            }
            Self::UnknownUrl | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::Throttled(_) | Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::FunctionFailed | Self::Unreachable => StatusCode::BAD_GATEWAY,
            Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The service's name for it, in `x-amzn-ErrorType`.
    fn error_type(&self) -> Option<&'static str> {
        match self {
            Self::UnknownUrl | Self::Forbidden => Some("AccessDeniedException"),
            Self::Throttled(_) => Some("TooManyRequestsException"),
            Self::BodyTooLarge => Some("RequestEntityTooLargeException"),
            _ => None,
        }
    }

    fn body(&self) -> Bytes {
        let message = |text: &str| Bytes::from(serde_json::json!({ "Message": text }).to_string());
        match self {
            // As recorded on the service: a null message, and a bare string that is not JSON.
            Self::UnknownUrl => Bytes::from_static(br#"{"Message":null}"#),
            Self::FunctionFailed | Self::Internal => Bytes::from_static(b"Internal Server Error"),
            Self::Forbidden => message(FORBIDDEN),
            Self::Throttled(reason) => {
                let body = serde_json::json!({ "Message": "Rate Exceeded.", "Reason": reason.as_str(), "Type": "User" });
                Bytes::from(body.to_string())
            }
            Self::UnknownHost { domain, .. } => {
                let hosts = [
                    format!("NAME.{domain} (the app NAME, made by ebb deploy)"),
                    format!("ID.lambda-url.REGION.{domain} (a function URL)"),
                    format!("ID.execute-api.REGION.{domain} (an HTTP or REST API)"),
                ];
                Bytes::from(serde_json::json!({ "Message": self.to_string(), "Hosts": hosts }).to_string())
            }
            _ => message(&self.to_string()),
        }
    }

    /// The response. `id` lets the caller and the log be matched.
    pub(crate) fn into_response(self, id: RequestId) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::whole(self.body()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(name) = self.error_type() {
            headers.insert("x-amzn-errortype", HeaderValue::from_static(name));
        }
        if matches!(self, Self::Throttled(_) | Self::ShuttingDown) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Ok(id) = HeaderValue::try_from(id.to_string()) {
            headers.insert("x-amzn-requestid", id);
        }
        response
    }
}
