//! Listings.

use ebb_sources::bucket::{Buckets, Listing, ListingRequest, Object as Found, VersionEntry};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::checksums::checksum_type;
use super::convert;
use super::errors::with_details;

/// The longest page.
const PAGE: usize = 1000;

fn contents(
    listing: &Listing,
    encoding: Option<&EncodingType>,
    owner: Option<&Owner>,
) -> Option<Vec<Object>> {
    let object = |found: &Found| Object {
        key: Some(convert::encoded(&found.key, encoding)),
        e_tag: Some(convert::etag(&found.etag)),
        last_modified: Some(convert::time(found.modified)),
        size: Some(convert::size(found.size)),
        storage_class: Some(ObjectStorageClass::from(class(found))),
        owner: owner.cloned(),
        checksum_algorithm: found
            .checksums
            .keys()
            .next()
            .map(|name| vec![ChecksumAlgorithm::from(name.to_ascii_uppercase())]),
        checksum_type: (!found.checksums.is_empty()).then(|| checksum_type(found)),
        ..Object::default()
    };
    let contents: Vec<Object> = listing.objects.iter().map(object).collect();
    (!contents.is_empty()).then_some(contents)
}

fn class(found: &Found) -> String {
    found.settings.get("storage-class").cloned().unwrap_or_else(|| "STANDARD".to_owned())
}

fn prefixes(prefixes: &[String], encoding: Option<&EncodingType>) -> Option<Vec<CommonPrefix>> {
    let shown: Vec<CommonPrefix> = prefixes
        .iter()
        .map(|prefix| CommonPrefix { prefix: Some(convert::encoded(prefix, encoding)) })
        .collect();
    (!shown.is_empty()).then_some(shown)
}

/// Keys are encoded as in URLs, or not at all.
pub(super) fn check_encoding(encoding: Option<&EncodingType>) -> S3Result<()> {
    match encoding.map(EncodingType::as_str) {
        None | Some(EncodingType::URL) => Ok(()),
        Some(other) => {
            let error = s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request");
            let details = [("ArgumentName", "encoding-type"), ("ArgumentValue", other)];
            Err(with_details(error, &details))
        }
    }
}

/// Where a listing of versions goes on must make sense. Messages as recorded in 2025.
fn check_markers(key: Option<&str>, version: Option<&str>) -> S3Result<()> {
    let Some(version) = version else { return Ok(()) };
    let message = match (key.filter(|key| !key.is_empty()), version) {
        (_, "") => "A version-id marker cannot be empty.",
        (None, _) => "A version-id marker cannot be specified without a key marker.",
        (Some(_), version) if !super::objects::is_version_id(version) => "Invalid version id specified",
        _ => return Ok(()),
    };
    let error = s3s::S3Error::with_message(s3s::S3ErrorCode::InvalidArgument, message);
    Err(with_details(error, &[("ArgumentName", "version-id-marker"), ("ArgumentValue", version)]))
}

pub(super) async fn v2(
    buckets: &Buckets,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = request.input;
    check_encoding(input.encoding_type.as_ref())?;
    let limit = convert::count(input.max_keys, PAGE, "maxKeys")?;
    let after = match &input.continuation_token {
        Some(token) => read_token(token)?,
        None => input.start_after.clone().unwrap_or_default(),
    };
    let asked = ListingRequest {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after,
        limit,
    };
    let listing = buckets.list(&input.bucket, &asked).await.map_err(convert::error)?;
    let encoding = input.encoding_type.as_ref();
    let owner = input.fetch_owner.unwrap_or(false).then(|| convert::owner(buckets.account()));
    let count = listing.objects.len() + listing.prefixes.len();
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(convert::encoded(&asked.prefix, encoding)),
        delimiter: input
            .delimiter
            .filter(|delimiter| !delimiter.is_empty())
            .map(|delimiter| convert::encoded(&delimiter, encoding)),
        start_after: input
            .start_after
            .filter(|_| input.continuation_token.is_none())
            .map(|after| convert::encoded(&after, encoding)),
        max_keys: i32::try_from(limit).ok(),
        key_count: i32::try_from(count).ok(),
        continuation_token: input.continuation_token,
        is_truncated: Some(listing.next.is_some()),
        next_continuation_token: listing.next.as_deref().map(write_token),
        contents: contents(&listing, encoding, owner.as_ref()),
        common_prefixes: prefixes(&listing.prefixes, encoding),
        encoding_type: input.encoding_type,
        ..ListObjectsV2Output::default()
    }))
}

pub(super) async fn v1(
    buckets: &Buckets,
    request: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let input = request.input;
    check_encoding(input.encoding_type.as_ref())?;
    let limit = convert::count(input.max_keys, PAGE, "maxKeys")?;
    let asked = ListingRequest {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: input.marker.clone().unwrap_or_default(),
        limit,
    };
    let listing = buckets.list(&input.bucket, &asked).await.map_err(convert::error)?;
    let encoding = input.encoding_type.as_ref();
    // Only where keys are rolled up: else the last key says where to go on.
    let next = listing.next.as_ref().filter(|_| input.delimiter.is_some());
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(convert::encoded(&asked.prefix, encoding)),
        marker: Some(convert::encoded(&asked.after, encoding)),
        delimiter: input
            .delimiter
            .filter(|delimiter| !delimiter.is_empty())
            .map(|delimiter| convert::encoded(&delimiter, encoding)),
        max_keys: i32::try_from(limit).ok(),
        is_truncated: Some(listing.next.is_some()),
        next_marker: next.map(|next| convert::encoded(next, encoding)),
        contents: contents(&listing, encoding, Some(&convert::owner(buckets.account()))),
        common_prefixes: prefixes(&listing.prefixes, encoding),
        encoding_type: input.encoding_type,
        ..ListObjectsOutput::default()
    }))
}

pub(super) async fn versions(
    buckets: &Buckets,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let input = request.input;
    check_encoding(input.encoding_type.as_ref())?;
    check_markers(input.key_marker.as_deref(), input.version_id_marker.as_deref())?;
    let limit = convert::count(input.max_keys, PAGE, "maxKeys")?;
    let (prefix, encoding) = (input.prefix.clone().unwrap_or_default(), input.encoding_type.as_ref());
    let rolling = ListingRequest {
        prefix: prefix.clone(),
        delimiter: input.delimiter.clone(),
        ..ListingRequest::default()
    };
    let page = version_page(buckets, &input, &rolling, limit).await?;
    let owner = convert::owner(buckets.account());
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for VersionEntry { object, latest } in page.entries {
        let key = Some(convert::encoded(&object.key, encoding));
        if object.marker {
            markers.push(DeleteMarkerEntry {
                is_latest: Some(latest),
                key,
                last_modified: Some(convert::time(object.modified)),
                owner: Some(owner.clone()),
                version_id: Some(object.version),
            });
        } else {
            versions.push(ObjectVersion {
                e_tag: Some(convert::etag(&object.etag)),
                is_latest: Some(latest),
                key,
                last_modified: Some(convert::time(object.modified)),
                owner: Some(owner.clone()),
                size: Some(convert::size(object.size)),
                storage_class: Some(ObjectVersionStorageClass::from(class(&object))),
                checksum_algorithm: object
                    .checksums
                    .keys()
                    .next()
                    .map(|name| vec![ChecksumAlgorithm::from(name.to_ascii_uppercase())]),
                checksum_type: (!object.checksums.is_empty()).then(|| checksum_type(&object)),
                version_id: Some(object.version),
                ..ObjectVersion::default()
            });
        }
    }
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket),
        prefix: Some(convert::encoded(&prefix, encoding)),
        delimiter: input
            .delimiter
            .filter(|delimiter| !delimiter.is_empty())
            .map(|delimiter| convert::encoded(&delimiter, encoding)),
        key_marker: Some(input.key_marker.unwrap_or_default()),
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        max_keys: i32::try_from(limit).ok(),
        is_truncated: Some(page.next.is_some()),
        next_key_marker: page.next.as_ref().map(|(key, _)| convert::encoded(key, encoding)),
        next_version_id_marker: page.next.and_then(|(_, version)| version),
        versions: (!versions.is_empty()).then_some(versions),
        delete_markers: (!markers.is_empty()).then_some(markers),
        common_prefixes: prefixes(&page.prefixes, encoding),
        encoding_type: input.encoding_type,
        ..ListObjectVersionsOutput::default()
    }))
}

/// A page of versions: entries, prefixes, and where the next page goes on.
#[derive(Default)]
struct VersionPage {
    entries: Vec<VersionEntry>,
    prefixes: Vec<String>,
    /// The prefix that is no more to be told.
    passed: Option<String>,
    /// What the page ends with so far: a key and a version, or a prefix.
    last: Option<(String, Option<String>)>,
    next: Option<(String, Option<String>)>,
}

async fn version_page(
    buckets: &Buckets,
    input: &ListObjectVersionsInput,
    rolling: &ListingRequest,
    limit: usize,
) -> S3Result<VersionPage> {
    let mut after = input.key_marker.clone().unwrap_or_default();
    // What the last page ended with may be what many keys have in common.
    let mut page = VersionPage { passed: rolling.rolled_up(&after), ..VersionPage::default() };
    // A version marker is of a version within its key, which is then gone through again.
    let mut skip_to = input.version_id_marker.clone().filter(|marker| !marker.is_empty());
    if skip_to.is_some() {
        let keys = buckets.versions(&input.bucket, &after, "").await.map_err(convert::error)?;
        let of_key: Vec<VersionEntry> = keys.into_iter().filter(|entry| entry.object.key == after).collect();
        add(&mut page, of_key, rolling, limit, &mut skip_to);
    }
    loop {
        let entries =
            buckets.versions(&input.bucket, &rolling.prefix, &after).await.map_err(convert::error)?;
        let Some(last) = entries.last().map(|entry| entry.object.key.clone()) else { return Ok(page) };
        if add(&mut page, entries, rolling, limit, &mut None) {
            return Ok(page);
        }
        after = last;
    }
}

/// Adds entries until the page is full; tells whether it is.
fn add(
    page: &mut VersionPage,
    entries: Vec<VersionEntry>,
    rolling: &ListingRequest,
    limit: usize,
    skip_to: &mut Option<String>,
) -> bool {
    // Of a version that was deleted meanwhile, nobody knows what came before it.
    skip_to.take_if(|marker| !entries.iter().any(|entry| entry.object.version == *marker));
    for entry in entries {
        if let Some(marker) = skip_to {
            if entry.object.version == *marker {
                *skip_to = None;
            }
            continue;
        }
        let rolled = rolling.rolled_up(&entry.object.key);
        if rolled.is_some() && rolled == page.passed {
            continue;
        }
        if page.entries.len() + page.prefixes.len() == limit {
            page.next = page.last.take();
            return true;
        }
        match rolled {
            Some(prefix) => {
                page.last = Some((prefix.clone(), None));
                page.passed = Some(prefix.clone());
                page.prefixes.push(prefix);
            }
            None => {
                page.last = Some((entry.object.key.clone(), Some(entry.object.version.clone())));
                page.entries.push(entry);
            }
        }
    }
    false
}

pub(super) fn write_token(after: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(after)
}

pub(super) fn read_token(token: &str) -> S3Result<String> {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).ok();
    decoded.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|_| !token.is_empty()).ok_or_else(|| {
        let error = s3_error!(InvalidArgument, "The continuation token provided is incorrect");
        let details = [("ArgumentName", "continuation-token"), ("ArgumentValue", token)];
        // What is empty is not told (recorded 2025).
        with_details(error, &details[..if token.is_empty() { 1 } else { 2 }])
    })
}
