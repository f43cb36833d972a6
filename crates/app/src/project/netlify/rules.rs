//! Redirects and headers, of `netlify.toml` and of the files `_redirects` and `_headers`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::edge::{Action, Condition, Part, Pattern, Rule};
use crate::project::path_pattern;

/// A table of `[[redirects]]`.
#[derive(Debug, Deserialize)]
pub(super) struct Redirect {
    from: String,
    to: Option<String>,
    status: Option<u16>,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    conditions: BTreeMap<String, toml::Value>,
    /// Headers that only a proxy of theirs would get.
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// A table of `[[headers]]`.
#[derive(Debug, Deserialize)]
pub(super) struct Headers {
    #[serde(rename = "for")]
    path: String,
    values: BTreeMap<String, Values>,
}

/// The value of a header: a text, which may go over several lines, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Several(Vec<String>),
}

impl Values {
    /// As one line. Source: "Custom headers", section "Multi-value headers".
    fn joined(&self) -> String {
        let parts = match self {
            Self::One(text) => text.split('\n').collect::<Vec<_>>(),
            Self::Several(texts) => texts.iter().map(String::as_str).collect(),
        };
        let parts =
            parts.iter().map(|part| part.trim().trim_end_matches(',')).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(", ")
    }
}

impl Redirect {
    /// What of it does nothing here.
    pub(super) fn ignored(&self) -> Option<(String, &'static str)> {
        let path = format!("netlify.toml: headers of the redirect from {}", self.from);
        (!self.headers.is_empty())
            .then_some((path, "what a redirect leads to gets the request's own headers only"))
    }

    pub(super) fn rule(&self) -> Result<Rule, String> {
        let from = path_of(&self.from);
        let mut when = Vec::new();
        for (name, value) in &self.query {
            when.push(query(name, value));
        }
        for (name, value) in &self.conditions {
            when.push(condition(name, &texts(value))?);
        }
        let status = self.status.unwrap_or(301);
        let action = match &self.to {
            None if status >= 400 => Action::Status(status),
            None => return Err(format!("the redirect from {} has no `to`", self.from)),
            Some(to) => action(&self.from, to, status)?,
        };
        Ok(Rule { from: Pattern(path_pattern::of_netlify_path(from)), when, action, force: self.force })
    }
}

impl Headers {
    pub(super) fn rule(&self) -> Rule {
        let values = self.values.iter().map(|(name, value)| (name.clone(), value.joined()));
        let from = Pattern(path_pattern::of_netlify_path(path_of(&self.path)));
        Rule { from, when: Vec::new(), action: Action::Headers(values.collect()), force: false }
    }
}

/// The path of a rule: one for a whole domain is for its path here.
fn path_of(from: &str) -> &str {
    match from.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => from,
    }
}

fn action(from: &str, to: &str, status: u16) -> Result<Action, String> {
    let target = path_pattern::target(to);
    match status {
        301 | 302 | 303 | 307 | 308 => Ok(Action::Redirect { to: target, status }),
        200 if to.starts_with("http://") || to.starts_with("https://") => {
            Ok(Action::Rewrite { to: target, status: None })
        }
        200..=299 | 400..=499 if to.starts_with('/') => {
            Ok(Action::Rewrite { to: target, status: (status != 200).then_some(status) })
        }
        _ => Err(format!("the redirect from {from} has the status {status}, which makes no sense there")),
    }
}

/// `id=:id` captures a parameter, `id=5` asks for its value.
fn query(name: &str, value: &str) -> Condition {
    let pattern = match value.strip_prefix(':') {
        Some(capture) => format!("(?<{capture}>.*)"),
        None => regex_lite::escape(value),
    };
    Condition { part: Part::Query, name: name.to_owned(), value: Some(Pattern(pattern)), not: false }
}

fn texts(value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::Array(values) => values.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
        toml::Value::String(text) => text.split(',').map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn condition(name: &str, values: &[String]) -> Result<Condition, String> {
    match name {
        "Cookie" => {
            let cookie = values.first().ok_or("a condition on cookies names none")?;
            Ok(Condition { part: Part::Cookie, name: cookie.clone(), value: None, not: false })
        }
        "Language" => {
            let any = values.iter().map(|value| regex_lite::escape(value)).collect::<Vec<_>>().join("|");
            // The language that the client likes best comes first.
            let value = Some(Pattern(format!("(?i)(?:{any})(?:[-,;].*)?")));
            Ok(Condition { part: Part::Header, name: "accept-language".to_owned(), value, not: false })
        }
        "Country" => {
            let any =
                values.iter().map(|value| regex_lite::escape(value.trim())).collect::<Vec<_>>().join("|");
            // Known where what stands in front of the server says it.
            let value = Some(Pattern(format!("(?i)(?:{any})")));
            Ok(Condition { part: Part::Header, name: "x-country".to_owned(), value, not: false })
        }
        _ => Err(format!(
            "the condition {name} of a redirect is not built: ebb knows Cookie, Country and Language"
        )),
    }
}

/// The rules of a `_redirects` file: `from [query] to [status] [conditions]` a line.
pub(super) fn redirects_file(text: &str) -> Result<Vec<Rule>, String> {
    let mut rules = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let rule = redirect_line(line).map_err(|why| format!("_redirects line {}: {why}", number + 1))?;
        rules.push(rule);
    }
    Ok(rules)
}

fn redirect_line(line: &str) -> Result<Rule, String> {
    let mut words = line.split_whitespace();
    let from = words.next().ok_or("it is empty")?;
    let mut when = Vec::new();
    let mut to = None;
    let (mut status, mut force) = (301, false);
    for word in words {
        let pair = word.split_once('=').filter(|(name, _)| !name.contains(['/', ':']));
        let code = word.strip_suffix('!').unwrap_or(word);
        match (to, pair) {
            (None, Some((name, value))) => when.push(query(name, value)),
            (None, None) => to = Some(word),
            (Some(_), Some((name, value))) => {
                when.push(condition(name, &value.split(',').map(str::to_owned).collect::<Vec<_>>())?);
            }
            (Some(_), None) => {
                status = code.parse().map_err(|_| format!("{word:?} is no status"))?;
                force = word.ends_with('!');
            }
        }
    }
    let to = to.ok_or("it says not where to")?;
    let from = Pattern(path_pattern::of_netlify_path(path_of(from)));
    Ok(Rule { action: action(&from.0, to, status)?, from, when, force })
}

/// The rules of a `_headers` file: a path, and below it lines with blanks before them.
pub(super) fn headers_file(text: &str) -> Result<Vec<Rule>, String> {
    let mut rules: Vec<Rule> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            let from = Pattern(path_pattern::of_netlify_path(path_of(trimmed)));
            rules.push(Rule { from, when: Vec::new(), action: Action::Headers(Vec::new()), force: false });
            continue;
        }
        let header =
            trimmed.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        match (rules.last_mut().map(|rule| &mut rule.action), header) {
            (Some(Action::Headers(list)), Some((name, value))) => {
                match list.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                    // Cookies cannot be joined; the last line of one counts.
                    Some((_, before)) if !name.eq_ignore_ascii_case("set-cookie") => {
                        *before = format!("{before}, {value}");
                    }
                    _ => list.push((name, value)),
                }
            }
            _ => return Err(format!("_headers line {}: it is no header of a path", number + 1)),
        }
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, from: &str, action: &Action, force: bool) {
        let rules = redirects_file(line).unwrap();
        let [rule] = rules.as_slice() else { panic!("{line}: {rules:?}") };
        assert_eq!((rule.from.0.as_str(), &rule.action, rule.force), (from, action, force), "{line}");
    }

    #[test]
    fn lines_of_redirects_are_read() {
        let redirect = |to: &str, status| Action::Redirect { to: to.to_owned(), status };
        check("/a /b", "/a/?", &redirect("/b", 301), false);
        check(
            "/news/:y/* /blog/:y/:splat 302! # moved",
            "/news/(?<y>[^/]+)(?:/(?<splat>.*))?",
            &redirect("/blog/{y}/{splat}", 302),
            true,
        );
        check("/store id=:id /item/:id", "/store/?", &redirect("/item/{id}", 301), false);
        check(
            "/* /index.html 200",
            "(?:/(?<splat>.*))?",
            &Action::Rewrite { to: "/index.html".to_owned(), status: None },
            false,
        );
        check("https://old.example/x /y 308", "/x/?", &redirect("/y", 308), false);
        check(
            "/x /404.html 404",
            "/x/?",
            &Action::Rewrite { to: "/404.html".to_owned(), status: Some(404) },
            false,
        );
    }

    #[test]
    fn lines_that_make_no_sense_are_named() {
        for (text, words) in [
            ("\n/a", "line 2"),
            ("/a /b abc", "\"abc\""),
            ("/a x.example/ 200", "200"),
            ("/a /b 302 Role=admin", "Role"),
        ] {
            assert!(redirects_file(text).unwrap_err().contains(words), "{text}");
        }
        assert!(headers_file("  a: b").is_err());
    }

    #[test]
    fn headers_belong_to_the_path_above_them() {
        let rules = headers_file("/*\n  x-a: 1\n  X-B: a: b\n  x-a: 2\n# c\n/b\n\tx-c: 2\n").unwrap();
        let Action::Headers(first) = &rules[0].action else { panic!() };
        assert_eq!(first.len(), 2);
        assert_eq!((first[0].1.as_str(), first[1].1.as_str()), ("1, 2", "a: b"));
        assert_eq!(rules[1].from.0, "/b/?");
    }
}
