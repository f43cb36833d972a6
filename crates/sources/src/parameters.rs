//! The parameter store: named values that calls set, templates make, and templates refer to.
//!
//! Source: Systems Manager user guide, "Parameter Store", and the API reference of `PutParameter` (2026-11). Values of
//! the kind `SecureString` are kept as the others are: with whatever protects the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_invoker::Boxed;
use ebb_model::{Clock, NewParameter, Parameter, ParameterError, ParameterKind, ParameterVersion};
use ebb_store::{Change, Store, StoreError};
use regex_lite::Regex;

use crate::registry::{Documents, Follow, Registry};

/// The most versions of a parameter that are kept.
const VERSIONS: usize = 100;
/// The longest value, in bytes: that of the advanced tier.
const VALUE: usize = 8192;
/// The longest name.
const NAME: usize = 1011;

/// The parameters. Cheap to clone.
#[derive(Clone)]
pub struct ParameterStore {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    parameters: Registry<Parameter>,
}

/// What an edit fails with, until it is told outside.
struct Failed(ParameterError);

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self(ParameterError::Internal(error.to_string()))
    }
}

impl ParameterStore {
    /// Reads all parameters.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(store: Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let parameters = Registry::open(store, "parameter").await?;
        Ok(Self { inner: Arc::new(Inner { clock, parameters }) })
    }

    /// All parameters, by name.
    #[must_use]
    pub fn all(&self) -> Arc<Documents<Parameter>> {
        self.inner.parameters.all()
    }

    /// A parameter.
    ///
    /// # Errors
    /// [`ParameterError::NotFound`].
    pub fn get(&self, name: &str) -> Result<Arc<Parameter>, ParameterError> {
        self.inner.parameters.get(name).ok_or_else(|| ParameterError::NotFound(name.to_owned()))
    }

    /// Gives a parameter a value; durable when it returns. Gives the number of the version.
    ///
    /// # Errors
    /// All but [`ParameterError::NotFound`] and [`ParameterError::NoVersion`].
    pub async fn put(&self, new: NewParameter) -> Result<u64, ParameterError> {
        check(&new)?;
        let now = self.inner.clock.now();
        let made = self.inner.parameters.edit(&new.name, |before| -> Result<_, Failed> {
            if before.is_some() && !new.overwrite {
                return Err(Failed(ParameterError::Exists));
            }
            let current = before.map(Parameter::current);
            let version = ParameterVersion {
                number: current.map_or(1, |current| current.number + 1),
                kind: new.kind.or(current.map(|own| own.kind)).unwrap_or(ParameterKind::String),
                value: new.value.clone(),
                modified: now,
            };
            let mut versions = before.map(|before| before.versions.clone()).unwrap_or_default();
            versions.push(version);
            versions.drain(..versions.len().saturating_sub(VERSIONS));
            let kept = |own: &Option<String>, new: &Option<String>| new.clone().or_else(|| own.clone());
            let nothing = None;
            Ok(Some(Parameter {
                name: new.name.clone(),
                description: kept(before.map_or(&nothing, |own| &own.description), &new.description),
                allowed_pattern: kept(
                    before.map_or(&nothing, |own| &own.allowed_pattern),
                    &new.allowed_pattern,
                ),
                tags: match &new.tags {
                    Some(tags) => tags.clone(),
                    None => before.map(|before| before.tags.clone()).unwrap_or_default(),
                },
                versions,
            }))
        });
        let made = made.await.map_err(|Failed(error)| error)?;
        Ok(made.map_or(1, |made| made.current().number))
    }

    /// Adds tags to a parameter and takes others away.
    ///
    /// # Errors
    /// [`ParameterError::NotFound`], [`ParameterError::Internal`].
    pub async fn tag(
        &self,
        name: &str,
        added: BTreeMap<String, String>,
        removed: &[String],
    ) -> Result<(), ParameterError> {
        let changed = self.inner.parameters.edit(name, |before| -> Result<_, Failed> {
            let mut parameter =
                before.cloned().ok_or_else(|| Failed(ParameterError::NotFound(name.to_owned())))?;
            parameter.tags.retain(|key, _| !removed.contains(key));
            parameter.tags.extend(added.clone());
            Ok(Some(parameter))
        });
        changed.await.map(drop).map_err(|Failed(error)| error)
    }

    /// Deletes a parameter; gives whether it was there.
    ///
    /// # Errors
    /// [`ParameterError::Internal`].
    pub async fn delete(&self, name: &str) -> Result<bool, ParameterError> {
        let there = self.inner.parameters.get(name).is_some();
        let deleted = self.inner.parameters.edit(name, |_| -> Result<_, Failed> { Ok(None) });
        deleted.await.map(|_| there).map_err(|Failed(error)| error)
    }
}

impl Follow for ParameterStore {
    fn follow(&self, change: Change) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move { self.inner.parameters.follow(change).await.map(drop) })
    }
}

/// Refuses names and values that are not allowed.
fn check(new: &NewParameter) -> Result<(), ParameterError> {
    let invalid = |message: &str| Err(ParameterError::Invalid(message.to_owned()));
    let name = new.name.as_str();
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    if name.is_empty() || name.len() > NAME || !name.chars().all(legal) || name.ends_with('/') {
        return invalid(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist \
             of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the \
             following 3 symbols .-_",
        );
    }
    if name.contains('/') && !name.starts_with('/') {
        return invalid("Parameter name must be a fully qualified name.");
    }
    let plain = name.trim_start_matches('/').to_ascii_lowercase();
    if plain.starts_with("aws/") || plain == "aws" {
        return invalid("No access to reserved parameter name.");
    }
    if name.matches('/').count() > 15 {
        return invalid("A hierarchy can have a maximum of 15 levels.");
    }
    if new.value.is_empty() || new.value.len() > VALUE {
        return Err(ParameterError::Invalid(format!("Values of parameters have 1 to {VALUE} bytes.")));
    }
    let Some(pattern) = &new.allowed_pattern else { return Ok(()) };
    match Regex::new(pattern) {
        Ok(regex) if regex.is_match(&new.value) => Ok(()),
        Ok(_) => Err(ParameterError::Unmatched(pattern.clone())),
        Err(error) => Err(ParameterError::Invalid(format!("AllowedPattern: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use ebb_model::SystemClock;
    use ebb_store::StoreConfig;

    use super::*;

    fn new(name: &str, value: &str) -> NewParameter {
        NewParameter {
            name: name.to_owned(),
            kind: None,
            value: value.to_owned(),
            description: None,
            allowed_pattern: None,
            tags: None,
            overwrite: false,
        }
    }

    #[tokio::test]
    async fn values_have_versions_and_outlive_the_server() {
        let data = tempfile::tempdir().unwrap();
        let config = StoreConfig { data: data.path().to_owned(), database: None, blobs: None };
        let store = Store::open(&config).await.unwrap();
        let parameters = ParameterStore::open(store.clone(), Arc::new(SystemClock)).await.unwrap();
        assert_eq!(parameters.put(new("/shop/url", "a")).await, Ok(1));
        assert_eq!(parameters.put(new("/shop/url", "b")).await, Err(ParameterError::Exists));
        let over = NewParameter { overwrite: true, ..new("/shop/url", "b") };
        assert_eq!(parameters.put(over).await, Ok(2));
        let again = ParameterStore::open(store, Arc::new(SystemClock)).await.unwrap();
        let parameter = again.get("/shop/url").unwrap();
        assert_eq!(parameter.current().value, "b");
        assert_eq!(parameter.version(Some(1)).unwrap().value, "a");
        assert!(again.delete("/shop/url").await.unwrap() && !again.delete("/shop/url").await.unwrap());
        assert!(matches!(again.get("/shop/url"), Err(ParameterError::NotFound(_))));
    }

    #[test]
    fn names_and_values_are_checked() {
        let of = |name: &str, value: &str| check(&new(name, value)).is_ok();
        assert!(of("plain", "x") && of("/a/b-c_d.e", "x"));
        for name in ["", "a/b", "/a/", "/aws/x", "a b", &"/a".repeat(16)] {
            assert!(!of(name, "x"), "{name}");
        }
        assert!(!of("a", "") && !of("a", &"x".repeat(VALUE + 1)));
        let with =
            |pattern: &str| check(&NewParameter { allowed_pattern: Some(pattern.into()), ..new("a", "x1") });
        assert_eq!(with("^[a-z]\\d$"), Ok(()));
        assert!(matches!(with("^\\d$"), Err(ParameterError::Unmatched(_))));
    }
}
