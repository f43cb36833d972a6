//! The Extensions API: `register`, `event/next`, `init/error`, `exit/error`.

use ebb_invoker::Event;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Api;
use super::answers::{Body, accepted, error, refused, with_json};
use crate::core::Report;
use crate::lifecycle::ExtensionEvent;

const NAME: &str = "lambda-extension-name";
const IDENTIFIER: &str = "lambda-extension-identifier";
const ERROR_TYPE: &str = "lambda-extension-function-error-type";
const FEATURES: &str = "lambda-extension-accept-feature";

/// More than any request of the API has.
const MAX_BODY_BYTES: usize = 256 * 1024;

#[derive(Deserialize)]
struct Registration {
    #[serde(default)]
    events: Vec<String>,
}

impl Api {
    pub(super) async fn extension_register(&self, request: Request<Incoming>) -> Response<Body> {
        let Some(name) = header(request.headers(), NAME).map(str::to_owned) else {
            return error(403, "Extension.InvalidExtensionName", "Empty extension name");
        };
        let wants_account = header(request.headers(), FEATURES)
            .is_some_and(|features| features.split(',').any(|feature| feature.trim() == "accountId"));
        let registration: Registration = match read_json(request.into_body()).await {
            Ok(registration) => registration,
            Err(message) => return error(403, "InvalidRequestFormat", &message),
        };
        match self.core.change(|lifecycle| lifecycle.register(&name, &registration.events)) {
            Ok(id) => self.registered(id, wants_account),
            Err(why) => refused(&why),
        }
    }

    pub(super) async fn extension_next(&self, request: &Request<Incoming>) -> Response<Body> {
        let id = match identifier(request.headers()) {
            Ok(id) => id,
            Err(response) => return *response,
        };
        match self.core.extension_next(id).await {
            Ok(event) => event_response(&event),
            Err(why) => refused(&why),
        }
    }

    /// `init/error`, or with `exit` the other.
    pub(super) async fn extension_error(&self, request: Request<Incoming>, exit: bool) -> Response<Body> {
        let id = match identifier(request.headers()) {
            Ok(id) => id,
            Err(response) => return *response,
        };
        let Some(kind) = header(request.headers(), ERROR_TYPE).map(str::to_owned) else {
            return error(403, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found");
        };
        // Any body is allowed; what can be read of it goes into the error.
        let body: Option<Value> = read_json(request.into_body()).await.ok();
        match self.core.change(|lifecycle| lifecycle.extension_error(id, exit)) {
            Ok(name) => {
                self.report(&name, exit, &kind, body.as_ref());
                accepted()
            }
            Err(why) => refused(&why),
        }
    }

    fn registered(&self, id: Uuid, wants_account: bool) -> Response<Body> {
        let facts = &self.facts;
        let mut body =
            json!({ "functionName": facts.name, "functionVersion": facts.version, "handler": facts.handler });
        if wants_account {
            body["accountId"] = json!(facts.account);
        }
        let mut response = with_json(200, &body);
        let id = HeaderValue::from_str(&id.to_string()).expect("a UUID's text is a header value");
        response.headers_mut().insert(IDENTIFIER, id);
        response
    }

    /// An error of an extension ends the instance, during initialisation and after it.
    fn report(&self, name: &str, exit: bool, kind: &str, body: Option<&Value>) {
        let message = body
            .and_then(|body| body.get("errorMessage"))
            .and_then(Value::as_str)
            .map_or_else(String::new, |message| format!(": {message}"));
        let category = if exit { "Extension.ExitError" } else { "Extension.InitError" };
        let message = format!("the extension {name} reported {kind}{message}");
        self.core.extension_failed(Report { kind: category, message });
    }
}

fn event_response(event: &ExtensionEvent) -> Response<Body> {
    let body = match event {
        ExtensionEvent::Invoke(event) => invoke_body(event),
        ExtensionEvent::Shutdown(shutdown) => json!({
            "eventType": "SHUTDOWN",
            "shutdownReason": shutdown.reason,
            "deadlineMs": shutdown.deadline.millis(),
        }),
    };
    let mut response = with_json(200, &body);
    let id = HeaderValue::from_str(&Uuid::new_v4().to_string()).expect("a UUID's text is a header value");
    response.headers_mut().insert("lambda-extension-event-identifier", id);
    response
}

fn invoke_body(event: &Event) -> Value {
    json!({
        "eventType": "INVOKE",
        "deadlineMs": event.deadline.millis(),
        "requestId": event.id.to_string(),
        "invokedFunctionArn": event.arn.to_string(),
        "tracing": { "type": "X-Amzn-Trace-Id", "value": event.trace.0 },
    })
}

fn identifier(headers: &HeaderMap) -> Result<Uuid, Box<Response<Body>>> {
    let Some(text) = header(headers, IDENTIFIER) else {
        let message = "Missing Lambda-Extension-Identifier header";
        return Err(Box::new(error(403, "Extension.MissingExtensionIdentifier", message)));
    };
    Uuid::parse_str(text).map_err(|_| {
        Box::new(error(403, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"))
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}

async fn read_json<T: serde::de::DeserializeOwned>(body: Incoming) -> Result<T, String> {
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await.map_err(|error| error.to_string())?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())
}
