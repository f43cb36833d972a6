//! Named values, as the parameter store of Systems Manager has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// A named value with its earlier versions. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// As in `/shop/url`.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// What values must match.
    #[serde(default)]
    pub allowed_pattern: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Its versions, the current one last; never empty.
    pub versions: Vec<ParameterVersion>,
}

/// A value that a parameter has or had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterVersion {
    /// From 1 on.
    pub number: u64,
    /// What it is.
    pub kind: ParameterKind,
    /// The value; lists are written with commas.
    pub value: String,
    /// When it was set.
    pub modified: Timestamp,
}

/// What values of a parameter are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterKind {
    /// A text.
    String,
    /// Texts, with commas between them.
    StringList,
    /// A text that is shown only to who asks for it outright.
    SecureString,
}

/// A value that a parameter shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewParameter {
    /// Its name.
    pub name: String,
    /// What it is; what it was, else a text, where nothing is said.
    pub kind: Option<ParameterKind>,
    /// The value.
    pub value: String,
    /// For people.
    pub description: Option<String>,
    /// What values must match.
    pub allowed_pattern: Option<String>,
    /// Tags; those that it has stay where nothing is said.
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether it may be there already.
    pub overwrite: bool,
}

/// Why a parameter cannot be set or found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// There is none of this name.
    #[error("Parameter {0} not found.")]
    NotFound(String),
    /// It has no such version.
    #[error("Systems Manager could not find version {number} of {name}. Verify the version and try again.")]
    NoVersion {
        /// The parameter.
        name: String,
        /// The version.
        number: u64,
    },
    /// There is one of this name.
    #[error(
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
    )]
    Exists,
    /// The name, the value or something else of it is not allowed.
    #[error("{0}")]
    Invalid(String),
    /// The value does not match the parameter's pattern.
    #[error("Parameter value, cannot be validated against allowedPattern: {0}")]
    Unmatched(String),
    /// The platform failed; the text is for the log.
    #[error("{0}")]
    Internal(String),
}

impl Parameter {
    /// What it is now.
    ///
    /// # Panics
    /// Where it has no version, which no parameter lacks.
    #[must_use]
    pub fn current(&self) -> &ParameterVersion {
        self.versions.last().expect("a parameter has a version from the first on")
    }

    /// One of its versions; the current one where none is asked for.
    #[must_use]
    pub fn version(&self, number: Option<u64>) -> Option<&ParameterVersion> {
        match number {
            Some(number) => self.versions.iter().find(|version| version.number == number),
            None => self.versions.last(),
        }
    }
}
