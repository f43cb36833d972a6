//! Publishing versions.

use std::sync::Arc;

use ebb_model::{Digest, Function, FunctionState, FunctionVersion, RevisionId, Version};
use serde_json::{Value, json};

use super::commit::Edited;
use super::functions::check_revision;
use super::{Catalog, CatalogError, Target};

/// Under which a function remembers what it last published.
const PUBLISHED: &str = "PublishVersion";

/// What is to be published.
#[derive(Debug, Clone, Default)]
pub struct Publish {
    /// A description of its own.
    pub description: Option<String>,
    /// What the caller thinks the code is, in base64.
    pub code_sha256: Option<String>,
    /// The revision that the caller knows.
    pub revision: Option<String>,
}

impl Catalog {
    /// Publishes `$LATEST` as the next version; gives the last one again where nothing has changed since.
    ///
    /// # Errors
    /// [`CatalogError::StaleRevision`], [`CatalogError::InvalidParameter`] where the code is another, and
    /// [`CatalogError::Conflict`] while an update is applied.
    pub async fn publish_version(
        &self,
        target: &Target,
        publish: &Publish,
    ) -> Result<(Arc<Function>, Arc<FunctionVersion>), CatalogError> {
        let function = self.function(&target.name)?;
        if matches!(function.latest.state, FunctionState::Pending) {
            // A function that was made just now: worth a short wait. How it ended shows in its state.
            let _ = self.ready(&function.latest).await;
        }
        self.change(&target.name, |function| {
            self.refuse_while_updating(&function.latest)?;
            check_revision(&function.latest, publish.revision.as_deref())?;
            let present = function.latest.code.digest.to_base64();
            if let Some(given) = publish.code_sha256.as_ref().filter(|given| **given != present) {
                return Err(CatalogError::invalid(format!(
                    "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({present}). Please try \
                     again with the CodeSHA256 in $LATEST."
                )));
            }
            if let Some(last) = unchanged_since(function) {
                return Ok(Edited::Same(last));
            }
            let version = publish_into(function, publish.description.as_deref());
            Ok(Edited::Changed(version))
        })
        .await
    }
}

/// Adds a version that is what `$LATEST` is now, and ready when that is.
pub(super) fn publish_into(function: &mut Function, description: Option<&str>) -> Arc<FunctionVersion> {
    let number = function.next_version;
    function.next_version += 1;
    function.stored.insert(PUBLISHED.to_owned(), json!({ "version": number, "of": fingerprint(function) }));
    let mut version = FunctionVersion::clone(&function.latest);
    version.version = Version::Published(number);
    version.revision = RevisionId::random();
    if matches!(version.update, ebb_model::UpdateState::InProgress) {
        version.state = FunctionState::Pending;
        version.update = ebb_model::UpdateState::Successful;
    }
    if let Some(description) = description {
        description.clone_into(&mut version.settings.description);
    }
    let version = Arc::new(version);
    function.versions.insert(number, version.clone());
    let mut latest = FunctionVersion::clone(&function.latest);
    latest.revision = RevisionId::random();
    function.latest = Arc::new(latest);
    version
}

fn unchanged_since(function: &Function) -> Option<Arc<FunctionVersion>> {
    let last = function.stored.get(PUBLISHED)?;
    let number = last.get("version").and_then(Value::as_u64)?;
    let same = last.get("of").and_then(Value::as_str) == Some(fingerprint(function).as_str());
    function.versions.get(&number).filter(|_| same).cloned()
}

/// What a version is made of, as one short text.
fn fingerprint(function: &Function) -> String {
    let latest = &function.latest;
    let parts = serde_json::to_vec(&(&latest.settings, &latest.code)).unwrap_or_default();
    Digest::of(&parts).to_string()
}
