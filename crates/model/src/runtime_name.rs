//! The runtimes that a function may name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a runtime boots and which interpreter it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuntimeFamily {
    /// Node.js of this major version.
    Node(u16),
    /// Python 3 of this minor version.
    Python(u16),
    /// The package brings its own `bootstrap` (`provided.al2`, `provided.al2023`).
    Custom,
    /// Java of this feature version.
    Java(u16),
    /// Ruby 3 of this minor version.
    Ruby(u16),
    /// A server that listens on `$PORT`, started by a command.
    Http,
    /// The same on the `deno` program.
    Deno,
    /// A worker of the Cloudflare platform, on the `workerd` program.
    Workerd,
    /// A WebAssembly component that handles requests.
    Wasm,
}

impl RuntimeFamily {
    /// Whether its instances are servers of their own, which the Lambda API has no runtimes for.
    #[must_use]
    pub fn is_server(self) -> bool {
        matches!(self, Self::Http | Self::Deno | Self::Wasm)
    }

    /// Whether its boot takes several events at a time where a function's settings say so.
    #[must_use]
    pub fn takes_several_events(self) -> bool {
        matches!(self, Self::Node(_) | Self::Python(_))
    }

    /// Whether its instances are servers of their own where a function's settings say so.
    #[must_use]
    pub fn may_be_server(self) -> bool {
        self.is_server() || self == Self::Workerd
    }
}

/// A runtime identifier that ebb knows: Lambda's, such as `python3.11`, and ebb's own for servers (`http`, `deno`, `wasm`). Inside, its place in the table of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuntimeName(u8);

/// A runtime identifier that ebb does not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Value {0} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: {known} or be a valid ARN", known = RuntimeName::known_list())]
pub struct UnknownRuntime(pub String);

/// Within a family in the order of their versions: the last is the newest. Those that Lambda itself makes no functions of
/// any more are here as far as a newer interpreter of their language runs what was written for them.
const KNOWN: &[(&str, RuntimeFamily)] = &[
    ("nodejs14.x", RuntimeFamily::Node(14)),
    ("nodejs16.x", RuntimeFamily::Node(16)),
    ("nodejs18.x", RuntimeFamily::Node(18)),
    ("nodejs20.x", RuntimeFamily::Node(20)),
    ("nodejs22.x", RuntimeFamily::Node(22)),
    ("nodejs24.x", RuntimeFamily::Node(24)),
    ("python3.7", RuntimeFamily::Python(7)),
    ("python3.8", RuntimeFamily::Python(8)),
    ("python3.9", RuntimeFamily::Python(9)),
    ("python3.10", RuntimeFamily::Python(10)),
    ("python3.11", RuntimeFamily::Python(11)),
    ("python3.12", RuntimeFamily::Python(12)),
    ("python3.13", RuntimeFamily::Python(13)),
    ("python3.14", RuntimeFamily::Python(14)),
    ("provided", RuntimeFamily::Custom),
    (GO, RuntimeFamily::Custom),
    ("provided.al2", RuntimeFamily::Custom),
    ("provided.al2023", RuntimeFamily::Custom),
    ("java8", RuntimeFamily::Java(8)),
    ("java8.al2", RuntimeFamily::Java(8)),
    ("java11", RuntimeFamily::Java(11)),
    ("java17", RuntimeFamily::Java(17)),
    ("java21", RuntimeFamily::Java(21)),
    ("java25", RuntimeFamily::Java(25)),
    ("ruby3.2", RuntimeFamily::Ruby(2)),
    ("ruby3.3", RuntimeFamily::Ruby(3)),
    ("ruby3.4", RuntimeFamily::Ruby(4)),
    ("http", RuntimeFamily::Http),
    ("deno", RuntimeFamily::Deno),
    ("workerd", RuntimeFamily::Workerd),
    ("wasm", RuntimeFamily::Wasm),
];

/// Programs of Go before they were called `bootstrap`.
const GO: &str = "go1.x";

impl RuntimeName {
    /// Reads an identifier.
    ///
    /// # Errors
    /// [`UnknownRuntime`] where ebb has no such runtime.
    pub fn parse(value: &str) -> Result<Self, UnknownRuntime> {
        Self::all().find(|name| name.as_str() == value).ok_or_else(|| UnknownRuntime(value.to_owned()))
    }

    /// Every runtime that ebb knows.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..KNOWN.len()).filter_map(|index| u8::try_from(index).ok().map(Self))
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        KNOWN[usize::from(self.0)].0
    }

    /// How it boots.
    #[must_use]
    pub fn family(&self) -> RuntimeFamily {
        KNOWN[usize::from(self.0)].1
    }

    /// Whether the handler is the name of the program that the package brings, which is `bootstrap` otherwise.
    /// Source: the AWS compute blog, "Migrating AWS Lambda functions from the Go1.x runtime to the custom runtime" (2023).
    #[must_use]
    pub fn handler_is_program(&self) -> bool {
        self.as_str() == GO
    }

    fn known_list() -> String {
        let of_lambda =
            KNOWN.iter().filter(|(_, family)| !family.is_server() && *family != RuntimeFamily::Workerd);
        let names: Vec<_> = of_lambda.map(|(name, _)| *name).collect();
        format!("[{}]", names.join(", "))
    }
}

impl fmt::Display for RuntimeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RuntimeName {
    type Err = UnknownRuntime;
    fn from_str(value: &str) -> Result<Self, UnknownRuntime> {
        Self::parse(value)
    }
}

impl TryFrom<String> for RuntimeName {
    type Error = UnknownRuntime;
    fn try_from(value: String) -> Result<Self, UnknownRuntime> {
        Self::parse(&value)
    }
}

impl From<RuntimeName> for String {
    fn from(value: RuntimeName) -> String {
        value.as_str().to_owned()
    }
}
