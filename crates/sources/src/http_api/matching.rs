//! Which route takes a request.
//!
//! Source: API Gateway developer guide, "Develop routes for HTTP APIs" (2026-11): a full match before one with a
//! greedy variable before `$default`, and the most specific of each.

use percent_encoding::percent_decode_str;

/// Route keys, most specific first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// In the list that the table was made from.
    index: usize,
    /// Any where absent.
    method: Option<String>,
    /// Any path where absent: `$default`.
    segments: Option<Vec<Segment>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Parameter(String),
    Greedy(String),
}

/// The route that takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// In the list that the table was made from.
    pub index: usize,
    /// The path's parameters, decoded.
    pub parameters: Vec<(String, String)>,
    /// Whether the route names the method rather than `ANY`.
    pub method_named: bool,
    /// Whether it is the one for what no other route takes.
    pub is_default: bool,
}

impl RouteTable {
    /// The table of these keys: `METHOD /path` or `$default`. What is neither takes nothing.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let mut entries: Vec<Entry> =
            keys.into_iter().enumerate().filter_map(|(index, key)| Entry::parse(index, key)).collect();
        entries.sort_by(|a, b| a.rank().cmp(&b.rank()));
        Self { entries }
    }

    /// The route that takes this method and path (as sent).
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<Matched> {
        let path: Vec<String> = path.strip_prefix('/').unwrap_or(path).split('/').map(decode).collect();
        self.entries.iter().find_map(|entry| {
            if entry.method.as_ref().is_some_and(|own| own != method) {
                return None;
            }
            let parameters = match &entry.segments {
                Some(segments) => parameters(segments, &path)?,
                None => Vec::new(),
            };
            Some(Matched {
                index: entry.index,
                parameters,
                method_named: entry.method.is_some(),
                is_default: entry.segments.is_none(),
            })
        })
    }
}

impl Entry {
    fn parse(index: usize, key: &str) -> Option<Self> {
        if key == "$default" {
            return Some(Self { index, method: None, segments: None });
        }
        let (method, path) = key.split_once(' ')?;
        let segments = path.strip_prefix('/')?.split('/').map(Segment::parse).collect();
        Some(Self { index, method: (method != "ANY").then(|| method.to_owned()), segments: Some(segments) })
    }

    /// Lower is more specific: literal before parameter before greedy, segment by segment; a method before any.
    fn rank(&self) -> impl Ord + '_ {
        let kinds =
            self.segments.as_ref().map(|segments| segments.iter().map(Segment::kind).collect::<Vec<_>>());
        (kinds.is_none(), kinds, self.method.is_none())
    }
}

impl Segment {
    fn parse(text: &str) -> Self {
        match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Self::Greedy(name.to_owned()),
                None => Self::Parameter(name.to_owned()),
            },
            None => Self::Literal(text.to_owned()),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::Parameter(_) => 1,
            Self::Greedy(_) => 2,
        }
    }
}

fn parameters(segments: &[Segment], path: &[String]) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = path;
    for segment in segments {
        let (first, after) = rest.split_first()?;
        match segment {
            Segment::Literal(own) if own == first => {}
            Segment::Literal(_) => return None,
            Segment::Parameter(_) if first.is_empty() => return None,
            Segment::Parameter(name) => found.push((name.clone(), first.clone())),
            Segment::Greedy(name) => {
                let all = rest.join("/");
                if all.is_empty() {
                    return None;
                }
                found.push((name.clone(), all));
                return Some(found);
            }
        }
        rest = after;
    }
    rest.is_empty().then_some(found)
}

fn decode(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_most_specific_route_wins() {
        let keys = [
            "$default",
            "ANY /{proxy+}",
            "GET /pets/{proxy+}",
            "GET /pets/dog/{id}",
            "GET /pets/dog/1",
            "ANY /pets/dog/1",
            "POST /items/{id}",
            "ANY /",
        ];
        let table = RouteTable::new(keys);
        for (method, path, key, parameters) in [
            ("GET", "/pets/dog/1", "GET /pets/dog/1", vec![]),
            ("PUT", "/pets/dog/1", "ANY /pets/dog/1", vec![]),
            ("GET", "/pets/dog/2", "GET /pets/dog/{id}", vec![("id", "2")]),
            ("GET", "/pets/cat/1", "GET /pets/{proxy+}", vec![("proxy", "cat/1")]),
            ("POST", "/test/5", "ANY /{proxy+}", vec![("proxy", "test/5")]),
            ("POST", "/items/i%2F7", "POST /items/{id}", vec![("id", "i/7")]),
            ("POST", "/items/", "ANY /{proxy+}", vec![("proxy", "items/")]),
            ("GET", "/", "ANY /", vec![]),
        ] {
            let found = table.find(method, path).unwrap();
            assert_eq!(keys[found.index], key, "{method} {path}");
            let found: Vec<(&str, &str)> = found.parameters.iter().map(|(k, v)| (&**k, &**v)).collect();
            assert_eq!(found, parameters, "{method} {path}");
        }
        let closed = RouteTable::new(["GET /a", "GET /b/{x}"]);
        for (method, path) in [("POST", "/a"), ("GET", "/a/"), ("GET", "/b"), ("GET", "/b/"), ("GET", "/")] {
            assert_eq!(closed.find(method, path), None, "{method} {path}");
        }
        assert!(RouteTable::new(["$default"]).find("GET", "/x/y").is_some_and(|found| found.is_default));
    }

    proptest! {
        #[test]
        fn no_key_and_no_path_make_it_panic(key in ".{0,30}", path in ".{0,30}") {
            let _ = RouteTable::new([key.as_str(), "$default"]).find("GET", &path).unwrap();
        }
    }
}
