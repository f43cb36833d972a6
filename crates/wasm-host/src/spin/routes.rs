//! What a component is told of the route that led to it.
//!
//! Source: the Spin documentation, "The Spin HTTP Trigger", "HTTP Trigger Routes" and "Additional Request Information".

use http::HeaderValue;
use http::header::{HOST, HeaderName};
use http::request::Parts;

/// Headers of these names are the host's to set.
const PREFIX: &str = "spin-";
const WILDCARD: &str = "/...";

/// A route of the manifest: a path whose segments `:name` stand for any one, and whose end `/...` for all that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    text: String,
    segments: Vec<Segment>,
    open: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Named(String),
}

/// How a path matched a route.
#[derive(Debug, Default, PartialEq, Eq)]
struct Match<'a> {
    /// What the wildcard at the end stands for.
    rest: &'a str,
    named: Vec<(&'a str, &'a str)>,
    /// Literal segments: the more, the better.
    literal: usize,
    closed: bool,
}

impl Route {
    pub(super) fn parse(text: &str) -> Self {
        let (path, open) = match text.strip_suffix(WILDCARD) {
            Some(path) => (path, true),
            None => (text, false),
        };
        let segment = |segment: &str| match segment.strip_prefix(':') {
            Some(name) => Segment::Named(name.to_owned()),
            None => Segment::Literal(segment.to_owned()),
        };
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(segment).collect();
        Self { text: text.to_owned(), segments, open }
    }

    fn matches<'a>(&'a self, path: &'a str) -> Option<Match<'a>> {
        let mut found = Match { closed: !self.open, ..Match::default() };
        let mut rest = path;
        for segment in &self.segments {
            rest = rest.strip_prefix('/')?;
            let (value, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match segment {
                Segment::Literal(literal) if literal == value => found.literal += 1,
                Segment::Named(name) if !value.is_empty() => found.named.push((name, value)),
                _ => return None,
            }
            rest = after;
        }
        found.rest = if self.open { rest } else { "" };
        (self.open || rest.is_empty() || rest == "/").then_some(found)
    }
}

/// Sets the headers for the best of these routes.
pub(super) fn add_headers(routes: &[Route], request: &mut Parts) {
    let forged: Vec<HeaderName> =
        request.headers.keys().filter(|name| name.as_str().starts_with(PREFIX)).cloned().collect();
    for name in forged {
        request.headers.remove(name);
    }
    let path = request.uri.path().to_owned();
    let found = routes.iter().filter_map(|route| Some((route, route.matches(&path)?)));
    let best = found.max_by_key(|(_, found)| (found.literal, found.named.len(), found.closed));
    let host = request.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let mut headers = vec![
        ("spin-full-url".to_owned(), format!("http://{host}{}", request.uri)),
        ("spin-base-path".to_owned(), "/".to_owned()),
    ];
    if let Some((route, found)) = best {
        let base = route.text.strip_suffix(WILDCARD).unwrap_or(&route.text);
        headers.push(("spin-path-info".to_owned(), found.rest.to_owned()));
        headers.push(("spin-matched-route".to_owned(), route.text.clone()));
        headers.push(("spin-raw-component-route".to_owned(), route.text.clone()));
        headers.push(("spin-component-route".to_owned(), base.to_owned()));
        headers.extend(
            found.named.iter().map(|(name, value)| (format!("spin-path-match-{name}"), (*value).to_owned())),
        );
    }
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            request.headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_told_of_its_route() {
        let routes: Vec<_> =
            ["/...", "/users/:id/...", "/users/:id", "/users/me"].map(Route::parse).into_iter().collect();
        let check = |path: &str, expected: &[(&str, &str)]| {
            let request = http::Request::builder().uri(path).header("host", "a.localhost");
            let (mut parts, ()) =
                request.header("spin-path-match-id", "forged").body(()).unwrap().into_parts();
            add_headers(&routes, &mut parts);
            for (name, value) in expected {
                assert_eq!(
                    parts.headers.get(*name).map(|it| it.to_str().unwrap()),
                    Some(*value),
                    "{path} {name}"
                );
            }
            let named = expected.iter().any(|(name, _)| name.starts_with("spin-path-match"));
            assert_eq!(parts.headers.contains_key("spin-path-match-id"), named, "{path}");
        };
        check("/", &[("spin-matched-route", "/..."), ("spin-path-info", "/"), ("spin-component-route", "")]);
        check("/a/b?c", &[("spin-path-info", "/a/b"), ("spin-full-url", "http://a.localhost/a/b?c")]);
        check("/users/7", &[("spin-matched-route", "/users/:id"), ("spin-path-match-id", "7")]);
        check("/users/7/x", &[("spin-path-info", "/x"), ("spin-path-match-id", "7")]);
        check("/users/me", &[("spin-matched-route", "/users/me"), ("spin-path-info", "")]);
    }
}
