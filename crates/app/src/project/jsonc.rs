//! JSON with comments and trailing commas, as several platforms write their settings.

/// The same as plain JSON: comments become blanks, so that positions in errors stay true.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '"' => string_length(rest),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |at| at + 4),
            _ => next.len_utf8(),
        };
        let (part, after) = rest.split_at(taken);
        if next == '/' && taken > 1 {
            plain.extend(part.chars().map(|c| if c == '\n' { c } else { ' ' }));
        } else {
            plain.push_str(part);
        }
        rest = after;
    }
    without_trailing_commas(&plain)
}

/// The length of the string literal that `text` begins with.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn without_trailing_commas(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let taken = if next == '"' { string_length(rest) } else { next.len_utf8() };
        let (part, after) = rest.split_at(taken);
        let trailing = next == ',' && after.trim_start().starts_with([']', '}']);
        plain.push_str(if trailing { " " } else { part });
        rest = after;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_taken_out_and_strings_left_alone() {
        let check = |text: &str, expected: serde_json::Value| {
            let read: serde_json::Value = serde_json::from_str(&plain(text)).unwrap();
            assert_eq!(read, expected, "{text}");
        };
        use serde_json::json;
        check("{\"a\": 1}", json!({"a": 1}));
        check("// first\n{\"a\": /* one */ 1, // last\n}", json!({"a": 1}));
        check("[1, 2, /* no more */ ]", json!([1, 2]));
        check(
            r#"{"u": "http://x/*y*/", "q": "\"//", "c": ",]"}"#,
            json!({"u": "http://x/*y*/", "q": "\"//", "c": ",]"}),
        );
    }
}
