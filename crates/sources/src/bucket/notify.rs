//! Events: who hears of what happens to objects.
//!
//! Source: S3 user guide, "Event message structure" and "Using EventBridge" (2026-11).

use ebb_model::{RequestId, ServiceCaller, Timestamp};
use ebb_store::NewWork;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Bucket, BucketError, Buckets, Object};
use crate::bus::DEFAULT_BUS;
use crate::delivery::{Delivery, Message, Sender, Targets, Undelivered};

/// Characters of keys that events encode: all but those of forms, and the slash.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');

/// Who hears of what. Kept in the store: fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Names it.
    pub id: String,
    /// What kind of target it is.
    pub kind: NotificationTarget,
    /// The ARN of what hears of it.
    pub arn: String,
    /// Of what, as in `s3:ObjectCreated:*`.
    pub events: Vec<String>,
    /// Only keys that begin so.
    pub prefix: Option<String>,
    /// Only keys that end so.
    pub suffix: Option<String>,
}

/// What kind of target a notification has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationTarget {
    /// A function.
    Function,
    /// A queue.
    Queue,
    /// A topic.
    Topic,
}

/// Something that happened to an object.
pub(super) struct Happening {
    /// As in `ObjectCreated:Put`.
    pub(super) event: &'static str,
    pub(super) object: Object,
}

impl Notification {
    /// Whether the ARN is one of the kind of target.
    #[must_use]
    pub fn is_arn_of_kind(&self) -> bool {
        let service = match self.kind {
            NotificationTarget::Function => ":lambda:",
            NotificationTarget::Queue => ":sqs:",
            NotificationTarget::Topic => ":sns:",
        };
        self.arn.starts_with("arn:") && self.arn.contains(service)
    }

    /// Checks what does not depend on others.
    ///
    /// # Errors
    /// [`BucketError::Invalid`].
    pub fn check(&self) -> Result<(), BucketError> {
        if !self.is_arn_of_kind() {
            return Err(BucketError::Invalid("The ARN could not be parsed".to_owned()));
        }
        if self.kind == NotificationTarget::Queue && self.arn.ends_with(".fifo") {
            return Err(BucketError::Invalid("FIFO queues are not supported as destinations.".to_owned()));
        }
        let known = [
            "s3:ObjectCreated:",
            "s3:ObjectRemoved:",
            "s3:ObjectTagging:",
            "s3:ObjectAcl:Put",
            "s3:ObjectRestore:",
            "s3:ReducedRedundancyLostObject",
            "s3:Replication:",
            "s3:LifecycleExpiration:",
            "s3:LifecycleTransition",
            "s3:IntelligentTiering",
            "s3:TestEvent",
        ];
        let unknown = self.events.iter().find(|event| !known.iter().any(|known| event.starts_with(known)));
        match unknown {
            Some(_) => {
                Err(BucketError::Invalid("A specified event is not supported for notifications.".to_owned()))
            }
            None if self.events.is_empty() => Err(BucketError::Invalid("There are no events.".to_owned())),
            None => Ok(()),
        }
    }

    /// What topics get as the subject.
    fn subject(&self) -> Option<String> {
        (self.kind == NotificationTarget::Topic).then(|| "Amazon S3 Notification".to_owned())
    }

    /// Whether another could hear of the same event of the same key. Source: S3 user guide, "Configuring event
    /// notifications using object key name filtering" (2026-11).
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let covers = |wide: &str, narrow: &str| match wide.strip_suffix('*') {
            Some(begin) => narrow.starts_with(begin),
            None => wide == narrow,
        };
        let same_event =
            self.events.iter().any(|one| other.events.iter().any(|two| covers(one, two) || covers(two, one)));
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let (prefix, other_prefix) = (text(&self.prefix), text(&other.prefix));
        let (suffix, other_suffix) = (text(&self.suffix), text(&other.suffix));
        same_event
            && (prefix.starts_with(&other_prefix) || other_prefix.starts_with(&prefix))
            && (suffix.ends_with(&other_suffix) || other_suffix.ends_with(&suffix))
    }

    fn wants(&self, event: &str, key: &str) -> bool {
        let matches = |wanted: &String| {
            let wanted = wanted.strip_prefix("s3:").unwrap_or(wanted);
            match wanted.strip_suffix('*') {
                Some(begin) => event.starts_with(begin),
                None => event == wanted,
            }
        };
        self.events.iter().any(matches)
            && self.prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix.as_str()))
            && self.suffix.as_ref().is_none_or(|suffix| key.ends_with(suffix.as_str()))
    }
}

impl Buckets {
    /// Adds the deliveries that follow from what happened.
    pub(super) fn tell(&self, bucket: &Bucket, happening: &Happening, work: &mut Vec<NewWork>) {
        let now = self.inner.clock.now();
        let key = &happening.object.key;
        for notification in bucket.notifications.iter().filter(|one| one.wants(happening.event, key)) {
            let record = self.record(bucket, happening, &notification.id, now);
            let body = json!({ "Records": [record] }).to_string();
            let message = Message { body, subject: notification.subject(), ..Message::default() };
            work.push(self.delivery(bucket, notification.arn.clone(), message, now));
        }
        if bucket.event_bus
            && let Some((detail_type, detail)) = bus_event(bucket, happening)
        {
            let arn = format!(
                "arn:aws:events:{}:{}:event-bus/{DEFAULT_BUS}",
                self.inner.region, self.inner.account
            );
            let envelope = json!({
                "Source": "aws.s3", "DetailType": detail_type, "Resources": [bucket_arn(bucket)],
            });
            let message = Message { body: detail.to_string(), extra: Some(envelope), ..Message::default() };
            work.push(self.delivery(bucket, arn, message, now));
        }
    }

    /// The message that a queue or topic gets when it is configured.
    #[must_use]
    pub fn test_event(&self, bucket: &Bucket, notification: &Notification) -> Option<NewWork> {
        if notification.kind == NotificationTarget::Function {
            return None;
        }
        let now = self.inner.clock.now();
        let body = json!({
            "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": now.to_rfc3339(), "Bucket": bucket.name,
            "RequestId": request_id(), "HostId": host_id(),
        });
        let message =
            Message { body: body.to_string(), subject: notification.subject(), ..Message::default() };
        Some(self.delivery(bucket, notification.arn.clone(), message, now))
    }

    /// Tells what there is to deliver to, so that notifications can be validated. Counts once.
    pub fn deliver_to(&self, targets: Targets) {
        // Set by the one caller.
        let _ = self.inner.targets.set(targets);
    }

    /// Which of these notifications of a bucket would not reach what should hear of it, and why not.
    #[must_use]
    pub fn unreachable<'a>(
        &self,
        bucket: &Bucket,
        notifications: &'a [Notification],
    ) -> Vec<(&'a Notification, Undelivered)> {
        let Some(targets) = self.inner.targets.get() else { return Vec::new() };
        let caller = self.caller(bucket);
        let refused = |one: &'a Notification| Some((one, targets.lets(&one.arn, &caller).err()?));
        notifications.iter().filter_map(refused).collect()
    }

    /// Sets who hears of what, and tells queues and topics so.
    ///
    /// # Errors
    /// [`BucketError::NoSuchBucket`], [`BucketError::Invalid`].
    pub async fn set_notifications(
        &self,
        name: &str,
        notifications: Vec<Notification>,
        event_bus: bool,
    ) -> Result<(), BucketError> {
        notifications.iter().try_for_each(Notification::check)?;
        let set = self.inner.buckets.edit_with(name, |before| {
            let mut bucket = before.cloned().ok_or(BucketError::NoSuchBucket)?;
            let work = notifications
                .iter()
                .filter_map(|notification| self.test_event(&bucket, notification))
                .collect();
            bucket.notifications.clone_from(&notifications);
            bucket.event_bus = event_bus;
            Ok::<_, BucketError>((Some(bucket), work))
        });
        set.await.map(drop)
    }

    fn delivery(&self, bucket: &Bucket, target: String, message: Message, now: Timestamp) -> NewWork {
        Delivery::new(target, message, Sender::Service(self.caller(bucket)), now).into_work(now)
    }

    /// As whom a bucket delivers.
    fn caller(&self, bucket: &Bucket) -> ServiceCaller {
        ServiceCaller {
            service: "s3.amazonaws.com".to_owned(),
            source_arn: bucket_arn(bucket),
            source_account: self.inner.account.to_string(),
        }
    }

    fn record(&self, bucket: &Bucket, happening: &Happening, configuration: &str, now: Timestamp) -> Value {
        let object = &happening.object;
        let mut shown = json!({ "key": encoded_key(&object.key) });
        // What only changes what is said of an object has no place in the order of its versions.
        let is_about_tags =
            ["ObjectTagging", "ObjectAcl"].iter().any(|kind| happening.event.starts_with(kind));
        if !is_about_tags {
            shown["sequencer"] = format!("{:016X}", object.order).into();
        }
        let is_restored = happening.event.starts_with("ObjectRestore");
        if happening.event.starts_with("ObjectCreated") || is_restored {
            shown["size"] = object.size.into();
        }
        if happening.event.starts_with("ObjectCreated") || is_about_tags || is_restored {
            shown["eTag"] = object.etag.as_str().into();
        }
        if happening.event.ends_with(":DeleteMarkerCreated") {
            shown["eTag"] = "d41d8cd98f00b204e9800998ecf8427e".into();
        }
        if !object.is_null_version() {
            shown["versionId"] = object.version.as_str().into();
        }
        // Events that came later have a later version of the record.
        let is_newer = ["ObjectTagging", "LifecycleExpiration", "ObjectAcl"]
            .iter()
            .any(|kind| happening.event.starts_with(kind));
        let by = if happening.event == "ObjectRestore:Completed" {
            "AmazonCustomer:AIDAROOT"
        } else {
            "AWS:AIDAROOT"
        };
        // Whoever did it and whoever owns it: ids that are no account numbers.
        let account = self.inner.account.as_str();
        let mut record = json!({
            "eventVersion": if is_newer { "2.3" } else { "2.1" },
            "eventSource": "aws:s3",
            "awsRegion": bucket.region(self.inner.region.as_str()),
            "eventTime": now.to_rfc3339(),
            "eventName": happening.event,
            "userIdentity": { "principalId": by },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": { "x-amz-request-id": request_id(), "x-amz-id-2": host_id() },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": configuration,
                "bucket": {
                    "name": bucket.name,
                    "ownerIdentity": { "principalId": format!("A{account}") },
                    "arn": bucket_arn(bucket),
                },
                "object": shown,
            },
        });
        if happening.event == "ObjectRestore:Completed" {
            record["glacierEventData"] = json!({ "restoreEventData": {
                "lifecycleRestorationExpiryTime": restored_until(object).map(Timestamp::to_rfc3339),
                "lifecycleRestoreStorageClass": object.settings.get("storage-class"),
            }});
        }
        record
    }
}

/// Until when the copy of an archived object is there.
fn restored_until(object: &Object) -> Option<Timestamp> {
    object.settings.get("restored-until")?.parse().ok().map(Timestamp)
}

/// What the event bus hears: what it is called, and its detail.
fn bus_event(bucket: &Bucket, happening: &Happening) -> Option<(&'static str, Value)> {
    let (kind, reason) = happening.event.split_once(':')?;
    let object = &happening.object;
    let mut shown = json!({ "key": object.key, "sequencer": format!("{:016X}", object.order) });
    if !object.is_null_version() {
        shown["version-id"] = object.version.as_str().into();
    }
    let mut detail = json!({
        "version": "0", "bucket": { "name": bucket.name }, "request-id": request_id(), "requester": "000000000000",
        "source-ip-address": "127.0.0.1",
    });
    let detail_type = match kind {
        "ObjectCreated" => {
            shown["size"] = object.size.into();
            shown["etag"] = object.etag.as_str().into();
            detail["reason"] = match reason {
                "Copy" => "CopyObject",
                "CompleteMultipartUpload" => "CompleteMultipartUpload",
                "Post" => "POST Object",
                _ => "PutObject",
            }
            .into();
            "Object Created"
        }
        "ObjectRemoved" | "LifecycleExpiration" => {
            detail["reason"] =
                if kind == "ObjectRemoved" { "DeleteObject" } else { "Lifecycle Expiration" }.into();
            detail["deletion-type"] =
                if reason == "DeleteMarkerCreated" { "Delete Marker Created" } else { "Permanently Deleted" }
                    .into();
            "Object Deleted"
        }
        "ObjectTagging" if reason == "Put" => "Object Tags Added",
        "ObjectTagging" => "Object Tags Deleted",
        "ObjectAcl" => "Object ACL Updated",
        "ObjectRestore" => {
            detail["source-storage-class"] =
                object.settings.get("storage-class").map_or("STANDARD", String::as_str).into();
            shown["size"] = object.size.into();
            if reason == "Completed" {
                let until = restored_until(object);
                detail["restore-expiry-time"] = until.map(|until| until.format("%Y-%m-%dT%H:%M:%SZ")).into();
            }
            if reason == "Post" { "Object Restore Initiated" } else { "Object Restore Completed" }
        }
        _ => return None,
    };
    // What only changes what is said of an object has no place in the order of its versions.
    if let ("ObjectTagging" | "ObjectAcl" | "ObjectRestore", Some(shown)) = (kind, shown.as_object_mut()) {
        shown.remove("sequencer");
        shown.insert("etag".to_owned(), object.etag.as_str().into());
    }
    detail["object"] = shown;
    Some((detail_type, detail))
}

fn bucket_arn(bucket: &Bucket) -> String {
    format!("arn:aws:s3:::{}", bucket.name)
}

/// As in a form: a space is a plus; slashes stay.
fn encoded_key(key: &str) -> String {
    utf8_percent_encode(key, ENCODED).to_string().replace(' ', "+")
}

fn request_id() -> String {
    RequestId::random().uuid().simple().to_string()[..16].to_ascii_uppercase()
}

fn host_id() -> String {
    RequestId::random().uuid().simple().to_string()
}
