//! Patterns of paths as platforms write them, in the words of the edge's rules.

/// A pattern of path-to-regexp (`/blog/:slug*`, `/(.*)`, `/a{-:b}?`) as a regular expression over a whole path.
/// Source: the Vercel documentation, "Project Configuration", section "path patterns".
pub(super) fn of_regexp_path(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            ':' if after.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                let end = after.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(after.len());
                let (name, mut left) = after.split_at(end);
                let group = match group(left) {
                    Some((group, after)) => {
                        left = after;
                        group.to_owned()
                    }
                    None => "[^/]+?".to_owned(),
                };
                let modifier = left.chars().next().filter(|c| "*+?".contains(*c));
                left = &left[modifier.map_or(0, char::len_utf8)..];
                let slash = modifier.is_some() && out.ends_with('/');
                if slash {
                    out.pop();
                }
                let before = if slash { "/" } else { "" };
                out += &match modifier {
                    Some('*') => format!("(?:{before}(?<{name}>{group}(?:/{group})*))?"),
                    Some('+') => format!("{before}(?<{name}>{group}(?:/{group})*)"),
                    Some(_) => format!("(?:{before}(?<{name}>{group}))?"),
                    None => format!("(?<{name}>{group})"),
                };
                rest = left;
            }
            '(' => match group(rest) {
                Some((group, after)) => {
                    out += &format!("({group})");
                    rest = after;
                }
                None => {
                    out += "\\(";
                    rest = after;
                }
            },
            '{' => {
                out += "(?:";
                rest = after;
            }
            '}' => {
                out.push(')');
                let modifier = after.chars().next().filter(|c| "*+?".contains(*c));
                out.extend(modifier);
                rest = &after[modifier.map_or(0, char::len_utf8)..];
            }
            '\\' => {
                let escaped = after.chars().next();
                out.push('\\');
                out.extend(escaped);
                rest = &after[escaped.map_or(0, char::len_utf8)..];
            }
            _ => {
                escape(c, &mut out);
                rest = after;
            }
        }
    }
    if !out.ends_with('/') { out + "/?" } else { out }
}

/// The inside of the group that a text begins with, and what follows it.
fn group(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_u32;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some((&text[1..at], &text[at + 1..]));
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// A target with `:name`, `:name*` and `$1` as the edge's rules have it.
pub(super) fn target(text: &str) -> String {
    let (scheme, path) = match text.split_once("://") {
        Some((scheme, path)) => (format!("{scheme}://"), path),
        None => (String::new(), text),
    };
    let mut out = scheme;
    let mut rest = path;
    while let Some(at) = rest.find([':', '$']) {
        out += &rest[..at];
        let after = &rest[at + 1..];
        let end = after.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(after.len());
        let (name, left) = after.split_at(end);
        let number = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        if name.is_empty() || number != rest[at..].starts_with('$') {
            out.push_str(&rest[at..=at]);
            rest = after;
            continue;
        }
        out += &format!("{{{name}}}");
        rest = left.strip_prefix(['*', '+', '?']).unwrap_or(left);
        if left.starts_with('?') && !rest.is_empty() {
            // A question mark after a name that is followed by something begins the query.
            rest = left;
        }
    }
    out + rest
}

/// A path of the URLPattern standard (`/a/:b?`, `/files/*`) as a regular expression over a whole path.
pub(super) fn of_url_pattern(path: &str) -> String {
    let mut text = String::new();
    let mut before = ' ';
    for c in path.chars() {
        // A star after a name or a group says how often; alone it stands for whatever comes.
        let repeats = before.is_alphanumeric() || before == '_' || before == ')' || before == '}';
        if c == '*'
            && !(repeats && text.rsplit('/').next().is_some_and(|part| part.contains([':', ')', '}'])))
        {
            text += "(.*)";
        } else {
            text.push(c);
        }
        before = c;
    }
    of_regexp_path(&text)
}

/// The target of a rewrite: where it uses none of the parameters of its source, they go into the query.
/// Source: the Next.js documentation, "rewrites", section "Rewrite parameters"; Vercel does the same.
pub(super) fn rewrite_target(source: &str, destination: &str) -> String {
    let mut to = target(destination);
    let pattern = of_regexp_path(source);
    let names: Vec<&str> =
        pattern.split("(?<").skip(1).filter_map(|rest| rest.split_once('>')).map(|(name, _)| name).collect();
    if names.iter().any(|name| to.contains(&format!("{{{name}}}"))) {
        return to;
    }
    for name in names {
        to.push(if to.contains('?') { '&' } else { '?' });
        to += &format!("{name}={{{name}}}");
    }
    to
}

/// A path of Netlify's redirects (`/blog/:slug/*`) as a regular expression; the star is `splat`.
/// Source: the Netlify documentation, "Redirect options", sections "Splats" and "Placeholders".
pub(super) fn of_netlify_path(path: &str) -> String {
    let mut out = String::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        match segment.strip_prefix(':') {
            _ if segment == "*" => {
                out += "(?:/(?<splat>.*))?";
                return out;
            }
            Some(name) if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') => {
                out += &format!("/(?<{name}>[^/]+)");
            }
            _ => {
                out.push('/');
                for c in segment.chars() {
                    if c == '*' { out += ".*" } else { escape(c, &mut out) }
                }
            }
        }
    }
    out + "/?"
}

fn escape(c: char, out: &mut String) {
    if r".+*?^$|[]()\{}".contains(c) {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, path: &str, expected: Option<&[(&str, &str)]>) {
        let pattern = of_regexp_path(source);
        let regex = regex_lite::Regex::new(&format!("^(?:{pattern})$")).unwrap();
        let found = regex.captures(path);
        assert_eq!(found.is_some(), expected.is_some(), "{source} {path} {pattern}");
        for (name, value) in expected.unwrap_or_default() {
            let found = found.as_ref().unwrap();
            let group = name.parse().ok().and_then(|index| found.get(index)).or_else(|| found.name(name));
            assert_eq!(group.map_or("", |group| group.as_str()), *value, "{source} {path} {name}");
        }
    }

    #[test]
    fn patterns_of_paths_are_read() {
        check("/blog/:slug", "/blog/a", Some(&[("slug", "a")]));
        check("/blog/:slug", "/blog/a/b", None);
        check("/blog/:slug*", "/blog", Some(&[("slug", "")]));
        check("/blog/:slug*", "/blog/a/b", Some(&[("slug", "a/b")]));
        check("/blog/:slug+", "/blog", None);
        check("/post/:id(\\d{1,})", "/post/12", Some(&[("id", "12")]));
        check("/post/:id(\\d{1,})", "/post/x", None);
        check("/(.*)", "/a/b", Some(&[("1", "a/b")]));
        check("/a{/b}?", "/a", Some(&[]));
        check("/a{/b}?", "/a/b", Some(&[]));
        check("/v1.0/x", "/v1y0/x", None);
    }

    #[test]
    fn patterns_of_the_url_standard_are_read() {
        let check = |pattern: &str, path: &str, expected: bool| {
            let regex = regex_lite::Regex::new(&format!("^(?:{})$", of_url_pattern(pattern))).unwrap();
            assert_eq!(regex.is_match(path), expected, "{pattern} {path}");
        };
        check("/*", "/", true);
        check("/*", "/a/b", true);
        check("/a/*", "/a/b/c", true);
        check("/a/*", "/b", false);
        check("/*.html", "/x/y.html", true);
        check("/a/:b*", "/a/b/c", true);
        check("/a/:b?", "/a", true);
        check("/a/:b", "/a/b/c", false);
        check("/a/(.*)", "/a/b/c", true);
    }

    #[test]
    fn parameters_that_a_rewrite_does_not_use_are_its_query() {
        for (source, destination, expected) in [
            ("/resize/:width/:height", "/api/sharp", "/api/sharp?width={width}&height={height}"),
            ("/a/:b", "/c?d=1", "/c?d=1&b={b}"),
            ("/a/:b/:c", "/x/:b", "/x/{b}"),
            ("/a/(.*)", "/api", "/api"),
        ] {
            assert_eq!(rewrite_target(source, destination), expected);
        }
    }

    #[test]
    fn targets_name_what_was_captured() {
        for (text, expected) in [
            ("/news/:slug*", "/news/{slug}"),
            ("https://example.com/:a?b=:c", "https://example.com/{a}?b={c}"),
            ("/api?match=$1", "/api?match={1}"),
            ("/plain", "/plain"),
        ] {
            assert_eq!(target(text), expected);
        }
    }
}
