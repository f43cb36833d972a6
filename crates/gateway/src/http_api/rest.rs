//! Requests of REST APIs (the first version of API Gateway).

use std::collections::BTreeMap;
use std::time::Duration;

use ::http::request::Parts;
use ::http::{HeaderName, HeaderValue, Response};
use ebb_sources::http_api::{RestApi, RestDefinition, RestIntegration, RestMatch, RestStage};

use super::authorize;
use super::aws;
use super::call::{ApiCall, Routed};
use super::custom::{self, Backend};
use super::decided::Decided;
use super::function::{self, FunctionCall};
use super::gateway_response;
use super::http::response;
use super::mapping;
use super::refusal::{ApiRefusal, Style};
use super::template::Overrides;
use super::upstream::{self, Onward};
use super::usage::{self, ShownKey};
use super::validate;
use super::variables;
use crate::answer::AnswerBody;
use crate::edge::Edge;
use crate::payload::{self, Answer, Decoding, RestFields};

/// Answers a request.
pub(crate) async fn serve(edge: &Edge, api: &RestApi, call: &ApiCall<'_>) -> Response<AnswerBody> {
    let stage = call.found.stage.as_deref().and_then(|name| api.stage(name));
    let Some((stage, definition)) = stage.and_then(|stage| Some((stage, api.served(stage)?))) else {
        return ApiRefusal::Closed.into_response(Style::Rest);
    };
    let mut routed = Routed {
        api_id: &api.id,
        key: "",
        stage: &stage.stage_name,
        parameters: &[],
        variables: &stage.variables,
        authorizer: None,
        caller: None,
    };
    let Some(matched) = definition.route(call.parts.method.as_str(), &call.found.path) else {
        return gateway_response::answer(call, &routed, definition, ApiRefusal::NoRoute);
    };
    let key = format!("{} {}", matched.method.http_method, matched.resource.path);
    (routed.key, routed.parameters) = (&key, &matched.parameters);
    let place = Place { api, stage, definition, matched: &matched };
    match answer(edge, call, &mut routed.clone(), place).await {
        Ok(response) => response,
        Err(refusal) => gateway_response::answer(call, &routed, definition, refusal),
    }
}

/// Where a request goes in its API.
#[derive(Clone, Copy)]
struct Place<'a> {
    api: &'a RestApi,
    stage: &'a RestStage,
    definition: &'a RestDefinition,
    matched: &'a RestMatch<'a>,
}

async fn answer<'a>(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &mut Routed<'a>,
    place: Place<'a>,
) -> Result<Response<AnswerBody>, ApiRefusal> {
    let Place { api, stage, definition, matched } = place;
    usage::throttle(call, api, stage, matched)?;
    let passed = authorize::rest(edge, call, routed, (definition, matched)).await?;
    let routed =
        &Routed { authorizer: passed.decided.as_ref(), caller: passed.caller.as_ref(), ..routed.clone() };
    let key = usage::by_key(call, api, stage, matched, passed.usage_key.as_deref())?;
    integrated(edge, call, routed, (place, key.as_ref())).await
}

/// Answers a request to a method that nobody asks whether it may be made.
pub(crate) async fn without_gate(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    (api, stage, matched): (&RestApi, &RestStage, &RestMatch<'_>),
) -> Response<AnswerBody> {
    let place = Place { api, stage, definition: &api.definition, matched };
    match integrated(edge, call, routed, (place, None)).await {
        Ok(response) => response,
        Err(refusal) => gateway_response::answer(call, routed, &api.definition, refusal),
    }
}

/// Checks a request that may be made, and has what is behind its method answer.
async fn integrated(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    (place, key): (Place<'_>, Option<&ShownKey>),
) -> Result<Response<AnswerBody>, ApiRefusal> {
    let method = place.matched.method;
    validate::request(call, routed, (place.definition, method))?;
    let integration = method.method_integration.as_ref().ok_or(ApiRefusal::NotCallable)?;
    match integration.kind.as_str() {
        "AWS_PROXY" => proxy(edge, call, routed, (place, integration, key)).await,
        "HTTP_PROXY" => onward(call, routed, integration).await.map(response),
        "AWS" | "HTTP" | "MOCK" => custom(edge, call, routed, (place, integration)).await.map(response),
        other => Err(ApiRefusal::NotBuilt(format!("integrations of the type {other}"))),
    }
}

/// Maps the request, asks what is behind the integration, and maps what that says.
async fn custom(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    (place, integration): (Place<'_>, &RestIntegration),
) -> Result<Answer, ApiRefusal> {
    let mut overrides = Overrides::new();
    let body = custom::request(call, routed, integration, &mut overrides)?;
    let backend = match integration.kind.as_str() {
        "MOCK" => custom::mock(&body)?,
        "AWS" if !integration.uri.as_ref().is_some_and(|uri| uri.contains(":lambda:")) => {
            aws::call(edge, call, routed, (integration, body)).await?
        }
        "AWS" => {
            let source = source_of(call, routed, &place.matched.resource.path);
            custom::lambda(edge, call, routed, integration, (&source, body)).await?
        }
        _ => {
            let mut mapped = call.with(call.parts, call.found);
            mapped.body = body;
            let answer = onward(&mapped, routed, integration).await?;
            let selector = Some(answer.status.as_str().to_owned());
            Backend { selector, headers: answer.headers, body: answer.body }
        }
    };
    custom::response(call, routed, integration, &backend, overrides)
}

/// Sends the request on to a server.
async fn onward(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    integration: &RestIntegration,
) -> Result<Answer, ApiRefusal> {
    let (parts, parameters) =
        mapped(call, routed, &integration.request_parameters, integration.kind == "HTTP")?;
    let onward = Onward {
        uri: integration.uri.as_deref().unwrap_or_default(),
        method: integration.http_method.as_deref(),
        parameters: &parameters,
        path: None,
        parts: &parts,
        timeout: Duration::from_millis(integration.timeout_in_millis.into()),
        forwarded: false,
    };
    upstream::call(call, routed, &onward).await
}

/// The request with what an integration makes of its parameters, and what its URL's parameters are. Custom integrations
/// hand nothing on that they do not name.
pub(crate) fn mapped(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    parameters: &BTreeMap<String, String>,
    only_named: bool,
) -> Result<(Parts, Vec<(String, String)>), ApiRefusal> {
    let mut changed = mapping::request(call, routed, &BTreeMap::new())?.parts;
    if only_named {
        let kept = changed.headers.remove(::http::header::CONTENT_TYPE);
        changed.headers.clear();
        changed.headers.extend(kept.map(|kind| (::http::header::CONTENT_TYPE, kind)));
        changed.uri = mapping::with_query(&changed.uri, &[]);
    }
    let mut query = mapping::pairs(changed.uri.query().unwrap_or_default());
    let mut path = routed.parameters.to_vec();
    for (to, from) in parameters {
        let literal = from.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
        let value = literal.map(str::to_owned).or_else(|| variables::value(call, routed, from));
        let Some(value) = value else { continue };
        let (kind, name) = to
            .strip_prefix("integration.request.")
            .and_then(|to| to.split_once('.'))
            .ok_or_else(|| ApiRefusal::NotBuilt(format!("the parameter {to}")))?;
        match kind {
            "path" => {
                path.retain(|(own, _)| own != name);
                path.push((name.to_owned(), value));
            }
            "querystring" => {
                query.retain(|(own, _)| payload::decode_query(own) != name);
                query.push((mapping::encoded(name), mapping::encoded(&value)));
            }
            "header" => {
                let header = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
                // In place of what the client sent.
                header.into_iter().for_each(|(name, value)| drop(changed.headers.insert(name, value)));
            }
            _ => return Err(ApiRefusal::NotBuilt(format!("the parameter {to}"))),
        }
    }
    changed.uri = mapping::with_query(&changed.uri, &query);
    Ok((changed, path))
}

async fn proxy(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    (place, integration, key): (Place<'_>, &RestIntegration, Option<&ShownKey>),
) -> Result<Response<AnswerBody>, ApiRefusal> {
    let Place { api, stage, matched, .. } = place;
    let client_path = call.client_path();
    let authorizer = routed.authorizer.map(Decided::event_v1);
    let source = call.source(&call.found.path, routed, authorizer.as_ref());
    let kind = call.header("content-type").unwrap_or("application/json");
    let event = payload::encode_v1(
        &source,
        &RestFields {
            version: None,
            resource_id: &matched.resource.id,
            resource_path: &matched.resource.path,
            context_path: &client_path,
            binary: Some(payload::is_binary(&api.binary_media_types, kind)),
            api_key: key.map(|key| (key.value.as_str(), key.id.as_str())),
            deployment_id: Some(&stage.deployment_id),
        },
    )
    .map_err(|error| {
        tracing::error!(request_id = %call.id, %error, "an event could not be encoded");
        ApiRefusal::NotCallable
    })?;
    let function = FunctionCall {
        uri: integration.uri.as_deref().unwrap_or_default(),
        variables: routed.variables,
        api_id: routed.api_id,
        source: &source_of(call, routed, &matched.resource.path),
        by_role: integration.credentials.is_some(),
        timeout: Duration::from_millis(integration.timeout_in_millis.into()),
    };
    let returned = function::call(edge, call, &function, event).await?;
    let decoding = Decoding {
        always: false,
        binary_types: &api.binary_media_types,
        accept: call.header("accept"),
        default_type: "application/json",
    };
    let answer = payload::proxy_answer(&returned, &decoding).map_err(|error| {
        tracing::info!(request_id = %call.id, %error, "invalid response");
        ApiRefusal::IntegrationFailed
    })?;
    Ok(response(answer))
}

/// What stands for a method in the ARN that a function's policy must allow: `STAGE/METHOD/path`.
pub(crate) fn source_of(call: &ApiCall<'_>, routed: &Routed<'_>, path: &str) -> String {
    format!("{}/{}{path}", routed.stage, call.parts.method)
}
