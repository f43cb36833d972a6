//! What sources use of Deno that the platform has to know of before they run: its key-value store, and its clock.
//!
//! Source: the Deno manual, "Deno KV Quick Start" and "Deno Cron" (2026-11).

use std::fs;
use std::path::Path;

use regex_lite::Regex;
use serde_json::json;

use super::super::description::Description;
use crate::plan::PlannedSchedule;

/// What a module ends in.
const EXTENSIONS: &[&str] = &["ts", "tsx", "js", "mjs", "jsx", "mts"];
/// How deep sources are looked for.
const DEPTH: u32 = 8;

/// Something that runs by the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    name: String,
    /// Nothing where it is not written down as a text.
    line: Option<String>,
}

/// Whether the sources of a folder open a store at its usual place.
pub(super) fn key_value(folder: &Path) -> bool {
    let mut found = false;
    each(folder, 0, &mut |text| found |= text.contains("Deno.openKv("));
    found
}

/// What the sources of a folder have run by the clock.
pub(super) fn crons(folder: &Path) -> Vec<Cron> {
    let mut found = Vec::new();
    each(folder, 0, &mut |text| found.extend(crons_of(text)));
    found
}

fn crons_of(text: &str) -> Vec<Cron> {
    let call = Regex::new(r#"Deno\.cron\(\s*["'`]([^"'`$]+)["'`]\s*,\s*(?:["'`]([^"'`$]+)["'`])?"#)
        .expect("a pattern that is always the same");
    let of = |found: regex_lite::Captures<'_>| Cron {
        name: found[1].to_owned(),
        line: found.get(2).map(|line| line.as_str().to_owned()),
    };
    call.captures_iter(text).map(of).collect()
}

fn each(folder: &Path, depth: u32, seen: &mut dyn FnMut(&str)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') || name == "node_modules" {
            continue;
        }
        if path.is_dir() && depth < DEPTH {
            each(&path, depth + 1, seen);
        } else if path.extension().is_some_and(|own| EXTENSIONS.iter().any(|known| own == *known)) {
            seen(&fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

impl Cron {
    /// Has the clock run it.
    pub(super) fn add(self, function: &str, description: &mut Description) {
        match self.line.as_deref().and_then(expression) {
            Some(expression) => description.schedules.push(PlannedSchedule {
                function: function.to_owned(),
                expression,
                input: json!({ "ebb": "cron", "name": self.name }).to_string(),
            }),
            None => description.ignore(
                format!("Deno.cron {:?}", self.name),
                "its schedule is no cron line of five fields that is written down as a text",
            ),
        }
    }
}

/// A line of Deno's as the scheduler has it; days of the week are counted from 1 for Sunday by both.
fn expression(line: &str) -> Option<String> {
    let [minute, hour, day, month, weekday] = line.split_whitespace().collect::<Vec<_>>()[..] else {
        return None;
    };
    let (day, weekday) = match (day, weekday) {
        (day, "*" | "?") => (day, "?"),
        ("*" | "?", weekday) => ("?", weekday),
        _ => return None,
    };
    Some(format!("cron({minute} {hour} {day} {month} {weekday} *)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crons_are_read_where_they_are_written_down() {
        let found = crons_of(
            "Deno.cron('a', '*/5 * * * *', () => {});\nDeno.cron(\"b\", { hour: 1 }, f);\nDeno.cron(`c`,\n  `0 0 * * MON`, {}, f)",
        );
        let cron = |name: &str, line: Option<&str>| Cron { name: name.into(), line: line.map(str::to_owned) };
        let expected = [cron("a", Some("*/5 * * * *")), cron("b", None), cron("c", Some("0 0 * * MON"))];
        assert_eq!(found, expected);
        assert_eq!(expression("0 0 * * MON").as_deref(), Some("cron(0 0 ? * MON *)"));
        assert_eq!(expression("0 0 1 * *").as_deref(), Some("cron(0 0 1 * ? *)"));
        assert_eq!((expression("0 0 1 * 1"), expression("* *")), (None, None));
    }
}
