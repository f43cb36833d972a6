//! Bodies that are written: held to the digests that came with them.

use std::collections::BTreeMap;

use base64::Engine as _;
use ebb_sources::bucket::{BucketError, Buckets, Written};
use futures_util::StreamExt as _;
use http::HeaderMap;
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Result, TrailingHeaders, s3_error};

use super::convert;
use super::errors::with_details;

/// The algorithms, by the end of the names of their headers.
pub(super) const ALGORITHMS: [&str; 5] = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"];

/// A body that is to be written, and what is said of it.
pub(super) struct Incoming<'a> {
    pub(super) body: Option<StreamingBlob>,
    pub(super) headers: &'a HeaderMap,
    pub(super) trailers: Option<&'a TrailingHeaders>,
    pub(super) md5: Option<&'a str>,
    pub(super) length: Option<i64>,
    /// A checksum that is computed besides those that came with it.
    pub(super) also: Option<&'a str>,
}

/// The checksums that a request comes with. An algorithm that a client names without one asks for nothing (recorded 2025).
pub(super) fn announced(headers: &HeaderMap) -> Vec<&'static str> {
    let trailer = headers.get("x-amz-trailer").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_announced = |name: &&&str| {
        let header = format!("x-amz-checksum-{name}");
        headers.contains_key(&header) || trailer.split(',').any(|trailer| trailer.trim() == header)
    };
    ALGORITHMS.iter().filter(is_announced).copied().collect()
}

/// Writes a body, and holds it to the digests that came with it.
pub(super) async fn write(
    buckets: &Buckets,
    incoming: Incoming<'_>,
) -> S3Result<(Written, BTreeMap<String, String>)> {
    let Incoming { body, headers, trailers, md5, length, also } = incoming;
    check_form(headers, md5)?;
    let announced = |name: &str| {
        headers.get(format!("x-amz-checksum-{name}")).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let wanted = self::announced(headers);
    let mut hasher = super::checksums::hasher(|name| wanted.contains(&name) || also == Some(name));
    let mut body = body;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let reading = async {
        while let Some(piece) = match &mut body {
            Some(body) => body.next().await,
            None => None,
        } {
            let piece = piece.map_err(|error| {
                tracing::debug!(%error, "a body broke off");
                BucketError::Incomplete
            });
            if let Ok(piece) = &piece {
                hasher.update(piece);
            }
            if sender.send(piece).await.is_err() {
                break;
            }
        }
        drop(sender);
        hasher.finalize()
    };
    let receiver = tokio::sync::Mutex::new(&mut receiver);
    let writing = buckets.write(|| async { receiver.lock().await.recv().await });
    let (checksum, written) = tokio::join!(reading, writing);
    let written = written.map_err(convert::error)?;
    let checksums = checksums(&checksum);
    let checked = check(&checksums, |name| {
        announced(name).or_else(|| {
            trailers?.read(|trailers| {
                trailers.get(format!("x-amz-checksum-{name}"))?.to_str().ok().map(str::to_owned)
            })?
        })
    });
    let checked = checked.and_then(|()| match md5 {
        Some(md5) if !same_md5(md5, &written.md5) => {
            let error = s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received.");
            let bytes: Vec<u8> = (0..written.md5.len() / 2)
                .filter_map(|at| u8::from_str_radix(&written.md5[at * 2..at * 2 + 2], 16).ok())
                .collect();
            let calculated = base64::engine::general_purpose::STANDARD.encode(bytes);
            // What was expected is told in the other notation (recorded 2025).
            let expected = base64::engine::general_purpose::STANDARD.decode(md5).unwrap_or_default();
            let expected: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
            Err(with_details(error, &[("CalculatedDigest", &calculated), ("ExpectedDigest", &expected)]))
        }
        _ => Ok(()),
    });
    let chunked = headers
        .get("content-encoding")
        .is_some_and(|value| value.to_str().is_ok_and(|value| value.contains("aws-chunked")));
    let short = length.filter(|_| !chunked).is_some_and(|length| convert::size(written.part.size) != length);
    if short {
        buckets.discard(vec![written.part]).await;
        return Err(convert::error(BucketError::Incomplete));
    }
    if let Err(error) = checked {
        buckets.discard(vec![written.part]).await;
        return Err(error);
    }
    Ok((written, checksums))
}

/// Digests that are none are refused before the body is read.
fn check_form(headers: &HeaderMap, md5: Option<&str>) -> S3Result<()> {
    let bytes = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).map(|bytes| bytes.len());
    if md5.is_some_and(|md5| bytes(md5) != Ok(16)) {
        let error = s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid.");
        return Err(with_details(error, &[("Content-MD5", md5.unwrap_or_default())]));
    }
    let has = |name: &&&str| headers.contains_key(format!("x-amz-checksum-{name}"));
    if ALGORITHMS.iter().filter(has).count() > 1 {
        return Err(s3_error!(
            InvalidRequest,
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        ));
    }
    for (name, length) in ALGORITHMS.iter().zip([4, 4, 8, 20, 32]) {
        let header = format!("x-amz-checksum-{name}");
        let given = headers.get(&header).and_then(|value| value.to_str().ok());
        if given.is_some_and(|given| bytes(given) != Ok(length)) {
            let message = format!("Value for {header} header is invalid.");
            return Err(s3s::S3Error::with_message(s3s::S3ErrorCode::InvalidRequest, message));
        }
    }
    Ok(())
}

fn check(computed: &BTreeMap<String, String>, announced: impl Fn(&str) -> Option<String>) -> S3Result<()> {
    for name in ALGORITHMS {
        if let (Some(computed), Some(announced)) = (computed.get(name), announced(name))
            && *computed != announced
        {
            return Err(s3s::S3Error::with_message(
                s3s::S3ErrorCode::BadDigest,
                format!(
                    "The {} you specified did not match the calculated checksum.",
                    name.to_ascii_uppercase()
                ),
            ));
        }
    }
    Ok(())
}

/// Base64 in the header, hexadecimal inside.
fn same_md5(base64_text: &str, hex: &str) -> bool {
    let decoded = base64::engine::general_purpose::STANDARD.decode(base64_text).unwrap_or_default();
    decoded.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == hex
}

pub(super) fn checksums(checksum: &Checksum) -> BTreeMap<String, String> {
    let values = [
        ("crc32", &checksum.checksum_crc32),
        ("crc32c", &checksum.checksum_crc32c),
        ("crc64nvme", &checksum.checksum_crc64nvme),
        ("sha1", &checksum.checksum_sha1),
        ("sha256", &checksum.checksum_sha256),
    ];
    values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect()
}
