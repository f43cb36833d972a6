use proptest::prelude::*;

use super::FilterPattern;

fn check(pattern: &str, matching: &[&str], others: &[&str]) {
    let parsed = FilterPattern::parse(pattern).unwrap();
    for message in matching {
        assert!(parsed.matches(message), "{pattern} does not match {message}");
    }
    for message in others {
        assert!(!parsed.matches(message), "{pattern} matches {message}");
    }
}

#[test]
fn terms() {
    check("", &["", "anything"], &[]);
    check("ERROR", &["an ERROR here"], &["error"]);
    check("ERROR disk", &["disk ERROR"], &["ERROR"]);
    check("\"disk full\"", &["the disk full of"], &["disk is full"]);
    check("?a1 ?b2", &["a1", "xb2"], &["c"]);
    check("ERROR -\"exit code\"", &["ERROR"], &["ERROR exit code", "exit"]);
}

#[test]
fn json() {
    check("{ $.level = \"error\" }", &[r#"{"level": "error"}"#], &[r#"{"level": "info"}"#, "error", "{}"]);
    check("{ $.code >= 5e2 }", &[r#"{"code": 500}"#], &[r#"{"code": 499}"#, r#"{"code": "500"}"#]);
    check("{ $.a[0].b = x* }", &[r#"{"a": [{"b": "xyz"}]}"#], &[r#"{"a": [{"b": "y"}]}"#]);
    check("{ $.a IS NULL || $.b IS TRUE }", &[r#"{"a": null}"#, r#"{"b": true}"#], &["{}"]);
    check("{ $.a NOT EXISTS }", &["{}"], &[r#"{"a": 1}"#]);
    check("{ ($.a = 1 || $.a = 2) && $.b != \"x\" }", &[r#"{"a": 2, "b": "y"}"#], &[r#"{"a": 2, "b": "x"}"#]);
}

#[test]
fn fields() {
    let line = r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /a.png HTTP/1.0" 404 1534"#;
    check("[ip, id, user, time, request, status = 4*, bytes > 1000]", &[line], &["a b c"]);
    check("[ip, ..., status = 404, bytes]", &[line], &["1.1.1.1 500 3"]);
    check("[w1 = ERROR]", &["ERROR"], &["ERROR two"]);
}

#[test]
fn what_is_no_pattern_is_refused() {
    for text in [
        "{ $.level = ",
        "{ level = 1 }",
        "{ $.a ~ 1 }",
        "[a",
        "\"open",
        "-",
        "%re%",
        "{ $.a > x }",
        "{ $.a = }",
    ] {
        assert!(FilterPattern::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in ".{0,60}", message in ".{0,60}") {
        for pattern in [text.clone(), format!("{{ {text} }}"), format!("[{text}]"), format!("{{ $.{text} }}")] {
            if let Ok(pattern) = FilterPattern::parse(&pattern) {
                let _ = pattern.matches(&message);
            }
        }
    }
}
