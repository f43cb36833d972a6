//! Checksums of objects that are uploaded in parts: of all bytes, or of the checksums of the parts.
//!
//! Source: S3 user guide, "Checking object integrity in Amazon S3" (2026-11); messages as recorded there in 2025.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use ebb_sources::bucket::{Object, Part, Upload};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;
use s3s::dto::{ChecksumAlgorithm, ChecksumType, CompletedPart};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::body::ALGORITHMS;
use super::errors::with_details;

/// The algorithm that is used where nobody says which.
pub(super) const DEFAULT: &str = "crc64nvme";

/// The settings of an upload that say which checksum it was begun with.
const ALGORITHM: &str = "checksum-algorithm";
const TYPE: &str = "checksum-type";

/// Of what the checksum of an object is made: of its bytes, or of the checksums of its parts.
pub(super) fn checksum_type(object: &Object) -> ChecksumType {
    let composite = object.checksums.values().any(|value| value.contains('-'));
    ChecksumType::from_static(if composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT })
}

/// Which checksum an upload was begun with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    /// By the end of the name of its header.
    pub(super) algorithm: String,
    /// Whether it is made of those of the parts.
    pub(super) composite: bool,
}

impl Kind {
    /// What a request that begins an upload asks for.
    pub(super) fn asked(
        algorithm: Option<&ChecksumAlgorithm>,
        kind: Option<&ChecksumType>,
    ) -> S3Result<Option<Self>> {
        let Some(algorithm) = algorithm else {
            return match kind {
                None => Ok(None),
                Some(_) => Err(invalid(
                    "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
                        .to_owned(),
                )),
            };
        };
        let algorithm = algorithm.as_str().to_ascii_lowercase();
        if !ALGORITHMS.contains(&algorithm.as_str()) {
            return Err(invalid(
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]".to_owned(),
            ));
        }
        let composite = match kind.map(ChecksumType::as_str) {
            None => algorithm != DEFAULT,
            Some(kind) => kind == ChecksumType::COMPOSITE,
        };
        let possible = if composite { algorithm != DEFAULT } else { crc(&algorithm).is_some() };
        let kind = Self { algorithm, composite };
        if possible {
            Ok(Some(kind))
        } else {
            let (name, algorithm) = (kind.name(), &kind.algorithm);
            let message =
                format!("The {name} checksum type cannot be used with the {algorithm} checksum algorithm.");
            Err(invalid(message))
        }
    }

    /// What an upload was begun with.
    pub(super) fn of(upload: &Upload) -> Option<Self> {
        let algorithm = upload.settings.get(ALGORITHM)?.to_ascii_lowercase();
        let composite = upload.settings.get(TYPE).is_none_or(|kind| kind == ChecksumType::COMPOSITE);
        Some(Self { algorithm, composite })
    }

    pub(super) fn keep(&self, settings: &mut BTreeMap<String, String>) {
        settings.insert(ALGORITHM.to_owned(), self.algorithm.to_ascii_uppercase());
        settings.insert(TYPE.to_owned(), self.name().to_owned());
    }

    pub(super) fn algorithm(&self) -> ChecksumAlgorithm {
        ChecksumAlgorithm::from(self.algorithm.to_ascii_uppercase())
    }

    pub(super) fn checksum_type(&self) -> ChecksumType {
        ChecksumType::from_static(self.name())
    }

    fn name(&self) -> &'static str {
        if self.composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT }
    }

    /// Whether a part comes with no other checksum.
    pub(super) fn check_part(&self, announced: &[&str]) -> S3Result<()> {
        match announced.iter().find(|name| **name != self.algorithm) {
            None => Ok(()),
            Some(other) => Err(invalid(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {other}",
                self.algorithm
            ))),
        }
    }
}

/// A request that completes an upload, as far as checksums go.
pub(super) struct Completion<'a> {
    pub(super) upload: &'a Upload,
    pub(super) uploaded: &'a [Part],
    pub(super) chosen: &'a [CompletedPart],
    /// Of all bytes, as whoever completes it says.
    pub(super) whole: &'a BTreeMap<String, String>,
    pub(super) kind: Option<&'a ChecksumType>,
    pub(super) size: Option<i64>,
}

impl Completion<'_> {
    /// The checksum of the object, once all that is said of it and its parts holds.
    pub(super) fn check(&self) -> S3Result<BTreeMap<String, String>> {
        let kind = Kind::of(self.upload);
        let mode = kind.as_ref().map_or("null", Kind::name);
        if self.kind.is_some_and(|given| given.as_str() != mode) {
            return Err(invalid(format!(
                "The upload was created using the {mode} checksum mode. The complete request must use the same checksum mode."
            )));
        }
        let parts =
            self.chosen.iter().map(|part| self.part(part, kind.as_ref())).collect::<S3Result<Vec<_>>>()?;
        let size: u64 = parts.iter().map(|part| part.part.size).sum();
        if let Some(given) = self.size.filter(|given| u64::try_from(*given) != Ok(size)) {
            return Err(invalid(format!(
                "The provided 'x-amz-mp-object-size' header value {given} does not match what was computed: {size}"
            )));
        }
        let (algorithm, composite) =
            kind.map_or((DEFAULT.to_owned(), false), |kind| (kind.algorithm, kind.composite));
        let computed = if composite { of_parts(&algorithm, &parts) } else { combined(&algorithm, &parts) };
        if let (Some(computed), Some(given)) = (&computed, self.whole.get(&algorithm))
            && computed.split('-').next() != given.split('-').next()
        {
            let message = format!("The {algorithm} you specified did not match the calculated checksum.");
            return Err(S3Error::with_message(S3ErrorCode::BadDigest, message));
        }
        Ok(computed.map(|value| (algorithm, value)).into_iter().collect())
    }

    /// A part that was chosen, as it was uploaded.
    fn part(&self, chosen: &CompletedPart, kind: Option<&Kind>) -> S3Result<&Part> {
        let number = chosen.part_number.unwrap_or_default();
        let etag = chosen.e_tag.as_ref().map(|etag| etag.value().trim_matches('"')).unwrap_or_default();
        let refused = || {
            let error = s3_error!(
                InvalidPart,
                "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
            );
            let number = number.to_string();
            with_details(error, &[("ETag", etag), ("PartNumber", &number), ("UploadId", &self.upload.id)])
        };
        let found = self.uploaded.iter().find(|part| i64::from(part.number) == i64::from(number));
        let part = found.filter(|part| part.etag == etag).ok_or_else(refused)?;
        let given = of_completed(chosen);
        let Some(kind) = kind else {
            return if given.iter().any(|(name, _)| *name != DEFAULT) { Err(refused()) } else { Ok(part) };
        };
        match given.iter().find(|(name, _)| *name == kind.algorithm) {
            Some((name, value)) if part.checksums.get(*name) != Some(value) => Err(refused()),
            Some(_) => Ok(part),
            None => match given.first() {
                Some((other, _)) => {
                    let message = format!(
                        "The {other} you specified for part {number} did not match what we received."
                    );
                    Err(S3Error::with_message(S3ErrorCode::BadDigest, message))
                }
                None if kind.composite => Err(invalid(format!(
                    "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {number} in the request.",
                    kind.algorithm
                ))),
                None => Ok(part),
            },
        }
    }
}

fn of_completed(part: &CompletedPart) -> Vec<(&'static str, String)> {
    let values = [
        ("crc32", &part.checksum_crc32),
        ("crc32c", &part.checksum_crc32c),
        ("crc64nvme", &part.checksum_crc64nvme),
        ("sha1", &part.checksum_sha1),
        ("sha256", &part.checksum_sha256),
    ];
    values.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
}

/// The checksum of the checksums of the parts, and how many they are.
fn of_parts(algorithm: &str, parts: &[&Part]) -> Option<String> {
    let mut hasher = hasher(|name| name == algorithm);
    for part in parts {
        hasher.update(&STANDARD.decode(part.checksums.get(algorithm)?).ok()?);
    }
    let value = super::body::checksums(&hasher.finalize()).remove(algorithm)?;
    Some(format!("{value}-{}", parts.len()))
}

/// The checksum of all bytes, from those of the parts.
fn combined(algorithm: &str, parts: &[&Part]) -> Option<String> {
    let (crc, bytes) = crc(algorithm)?;
    let mut whole: Option<u64> = None;
    for part in parts {
        let value = STANDARD.decode(part.checksums.get(algorithm)?).ok()?;
        let value = value.iter().fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
        whole = Some(match whole {
            None => value,
            Some(before) => crc_fast::checksum_combine(crc, before, value, part.part.size),
        });
    }
    whole.map(|value| STANDARD.encode(&value.to_be_bytes()[8 - bytes..]))
}

/// The cyclic redundancy checks, which alone can be combined, and how many bytes each has.
fn crc(algorithm: &str) -> Option<(CrcAlgorithm, usize)> {
    match algorithm {
        "crc32" => Some((CrcAlgorithm::Crc32IsoHdlc, 4)),
        "crc32c" => Some((CrcAlgorithm::Crc32Iscsi, 4)),
        "crc64nvme" => Some((CrcAlgorithm::Crc64Nvme, 8)),
        _ => None,
    }
}

/// What computes the checksums that are wanted.
pub(super) fn hasher(wanted: impl Fn(&str) -> bool) -> ChecksumHasher {
    ChecksumHasher {
        crc32: wanted("crc32").then(s3s::crypto::Crc32::new),
        crc32c: wanted("crc32c").then(s3s::crypto::Crc32c::new),
        sha1: wanted("sha1").then(s3s::crypto::Sha1::new),
        sha256: wanted("sha256").then(s3s::crypto::Sha256::new),
        crc64nvme: wanted("crc64nvme").then(s3s::crypto::Crc64Nvme::new),
    }
}

fn invalid(message: String) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, bytes: &[u8]) -> Part {
        let mut hasher = hasher(|_| true);
        hasher.update(bytes);
        let checksums = super::super::body::checksums(&hasher.finalize());
        let part = serde_json::json!({
            "number": number, "etag": "", "modified": 0, "checksums": checksums,
            "part": { "body": "", "size": bytes.len() },
        });
        serde_json::from_value(part).expect("a part")
    }

    #[test]
    fn the_checksum_of_all_bytes_comes_from_those_of_the_parts() {
        let (first, second, whole) = (part(1, b"one "), part(2, b"two"), part(1, b"one two"));
        for algorithm in ["crc32", "crc32c", "crc64nvme"] {
            let combined = combined(algorithm, &[&first, &second]);
            assert_eq!(combined.as_ref(), whole.checksums.get(algorithm), "{algorithm}");
        }
        assert_eq!(combined("sha256", &[&first]), None);
    }

    #[test]
    fn not_every_algorithm_has_every_type() {
        let kind = |algorithm: &str, kind: Option<&'static str>| {
            let algorithm = ChecksumAlgorithm::from(algorithm.to_owned());
            let kind = kind.map(ChecksumType::from_static);
            Kind::asked(Some(&algorithm), kind.as_ref()).ok().flatten().map(|kind| kind.composite)
        };
        for (algorithm, by_default, full, composite) in [
            ("CRC32", Some(true), Some(false), Some(true)),
            ("CRC64NVME", Some(false), Some(false), None),
            ("SHA256", Some(true), None, Some(true)),
            ("MD4", None, None, None),
        ] {
            assert_eq!(kind(algorithm, None), by_default, "{algorithm}");
            assert_eq!(kind(algorithm, Some(ChecksumType::FULL_OBJECT)), full, "{algorithm}");
            assert_eq!(kind(algorithm, Some(ChecksumType::COMPOSITE)), composite, "{algorithm}");
        }
    }
}
