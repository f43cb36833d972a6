//! Redirects, rewrites and headers of `vercel.json`.

use serde_json::Value;

use super::File;
use crate::edge::{Action, Condition, Part, Pattern, Rule};
use crate::project::description::Description;
use crate::project::path_pattern;

/// Adds what the file says of paths.
pub(super) fn add(file: &File, description: &mut Description) -> Result<(), String> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut add = |value: &Value, action: Action, force: bool| {
        let source = text(value, "source").ok_or(format!("a rule has no `source`: {value}"))?;
        let when = conditions(value).ok_or(format!("the conditions of {source} cannot be read"))?;
        let from = Pattern(path_pattern::of_regexp_path(&source));
        description.rules.push(Rule { from, when, action, force });
        Ok::<_, String>(())
    };
    for value in &file.headers {
        let list = header_list(value).ok_or(format!("`headers` of a rule cannot be read: {value}"))?;
        add(value, Action::Headers(list), false)?;
    }
    for value in &file.redirects {
        let to = text(value, "destination").ok_or(format!("a redirect has no `destination`: {value}"))?;
        let permanent = value.get("permanent").and_then(Value::as_bool).unwrap_or(true);
        let code = value.get("statusCode").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let status = code.unwrap_or(if permanent { 308 } else { 307 });
        add(value, Action::Redirect { to: path_pattern::target(&to), status }, true)?;
    }
    for value in &file.rewrites {
        let to = text(value, "destination").ok_or(format!("a rewrite has no `destination`: {value}"))?;
        if !to.starts_with('/') && !to.starts_with("http://") && !to.starts_with("https://") {
            return Err(format!("a rewrite leads to a path or a URL, not to {to}"));
        }
        add(
            value,
            Action::Rewrite {
                to: path_pattern::rewrite_target(&text(value, "source").unwrap_or_default(), &to),
                status: None,
            },
            false,
        )?;
    }
    let moved = |from: &str, to: &str| Rule {
        from: Pattern(from.to_owned()),
        when: Vec::new(),
        action: Action::Redirect { to: to.to_owned(), status: 308 },
        force: true,
    };
    if file.clean_urls {
        description.short_html = true;
        description.rules.push(moved("/(?:(?<p>.*)/)?index\\.html", "/{p}"));
        description.rules.push(moved("/(?<p>.+)\\.html", "/{p}"));
    }
    match file.trailing_slash {
        Some(true) => description.rules.push(moved("/(?<p>(?:[^./]+/)*[^./]+)", "/{p}/")),
        Some(false) => description.rules.push(moved("/(?<p>.+)/", "/{p}")),
        None => {}
    }
    Ok(())
}

/// The conditions of a rule: `has` and `missing`.
pub(in crate::project) fn conditions(rule: &Value) -> Option<Vec<Condition>> {
    let mut conditions = Vec::new();
    for (key, not) in [("has", false), ("missing", true)] {
        for condition in rule.get(key).and_then(Value::as_array).into_iter().flatten() {
            let part = match condition.get("type")?.as_str()? {
                "header" => Part::Header,
                "cookie" => Part::Cookie,
                "query" => Part::Query,
                "host" => Part::Host,
                _ => return None,
            };
            let name = condition.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
            let value = match condition.get("value") {
                None => None,
                Some(value) => Some(Pattern(value.as_str()?.to_owned())),
            };
            conditions.push(Condition { part, name, value, not });
        }
    }
    Some(conditions)
}

/// The headers of a rule: a list of `{ key, value }`.
pub(in crate::project) fn header_list(rule: &Value) -> Option<Vec<(String, String)>> {
    let list = rule.get("headers")?.as_array()?;
    let pair = |header: &Value| {
        Some((header.get("key")?.as_str()?.to_owned(), path_pattern::target(header.get("value")?.as_str()?)))
    };
    list.iter().map(pair).collect()
}
