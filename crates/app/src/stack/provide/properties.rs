//! Reading evaluated properties. Scalars are what they are written as: `"5"` is a number where one is wanted.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::Message;

/// The properties of a resource, or a part of them.
#[derive(Clone, Copy)]
pub(super) struct Properties<'a>(Option<&'a Map<String, Json>>);

impl<'a> Properties<'a> {
    pub(super) fn of(json: &'a Json) -> Self {
        Self(json.as_object())
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.0.and_then(|map| map.get(name)).filter(|value| !value.is_null())
    }

    pub(super) fn inner(&self, name: &str) -> Properties<'a> {
        Properties(self.get(name).and_then(Json::as_object))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text_of)
    }

    /// A text; JSON where it is no scalar, as policies and patterns are written.
    pub(super) fn document(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| text_of(value).unwrap_or_else(|| value.to_string()))
    }

    pub(super) fn required(&self, name: &str) -> Result<String, Message> {
        self.text(name).ok_or_else(|| format!("the property {name} is missing or no string"))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Message> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_i64().or_else(|| text_of(value).and_then(|text| text.trim().parse().ok()));
        number.map(Some).ok_or_else(|| format!("the property {name} must be a number, not {value}"))
    }

    pub(super) fn small(&self, name: &str) -> Result<Option<u32>, Message> {
        let number = self.number(name)?.map(u32::try_from).transpose();
        number.map_err(|_| format!("the property {name} must be a small number that is not negative"))
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Message> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(*value)),
            Some(Json::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Json::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(other) => Err(format!("the property {name} must be true or false, not {other}")),
        }
    }

    pub(super) fn list(&self, name: &str) -> &'a [Json] {
        self.get(name).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// A list of texts; one text alone is a list of it.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        match self.get(name)? {
            Json::Array(items) => Some(items.iter().filter_map(text_of).collect()),
            other => text_of(other).map(|text| vec![text]),
        }
    }

    /// A map of texts.
    pub(super) fn map(&self, name: &str) -> BTreeMap<String, String> {
        let entries = self.get(name).and_then(Json::as_object).into_iter().flatten();
        entries.filter_map(|(key, value)| Some((key.clone(), text_of(value)?))).collect()
    }

    /// Tags: a list of keys and values, or a map.
    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        let pair = |tag: &Json| {
            let tag = Properties::of(tag);
            Some((tag.text("Key")?, tag.text("Value")?))
        };
        match self.get("Tags") {
            Some(Json::Array(tags)) => tags.iter().filter_map(pair).collect(),
            _ => self.map("Tags"),
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'a String> {
        self.0.into_iter().flat_map(Map::keys)
    }
}

pub(super) fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}
