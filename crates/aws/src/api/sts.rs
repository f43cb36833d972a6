//! STS: who a key stands for, and temporary keys. Source: the STS API reference (version 2011-06-15).

mod keys;
#[cfg(test)]
mod tests;

use http::Response;

use crate::wire::credentials::KeyRing;
use crate::wire::{Api, AwsError, Body, Call, escape_xml, xml_response};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The service. Operations that are not built answer with an error that names them.
#[must_use]
pub fn api(keys: KeyRing) -> Api {
    Api::query("sts", NAMESPACE, "InternalFailure", keys)
        .operation("GetCallerIdentity", get_caller_identity)
        .operation("AssumeRole", keys::assume_role)
        .operation("GetSessionToken", keys::get_session_token)
        .operation("GetAccessKeyInfo", keys::get_access_key_info)
        .build()
}

async fn get_caller_identity(_: KeyRing, call: Call) -> Result<Response<Body>, AwsError> {
    let principal = &call.context.principal;
    let result = format!(
        "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
        escape_xml(&principal.arn()),
        escape_xml(&principal.user_id()),
        principal.account()
    );
    Ok(answer(&call, &result))
}

fn answer(call: &Call, result: &str) -> Response<Body> {
    xml_response(call.context.operation, NAMESPACE, result, call.context.request_id)
}
