//! STS: who a key stands for. Source: the STS API reference, `GetCallerIdentity` (version 2011-06-15).

use http::Response;

use crate::wire::{Api, AwsError, Body, Call, escape_xml, xml_response};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The service. Operations that are not built answer with an error that names them.
#[must_use]
pub fn api() -> Api {
    Api::query("sts", NAMESPACE, "InternalFailure", ())
        .operation("GetCallerIdentity", get_caller_identity)
        .build()
}

async fn get_caller_identity((): (), call: Call) -> Result<Response<Body>, AwsError> {
    let principal = &call.context.principal;
    let result = format!(
        "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
        escape_xml(&principal.arn()),
        escape_xml(&principal.user_id()),
        principal.account()
    );
    Ok(xml_response("GetCallerIdentity", NAMESPACE, &result, call.context.request_id))
}
