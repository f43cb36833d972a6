//! Where a request to an app goes: its rules, its files and its functions, in one order for every platform.
//!
//! Functions *in front* get what they stand in front of before all else, and may ask the app for the rest. Rules that are
//! *forced* come first, then functions that want to be before files, files, the other functions, then the rules that only
//! take what nothing else does, and last functions at `/*`, which take all that is left. Headers are added to whatever
//! answers. Sources: the Vercel documentation, "Project Configuration" (redirects before the file system, rewrites after
//! it), and the Netlify documentation, "Redirect options" (shadowing, and `force`), 2026-11.

mod pattern;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::{Digest, FunctionName, RateLimit};
use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::routes::RouteTable;
use pattern::{Captures, Compiled, fill};
pub use pattern::{InvalidPattern, Pattern};

/// What the edge does with requests to paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The paths.
    pub from: Pattern,
    /// What else must be so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
    /// What to do.
    pub action: Action,
    /// Whether it comes before functions and files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// What a rule does. `{name}` in a target stands for what the pattern or a condition captured under that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Adds headers to whatever answers.
    Headers(Vec<(String, String)>),
    /// Sends the client elsewhere.
    Redirect {
        /// Where to.
        to: String,
        /// 301, 302, 303, 307 or 308.
        status: u16,
    },
    /// Answers as another path of the app would, or as a URL of another host does.
    Rewrite {
        /// Which: a path or a URL, and a query that is added to the request's.
        to: String,
        /// The status of a file that answers, where it is not 200.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
    /// Answers with a status and nothing else.
    Status(u16),
}

/// Something about a request that is not its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What is looked at.
    pub part: Part,
    /// Which header, cookie or query parameter; nothing for the host and the method.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it must be; that it is there will do where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Pattern>,
    /// Whether it must not be so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
}

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A header.
    Header,
    /// A cookie.
    Cookie,
    /// A parameter of the query.
    Query,
    /// The host, without its port.
    Host,
    /// The method.
    Method,
}

/// A request, as far as rules look at it.
#[derive(Clone, Copy)]
pub struct EdgeRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, as it was sent.
    pub path: &'a str,
    /// The query, as it was sent.
    pub query: &'a str,
    /// The host without its port.
    pub host: &'a str,
    /// Gives a header by its lower-case name, several values joined by commas.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// Whether the functions that stand in front of the app have had it already.
    pub inside: bool,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The app takes no such request.
    Nowhere,
    /// To a function.
    Function(ToFunction),
    /// To a file.
    File(ToFile),
    /// To another host, whose answer is the app's: the URL.
    Proxy(String),
    /// Elsewhere, or nowhere by an explicit rule: a status, and a location for redirects.
    Answer {
        /// The status.
        status: u16,
        /// Where else.
        location: Option<String>,
    },
}

/// A function that gets a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToFunction {
    /// Which.
    pub function: FunctionName,
    /// The part of the path that its route matched.
    pub matched: String,
    /// Whether its answers are sent as they are written.
    pub stream: bool,
    /// Whether the request is answered at once and run later.
    pub background: bool,
    /// How many requests it takes.
    pub rate_limit: Option<RateLimit>,
    /// The path and query that it gets in place of the request's own.
    pub rewritten: Option<(String, String)>,
}

/// A file that answers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToFile {
    /// Its path in the app.
    pub path: String,
    /// Its content.
    pub digest: Digest,
    /// The status it answers with.
    pub status: u16,
}

impl Rule {
    /// Checks that its patterns can be read.
    pub(crate) fn check(&self) -> Result<(), InvalidPattern> {
        CompiledRule::new(self).map(drop)
    }
}

/// The edge of one app, ready to answer.
#[derive(Debug, Default)]
pub(crate) struct AppEdge {
    /// What functions stand in front of.
    front: Vec<(Compiled, ToFunction)>,
    rules: Vec<CompiledRule>,
    files: BTreeMap<String, Digest>,
    short_html: bool,
    first: RouteTable<Routed>,
    last: RouteTable<Routed>,
    /// Functions that take every path: rules come before them.
    rest: RouteTable<Routed>,
}

/// A function behind a route, and the paths that are not its own.
#[derive(Debug)]
struct Routed {
    to: ToFunction,
    except: Arc<[Compiled]>,
}

#[derive(Debug)]
struct CompiledRule {
    rule: Rule,
    from: Compiled,
    when: Vec<Option<Compiled>>,
}

impl CompiledRule {
    fn new(rule: &Rule) -> Result<Self, InvalidPattern> {
        let when = rule.when.iter().map(|condition| condition.value.as_ref().map(Compiled::new).transpose());
        Ok(Self {
            from: Compiled::new(&rule.from)?,
            when: when.collect::<Result<_, _>>()?,
            rule: rule.clone(),
        })
    }

    /// What was captured, where the request is one of its.
    fn matched(&self, request: &EdgeRequest<'_>, path: &str) -> Option<Captures> {
        let mut captures = Captures::default();
        if !self.from.matches(path, &mut captures) {
            return None;
        }
        for (condition, value) in self.rule.when.iter().zip(&self.when) {
            let found = condition.find(request);
            let holds = match (&found, value) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(found), Some(value)) => value.matches(found, &mut captures),
            };
            if holds == condition.not {
                return None;
            }
        }
        Some(captures)
    }
}

impl Condition {
    fn find(&self, request: &EdgeRequest<'_>) -> Option<String> {
        let pairs = |text: &str, between: char| {
            text.split(between).find_map(|pair| {
                let (name, value) = pair.trim().split_once('=').unwrap_or((pair.trim(), ""));
                (name == self.name).then(|| value.to_owned())
            })
        };
        match self.part {
            Part::Header => (request.header)(&self.name.to_ascii_lowercase()),
            Part::Cookie => pairs(&(request.header)("cookie")?, ';'),
            Part::Query => pairs(request.query, '&'),
            Part::Host => Some(request.host.to_owned()),
            Part::Method => Some(request.method.to_owned()),
        }
    }
}

impl AppEdge {
    /// The edge that a plan describes. A checked plan has no invalid patterns.
    pub(crate) fn of(plan: &Plan) -> Self {
        let mut front = Vec::new();
        let (mut first, mut last, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for function in &plan.functions {
            let Ok(name) = plan.function_name(function) else { continue };
            let to = ToFunction {
                function: name,
                matched: String::new(),
                stream: function.stream,
                background: function.background,
                rate_limit: function.rate_limit.clone(),
                rewritten: None,
            };
            let patterns = function.front.iter().filter_map(|pattern| Compiled::new(pattern).ok());
            front.extend(patterns.map(|pattern| (pattern, to.clone())));
            let except = function.except.iter().filter_map(|pattern| Compiled::new(pattern).ok());
            let except: Arc<[Compiled]> = except.collect();
            for route in &function.routes {
                let table = match function.before_files {
                    true => &mut first,
                    false if route.is_catch_all() => &mut rest,
                    false => &mut last,
                };
                table.push((route.clone(), Routed { to: to.clone(), except: except.clone() }));
            }
        }
        Self {
            front,
            rules: plan.rules.iter().filter_map(|rule| CompiledRule::new(rule).ok()).collect(),
            files: plan.files.clone(),
            short_html: plan.short_html,
            first: RouteTable::new(first),
            last: RouteTable::new(last),
            rest: RouteTable::new(rest),
        }
    }

    /// Where a request goes, and the headers that its answer gets.
    pub(crate) fn find(&self, request: &EdgeRequest<'_>) -> (Destination, Vec<(String, String)>) {
        let in_front = |(pattern, _): &&(Compiled, _)| {
            !request.inside && pattern.matches(request.path, &mut Captures::default())
        };
        if let Some((_, to)) = self.front.iter().find(in_front) {
            // The rules apply to what it asks for.
            return (Destination::Function(to.clone()), Vec::new());
        }
        let mut headers = Vec::new();
        for rule in &self.rules {
            if let Action::Headers(added) = &rule.rule.action
                && let Some(captures) = rule.matched(request, request.path)
            {
                headers.extend(added.iter().map(|(name, value)| (name.clone(), fill(value, &captures))));
            }
        }
        (self.destination(request), headers)
    }

    fn destination(&self, request: &EdgeRequest<'_>) -> Destination {
        self.by_rules(request, true)
            .or_else(|| self.lookup(request, request.path, None))
            .or_else(|| self.by_rules(request, false))
            .or_else(|| self.function(&self.rest, request, request.path, None))
            .or_else(|| self.file("404.html", 404))
            .unwrap_or(Destination::Nowhere)
    }

    fn by_rules(&self, request: &EdgeRequest<'_>, force: bool) -> Option<Destination> {
        for rule in self.rules.iter().filter(|rule| rule.rule.force == force) {
            let Some(captures) = rule.matched(request, request.path) else { continue };
            match &rule.rule.action {
                Action::Headers(_) => {}
                Action::Status(status) => {
                    return Some(Destination::Answer { status: *status, location: None });
                }
                Action::Redirect { to, status } => {
                    let location = Some(with_query(&fill(to, &captures), request.query));
                    return Some(Destination::Answer { status: *status, location });
                }
                Action::Rewrite { to, status } => {
                    let to = fill(to, &captures);
                    if to.starts_with("http://") || to.starts_with("https://") {
                        let (url, query) = to.split_once('?').unwrap_or((&to, ""));
                        let query = merged(query, request.query);
                        let mark = if query.is_empty() { "" } else { "?" };
                        return Some(Destination::Proxy(format!("{url}{mark}{query}")));
                    }
                    let status = Some(status.unwrap_or(200));
                    let found = self
                        .lookup(request, &to, status)
                        .or_else(|| self.function(&self.rest, request, &to, status));
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        None
    }

    /// The function or file at a path; with a status where a rule led there.
    fn lookup(&self, request: &EdgeRequest<'_>, target: &str, status: Option<u16>) -> Option<Destination> {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        self.function(&self.first, request, target, status)
            .or_else(|| self.file_at(path, status.unwrap_or(200)))
            .or_else(|| self.function(&self.last, request, target, status))
    }

    /// The function that a table has at a path.
    fn function(
        &self,
        table: &RouteTable<Routed>,
        request: &EdgeRequest<'_>,
        target: &str,
        status: Option<u16>,
    ) -> Option<Destination> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let own = |routed: &Routed| {
            !routed.except.iter().any(|pattern| pattern.matches(path, &mut Captures::default()))
        };
        let (Routed { to, .. }, matched) = table.find_where(request.method, path, own)?;
        let rewritten = status.map(|_| (path.to_owned(), merged(query, request.query)));
        Some(Destination::Function(ToFunction { matched: matched.to_owned(), rewritten, ..to.clone() }))
    }

    /// The file that a path shows: itself, its `index.html`, or itself with `.html`.
    fn file_at(&self, path: &str, status: u16) -> Option<Destination> {
        if self.files.is_empty() {
            return None;
        }
        let decoded = percent_encoding::percent_decode_str(path.strip_prefix('/')?).decode_utf8().ok()?;
        let bare = decoded.trim_end_matches('/');
        if bare == decoded
            && !bare.is_empty()
            && let Some(file) = self.file(bare, status)
        {
            return Some(file);
        }
        if self.short_html
            && !bare.is_empty()
            && let Some(file) = self.file(&format!("{bare}.html"), status)
        {
            return Some(file);
        }
        self.file(format!("{bare}/index.html").trim_start_matches('/'), status)
    }

    fn file(&self, path: &str, status: u16) -> Option<Destination> {
        let (path, digest) = self.files.get_key_value(path)?;
        Some(Destination::File(ToFile { path: path.clone(), digest: *digest, status }))
    }
}

/// A redirect keeps the request's query, unless it has one of its own.
fn with_query(location: &str, query: &str) -> String {
    match query {
        "" => location.to_owned(),
        _ if location.contains('?') || location.contains('#') => location.to_owned(),
        _ => format!("{location}?{query}"),
    }
}

/// The query of a rewritten request: what the rule says, and of the request what it does not.
fn merged(own: &str, request: &str) -> String {
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let said: Vec<String> = own.split('&').map(name).collect();
    let kept = request.split('&').filter(|pair| !pair.is_empty() && !said.contains(&name(pair)));
    own.split('&').filter(|pair| !pair.is_empty()).chain(kept).collect::<Vec<_>>().join("&")
}
