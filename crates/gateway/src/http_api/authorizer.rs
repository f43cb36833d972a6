//! Functions that decide about requests (Lambda authorizers).
//!
//! Source: API Gateway developer guide, "Use API Gateway Lambda authorizers" and "Control access to HTTP APIs with AWS
//! Lambda authorizers" (2026-11).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_sources::http_api::{Authorizer, RestAuthorizer, RestMatch};
use serde_json::{Map, Value, json};

use super::call::{ApiCall, Routed};
use super::decided::Decided;
use super::function::{self, FunctionCall};
use super::refusal::ApiRefusal;
use super::variables;
use super::verdict::{Form, Verdict};
use crate::edge::Edge;
use crate::payload::{self, RestFields};

/// How long a function may think. Source: "Amazon API Gateway quotas".
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long answers are kept for REST APIs unless told otherwise. Source: API reference, "CreateAuthorizer".
const REST_TTL: u32 = 300;

/// A question to a function.
struct Question<'a> {
    id: &'a str,
    uri: &'a str,
    by_role: bool,
    /// The values of what it looks at.
    identity: Vec<String>,
    ttl: Duration,
    form: Form,
    /// The ARN of the request.
    arn: String,
}

/// Asks the function of an authorizer of an HTTP API.
pub(crate) async fn http(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    authorizer: &Authorizer,
) -> Result<Decided, ApiRefusal> {
    let identity = identity(call, routed, authorizer.identity_source.iter().map(String::as_str))?;
    let version_1 = authorizer.authorizer_payload_format_version.as_deref() == Some("1.0");
    let simple = !version_1 && authorizer.enable_simple_responses == Some(true);
    let question = Question {
        id: &authorizer.authorizer_id,
        uri: authorizer.authorizer_uri.as_deref().unwrap_or_default(),
        by_role: authorizer.others.contains_key("authorizerCredentialsArn"),
        ttl: Duration::from_secs(authorizer.authorizer_result_ttl_in_seconds.unwrap_or(0).into()),
        form: if simple { Form::Simple } else { Form::HttpPolicy },
        arn: request_arn(call, routed),
        identity,
    };
    let event = || {
        if version_1 {
            let resource = routed.key.split_once(' ').map_or(routed.key, |(_, path)| path);
            let mut event = event_v1(call, routed, (routed.key, resource), Some("1.0"))?;
            let joined = question.identity.join(",");
            event.insert("identitySource".to_owned(), joined.clone().into());
            event.insert("authorizationToken".to_owned(), joined.into());
            event.insert("methodArn".to_owned(), question.arn.clone().into());
            Some(event)
        } else {
            let path = super::call::decoded(&call.client_path());
            let mut event = object(&payload::encode(&call.source(&path, routed, None)).ok()?)?;
            for own in ["body", "isBase64Encoded"] {
                event.remove(own);
            }
            event.insert("type".to_owned(), "REQUEST".into());
            event.insert("routeArn".to_owned(), question.arn.clone().into());
            event.insert("identitySource".to_owned(), json!(question.identity));
            Some(event)
        }
    };
    ask(edge, call, routed, &question, event).await.map(|(decided, _)| decided)
}

/// Asks the function of an authorizer of a REST API; gives the API key that it found, too.
pub(crate) async fn rest(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    authorizer: &RestAuthorizer,
    matched: &RestMatch<'_>,
) -> Result<(Decided, Option<String>), ApiRefusal> {
    let question = rest_question(call, routed, authorizer)?;
    let resource = (matched.resource.id.as_str(), matched.resource.path.as_str());
    ask(edge, call, routed, &question, || rest_event(call, routed, &question, (authorizer, resource))).await
}

/// Asks the function of an authorizer of a REST API, whatever it said before; `resource` is the id and the path of that
/// which is asked for.
pub(crate) async fn trial(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    authorizer: &RestAuthorizer,
    resource: (&str, &str),
) -> Result<Verdict, ApiRefusal> {
    let question = rest_question(call, routed, authorizer)?;
    let event = rest_event(call, routed, &question, (authorizer, resource));
    let event = event.and_then(|event| serde_json::to_vec(&event).ok()).ok_or(ApiRefusal::NotCallable)?;
    answered(edge, call, routed, &question, event.into()).await
}

/// What the function of an authorizer of a REST API is asked, where the request has what it looks at.
fn rest_question<'a>(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    authorizer: &'a RestAuthorizer,
) -> Result<Question<'a>, ApiRefusal> {
    let sources = authorizer.identity_source.as_deref().unwrap_or_default();
    let sources = sources.split(',').map(str::trim).filter(|source| !source.is_empty());
    let identity = identity(call, routed, sources)?;
    if is_of_token(authorizer) && !looks_right(authorizer, identity.first().map_or("", String::as_str))? {
        return Err(ApiRefusal::Unauthorized(None));
    }
    let ttl = authorizer.authorizer_result_ttl_in_seconds.unwrap_or(REST_TTL);
    Ok(Question {
        id: &authorizer.id,
        uri: authorizer.authorizer_uri.as_deref().unwrap_or_default(),
        by_role: authorizer.others.contains_key("authorizerCredentials"),
        // Without anything to tell callers apart nothing is kept.
        ttl: Duration::from_secs(if identity.is_empty() { 0 } else { ttl.into() }),
        form: Form::RestPolicy,
        arn: request_arn(call, routed),
        identity,
    })
}

fn rest_event(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    question: &Question<'_>,
    (authorizer, resource): (&RestAuthorizer, (&str, &str)),
) -> Option<Map<String, Value>> {
    if is_of_token(authorizer) {
        let token = question.identity.first().map_or("", String::as_str);
        let event = json!({ "type": "TOKEN", "methodArn": question.arn, "authorizationToken": token });
        return event.as_object().cloned();
    }
    let mut event = event_v1(call, routed, resource, None)?;
    event.insert("methodArn".to_owned(), question.arn.clone().into());
    Some(event)
}

fn is_of_token(authorizer: &RestAuthorizer) -> bool {
    authorizer.kind == "TOKEN"
}

/// Asks the function of an authorizer of a WebSocket API: `event` is the question without its ARN.
pub(crate) async fn websocket(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    authorizer: &Authorizer,
    event: Option<Map<String, Value>>,
) -> Result<Decided, ApiRefusal> {
    let question = Question {
        id: &authorizer.authorizer_id,
        uri: authorizer.authorizer_uri.as_deref().unwrap_or_default(),
        by_role: authorizer.others.contains_key("authorizerCredentialsArn"),
        identity: identity(call, routed, authorizer.identity_source.iter().map(String::as_str))?,
        ttl: Duration::ZERO,
        form: Form::RestPolicy,
        arn: call.arn(routed.api_id, &format!("{}/{}", routed.stage, routed.key)),
    };
    let arn = question.arn.clone();
    let asked = || {
        let mut event = event?;
        event.insert("methodArn".to_owned(), arn.into());
        Some(event)
    };
    ask(edge, call, routed, &question, asked).await.map(|(decided, _)| decided)
}

/// Whether a token is of the form that its authorizer asks for.
fn looks_right(authorizer: &RestAuthorizer, token: &str) -> Result<bool, ApiRefusal> {
    let Some(expression) = authorizer.identity_validation_expression.as_deref().filter(|own| !own.is_empty())
    else {
        return Ok(true);
    };
    let whole = format!("^(?:{expression})$");
    let form = regex_lite::Regex::new(&whole).map_err(|error| {
        tracing::warn!(authorizer = authorizer.id, %error, "an identity validation expression is none");
        ApiRefusal::AuthorizerFailed
    })?;
    Ok(form.is_match(token))
}

/// The values of what an authorizer looks at. Whoever sends one of them not at all, or empty, is not let in.
fn identity<'a>(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    sources: impl Iterator<Item = &'a str>,
) -> Result<Vec<String>, ApiRefusal> {
    let value = |source| variables::value(call, routed, source).filter(|value| !value.is_empty());
    sources.map(|source| value(source).ok_or(ApiRefusal::Unauthorized(None))).collect()
}

/// The ARN of a request: with its own method and path, not those of its route.
fn request_arn(call: &ApiCall<'_>, routed: &Routed<'_>) -> String {
    let what = format!("{}/{}{}", routed.stage, call.parts.method, call.found.path);
    call.arn(routed.api_id, &what)
}

fn object(json: &Bytes) -> Option<Map<String, Value>> {
    serde_json::from_slice(json).ok()
}

/// The event of payload format 1.0 without what authorizers are not told.
fn event_v1(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    (resource_id, resource_path): (&str, &str),
    version: Option<&'static str>,
) -> Option<Map<String, Value>> {
    let client_path = call.client_path();
    let fields = RestFields {
        version,
        resource_id,
        resource_path,
        context_path: &client_path,
        binary: None,
        api_key: call.header("x-api-key").filter(|_| version.is_none()).map(|key| (key, "")),
        deployment_id: None,
    };
    let path = if version.is_some() { super::call::decoded(&client_path) } else { call.found.path.clone() };
    let mut event = object(&payload::encode_v1(&call.source(&path, routed, None), &fields).ok()?)?;
    for own in ["body", "isBase64Encoded"] {
        event.remove(own);
    }
    for map in
        ["queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables"]
    {
        if let Some(value) = event.get_mut(map).filter(|value| value.is_null()) {
            *value = Value::Object(Map::new());
        }
    }
    event.insert("type".to_owned(), "REQUEST".into());
    Some(event)
}

/// What the keys begin with under which the answers for a stage are kept.
pub(crate) fn kept_under(api: &str, stage: &str) -> String {
    format!("{api}/{stage}/")
}

/// Asks, unless an answer is kept.
async fn ask(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    question: &Question<'_>,
    event: impl FnOnce() -> Option<Map<String, Value>>,
) -> Result<(Decided, Option<String>), ApiRefusal> {
    let key = format!(
        "{}{}/{}",
        kept_under(routed.api_id, routed.stage),
        question.id,
        // Values are told apart whatever is in them.
        Value::from(question.identity.clone())
    );
    let kept = call.shared.verdicts.get(&key, call.now).filter(|_| !question.ttl.is_zero());
    let verdict = match kept {
        Some(verdict) => verdict,
        None => {
            let event = event().and_then(|event| serde_json::to_vec(&event).ok());
            let event = event.ok_or_else(|| {
                tracing::error!(request_id = %call.id, "an authorizer's event could not be encoded");
                ApiRefusal::NotCallable
            })?;
            let verdict = Arc::new(answered(edge, call, routed, question, event.into()).await?);
            if !question.ttl.is_zero() {
                call.shared.verdicts.keep(key, verdict.clone(), call.now, question.ttl);
            }
            verdict
        }
    };
    Ok((verdict.decide(&question.arn)?, verdict.usage_key.clone()))
}

async fn answered(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    question: &Question<'_>,
    event: Bytes,
) -> Result<Verdict, ApiRefusal> {
    let function = FunctionCall {
        uri: question.uri,
        variables: routed.variables,
        api_id: routed.api_id,
        source: &format!("authorizers/{}", question.id),
        by_role: question.by_role,
        timeout: TIMEOUT,
    };
    let failed = |error: String| {
        tracing::warn!(request_id = %call.id, authorizer = question.id, error, "an authorizer failed");
        ApiRefusal::AuthorizerFailed
    };
    let answer = function::run(edge, call, &function, event).await.map_err(|refusal| match refusal {
        ApiRefusal::Edge(_) => refusal,
        other => failed(format!("{other:?}")),
    })?;
    match answer {
        Ok(answer) => Verdict::read(&answer, question.form).map_err(failed),
        // The one word that functions say to ask for other credentials.
        Err(failure) if said(&failure.payload) == Some("Unauthorized".to_owned()) => {
            Err(ApiRefusal::Unauthorized(None))
        }
        Err(failure) => Err(failed(String::from_utf8_lossy(&failure.payload).into_owned())),
    }
}

fn said(error: &[u8]) -> Option<String> {
    let error: Value = serde_json::from_slice(error).ok()?;
    error["errorMessage"].as_str().map(str::to_owned)
}
