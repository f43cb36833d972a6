//! Usage plans and the keys that have them.

use ebb_sources::http_api::{HttpApiError, PlanStage, PlanThrottle, UsagePlan};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::apigatewayv2::{HttpApiState, bad_request, not_found, object, read, shown};
use super::listed;
use super::patch::{self, Operation};
use crate::wire::{AwsError, Body, Call, empty_response, json_response};

pub(super) async fn create(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let mut given = object(&call)?;
    given.remove("keys");
    let plan: UsagePlan = read(given)?;
    let plan = state.apis.create_plan(plan).await?;
    json_response(StatusCode::CREATED, &show(&plan)?)
}

pub(super) async fn list(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let plans = state.apis.plans();
    let key = call.context.query.get("keyId");
    let wanted = plans.iter().filter(|plan| key.is_none_or(|key| plan.keys.iter().any(|own| own == key)));
    let shown = wanted.map(|plan| show(plan)).collect::<Result<_, _>>()?;
    listed(&call, shown, "id")
}

pub(super) async fn get(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    json_response(StatusCode::OK, &show(&*state.apis.plan(call.path.get("plan"))?)?)
}

pub(super) async fn update(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let operations = patch::operations(&call)?;
    let change = |plan: &mut UsagePlan| {
        for operation in &operations {
            if operation.path().first().map(String::as_str) == Some("apiStages") {
                change_stages(plan, operation)?;
            } else {
                let changed = patch::patched(plan, std::slice::from_ref(operation), &[])?;
                *plan = UsagePlan { id: plan.id.clone(), keys: plan.keys.clone(), ..changed };
            }
        }
        Ok(())
    };
    let plan = state.apis.edit_plan(call.path.get("plan"), change).await?;
    json_response(StatusCode::OK, &show(&plan)?)
}

fn invalid(text: impl Into<String>) -> HttpApiError {
    HttpApiError::Invalid(text.into())
}

/// Changes the stages of a plan (`/apiStages`, whose value is `API:STAGE`), or the throttling of a method in one
/// (`/apiStages/API:STAGE/throttle/RESOURCE/METHOD/LIMIT`).
fn change_stages(plan: &mut UsagePlan, operation: &Operation) -> Result<(), HttpApiError> {
    let split = |text: &str| {
        let (api, stage) =
            text.split_once(':').ok_or_else(|| invalid("An API stage is given as API:STAGE"))?;
        Ok::<_, HttpApiError>((api.to_owned(), stage.to_owned()))
    };
    let path = operation.path();
    if let [_] = path[..] {
        let (api_id, stage) = split(operation.value().unwrap_or_default())?;
        plan.api_stages.retain(|own| (&own.api_id, &own.stage) != (&api_id, &stage));
        if !operation.removes() {
            plan.api_stages.push(PlanStage { api_id, stage, throttle: Default::default() });
        }
        return Ok(());
    }
    let [_, named, throttle, resource, method, rest @ ..] = &path[..] else {
        return Err(invalid("Invalid patch path for API stages"));
    };
    let (api_id, stage) = split(named)?;
    let own = plan.api_stages.iter_mut().find(|own| own.api_id == api_id && own.stage == stage);
    let own = own.ok_or_else(|| HttpApiError::NotFound(format!("API Stage not found: {named}")))?;
    let key = format!("{resource}/{method}");
    if throttle != "throttle" {
        return Err(invalid("Invalid patch path for API stages"));
    }
    if operation.removes() {
        own.throttle.remove(&key);
        return Ok(());
    }
    let limit = own.throttle.entry(key).or_insert_with(PlanThrottle::default);
    let value = operation.value().unwrap_or_default();
    let wrong = || invalid(format!("{value:?} is no limit"));
    match rest {
        [name] if name == "rateLimit" => limit.rate_limit = value.parse().map_err(|_| wrong())?,
        [name] if name == "burstLimit" => limit.burst_limit = value.parse().map_err(|_| wrong())?,
        _ => return Err(invalid("Invalid patch path for API stages")),
    }
    Ok(())
}

pub(super) async fn delete(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let plan = state.apis.plan(call.path.get("plan"))?;
    if !plan.api_stages.is_empty() {
        return Err(bad_request(format!(
            "Cannot delete Usage Plan {} because there are API Stages associated with it",
            plan.id
        )));
    }
    state.apis.delete_plan(&plan.id).await?;
    Ok(empty_response(StatusCode::ACCEPTED))
}

fn show(plan: &UsagePlan) -> Result<Map<String, Value>, AwsError> {
    let mut object = shown(plan)?;
    object.remove("keys");
    Ok(object)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewKey {
    key_id: String,
    #[serde(default)]
    key_type: Option<String>,
}

pub(super) async fn add_key(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let given: NewKey = call.json()?;
    if given.key_type.as_deref().is_some_and(|kind| kind != "API_KEY") {
        return Err(bad_request("Invalid key type specified: only API_KEY is allowed"));
    }
    let key = state.apis.key(&given.key_id)?;
    let add = |plan: &mut UsagePlan| {
        if plan.keys.contains(&key.id) {
            return Err(HttpApiError::Conflict("Usage Plan Key already exists".to_owned()));
        }
        plan.keys.push(key.id.clone());
        Ok(())
    };
    state.apis.edit_plan(call.path.get("plan"), add).await?;
    json_response(StatusCode::CREATED, &show_key(&state, &key.id)?)
}

fn show_key(state: &HttpApiState, id: &str) -> Result<Map<String, Value>, AwsError> {
    let key = state.apis.key(id)?;
    let shown = json!({ "id": key.id, "type": "API_KEY", "value": key.value, "name": key.name });
    shown.as_object().cloned().ok_or_else(|| AwsError::internal("an object is an object"))
}

pub(super) async fn list_keys(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let plan = state.apis.plan(call.path.get("plan"))?;
    let mut keys: Vec<_> = plan.keys.iter().map(|id| show_key(&state, id)).collect::<Result<_, _>>()?;
    if let Some(name) = call.context.query.get("name") {
        keys.retain(|key| key["name"].as_str().is_some_and(|own| own.starts_with(name)));
    }
    listed(&call, keys, "id")
}

pub(super) async fn get_key(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let plan = state.apis.plan(call.path.get("plan"))?;
    let id = call.path.get("key");
    if !plan.keys.iter().any(|own| own == id) {
        return Err(not_found("Invalid Usage Plan Key identifier specified"));
    }
    json_response(StatusCode::OK, &show_key(&state, id)?)
}

pub(super) async fn remove_key(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let id = call.path.get("key");
    let remove = |plan: &mut UsagePlan| {
        let before = plan.keys.len();
        plan.keys.retain(|own| own != id);
        match plan.keys.len() == before {
            true => Err(HttpApiError::NotFound("Invalid Usage Plan Key identifier specified".to_owned())),
            false => Ok(()),
        }
    };
    state.apis.edit_plan(call.path.get("plan"), remove).await?;
    Ok(empty_response(StatusCode::ACCEPTED))
}

pub(super) async fn usage(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let plan = state.apis.plan(call.path.get("plan"))?;
    let query = &call.context.query;
    let day = |name: &str| query.get(name).ok_or_else(|| bad_request(format!("{name} must be set")));
    let (first, last) = (day("startDate")?, day("endDate")?);
    let wanted = query.get("keyId");
    let limit = plan.quota.map_or(0, |quota| u64::from(quota.limit));
    let mut values = Map::new();
    for key in plan.keys.iter().filter(|id| wanted.is_none_or(|wanted| *id == wanted)) {
        let used = state.apis.used(&plan.id, key, first, last);
        // Each day: what was used, and what was left.
        let mut left = limit;
        let days = used.into_iter().map(|used| {
            left = left.saturating_sub(used);
            json!([used, left])
        });
        values.insert(key.clone(), days.collect());
    }
    json_response(
        StatusCode::OK,
        &json!({ "usagePlanId": plan.id, "startDate": first, "endDate": last, "values": values }),
    )
}
