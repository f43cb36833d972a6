//! `GetExport`: what a stage serves, as an OpenAPI document.

use ebb_sources::http_api::{ExportExtensions, ExportForm, exported};
use http::header::{CONTENT_DISPOSITION, HeaderValue};
use http::{Response, StatusCode};

use super::super::apigatewayv2::{HttpApiState, bad_request, not_found};
use super::deployments::NO_STAGE;
use crate::wire::{AwsError, Body, Call, json_response};

/// The document is in JSON, which is YAML too for whoever asks for that.
pub(super) async fn get(state: HttpApiState, call: Call) -> Result<Response<Body>, AwsError> {
    let api = state.apis.rest(call.path.get("api"))?;
    let name = call.path.get("stage");
    let kind = call.path.get("type");
    let form = match kind {
        "oas30" => ExportForm::Openapi,
        "swagger" => ExportForm::Swagger,
        other => return Err(bad_request(format!("Invalid export type specified: {other}"))),
    };
    let mut extensions = ExportExtensions::default();
    let asked = call.context.query.get("extensions").unwrap_or_default();
    for one in asked.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        match one {
            "integrations" => extensions.integrations = true,
            "authorizers" => extensions.authorizers = true,
            // Integrations, authorisers and all the rest.
            "apigateway" => {
                extensions = ExportExtensions { integrations: true, authorizers: true, gateway: true }
            }
            "documentation" | "postman" => {}
            other => return Err(bad_request(format!("Invalid extension specified: {other}"))),
        }
    }
    let stage = api.stage(name).ok_or_else(|| not_found(NO_STAGE))?;
    let definition = api.served(stage).ok_or_else(|| not_found(NO_STAGE))?;
    let host = format!("{}.execute-api.{}.{}", api.id, state.apis.region(), state.edge.domain);
    let document = exported(&api, definition, name, &host, form, extensions);
    let mut response = json_response(StatusCode::OK, &document)?;
    let file = format!("attachment; filename=\"{kind}_{}.json\"", api.id);
    let file = HeaderValue::from_str(&file).map_err(AwsError::internal)?;
    response.headers_mut().insert(CONTENT_DISPOSITION, file);
    Ok(response)
}
