//! Names and ids, each a type of its own that is valid by construction.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A name or id that does not have the shape its kind asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a valid {what}: it must match {pattern}")]
pub struct InvalidName {
    /// What was being named, as in "function name".
    pub what: &'static str,
    /// The text as it was given.
    pub value: String,
    /// The pattern that a valid one matches, as the service documents it.
    pub pattern: &'static str,
}

/// Declares a string newtype: validated by `$valid`, (de)serialised as the plain string.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $pattern:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Checks `value` and wraps it.
            ///
            /// # Errors
            /// [`InvalidName`] where it does not match the documented pattern.
            pub fn parse(value: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(value) {
                    Ok(Self(value.into()))
                } else {
                    Err(InvalidName { what: $what, value: value.to_owned(), pattern: $pattern })
                }
            }

            /// The text of it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(value: &str) -> Result<Self, InvalidName> {
                Self::parse(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(value: String) -> Result<Self, InvalidName> {
                Self::parse(&value)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

fn is_word(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

name!(
    /// The name of a function, unique in an account and region.
    FunctionName, "function name", "[a-zA-Z0-9-_]{1,64}", |v| (1..=64).contains(&v.len()) && is_word(v)
);
name!(
    /// The name of an alias of a function. Never all digits, so that it cannot be taken for a version.
    AliasName, "alias name", "(?!^[0-9]+$)([a-zA-Z0-9-_]{1,128})",
    |v| (1..=128).contains(&v.len()) && is_word(v) && !v.bytes().all(|b| b.is_ascii_digit())
);
name!(
    /// The name of a layer.
    LayerName, "layer name", "[a-zA-Z0-9-_]{1,140}", |v| (1..=140).contains(&v.len()) && is_word(v)
);
name!(
    /// The twelve digits of an account.
    AccountId, "account id", r"\d{12}", |v| v.len() == 12 && v.bytes().all(|b| b.is_ascii_digit())
);
name!(
    /// A region, such as `us-east-1`.
    Region, "region", "[a-z0-9-]{1,32}",
    |v| (1..=32).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

/// A version of a function: the changeable latest one, or a published number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Version {
    /// `$LATEST`, the one that updates change.
    Latest,
    /// A published, immutable version, counted from 1.
    Published(u64),
}

impl Version {
    /// Reads `$LATEST` or a number without leading zeros.
    ///
    /// # Errors
    /// [`InvalidName`] for anything else.
    pub fn parse(value: &str) -> Result<Self, InvalidName> {
        match value {
            "$LATEST" => Ok(Self::Latest),
            _ if !value.starts_with('0') && value.bytes().all(|b| b.is_ascii_digit()) => {
                value.parse().map(Self::Published).map_err(|_| Self::invalid(value))
            }
            _ => Err(Self::invalid(value)),
        }
    }

    fn invalid(value: &str) -> InvalidName {
        InvalidName { what: "version", value: value.to_owned(), pattern: r"(\$LATEST|[0-9]+)" }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("$LATEST"),
            Self::Published(number) => number.fmt(f),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = InvalidName;
    fn try_from(value: String) -> Result<Self, InvalidName> {
        Self::parse(&value)
    }
}

impl From<Version> for String {
    fn from(value: Version) -> String {
        value.to_string()
    }
}

/// What may follow a function's name: a version, or an alias that names one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Qualifier {
    /// A version by its number, or `$LATEST`.
    Version(Version),
    /// An alias.
    Alias(AliasName),
}

impl Qualifier {
    /// Reads `$LATEST`, a number, or an alias name.
    ///
    /// # Errors
    /// [`InvalidName`] for anything else.
    pub fn parse(value: &str) -> Result<Self, InvalidName> {
        if let Ok(version) = Version::parse(value) {
            return Ok(Self::Version(version));
        }
        AliasName::parse(value).map(Self::Alias).map_err(|_| InvalidName {
            what: "qualifier",
            value: value.to_owned(),
            pattern: r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+",
        })
    }
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => version.fmt(f),
            Self::Alias(alias) => alias.fmt(f),
        }
    }
}

impl TryFrom<String> for Qualifier {
    type Error = InvalidName;
    fn try_from(value: String) -> Result<Self, InvalidName> {
        Self::parse(&value)
    }
}

impl From<Qualifier> for String {
    fn from(value: Qualifier) -> String {
        value.to_string()
    }
}

/// Declares a UUID newtype.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new random one.
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// Wraps an existing UUID.
            #[must_use]
            pub fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// Reads the hyphenated form; nothing for anything else.
            #[must_use]
            pub fn parse(value: &str) -> Option<Self> {
                Uuid::try_parse(value).ok().map(Self)
            }

            /// The UUID inside.
            #[must_use]
            pub fn uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

uuid_id!(
    /// Names one request to ebb and the invocation it made; functions see it as `awsRequestId`.
    RequestId
);
uuid_id!(
    /// Changes whenever a function, alias or policy does; callers send it back to refuse lost updates.
    RevisionId
);

/// The SHA-256 of a blob: its name in the blob store. Shown as lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`InvalidName`] for anything else.
    pub fn parse_hex(value: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName { what: "digest", value: value.to_owned(), pattern: "[0-9a-f]{64}" };
        if value.len() != 64 || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(value.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| invalid())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }

    /// Standard base64, the form of Lambda's `CodeSha256`.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64::engine::general_purpose::STANDARD.encode(self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidName;
    fn try_from(value: String) -> Result<Self, InvalidName> {
        Self::parse_hex(&value)
    }
}

impl From<Digest> for String {
    fn from(value: Digest) -> String {
        value.to_string()
    }
}

#[cfg(test)]
mod tests;
