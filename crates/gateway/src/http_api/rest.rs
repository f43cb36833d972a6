//! Requests of REST APIs (the first version of API Gateway).

use std::time::Duration;

use ebb_sources::http_api::{RestApi, RestDefinition, RestIntegration, RestMatch, RestStage};
use http::Response;

use super::authorize;
use super::call::{ApiCall, Routed};
use super::function::{self, FunctionCall};
use super::http::response;
use super::mock;
use super::refusal::{ApiRefusal, Style};
use crate::answer::AnswerBody;
use crate::edge::Edge;
use crate::payload::{self, Decoding, RestFields};

/// Answers a request.
pub(crate) async fn serve(edge: &Edge, api: &RestApi, call: &ApiCall<'_>) -> Response<AnswerBody> {
    answer(edge, api, call).await.unwrap_or_else(|refusal| refusal.into_response(Style::Rest))
}

async fn answer(edge: &Edge, api: &RestApi, call: &ApiCall<'_>) -> Result<Response<AnswerBody>, ApiRefusal> {
    let stage = call.found.stage.as_deref().and_then(|name| api.stage(name)).ok_or(ApiRefusal::Closed)?;
    let definition = api.served(stage).ok_or(ApiRefusal::Closed)?;
    let matched =
        definition.route(call.parts.method.as_str(), &call.found.path).ok_or(ApiRefusal::NoRoute)?;
    let key = format!("{} {}", matched.method.http_method, matched.resource.path);
    let mut routed = Routed {
        api_id: &api.id,
        key: &key,
        stage: &stage.stage_name,
        parameters: &matched.parameters,
        variables: &stage.variables,
        authorizer: None,
        caller: None,
    };
    let passed = authorize::rest(edge, call, &matched).await?;
    routed.authorizer = passed.context.as_ref();
    routed.caller = passed.caller.as_ref();
    integrate(edge, api, call, &routed, (stage, definition, &matched)).await
}

async fn integrate(
    edge: &Edge,
    api: &RestApi,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    (stage, _, matched): (&RestStage, &RestDefinition, &RestMatch<'_>),
) -> Result<Response<AnswerBody>, ApiRefusal> {
    let integration = matched.method.method_integration.as_ref().ok_or(ApiRefusal::NotCallable)?;
    match integration.kind.as_str() {
        "AWS_PROXY" => proxy(edge, api, call, routed, (stage, matched, integration)).await,
        "MOCK" => mock::answer(call, integration),
        other => Err(ApiRefusal::NotBuilt(format!("integrations of the type {other}"))),
    }
}

async fn proxy(
    edge: &Edge,
    api: &RestApi,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    (stage, matched, integration): (&RestStage, &RestMatch<'_>, &RestIntegration),
) -> Result<Response<AnswerBody>, ApiRefusal> {
    let client_path = call.client_path();
    let source = call.source(&call.found.path, routed);
    let kind = call.header("content-type").unwrap_or("application/json");
    let event = payload::encode_v1(
        &source,
        &RestFields {
            version: None,
            resource_id: &matched.resource.id,
            resource_path: &matched.resource.path,
            context_path: &client_path,
            binary: Some(payload::is_binary(&api.binary_media_types, kind)),
            api_key: call.header("x-api-key").filter(|_| matched.method.api_key_required),
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
