//! Tags, as most services have them in requests and answers: a list of `Key` and `Value`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

/// A tag of a request; its value may be left out.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
}

/// The tags of a request by key; of those with the same key the last counts.
pub(crate) fn tags_of(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// Tags as answers list them.
pub(crate) fn show_tags(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_and_shown() {
        let given = json!([{"Key": "b", "Value": "1"}, {"Key": "a"}]);
        let tags = tags_of(serde_json::from_value(given).unwrap());
        assert_eq!(show_tags(&tags), json!([{"Key": "a", "Value": ""}, {"Key": "b", "Value": "1"}]));
    }
}
