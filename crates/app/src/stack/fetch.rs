//! Templates in buckets.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::TryStreamExt as _;

use super::{StackError, Stacks};
use crate::template::{Fault, included, included_locations, parse};

/// The longest template in a bucket, in bytes. Source: CloudFormation user guide, "Understand CloudFormation quotas".
const LONGEST: u64 = 1_048_576;

impl Stacks {
    /// A template with the parts of it that are in ebb's own buckets.
    ///
    /// # Errors
    /// As [`Self::template_at`].
    pub async fn with_parts(&self, template: String) -> Result<String, StackError> {
        let Ok(root) = parse(&template) else { return Ok(template) };
        let mut parts = BTreeMap::new();
        for location in included_locations(&root) {
            let text = self.template_at(&location).await?;
            parts.insert(location, text);
        }
        if parts.is_empty() {
            return Ok(template);
        }
        let mut load = |location: &str, line: u32| match parts.get(location) {
            Some(text) => {
                parse(text).map(Some).map_err(|fault| Fault::new(line, format!("{location}: {fault}")))
            }
            None => Ok(None),
        };
        let made = included(root, &mut load).map_err(|fault| StackError::State(fault.to_string()))?;
        Ok(made.to_json().to_string())
    }

    /// The template in one of ebb's own buckets that a URL names.
    ///
    /// # Errors
    /// [`StackError::State`] where there is none.
    pub async fn template_at(&self, url: &str) -> Result<String, StackError> {
        let state = |message: String| StackError::State(message);
        let (bucket, key) =
            place(url).ok_or_else(|| state(format!("TemplateURL must be a supported URL: {url}")))?;
        let buckets = &self.inner.services.buckets;
        let object = buckets.object(&bucket, &key, None).await.map_err(|error| {
            state(format!("S3 error: {error} (ebb reads templates from its own buckets: {bucket}/{key})"))
        })?;
        let size: u64 = object.parts.iter().map(|part| part.size).sum();
        if size > LONGEST {
            return Err(state(format!("Template may not exceed {LONGEST} bytes in size.")));
        }
        let pieces: Vec<Bytes> = buckets.bytes(&object, 0..size).try_collect().await?;
        String::from_utf8(pieces.concat())
            .map_err(|_| state("Template format error: it is no text".to_owned()))
    }
}

/// The bucket and key of a URL: in the path (`https://host/bucket/key`), or the bucket in the host
/// (`https://bucket.s3.region.amazonaws.com/key`).
fn place(url: &str) -> Option<(String, String)> {
    if let Some(rest) = url.strip_prefix("s3://") {
        let (bucket, key) = rest.split_once('/')?;
        return Some((bucket.to_owned(), key.to_owned()));
    }
    let (_, rest) = url.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let path = path.split('?').next().unwrap_or(path);
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    match host.find(".s3.").or_else(|| host.find(".s3-")) {
        Some(at) => Some((host[..at].to_owned(), decoded(path))),
        None => {
            let (bucket, key) = path.split_once('/')?;
            Some((bucket.to_owned(), decoded(key)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_buckets_in_path_or_host() {
        let of = |bucket: &str, key: &str| Some((bucket.to_owned(), key.to_owned()));
        for (url, expected) in [
            ("https://s3.us-east-1.amazonaws.com/b/a/t.yaml", of("b", "a/t.yaml")),
            ("http://127.0.0.1:9440/b/t%20x.json?versionId=1", of("b", "t x.json")),
            ("https://b.s3.us-east-1.amazonaws.com/a/t.yaml", of("b", "a/t.yaml")),
            ("https://b.s3.amazonaws.com/t", of("b", "t")),
            ("s3://b/k/t", of("b", "k/t")),
            ("nonsense", None),
            ("https://host", None),
        ] {
            assert_eq!(place(url), expected, "{url}");
        }
    }
}
