//! What can be asked of values: methods of texts, lists and maps, the functions of `$util`, and operators.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::Operator;
use super::evaluate::text_of;

const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// The part of a document at a path such as `$.a.b[0]`, `$['a']`.
pub(super) fn json_path(document: &Value, path: &str) -> Option<Value> {
    let mut at = document;
    let path = path.trim().strip_prefix('$').unwrap_or(path);
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        let step = step.strip_suffix(']').unwrap_or(step);
        let quoted = step.trim_matches(['\'', '"']);
        at = match step.parse::<usize>() {
            Ok(index) if at.is_array() => at.get(index)?,
            _ => at.get(quoted)?,
        };
    }
    Some(at.clone())
}

/// A function of `$util`.
pub(super) fn util(name: &str, text: &str) -> Option<Value> {
    match name {
        "parseJson" => serde_json::from_str(text).ok(),
        "escapeJavaScript" => Some(escaped(text).into()),
        "urlEncode" => Some(utf8_percent_encode(text, FORM).to_string().replace("%20", "+").into()),
        "urlDecode" => {
            Some(percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned().into())
        }
        "base64Encode" => Some(STANDARD.encode(text).into()),
        "base64Decode" => {
            let bytes = STANDARD.decode(text).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned().into())
        }
        _ => None,
    }
}

/// A text as it may stand between quotes in a script, with the single ones escaped too.
fn escaped(text: &str) -> String {
    let json = Value::from(text).to_string();
    json[1..json.len() - 1].replace('\'', "\\'").replace('/', "\\/")
}

/// A method that changes a list or a map; gives what it returns, or nothing where there is no such method.
pub(super) fn change(value: &mut Value, name: &str, arguments: &[Value]) -> Option<Value> {
    match (value, name, arguments) {
        (Value::Array(items), "add", [item]) => {
            items.push(item.clone());
            Some(Value::Bool(true))
        }
        (Value::Array(items), "addAll", [Value::Array(more)]) => {
            items.extend(more.iter().cloned());
            Some(Value::Bool(true))
        }
        (Value::Object(members), "put", [key, item]) => {
            Some(members.insert(text_of(key), item.clone()).unwrap_or_else(|| "".into()))
        }
        (Value::Object(members), "remove", [key]) => {
            Some(members.remove(&text_of(key)).unwrap_or_else(|| "".into()))
        }
        _ => None,
    }
}

/// A method that only looks.
pub(super) fn call(value: &Value, name: &str, arguments: &[Value]) -> Option<Value> {
    match (name, arguments) {
        ("toString", []) => return Some(text_of(value).into()),
        ("equals", [other]) => return Some(Value::Bool(value == other)),
        _ => {}
    }
    match value {
        Value::String(text) => of_text(text, name, arguments),
        Value::Array(items) => of_list(items, name, arguments),
        Value::Object(members) => of_map(members, name, arguments),
        Value::Number(number) => match name {
            "intValue" | "longValue" => {
                #[expect(clippy::cast_possible_truncation, reason = "that is what the method does")]
                let whole = number.as_f64().map(|number| number.trunc() as i64);
                whole.map(Value::from)
            }
            _ => None,
        },
        _ => None,
    }
}

fn number(index: usize) -> Value {
    Value::from(index as u64)
}

fn of_text(text: &str, name: &str, arguments: &[Value]) -> Option<Value> {
    let argument = arguments.first().map(text_of).unwrap_or_default();
    let at =
        |which: usize| arguments.get(which).and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
    let regex = || regex_lite::Regex::new(&argument).ok();
    Some(match name {
        "length" => number(text.chars().count()),
        "isEmpty" => text.is_empty().into(),
        "contains" => text.contains(&argument).into(),
        "startsWith" => text.starts_with(&argument).into(),
        "endsWith" => text.ends_with(&argument).into(),
        "equalsIgnoreCase" => text.eq_ignore_ascii_case(&argument).into(),
        "toLowerCase" => text.to_lowercase().into(),
        "toUpperCase" => text.to_uppercase().into(),
        "trim" => text.trim().into(),
        "concat" => format!("{text}{argument}").into(),
        "indexOf" => match text.find(&argument) {
            Some(byte) => number(text[..byte].chars().count()),
            None => Value::from(-1),
        },
        "substring" => {
            let until = at(1).unwrap_or(usize::MAX);
            let from = at(0)?;
            text.chars().skip(from).take(until.saturating_sub(from)).collect::<String>().into()
        }
        "replace" => text.replace(&argument, &arguments.get(1).map(text_of)?).into(),
        "replaceAll" => {
            regex()?.replace_all(text, arguments.get(1).map(text_of)?.as_str()).into_owned().into()
        }
        "matches" => {
            let whole = regex_lite::Regex::new(&format!("^(?:{argument})$")).ok()?;
            whole.is_match(text).into()
        }
        "split" => regex()?.split(text).map(Value::from).collect(),
        _ => return None,
    })
}

fn of_list(items: &[Value], name: &str, arguments: &[Value]) -> Option<Value> {
    match (name, arguments) {
        ("size", []) => Some(number(items.len())),
        ("isEmpty", []) => Some(items.is_empty().into()),
        ("get", [index]) => items.get(usize::try_from(index.as_u64()?).ok()?).cloned(),
        ("contains", [item]) => Some(items.contains(item).into()),
        _ => None,
    }
}

fn of_map(members: &Map<String, Value>, name: &str, arguments: &[Value]) -> Option<Value> {
    match (name, arguments) {
        ("size", []) => Some(number(members.len())),
        ("isEmpty", []) => Some(members.is_empty().into()),
        ("get", [key]) => members.get(&text_of(key)).cloned(),
        ("containsKey", [key]) => Some(members.contains_key(&text_of(key)).into()),
        ("keySet", []) => Some(members.keys().map(|key| Value::from(key.as_str())).collect()),
        ("values", []) => Some(members.values().cloned().collect()),
        ("entrySet", []) => {
            Some(members.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect())
        }
        _ => None,
    }
}

/// What an operator makes of two values: nothing where it makes no sense.
pub(super) fn binary(left: &Value, operator: Operator, right: &Value) -> Value {
    let numbers = left.as_f64().zip(right.as_f64());
    let compared = || match numbers {
        Some((left, right)) => left.partial_cmp(&right),
        None => left.as_str().zip(right.as_str()).map(|(left, right)| left.cmp(right)),
    };
    let same = match numbers {
        Some((left, right)) => (left - right).abs() < f64::EPSILON,
        None => left == right || (!left.is_null() && !right.is_null() && text_of(left) == text_of(right)),
    };
    match operator {
        Operator::Equal => same.into(),
        Operator::Unequal => (!same).into(),
        Operator::Less => compared().is_some_and(std::cmp::Ordering::is_lt).into(),
        Operator::LessOrEqual => compared().is_some_and(std::cmp::Ordering::is_le).into(),
        Operator::More => compared().is_some_and(std::cmp::Ordering::is_gt).into(),
        Operator::MoreOrEqual => compared().is_some_and(std::cmp::Ordering::is_ge).into(),
        Operator::Add if numbers.is_none() && (left.is_string() || right.is_string()) => {
            format!("{}{}", text_of(left), text_of(right)).into()
        }
        _ => arithmetic(left, operator, right),
    }
}

fn arithmetic(left: &Value, operator: Operator, right: &Value) -> Value {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        let whole = match operator {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::Divide => left.checked_div(right),
            Operator::Remainder => left.checked_rem(right),
            _ => None,
        };
        return whole.map_or(Value::Null, Value::from);
    }
    let (Some(left), Some(right)) = (left.as_f64(), right.as_f64()) else { return Value::Null };
    let result = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Remainder => left % right,
        _ => return Value::Null,
    };
    Value::from(result)
}
