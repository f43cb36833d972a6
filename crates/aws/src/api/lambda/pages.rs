//! Pages of a list: `Marker`, `MaxItems`, `NextMarker`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ebb_invoker::catalog::{CatalogError, Violations};

use super::query_value;
use crate::wire::{AwsError, Call};

/// What the service gives in one page at most, and where nothing was asked for.
const PAGE: usize = 50;

/// The part of a list that a request asks for.
pub(super) struct Page {
    after: Option<String>,
    size: usize,
}

impl Page {
    /// Reads `Marker` and `MaxItems`.
    pub(super) fn read(call: &Call) -> Result<Self, AwsError> {
        let asked: Option<i64> = query_value(call, "MaxItems", "maxItems")?;
        let mut violations = Violations::new();
        if let Some(asked) = asked {
            violations.range("maxItems", asked, &(1..=10_000));
        }
        violations.finish()?;
        let size = asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(PAGE).min(PAGE);
        let after = call.context.query.get("Marker").filter(|marker| !marker.is_empty());
        let after = after.map(|marker| {
            let text = URL_SAFE_NO_PAD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            text.ok_or_else(|| CatalogError::InvalidParameter(format!("Invalid Marker: {marker}")))
        });
        Ok(Self { after: after.transpose()?, size })
    }

    /// Cuts the page out of the whole list, which `key` tells the items of apart, and gives the marker of the next.
    pub(super) fn cut<T>(&self, items: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let start = match &self.after {
            None => 0,
            // The item that the last page ended with; where it was deleted meanwhile, the list starts anew.
            Some(after) => items.iter().position(|item| key(item) == *after).map_or(0, |at| at + 1),
        };
        let more = items.len() > start + self.size;
        let page: Vec<T> = items.into_iter().skip(start).take(self.size).collect();
        let next = page.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(key(last)));
        (page, next)
    }
}
