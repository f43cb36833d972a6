//! Requests of HTTP APIs (the second version of API Gateway).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use ebb_sources::http_api::{Definition, HttpApi, Integration, Matched, Protocol, Route, Stage};
use http::Response;

use super::authorize;
use super::call::{ApiCall, Routed, decoded};
use super::cors;
use super::decided::Decided;
use super::function::{self, FunctionCall};
use super::mapping;
use super::refusal::{ApiRefusal, Style};
use super::services;
use super::throttle::Limit;
use super::upstream::{self, Onward};
use crate::answer::AnswerBody;
use crate::cors as url_cors;
use crate::edge::Edge;
use crate::payload::{self, Answer, Decoding, RestFields};

/// The longest that an integration may take, and what it may take unless told otherwise. Source: API Gateway developer
/// guide, "Quotas for configuring and running an HTTP API" (2026-11).
const TIMEOUT: Duration = Duration::from_secs(30);

/// Answers a request.
pub(crate) async fn serve(edge: &Edge, api: &HttpApi, call: &ApiCall<'_>) -> Response<AnswerBody> {
    let settings = api.cors_configuration.as_ref().map(cors::settings);
    let request = &call.parts.headers;
    let mut response = match route(api, call) {
        Ok(Some((stage, definition, route, matched))) => {
            answer(edge, api, call, (stage, definition, route, &matched)).await
        }
        // Preflights that no route asks for are answered here.
        Ok(None) => {
            let preflight =
                settings.as_ref().and_then(|cors| url_cors::preflight(cors, &call.parts.method, request));
            if let Some(mut preflight) = preflight {
                *preflight.status_mut() = http::StatusCode::NO_CONTENT;
                return preflight;
            }
            Err(ApiRefusal::NoRoute)
        }
        Err(refusal) => Err(refusal),
    }
    .unwrap_or_else(|refusal| refusal.into_response(Style::Http));
    if let Some(cors) = &settings {
        url_cors::apply(cors, request, response.headers_mut());
    }
    response
}

type Routing<'a> = (&'a Stage, &'a Definition, &'a Route, Matched);

/// The route that takes the request; none also for a preflight that the API answers by itself.
fn route<'a>(api: &'a HttpApi, call: &ApiCall<'_>) -> Result<Option<Routing<'a>>, ApiRefusal> {
    if api.protocol_type != Protocol::Http {
        return Err(ApiRefusal::Forbidden);
    }
    let stage = call.found.stage.as_deref().and_then(|name| api.stage(name)).ok_or(ApiRefusal::NoRoute)?;
    let definition = api.served(stage).ok_or(ApiRefusal::NoRoute)?;
    let Some((route, matched)) = definition.route(call.parts.method.as_str(), &call.found.path) else {
        return Ok(None);
    };
    let by_itself = api.cors_configuration.is_some()
        && cors::is_preflight(call.parts)
        && !matched.method_named
        && route.authorization_type == "NONE";
    Ok((!by_itself).then_some((stage, definition, route, matched)))
}

async fn answer(
    edge: &Edge,
    api: &HttpApi,
    call: &ApiCall<'_>,
    (stage, definition, route, matched): (&Stage, &Definition, &Route, &Matched),
) -> Result<Response<AnswerBody>, ApiRefusal> {
    let mut routed = Routed {
        api_id: &api.api_id,
        key: &route.route_key,
        stage: &stage.stage_name,
        parameters: &matched.parameters,
        variables: &stage.stage_variables,
        authorizer: None,
        caller: None,
    };
    throttle(call, api, stage, route)?;
    let passed = authorize::http(edge, call, &routed, (definition, route)).await?;
    routed.authorizer = passed.decided.as_ref();
    routed.caller = passed.caller.as_ref();
    let integration = definition.integration(route).ok_or(ApiRefusal::NotCallable)?;
    let nothing = BTreeMap::new();
    let changed =
        mapping::request(call, &routed, integration.request_parameters.as_ref().unwrap_or(&nothing));
    let mut answer = match (integration.integration_type.as_str(), &integration.integration_subtype) {
        ("AWS_PROXY", None) => {
            let changed = changed?;
            proxy(edge, &call.with(&changed.parts, &changed.found), &routed, integration).await?
        }
        ("HTTP_PROXY", None) => {
            let changed = changed?;
            let onward = Onward {
                uri: integration.integration_uri.as_deref().unwrap_or_default(),
                method: integration.integration_method.as_deref(),
                parameters: routed.parameters,
                path: changed.new_path.then_some(changed.found.path.as_str()),
                parts: &changed.parts,
                timeout: timeout(integration),
                forwarded: true,
            };
            upstream::call(call, &routed, &onward).await?
        }
        (_, Some(subtype)) => {
            let parameters = integration.request_parameters.as_ref().unwrap_or(&nothing);
            services::call(call, &routed, subtype, parameters).await?
        }
        (other, None) => return Err(ApiRefusal::NotBuilt(format!("integrations of the type {other}"))),
    };
    if let Some(changes) = &integration.response_parameters {
        mapping::response(call, &routed, changes, &mut answer)?;
    }
    Ok(response(answer))
}

/// Takes one of the requests that a stage lets through.
fn throttle(call: &ApiCall<'_>, api: &HttpApi, stage: &Stage, route: &Route) -> Result<(), ApiRefusal> {
    // A route that has settings of its own does not draw on those of the stage.
    let (settings, key) = match stage.route_settings.get(&route.route_key) {
        Some(settings) => (settings, route.route_key.as_str()),
        None => (&stage.default_route_settings, ""),
    };
    let limit = Limit::of(settings.throttling_rate_limit, settings.throttling_burst_limit);
    let key = format!("stage/{}/{}/{key}", api.api_id, stage.stage_name);
    match limit.is_none_or(|limit| call.shared.throttles.take(&key, limit, call.now)) {
        true => Ok(()),
        false => Err(ApiRefusal::Throttled),
    }
}

/// How long an integration may take.
pub(crate) fn timeout(integration: &Integration) -> Duration {
    integration.timeout_in_millis.map_or(TIMEOUT, |millis| Duration::from_millis(millis.into()))
}

async fn proxy(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    integration: &Integration,
) -> Result<Answer, ApiRefusal> {
    let version_1 = integration.payload_format_version.as_deref() == Some("1.0");
    let function = FunctionCall {
        uri: integration.integration_uri.as_deref().unwrap_or_default(),
        variables: routed.variables,
        api_id: routed.api_id,
        source: &source_of(routed),
        by_role: integration.credentials_arn.is_some(),
        timeout: timeout(integration),
    };
    let returned = function::call(edge, call, &function, event(call, routed, version_1)?).await?;
    let answer = if version_1 {
        let decoding = Decoding { always: true, binary_types: &[], accept: None, default_type: PLAIN };
        payload::proxy_answer(&returned, &decoding)
    } else {
        payload::infer_as(&returned, PLAIN)
    };
    answer.map_err(|error| {
        tracing::info!(request_id = %call.id, %error, "invalid response");
        ApiRefusal::IntegrationFailed
    })
}

fn event(call: &ApiCall<'_>, routed: &Routed<'_>, version_1: bool) -> Result<Bytes, ApiRefusal> {
    // Unlike REST APIs and function URLs, HTTP APIs show paths decoded.
    let path = decoded(&call.client_path());
    let shown = if version_1 { Decided::event_v1 } else { Decided::event_v2 };
    let authorizer = routed.authorizer.map(shown);
    let source = call.source(&path, routed, authorizer.as_ref());
    let event = if version_1 {
        payload::encode_v1(
            &source,
            &RestFields {
                version: Some("1.0"),
                resource_id: routed.key,
                resource_path: resource_path(routed.key),
                context_path: &path,
                binary: None,
                api_key: None,
                deployment_id: None,
            },
        )
    } else {
        payload::encode(&source)
    };
    event.map_err(|error| {
        tracing::error!(request_id = %call.id, %error, "an event could not be encoded");
        ApiRefusal::NotCallable
    })
}

/// The content type of answers that say none.
const PLAIN: &str = "text/plain;charset=UTF-8";

/// An answer as a response.
pub(crate) fn response(answer: Answer) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// What stands for a route in the ARN that a function's policy must allow: `STAGE/METHOD/path`, or `STAGE/$default`.
pub(crate) fn source_of(routed: &Routed<'_>) -> String {
    match routed.key.split_once(" /") {
        Some(("ANY", path)) => format!("{}/*/{path}", routed.stage),
        Some((method, path)) => format!("{}/{method}/{path}", routed.stage),
        None => format!("{}/{}", routed.stage, routed.key),
    }
}

fn resource_path(key: &str) -> &str {
    key.split_once(' ').map_or(key, |(_, path)| path)
}
