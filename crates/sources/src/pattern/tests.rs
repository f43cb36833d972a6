//! The documented examples of each operator, and properties against a slow model.

mod model;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Pattern, PatternIndex, PatternSize};

fn pattern(value: &Value) -> Pattern {
    Pattern::from_value(value).unwrap_or_else(|error| panic!("{value}: {error}"))
}

#[track_caller]
fn check(cases: &[(Value, Value, bool)]) {
    for (wanted, event, matches) in cases {
        assert_eq!(pattern(wanted).matches(event), *matches, "{wanted} on {event}");
        let mut index = PatternIndex::default();
        index.insert(1, pattern(wanted));
        assert_eq!(!index.matching(event).is_empty(), *matches, "{wanted} on {event}, by the index");
    }
}

/// A pattern of the leaf `v`.
fn v(tests: &Value) -> Value {
    json!({ "v": tests })
}

#[test]
fn values_are_compared_exactly() {
    check(&[
        (v(&json!(["a"])), json!({"v": "a"}), true),
        (v(&json!(["a"])), json!({"v": "A"}), false),
        (v(&json!(["a", "b"])), json!({"v": "b"}), true),
        (v(&json!([""])), json!({"v": ""}), true),
        (v(&json!(["1"])), json!({"v": 1}), false),
        (v(&json!([300])), json!({"v": 300.0}), true),
        (v(&json!([300])), json!({"v": "300"}), false),
        (v(&json!([9_007_199_254_740_993_i64])), json!({"v": 9_007_199_254_740_992_i64}), false),
        (v(&json!([true])), json!({"v": true}), true),
        (v(&json!([true])), json!({"v": "true"}), false),
        (v(&json!([null])), json!({"v": null}), true),
        (v(&json!([null])), json!({}), false),
        (v(&json!([""])), json!({"v": null}), false),
        (v(&json!(["a"])), json!({"v": {"a": "a"}}), false),
        (json!({"a": {"b": ["x"]}}), json!({"a": {"b": "x", "c": 1}}), true),
        (json!({"a": {"b": ["x"]}}), json!({"a": "x"}), false),
        (json!({"a": ["x"], "b": ["y"]}), json!({"a": "x", "b": "z"}), false),
    ]);
}

#[test]
fn arrays_match_by_any_element_and_their_objects_one_by_one() {
    check(&[
        (v(&json!(["a"])), json!({"v": ["x", "a"]}), true),
        (v(&json!(["a"])), json!({"v": [["x"], ["a"]]}), true),
        (v(&json!(["a"])), json!({"v": []}), false),
        (json!({"a": {"b": [1]}}), json!({"a": [{"b": 2}, {"b": 1}]}), true),
        (json!({"a": {"b": [1], "c": [2]}}), json!({"a": [{"b": 1, "c": 2}]}), true),
        (json!({"a": {"b": [1], "c": [2]}}), json!({"a": [{"b": 1, "c": 3}, {"b": 3, "c": 2}]}), false),
    ]);
}

#[test]
fn texts_are_tested_by_their_parts() {
    check(&[
        (v(&json!([{"prefix": "img/"}])), json!({"v": "img/a"}), true),
        (v(&json!([{"prefix": "img/"}])), json!({"v": "a/img/"}), false),
        (v(&json!([{"prefix": ""}])), json!({"v": "x"}), true),
        (v(&json!([{"prefix": {"equals-ignore-case": "IMG"}}])), json!({"v": "imG/a"}), true),
        (v(&json!([{"suffix": ".png"}])), json!({"v": "a.png"}), true),
        (v(&json!([{"suffix": ".png"}])), json!({"v": "a.PNG"}), false),
        (v(&json!([{"suffix": {"equals-ignore-case": ".png"}}])), json!({"v": "a.PNG"}), true),
        (v(&json!([{"equals-ignore-case": "aLiCe"}])), json!({"v": "Alice"}), true),
        (v(&json!([{"equals-ignore-case": "straße"}])), json!({"v": "STRAßE"}), true),
        (v(&json!([{"wildcard": "dir/*.png"}])), json!({"v": "dir/a/b.png"}), true),
        (v(&json!([{"wildcard": "dir/*.png"}])), json!({"v": "dir/.png"}), true),
        (v(&json!([{"wildcard": "*a*b*"}])), json!({"v": "xxbxaxb"}), true),
        (v(&json!([{"wildcard": "a*a"}])), json!({"v": "a"}), false),
        (v(&json!([{"wildcard": "*"}])), json!({"v": ""}), true),
        (v(&json!([{"wildcard": r"a\*b\\*"}])), json!({"v": r"a*b\c"}), true),
        (v(&json!([{"wildcard": r"a\*b"}])), json!({"v": "axb"}), false),
        (v(&json!([{"prefix": "1"}])), json!({"v": 1}), false),
        (v(&json!([{"cidr": "10.0.0.0/24"}])), json!({"v": "10.0.0.255"}), true),
        (v(&json!([{"cidr": "10.0.0.0/24"}])), json!({"v": "10.0.1.0"}), false),
        (v(&json!([{"cidr": "0.0.0.0/0"}])), json!({"v": "1.2.3.4"}), true),
        (v(&json!([{"cidr": "::/0"}])), json!({"v": "1.2.3.4"}), false),
        (v(&json!([{"cidr": "2001:db8::/32"}])), json!({"v": "2001:db8:1::1"}), true),
    ]);
}

#[test]
fn numbers_are_tested_by_ranges() {
    let between = json!([{"numeric": [">", 0, "<=", 5]}]);
    check(&[
        (v(&between), json!({"v": 0}), false),
        (v(&between), json!({"v": 0.1}), true),
        (v(&between), json!({"v": 5.0}), true),
        (v(&between), json!({"v": 5.1}), false),
        (v(&between), json!({"v": "3"}), false),
        (v(&json!([{"numeric": ["=", 3.018e2]}])), json!({"v": 301.8}), true),
        (v(&json!([{"numeric": ["<", -1]}])), json!({"v": -1.5}), true),
    ]);
}

#[test]
fn exists_looks_at_leaves() {
    let (present, absent) = (v(&json!([{"exists": true}])), v(&json!([{"exists": false}])));
    check(&[
        (present.clone(), json!({"v": null}), true),
        (present.clone(), json!({"v": ""}), true),
        (present.clone(), json!({}), false),
        (present.clone(), json!({"v": {"w": 1}}), false),
        (present, json!({"v": []}), false),
        (absent.clone(), json!({"w": 1}), true),
        (absent.clone(), json!({"v": 1}), false),
        (absent, json!({"v": {"w": 1}}), true),
        (v(&json!(["a", {"exists": false}])), json!({"v": "a"}), true),
        (v(&json!(["a", {"exists": false}])), json!({}), true),
        (v(&json!(["a", {"exists": false}])), json!({"v": "b"}), false),
        (json!({"a": {"b": [{"exists": false}]}}), json!({}), true),
        (json!({"a": {"b": [{"exists": false}]}}), json!({"a": 1}), true),
        (json!({"a": {"b": [{"exists": false}]}}), json!({"a": [{"b": 1}, {"c": 1}]}), false),
    ]);
}

#[test]
fn anything_but_takes_all_the_rest() {
    check(&[
        (v(&json!([{"anything-but": "a"}])), json!({"v": "b"}), true),
        (v(&json!([{"anything-but": "a"}])), json!({"v": "a"}), false),
        (v(&json!([{"anything-but": "a"}])), json!({}), false),
        (v(&json!([{"anything-but": "a"}])), json!({"v": 1}), true),
        (v(&json!([{"anything-but": "a"}])), json!({"v": null}), true),
        (v(&json!([{"anything-but": ["a", "b"]}])), json!({"v": "b"}), false),
        (v(&json!([{"anything-but": ["a", "b"]}])), json!({"v": ["b", "c"]}), true),
        (v(&json!([{"anything-but": [1, 2]}])), json!({"v": 2.0}), false),
        (v(&json!([{"anything-but": 1}])), json!({"v": "1"}), true),
        (v(&json!([{"anything-but": {"prefix": "tmp"}}])), json!({"v": "tmp1"}), false),
        (v(&json!([{"anything-but": {"prefix": ["tmp", "x"]}}])), json!({"v": "y"}), true),
        (v(&json!([{"anything-but": {"suffix": [".a", ".b"]}}])), json!({"v": "1.b"}), false),
        (v(&json!([{"anything-but": {"equals-ignore-case": "ABC"}}])), json!({"v": "abc"}), false),
        (v(&json!([{"anything-but": {"wildcard": "*/lib/*"}}])), json!({"v": "a/lib/b"}), false),
        (v(&json!([{"anything-but": {"wildcard": ["*/lib/*", "c*"]}}])), json!({"v": "a/b"}), true),
    ]);
}

#[test]
fn one_alternative_suffices() {
    let either = json!({"a": [1], "$or": [{"b": [2]}, {"c": {"d": [{"numeric": [">", 3]}]}}]});
    check(&[
        (either.clone(), json!({"a": 1, "b": 2}), true),
        (either.clone(), json!({"a": 1, "c": {"d": 4}}), true),
        (either.clone(), json!({"a": 1, "c": {"d": 3}}), false),
        (either, json!({"b": 2}), false),
        (json!({"$or": [{"a": [{"exists": false}]}, {"b": [1]}]}), json!({}), true),
        // With one alternative, or with a test, it is the name of a field.
        (json!({"$or": ["x"]}), json!({"$or": "x"}), true),
        (json!({"$or": [{"prefix": "x"}, {"prefix": "y"}]}), json!({"$or": "y1"}), true),
    ]);
}

#[test]
fn dots_in_names_are_those_of_paths() {
    let cases = [
        (json!({"a.b": ["x"]}), json!({"a": {"b": "x"}}), true),
        (json!({"a.b": ["x"]}), json!({"a.b": "x"}), true),
        (json!({"a.b.c": ["x"]}), json!({"a.b": {"c": "x"}}), true),
        (json!({"a.b": {"c": ["x"]}}), json!({"a": {"b": {"c": ["y", "x"]}}}), true),
        (json!({"a.b": ["x"]}), json!({"a": {"b": "y"}}), false),
        (json!({"a.b": [{"exists": false}]}), json!({"a": {"b": "y"}}), false),
        (json!({"a.b": [{"exists": false}]}), json!({"a": {"c": "y"}}), true),
    ];
    for (text, event, expected) in cases {
        let mut index = PatternIndex::default();
        index.insert(0, pattern(&text));
        assert_eq!(pattern(&text).matches(&event), expected, "{text} {event}");
        assert_eq!(!index.matching(&event).is_empty(), expected, "{text} {event}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let cases = [
        ("[1]", "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        (r#"{"a": "x"}"#, "\"a\" must be an object or an array\n at a"),
        (r#"{"a": {"b": []}}"#, "Empty arrays are not allowed\n at a.b"),
        (r#"{"a": [["x"]]}"#, "Match value must be String, number, true, false, or null\n at a"),
        (r#"{"a": [{"nope": 1}]}"#, "Unrecognized match type nope\n at a"),
        (r#"{"a": [{"prefix": "x", "suffix": "y"}]}"#, "Only one key allowed in match expression\n at a"),
        (r#"{"a": [{"prefix": 1}]}"#, "prefix match pattern must be a string\n at a"),
        (r#"{"a": [{"exists": "x"}]}"#, "exists match pattern must be either true or false.\n at a"),
        (r#"{"a": [{"numeric": 1}]}"#, "Value of numeric must be an array.\n at a"),
        (r#"{"a": [{"numeric": []}]}"#, "Invalid member in numeric match: ]\n at a"),
        (r#"{"a": [{"numeric": ["<", 1, ">"]}]}"#, "Too many elements in numeric expression\n at a"),
        (r#"{"a": [{"numeric": [">", 1, ">", 2]}]}"#, "Bad numeric range operator: >\n at a"),
        (r#"{"a": [{"numeric": [">", 5, "<", 5]}]}"#, "Bottom must be less than top\n at a"),
        (r#"{"a": [{"numeric": ["!", 5]}]}"#, "Unrecognized numeric range operator: !\n at a"),
        (
            r#"{"a": [{"numeric": ["<", 6000000000]}]}"#,
            "Value must be between -5.0E9 and 5.0E9, inclusive, and 6000000000 is not\n at a",
        ),
        (r#"{"a": [{"cidr": 1}]}"#, "prefix match pattern must be a string\n at a"),
        (r#"{"a": [{"cidr": "x"}]}"#, "Malformed CIDR, one '/' required\n at a"),
        (r#"{"a": [{"cidr": "x/y"}]}"#, "Malformed CIDR, mask bits must be an integer\n at a"),
        (r#"{"a": [{"cidr": "x/8"}]}"#, "Nonstandard IP address: x\n at a"),
        (r#"{"a": [{"cidr": "10.0.0.0/33"}]}"#, "Malformed CIDR, mask bits must be at most 32\n at a"),
        (r#"{"a": [{"wildcard": "a**"}]}"#, "Consecutive wildcard characters at pos 2\n at a"),
        (r#"{"a": [{"wildcard": "a\\b"}]}"#, "Invalid escape character at pos 1\n at a"),
        (
            r#"{"a": [{"anything-but": ["x", null]}]}"#,
            "Inside anything but list, start|null|boolean is not supported.\n at a",
        ),
        (
            r#"{"a": [{"anything-but": ["x", 1]}]}"#,
            "Inside anything but list, either all values are number or string, mixed type is not supported\n at a",
        ),
        (
            r#"{"a": [{"anything-but": null}]}"#,
            "Value of anything-but must be an array or single string/number value.\n at a",
        ),
        (
            r#"{"a": [{"anything-but": {"prefix": {"equals-ignore-case": "x"}}}]}"#,
            "Value of anything-but must be an array or single string/number value.\n at a",
        ),
        (r#"{"a": [{"anything-but": {"suffix": ""}}]}"#, "Null prefix/suffix not allowed\n at a"),
        (
            r#"{"a": [{"anything-but": {"suffix": [1]}}]}"#,
            "prefix/suffix match pattern must be a string\n at a",
        ),
        (r#"{"a": [{"anything-but": {"wildcard": 1}}]}"#, "wildcard match pattern must be a string\n at a"),
        (
            r#"{"a": [{"anything-but": {"equals-ignore-case": 1}}]}"#,
            "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.\n at a",
        ),
        (r#"{"a": [{"anything-but": {"exists": true}}]}"#, "Unsupported anything-but pattern: exists\n at a"),
    ];
    for (text, reason) in cases {
        assert_eq!(Pattern::parse(text).expect_err(text).to_string(), reason, "{text}");
    }
    assert!(Pattern::parse("{").is_err_and(|error| error.to_string().starts_with("Invalid JSON")));
}

#[test]
fn the_size_counts_leaves_tests_and_combinations() {
    let size = |value: Value| pattern(&value).size();
    assert_eq!(
        size(json!({"a": [1, 2], "b": {"c": [1, 2, 3]}})),
        PatternSize { leaves: 2, tests: 5, combinations: 6, depth: 2 }
    );
    assert_eq!(size(json!({"a": [1], "$or": [{"b": [1, 2]}, {"c": [3]}]})).combinations, 3);
}

#[test]
fn an_index_forgets_what_is_removed() {
    let mut index = PatternIndex::default();
    let texts = [r#"{"a": ["x"]}"#, r#"{"a": [{"prefix": "x"}]}"#, r#"{"b": [{"exists": false}]}"#];
    for (key, text) in texts.iter().enumerate() {
        index.insert(key, Pattern::parse(text).expect(text));
    }
    assert_eq!(index.matching(&json!({"a": "x"})), [0, 1, 2]);
    index.insert(0, Pattern::parse(r#"{"a": ["y"]}"#).expect("a pattern"));
    assert_eq!(index.matching(&json!({"a": "x"})), [1, 2]);
    (0..3).for_each(|key| index.remove(&key));
    assert!(index.is_empty() && index.matching(&json!({"a": "x"})).is_empty());
}

#[test]
fn few_are_checked_of_many_that_differ_in_one_field() {
    let check = |test: &dyn Fn(usize) -> Value| {
        let mut index = PatternIndex::default();
        for key in 0..200 {
            let wanted =
                json!({"source": ["shop"], "detail-type": ["sold"], "detail": {"order": [test(key)]}});
            index.insert(key, pattern(&wanted));
        }
        let event = json!({"source": "shop", "detail-type": "sold", "detail": {"order": "7-and-7"}});
        let checked = index.candidates(&event).len();
        assert!(checked <= 4, "{checked} of those like {}", test(7));
        assert!(index.matching(&event).len() <= 1, "{}", test(7));
    };
    check(&|number| json!(format!("{number}-and-{number}")));
    check(&|number| json!({"prefix": format!("{number}-")}));
    check(&|number| json!({"suffix": format!("-{number}")}));
    check(&|number| json!({"equals-ignore-case": format!("{number}-AND-{number}")}));
    check(&|number| json!({"wildcard": format!("{number}-*-{number}")}));
    check(&|number| json!({"prefix": {"equals-ignore-case": format!("{number}-A")}}));
    check(&|number| json!({"suffix": {"equals-ignore-case": format!("D-{number}")}}));
}

#[test]
fn patterns_with_another_range_or_network_are_not_looked_at() {
    let check = |test: &dyn Fn(u32) -> Value, value: Value, most: usize| {
        let mut index = PatternIndex::default();
        for key in 0..1000 {
            index.insert(key, pattern(&json!({"source": ["shop"], "detail": {"order": [test(key)]}})));
        }
        let event = json!({"source": "shop", "detail": {"order": value}});
        let checked = index.candidates(&event).len();
        assert!(checked <= most, "{checked} of those like {}", test(7));
        assert!(!index.matching(&event).is_empty(), "{}", test(7));
        for key in 0..1000 {
            index.remove(&key);
        }
        assert!(index.candidates(&event).is_empty());
    };
    // The first, which is filed under its source, and those beside it, as ranges are covered a little generously.
    check(&|number| json!({"numeric": [">=", number * 10, "<", number * 10 + 10]}), json!(5_005), 8);
    check(&|number| json!({"numeric": ["=", number]}), json!(700.0), 2);
    check(
        &|number| json!({"numeric": [">", -i64::from(number) - 1, "<=", -i64::from(number)]}),
        json!(-700),
        8,
    );
    check(
        &|number| json!({"cidr": format!("10.{}.{}.0/24", number / 256, number % 256)}),
        json!("10.2.7.9"),
        2,
    );
    check(&|number| json!({"cidr": format!("2001:db8:{number:x}::/48")}), json!("2001:db8:3e::1"), 2);
}

/// Events and patterns over few names and values, so that they meet often.
fn event() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!("a")),
        Just(json!("ab")),
        Just(json!("AB")),
        Just(json!("")),
        Just(json!(1)),
        Just(json!(2.5)),
        Just(json!(true)),
        Just(Value::Null),
    ];
    let value = scalar.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            object(inner, 0..3)
        ]
    });
    object(value, 0..4)
}

fn object(
    value: impl Strategy<Value = Value>,
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("k".to_owned()), Just("l".to_owned()), Just("m".to_owned())];
    proptest::collection::btree_map(name, value, count)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn a_pattern() -> impl Strategy<Value = Value> {
    let test = prop_oneof![
        Just(json!("a")),
        Just(json!(1)),
        Just(json!(true)),
        Just(Value::Null),
        Just(json!({"prefix": "a"})),
        Just(json!({"suffix": "b"})),
        Just(json!({"wildcard": "a*"})),
        Just(json!({"wildcard": "*b"})),
        Just(json!({"equals-ignore-case": "ab"})),
        Just(json!({"exists": true})),
        Just(json!({"exists": false})),
        Just(json!({"anything-but": ["a", "ab"]})),
        Just(json!({"anything-but": 1})),
        Just(json!({"numeric": [">", 1, "<", 3]})),
    ];
    let leaf = proptest::collection::vec(test, 1..3).prop_map(Value::Array);
    let node = leaf.prop_recursive(3, 12, 3, |inner| {
        let plain = object(inner.clone(), 1..3);
        let either = (object(inner.clone(), 1..3), object(inner.clone(), 1..3), object(inner, 0..2))
            .prop_map(|(one, other, rest)| {
                let mut rest = rest;
                rest["$or"] = json!([one, other]);
                rest
            });
        prop_oneof![3 => plain, 1 => either]
    });
    object(node, 1..3)
}

proptest! {
    #[test]
    fn patterns_match_as_the_model_says(wanted in a_pattern(), event in event()) {
        prop_assert_eq!(pattern(&wanted).matches(&event), model::matches(&wanted, &event), "{} on {}", wanted, event);
    }

    #[test]
    fn an_index_finds_what_each_pattern_finds(
        wanted in proptest::collection::vec(a_pattern(), 1..12),
        gone in proptest::collection::vec(any::<bool>(), 12),
        events in proptest::collection::vec(event(), 1..4),
    ) {
        let mut index = PatternIndex::default();
        wanted.iter().enumerate().for_each(|(key, wanted)| index.insert(key, pattern(wanted)));
        (0..wanted.len()).filter(|key| gone[*key]).for_each(|key| index.remove(&key));
        for event in &events {
            let each: Vec<usize> = (0..wanted.len())
                .filter(|key| !gone[*key] && pattern(&wanted[*key]).matches(event))
                .collect();
            prop_assert_eq!(index.matching(event), each, "{:?} on {}", wanted, event);
        }
    }
}
