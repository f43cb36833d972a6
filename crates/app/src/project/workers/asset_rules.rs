//! `_headers` and `_redirects` of a folder of static files.
//!
//! Source: the Workers documentation, "Static Assets", "Headers" and "Redirects" (2026-11). They are applied by
//! `runtimes/workerd/assets.js`.

use serde_json::{Value, json};

use crate::project::path_pattern;

/// The redirects of a file: `FROM TO [STATUS]` lines.
///
/// # Errors
/// The line that is none, and why.
pub(super) fn redirects(text: &str) -> Result<Vec<Value>, String> {
    let mut rules = Vec::new();
    for (number, line) in lines(text) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let wrong = |why: &str| format!("_redirects: line {number}: {why}");
        let (from, to, status) = match words[..] {
            [from, to] => (from, to, 302),
            [from, to, status] => {
                let status = status.parse().ok().filter(|code| [200, 301, 302, 303, 307, 308].contains(code));
                (
                    from,
                    to,
                    status.ok_or_else(|| wrong("the status is none of 200, 301, 302, 303, 307 and 308"))?,
                )
            }
            _ => return Err(wrong("it has not the form FROM TO STATUS")),
        };
        if status == 200 && !to.starts_with('/') {
            return Err(wrong("only paths can be proxied to"));
        }
        rules.push(json!({ "from": whole(from), "to": path_pattern::target(to), "status": status }));
    }
    Ok(rules)
}

/// The headers of a file: a path, and `NAME: VALUE` or `! NAME` lines below it.
///
/// # Errors
/// The line that is none, and why.
pub(super) fn headers(text: &str) -> Result<Vec<Value>, String> {
    let mut rules: Vec<(String, Vec<Value>, Vec<Value>)> = Vec::new();
    for (number, line) in lines(text) {
        let wrong = |why: &str| format!("_headers: line {number}: {why}");
        if line.starts_with(['/', 'h']) && !line.contains(": ") {
            rules.push((whole(line.trim()), Vec::new(), Vec::new()));
            continue;
        }
        let (_, set, unset) = rules.last_mut().ok_or_else(|| wrong("a path comes first"))?;
        if let Some(name) = line.trim().strip_prefix('!') {
            unset.push(name.trim().into());
        } else {
            let (name, value) =
                line.split_once(':').ok_or_else(|| wrong("it is neither a path nor NAME: VALUE"))?;
            set.push(json!([name.trim(), path_pattern::target(value.trim())]));
        }
    }
    Ok(rules
        .into_iter()
        .map(|(from, set, unset)| json!({ "from": from, "set": set, "unset": unset }))
        .collect())
}

/// The lines that say something, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim_end()))
        .filter(|(_, line)| !line.is_empty() && !line.trim_start().starts_with('#'))
}

/// A path, or a URL's, as a regular expression.
fn whole(from: &str) -> String {
    let path = match from.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => from,
    };
    format!("^{}$", path_pattern::of_netlify_path(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_rules() {
        let rules = redirects("# moved\n/home / 301\n/u/:id/* /users/:id/:splat\n").unwrap();
        assert_eq!(rules[0], json!({ "from": "^/home/?$", "to": "/", "status": 301 }));
        assert_eq!(rules[1]["to"], "/users/{id}/{splat}");
        assert_eq!(rules[1]["status"], 302);
        let rules = headers("/secure/*\n  X-Frame-Options: DENY\n  ! X-Robots-Tag\n/b\n  A: x: y\n").unwrap();
        assert_eq!(rules[0]["set"], json!([["X-Frame-Options", "DENY"]]));
        assert_eq!(rules[0]["unset"], json!(["X-Robots-Tag"]));
        assert_eq!(rules[1]["set"], json!([["A", "x: y"]]));
    }

    #[test]
    fn lines_that_make_no_sense_are_named() {
        for (text, words) in
            [("/a", "line 1"), ("/a /b 500", "status"), ("/a https://x.example 200", "paths")]
        {
            assert!(redirects(text).unwrap_err().contains(words), "{text}");
        }
        assert!(headers("  A: b").unwrap_err().contains("path comes first"));
    }
}
