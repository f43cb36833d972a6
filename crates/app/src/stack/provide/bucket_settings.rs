//! What templates configure of buckets beside versions and notifications, in the form in which the S3 API keeps it: the
//! members of its own documents, in small letters.
//!
//! Source: CloudFormation user guide, `AWS::S3::Bucket` (2026-11).

use std::collections::BTreeMap;

use ebb_sources::bucket::{Bucket, Expiration, LifecycleFilter, LifecycleRule, NoncurrentExpiration};
use serde_json::{Map, Value as Json, json};

use super::properties::text_of;
use super::{Message, Properties};

/// The names under which the S3 API keeps what is configured here.
const KEPT: [&str; 6] = ["cors", "encryption", "lifecycle", "ownership", "public-access-block", "website"];

/// What is configured of a bucket.
pub(super) struct Settings {
    documents: BTreeMap<&'static str, String>,
    lifecycle: Vec<LifecycleRule>,
}

impl Settings {
    pub(super) fn of(own: &Properties<'_>) -> Result<Self, Message> {
        let mut documents = BTreeMap::new();
        let mut keep = |name: &'static str, document: Option<Json>| {
            documents.extend(document.map(|document| (name, document.to_string())));
        };
        keep("cors", own.get("CorsConfiguration").map(cors));
        keep("encryption", own.get("BucketEncryption").map(encryption));
        keep("ownership", own.get("OwnershipControls").map(ownership));
        keep("public-access-block", own.get("PublicAccessBlockConfiguration").map(snake));
        keep("website", own.get("WebsiteConfiguration").map(website));
        let rules = own.inner("LifecycleConfiguration").list("Rules");
        let lifecycle = rules.iter().enumerate().map(|(index, rule)| lifecycle(index, rule));
        let lifecycle = lifecycle.collect::<Result<Vec<_>, _>>()?;
        keep(
            "lifecycle",
            (!rules.is_empty()).then(|| json!({ "rules": lifecycle.iter().map(told).collect::<Vec<_>>() })),
        );
        Ok(Self { documents, lifecycle })
    }

    /// The rules by which objects go.
    pub(super) fn rules(&self) -> Vec<LifecycleRule> {
        self.lifecycle.clone()
    }

    /// Configures a bucket so but for those rules; what is not said is as it is for a new one.
    pub(super) fn apply(&self, bucket: &mut Bucket) {
        for name in KEPT {
            match self.documents.get(name) {
                Some(document) => bucket.settings.insert(name.to_owned(), document.clone()),
                None => bucket.settings.remove(name),
            };
        }
    }
}

fn cors(given: &Json) -> Json {
    let rule = |rule: &Json| {
        let mut rule = snake(rule);
        for (theirs, ours) in [("max_age", "max_age_seconds"), ("exposed_headers", "expose_headers")] {
            if let Some(value) = rule.as_object_mut().and_then(|rule| rule.remove(theirs)) {
                rule[ours] = value;
            }
        }
        rule
    };
    Properties::of(given).list("CorsRules").iter().map(rule).collect()
}

fn encryption(given: &Json) -> Json {
    let rule = |rule: &Json| {
        let mut rule = snake(rule);
        let by_default =
            rule.as_object_mut().and_then(|rule| rule.remove("server_side_encryption_by_default"));
        rule["apply_server_side_encryption_by_default"] = by_default.unwrap_or(Json::Null);
        rule
    };
    let rules = Properties::of(given).list("ServerSideEncryptionConfiguration");
    json!({ "rules": rules.iter().map(rule).collect::<Vec<_>>() })
}

fn ownership(given: &Json) -> Json {
    let rules = Properties::of(given).list("Rules");
    rules.iter().filter_map(|rule| Properties::of(rule).text("ObjectOwnership")).map(Json::String).collect()
}

fn website(given: &Json) -> Json {
    let own = Properties::of(given);
    let rule = |rule: &Json| {
        let own = Properties::of(rule);
        let part = |name: &str| own.get(name).map_or(Json::Null, snake);
        json!({ "condition": part("RoutingRuleCondition"), "redirect": part("RedirectRule") })
    };
    let mut site = Map::new();
    let mut keep = |name: &str, value: Option<Json>| {
        site.extend(value.map(|value| (name.to_owned(), value)));
    };
    keep("index_document", own.text("IndexDocument").map(|suffix| json!({ "suffix": suffix })));
    keep("error_document", own.text("ErrorDocument").map(|key| json!({ "key": key })));
    keep("redirect_all_requests_to", own.get("RedirectAllRequestsTo").map(snake));
    keep(
        "routing_rules",
        own.get("RoutingRules").map(|_| own.list("RoutingRules").iter().map(rule).collect()),
    );
    Json::Object(site)
}

fn lifecycle(index: usize, rule: &Json) -> Result<LifecycleRule, Message> {
    let own = Properties::of(rule);
    if let Some(date) = own.get("ExpirationDate") {
        return Err(format!("rules of lifecycles expire after days in ebb, not on the date {date}"));
    }
    let tags = own.list("TagFilters").iter().filter_map(|tag| {
        let tag = Properties::of(tag);
        Some((tag.text("Key")?, tag.text("Value")?))
    });
    let noncurrent = own.inner("NoncurrentVersionExpiration");
    let older = noncurrent.small("NoncurrentDays")?.or(own.small("NoncurrentVersionExpirationInDays")?);
    let keep = noncurrent.small("NewerNoncurrentVersions")?.unwrap_or(0);
    let bytes = |name: &str| Ok::<_, Message>(own.number(name)?.and_then(|bytes| u64::try_from(bytes).ok()));
    Ok(LifecycleRule {
        id: own.text("Id").unwrap_or_else(|| format!("rule-{index}")),
        enabled: own.required("Status")? == "Enabled",
        filter: LifecycleFilter {
            prefix: own.text("Prefix").unwrap_or_default(),
            tags: tags.collect(),
            larger_than: bytes("ObjectSizeGreaterThan")?,
            smaller_than: bytes("ObjectSizeLessThan")?,
        },
        expiration: own.small("ExpirationInDays")?.map(Expiration::Days),
        removes_markers: own.boolean("ExpiredObjectDeleteMarker")?.unwrap_or(false),
        noncurrent: older.map(|days| NoncurrentExpiration { days, keep }),
        abort_uploads_days: own.inner("AbortIncompleteMultipartUpload").small("DaysAfterInitiation")?,
    })
}

/// A rule as it is told to whoever asks.
fn told(rule: &LifecycleRule) -> Json {
    let LifecycleFilter { prefix, tags, larger_than, smaller_than } = &rule.filter;
    let tags: Vec<Json> = tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    let plain = tags.is_empty() && larger_than.is_none() && smaller_than.is_none();
    let filter = match plain {
        true => json!({ "prefix": prefix }),
        false => json!({ "and": {
            "prefix": prefix, "tags": tags, "object_size_greater_than": larger_than, "object_size_less_than": smaller_than,
        } }),
    };
    let mut told = json!({
        "id": rule.id, "status": if rule.enabled { "Enabled" } else { "Disabled" }, "filter": filter,
    });
    if let Some(Expiration::Days(days)) = rule.expiration {
        told["expiration"] = json!({ "days": days });
    } else if rule.removes_markers {
        told["expiration"] = json!({ "expired_object_delete_marker": true });
    }
    if let Some(NoncurrentExpiration { days, keep }) = rule.noncurrent {
        let keep = (keep > 0).then_some(keep);
        told["noncurrent_version_expiration"] =
            json!({ "noncurrent_days": days, "newer_noncurrent_versions": keep });
    }
    if let Some(days) = rule.abort_uploads_days {
        told["abort_incomplete_multipart_upload"] = json!({ "days_after_initiation": days });
    }
    told
}

/// A document with its members' names in small letters, and numbers and truths that are written as texts as such.
fn snake(value: &Json) -> Json {
    match value {
        Json::Object(members) => {
            members.iter().map(|(name, value)| (snake_name(name), snake(value))).collect::<Map<_, _>>().into()
        }
        Json::Array(items) => items.iter().map(snake).collect(),
        Json::String(text) => match text.as_str() {
            "true" | "false" => Json::Bool(text == "true"),
            _ => text.parse::<u32>().map_or_else(|_| value.clone(), Json::from),
        },
        scalar => text_of(scalar).map_or(Json::Null, |_| scalar.clone()),
    }
}

/// `KMSMasterKeyID` is `kms_master_key_id`.
fn snake_name(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let begins = letter.is_uppercase()
            && at > 0
            && (letters[at - 1].is_lowercase()
                || letters.get(at + 1).is_some_and(|next| next.is_lowercase()));
        if begins {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_members_are_those_of_the_kept_documents() {
        for (name, expected) in [
            ("KMSMasterKeyID", "kms_master_key_id"),
            ("SSEAlgorithm", "sse_algorithm"),
            ("AllowedOrigins", "allowed_origins"),
            ("Id", "id"),
        ] {
            assert_eq!(snake_name(name), expected);
        }
    }

    #[test]
    fn documents_are_kept_as_the_api_keeps_them() {
        let properties = json!({
            "CorsConfiguration": { "CorsRules": [{ "AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": "60", "ExposedHeaders": ["x"] }] },
            "WebsiteConfiguration": { "IndexDocument": "index.html" },
            "PublicAccessBlockConfiguration": { "BlockPublicAcls": "true" },
            "LifecycleConfiguration": { "Rules": [{ "Status": "Enabled", "ExpirationInDays": 3, "TagFilters": [{ "Key": "a", "Value": "b" }] }] },
        });
        let settings = Settings::of(&Properties::of(&properties)).unwrap();
        let kept = |name: &str| serde_json::from_str::<Json>(&settings.documents[name]).unwrap();
        let cors = json!([{ "allowed_methods": ["GET"], "allowed_origins": ["*"], "max_age_seconds": 60, "expose_headers": ["x"] }]);
        assert_eq!(kept("cors"), cors);
        assert_eq!(kept("website"), json!({ "index_document": { "suffix": "index.html" } }));
        assert_eq!(kept("public-access-block"), json!({ "block_public_acls": true }));
        assert_eq!(
            kept("lifecycle")["rules"][0]["filter"]["and"]["tags"],
            json!([{ "key": "a", "value": "b" }])
        );
        assert_eq!(settings.lifecycle[0].expiration, Some(Expiration::Days(3)));
        let dated = json!({ "LifecycleConfiguration": { "Rules": [{ "Status": "Enabled", "ExpirationDate": "2030-01-01" }] } });
        assert!(Settings::of(&Properties::of(&dated)).is_err());
    }
}
