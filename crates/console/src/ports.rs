//! What the console needs from crates of its own layer.

use bytes::Bytes;
use ebb_invoker::Boxed;

/// Deploys and finds apps. Documents go through as JSON text: they are the business of whoever implements this, and
/// of the client.
pub trait AppPort: Send + Sync + 'static {
    /// All apps.
    ///
    /// # Errors
    /// [`AppPortError`].
    fn list(&self) -> Result<Bytes, AppPortError>;

    /// One app.
    ///
    /// # Errors
    /// [`AppPortError::NotFound`].
    fn get(&self, name: &str) -> Result<Bytes, AppPortError>;

    /// Applies a plan (JSON text), whole or not at all, with the packages that came with it.
    fn deploy(
        &self,
        name: String,
        plan: Bytes,
        packages: Vec<Bytes>,
        dry_run: bool,
    ) -> Boxed<'_, Result<Bytes, AppPortError>>;

    /// Deletes an app and its functions; gives what it was.
    fn remove(&self, name: String) -> Boxed<'_, Result<Bytes, AppPortError>>;

    /// Which of these digests (a JSON list) name packages that are not here.
    fn missing(&self, digests: Bytes) -> Boxed<'_, Result<Bytes, AppPortError>>;
}

/// What the server can run functions with.
pub trait RuntimePort: Send + Sync + 'static {
    /// The names of what is installed beside the interpreters of the machine.
    fn installed(&self) -> Vec<String>;

    /// How many cold starts found a booted instance in stock, and how many could have had one and did not.
    fn stock_use(&self) -> (u64, u64);

    /// Installs something into the data folder, pinned by version and hash; nothing is done where it is there.
    fn add(&self, name: String) -> Boxed<'_, Result<(), AppPortError>>;
}

/// Why an app was not changed or not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppPortError {
    /// There is no such app.
    #[error("{0}")]
    NotFound(String),
    /// The request is at fault; says how.
    #[error("{0}")]
    Invalid(String),
    /// It does not fit what is there; says how.
    #[error("{0}")]
    Conflict(String),
    /// The platform failed; for the log only.
    #[error("{0}")]
    Internal(String),
}

/// Whether a log message is wanted.
pub type MessageTest = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Reads filter patterns of the log service.
pub trait LogPatterns: Send + Sync + 'static {
    /// The test that a pattern stands for.
    ///
    /// # Errors
    /// What is wrong with the pattern, for people.
    fn compile(&self, pattern: &str) -> Result<MessageTest, String>;
}
