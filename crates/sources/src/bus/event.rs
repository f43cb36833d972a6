//! What publishers send and what rules see.

use ebb_model::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// An event as a publisher sends it.
#[derive(Debug, Clone, Default)]
pub struct NewEvent {
    /// The bus, by name or ARN; the default one where absent.
    pub bus: Option<String>,
    /// Who publishes it.
    pub source: Option<String>,
    /// What kind it is.
    pub detail_type: Option<String>,
    /// What happened, as the text of a JSON object.
    pub detail: Option<String>,
    /// What it is about.
    pub resources: Vec<String>,
    /// When it happened; now where absent.
    pub time: Option<Timestamp>,
    /// The trace that it belongs to, as `X-Amzn-Trace-Id` has it.
    pub trace: Option<String>,
}

/// Why an event was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedEvent {
    /// As in `MalformedDetail`.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

/// An accepted event: its text, and the same as a document.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) document: Value,
    pub(super) trace: Option<String>,
}

/// The envelope, in the order of the documentation.
#[derive(Serialize)]
struct Envelope<'a> {
    version: &'a str,
    id: &'a str,
    #[serde(rename = "detail-type")]
    detail_type: &'a str,
    source: &'a str,
    account: &'a str,
    time: String,
    region: &'a str,
    resources: &'a [String],
    #[serde(rename = "replay-name", skip_serializing_if = "Option::is_none")]
    replay: Option<&'a str>,
    detail: &'a RawValue,
}

/// Where and when an event is accepted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acceptance<'a> {
    pub(super) id: &'a str,
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) now: Timestamp,
    /// Whether it comes from a service, which may use a source that begins with `aws.`.
    pub(super) trusted: bool,
}

impl NewEvent {
    /// Checks it and puts it into its envelope.
    ///
    /// # Errors
    /// [`RefusedEvent`] with the code of the documentation.
    pub(super) fn accept(&self, acceptance: Acceptance<'_>) -> Result<Event, RefusedEvent> {
        let source = required("Source", self.source.as_deref())?;
        let detail_type = required("DetailType", self.detail_type.as_deref())?;
        let detail = required("Detail", self.detail.as_deref())?;
        if source.starts_with("aws.") && !acceptance.trusted {
            let message = "Not authorized for the source.".to_owned();
            return Err(RefusedEvent { code: "NotAuthorizedForSource", message });
        }
        let malformed =
            || RefusedEvent { code: "MalformedDetail", message: "Detail is malformed.".to_owned() };
        let detail: &RawValue = serde_json::from_str(detail).map_err(|_| malformed())?;
        if !detail.get().starts_with('{') {
            return Err(malformed());
        }
        let envelope = Envelope {
            version: "0",
            id: acceptance.id,
            detail_type,
            source,
            account: acceptance.account,
            time: self.time.unwrap_or(acceptance.now).format("%Y-%m-%dT%H:%M:%SZ"),
            region: acceptance.region,
            resources: &self.resources,
            replay: None,
            detail,
        };
        let compacted = compacted(detail.get());
        let compacted: &RawValue = serde_json::from_str(&compacted).map_err(|_| malformed())?;
        let envelope = Envelope { detail: compacted, ..envelope };
        let text = serde_json::to_string(&envelope).map_err(|_| malformed())?;
        let document = serde_json::from_str(&text).map_err(|_| malformed())?;
        Ok(Event { id: acceptance.id.to_owned(), text, document, trace: self.trace.clone() })
    }

    /// Bytes that count towards the limit of a request. Source: EventBridge user guide, "Calculating PutEvents event
    /// entry size" (2026-11).
    pub(super) fn size(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let time = if self.time.is_some() { 14 } else { 0 };
        let resources: usize = self.resources.iter().map(String::len).sum();
        time + text(&self.source) + text(&self.detail_type) + text(&self.detail) + resources
    }
}

/// JSON without the space between its tokens, as the service passes it on.
fn compacted(json: &str) -> String {
    let mut compacted = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for character in json.chars() {
        if quoted {
            quoted = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if character.is_ascii_whitespace() {
            continue;
        } else {
            quoted = character == '"';
        }
        compacted.push(character);
    }
    compacted
}

fn required<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, RefusedEvent> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| RefusedEvent {
        code: "InvalidArgument",
        message: format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_goes_only_between_tokens() {
        for (json, expected) in [
            ("{ \"a\" : [ 1 , 2.50 ] }", "{\"a\":[1,2.50]}"),
            ("{\"a b\": \"c  d\"}", "{\"a b\":\"c  d\"}"),
            ("{\"a\": \"\\\" x\\\\\", \"b\":\n\t1}", "{\"a\":\"\\\" x\\\\\",\"b\":1}"),
        ] {
            assert_eq!(compacted(json), expected);
        }
    }
}
