//! Answers that APIs make themselves.
//!
//! Source: API Gateway developer guide, "Gateway response types" and "Troubleshooting HTTP APIs" (2026-11). HTTP APIs
//! and REST APIs word them differently.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use crate::answer::AnswerBody;
use crate::refusal::Refusal;

/// Whose wording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// HTTP APIs.
    Http,
    /// REST APIs.
    Rest,
}

/// Why a request of an API is not answered by what is behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ApiRefusal {
    /// No stage or no route takes it.
    NoRoute,
    /// The stage does not exist, or the API does not answer at this host.
    Closed,
    /// Whoever asks may not.
    Forbidden,
    /// Nothing says who asks; holds what they are told to bring, where there is a word for it.
    Unauthorized(Option<String>),
    /// An authorizer said no, or said nothing.
    Denied {
        /// Whether it said no.
        explicitly: bool,
    },
    /// An authorizer did not answer, or not in its form.
    AuthorizerFailed,
    /// The API key is missing, or none that may be used here.
    NoKey,
    /// Too many requests.
    Throttled,
    /// More requests than a usage plan has.
    QuotaExceeded,
    /// Parameters are missing; names them.
    BadParameters(Vec<String>),
    /// The body is not what it must be; says what is wrong with it.
    BadBody(String),
    /// Bodies of this type are not taken.
    UnsupportedType,
    /// The function may not be called, or is not there.
    NotCallable,
    /// The function failed, or what it answered is no response.
    IntegrationFailed,
    /// The server behind the route cannot be reached.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// Something of the API that ebb does not have.
    NotBuilt(String),
    /// The edge's own refusal.
    Edge(Refusal),
}

impl ApiRefusal {
    pub(crate) fn status(&self, style: Style) -> StatusCode {
        match (self, style) {
            (Self::NoRoute, Style::Http) => StatusCode::NOT_FOUND,
            (Self::Unauthorized(_), _) => StatusCode::UNAUTHORIZED,
            (Self::NoRoute | Self::Closed | Self::Forbidden | Self::Denied { .. } | Self::NoKey, _) => {
                StatusCode::FORBIDDEN
            }
            (Self::Throttled | Self::QuotaExceeded, _) => StatusCode::TOO_MANY_REQUESTS,
            (Self::BadParameters(_) | Self::BadBody(_), _) => StatusCode::BAD_REQUEST,
            (Self::UnsupportedType, _) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            (Self::NotCallable | Self::AuthorizerFailed, _) | (Self::IntegrationFailed, Style::Http) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            (Self::IntegrationFailed, Style::Rest) => StatusCode::BAD_GATEWAY,
            (Self::TimedOut | Self::Unreachable, Style::Http) => StatusCode::SERVICE_UNAVAILABLE,
            (Self::TimedOut | Self::Unreachable, Style::Rest) => StatusCode::GATEWAY_TIMEOUT,
            (Self::NotBuilt(_), _) => StatusCode::NOT_IMPLEMENTED,
            (Self::Edge(refusal), _) => refusal.status(),
        }
    }

    /// What the caller reads; nothing where that is null.
    pub(crate) fn message(&self, style: Style) -> Option<Cow<'static, str>> {
        Some(match (self, style) {
            (Self::NoRoute, Style::Http) => "Not Found".into(),
            (Self::NoRoute, Style::Rest) => "Missing Authentication Token".into(),
            (Self::Denied { explicitly: true }, Style::Rest) => {
                "User is not authorized to access this resource with an explicit deny".into()
            }
            (Self::Denied { explicitly: false }, Style::Rest) => {
                "User is not authorized to access this resource".into()
            }
            (Self::Closed | Self::Forbidden | Self::Denied { .. } | Self::NoKey, _) => "Forbidden".into(),
            (Self::Unauthorized(_), _) => "Unauthorized".into(),
            (Self::AuthorizerFailed, Style::Rest) => return None,
            (Self::Throttled, _) => "Too Many Requests".into(),
            (Self::QuotaExceeded, _) => "Limit Exceeded".into(),
            (Self::BadParameters(names), _) => {
                format!("Missing required request parameters: [{}]", names.join(", ")).into()
            }
            (Self::BadBody(_), _) => "Invalid request body".into(),
            (Self::UnsupportedType, _) => "Unsupported Media Type".into(),
            (Self::NotCallable | Self::IntegrationFailed | Self::AuthorizerFailed, Style::Http) => {
                "Internal Server Error".into()
            }
            (Self::NotCallable | Self::IntegrationFailed, Style::Rest) => "Internal server error".into(),
            (Self::TimedOut | Self::Unreachable, Style::Http) => "Service Unavailable".into(),
            (Self::TimedOut, Style::Rest) => "Endpoint request timed out".into(),
            (Self::Unreachable, Style::Rest) => "Network error communicating with endpoint".into(),
            (Self::NotBuilt(what), _) => format!("ebb does not have {what} yet").into(),
            (Self::Edge(refusal), _) => refusal.to_string().into(),
        })
    }

    /// What REST APIs call it: the type of the gateway response that may stand in its place, and the error in the header.
    pub(crate) fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::NoRoute => ("MISSING_AUTHENTICATION_TOKEN", "MissingAuthenticationTokenException"),
            Self::Closed => ("DEFAULT_4XX", "ForbiddenException"),
            Self::Forbidden => ("INVALID_SIGNATURE", "InvalidSignatureException"),
            Self::Unauthorized(_) => ("UNAUTHORIZED", "UnauthorizedException"),
            Self::Denied { .. } => ("ACCESS_DENIED", "AccessDeniedException"),
            Self::AuthorizerFailed => ("AUTHORIZER_CONFIGURATION_ERROR", "AuthorizerConfigurationException"),
            Self::NoKey => ("INVALID_API_KEY", "ForbiddenException"),
            Self::Throttled => ("THROTTLED", "TooManyRequestsException"),
            Self::QuotaExceeded => ("QUOTA_EXCEEDED", "LimitExceededException"),
            Self::BadParameters(_) => ("BAD_REQUEST_PARAMETERS", "BadRequestException"),
            Self::BadBody(_) => ("BAD_REQUEST_BODY", "BadRequestException"),
            Self::UnsupportedType => ("UNSUPPORTED_MEDIA_TYPE", "UnsupportedMediaTypeException"),
            Self::TimedOut => ("INTEGRATION_TIMEOUT", "InternalServerErrorException"),
            Self::Unreachable => ("INTEGRATION_FAILURE", "InternalServerErrorException"),
            Self::IntegrationFailed => ("DEFAULT_5XX", "InternalServerErrorException"),
            Self::NotCallable | Self::NotBuilt(_) => {
                ("API_CONFIGURATION_ERROR", "InternalServerErrorException")
            }
            Self::Edge(Refusal::BodyTooLarge) => ("REQUEST_TOO_LARGE", "RequestTooLargeException"),
            Self::Edge(refusal) if refusal.status().is_client_error() => {
                ("DEFAULT_4XX", "BadRequestException")
            }
            Self::Edge(_) => ("DEFAULT_5XX", "InternalServerErrorException"),
        }
    }

    /// The response.
    pub(crate) fn into_response(self, style: Style) -> Response<AnswerBody> {
        let message = self.message(style);
        // As recorded on the service: this one message has a capital.
        let name =
            if style == Style::Rest && matches!(self, Self::Denied { .. }) { "Message" } else { "message" };
        let body = serde_json::json!({ name: message }).to_string();
        let mut response = Response::new(AnswerBody::whole(Bytes::from(body)));
        *response.status_mut() = self.status(style);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if style == Style::Rest {
            headers.insert("x-amzn-errortype", HeaderValue::from_static(self.kind().1));
        }
        if let Self::Unauthorized(Some(challenge)) = &self
            && let Ok(challenge) = HeaderValue::try_from(challenge)
        {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
