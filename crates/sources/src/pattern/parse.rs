//! From JSON to a pattern, with everything checked that the services check.

use serde_json::{Map, Number, Value};

use super::cidr::Cidr;
use super::numeric::Range;
use super::test::{Test, TextTest, fold};
use super::wildcard::Wildcard;
use super::{Field, InvalidPattern, Leaf, Node};

/// The names that only tests have: an object with one of them is no alternative of `$or`.
const OPERATORS: [&str; 8] =
    ["exists", "equals-ignore-case", "prefix", "suffix", "anything-but", "numeric", "cidr", "wildcard"];

/// Reads a whole pattern.
pub(super) fn pattern(value: &Value) -> Result<Node, InvalidPattern> {
    let object = value.as_object().ok_or_else(|| wrong(&[], "it is not an object"))?;
    node(object, &mut Vec::new())
}

fn node(object: &Map<String, Value>, path: &mut Vec<String>) -> Result<Node, InvalidPattern> {
    if object.is_empty() {
        return Err(wrong(path, "empty objects are not allowed"));
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
fn alternatives<'a>(name: &str, value: &'a Value) -> Option<Vec<&'a Map<String, Value>>> {
    let list = value.as_array().filter(|list| name == "$or" && list.len() > 1)?;
    let alternative = |value: &'a Value| {
        value.as_object().filter(|object| !object.keys().any(|key| OPERATORS.contains(&key.as_str())))
    };
    list.iter().map(alternative).collect()
}

fn leaf(list: &[Value], path: &[String]) -> Result<Leaf, InvalidPattern> {
    if list.is_empty() {
        return Err(wrong(path, "empty arrays are not allowed"));
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
        Value::Array(_) => return Err("an array within an array is not allowed".to_owned()),
        Value::Object(object) => operator(object)?,
    })
}

fn operator(object: &Map<String, Value>) -> Result<Test, String> {
    let (name, value) = only(object)?;
    match name {
        "exists" => match value {
            Value::Bool(true) => Ok(Test::Present),
            Value::Bool(false) => Ok(Test::Absent),
            _ => Err("exists match pattern must be either true or false".to_owned()),
        },
        "numeric" => {
            let list = value.as_array().ok_or("numeric match pattern must be an array")?;
            Range::parse(list).map(Test::Numeric)
        }
        "cidr" => Cidr::parse(value.as_str().ok_or("cidr match pattern must be a string")?).map(Test::Cidr),
        "anything-but" => anything_but(value),
        _ => text_test(name, value).map(Test::Text),
    }
}

fn only(object: &Map<String, Value>) -> Result<(&str, &Value), String> {
    let mut members = object.iter();
    match (members.next(), members.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        (None, _) => Err("empty match expression".to_owned()),
        _ => Err("only one key allowed in match expression".to_owned()),
    }
}

fn text_test(name: &str, value: &Value) -> Result<TextTest, String> {
    let text = |value: &Value| {
        value.as_str().map(str::to_owned).ok_or_else(|| format!("{name} match pattern must be a string"))
    };
    // Within `prefix` and `suffix`, an object says how they compare.
    let nested = |object: &Map<String, Value>| match only(object)? {
        ("equals-ignore-case", value) => text(value).map(|text| fold(&text)),
        (other, _) => Err(format!("unsupported {name} pattern: {other}")),
    };
    match (name, value) {
        ("equals-ignore-case", value) => Ok(TextTest::EqualIgnoringCase(fold(&text(value)?))),
        ("prefix", Value::Object(object)) => nested(object).map(TextTest::PrefixIgnoringCase),
        ("prefix", value) => text(value).map(TextTest::Prefix),
        ("suffix", Value::Object(object)) => nested(object).map(TextTest::SuffixIgnoringCase),
        ("suffix", value) => text(value).map(TextTest::Suffix),
        ("wildcard", value) => Wildcard::parse(&text(value)?).map(TextTest::Wildcard),
        _ => Err(format!("unrecognized match type {name}")),
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
                return Err("empty arrays are not allowed".to_owned());
            }
            let tests = values.iter().map(|value| text_test(name, value)).collect::<Result<_, _>>()?;
            Ok(Test::NotTexts(tests))
        }
        _ => Err("value of anything-but must be an array or a single string or number".to_owned()),
    }
}

fn not_any(list: &[Value]) -> Result<Test, String> {
    if list.is_empty() {
        return Err("empty arrays are not allowed".to_owned());
    }
    let numbers: Vec<Number> = list.iter().filter_map(Value::as_number).cloned().collect();
    let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    if numbers.len() == list.len() {
        Ok(Test::NotNumbers(numbers))
    } else if texts.len() == list.len() {
        Ok(Test::NotTexts(texts.into_iter().map(|text| TextTest::Equal(text.to_owned())).collect()))
    } else {
        Err("an anything-but list holds either strings or numbers".to_owned())
    }
}

fn wrong(path: &[String], reason: &str) -> InvalidPattern {
    let reason =
        if path.is_empty() { reason.to_owned() } else { format!("{reason} (at {})", path.join(".")) };
    InvalidPattern { reason }
}
