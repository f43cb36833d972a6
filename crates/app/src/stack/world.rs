//! What values of a template refer to: the resources of its stack, and the exports of others.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::record::MadeResource;
use crate::template::World;

/// A stack's resources, and everybody's exports.
pub(super) struct StackWorld<'a> {
    pub(super) resources: &'a BTreeMap<String, MadeResource>,
    pub(super) exports: &'a BTreeMap<String, String>,
    /// Whether what is not there yet has values that only stand for them: for looking ahead.
    pub(super) pretends: bool,
}

/// What stands for a value that is not known yet.
pub(super) const UNKNOWN: &str = "(known after deploy)";

impl World for StackWorld<'_> {
    fn reference(&self, logical: &str) -> Option<Json> {
        match self.resources.get(logical) {
            Some(made) => Some(Json::String(made.physical.clone())),
            None => self.pretends.then(|| UNKNOWN.into()),
        }
    }

    fn attribute(&self, logical: &str, attribute: &str) -> Option<Json> {
        match self.resources.get(logical) {
            Some(made) => made.attributes.get(attribute).cloned(),
            None => self.pretends.then(|| UNKNOWN.into()),
        }
    }

    fn import(&self, export: &str) -> Option<Json> {
        self.exports.get(export).map(|value| Json::String(value.clone()))
    }
}
