//! Forms and XML for services whose handlers speak JSON: the query protocol as tables.
//!
//! A form is read into the JSON that the handler expects, and its answer written as XML. What the names of members do
//! not tell (which are lists, and how their elements are called) is in a [`QueryShapes`]; lists that are of the
//! protocol's own form (`Names.member.1`, `<Names><member>`) need not be there.
//! Source: Smithy 2.0, "AWS query protocol".

use ebb_model::RequestId;
use http::Response;
use serde_json::{Map, Value, json};

use super::body::Body;
use super::query::{escape_xml, xml_response};
use super::query_string::QueryString;

/// How a service's requests and answers look in the query protocol.
#[derive(Debug)]
pub struct QueryShapes {
    /// The XML namespace of answers.
    pub namespace: &'static str,
    /// Lists and maps in requests.
    pub inputs: &'static [Input],
    /// Lists and maps in answers.
    pub outputs: &'static [Output],
}

/// A list or a map in a request.
#[derive(Debug)]
pub struct Input {
    /// What stands before its first dot, as in `AttributeName.1`.
    pub form: &'static str,
    /// The member that the handler knows.
    pub member: &'static str,
    /// For a map, the names of key and value, as in `Attribute.1.Name`.
    pub map: Option<(&'static str, &'static str)>,
}

/// A list or a map in an answer.
#[derive(Debug)]
pub struct Output {
    /// The operation that has it; any where absent.
    pub operation: Option<&'static str>,
    /// The member that the handler gives.
    pub member: &'static str,
    /// The element around all of it; none where the elements stand by themselves.
    pub wrapper: Option<&'static str>,
    /// The element of each.
    pub element: &'static str,
    /// For a map, the names of key and value.
    pub map: Option<(&'static str, &'static str)>,
}

impl QueryShapes {
    /// The JSON that a form stands for. All values are texts.
    pub(crate) fn read(&self, form: &QueryString) -> Value {
        let mut root = Map::new();
        for (name, value) in form.iter().filter(|(name, _)| !matches!(*name, "Action" | "Version")) {
            // A list or a map without members has its name only, in some clients the one of other protocols.
            let names = |input: &&Input| [input.form, input.member].contains(&name);
            match self.inputs.iter().find(names).filter(|_| value.is_empty()) {
                Some(Input { member, map: None, .. }) => {
                    root.insert((*member).to_owned(), Value::Array(Vec::new()))
                }
                Some(Input { member, map: Some(_), .. }) => {
                    root.insert((*member).to_owned(), Map::new().into())
                }
                None => {
                    insert(&mut root, name.split('.'), value);
                    continue;
                }
            };
        }
        self.members(Value::Object(root))
    }

    /// Turns numbered members into lists and maps, from the inside out.
    fn members(&self, value: Value) -> Value {
        let Value::Object(members) = value else { return value };
        let mut read = Map::new();
        for (name, value) in members {
            let value = self.members(value);
            // A text is a member of that name: `Name` may be a list here and the name of an attribute there.
            let input = self.inputs.iter().find(|input| input.form == name && value.is_object());
            match input {
                Some(input) => read.insert(input.member.to_owned(), input.read(unwrap(value))),
                None => read.insert(name, plain_list(value)),
            };
        }
        Value::Object(read)
    }

    /// The answer as XML.
    pub(crate) fn write(&self, operation: &str, answer: &Value, request_id: RequestId) -> Response<Body> {
        let mut text = String::new();
        self.write_members(operation, answer, &mut text);
        xml_response(operation, self.namespace, &text, request_id)
    }

    /// The answer in JSON, within the elements that it has in XML.
    pub(crate) fn frame(&self, operation: &str, answer: Value, request_id: RequestId) -> Value {
        let metadata = json!({ "RequestId": request_id.to_string() });
        let mut framed = Map::new();
        framed.insert(format!("{operation}Result"), answer);
        framed.insert("ResponseMetadata".to_owned(), metadata);
        json!({ format!("{operation}Response"): framed })
    }

    fn write_members(&self, operation: &str, value: &Value, text: &mut String) {
        let Value::Object(members) = value else { return };
        for (name, value) in members {
            let of_operation = |output: &&Output| {
                output.member == name && output.operation.is_none_or(|own| own == operation)
            };
            match self.outputs.iter().find(of_operation) {
                Some(output) => self.write_output(operation, output, value, text),
                None if value.is_array() => {
                    let plain =
                        Output { operation: None, member: "", wrapper: None, element: "member", map: None };
                    text.push_str(&format!("<{name}>"));
                    self.write_output(operation, &plain, value, text);
                    text.push_str(&format!("</{name}>"));
                }
                None => self.write_element(operation, name, value, text),
            }
        }
    }

    fn write_output(&self, operation: &str, output: &Output, value: &Value, text: &mut String) {
        let open = |text: &mut String, mark: &str| {
            if let Some(wrapper) = output.wrapper {
                text.push_str(&format!("<{mark}{wrapper}>"));
            }
        };
        open(text, "");
        match (value, output.map) {
            (Value::Array(elements), _) => {
                elements
                    .iter()
                    .for_each(|element| self.write_element(operation, output.element, element, text));
            }
            (Value::Object(entries), Some((key_name, value_name))) => {
                for (key, value) in entries {
                    text.push_str(&format!("<{}>", output.element));
                    self.write_element(operation, key_name, &key.as_str().into(), text);
                    self.write_element(operation, value_name, value, text);
                    text.push_str(&format!("</{}>", output.element));
                }
            }
            _ => {}
        }
        open(text, "/");
    }

    fn write_element(&self, operation: &str, name: &str, value: &Value, text: &mut String) {
        text.push_str(&format!("<{name}>"));
        match value {
            Value::Null => {}
            Value::String(value) => text.push_str(&escape_xml(value)),
            Value::Object(_) => self.write_members(operation, value, text),
            value => text.push_str(&escape_xml(&value.to_string())),
        }
        text.push_str(&format!("</{name}>"));
    }
}

impl Input {
    fn read(&self, value: Value) -> Value {
        let elements = in_order(value);
        let Some((key, value)) = self.map else { return Value::Array(elements) };
        let entry = |element: Value| {
            let Value::Object(mut entry) = element else { return None };
            let key = entry.remove(key)?.as_str()?.to_owned();
            Some((key, entry.remove(value).unwrap_or_default()))
        };
        Value::Object(elements.into_iter().filter_map(entry).collect())
    }
}

fn insert<'a>(into: &mut Map<String, Value>, mut path: impl Iterator<Item = &'a str>, value: &str) {
    let Some(first) = path.next() else { return };
    let rest: Vec<&str> = path.collect();
    if rest.is_empty() {
        into.insert(first.to_owned(), value.into());
        return;
    }
    let below = into.entry(first.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(below) = below {
        insert(below, rest.into_iter(), value);
    }
}

/// Lists and maps may have `member` or `entry` around their elements.
fn unwrap(value: Value) -> Value {
    match value {
        Value::Object(mut members) if members.len() == 1 => {
            match members.remove("member").or_else(|| members.remove("entry")) {
                Some(inner) => inner,
                None => Value::Object(members),
            }
        }
        value => value,
    }
}

/// A list where all there is of a value is `member.1`, `member.2`, …
fn plain_list(value: Value) -> Value {
    let numbered = |members: &Map<String, Value>| members.keys().all(|key| key.parse::<u32>().is_ok());
    match value {
        Value::Object(mut members)
            if members.len() == 1
                && members.get("member").and_then(Value::as_object).is_some_and(numbered) =>
        {
            members.remove("member").map(in_order).unwrap_or_default().into()
        }
        value => value,
    }
}

/// The values of `1`, `2`, …
fn in_order(value: Value) -> Vec<Value> {
    let Value::Object(members) = value else { return Vec::new() };
    let mut numbered: Vec<(u32, Value)> =
        members.into_iter().filter_map(|(number, value)| Some((number.parse().ok()?, value))).collect();
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, value)| value).collect()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const SHAPES: QueryShapes = QueryShapes {
        namespace: "urn:x",
        inputs: &[
            Input { form: "Name", member: "Names", map: None },
            Input { form: "Attribute", member: "Attributes", map: Some(("Name", "Value")) },
            Input { form: "Entries", member: "Entries", map: None },
        ],
        outputs: &[
            Output { operation: None, member: "Items", wrapper: None, element: "Item", map: None },
            Output {
                operation: None,
                member: "Topics",
                wrapper: Some("Topics"),
                element: "member",
                map: None,
            },
            Output {
                operation: None,
                member: "Attributes",
                wrapper: Some("Attributes"),
                element: "entry",
                map: Some(("key", "value")),
            },
        ],
    };

    #[test]
    fn forms_are_read_as_json() {
        let check = |form: &str, expected: Value| {
            assert_eq!(SHAPES.read(&QueryString::parse_form(form)), expected, "{form}");
        };
        check("Action=X&Version=1&A=b+c", json!({"A": "b c"}));
        check("Name.2=b&Name.10=c&Name.1=a", json!({"Names": ["a", "b", "c"]}));
        check("Name=&Attribute=", json!({"Names": [], "Attributes": {}}));
        check("Names=&Attributes=", json!({"Names": [], "Attributes": {}}));
        check(
            "Attribute.1.Name=n&Attribute.1.Value.DataType=String&Attribute.1.Value.StringValue=v",
            json!({"Attributes": {"n": {"DataType": "String", "StringValue": "v"}}}),
        );
        check("Tags.member.2.Key=b&Tags.member.1.Key=a", json!({"Tags": [{"Key": "a"}, {"Key": "b"}]}));
        check(
            "Entries.member.1.Id=1&Entries.member.1.Attribute.entry.1.Name=n&Entries.member.1.Attribute.entry.1.Value=v",
            json!({"Entries": [{"Id": "1", "Attributes": {"n": "v"}}]}),
        );
    }

    #[tokio::test]
    async fn answers_are_written_as_xml() {
        let answer = json!({
            "Id": "a<b", "N": 1, "Plain": ["p", "q"], "Items": ["x", {"Y": true}], "Topics": [{"Arn": "t"}], "Attributes": {"k": "v"},
        });
        let response = SHAPES.write("Op", &answer, RequestId::random());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let expected = "<OpResult><Attributes><entry><key>k</key><value>v</value></entry></Attributes><Id>a&lt;b</Id>\
                        <Item>x</Item><Item><Y>true</Y></Item><N>1</N><Plain><member>p</member><member>q</member></Plain><Topics><member><Arn>t</Arn></member></Topics>\
                        </OpResult>";
        assert!(text.contains(expected), "{text}");
    }
}
