//! Error answers.

use ebb_store::StoreError;
use ebb_store::logs::LogError;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::ports::AppPortError;
use crate::service::{Body, json};

/// What every error answer holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong, for people.
    pub error: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Why a request gets no answer of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsoleError {
    #[error("there is nothing at {0}")]
    NoSuchPath(String),
    #[error("{method} is not for {path}")]
    NoSuchMethod { method: String, path: String },
    #[error("the web console is not built yet")]
    NoWebConsole,
    #[error("there is no function or app named {0}")]
    NoSuchName(String),
    #[error("{0}")]
    BadRequest(String),
    #[error(transparent)]
    App(#[from] AppPortError),
    #[error("the logs could not be read: {0}")]
    Logs(#[from] LogError),
    #[error("the queue of events could not be measured: {0}")]
    Measure(#[from] StoreError),
    #[error("an answer could not be written: {0}")]
    Encode(#[from] serde_json::Error),
}

impl ConsoleError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPath(_) | Self::NoSuchName(_) | Self::App(AppPortError::NotFound(_)) => {
                StatusCode::NOT_FOUND
            }
            Self::NoSuchMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoWebConsole => StatusCode::NOT_IMPLEMENTED,
            Self::BadRequest(_) | Self::App(AppPortError::Invalid(_)) => StatusCode::BAD_REQUEST,
            Self::App(AppPortError::Conflict(_)) => StatusCode::CONFLICT,
            Self::App(AppPortError::Internal(_)) | Self::Logs(_) | Self::Measure(_) | Self::Encode(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoWebConsole => "use `ebb ls`, `ebb logs` and /_ebb/metrics",
            Self::NoSuchName(_) => "`ebb ls` shows what is there",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// The answer. Detail of the platform's own failures goes to the log only.
    pub(crate) fn into_response(self) -> Response<Body> {
        let status = self.status();
        let mut error = self.to_string();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%error, "a request to the console failed");
            "the server failed; its log says why".clone_into(&mut error);
        }
        let mut response = json(&ErrorBody { error, hint: self.hint() }).unwrap_or_default();
        *response.status_mut() = status;
        response
    }
}
