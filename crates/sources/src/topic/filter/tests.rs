//! Filter policies on attributes: the documented examples of each operator, and a slow and obviously right model.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn message(attributes: &[(&str, &str, &str)]) -> Accepted {
    let attribute = |(name, data_type, value): &(&str, &str, &str)| {
        ((*name).to_owned(), Attribute { data_type: (*data_type).to_owned(), value: (*value).to_owned() })
    };
    Accepted {
        trace: None,
        id: "1".to_owned(),
        texts: BTreeMap::new(),
        text: String::new(),
        subject: None,
        attributes: attributes.iter().map(attribute).collect(),
        group: None,
        deduplication: None,
        at: ebb_model::Timestamp(0),
        sequence: None,
        replayed: false,
    }
}

/// Source of the examples: SNS developer guide, "Filter policy string value matching", "… numeric value matching" and
/// "… key matching" (2026-11).
#[test]
fn the_documented_examples_of_each_operator() {
    let interests = |text: &'static str| message(&[("customer_interests", "String", text)]);
    let list = |text: &'static str| message(&[("customer_interests", "String.Array", text)]);
    let price = |text: &'static str| message(&[("price", "Number", text)]);
    let ip = |text: &'static str| message(&[("source_ip", "String", text)]);
    for (policy, wanted, unwanted) in [
        (
            json!({"customer_interests": [{"anything-but": ["rugby", "tennis"]}]}),
            vec![interests("baseball"), interests("football")],
            vec![interests("rugby"), message(&[])],
        ),
        // One element that is none of them is enough.
        (
            json!({"customer_interests": [{"anything-but": ["rugby", "tennis"]}]}),
            vec![list(r#"["rugby", "baseball"]"#)],
            vec![list(r#"["rugby"]"#)],
        ),
        (
            json!({"event": [{"anything-but": {"prefix": "order-"}}]}),
            vec![message(&[("event", "String", "data-entry")])],
            vec![message(&[("event", "String", "order-cancelled")])],
        ),
        (
            json!({"customer_interests": [{"equals-ignore-case": "tennis"}]}),
            vec![interests("TENNIS"), interests("Tennis")],
            vec![interests("tennis!")],
        ),
        (
            json!({"source_ip": [{"cidr": "10.0.0.0/24"}]}),
            vec![ip("10.0.0.0"), ip("10.0.0.255")],
            vec![ip("10.1.1.0"), ip("none")],
        ),
        (
            json!({"customer_interests": [{"prefix": "bas"}]}),
            vec![interests("baseball")],
            vec![interests("rugby")],
        ),
        (
            json!({"customer_interests": [{"suffix": "ball"}]}),
            vec![interests("baseball")],
            vec![interests("rugby")],
        ),
        (
            json!({"customer_interests": ["rugby"]}),
            vec![interests("rugby"), list(r#"["rugby"]"#)],
            vec![interests("Rugby")],
        ),
        (
            json!({"price": [{"anything-but": [100, 500]}]}),
            vec![price("101"), price("100.1")],
            vec![price("100"), price("500.0")],
        ),
        (
            json!({"price": [{"numeric": ["=", 301.5]}]}),
            vec![price("301.5"), price("3.015e2")],
            vec![price("301.6")],
        ),
        (json!({"price": [{"numeric": ["<", 0]}]}), vec![price("-1")], vec![price("0")]),
        (
            json!({"price": [{"numeric": [">", 0, "<=", 150]}]}),
            vec![price("150"), price("0.1")],
            vec![price("0"), price("151")],
        ),
        (
            json!({"store": [{"exists": true}]}),
            vec![message(&[("store", "String", "fans")])],
            vec![message(&[])],
        ),
        (
            json!({"store": [{"exists": false}]}),
            vec![message(&[])],
            vec![message(&[("store", "String", "fans")])],
        ),
        // A number as text is a text.
        (json!({"price": [100]}), vec![price("100")], vec![message(&[("price", "String", "100")])]),
    ] {
        let filter = Filter::parse(&policy.to_string(), Scope::Attributes).expect("a policy");
        for (messages, expected) in [(wanted, true), (unwanted, false)] {
            for message in messages {
                assert_eq!(filter.wants(&message, ""), expected, "{policy} {:?}", message.attributes);
            }
        }
    }
}

/// A message passes where each name of the policy has a test that one of its values passes.
fn model(policy: &Value, message: &Accepted) -> bool {
    policy.as_object().expect("names").iter().all(|(name, tests)| {
        let values = message.attributes.get(name).map(|attribute| match attribute.data_type.as_str() {
            "String.Array" => match serde_json::from_str(&attribute.value).expect("a list") {
                Value::Array(list) => list,
                other => vec![other],
            },
            "Number" => vec![json!(attribute.value.parse::<f64>().expect("a number"))],
            _ => vec![json!(attribute.value)],
        });
        tests.as_array().expect("tests").iter().any(|test| match (test, &values) {
            (Value::Object(test), None) => test.get("exists") == Some(&json!(false)),
            (_, None) => false,
            // An empty list is there, and nothing in it passes; nor does it exist.
            (Value::Object(test), Some(values)) if test.contains_key("exists") => {
                test["exists"] == json!(!values.is_empty())
            }
            (test, Some(values)) => values.iter().any(|value| passes(test, value)),
        })
    })
}

fn passes(test: &Value, value: &Value) -> bool {
    let same = |one: &Value, other: &Value| match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < f64::EPSILON,
        _ => one == other,
    };
    let Value::Object(test) = test else { return same(test, value) };
    let (operator, operand) = test.iter().next().expect("an operator");
    match (operator.as_str(), value.as_str(), value.as_f64()) {
        ("prefix", Some(text), _) => text.starts_with(operand.as_str().expect("a text")),
        ("suffix", Some(text), _) => text.ends_with(operand.as_str().expect("a text")),
        ("equals-ignore-case", Some(text), _) => text.eq_ignore_ascii_case(operand.as_str().expect("a text")),
        ("anything-but", _, _) => {
            let list = operand.as_array().expect("a list");
            list.iter().all(|one| !same(one, value))
        }
        ("numeric", _, Some(number)) => {
            let list = operand.as_array().expect("comparisons");
            list.chunks(2).all(|pair| {
                let bound = pair[1].as_f64().expect("a number");
                match pair[0].as_str().expect("an operator") {
                    "<" => number < bound,
                    "<=" => number <= bound,
                    ">" => number > bound,
                    ">=" => number >= bound,
                    _ => (number - bound).abs() < f64::EPSILON,
                }
            })
        }
        _ => false,
    }
}

fn a_test() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("a")),
        Just(json!("ab")),
        Just(json!(1)),
        Just(json!({"prefix": "a"})),
        Just(json!({"suffix": "b"})),
        Just(json!({"equals-ignore-case": "AB"})),
        Just(json!({"anything-but": ["a", "b"]})),
        Just(json!({"anything-but": [1, 2.5]})),
        Just(json!({"numeric": ["=", 2.5]})),
        Just(json!({"numeric": [">", 0, "<=", 2]})),
        Just(json!({"exists": true})),
        Just(json!({"exists": false})),
    ]
}

fn an_attribute() -> impl Strategy<Value = (&'static str, String)> {
    prop_oneof![
        prop_oneof![Just("a"), Just("ab"), Just("AB"), Just("b"), Just("1")]
            .prop_map(|text| ("String", text.to_owned())),
        prop_oneof![Just("0"), Just("1"), Just("2.5"), Just("-3")]
            .prop_map(|text| ("Number", text.to_owned())),
        proptest::collection::vec(
            prop_oneof![Just(json!("a")), Just(json!("ab")), Just(json!(1)), Just(json!(2.5))],
            1..3
        )
        .prop_map(|list| ("String.Array", Value::Array(list).to_string())),
    ]
}

proptest! {
    #[test]
    fn policies_want_what_the_model_says(
        policy in proptest::collection::btree_map("[kl]", proptest::collection::vec(a_test(), 1..4), 1..3),
        attributes in proptest::collection::btree_map("[klm]", an_attribute(), 0..4),
    ) {
        let policy = json!(policy);
        let mut message = message(&[]);
        message.attributes = attributes
            .into_iter()
            .map(|(name, (data_type, value))| (name, Attribute { data_type: data_type.to_owned(), value }))
            .collect();
        let filter = Filter::parse(&policy.to_string(), Scope::Attributes).expect("a policy");
        prop_assert_eq!(
            filter.wants(&message, ""), model(&policy, &message), "{} on {:?}", policy, message.attributes
        );
    }
}
