//! Path templates of the REST protocols.

use http::Method;
use percent_encoding::percent_decode_str;

use super::call::PathParameters;
use super::query_string::QueryString;

/// A method and a template such as `/2015-03-31/functions/{FunctionName}` or `/layers?find=LayerVersion`.
#[derive(Debug)]
pub(super) struct Route {
    method: Method,
    segments: Vec<Segment>,
    query: Option<(&'static str, &'static str)>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(&'static str),
    Parameter(&'static str),
    /// `{Key+}`: this and all that follows.
    Rest(&'static str),
}

impl Route {
    pub(super) fn new(method: Method, template: &'static str) -> Self {
        let (path, query) = match template.split_once('?') {
            Some((path, query)) => (path, Some(query.split_once('=').unwrap_or((query, "")))),
            None => (template, None),
        };
        let segments =
            split(path).map(|text| match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
                Some(name) => name.strip_suffix('+').map_or(Segment::Parameter(name), Segment::Rest),
                None => Segment::Literal(text),
            });
        Self { method, segments: segments.collect(), query }
    }

    /// Which of two routes that match the same path is meant: the one with more literals, then with a query.
    pub(super) fn specificity(&self) -> (usize, bool) {
        let literals = self.segments.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count();
        (literals, self.query.is_some())
    }

    /// The parameters, where method, path and query match. A slash at the end makes no difference.
    pub(super) fn matches(&self, method: &Method, path: &str, query: &QueryString) -> Option<PathParameters> {
        if self.method != *method {
            return None;
        }
        if let Some((name, value)) = self.query
            && query.get(name) != Some(value)
        {
            return None;
        }
        let mut parameters = Vec::new();
        let mut given = split(path);
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => (given.next()? == *text).then_some(())?,
                Segment::Parameter(name) => parameters.push((*name, decode(given.next()?))),
                Segment::Rest(name) => {
                    let rest: Vec<&str> = given.by_ref().collect();
                    parameters.push((*name, decode(&rest.join("/"))));
                }
            }
        }
        given.next().is_none().then_some(PathParameters(parameters))
    }
}

/// The segments of a path, without the slash at either end.
fn split<'a>(path: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/')
}

fn decode(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &'static str, path: &str, query: &str, expected: Option<&[(&str, &str)]>) {
        let found = Route::new(Method::GET, template).matches(&Method::GET, path, &QueryString::parse(query));
        let found = found.map(|found| found.0);
        let expected =
            expected.map(|pairs| pairs.iter().map(|(k, v)| (*k, (*v).to_owned())).collect::<Vec<_>>());
        assert_eq!(found, expected, "{template} against {path}?{query}");
    }

    #[test]
    fn templates_match_whole_paths_and_decode_their_parameters() {
        check("/f/{Name}", "/f/a%3Ab", "", Some(&[("Name", "a:b")]));
        check("/f/{Name}", "/f/a/", "", Some(&[("Name", "a")]));
        check("/f/{Name}", "/f", "", None);
        check("/f/{Name}", "/f/a/b", "", None);
        check("/f/", "/f", "", Some(&[]));
        check("/f/{Name}/x", "/f/a/y", "", None);
        check("/l?find=LayerVersion", "/l", "find=LayerVersion&Arn=1", Some(&[]));
        check("/l?find=LayerVersion", "/l", "", None);
        check("/b/{Key+}", "/b/x/y%2Fz", "", Some(&[("Key", "x/y/z")]));
    }

    #[test]
    fn a_route_wants_its_method() {
        let route = Route::new(Method::PUT, "/f");
        assert!(route.matches(&Method::GET, "/f", &QueryString::default()).is_none());
    }
}
