//! Texts in which `{{ name }}` stands for a variable.

use std::collections::BTreeMap;

/// The text with its variables; none where one of them has no value.
///
/// # Errors
/// Names what cannot be read, or is no variable.
pub(super) fn filled(
    text: &str,
    variables: &BTreeMap<String, Option<String>>,
) -> Result<Option<String>, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or_else(|| format!("{text:?}: {{{{ has no end"))?;
        let name = name.trim();
        let value = variables.get(name).ok_or_else(|| format!("{text:?}: no variable is called {name:?}"))?;
        let Some(value) = value else { return Ok(None) };
        filled.push_str(before);
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(Some(filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in() {
        let variables = BTreeMap::from([("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)]);
        let check = |text: &str, expected: Result<Option<&str>, &str>| {
            let expected = expected.map(|value| value.map(str::to_owned));
            match (filled(text, &variables), expected) {
                (Ok(value), Ok(expected)) => assert_eq!(value, expected, "{text}"),
                (Err(said), Err(words)) => assert!(said.contains(words), "{text}: {said}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        };
        check("plain", Ok(Some("plain")));
        check("{{a}}-{{ a }}", Ok(Some("1-1")));
        check("x{{ b }}", Ok(None));
        check("{{ c }}", Err("\"c\""));
        check("{{ a", Err("no end"));
    }
}
