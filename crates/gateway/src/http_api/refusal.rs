//! Answers that APIs make themselves.
//!
//! Source: API Gateway developer guide, "Gateway response types" and "Troubleshooting HTTP APIs" (2026-11). HTTP APIs
//! and REST APIs word them differently.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
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
    /// The function may not be called, or is not there.
    NotCallable,
    /// The function failed, or what it answered is no response.
    IntegrationFailed,
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
            (Self::NoRoute | Self::Closed | Self::Forbidden, _) => StatusCode::FORBIDDEN,
            (Self::NotCallable, _) | (Self::IntegrationFailed, Style::Http) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            (Self::IntegrationFailed, Style::Rest) => StatusCode::BAD_GATEWAY,
            (Self::TimedOut, Style::Http) => StatusCode::SERVICE_UNAVAILABLE,
            (Self::TimedOut, Style::Rest) => StatusCode::GATEWAY_TIMEOUT,
            (Self::NotBuilt(_), _) => StatusCode::NOT_IMPLEMENTED,
            (Self::Edge(refusal), _) => refusal.status(),
        }
    }

    fn message(&self, style: Style) -> Cow<'static, str> {
        match (self, style) {
            (Self::NoRoute, Style::Http) => "Not Found".into(),
            (Self::NoRoute, Style::Rest) => "Missing Authentication Token".into(),
            (Self::Closed | Self::Forbidden, _) => "Forbidden".into(),
            (Self::NotCallable | Self::IntegrationFailed, Style::Http) => "Internal Server Error".into(),
            (Self::NotCallable | Self::IntegrationFailed, Style::Rest) => "Internal server error".into(),
            (Self::TimedOut, Style::Http) => "Service Unavailable".into(),
            (Self::TimedOut, Style::Rest) => "Endpoint request timed out".into(),
            (Self::NotBuilt(what), _) => format!("ebb does not have {what} yet").into(),
            (Self::Edge(refusal), _) => refusal.to_string().into(),
        }
    }

    fn error_type(&self) -> &'static str {
        match self {
            Self::NoRoute => "MissingAuthenticationTokenException",
            Self::Closed | Self::Forbidden => "ForbiddenException",
            _ => "InternalServerErrorException",
        }
    }

    /// The response.
    pub(crate) fn into_response(self, style: Style) -> Response<AnswerBody> {
        let message = self.message(style);
        let body = serde_json::json!({ "message": message }).to_string();
        let mut response = Response::new(AnswerBody::whole(Bytes::from(body)));
        *response.status_mut() = self.status(style);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if style == Style::Rest {
            headers.insert("x-amzn-errortype", HeaderValue::from_static(self.error_type()));
        }
        response
    }
}
