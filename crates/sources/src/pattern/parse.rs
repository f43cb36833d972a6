//! From JSON to a pattern, with everything checked that the services check.
//!
//! What is said of a wrong pattern is what the services say, whose matcher is published as Event Ruler (recorded 2025);
//! where they go on with a place in the source, the path is told.

use serde_json::{Map, Number, Value};

use super::cidr::Cidr;
use super::numeric::Range;
use super::test::{Test, TextTest, fold};
use super::wildcard::Wildcard;
use super::{Field, InvalidPattern, Leaf, Node};

/// The names that only tests have: an object with one of them is no alternative of `$or`.
const OPERATORS: [&str; 8] =
    ["exists", "equals-ignore-case", "prefix", "suffix", "anything-but", "numeric", "cidr", "wildcard"];

/// What is said of a list without elements.
const EMPTY: &str = "Empty arrays are not allowed";
/// What is said of a value that `anything-but` cannot have.
const NO_VALUE_OF_ANYTHING_BUT: &str =
    "Value of anything-but must be an array or single string/number value.";

/// Reads a whole pattern.
pub(super) fn pattern(value: &Value) -> Result<Node, InvalidPattern> {
    let object = value.as_object().ok_or_else(|| wrong(&[], "Filter is not an object"))?;
    node(object, &mut Vec::new())
}

fn node(object: &Map<String, Value>, path: &mut Vec<String>) -> Result<Node, InvalidPattern> {
    if object.is_empty() {
        return Err(wrong(path, "Empty objects are not allowed"));
    }
    let mut node = Node::default();
    for (name, value) in object {
        if let Some(alternatives) = alternatives(name, value) {
            let read =
                alternatives.into_iter().map(|object| self::node(object, path)).collect::<Result<_, _>>()?;
            node.alternatives.push(read);
            continue;
        }
        path.push(name.clone());
        let field = match value {
            Value::Object(object) => Field::Node(self::node(object, path)?),
            Value::Array(list) => Field::Leaf(leaf(list, path)?),
            _ => return Err(wrong(path, &format!("\"{name}\" must be an object or an array"))),
        };
        path.pop();
        node.fields.push((name.clone(), field));
    }
    Ok(node)
}

/// What `$or` lists, where it is more than the name of a field: at least two objects, none of which is a test.
pub(crate) fn alternatives<'a>(name: &str, value: &'a Value) -> Option<Vec<&'a Map<String, Value>>> {
    let list = value.as_array().filter(|list| name == "$or" && list.len() > 1)?;
    let alternative = |value: &'a Value| {
        value.as_object().filter(|object| !object.keys().any(|key| OPERATORS.contains(&key.as_str())))
    };
    list.iter().map(alternative).collect()
}

fn leaf(list: &[Value], path: &[String]) -> Result<Leaf, InvalidPattern> {
    if list.is_empty() {
        return Err(wrong(path, EMPTY));
    }
    let tests = list.iter().map(test).collect::<Result<_, _>>().map_err(|reason| wrong(path, &reason))?;
    Ok(Leaf { path: path.to_vec(), tests })
}

fn test(value: &Value) -> Result<Test, String> {
    Ok(match value {
        Value::Null => Test::Null,
        Value::Bool(boolean) => Test::Boolean(*boolean),
        Value::Number(number) => Test::Number(number.clone()),
        Value::String(text) => Test::Text(TextTest::Equal(text.clone())),
        Value::Array(_) => return Err("Match value must be String, number, true, false, or null".to_owned()),
        Value::Object(object) => operator(object)?,
    })
}

fn operator(object: &Map<String, Value>) -> Result<Test, String> {
    let (name, value) = only(object)?;
    match name {
        "exists" => match value {
            Value::Bool(true) => Ok(Test::Present),
            Value::Bool(false) => Ok(Test::Absent),
            _ => Err("exists match pattern must be either true or false.".to_owned()),
        },
        "numeric" => {
            let list = value.as_array().ok_or("Value of numeric must be an array.")?;
            Range::parse(list).map(Test::Numeric)
        }
        "cidr" => Cidr::parse(value.as_str().ok_or("prefix match pattern must be a string")?).map(Test::Cidr),
        "anything-but" => anything_but(value),
        _ => text_test(name, value).map(Test::Text),
    }
}

fn only(object: &Map<String, Value>) -> Result<(&str, &Value), String> {
    let mut members = object.iter();
    match (members.next(), members.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        (None, _) => Err("Match expression name not found".to_owned()),
        _ => Err("Only one key allowed in match expression".to_owned()),
    }
}

fn text_test(name: &str, value: &Value) -> Result<TextTest, String> {
    let text = |value: &Value| {
        value.as_str().map(str::to_owned).ok_or_else(|| format!("{name} match pattern must be a string"))
    };
    // Within `prefix` and `suffix`, an object says how they compare.
    let nested = |object: &Map<String, Value>| match only(object)? {
        ("equals-ignore-case", value) => text(value).map(|text| fold(&text)),
        (other, _) => Err(format!("Unsupported {name} match pattern: {other}")),
    };
    match (name, value) {
        ("equals-ignore-case", value) => Ok(TextTest::EqualIgnoringCase(fold(&text(value)?))),
        ("prefix", Value::Object(object)) => nested(object).map(TextTest::PrefixIgnoringCase),
        ("prefix", value) => text(value).map(TextTest::Prefix),
        ("suffix", Value::Object(object)) => nested(object).map(TextTest::SuffixIgnoringCase),
        ("suffix", value) => text(value).map(TextTest::Suffix),
        ("wildcard", value) => Wildcard::parse(&text(value)?).map(TextTest::Wildcard),
        _ => Err(format!("Unrecognized match type {name}")),
    }
}

fn anything_but(value: &Value) -> Result<Test, String> {
    match value {
        Value::Number(number) => Ok(Test::NotNumbers(vec![number.clone()])),
        Value::String(text) => Ok(Test::NotTexts(vec![TextTest::Equal(text.clone())])),
        Value::Array(list) => not_any(list),
        Value::Object(object) => {
            let (name, value) = only(object)?;
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            if values.is_empty() {
                return Err(EMPTY.to_owned());
            }
            let tests = values.iter().map(|value| not_test(name, value)).collect::<Result<_, _>>()?;
            Ok(Test::NotTexts(tests))
        }
        _ => Err(NO_VALUE_OF_ANYTHING_BUT.to_owned()),
    }
}

/// What an operator within `anything-but` leaves out; the service words what is wrong there otherwise than elsewhere.
fn not_test(name: &str, value: &Value) -> Result<TextTest, String> {
    match (name, value) {
        ("prefix" | "suffix", Value::String(text)) if text.is_empty() => {
            Err("Null prefix/suffix not allowed".to_owned())
        }
        ("prefix" | "suffix" | "wildcard" | "equals-ignore-case", Value::String(_)) => text_test(name, value),
        ("prefix" | "suffix", Value::Object(_)) => Err(NO_VALUE_OF_ANYTHING_BUT.to_owned()),
        ("prefix" | "suffix", _) => Err("prefix/suffix match pattern must be a string".to_owned()),
        ("equals-ignore-case", _) => {
            Err("Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
                .to_owned())
        }
        ("wildcard", _) => text_test(name, value),
        _ => Err(format!("Unsupported anything-but pattern: {name}")),
    }
}

fn not_any(list: &[Value]) -> Result<Test, String> {
    if list.is_empty() {
        return Err(EMPTY.to_owned());
    }
    let numbers: Vec<Number> = list.iter().filter_map(Value::as_number).cloned().collect();
    let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    if numbers.len() == list.len() {
        Ok(Test::NotNumbers(numbers))
    } else if texts.len() == list.len() {
        Ok(Test::NotTexts(texts.into_iter().map(|text| TextTest::Equal(text.to_owned())).collect()))
    } else if numbers.len() + texts.len() == list.len() {
        Err("Inside anything but list, either all values are number or string, mixed type is not supported"
            .to_owned())
    } else {
        Err("Inside anything but list, start|null|boolean is not supported.".to_owned())
    }
}

fn wrong(path: &[String], reason: &str) -> InvalidPattern {
    InvalidPattern { reason: reason.to_owned(), path: path.to_vec() }
}
