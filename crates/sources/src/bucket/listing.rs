//! Listings: keys in order, with prefixes rolled up, a page at a time.

use super::object::{OBJECT, VERSION, bucket_range, versions_range};
use super::objects::read_record;
use super::{BucketError, Buckets, Object};

/// Records that are read at one time.
const BATCH: u32 = 500;

/// What is to be listed.
#[derive(Debug, Clone, Default)]
pub struct ListingRequest {
    /// Only keys that begin so.
    pub prefix: String,
    /// Keys that have this after the prefix are rolled up to there.
    pub delimiter: Option<String>,
    /// Only keys and rolled up prefixes after this.
    pub after: String,
    /// The most keys and prefixes.
    pub limit: usize,
}

/// A page of a listing, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// Objects.
    pub objects: Vec<Object>,
    /// Keys that were rolled up, to the delimiter.
    pub prefixes: Vec<String>,
    /// The last key or prefix of the page, where there is more after it.
    pub next: Option<String>,
}

/// A version in a listing of versions.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionEntry {
    /// The version, or delete marker.
    pub object: Object,
    /// Whether it is the current one.
    pub latest: bool,
}

impl Buckets {
    /// Lists objects.
    ///
    /// # Errors
    /// [`BucketError::NoSuchBucket`], [`BucketError::Store`].
    pub async fn list(&self, bucket: &str, request: &ListingRequest) -> Result<Listing, BucketError> {
        self.bucket(bucket)?;
        let mut listing = Listing::default();
        if request.limit == 0 {
            return Ok(listing);
        }
        let mut last = None;
        let mut from = first_key(request);
        loop {
            let page = self.page(bucket, &from, request).await?;
            let full = page.len() == BATCH as usize;
            let mut jumped = None;
            for object in page {
                if let Some(rolled) = request.rolled_up(&object.key) {
                    jumped = Some(after_all(&rolled));
                    from = after_all(&rolled);
                    if object.marker || rolled <= request.after {
                        // A marker alone does not make a prefix: the next key is looked at.
                        if object.marker {
                            from = format!("{}\u{1}", object.key);
                        }
                        break;
                    }
                    if listing.len() == request.limit {
                        listing.next = last;
                        return Ok(listing);
                    }
                    last = Some(rolled.clone());
                    listing.prefixes.push(rolled);
                    break;
                }
                from = format!("{}\u{1}", object.key);
                if object.marker || object.key <= request.after {
                    continue;
                }
                if listing.len() == request.limit {
                    listing.next = last;
                    return Ok(listing);
                }
                last = Some(object.key.clone());
                listing.objects.push(object);
            }
            if !full && jumped.is_none() {
                return Ok(listing);
            }
        }
    }

    async fn page(
        &self,
        bucket: &str,
        from: &str,
        request: &ListingRequest,
    ) -> Result<Vec<Object>, BucketError> {
        let (begin, end) = bucket_range(bucket);
        let until =
            if request.prefix.is_empty() { end } else { format!("{bucket}/{}", after_all(&request.prefix)) };
        let records = self.inner.store.records();
        let page = records.range(OBJECT, &format!("{begin}{from}"), &until, BATCH).await?;
        page.iter().map(read_record).collect()
    }

    /// Lists the versions of the objects of a page: of each key the newest first.
    ///
    /// # Errors
    /// [`BucketError::NoSuchBucket`], [`BucketError::Store`].
    pub async fn versions(
        &self,
        bucket: &str,
        prefix: &str,
        after: &str,
    ) -> Result<Vec<VersionEntry>, BucketError> {
        self.bucket(bucket)?;
        let request = ListingRequest {
            prefix: prefix.to_owned(),
            after: after.to_owned(),
            ..ListingRequest::default()
        };
        let page = self.page(bucket, &first_key(&request), &request).await?;
        let mut entries = Vec::new();
        for object in page.into_iter().filter(|object| object.key.as_str() > after) {
            let (from, until) = versions_range(bucket, &object.key);
            let older = self.inner.store.records().range(VERSION, &from, &until, u32::MAX).await?;
            let key = object.key.clone();
            entries.push(VersionEntry { object, latest: true });
            for record in &older {
                let object = read_record(record)?;
                if object.key == key {
                    entries.push(VersionEntry { object, latest: false });
                }
            }
        }
        Ok(entries)
    }
}

impl ListingRequest {
    /// The key up to the delimiter, where it has one after the prefix.
    #[must_use]
    pub fn rolled_up(&self, key: &str) -> Option<String> {
        let delimiter = self.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
        let rest = key.strip_prefix(&self.prefix)?;
        let end = rest.find(delimiter)? + delimiter.len();
        Some(format!("{}{}", self.prefix, &rest[..end]))
    }
}

impl Listing {
    fn len(&self) -> usize {
        self.objects.len() + self.prefixes.len()
    }
}

fn first_key(request: &ListingRequest) -> String {
    // A prefix that was rolled up at the end of the last page: all of its keys are passed over at once.
    let after = match request.rolled_up(&request.after) {
        Some(rolled) if rolled == request.after => after_all(&rolled),
        _ => request.after.clone(),
    };
    after.max(request.prefix.clone())
}

/// The first text after all that begin with this one.
fn after_all(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}
