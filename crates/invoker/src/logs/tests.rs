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
    check(r#""say \"hi\"""#, &[r#"they say "hi" now"#], &["say hi"]);
}

#[test]
fn regular_expressions() {
    check(r"%4\d\d%", &["status 404", "x499"], &["status 200", "4"]);
    check("%[Ee]rror|[Ff]ail%", &["an Error", "fail"], &["ERROR"]);
    check("%^abc$%", &["abc"], &["xabc", "abcd"]);
    check(r"timeout -%10\.0\.\d+\.1%", &["timeout 10.1.0.1"], &["timeout 10.0.22.1"]);
    check(r"{ $.ip = %10\.0\.0\.\d{1,3}% }", &[r#"{"ip": "10.0.0.17"}"#], &[r#"{"ip": "10.1.0.17"}"#]);
    check(r"[ip = %127\.0\.0\.[1-9]%, ...]", &["127.0.0.3 a b"], &["127.0.1.3 a b"]);
}

#[test]
fn json() {
    check("{ $.level = \"error\" }", &[r#"{"level": "error"}"#], &[r#"{"level": "info"}"#, "error", "{}"]);
    check("{ $.code >= 5e2 }", &[r#"{"code": 500}"#], &[r#"{"code": 499}"#, r#"{"code": "500"}"#]);
    check("{ $.a[0].b = x* }", &[r#"{"a": [{"b": "xyz"}]}"#], &[r#"{"a": [{"b": "y"}]}"#]);
    check("{ $.a IS NULL || $.b IS TRUE }", &[r#"{"a": null}"#, r#"{"b": true}"#], &["{}"]);
    check("{ $.a NOT EXISTS }", &["{}"], &[r#"{"a": 1}"#]);
    check("{ ($.a = 1 || $.a = 2) && $.b != \"x\" }", &[r#"{"a": 2, "b": "y"}"#], &[r#"{"a": 2, "b": "x"}"#]);
    check("{ $.a = \"*\" }", &[r#"{"a": 1}"#, r#"{"a": "x"}"#], &["{}", r#"{"a": null}"#]);
    check("{ $.ip != 123.123.* }", &[r#"{"ip": "1.2.3.4"}"#], &[r#"{"ip": "123.123.0.1"}"#, "{}"]);
    check("{ $.a.* = 1 }", &[r#"{"a": {"b": 2, "c": 1}}"#], &[r#"{"a": {"b": {"c": 1}}}"#]);
    check("{ $['a.b'][*] = -1.5E1 }", &[r#"{"a.b": [1, -15]}"#], &[r#"{"a.b": [1, 15]}"#]);
    check("{$.a=1&&$.b=x||$.c is false}", &[r#"{"a": 1, "b": "x"}"#, r#"{"c": false}"#], &[r#"{"a": 1}"#]);
    check(r#"{ $.m = "say \"hi\" } now" }"#, &[r#"{"m": "say \"hi\" } now"}"#], &[r#"{"m": "say"}"#]);
    check(
        "{ $.user-id@x != 5 }",
        &[r#"{"user-id@x": "five"}"#, r#"{"user-id@x": 6}"#],
        &[r#"{"user-id@x": 5}"#],
    );
}

#[test]
fn fields() {
    let line = r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /a.png HTTP/1.0" 404 1534"#;
    check("[ip, id, user, time, request, status = 4*, bytes > 1000]", &[line], &["a b c"]);
    check("[ip, ..., status = 404, bytes]", &[line], &["1.1.1.1 500 3"]);
    check("[w1 = ERROR]", &["ERROR"], &["ERROR two"]);
    check(
        "[..., request = *.png*, status = 4* || status = 5*, bytes > 1000 && bytes < 2e3]",
        &[line],
        &["a"],
    );
    check("[..., status = 404, ...]", &[line, "404", "a 404"], &["a 405 b"]);
    check("[a, b = \"x, y\", ]", &[r#"1 "x, y" 3"#], &[r#"1 "x, y""#, r#"1 x 3"#]);
    check("[a = \"\", b]", &[r#""" 2"#], &["1 2"]);
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
        "%re",
        "%a(b)%",
        "%a!%",
        "%[%",
        "%a{999}{999}{999}%",
        "%a% %b% %c%",
        "{ $ = 1 }",
        "{ $.a = inf && }",
        "{ $.a IS MAYBE }",
        "[a = ]",
        "[a b]",
        "[()]",
        "[a, ( )]",
        "[||&&]",
        "[a || , b]",
        "[&& a = 1]",
        "[(...)]",
        "[a && ...b]",
        "{ $.a > x }",
        "{ $.a = }",
    ] {
        assert!(FilterPattern::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in r#"[ -~é]{0,60}"#, message in ".{0,60}") {
        for pattern in [text.clone(), format!("{{ {text} }}"), format!("[{text}]"), format!("{{ $.{text} }}")] {
            if let Ok(pattern) = FilterPattern::parse(&pattern) {
                let _ = pattern.matches(&message);
            }
        }
    }

    #[test]
    fn what_is_shown_reads_back_and_means_the_same(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "$.a", "$[\"b c\"]", "=", "!=", ">", "1", "-2.5e3", "\"x*\"", "x*", "%x+%", "&&", "||", "(", ")", ",",
                "...", "IS NULL", "NOT EXISTS", "w1", "?", "-", " ", "é",
            ]),
            0..12,
        ),
        message in prop::sample::select(vec![r#"{"a": 1}"#, r#"{"a": "xx", "b c": null}"#, "x xx 1", "", "w1 \"x y\" 2"]),
    ) {
        let text = parts.concat();
        for text in [text.clone(), format!("{{{text}}}"), format!("[{text}]")] {
            let Ok(pattern) = FilterPattern::parse(&text) else { continue };
            let shown = pattern.to_string();
            let again = FilterPattern::parse(&shown);
            prop_assert!(again.is_ok(), "{} was shown as {}", text, shown);
            let again = again.unwrap();
            prop_assert_eq!(again.to_string(), shown);
            prop_assert_eq!(again.matches(message), pattern.matches(message));
        }
    }
}
