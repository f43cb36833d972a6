//! Files of environment variables: `NAME=value` lines, as `.env` and `.dev.vars` have them.
//!
//! Source: the documentation of dotenv, "Rules": values may be quoted, `\n` in double quotes is a line break, `#` begins
//! a comment.

use std::collections::BTreeMap;

/// The variables of a text.
///
/// # Errors
/// The number of a line that is none.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut variables = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or(number + 1)?;
        variables.insert(name.trim().to_owned(), value_of(value.trim()));
    }
    Ok(variables)
}

fn value_of(value: &str) -> String {
    let quote = value.chars().next().filter(|c| ['"', '\'', '`'].contains(c));
    if let Some(quote) = quote
        && let Some(end) = value[1..].rfind(quote)
    {
        let inside = &value[1..=end];
        return if quote == '"' { inside.replace("\\n", "\n") } else { inside.to_owned() };
    }
    value.split(" #").next().unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read() {
        let check = |line: &str, value: &str| {
            let expected = BTreeMap::from([("A".to_owned(), value.to_owned())]);
            assert_eq!(parse(&format!("# note\n\n{line}\n")), Ok(expected), "{line}");
        };
        check("A=1", "1");
        check("export A = one two # note", "one two");
        check("A=\"one # two\" # note", "one # two");
        check("A='$x'", "$x");
        check("A=\"a\\nb\"", "a\nb");
        check("A=x=y", "x=y");
        check("A=", "");
        assert_eq!(parse("A=1\nnothing\n"), Err(2));
    }
}
