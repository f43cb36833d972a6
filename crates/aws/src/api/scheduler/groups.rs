//! Groups of schedules, and their tags.

use std::collections::BTreeMap;

use ebb_sources::schedule::{ScheduleGroup, Scheduler};
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{invalid, listed};
use crate::wire::{AwsError, Body, Call, epoch_seconds, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tags {
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

impl Tags {
    fn read(call: &Call) -> Result<BTreeMap<String, String>, AwsError> {
        let tags: Self = if call.body.is_empty() { Self { tags: Vec::new() } } else { call.json()? };
        Ok(tags.tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }
}

pub(super) async fn create(scheduler: Scheduler, call: Call) -> Result<Response<Body>, AwsError> {
    let group = scheduler.create_group(call.path.get("Name"), Tags::read(&call)?).await?;
    json_response(StatusCode::OK, &json!({ "ScheduleGroupArn": scheduler.group_arn(&group.name) }))
}

pub(super) async fn get(scheduler: Scheduler, call: Call) -> Result<Response<Body>, AwsError> {
    let group = scheduler.group(call.path.get("Name"))?;
    json_response(StatusCode::OK, &shown(&scheduler, &group))
}

pub(super) async fn delete(scheduler: Scheduler, call: Call) -> Result<Response<Body>, AwsError> {
    scheduler.delete_group(call.path.get("Name")).await?;
    json_response(StatusCode::OK, &json!({}))
}

pub(super) async fn list(scheduler: Scheduler, call: Call) -> Result<Response<Body>, AwsError> {
    let prefix = call.context.query.get("NamePrefix").unwrap_or_default();
    let groups = scheduler.groups().into_iter().filter(|group| group.name.starts_with(prefix)).collect();
    listed(&call, "ScheduleGroups", groups, |group| group.name.clone(), |group| shown(&scheduler, group))
}

pub(super) async fn tag(scheduler: Scheduler, call: Call) -> Result<Response<Body>, AwsError> {
    let added = Tags::read(&call)?;
    scheduler.change_group_tags(&named(&call)?, |tags| tags.extend(added.clone())).await?;
    json_response(StatusCode::OK, &json!({}))
}

pub(super) async fn untag(scheduler: Scheduler, call: Call) -> Result<Response<Body>, AwsError> {
    let keys: Vec<&str> = call.context.query.all("TagKeys").collect();
    scheduler
        .change_group_tags(&named(&call)?, |tags| tags.retain(|key, _| !keys.contains(&key.as_str())))
        .await?;
    json_response(StatusCode::OK, &json!({}))
}

pub(super) async fn list_tags(scheduler: Scheduler, call: Call) -> Result<Response<Body>, AwsError> {
    let group = scheduler.group(&named(&call)?)?;
    let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: value.clone() };
    let tags: Vec<Tag> = group.tags.iter().map(tag).collect();
    json_response(StatusCode::OK, &json!({ "Tags": tags }))
}

/// The group that the ARN in the path names: schedules have no tags.
fn named(call: &Call) -> Result<String, AwsError> {
    let arn = call.path.get("ResourceArn");
    match arn.split_once(":schedule-group/") {
        Some((_, name)) => Ok(name.to_owned()),
        None => Err(invalid(format!("{arn} is not the ARN of a schedule group: only these have tags."))),
    }
}

fn shown(scheduler: &Scheduler, group: &ScheduleGroup) -> Value {
    json!({
        "Arn": scheduler.group_arn(&group.name),
        "Name": group.name,
        "State": "ACTIVE",
        "CreationDate": epoch_seconds(group.created),
        "LastModificationDate": epoch_seconds(group.created),
    })
}
