//! Pages of a list: `Marker`, `MaxItems`, `NextMarker`.

use ebb_invoker::catalog::{CatalogError, Violations};

use super::query_value;
use crate::wire::{AwsError, Call, PageRequest};

/// What the service gives in one page at most, and where nothing was asked for.
const PAGE: usize = 50;

/// The part of a list that a request asks for.
pub(super) struct Page(PageRequest);

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
        let marker = call.context.query.get("Marker");
        let page = PageRequest::new(marker, size).map_err(|_| {
            CatalogError::InvalidParameter(format!("Invalid Marker: {}", marker.unwrap_or_default()))
        })?;
        Ok(Self(page))
    }

    /// Cuts the page out of the whole list, which `key` tells the items of apart, and gives the marker of the next.
    pub(super) fn cut<T>(&self, items: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        self.0.cut(items, key)
    }
}
