//! Universal targets: any operation of a service of this server, which is called on the api port as any client calls it.
//!
//! Source: EventBridge Scheduler user guide, "Using universal targets in EventBridge Scheduler" (2026-11).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_invoker::Boxed;
use http::Request;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body_util::Full;
use serde_json::Value;

use super::universal_request::{Form, body_of, lambda_invocation};
use crate::bus::RequestSigner;
use crate::delivery::{Delivery, Sender, Target, Undelivered};
use crate::http_client::HttpClient;

/// What the ARNs of universal targets begin with.
const PREFIX: &str = "arn:aws:scheduler:::aws-sdk:";
/// How long a call may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// Operations that only read begin so; they are no targets.
const READING: [&str; 18] = [
    "get",
    "describe",
    "list",
    "poll",
    "receive",
    "search",
    "scan",
    "query",
    "select",
    "read",
    "lookup",
    "discover",
    "validate",
    "batchGet",
    "batchDescribe",
    "batchRead",
    "retrieve",
    "filter",
];

/// An operation of a service, as the ARN of a universal target names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UniversalCall<'a> {
    /// The name of the service, as requests are signed for it.
    pub(super) service: &'a str,
    /// As in `sendMessage`.
    pub(super) operation: &'a str,
}

impl<'a> UniversalCall<'a> {
    /// Whether an ARN is that of a universal target.
    pub(super) fn is(arn: &str) -> bool {
        arn.starts_with(PREFIX)
    }

    /// Reads an ARN; the error says why it is no target.
    pub(super) fn parse(arn: &'a str) -> Result<Self, String> {
        let named = arn.strip_prefix(PREFIX).and_then(|rest| rest.split_once(':'));
        let (service, operation) = named
            .filter(|(service, operation)| {
                !service.is_empty() && operation.starts_with(|first: char| first.is_ascii_lowercase())
            })
            .ok_or_else(|| {
                format!("{arn} is no universal target: it is {PREFIX}SERVICE:OPERATION, as in {PREFIX}sqs:sendMessage")
            })?;
        let service = match service {
            "eventbridge" => "events",
            "cloudwatchlogs" => "logs",
            other => other,
        };
        if READING.iter().any(|verb| begins_with_word(operation, verb)) {
            return Err(format!(
                "{operation} only reads: universal targets are operations that change something"
            ));
        }
        let call = Self { service, operation };
        match call.form() {
            Some(Form::LambdaInvocation) if operation != "invoke" => {
                Err(format!("ebb has no universal target lambda:{operation}; it has lambda:invoke"))
            }
            Some(_) => Ok(call),
            None => Err(format!(
                "ebb has no universal targets of the service {service}; it has those of sqs, sns, events, logs and \
                 ssm, and lambda:invoke"
            )),
        }
    }

    /// How requests of the service look; nothing where there is no such service here.
    fn form(self) -> Option<Form> {
        Some(match self.service {
            "sqs" => Form::Json { version: "1.0", prefix: "AmazonSQS" },
            "events" => Form::Json { version: "1.1", prefix: "AWSEvents" },
            "logs" => Form::Json { version: "1.1", prefix: "Logs_20140328" },
            "ssm" => Form::Json { version: "1.1", prefix: "AmazonSSM" },
            "sns" => Form::Query { version: "2010-03-31" },
            "lambda" => Form::LambdaInvocation,
            _ => return None,
        })
    }
}

/// Whether a name in camel case begins with a verb: `listQueues` with `list`, `listen` not.
fn begins_with_word(name: &str, verb: &str) -> bool {
    let rest = name.strip_prefix(verb);
    rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_lowercase()))
}

/// Calls operations of this server.
pub struct UniversalTarget {
    api: String,
    signer: Arc<dyn RequestSigner>,
    client: HttpClient,
}

impl UniversalTarget {
    /// `api` is the URL of the api port; requests are signed as the role of a schedule would.
    #[must_use]
    pub fn new(api: String, signer: Arc<dyn RequestSigner>) -> Self {
        Self { api, signer, client: HttpClient::new() }
    }

    async fn call(&self, delivery: &Delivery) -> Result<(), Undelivered> {
        if let Sender::Service(caller) = &delivery.from {
            let message =
                format!("{} cannot call {}: only schedules can", caller.source_arn, delivery.target);
            return Err(Undelivered::refused("UNSUPPORTED_TARGET", message));
        }
        let request = self.request(&delivery.target, &delivery.message.body);
        let request = request.map_err(|error| Undelivered::refused("INVALID_PARAMETER", error))?;
        let answer = self.client.call(request, DEADLINE).await;
        let answer = answer.map_err(|error| Undelivered::for_now("TIMEOUT", error.to_string()))?;
        if answer.status.is_success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&answer.body);
        let message = format!("{} answered {}: {}", delivery.target, answer.status, said.trim());
        Err(match answer.status.as_u16() {
            429 | 500.. => Undelivered::for_now("SDK_CLIENT_ERROR", message),
            _ => Undelivered::refused("SDK_CLIENT_ERROR", message),
        })
    }

    fn request(&self, arn: &str, input: &str) -> Result<Request<Full<Bytes>>, String> {
        let call = UniversalCall::parse(arn)?;
        let input: Value = serde_json::from_str(input)
            .ok()
            .filter(Value::is_object)
            .ok_or("the input of a universal target is a JSON object: the parameters of the operation")?;
        let (mut parts, body) = self.unsigned(call, &input)?;
        self.signer.sign(call.service, &mut parts, &body);
        Ok(Request::from_parts(parts, Full::new(body)))
    }

    fn unsigned(&self, call: UniversalCall<'_>, input: &Value) -> Result<(Parts, Bytes), String> {
        let form = call.form().ok_or_else(|| format!("there is no service {}", call.service))?;
        if let Form::LambdaInvocation = form {
            return lambda_invocation(&self.api, input);
        }
        let (body, content_type, target) = body_of(form, call.operation, input);
        let mut request = Request::post(format!("{}/", self.api)).header(CONTENT_TYPE, content_type);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let (parts, ()) = request.body(()).map_err(|error| error.to_string())?.into_parts();
        Ok((parts, body))
    }
}

impl Target for UniversalTarget {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Boxed<'a, Result<(), Undelivered>> {
        Box::pin(self.call(delivery))
    }
}

impl std::fmt::Debug for UniversalTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UniversalTarget").field("api", &self.api).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_name_an_operation_of_a_service_that_is_there() {
        let check = |rest: &str, expected: Result<(&str, &str), &str>| {
            let arn = format!("{PREFIX}{rest}");
            match (UniversalCall::parse(&arn), expected) {
                (Ok(call), Ok(expected)) => assert_eq!((call.service, call.operation), expected, "{rest}"),
                (Err(error), Err(expected)) => assert!(error.contains(expected), "{rest}: {error}"),
                (parsed, _) => panic!("{rest}: {parsed:?}"),
            }
        };
        check("sqs:sendMessage", Ok(("sqs", "sendMessage")));
        check("eventbridge:putEvents", Ok(("events", "putEvents")));
        check("cloudwatchlogs:putLogEvents", Ok(("logs", "putLogEvents")));
        check("lambda:invoke", Ok(("lambda", "invoke")));
        check("lambda:deleteFunction", Err("lambda:invoke"));
        check("sqs:listQueues", Err("only reads"));
        check("sqs:receiveMessage", Err("only reads"));
        check("ec2:stopInstances", Err("of the service ec2"));
        check("sqs", Err("SERVICE:OPERATION"));
        check("sqs:SendMessage", Err("SERVICE:OPERATION"));
    }
}
