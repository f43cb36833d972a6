//! Methods of REST APIs that lead to other services than functions (`AWS`): the mapped request becomes a call of that
//! service's API.
//!
//! Source: API Gateway API reference, "Integration", `uri`; developer guide, "Integration types" (2026-11). The role of the
//! integration must be there, and is not asked: the call is the account's.

use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HOST};
use ::http::{HeaderValue, Method, Request, Uri};
use bytes::Bytes;
use ebb_sources::http_api::RestIntegration;

use super::call::{ApiCall, Routed};
use super::custom::Backend;
use super::function::with_variables;
use super::refusal::ApiRefusal;
use super::rest;
use super::upstream;
use crate::edge::Edge;

/// What the target of an action begins with, for services that are told it by a header.
const TARGETS: &[(&str, &str, &str)] = &[
    ("events", "AWSEvents.", "application/x-amz-json-1.1"),
    ("logs", "Logs_20140328.", "application/x-amz-json-1.1"),
    ("ssm", "AmazonSSM.", "application/x-amz-json-1.1"),
];

/// Where an integration leads.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Service<'a> {
    name: &'a str,
    to: To<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum To<'a> {
    Path(&'a str),
    Action(&'a str),
}

/// Calls the service that an integration names with what the template wrote.
///
/// # Errors
/// [`ApiRefusal`]; the reason is in the log.
pub(crate) async fn call(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    (integration, body): (&RestIntegration, Bytes),
) -> Result<Backend, ApiRefusal> {
    let uri = with_variables(integration.uri.as_deref().unwrap_or_default(), routed.variables);
    let not_callable = |why: &str| {
        tracing::warn!(request_id = %call.id, uri, why, "an API cannot call a service");
        ApiRefusal::NotCallable
    };
    let service = read(&uri).ok_or_else(|| not_callable("it is no URI of an integration"))?;
    let calls = edge.services.as_ref().ok_or_else(|| ApiRefusal::NotBuilt(format!("the service {uri}")))?;
    let (parts, parameters) = rest::mapped(call, routed, &integration.request_parameters, true)?;
    let query = parts.uri.query();
    let target = match service.to {
        To::Path(path) => upstream::target(&format!("/{path}"), &parameters, None, query),
        To::Action(action) => match target_of(service.name) {
            Some(_) => upstream::target("/", &[], None, query),
            None => upstream::target(&format!("/?Action={action}"), &[], None, query),
        },
    };
    let method = integration.http_method.as_deref().unwrap_or("POST");
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| not_callable("its method is none"))?;
    let mut request = Request::new(body);
    *request.uri_mut() = target.parse::<Uri>().map_err(|_| not_callable("its path is none"))?;
    (*request.method_mut(), *request.headers_mut()) = (method, parts.headers);
    request.headers_mut().remove(HOST);
    if let (To::Action(action), Some((target, kind))) = (&service.to, target_of(service.name)) {
        let target = HeaderValue::try_from(format!("{target}{action}"));
        let target = target.map_err(|_| not_callable("its action is none"))?;
        request.headers_mut().insert("x-amz-target", target);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    let asking = calls.call(service.name, request);
    match tokio::time::timeout(Duration::from_millis(integration.timeout_in_millis.into()), asking).await {
        Ok(Ok(answer)) => {
            let (parts, body) = answer.into_parts();
            let selector = Some(parts.status.as_str().to_owned());
            Ok(Backend { selector, headers: parts.headers, body })
        }
        Ok(Err(why)) => {
            tracing::warn!(request_id = %call.id, uri, why, "the service behind an API failed");
            Err(ApiRefusal::Unreachable)
        }
        Err(_) => Err(ApiRefusal::TimedOut),
    }
}

fn target_of(service: &str) -> Option<(&'static str, &'static str)> {
    TARGETS.iter().find(|(name, ..)| *name == service).map(|(_, target, kind)| (*target, *kind))
}

/// Reads `arn:aws:apigateway:REGION:[SUBDOMAIN.]SERVICE:path/PATH` or `...:action/ACTION`.
fn read(uri: &str) -> Option<Service<'_>> {
    let mut parts = uri.splitn(6, ':');
    let ("arn", Some(_), "apigateway", Some(_)) = (parts.next()?, parts.next(), parts.next()?, parts.next())
    else {
        return None;
    };
    let name = parts.next()?;
    let name = name.rsplit_once('.').map_or(name, |(_, service)| service);
    let (kind, rest) = parts.next()?.split_once('/')?;
    let to = match kind {
        "path" => To::Path(rest.trim_start_matches('/')),
        "action" => To::Action(rest.split('&').next().unwrap_or(rest)),
        _ => return None,
    };
    Some(Service { name, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_name_services_and_what_they_are_asked() {
        let path = |name, path| Some(Service { name, to: To::Path(path) });
        for (uri, expected) in [
            ("arn:aws:apigateway:us-east-1:sqs:path/000000000000/jobs", path("sqs", "000000000000/jobs")),
            ("arn:aws:apigateway:us-east-1:s3:path/{bucket}/{key}", path("s3", "{bucket}/{key}")),
            ("arn:aws:apigateway:eu-west-1:x.sns:path//", path("sns", "")),
            (
                "arn:aws:apigateway:us-east-1:events:action/PutEvents",
                Some(Service { name: "events", to: To::Action("PutEvents") }),
            ),
            ("arn:aws:sqs:us-east-1:000000000000:jobs", None),
            ("https://a.example", None),
        ] {
            assert_eq!(read(uri), expected, "{uri}");
        }
    }
}
