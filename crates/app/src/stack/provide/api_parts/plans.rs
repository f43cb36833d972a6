//! API keys and usage plans.

use ebb_sources::http_api::{ApiKey, PlanStage, PlanThrottle, UsagePlan};
use serde_json::{Value as Json, json};

use super::super::super::Inner;
use super::super::super::record::MadeResource;
use super::super::{Made, Message, Properties, Wanted, said};
use super::{gone, read};

fn key(wanted: &Wanted<'_>) -> Result<ApiKey, Message> {
    let own = wanted.properties();
    let stage =
        |given: &Json| Some(format!("{}/{}", given["RestApiId"].as_str()?, given["StageName"].as_str()?));
    read(
        json!({
            "name": wanted.named("Name"),
            "value": own.text("Value").unwrap_or_default(),
            "description": own.text("Description"),
            "customerId": own.text("CustomerId"),
            "enabled": own.boolean("Enabled")?.unwrap_or(false),
            "stageKeys": own.list("StageKeys").iter().filter_map(stage).collect::<Vec<_>>(),
            "tags": own.tags(),
        })
        .as_object()
        .cloned()
        .unwrap_or_default(),
    )
}

pub(super) async fn create_key(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let key = inner.services.http_apis.create_key(key(wanted)?).await.map_err(said)?;
    Ok(Made::new(key.id.clone(), [("APIKeyId", key.id.clone())]))
}

pub(super) async fn update_key(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let new = key(wanted)?;
    let edited = inner.services.http_apis.edit_key(&before.physical, |key| {
        let (id, value, created) = (key.id.clone(), key.value.clone(), key.created);
        *key = ApiKey { id, value, created, ..new.clone() };
        Ok(())
    });
    edited.await.map_err(said)?;
    Ok(Made::new(before.physical.clone(), [("APIKeyId", before.physical.clone())]))
}

fn throttle(given: &Json) -> Result<PlanThrottle, Message> {
    let own = Properties::of(given);
    let rate = own.text("RateLimit").map(|text| text.parse::<f64>().map_err(said)).transpose()?;
    Ok(PlanThrottle {
        burst_limit: own.small("BurstLimit")?.unwrap_or(5000),
        rate_limit: rate.unwrap_or(10_000.0),
    })
}

fn plan(wanted: &Wanted<'_>) -> Result<UsagePlan, Message> {
    let own = wanted.properties();
    let mut api_stages = Vec::new();
    for given in own.list("ApiStages") {
        let given = Properties::of(given);
        let mut stage = PlanStage {
            api_id: given.required("ApiId")?,
            stage: given.required("Stage")?,
            throttle: Default::default(),
        };
        for (name, limit) in given.get("Throttle").and_then(Json::as_object).into_iter().flatten() {
            stage.throttle.insert(name.clone(), throttle(limit)?);
        }
        api_stages.push(stage);
    }
    let quota = own.get("Quota").map(|quota| {
        let quota = Properties::of(quota);
        Ok::<_, Message>(json!({
            "limit": quota.small("Limit")?.unwrap_or_default(),
            "offset": quota.small("Offset")?.unwrap_or_default(),
            "period": quota.required("Period")?,
        }))
    });
    let quota = quota.transpose()?.map(serde_json::from_value).transpose().map_err(said)?;
    Ok(UsagePlan {
        id: String::new(),
        name: wanted.named("UsagePlanName"),
        description: own.text("Description"),
        api_stages,
        throttle: own.get("Throttle").map(throttle).transpose()?,
        quota,
        product_code: None,
        tags: own.tags(),
        keys: Vec::new(),
    })
}

pub(super) async fn create_plan(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let plan = inner.services.http_apis.create_plan(plan(wanted)?).await.map_err(said)?;
    Ok(Made::new(plan.id.clone(), [("Id", plan.id.clone())]))
}

pub(super) async fn update_plan(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let new = plan(wanted)?;
    let edited = inner.services.http_apis.edit_plan(&before.physical, |plan| {
        *plan = UsagePlan { id: plan.id.clone(), keys: plan.keys.clone(), ..new.clone() };
        Ok(())
    });
    edited.await.map_err(said)?;
    Ok(Made::new(before.physical.clone(), [("Id", before.physical.clone())]))
}

pub(super) async fn add_plan_key(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (key, plan) = (own.required("KeyId")?, own.required("UsagePlanId")?);
    inner.services.http_apis.key(&key).map_err(said)?;
    let edited = inner.services.http_apis.edit_plan(&plan, |plan| {
        if !plan.keys.contains(&key) {
            plan.keys.push(key.clone());
        }
        Ok(())
    });
    edited.await.map_err(said)?;
    let id = format!("{key}:{plan}");
    Ok(Made::new(id.clone(), [("Id", id)]))
}

pub(super) async fn remove_plan_key(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let Some((key, plan)) = made.physical.split_once(':') else { return Ok(()) };
    let edited = inner.services.http_apis.edit_plan(plan, |plan| {
        plan.keys.retain(|own| own != key);
        Ok(())
    });
    gone(edited.await)
}
