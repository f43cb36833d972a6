//! Requests of universal targets, as clients of the services make them.

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// How the requests of a service look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The parameters as they are, and a header with the operation.
    Json {
        /// Of the protocol.
        version: &'static str,
        /// Before the operation in the header.
        prefix: &'static str,
    },
    /// Fields of a form.
    Query {
        /// Of the API.
        version: &'static str,
    },
    /// `Invoke` of Lambda: the payload alone, and headers.
    LambdaInvocation,
}

/// The body of an operation, its type, and the header that names the operation.
pub(super) fn body_of(form: Form, operation: &str, input: &Value) -> (Bytes, String, Option<String>) {
    let name = capitalised(operation);
    match form {
        Form::Json { version, prefix } => {
            let target = format!("{prefix}.{name}");
            (input.to_string().into(), format!("application/x-amz-json-{version}"), Some(target))
        }
        Form::Query { version } => {
            let mut fields = vec![("Action".to_owned(), name), ("Version".to_owned(), version.to_owned())];
            flatten("", input, &mut fields);
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
            (fields.join("&").into(), "application/x-www-form-urlencoded".to_owned(), None)
        }
        Form::LambdaInvocation => (Bytes::new(), "application/json".to_owned(), None),
    }
}

/// `Invoke`: the payload is the event, as text or as what it says.
pub(super) fn lambda_invocation(api: &str, input: &Value) -> Result<(Parts, Bytes), String> {
    let function = input["FunctionName"].as_str().ok_or("lambda:invoke needs a FunctionName")?;
    let payload = match &input["Payload"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut url =
        format!("{api}/2015-03-31/functions/{}/invocations", utf8_percent_encode(function, NON_ALPHANUMERIC));
    if let Some(qualifier) = input["Qualifier"].as_str() {
        url.push_str(&format!("?Qualifier={}", utf8_percent_encode(qualifier, NON_ALPHANUMERIC)));
    }
    let kind = input["InvocationType"].as_str().unwrap_or("RequestResponse");
    let request = Request::post(url).header("x-amz-invocation-type", kind).body(());
    let (parts, ()) = request.map_err(|error| error.to_string())?.into_parts();
    Ok((parts, payload.into()))
}

/// Fields of a form for what JSON says: members of a list are `.member.N`, those of a map `.entry.N`.
fn flatten(name: &str, value: &Value, fields: &mut Vec<(String, String)>) {
    let within = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Null => {}
        Value::String(text) => fields.push((name.to_owned(), text.clone())),
        Value::Array(items) => {
            for (at, item) in (1..).zip(items) {
                flatten(&within(&format!("member.{at}")), item, fields);
            }
        }
        Value::Object(members) if is_map(name) => {
            let (key, of) =
                if name.ends_with("MessageAttributes") { ("Name", "Value") } else { ("key", "value") };
            for (at, (member, value)) in (1..).zip(members) {
                fields.push((within(&format!("entry.{at}.{key}")), member.clone()));
                flatten(&within(&format!("entry.{at}.{of}")), value, fields);
            }
        }
        Value::Object(members) => {
            members.iter().for_each(|(member, value)| flatten(&within(member), value, fields));
        }
        other => fields.push((name.to_owned(), other.to_string())),
    }
}

/// Whether a parameter of SNS is a map: only maps of attributes are.
fn is_map(name: &str) -> bool {
    name.ends_with("Attributes")
}

fn capitalised(operation: &str) -> String {
    let mut letters = operation.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_operations_keep_their_input() {
        let form = Form::Json { version: "1.0", prefix: "AmazonSQS" };
        let (body, kind, target) = body_of(form, "sendMessage", &json!({"MessageBody": "x"}));
        assert_eq!(body, r#"{"MessageBody":"x"}"#);
        assert_eq!(kind, "application/x-amz-json-1.0");
        assert_eq!(target.as_deref(), Some("AmazonSQS.SendMessage"));
    }

    #[test]
    fn forms_number_members_and_entries() {
        let mut fields = Vec::new();
        let input = json!({
            "TopicArn": "arn:t", "Ignored": null, "TagKeys": ["a", "b"],
            "MessageAttributes": {"n": {"DataType": "Number", "StringValue": "1"}},
            "Attributes": {"FifoTopic": "true"},
            "PublishBatchRequestEntries": [{"Id": "1", "Message": "m"}],
        });
        flatten("", &input, &mut fields);
        fields.sort();
        let expected = [
            ("Attributes.entry.1.key", "FifoTopic"),
            ("Attributes.entry.1.value", "true"),
            ("MessageAttributes.entry.1.Name", "n"),
            ("MessageAttributes.entry.1.Value.DataType", "Number"),
            ("MessageAttributes.entry.1.Value.StringValue", "1"),
            ("PublishBatchRequestEntries.member.1.Id", "1"),
            ("PublishBatchRequestEntries.member.1.Message", "m"),
            ("TagKeys.member.1", "a"),
            ("TagKeys.member.2", "b"),
            ("TopicArn", "arn:t"),
        ];
        assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_function_gets_the_payload_alone() {
        let input = json!({"FunctionName": "a:b", "InvocationType": "Event", "Payload": "{\"k\":1}", "Qualifier": "1"});
        let (parts, body) = lambda_invocation("http://api", &input).expect("a request");
        assert_eq!(parts.uri, "http://api/2015-03-31/functions/a%3Ab/invocations?Qualifier=1");
        assert_eq!(parts.headers["x-amz-invocation-type"], "Event");
        assert_eq!(body, r#"{"k":1}"#);
        assert!(lambda_invocation("http://api", &json!({})).is_err());
    }
}
