//! Tags of functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::{Function, FunctionName, FunctionReference, RevisionId};

use super::commit::Edited;
use super::{Catalog, CatalogError, NotFound, Violations};

const RESOURCE_PATTERN: &str = r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)";
/// Tags of one resource. Source: the Lambda developer guide, "Using tags on Lambda functions" (2026-11).
const MOST: usize = 50;

/// Checks tags against the rules for them.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), CatalogError> {
    if tags.len() > MOST {
        return Err(CatalogError::invalid("Number of tags exceeds resource tag limit."));
    }
    for (key, value) in tags {
        let length = key.chars().count();
        if length == 0 || length > 128 || value.chars().count() > 256 {
            return Err(CatalogError::invalid(format!(
                "The tag {key:?} is too long: keys have 1 to 128 characters and values at most 256."
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(CatalogError::invalid(format!(
                "The tag key {key:?} starts with aws:, which is reserved for system use."
            )));
        }
    }
    Ok(())
}

impl Catalog {
    /// The tags of the resource with this ARN.
    ///
    /// # Errors
    /// [`CatalogError::Validation`] and [`NotFound`].
    pub fn tags(&self, resource: &str) -> Result<BTreeMap<String, String>, CatalogError> {
        let name = self.taggable(resource)?;
        Ok(self.function(&name)?.tags.clone())
    }

    /// Adds and replaces tags.
    ///
    /// # Errors
    /// As [`Catalog::tags`], and [`CatalogError::InvalidParameter`] where they break a rule or are too many.
    pub async fn tag(&self, resource: &str, tags: &BTreeMap<String, String>) -> Result<(), CatalogError> {
        let name = self.taggable(resource)?;
        if tags.is_empty() {
            return Err(CatalogError::invalid("An error occurred and the request cannot be processed."));
        }
        let edit = |function: &mut Function| {
            let mut all = function.tags.clone();
            all.extend(tags.clone());
            check(&all)?;
            function.tags = all;
            revise(function);
            Ok(Edited::Changed(()))
        };
        self.change(&name, edit).await.map(|_| ())
    }

    /// Takes tags away; those that are not there are gone already.
    ///
    /// # Errors
    /// As [`Catalog::tags`].
    pub async fn untag(&self, resource: &str, keys: &[String]) -> Result<(), CatalogError> {
        let name = self.taggable(resource)?;
        if keys.is_empty() {
            let mut violations = Violations::new();
            violations.missing("tagKeys");
            return violations.finish();
        }
        let edit = |function: &mut Function| {
            function.tags.retain(|key, _| !keys.contains(key));
            revise(function);
            Ok(Edited::Changed(()))
        };
        self.change(&name, edit).await.map(|_| ())
    }

    fn taggable(&self, resource: &str) -> Result<FunctionName, CatalogError> {
        let malformed =
            || CatalogError::Validation(Violations::one("resource", resource, &pattern_constraint()));
        let parts: Vec<_> = resource.split(':').collect();
        match parts.as_slice() {
            ["arn", _, "lambda", _, _, "function", ..] => {
                let named = FunctionReference::parse(resource).map_err(|_| malformed())?;
                if named.qualifier.is_some() {
                    return Err(CatalogError::invalid(
                        "Tags on function aliases and versions are not supported. Please specify a function ARN.",
                    ));
                }
                let target = self.locate(resource, None)?;
                self.function(&target.name)?;
                Ok(target.name)
            }
            ["arn", _, "lambda", _, _, "event-source-mapping", id] if uuid_like(id) => {
                Err(NotFound::EventSourceMapping(resource.to_owned()).into())
            }
            ["arn", _, "lambda", _, _, "code-signing-config", _] => Err(NotFound::Other(format!(
                "The Lambda code signing configuration {resource} can not be found."
            ))
            .into()),
            ["arn", _, "lambda", _, _, "capacity-provider", _] => {
                Err(NotFound::Other(format!("Capacity provider not found: {resource}")).into())
            }
            ["arn", _, "lambda", _, _, "layer", _] => {
                Err(CatalogError::NotBuilt("Tags on layers are not built yet in ebb.".to_owned()))
            }
            _ => Err(malformed()),
        }
    }
}

/// Tags count as part of `$LATEST`: its revision changes with them (recorded 2025).
fn revise(function: &mut Function) {
    Arc::make_mut(&mut function.latest).revision = RevisionId::random();
}

fn pattern_constraint() -> String {
    format!("Member must satisfy regular expression pattern: {RESOURCE_PATTERN}")
}

fn uuid_like(text: &str) -> bool {
    ebb_model::RevisionId::parse(text).is_some() && text.len() == 36
}
