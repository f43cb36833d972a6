//! Environment variables from a file.

use std::collections::BTreeMap;
use std::path::Path;

use super::failure::Failure;

/// Reads `NAME=value` lines: `#` begins a comment line, `export` may come first, quotes around a value are taken off,
/// and `\n` in double quotes is a line break.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read it: {error}"), path.display().to_string()))?;
    parse(&text).map_err(|line| {
        let place = format!("{}, line {line}", path.display());
        Failure::new("not an environment variable", place).hint("a line looks like NAME=value")
    })
}

/// The variables, or the number of the line that is none.
fn parse(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut variables = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or(index + 1)?;
        let name = name.trim();
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(legal) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(index + 1);
        }
        variables.insert(name.to_owned(), unquoted(value.trim()));
    }
    Ok(variables)
}

fn unquoted(value: &str) -> String {
    let inside = |quote: char| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
    if let Some(value) = inside('"') {
        return value.replace("\\n", "\n").replace("\\\"", "\"");
    }
    inside('\'').unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_line_by_line() {
        let text = "# comment\n\nA=1\nexport B = \"two\\nlines\" \nC='it\\n'\nD=a=b\nE=\n";
        let expected = [("A", "1"), ("B", "two\nlines"), ("C", "it\\n"), ("D", "a=b"), ("E", "")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse(text), Ok(BTreeMap::from(expected)));
        for (text, line) in [("A=1\nwrong", 2), ("1A=x", 1), ("a b=c", 1), ("=x", 1)] {
            assert_eq!(parse(text), Err(line), "{text}");
        }
    }
}
