//! The attributes of an object: what `GetObjectAttributes` tells of it and its parts.

use ebb_sources::bucket::{Buckets, Object, ObjectPart};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::checksums::checksum_type;
use super::objects::{found, storage_class_name, versioned};
use super::{convert, encryption};

pub(super) async fn get(
    buckets: &Buckets,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let input = request.input;
    let object = found(buckets, &input.bucket, &input.key, input.version_id.as_deref()).await?;
    encryption::check_reader(&object, &request.headers, None)?;
    // Clients send them as one header, with commas.
    let asked = || input.object_attributes.iter().flat_map(|asked| asked.as_str().split(','));
    let wants = |name: &str| asked().any(|asked| asked.trim() == name);
    // Here it is told without how many parts it is of.
    let checksum = |name: &str| {
        object.checksums.get(name).map(|value| value.split('-').next().unwrap_or_default().to_owned())
    };
    Ok(S3Response::new(GetObjectAttributesOutput {
        e_tag: wants("ETag").then(|| convert::etag(&object.etag)),
        last_modified: Some(convert::time(object.modified)),
        object_size: wants("ObjectSize").then(|| convert::size(object.size)),
        storage_class: wants("StorageClass").then(|| StorageClass::from(storage_class_name(&object))),
        object_parts: (wants("ObjectParts") && object.multipart)
            .then(|| object_parts(&object, input.max_parts, input.part_number_marker)),
        checksum: (wants("Checksum") && !object.checksums.is_empty()).then(|| Checksum {
            checksum_crc32: checksum("crc32"),
            checksum_crc32c: checksum("crc32c"),
            checksum_crc64nvme: checksum("crc64nvme"),
            checksum_sha1: checksum("sha1"),
            checksum_sha256: checksum("sha256"),
            checksum_type: Some(checksum_type(&object)),
        }),
        version_id: convert::version(&object, versioned(buckets, &input.bucket)),
        ..GetObjectAttributesOutput::default()
    }))
}

/// The parts of an object; they are listed only where they have checksums of their own that count.
fn object_parts(object: &Object, limit: Option<i32>, marker: Option<i32>) -> GetObjectAttributesParts {
    let total_parts_count = i32::try_from(object.parts.len()).ok();
    if checksum_type(object).as_str() != ChecksumType::COMPOSITE {
        return GetObjectAttributesParts { total_parts_count, ..GetObjectAttributesParts::default() };
    }
    let (limit, marker) = (limit.unwrap_or(1000).clamp(0, 1000), marker.unwrap_or(0));
    let number = |part: &ObjectPart| i32::try_from(part.number).unwrap_or(i32::MAX);
    let after: Vec<&ObjectPart> = object.parts.iter().filter(|part| number(part) > marker).collect();
    let shown = &after[..after.len().min(usize::try_from(limit).unwrap_or(0))];
    let part = |part: &&ObjectPart| {
        let checksum =
            |name: &str| part.checksums.get(name).filter(|_| object.checksums.contains_key(name)).cloned();
        s3s::dto::ObjectPart {
            part_number: Some(number(part)),
            size: Some(convert::size(part.size)),
            checksum_crc32: checksum("crc32"),
            checksum_crc32c: checksum("crc32c"),
            checksum_crc64nvme: checksum("crc64nvme"),
            checksum_sha1: checksum("sha1"),
            checksum_sha256: checksum("sha256"),
        }
    };
    GetObjectAttributesParts {
        is_truncated: Some(shown.len() < after.len()),
        max_parts: Some(limit),
        next_part_number_marker: Some(shown.last().map_or(0, |part| number(part))),
        part_number_marker: Some(marker),
        parts: Some(shown.iter().map(part).collect()),
        total_parts_count,
    }
}
