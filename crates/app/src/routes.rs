//! Which requests go to which function of an app.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A route: `[METHOD ]PATH`. A path is literal; a segment `{name}` stands for any one segment, and `*` at the end for
/// all that follows, nothing included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Route {
    method: Option<String>,
    segments: Vec<Segment>,
    /// Whether it ends in `*`.
    open: bool,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Any,
}

/// A route that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no route: {why}. Write it like \"/items\", \"/items/{{id}}\", \"/static/*\" or \"POST /items\""
)]
pub struct InvalidRoute {
    /// The text as it was given.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Route {
    /// Every request.
    #[must_use]
    pub fn all() -> Self {
        Self { method: None, segments: Vec::new(), open: true, text: "/*".to_owned() }
    }

    /// Whether it takes every path.
    pub(crate) fn is_catch_all(&self) -> bool {
        self.open && self.segments.is_empty()
    }

    /// Reads `[METHOD ]PATH`.
    ///
    /// # Errors
    /// [`InvalidRoute`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidRoute> {
        let invalid = |why| InvalidRoute { text: text.to_owned(), why };
        let (method, path) = match text.trim().split_once(' ') {
            Some((method, path)) => (Some(method), path.trim()),
            None => (None, text.trim()),
        };
        if method.is_some_and(|method| method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase())) {
            return Err(invalid("the method must be in capitals"));
        }
        let Some(rest) = path.strip_prefix('/') else { return Err(invalid("the path must begin with /")) };
        if rest.contains(['?', '#', ' ']) {
            return Err(invalid("a path has no query, fragment or blank"));
        }
        let (rest, open) = match rest.strip_suffix('*') {
            Some(rest) if rest.is_empty() || rest.ends_with('/') => (rest.trim_end_matches('/'), true),
            Some(_) => return Err(invalid("* must be a segment of its own")),
            None => (rest, false),
        };
        let mut segments = Vec::new();
        for segment in rest.split('/').filter(|_| !rest.is_empty()) {
            segments.push(match segment.strip_prefix('{').map(|name| name.strip_suffix('}')) {
                Some(Some(name)) if !name.is_empty() => Segment::Any,
                Some(_) => return Err(invalid("{ must end in }, with a name between")),
                None if segment.contains('*') => return Err(invalid("* can only be at the end")),
                None => Segment::Literal(segment.to_owned()),
            });
        }
        let method = method.filter(|method| *method != "ANY").map(str::to_owned);
        let text = method.iter().map(|method| format!("{method} ")).collect::<String>() + path;
        Ok(Self { method, segments, open, text })
    }

    /// The same below a path.
    ///
    /// # Errors
    /// [`InvalidRoute`] where no route can be there.
    pub(crate) fn below(&self, base: &str) -> Result<Self, InvalidRoute> {
        let (method, path) = self.text.rsplit_once(' ').unwrap_or(("ANY", &self.text));
        let path = if path == "/" { "" } else { path.trim() };
        Self::parse(&format!("{method} {base}{path}"))
    }

    /// The path of it, for showing a URL; `*` left off.
    #[must_use]
    pub fn path(&self) -> &str {
        let path = self.text.rsplit(' ').next().unwrap_or_default();
        path.strip_suffix('*').unwrap_or(path)
    }

    /// The part of `path` that it matches: all of it, or all before what `*` stands for.
    fn matched<'a>(&self, method: &str, path: &'a str) -> Option<&'a str> {
        if self.method.as_ref().is_some_and(|own| own != method) {
            return None;
        }
        let mut rest = path;
        for segment in &self.segments {
            rest = rest.strip_prefix('/')?;
            let end = rest.find('/').unwrap_or(rest.len());
            let found = &rest[..end];
            if !match segment {
                Segment::Literal(own) => own == found,
                Segment::Any => !found.is_empty(),
            } {
                return None;
            }
            rest = &rest[end..];
        }
        let whole = rest.is_empty() || rest == "/";
        (whole || self.open).then(|| if self.open { &path[..path.len() - rest.len()] } else { path })
    }

    /// Better matches first: literal before any, longer before shorter, closed before open, with a method before none.
    fn rank(&self) -> impl Ord + use<> {
        let literal: Vec<bool> = self.segments.iter().map(|s| matches!(s, Segment::Literal(_))).collect();
        (Reverse(literal), self.open, self.method.is_none())
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Route {
    type Err = InvalidRoute;
    fn from_str(text: &str) -> Result<Self, InvalidRoute> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Route {
    type Error = InvalidRoute;
    fn try_from(text: String) -> Result<Self, InvalidRoute> {
        Self::parse(&text)
    }
}

impl From<Route> for String {
    fn from(route: Route) -> String {
        route.text
    }
}

/// All routes of an app, with what they lead to.
#[derive(Debug, Clone)]
pub(crate) struct RouteTable<T> {
    entries: Vec<(Route, T)>,
}

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<T> RouteTable<T> {
    pub(crate) fn new(mut entries: Vec<(Route, T)>) -> Self {
        entries.sort_by_cached_key(|(route, _)| route.rank());
        Self { entries }
    }

    /// Where a request goes, and the part of its path that the route matched.
    pub(crate) fn find<'a>(&self, method: &str, path: &'a str) -> Option<(&T, &'a str)> {
        self.find_where(method, path, |_| true)
    }

    /// The same among those that are `wanted`.
    pub(crate) fn find_where<'a>(
        &self,
        method: &str,
        path: &'a str,
        wanted: impl Fn(&T) -> bool,
    ) -> Option<(&T, &'a str)> {
        let of = |(route, to): &'_ (Route, T)| route.matched(method, path).filter(|_| wanted(to));
        self.entries.iter().find_map(|entry| of(entry).map(|matched| (&entry.1, matched)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table() -> RouteTable<&'static str> {
        let routes =
            ["/*", "/items", "POST /items", "/items/{id}", "/items/new", "/items/{id}/*", "/static/*"];
        RouteTable::new(routes.into_iter().map(|text| (text.parse().unwrap(), text)).collect())
    }

    #[test]
    fn the_most_specific_route_wins() {
        let table = table();
        for (method, path, route, matched) in [
            ("GET", "/", "/*", ""),
            ("GET", "/items", "/items", "/items"),
            ("GET", "/items/", "/items", "/items/"),
            ("POST", "/items", "POST /items", "/items"),
            ("GET", "/items/new", "/items/new", "/items/new"),
            ("GET", "/items/5", "/items/{id}", "/items/5"),
            ("GET", "/items/5/parts/6", "/items/{id}/*", "/items/5"),
            ("GET", "/static", "/static/*", "/static"),
            ("GET", "/static/a/b.css", "/static/*", "/static"),
            ("GET", "/staticx", "/*", ""),
        ] {
            assert_eq!(table.find(method, path), Some((&route, matched)), "{method} {path}");
        }
        let closed = RouteTable::new(vec![("POST /a".parse().unwrap(), ())]);
        assert_eq!(closed.find("GET", "/a"), None);
        assert_eq!(closed.find("POST", "/a/b"), None);
        assert_eq!(closed.find("POST", ""), None);
    }

    #[test]
    fn bad_routes_say_why() {
        for (text, why) in [
            ("", "begin with /"),
            ("items", "begin with /"),
            ("get /items", "capitals"),
            ("/a*", "segment of its own"),
            ("/*/a", "only be at the end"),
            ("/{", "end in }"),
            ("/{}", "end in }"),
            ("/a?b", "no query"),
        ] {
            let said = Route::parse(text).unwrap_err().to_string();
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    proptest! {
        #[test]
        fn no_text_and_no_path_make_it_panic(text in ".{0,30}", path in ".{0,30}") {
            if let Ok(route) = Route::parse(&text) {
                prop_assert_eq!(Route::parse(&route.to_string()).unwrap(), route.clone());
                let _ = RouteTable::new(vec![(route, ())]).find("GET", &path);
            }
        }
    }
}
