//! Uploads in parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::{RequestId, Timestamp};
use ebb_store::{Expect, Record, StoreError, Write};
use serde::{Deserialize, Serialize};

use super::object::{bucket_range, object_key};
use super::sweep::garbage;
use super::{BucketError, Buckets, Condition, Headers, NewObject, Object, ObjectLock, ObjectPart, Written};

/// The kind of the records of uploads, by `BUCKET/KEY`, a separator, and the id.
const UPLOAD: &str = "upload";
/// The kind of the records of parts, by `UPLOAD/NUMBER`.
const PART: &str = "upload-part";
/// The least bytes of a part but the last. Source: S3 user guide, "Amazon S3 multipart upload limits" (2026-11).
pub const LEAST_PART: u64 = 5 * 1024 * 1024;

/// An upload that was begun. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// Names it.
    pub id: String,
    /// The key of the object to be.
    pub key: String,
    /// When it was begun.
    pub begun: Timestamp,
    /// What is told with the object.
    pub headers: Headers,
    /// Metadata of users.
    pub metadata: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Further settings, by kind.
    pub settings: BTreeMap<String, String>,
    /// What holds the object.
    #[serde(default)]
    pub lock: ObjectLock,
    /// Whether there was an object of this key when it was begun.
    #[serde(default)]
    pub over: bool,
}

/// A part that was uploaded. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// The entity tag, without quotes.
    pub etag: String,
    /// Where its bytes are.
    pub part: ObjectPart,
    /// When it was uploaded.
    pub modified: Timestamp,
    /// Checksums by the names of their algorithms.
    pub checksums: BTreeMap<String, String>,
}

/// A part that a completed upload consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedPart {
    /// Its number.
    pub number: u32,
    /// The entity tag, without quotes.
    pub etag: String,
}

impl Buckets {
    /// Begins an upload.
    ///
    /// # Errors
    /// [`BucketError::NoSuchBucket`], [`BucketError::KeyTooLong`].
    pub async fn begin_upload(&self, bucket: &str, new: NewObject) -> Result<Upload, BucketError> {
        self.bucket(bucket)?;
        let over = self.object(bucket, &new.key, None).await.is_ok();
        let upload = Upload {
            over,
            id: RequestId::random().uuid().simple().to_string(),
            key: new.key,
            begun: self.inner.clock.now(),
            headers: new.headers,
            metadata: new.metadata,
            tags: new.tags,
            settings: new.settings,
            lock: new.lock,
        };
        let key = upload_key(bucket, &upload.key, &upload.id)?;
        self.inner.store.records().commit(vec![put(UPLOAD, key, &upload)]).await?;
        Ok(upload)
    }

    /// An upload that was begun and not ended.
    ///
    /// # Errors
    /// [`BucketError::NoSuchUpload`].
    pub async fn upload(&self, bucket: &str, key: &str, id: &str) -> Result<Upload, BucketError> {
        self.bucket(bucket)?;
        let record = self.inner.store.records().get(UPLOAD, &upload_key(bucket, key, id)?).await?;
        record.as_ref().map(read).transpose()?.ok_or(BucketError::NoSuchUpload)
    }

    /// The uploads of a bucket, by key and time.
    ///
    /// # Errors
    /// [`BucketError::NoSuchBucket`].
    pub async fn uploads(&self, bucket: &str) -> Result<Vec<Upload>, BucketError> {
        self.bucket(bucket)?;
        let (from, until) = bucket_range(bucket);
        let records = self.inner.store.records().range(UPLOAD, &from, &until, u32::MAX).await?;
        let mut uploads: Vec<Upload> = records.iter().map(read).collect::<Result<_, _>>()?;
        uploads.sort_by(|a, b| (&a.key, a.begun, &a.id).cmp(&(&b.key, b.begun, &b.id)));
        Ok(uploads)
    }

    /// Adds a part, in the place of one with the same number.
    ///
    /// # Errors
    /// [`BucketError::NoSuchUpload`], [`BucketError::Invalid`] for its number.
    pub async fn add_part(
        &self,
        bucket: &str,
        upload: &Upload,
        number: u32,
        written: Written,
        checksums: BTreeMap<String, String>,
    ) -> Result<Part, BucketError> {
        let part = Part {
            number,
            etag: written.md5,
            part: written.part,
            modified: self.inner.clock.now(),
            checksums,
        };
        let records = self.inner.store.records();
        // It may have been ended while the bytes came.
        if records.get(UPLOAD, &upload_key(bucket, &upload.key, &upload.id)?).await?.is_none() {
            self.discard(vec![part.part]).await;
            return Err(BucketError::NoSuchUpload);
        }
        let key = part_key(&upload.id, number);
        let before: Option<Part> = records.get(PART, &key).await?.as_ref().map(read).transpose()?;
        let replaced: Vec<ObjectPart> = before.map(|part| part.part).into_iter().collect();
        let work = garbage(&replaced, self.inner.clock.now());
        let writes = vec![put(PART, key, &part)];
        self.inner.store.work().enqueue_with(writes, work.into_iter().collect()).await?;
        Ok(part)
    }

    /// The parts of an upload, by number.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn parts(&self, upload: &Upload) -> Result<Vec<Part>, BucketError> {
        let (from, until) = (format!("{}/", upload.id), format!("{}0", upload.id));
        let records = self.inner.store.records().range(PART, &from, &until, u32::MAX).await?;
        records.iter().map(read).collect()
    }

    /// Makes an object of the parts of an upload.
    ///
    /// # Errors
    /// [`BucketError::InvalidPart`], [`BucketError::PartOrder`], [`BucketError::PartTooSmall`],
    /// [`BucketError::Precondition`].
    pub async fn complete_upload(
        &self,
        bucket: &str,
        upload: &Upload,
        completed: &[CompletedPart],
        condition: &Condition,
        checksums: BTreeMap<String, String>,
    ) -> Result<Arc<Object>, BucketError> {
        let uploaded = self.parts(upload).await?;
        let chosen = choose(&uploaded, completed)?;
        let unused = uploaded.iter().filter(|part| !chosen.iter().any(|chosen| chosen.number == part.number));
        let unused: Vec<ObjectPart> = unused.map(|part| part.part.clone()).collect();
        let new = NewObject {
            key: upload.key.clone(),
            etag: multipart_etag(&chosen),
            parts: chosen
                .iter()
                .map(|part| ObjectPart {
                    number: part.number,
                    checksums: part.checksums.clone(),
                    ..part.part.clone()
                })
                .collect(),
            multipart: true,
            headers: upload.headers.clone(),
            metadata: upload.metadata.clone(),
            tags: upload.tags.clone(),
            checksums,
            settings: with_id(&upload.settings, &upload.id),
            lock: upload.lock,
        };
        self.check_races(bucket, upload, condition).await?;
        let object = self.put_kept(bucket, new, condition).await?;
        self.forget_upload(bucket, upload, &uploaded, &unused).await?;
        Ok(object)
    }

    /// What an upload became that was completed before, while it is the current version of its key: whoever lost the
    /// answer may ask again. Recorded 2025.
    pub async fn completed_upload(&self, bucket: &str, key: &str, id: &str) -> Option<Arc<Object>> {
        let object = self.object(bucket, key, None).await.ok()?;
        object.settings.get(UPLOAD).is_some_and(|upload| upload == id).then_some(object)
    }

    /// A condition that holds does not count where the object was changed since the upload was begun. Source: S3 user
    /// guide, "How to prevent object overwrites with conditional writes" (2026-11); recorded 2026.
    async fn check_races(
        &self,
        bucket: &str,
        upload: &Upload,
        condition: &Condition,
    ) -> Result<(), BucketError> {
        let there = self.object(bucket, &upload.key, None).await;
        let raced = match (condition, there) {
            (Condition::Etag(etag), Ok(there)) => there.etag == *etag && there.modified > upload.begun,
            (Condition::Absent, Err(_)) => upload.over,
            _ => false,
        };
        if raced { Err(BucketError::Conflict) } else { Ok(()) }
    }

    /// As [`Buckets::put`], of bytes that stay where it fails: the upload may be completed again.
    async fn put_kept(
        &self,
        bucket: &str,
        new: NewObject,
        condition: &Condition,
    ) -> Result<Arc<Object>, BucketError> {
        // A condition that does not hold is found before anything is discarded.
        if let (Condition::Absent, Ok(_)) = (condition, self.object(bucket, &new.key, None).await) {
            return Err(BucketError::Precondition("If-None-Match"));
        }
        self.put(bucket, new, condition, "ObjectCreated:CompleteMultipartUpload").await
    }

    /// Gives an upload up, with its parts.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn abort_upload(&self, bucket: &str, upload: &Upload) -> Result<(), BucketError> {
        let parts = self.parts(upload).await?;
        let unused: Vec<ObjectPart> = parts.iter().map(|part| part.part.clone()).collect();
        self.forget_upload(bucket, upload, &parts, &unused).await
    }

    pub(super) async fn abort_all_uploads(&self, bucket: &str) -> Result<(), BucketError> {
        for upload in self.uploads(bucket).await? {
            self.abort_upload(bucket, &upload).await?;
        }
        Ok(())
    }

    async fn forget_upload(
        &self,
        bucket: &str,
        upload: &Upload,
        parts: &[Part],
        unused: &[ObjectPart],
    ) -> Result<(), BucketError> {
        let delete = |kind, key| Write::Delete { kind, key, expect: Expect::Anything };
        let mut writes = vec![delete(UPLOAD, upload_key(bucket, &upload.key, &upload.id)?)];
        writes.extend(parts.iter().map(|part| delete(PART, part_key(&upload.id, part.number))));
        let work = garbage(unused, self.inner.clock.now());
        self.inner.store.work().enqueue_with(writes, work.into_iter().collect()).await?;
        Ok(())
    }
}

fn choose(uploaded: &[Part], completed: &[CompletedPart]) -> Result<Vec<Part>, BucketError> {
    if completed.is_empty() {
        return Err(BucketError::Invalid("You must specify at least one part".to_owned()));
    }
    if !completed.is_sorted_by(|a, b| a.number < b.number) {
        return Err(BucketError::PartOrder);
    }
    let mut chosen = Vec::with_capacity(completed.len());
    for wanted in completed {
        let found = uploaded.iter().find(|part| part.number == wanted.number && part.etag == wanted.etag);
        chosen.push(found.cloned().ok_or(BucketError::InvalidPart)?);
    }
    let all_but_last = &chosen[..chosen.len() - 1];
    if all_but_last.iter().any(|part| part.part.size < LEAST_PART) {
        return Err(BucketError::PartTooSmall);
    }
    Ok(chosen)
}

/// The MD5 of the MD5s of the parts, and how many they are.
fn multipart_etag(parts: &[Part]) -> String {
    use md5::Digest as _;
    let mut digest = md5::Md5::new();
    for part in parts {
        let bytes = (0..part.etag.len() / 2)
            .filter_map(|at| u8::from_str_radix(&part.etag[at * 2..at * 2 + 2], 16).ok());
        digest.update(bytes.collect::<Vec<u8>>());
    }
    let whole: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{whole}-{}", parts.len())
}

fn upload_key(bucket: &str, key: &str, id: &str) -> Result<String, BucketError> {
    object_key(bucket, key).map(|object| format!("{object}\u{1}{id}"))
}

fn part_key(upload: &str, number: u32) -> String {
    format!("{upload}/{number:05}")
}

fn put(kind: &'static str, key: String, document: &impl Serialize) -> Write {
    let body = serde_json::to_vec(document).expect("texts and numbers always serialise").into();
    Write::Put { kind, key, body, expect: Expect::Anything }
}

fn read<T: serde::de::DeserializeOwned>(record: &Record) -> Result<T, BucketError> {
    serde_json::from_slice(&record.body)
        .map_err(|error| StoreError::Failed { action: "read an upload", message: error.to_string() }.into())
}

/// The settings of an object, with the upload that it is of.
fn with_id(settings: &BTreeMap<String, String>, id: &str) -> BTreeMap<String, String> {
    let mut settings = settings.clone();
    settings.insert(UPLOAD.to_owned(), id.to_owned());
    settings
}
