use super::*;

fn cors(origins: &[&str]) -> UrlCors {
    let list = |values: &[&str]| Some(values.iter().map(|&value| value.to_owned()).collect());
    UrlCors {
        allow_credentials: None,
        allow_headers: list(&["x-a", "x-b"]),
        allow_methods: list(&["GET", "PUT"]),
        allow_origins: list(origins),
        expose_headers: list(&["x-out"]),
        max_age: Some(60),
    }
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

fn shown(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines
}

#[test]
fn preflights_are_answered_with_the_settings() {
    let asked = [("origin", "https://a"), ("access-control-request-method", "PUT")];
    let check = |cors: &UrlCors, expected: &[&str]| {
        let response = preflight(cors, &Method::OPTIONS, &headers(&asked)).unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(shown(response.headers()), expected);
    };
    check(
        &cors(&["https://a"]),
        &[
            "access-control-allow-headers: x-a,x-b",
            "access-control-allow-methods: GET,PUT",
            "access-control-allow-origin: https://a",
            "access-control-max-age: 60",
            "vary: origin",
        ],
    );
    check(&cors(&["https://b"]), &["vary: origin"]);
    let open =
        UrlCors { allow_methods: Some(vec!["*".into()]), allow_headers: None, max_age: None, ..cors(&["*"]) };
    check(&open, &["access-control-allow-methods: *", "access-control-allow-origin: *"]);
    check(
        &UrlCors { allow_credentials: Some(true), ..open },
        &[
            "access-control-allow-credentials: true",
            "access-control-allow-methods: PUT",
            "access-control-allow-origin: https://a",
            "vary: origin",
        ],
    );
}

#[test]
fn other_requests_are_no_preflights() {
    let settings = cors(&["*"]);
    let origin = [("origin", "https://a")];
    let asked = [("origin", "https://a"), ("access-control-request-method", "PUT")];
    assert!(preflight(&settings, &Method::OPTIONS, &headers(&origin)).is_none());
    assert!(preflight(&settings, &Method::GET, &headers(&asked)).is_none());
    assert!(preflight(&settings, &Method::OPTIONS, &headers(&asked[1..])).is_none());
}

#[test]
fn responses_carry_the_settings_and_not_the_functions_own() {
    let check = |origin: &'static str, expected: &[&str]| {
        let mut response = headers(&[("access-control-allow-origin", "https://own"), ("x-kept", "1")]);
        apply(&cors(&["https://a"]), &headers(&[("origin", origin)]), &mut response);
        assert_eq!(shown(&response), expected);
    };
    check(
        "https://a",
        &[
            "access-control-allow-origin: https://a",
            "access-control-expose-headers: x-out",
            "vary: origin",
            "x-kept: 1",
        ],
    );
    check("https://b", &["vary: origin", "x-kept: 1"]);
}
