//! Access control lists: who else may do something with a bucket or an object, as grants.
//!
//! They are kept as they are given; what they grant to everybody is acted on. Source: S3 user guide, "Access control
//! list (ACL) overview" (2026-11).

use ebb_sources::bucket::{Bucket, Buckets, NewObject, Object};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::convert;
use super::errors::with_details;
use super::settings::{self, ACL, OWNERSHIP, PUBLIC_ACCESS_BLOCK};

/// The group of everybody.
const EVERYBODY: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
/// The group of everybody who signs.
const AUTHENTICATED: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
/// The group that access logs are delivered by.
const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";
/// Under which owners set no lists.
const OWNER_ENFORCED: &str = "BucketOwnerEnforced";

/// What can be granted.
const PERMISSIONS: [&str; 5] = [
    Permission::FULL_CONTROL,
    Permission::READ,
    Permission::READ_ACP,
    Permission::WRITE,
    Permission::WRITE_ACP,
];

/// A list as it is kept.
type List = Vec<Entry>;

/// Who may do what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    who: Who,
    permission: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Who {
    /// By canonical id.
    Id(String),
    /// A group, by its URI.
    Group(String),
    /// By an address of mail.
    Email(String),
}

/// What the headers of a request grant: by a name for a whole list, or one by one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Grants<'a> {
    pub(super) canned: Option<&'a str>,
    pub(super) full_control: Option<&'a str>,
    pub(super) read: Option<&'a str>,
    pub(super) read_acp: Option<&'a str>,
    pub(super) write: Option<&'a str>,
    pub(super) write_acp: Option<&'a str>,
}

/// The grants of a request that makes an object: the types of such requests have nothing in common but these fields.
macro_rules! grants_of_object {
    ($input:expr) => {
        $crate::api::s3::acl::Grants {
            canned: $input.acl.as_ref().map(s3s::dto::ObjectCannedACL::as_str),
            full_control: $input.grant_full_control.as_deref(),
            read: $input.grant_read.as_deref(),
            read_acp: $input.grant_read_acp.as_deref(),
            write: None,
            write_acp: $input.grant_write_acp.as_deref(),
        }
    };
}
pub(super) use grants_of_object;

impl Grants<'_> {
    /// The list that they come to, to be kept; nothing where nothing is granted.
    pub(super) fn read(&self, account: &str) -> S3Result<Option<String>> {
        self.list(account)?.as_deref().map(write).transpose()
    }

    /// An object to be of a bucket, with the list.
    pub(super) fn onto(&self, mut new: NewObject, bucket: &Bucket, account: &str) -> S3Result<NewObject> {
        let Some(list) = self.list(account)? else { return Ok(new) };
        // What says what holds anyway is no list of its own.
        if self.canned != Some(ObjectCannedACL::BUCKET_OWNER_FULL_CONTROL) {
            check_ownership(bucket)?;
        }
        check_public(bucket, &list)?;
        new.settings.insert(ACL.to_owned(), write(&list)?);
        Ok(new)
    }

    fn list(&self, account: &str) -> S3Result<Option<List>> {
        let named = [
            (self.full_control, Permission::FULL_CONTROL),
            (self.read, Permission::READ),
            (self.read_acp, Permission::READ_ACP),
            (self.write, Permission::WRITE),
            (self.write_acp, Permission::WRITE_ACP),
        ];
        let mut list = List::new();
        for (grantees, permission) in named {
            let header = format!("x-amz-grant-{}", permission.to_ascii_lowercase().replace('_', "-"));
            for grantee in grantees.into_iter().flat_map(|grantees| grantees.split(',')) {
                list.push(Entry { who: read_grantee(&header, grantee)?, permission: permission.to_owned() });
            }
        }
        match self.canned {
            Some(_) if !list.is_empty() => {
                Err(s3_error!(InvalidRequest, "Specifying both Canned ACLs and Header Grants is not allowed"))
            }
            Some(name) => canned(name, account).map(Some),
            None if list.is_empty() => Ok(None),
            None => Ok(Some(list)),
        }
    }
}

/// `id="…"`, `uri="…"` or `emailAddress="…"`, of the header of this name.
fn read_grantee(header: &str, text: &str) -> S3Result<Who> {
    let (kind, value) = text.trim().split_once('=').unwrap_or_default();
    let value = value.trim_matches('"').to_owned();
    match kind {
        "id" => check_id("id", &value).map(|()| Who::Id(value)),
        // An older name of it.
        "uri" | "url" => check_group("uri", &value).map(|()| Who::Group(value)),
        "emailAddress" => Ok(Who::Email(value)),
        _ => Err(argument("Argument format not recognized", header, text.trim())),
    }
}

/// Canonical ids have 64 hexadecimal digits.
fn check_id(name: &str, id: &str) -> S3Result<()> {
    let is_one = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_one { Ok(()) } else { Err(argument("Invalid id", name, id)) }
}

fn check_group(name: &str, uri: &str) -> S3Result<()> {
    if [EVERYBODY, AUTHENTICATED, LOG_DELIVERY].contains(&uri) {
        Ok(())
    } else {
        Err(argument("Invalid group uri", name, uri))
    }
}

fn argument(message: &'static str, name: &str, value: &str) -> S3Error {
    let error = S3Error::with_message(S3ErrorCode::InvalidArgument, message);
    with_details(error, &[("ArgumentName", name), ("ArgumentValue", value)])
}

fn canned(name: &str, account: &str) -> S3Result<List> {
    let entry = |who: Who, permission: &str| Entry { who, permission: permission.to_owned() };
    let owner = || entry(Who::Id(owner_id(account)), Permission::FULL_CONTROL);
    let group = |uri: &str, permission: &str| entry(Who::Group(uri.to_owned()), permission);
    Ok(match name {
        // There is one account: whoever owns a bucket owns its objects.
        "private" | "bucket-owner-full-control" | "bucket-owner-read" | "aws-exec-read" => vec![owner()],
        "public-read" => vec![owner(), group(EVERYBODY, Permission::READ)],
        "public-read-write" => {
            vec![owner(), group(EVERYBODY, Permission::READ), group(EVERYBODY, Permission::WRITE)]
        }
        "authenticated-read" => vec![owner(), group(AUTHENTICATED, Permission::READ)],
        "log-delivery-write" => {
            vec![owner(), group(LOG_DELIVERY, Permission::WRITE), group(LOG_DELIVERY, Permission::READ_ACP)]
        }
        // The service says no more than which argument it is.
        _ => return Err(argument("", "x-amz-acl", name)),
    })
}

fn owner_id(account: &str) -> String {
    convert::owner(account).id.unwrap_or_default()
}

fn write(list: &[Entry]) -> S3Result<String> {
    serde_json::to_string(list).map_err(S3Error::internal_error)
}

/// Whether a list that is kept lets everybody do this.
pub(super) fn lets_everybody(list: Option<&String>, permission: &str) -> bool {
    let list: List = list.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    list.iter().any(|entry| {
        entry.who == Who::Group(EVERYBODY.to_owned())
            && [permission, Permission::FULL_CONTROL].contains(&entry.permission.as_str())
    })
}

pub(super) async fn put_bucket(
    buckets: &Buckets,
    request: S3Request<PutBucketAclInput>,
) -> S3Result<S3Response<PutBucketAclOutput>> {
    let input = request.input;
    let grants = Grants {
        canned: input.acl.as_ref().map(BucketCannedACL::as_str),
        full_control: input.grant_full_control.as_deref(),
        read: input.grant_read.as_deref(),
        read_acp: input.grant_read_acp.as_deref(),
        write: input.grant_write.as_deref(),
        write_acp: input.grant_write_acp.as_deref(),
    };
    let bucket = buckets.bucket(&input.bucket).map_err(convert::error)?;
    let list = given(&bucket, &grants, input.access_control_policy, buckets.account())?;
    let text = write(&list)?;
    let set = buckets.configure(&input.bucket, |bucket| {
        bucket.settings.insert(ACL.to_owned(), text.clone());
        Ok(())
    });
    set.await.map_err(convert::error)?;
    Ok(S3Response::new(PutBucketAclOutput::default()))
}

pub(super) fn get_bucket(
    buckets: &Buckets,
    request: &S3Request<GetBucketAclInput>,
) -> S3Result<S3Response<GetBucketAclOutput>> {
    let bucket = buckets.bucket(&request.input.bucket).map_err(convert::error)?;
    let owner = convert::owner(buckets.account());
    let grants = Some(shown(bucket.settings.get(ACL), &owner));
    Ok(S3Response::new(GetBucketAclOutput { grants, owner: Some(owner) }))
}

pub(super) async fn put_object(
    buckets: &Buckets,
    request: S3Request<PutObjectAclInput>,
) -> S3Result<S3Response<PutObjectAclOutput>> {
    let input = request.input;
    let grants = Grants {
        canned: input.acl.as_ref().map(ObjectCannedACL::as_str),
        full_control: input.grant_full_control.as_deref(),
        read: input.grant_read.as_deref(),
        read_acp: input.grant_read_acp.as_deref(),
        write: input.grant_write.as_deref(),
        write_acp: input.grant_write_acp.as_deref(),
    };
    let bucket = buckets.bucket(&input.bucket).map_err(convert::error)?;
    let text = write(&given(&bucket, &grants, input.access_control_policy, buckets.account())?)?;
    let edit = |object: &mut Object| {
        object.settings.insert(ACL.to_owned(), text.clone());
        Ok(())
    };
    let set =
        buckets.annotate(&input.bucket, &input.key, input.version_id.as_deref(), edit, Some("ObjectAcl:Put"));
    set.await.map_err(convert::error)?;
    Ok(S3Response::new(PutObjectAclOutput::default()))
}

pub(super) async fn get_object(
    buckets: &Buckets,
    request: S3Request<GetObjectAclInput>,
) -> S3Result<S3Response<GetObjectAclOutput>> {
    let input = request.input;
    let object = buckets.object(&input.bucket, &input.key, input.version_id.as_deref()).await;
    let object = object.map_err(convert::error)?;
    let owner = convert::owner(buckets.account());
    let grants = Some(shown(object.settings.get(ACL), &owner));
    Ok(S3Response::new(GetObjectAclOutput { grants, owner: Some(owner), ..GetObjectAclOutput::default() }))
}

/// The list that a request sets: by its headers or its body.
fn given(
    bucket: &Bucket,
    grants: &Grants<'_>,
    policy: Option<AccessControlPolicy>,
    account: &str,
) -> S3Result<List> {
    check_ownership(bucket)?;
    let list = match (grants.list(account)?, policy) {
        (Some(_), Some(_)) => {
            return Err(s3_error!(UnexpectedContent, "This request does not support content"));
        }
        (Some(list), None) => list,
        (None, Some(policy)) => {
            let owner = policy.owner.and_then(|owner| owner.id).ok_or_else(malformed)?;
            check_id("CanonicalUser/ID", &owner)?;
            policy.grants.unwrap_or_default().into_iter().map(read_grant).collect::<S3Result<_>>()?
        }
        (None, None) => {
            return Err(s3_error!(MissingSecurityHeader, "Your request was missing a required header"));
        }
    };
    check_public(bucket, &list)?;
    Ok(list)
}

/// Refuses lists where the owner of a bucket owns all that is in it.
fn check_ownership(bucket: &Bucket) -> S3Result<()> {
    let ownership: Option<Vec<String>> = settings::of(bucket, OWNERSHIP)?;
    if ownership.is_some_and(|words| words.iter().any(|word| word == OWNER_ENFORCED)) {
        let code = S3ErrorCode::Custom("AccessControlListNotSupported".into());
        let mut error = S3Error::with_message(code, "The bucket does not allow ACLs");
        error.set_status_code(http::StatusCode::BAD_REQUEST);
        return Err(error);
    }
    Ok(())
}

/// Refuses lists that grant something to everybody where that is blocked.
fn check_public(bucket: &Bucket, list: &List) -> S3Result<()> {
    let block: Option<PublicAccessBlockConfiguration> = settings::of(bucket, PUBLIC_ACCESS_BLOCK)?;
    let public = |entry: &Entry| {
        [EVERYBODY, AUTHENTICATED].iter().any(|group| entry.who == Who::Group((*group).to_owned()))
    };
    if block.is_some_and(|block| block.block_public_acls == Some(true)) && list.iter().any(public) {
        return Err(s3_error!(AccessDenied, "Access Denied"));
    }
    Ok(())
}

fn read_grant(grant: Grant) -> S3Result<Entry> {
    let permission = grant.permission.map(|permission| permission.as_str().to_owned());
    let permission = permission.filter(|permission| PERMISSIONS.contains(&permission.as_str()));
    let permission = permission.ok_or_else(malformed)?;
    let grantee = grant.grantee.ok_or_else(malformed)?;
    let who = match (grantee.type_.as_str(), grantee.id, grantee.uri, grantee.email_address) {
        (Type::CANONICAL_USER, Some(id), _, _) => check_id("CanonicalUser/ID", &id).map(|()| Who::Id(id))?,
        (Type::GROUP, _, Some(uri), _) => check_group("Group/URI", &uri).map(|()| Who::Group(uri))?,
        (Type::AMAZON_CUSTOMER_BY_EMAIL, _, _, Some(email)) => Who::Email(email),
        _ => return Err(malformed()),
    };
    Ok(Entry { who, permission })
}

fn malformed() -> S3Error {
    s3_error!(
        MalformedACLError,
        "The XML you provided was not well-formed or did not validate against our published schema"
    )
}

/// A list as it is told; where none was set, the owner may do everything.
fn shown(list: Option<&String>, owner: &Owner) -> Vec<Grant> {
    let list: Option<List> = list.and_then(|text| serde_json::from_str(text).ok());
    let own = Entry {
        who: Who::Id(owner.id.clone().unwrap_or_default()),
        permission: Permission::FULL_CONTROL.to_owned(),
    };
    let grantee = |who: Who| {
        let none = Grantee {
            display_name: None,
            email_address: None,
            id: None,
            type_: Type::from_static(Type::CANONICAL_USER),
            uri: None,
        };
        match who {
            Who::Id(id) => {
                let display_name = owner.display_name.clone().filter(|_| owner.id.as_ref() == Some(&id));
                Grantee { id: Some(id), display_name, ..none }
            }
            Who::Group(uri) => Grantee { uri: Some(uri), type_: Type::from_static(Type::GROUP), ..none },
            Who::Email(email) => {
                let type_ = Type::from_static(Type::AMAZON_CUSTOMER_BY_EMAIL);
                Grantee { email_address: Some(email), type_, ..none }
            }
        }
    };
    let entries = list.unwrap_or_else(|| vec![own]);
    let grant = |entry: Entry| Grant {
        grantee: Some(grantee(entry.who)),
        permission: Some(Permission::from(entry.permission)),
    };
    entries.into_iter().map(grant).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: &str =
        "id=0000000000000000000000000000000000000000000000000000000000000001, emailAddress=a@b";

    #[test]
    fn everybody_may_what_a_list_grants_everybody() {
        let by_header = |grantee: &'static str| Grants { read: Some(grantee), ..Grants::default() };
        let canned = |name: &'static str| Grants { canned: Some(name), ..Grants::default() };
        for (grants, read, write) in [
            (canned("private"), false, false),
            (canned("public-read"), true, false),
            (canned("public-read-write"), true, true),
            (canned("authenticated-read"), false, false),
            (by_header("uri=\"http://acs.amazonaws.com/groups/global/AllUsers\""), true, false),
            (by_header(MINE), false, false),
        ] {
            let list = grants.read("000000000000").expect("a list");
            assert_eq!(lets_everybody(list.as_ref(), "READ"), read, "{grants:?}");
            assert_eq!(lets_everybody(list.as_ref(), "WRITE"), write, "{grants:?}");
        }
        assert!(canned("nonsense").read("000000000000").is_err());
        assert!(by_header("nobody").read("000000000000").is_err());
        assert_eq!(Grants::default().read("000000000000").expect("nothing"), None);
    }
}
