//! What values of a template refer to: the resources of its stack, and the exports of others.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use ebb_model::Parameter;
use ebb_sources::registry::Documents;

use super::record::MadeResource;
use crate::template::World;

/// What templates refer to outside of their stack.
pub(super) struct Elsewhere {
    /// The exports of all stacks.
    pub(super) exports: BTreeMap<String, String>,
    /// The parameter store.
    pub(super) parameters: Arc<Documents<Parameter>>,
}

impl Elsewhere {
    /// A value of the parameter store.
    pub(super) fn stored(&self, name: &str, version: Option<u64>) -> Option<String> {
        self.parameters.get(name)?.version(version).map(|version| version.value.clone())
    }
}

/// A stack's resources, and everybody's exports.
pub(super) struct StackWorld<'a> {
    pub(super) resources: &'a BTreeMap<String, MadeResource>,
    pub(super) elsewhere: &'a Elsewhere,
    /// Whether what is not there yet has values that only stand for them: for looking ahead.
    pub(super) pretends: bool,
    /// Resources that were left out, with their types: a name stands for each.
    pub(super) skipped: &'a [(String, String)],
}

impl StackWorld<'_> {
    /// What stands for a resource that is not there.
    fn stand_in(&self, logical: &str) -> Option<Json> {
        if self.skipped.iter().any(|(skipped, _)| skipped == logical) {
            return Some(logical.into());
        }
        self.pretends.then(|| UNKNOWN.into())
    }
}

/// What stands for a value that is not known yet.
pub(super) const UNKNOWN: &str = "(known after deploy)";

impl World for StackWorld<'_> {
    fn reference(&self, logical: &str) -> Option<Json> {
        match self.resources.get(logical) {
            Some(made) => Some(Json::String(made.physical.clone())),
            None => self.stand_in(logical),
        }
    }

    fn attribute(&self, logical: &str, attribute: &str) -> Option<Json> {
        match self.resources.get(logical) {
            Some(made) => made.attributes.get(attribute).cloned(),
            None => self.stand_in(logical),
        }
    }

    fn import(&self, export: &str) -> Option<Json> {
        self.elsewhere.exports.get(export).map(|value| Json::String(value.clone()))
    }
}
