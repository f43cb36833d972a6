//! IAM: roles and managed policies. The query protocol; shapes are those of the public model
//! (`iam/2010-05-08/service-2.json`, 2026-11). They are kept and evaluated nowhere: see `ebb-sources`.

mod policies;
mod roles;

use ebb_sources::iam::{Iam, IamError};
use http::{Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::wire::{Api, AwsError, Body, Call, PageRequest, QueryShapes, json_response};

const SHAPES: QueryShapes = QueryShapes {
    namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
    // All lists of this service are of the protocol's own form.
    inputs: &[],
    outputs: &[],
};
/// The length of a page where none is asked, and the longest.
const PAGE: usize = 100;
const LONGEST_PAGE: usize = 1000;
const DOCUMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The service. Operations that are not built answer with an error that names them.
#[must_use]
pub fn api(iam: Iam) -> Api {
    Api::query_json("iam", &SHAPES, "ServiceFailure", iam)
        .operation("CreateRole", roles::create)
        .operation("GetRole", roles::get)
        .operation("ListRoles", roles::list)
        .operation("UpdateRole", roles::update)
        .operation("UpdateRoleDescription", roles::update)
        .operation("UpdateAssumeRolePolicy", roles::update_trust)
        .operation("DeleteRole", roles::delete)
        .operation("TagRole", roles::tag)
        .operation("UntagRole", roles::untag)
        .operation("ListRoleTags", roles::list_tags)
        .operation("PutRolePolicy", roles::put_policy)
        .operation("GetRolePolicy", roles::get_policy)
        .operation("ListRolePolicies", roles::list_policies)
        .operation("DeleteRolePolicy", roles::delete_policy)
        .operation("AttachRolePolicy", roles::attach)
        .operation("DetachRolePolicy", roles::detach)
        .operation("ListAttachedRolePolicies", roles::list_attached)
        .operation("PutRolePermissionsBoundary", roles::put_boundary)
        .operation("DeleteRolePermissionsBoundary", roles::delete_boundary)
        .operation("ListInstanceProfilesForRole", roles::list_profiles)
        .operation("CreatePolicy", policies::create)
        .operation("GetPolicy", policies::get)
        .operation("ListPolicies", policies::list)
        .operation("DeletePolicy", policies::delete)
        .operation("CreatePolicyVersion", policies::create_version)
        .operation("GetPolicyVersion", policies::get_version)
        .operation("ListPolicyVersions", policies::list_versions)
        .operation("SetDefaultPolicyVersion", policies::set_default)
        .operation("DeletePolicyVersion", policies::delete_version)
        .operation("TagPolicy", policies::tag)
        .operation("UntagPolicy", policies::untag)
        .operation("ListPolicyTags", policies::list_tags)
        .operation("ListEntitiesForPolicy", policies::list_entities)
        .build()
}

impl From<IamError> for AwsError {
    fn from(error: IamError) -> Self {
        let message = error.to_string();
        match error {
            IamError::NotFound(_) => Self::new("NoSuchEntity", StatusCode::NOT_FOUND, message),
            IamError::Exists(_) => Self::new("EntityAlreadyExists", StatusCode::CONFLICT, message),
            IamError::InUse(_) => Self::new("DeleteConflict", StatusCode::CONFLICT, message),
            IamError::Limit(_) => Self::new("LimitExceeded", StatusCode::CONFLICT, message),
            IamError::Malformed(_) => Self::client("MalformedPolicyDocument", message),
            IamError::Invalid(_) => Self::client("ValidationError", message),
            IamError::Store(error) => Self::internal(error),
        }
    }
}

/// A document as answers have it: percent-encoded.
fn encoded(document: &str) -> String {
    utf8_percent_encode(document, DOCUMENT).to_string()
}

fn done(answer: &Value) -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, answer)
}

/// A page of a list under `member`.
fn listed(call: &Call, member: &str, items: Vec<Value>, key: &str) -> Result<Response<Body>, AwsError> {
    let given: Value = call.json()?;
    let size = given["MaxItems"].as_str().and_then(|size| size.parse().ok()).unwrap_or(PAGE);
    let page = PageRequest::new(given["Marker"].as_str(), size.clamp(1, LONGEST_PAGE))
        .map_err(|_| AwsError::client("ValidationError", "Invalid Marker"))?;
    let name = |item: &Value| item.as_str().or_else(|| item[key].as_str()).unwrap_or_default().to_owned();
    let (items, next) = page.cut(items, name);
    let mut answer = Map::new();
    answer.insert(member.to_owned(), Value::Array(items));
    answer.insert("IsTruncated".to_owned(), next.is_some().into());
    answer.extend(next.map(|next| ("Marker".to_owned(), next.into())));
    done(&Value::Object(answer))
}
