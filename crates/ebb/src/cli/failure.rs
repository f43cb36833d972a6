//! How a verb fails: what, where, and what to do about it.

use std::process::ExitCode;

use ebb_app::ProjectError;

/// What a verb could not do, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) what: String,
    /// Where: a file, a server, a verb.
    pub(crate) place: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    code: u8,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, place: impl Into<String>) -> Self {
        Self { what: what.into(), place: place.into(), hint: None, code: 1 }
    }

    /// The command line or configuration is not understood.
    pub(crate) fn usage(what: impl Into<String>, place: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(what, place) }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The hint that whoever failed gives along, where there is one.
    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Self {
        Self::new(error.to_string(), "deploy").maybe_hint(error.hint())
    }
}
