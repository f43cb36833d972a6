//! Writing objects: put, copied, tagged, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use ebb_model::{RequestId, Timestamp};
use ebb_store::{Expect, NewWork, Record, StoreError, Write};

use super::notify::Happening;
use super::object::{NULL_VERSION, OBJECT, VERSION, object_key, version_key, versions_range};
use super::sweep::garbage;
use super::{Bucket, BucketError, Buckets, Headers, Object, ObjectLock, ObjectPart, Versioning};
use crate::delivery::PATIENCE;

/// How often a write is made again on top of what another request wrote meanwhile. Those that were overtaken once wait for
/// each other, so that only writers of other servers, and new ones, come between.
const CONFLICT_RETRIES: u32 = 64;

/// An object to be written, whose bytes are in the store already.
#[derive(Debug, Clone, Default)]
pub struct NewObject {
    /// Its key.
    pub key: String,
    /// The entity tag, without quotes.
    pub etag: String,
    /// The bodies that its bytes are in.
    pub parts: Vec<ObjectPart>,
    /// Whether it was uploaded in parts.
    pub multipart: bool,
    /// What is told with it.
    pub headers: Headers,
    /// Metadata of users.
    pub metadata: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Checksums by the names of their algorithms.
    pub checksums: BTreeMap<String, String>,
    /// Further settings, by kind.
    pub settings: BTreeMap<String, String>,
    /// What holds it; what the bucket says where nothing is said.
    pub lock: ObjectLock,
}

/// What must hold of what is there for a write to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Condition {
    /// Nothing.
    #[default]
    None,
    /// There is no such object.
    Absent,
    /// It has this entity tag.
    Etag(String),
}

/// Bytes that were written to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where they are.
    pub part: ObjectPart,
    /// Their MD5, in hexadecimal.
    pub md5: String,
}

/// What a deletion did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deleted {
    /// The version that was deleted, or made to mark the deletion.
    pub version: Option<String>,
    /// Whether a delete marker was made or deleted.
    pub marker: bool,
}

/// Who deletes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remover {
    /// A request.
    Request,
    /// A request that may delete what is retained in governance mode.
    Bypassing,
    /// A lifecycle rule.
    Lifecycle,
}

/// What a change of one key comes to.
struct Change {
    writes: Vec<Write>,
    garbage: Vec<ObjectPart>,
    happening: Option<Happening>,
}

/// What there is of a key, with the revisions of the records.
#[derive(Clone, Copy)]
struct Present<'a> {
    current: Option<&'a (i64, Object)>,
    /// See [`Buckets::older_null`].
    null: Option<&'a (i64, Object)>,
}

impl Buckets {
    /// Makes an object the current version of its key. Where bytes of it are not kept in the end, they are collected.
    ///
    /// # Errors
    /// [`BucketError::NoSuchBucket`], [`BucketError::Precondition`], [`BucketError::Store`].
    pub async fn put(
        &self,
        bucket: &str,
        new: NewObject,
        condition: &Condition,
        event: &'static str,
    ) -> Result<Arc<Object>, BucketError> {
        let record_key = object_key(bucket, &new.key)?;
        let parts = new.parts.clone();
        let made = self.change(bucket, &new.key, |bucket, Present { current, null }, now| {
            check(condition, current)?;
            let object = new_version(&new, bucket, current, now);
            let mut change = self.make_way(bucket, current, null);
            let happening = Happening { event, object: object.clone() };
            change.writes.push(put_record(OBJECT, record_key.clone(), &object, expect(current)));
            Ok((Change { happening: Some(happening), ..change }, object))
        });
        let made = made.await;
        if made.is_err() {
            self.discard(parts).await;
        }
        made.map(Arc::new)
    }

    /// Deletes an object, or one version of it.
    ///
    /// # Errors
    /// [`BucketError::NoSuchBucket`], [`BucketError::Locked`], [`BucketError::Store`]; deleting what is not there is
    /// none.
    pub async fn remove(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        by: Remover,
    ) -> Result<Deleted, BucketError> {
        match version {
            Some(version) => self.remove_version(bucket, key, version, by).await,
            None => self.remove_current(bucket, key, by, |_| true).await,
        }
    }

    /// Deletes a current version by a lifecycle rule, unless another took its place meanwhile.
    pub(super) async fn expire(&self, bucket: &str, object: &Object) -> Result<(), BucketError> {
        let same = |current: Option<&Object>| current.is_some_and(|current| current.order == object.order);
        self.remove_current(bucket, &object.key, Remover::Lifecycle, same).await.map(drop)
    }

    async fn remove_current(
        &self,
        bucket: &str,
        key: &str,
        by: Remover,
        wanted: impl Fn(Option<&Object>) -> bool,
    ) -> Result<Deleted, BucketError> {
        let record_key = object_key(bucket, key)?;
        self.change(bucket, key, |bucket, Present { current, null }, now| {
            if !wanted(current.map(|(_, object)| object)) {
                return Ok((Change::none(), Deleted::default()));
            }
            let event = by.deletes();
            if bucket.versioning == Versioning::Never {
                let Some((revision, object)) = current else {
                    // What is not there is deleted all the same, and told (recorded 2025).
                    let absent = NewObject { key: key.to_owned(), ..NewObject::default() };
                    let object = new_version(&absent, bucket, None, now);
                    let happening = Some(Happening { event, object });
                    return Ok((Change { happening, ..Change::none() }, Deleted::default()));
                };
                let expect = Expect::Revision(*revision);
                let change = Change {
                    writes: vec![Write::Delete { kind: OBJECT, key: record_key.clone(), expect }],
                    garbage: object.parts.clone(),
                    happening: Some(Happening { event, object: object.clone() }),
                };
                return Ok((change, Deleted::default()));
            }
            let marker = NewObject { key: key.to_owned(), ..NewObject::default() };
            let marker = new_version(&marker, bucket, current, now);
            let marker = Object { marker: true, lock: ObjectLock::default(), ..marker };
            let mut change = self.make_way(bucket, current, null);
            change.writes.push(put_record(OBJECT, record_key.clone(), &marker, expect(current)));
            let deleted = Deleted { version: Some(marker.version.clone()), marker: true };
            let happening = Happening { event: by.marks(), object: marker };
            Ok((Change { happening: Some(happening), ..change }, deleted))
        })
        .await
    }

    async fn remove_version(
        &self,
        bucket: &str,
        key: &str,
        version: &str,
        by: Remover,
    ) -> Result<Deleted, BucketError> {
        let record_key = object_key(bucket, key)?;
        let name = bucket.to_owned();
        let (from, until) = versions_range(bucket, key);
        let older = self.inner.store.records().range(VERSION, &from, &until, u32::MAX).await?;
        self.change(bucket, key, |_, Present { current, .. }, now| {
            let deleted =
                |object: &Object| Deleted { version: Some(object.version.clone()), marker: object.marker };
            let happened = |object: &Object| Some(Happening { event: by.deletes(), object: object.clone() });
            if let Some((revision, object)) = current.filter(|(_, object)| object.version == version) {
                object.lock.check(by == Remover::Bypassing, now)?;
                // The next older one becomes current.
                let expect = Expect::Revision(*revision);
                let mut writes = Vec::new();
                match older.first() {
                    Some(record) => {
                        writes.push(Write::Put {
                            kind: OBJECT,
                            key: record_key.clone(),
                            body: record.body.clone(),
                            expect,
                        });
                        let expect = Expect::Revision(record.revision);
                        writes.push(Write::Delete { kind: VERSION, key: record.key.clone(), expect });
                    }
                    None => writes.push(Write::Delete { kind: OBJECT, key: record_key.clone(), expect }),
                }
                let change = Change { writes, garbage: object.parts.clone(), happening: happened(object) };
                return Ok((change, deleted(object)));
            }
            for record in &older {
                let object = read(&record.body)?;
                if object.version == version {
                    object.lock.check(by == Remover::Bypassing, now)?;
                    let expect = Expect::Revision(record.revision);
                    let write = Write::Delete { kind: VERSION, key: version_key(&name, &object), expect };
                    let change = Change {
                        writes: vec![write],
                        garbage: object.parts.clone(),
                        happening: happened(&object),
                    };
                    return Ok((change, deleted(&object)));
                }
            }
            let deleted = Deleted { version: Some(version.to_owned()), marker: false };
            Ok((Change::none(), deleted))
        })
        .await
    }

    /// Changes what is said of an object, and not its bytes: tags and settings.
    ///
    /// # Errors
    /// [`BucketError::NoSuchKey`], [`BucketError::NoSuchVersion`], [`BucketError::Store`], and those of `edit`.
    pub async fn annotate(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        edit: impl Fn(&mut Object) -> Result<(), BucketError>,
        event: Option<&'static str>,
    ) -> Result<Arc<Object>, BucketError> {
        let record_key = object_key(bucket, key)?;
        let name = bucket.to_owned();
        let (from, until) = versions_range(bucket, key);
        let older = self.inner.store.records().range(VERSION, &from, &until, u32::MAX).await?;
        let changed = self.change(bucket, key, |_, Present { current, .. }, _| {
            let older = older.iter().map(|record| Ok((record.revision, read(&record.body)?)));
            let mut all = Vec::new();
            all.extend(current.map(|(revision, object)| (true, *revision, object.clone())));
            for older in older {
                let (revision, object) = older.map_err(|error: BucketError| error)?;
                all.push((false, revision, object));
            }
            let wanted = |(is_current, _, object): &(bool, i64, Object)| match version {
                Some(version) => object.version == version,
                None => *is_current,
            };
            let missing = if version.is_some() { BucketError::NoSuchVersion } else { BucketError::NoSuchKey };
            let (is_current, revision, mut object) = all.into_iter().find(wanted).ok_or(missing)?;
            if object.marker {
                return Err(BucketError::DeleteMarker { version: Some(object.version), named: true });
            }
            edit(&mut object)?;
            let (kind, key) = if is_current {
                (OBJECT, record_key.clone())
            } else {
                (VERSION, version_key(&name, &object))
            };
            let write = put_record(kind, key, &object, Expect::Revision(revision));
            let happening = event.map(|event| Happening { event, object: object.clone() });
            Ok((Change { writes: vec![write], garbage: Vec::new(), happening }, object))
        });
        changed.await.map(Arc::new)
    }

    /// Changes one key: `make` is given what is current and gives what shall be written. It may be called several
    /// times, as other requests change the key.
    async fn change<T>(
        &self,
        bucket: &str,
        key: &str,
        make: impl Fn(&Bucket, Present<'_>, Timestamp) -> Result<(Change, T), BucketError>,
    ) -> Result<T, BucketError> {
        let record_key = object_key(bucket, key)?;
        let mut attempts = 0;
        let mut turn = None;
        loop {
            let bucket = self.bucket(bucket)?;
            let current = self.inner.store.records().get(OBJECT, &record_key).await?;
            let current = current
                .map(|record| Ok::<_, BucketError>((record.revision, read(&record.body)?)))
                .transpose()?;
            let null = match &current {
                // There is one of them at most.
                Some((_, object)) if object.is_null_version() => None,
                _ => self.older_null(&bucket, key).await?,
            };
            let present = Present { current: current.as_ref(), null: null.as_ref() };
            let (change, made) = make(&bucket, present, self.inner.clock.now())?;
            let Change { writes, garbage: parts, happening } = change;
            let mut work: Vec<NewWork> = Vec::new();
            work.extend(garbage(&parts, self.inner.clock.now()));
            if let Some(happening) = happening {
                self.tell(&bucket, &happening, &mut work);
            }
            match self.inner.store.work().enqueue_and_watch(writes, work, PATIENCE).await {
                Ok(_) => return Ok(made),
                Err(StoreError::Conflict { .. }) if attempts < CONFLICT_RETRIES => {
                    attempts += 1;
                    if turn.is_none() {
                        turn = Some(self.inner.turns.of(&record_key).await);
                    }
                }
                Err(StoreError::Conflict { .. }) => return Err(BucketError::Conflict),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The older version whose id is `null`, of which there is one at most, where a new one would take its place.
    async fn older_null(&self, bucket: &Bucket, key: &str) -> Result<Option<(i64, Object)>, BucketError> {
        if bucket.versioning != Versioning::Suspended {
            return Ok(None);
        }
        let (from, until) = versions_range(&bucket.name, key);
        for record in self.inner.store.records().range(VERSION, &from, &until, u32::MAX).await? {
            let object = read(&record.body)?;
            if object.is_null_version() {
                return Ok(Some((record.revision, object)));
            }
        }
        Ok(None)
    }

    /// Makes way for a new current version: what was current becomes an older one, or goes; so does the older one whose
    /// id the new one has.
    fn make_way(
        &self,
        bucket: &Bucket,
        current: Option<&(i64, Object)>,
        null: Option<&(i64, Object)>,
    ) -> Change {
        let mut change = Change::none();
        if let Some((revision, object)) = null.filter(|_| bucket.versioning == Versioning::Suspended) {
            change.garbage.clone_from(&object.parts);
            let (key, expect) = (version_key(&bucket.name, object), Expect::Revision(*revision));
            change.writes.push(Write::Delete { kind: VERSION, key, expect });
        }
        if let Some((_, object)) = current {
            let replaced = match bucket.versioning {
                Versioning::Never => true,
                Versioning::Enabled => false,
                Versioning::Suspended => object.is_null_version(),
            };
            if replaced {
                change.garbage.extend(object.parts.iter().cloned());
            } else {
                let key = version_key(&bucket.name, object);
                change.writes.push(put_record(VERSION, key, object, Expect::Anything));
            }
        }
        change
    }

    /// Writes bytes to the store as they come; durable when it returns.
    ///
    /// # Errors
    /// [`BucketError::Store`], and what `next` fails with: then nothing is kept.
    pub async fn write<F>(&self, mut next: impl FnMut() -> F) -> Result<Written, BucketError>
    where
        F: Future<Output = Option<Result<Bytes, BucketError>>>,
    {
        use md5::Digest as _;
        let mut writer = self.inner.store.bodies().writer();
        let (mut digest, mut size) = (md5::Md5::new(), 0);
        while let Some(piece) = next().await {
            let written = match piece {
                Ok(piece) => {
                    digest.update(&piece);
                    size += piece.len() as u64;
                    writer.write(piece).await.map_err(BucketError::from)
                }
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                writer.abort().await;
                return Err(error);
            }
        }
        let md5 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let body = writer.finish().await?;
        Ok(Written { part: ObjectPart { body, size, ..ObjectPart::default() }, md5 })
    }

    /// Removes bytes that no object has.
    pub async fn discard(&self, parts: Vec<ObjectPart>) {
        for part in parts {
            if let Err(error) = self.inner.store.bodies().delete(&part.body).await {
                tracing::warn!(body = part.body, %error, "bytes that no object has stay for now");
            }
        }
    }
}

impl Remover {
    fn deletes(self) -> &'static str {
        if self == Self::Lifecycle { "LifecycleExpiration:Delete" } else { "ObjectRemoved:Delete" }
    }

    fn marks(self) -> &'static str {
        match self {
            Self::Lifecycle => "LifecycleExpiration:DeleteMarkerCreated",
            Self::Request | Self::Bypassing => "ObjectRemoved:DeleteMarkerCreated",
        }
    }
}

impl Change {
    fn none() -> Self {
        Self { writes: Vec::new(), garbage: Vec::new(), happening: None }
    }
}

pub(super) fn read(body: &[u8]) -> Result<Object, BucketError> {
    serde_json::from_slice(body)
        .map_err(|error| StoreError::Failed { action: "read an object", message: error.to_string() }.into())
}

pub(super) fn read_record(record: &Record) -> Result<Object, BucketError> {
    read(&record.body)
}

fn put_record(kind: &'static str, key: String, object: &Object, expect: Expect) -> Write {
    let body = serde_json::to_vec(object).expect("texts and numbers always serialise").into();
    Write::Put { kind, key, body, expect }
}

fn expect(current: Option<&(i64, Object)>) -> Expect {
    current.map_or(Expect::Absent, |(revision, _)| Expect::Revision(*revision))
}

fn check(condition: &Condition, current: Option<&(i64, Object)>) -> Result<(), BucketError> {
    let current = current.map(|(_, object)| object).filter(|object| !object.marker);
    match condition {
        Condition::None => Ok(()),
        Condition::Absent if current.is_none() => Ok(()),
        Condition::Absent => Err(BucketError::Precondition("If-None-Match")),
        Condition::Etag(etag) => match current {
            Some(object) if object.etag == *etag => Ok(()),
            Some(_) => Err(BucketError::Precondition("If-Match")),
            None => Err(BucketError::NoSuchKey),
        },
    }
}

fn new_version(new: &NewObject, bucket: &Bucket, current: Option<&(i64, Object)>, now: Timestamp) -> Object {
    let version = match bucket.versioning {
        Versioning::Enabled => RequestId::random().uuid().simple().to_string(),
        Versioning::Never | Versioning::Suspended => NULL_VERSION.to_owned(),
    };
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    // Later than what is there, whatever the clock says.
    let order = current.map_or(millis, |(_, object)| millis.max(object.order + 1));
    Object {
        key: new.key.clone(),
        version,
        order,
        marker: false,
        modified: now,
        etag: new.etag.clone(),
        size: new.parts.iter().map(|part| part.size).sum(),
        parts: new.parts.clone(),
        multipart: new.multipart,
        headers: new.headers.clone(),
        metadata: new.metadata.clone(),
        tags: new.tags.clone(),
        checksums: new.checksums.clone(),
        settings: new.settings.clone(),
        lock: ObjectLock {
            retention: new.lock.retention.or(bucket.default_retention.map(|retention| retention.from(now))),
            ..new.lock
        },
    }
}
