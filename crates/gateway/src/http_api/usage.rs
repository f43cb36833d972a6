//! Whether a request may use a method of a REST API, and how often: the stage's throttling, keys and their plans.
//!
//! Source: API Gateway developer guide, "Throttle requests to your REST APIs for better throughput" and "Usage plans and
//! API keys for REST APIs" (2026-11).

use ebb_sources::http_api::{PlanThrottle, RestApi, RestMatch, RestStage};
use serde_json::Value;

use super::call::ApiCall;
use super::refusal::ApiRefusal;
use super::throttle::Limit;

/// The key that a request showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownKey {
    pub(crate) id: String,
    pub(crate) value: String,
}

fn take(call: &ApiCall<'_>, key: &str, limit: Option<Limit>) -> Result<(), ApiRefusal> {
    match limit.is_none_or(|limit| call.shared.throttles.take(key, limit, call.now)) {
        true => Ok(()),
        false => Err(ApiRefusal::Throttled),
    }
}

/// Takes one of the requests that a stage lets through to a method.
pub(crate) fn throttle(
    call: &ApiCall<'_>,
    api: &RestApi,
    stage: &RestStage,
    matched: &RestMatch<'_>,
) -> Result<(), ApiRefusal> {
    let Some((name, settings)) = settings(stage, &matched.resource.path, &matched.method.http_method) else {
        return Ok(());
    };
    let burst = settings["throttlingBurstLimit"].as_u64().and_then(|burst| u32::try_from(burst).ok());
    let limit = Limit::of(settings["throttlingRateLimit"].as_f64(), burst);
    take(call, &format!("stage/{}/{}/{name}", api.id, stage.stage_name), limit)
}

/// The settings of a method in a stage: its own, else those of all.
fn settings<'a>(stage: &'a RestStage, path: &str, method: &str) -> Option<(&'a str, &'a Value)> {
    let own = format!("{}/{method}", path.trim_start_matches('/'));
    let named = |wanted: &str| {
        let found = stage.method_settings.iter().find(|(name, _)| {
            let name = name.replace("~1", "/");
            name.trim_start_matches('/') == wanted
        });
        found.map(|(name, settings)| (name.as_str(), settings))
    };
    named(own.trim_start_matches('/')).or_else(|| named("*/*"))
}

/// Lets a request through whose method needs a key, where the key's plan does.
pub(crate) fn by_key(
    call: &ApiCall<'_>,
    api: &RestApi,
    stage: &RestStage,
    matched: &RestMatch<'_>,
    found_by_authorizer: Option<&str>,
) -> Result<Option<ShownKey>, ApiRefusal> {
    if !matched.method.api_key_required {
        return Ok(None);
    }
    let shown =
        if api.api_key_source == "AUTHORIZER" { found_by_authorizer } else { call.header("x-api-key") };
    let shown = shown.ok_or(ApiRefusal::NoKey)?;
    let admitted = call.shared.apis.admitted(shown, &api.id, &stage.stage_name).ok_or(ApiRefusal::NoKey)?;
    if let Some(plan) = &admitted.plan {
        let limit = |own: &PlanThrottle| Limit::of(Some(own.rate_limit), Some(own.burst_limit));
        let whose = format!("plan/{}/{}", plan.id, admitted.key.id);
        let method = format!("{}/{}", matched.resource.path, matched.method.http_method);
        let own = plan.api_stages.iter().find(|own| own.api_id == api.id && own.stage == stage.stage_name);
        let of_method = own.and_then(|own| own.throttle.get(&method));
        match of_method {
            Some(own) => take(call, &format!("{whose}/{}{method}", api.id), limit(own))?,
            None => take(call, &whose, plan.throttle.as_ref().and_then(limit))?,
        }
        if !call.shared.apis.count(plan, &admitted.key) {
            return Err(ApiRefusal::QuotaExceeded);
        }
    }
    Ok(Some(ShownKey { id: admitted.key.id.clone(), value: admitted.key.value.clone() }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_those_of_the_method_else_of_all() {
        let stage: RestStage =
            serde_json::from_value(json!({ "stageName": "s", "deploymentId": "d", "methodSettings": {
            "*/*": 1, "~1pets~1{id}/GET": 2, "items/POST": 3, "/GET": 4,
        } }))
            .unwrap();
        for (path, method, expected) in [
            ("/pets/{id}", "GET", 2),
            ("/items", "POST", 3),
            ("/items", "GET", 1),
            ("/", "GET", 4),
            ("/", "PUT", 1),
        ] {
            assert_eq!(settings(&stage, path, method).unwrap().1, &json!(expected), "{method} {path}");
        }
    }
}
