//! Values of other stacks and of buckets that a project names, put into its template before it is read.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use serde_json::Value as Json;

use super::{StackError, Stacks};
use crate::template::{Late, Place, late_replaced, parse};

/// The longest object that is a value, in bytes: more than any property may have.
const LONGEST: u64 = 64 * 1024;

impl Stacks {
    /// A template with the values that it names; none where it names none.
    ///
    /// # Errors
    /// [`StackError::State`] where one is not there, or is no text.
    pub(crate) async fn with_values(&self, template: &str) -> Result<Option<String>, StackError> {
        let mut wanted = BTreeMap::new();
        late_replaced(template, &mut |late| {
            wanted.insert(late, String::new());
            String::new()
        });
        if wanted.is_empty() {
            return Ok(None);
        }
        for (late, value) in &mut wanted {
            *value = self.value(late).await?;
        }
        let root = parse(template).map_err(|fault| StackError::State(fault.to_string()))?;
        let mut document = root.to_json();
        fill(&mut document, &wanted);
        Ok(Some(document.to_string()))
    }

    async fn value(&self, late: &Late) -> Result<String, StackError> {
        let found = match &late.place {
            Place::Output { stack, name } => {
                let outputs = self.get(stack).map(|stack| stack.outputs.clone()).unwrap_or_default();
                let output = outputs.into_iter().find(|output| output.name == *name);
                output
                    .map(|output| output.value)
                    .ok_or_else(|| format!("the stack {stack} has no output {name}"))
            }
            Place::Object { bucket, key } => self.text_of(bucket, key).await,
        };
        found.or_else(|why| late.default.clone().ok_or(StackError::State(why)))
    }

    async fn text_of(&self, bucket: &str, key: &str) -> Result<String, String> {
        let said =
            |error: &dyn std::fmt::Display| format!("the object {key} of the bucket {bucket}: {error}");
        let buckets = &self.inner.services.buckets;
        let object = buckets.object(bucket, key, None).await.map_err(|error| said(&error))?;
        let size: u64 = object.parts.iter().map(|part| part.size).sum();
        if size > LONGEST {
            return Err(said(&format!("it is longer than {LONGEST} bytes")));
        }
        let pieces: Vec<Bytes> =
            buckets.bytes(&object, 0..size).try_collect().await.map_err(|error| said(&error))?;
        String::from_utf8(pieces.concat()).map_err(|_| said(&"it is no text"))
    }
}

fn fill(value: &mut Json, found: &BTreeMap<Late, String>) {
    match value {
        Json::String(text) => {
            *text = late_replaced(text, &mut |late| found.get(&late).cloned().unwrap_or_default());
        }
        Json::Array(items) => items.iter_mut().for_each(|item| fill(item, found)),
        Json::Object(entries) => entries.values_mut().for_each(|entry| fill(entry, found)),
        _ => {}
    }
}
