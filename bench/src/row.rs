//! One line of the benchmark's result.

use std::fmt::Write as _;

use serde::Serialize;

/// One comparison.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// What was measured, of whom.
    pub(crate) what: String,
    /// Our figure.
    pub(crate) ours: f64,
    /// The other's figure.
    pub(crate) other: f64,
    /// Unit of both figures.
    pub(crate) unit: &'static str,
    /// Ours divided by the other's.
    pub(crate) ratio: f64,
    /// What we aim for, as in `>= 0.6`; none where there is no aim yet.
    pub(crate) target: Option<String>,
    /// Whether the ratio meets the target.
    pub(crate) holds: Option<bool>,
}

/// Which side of the figure is better.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    None,
}

impl Row {
    pub(crate) fn new(
        what: impl Into<String>,
        unit: &'static str,
        ours: f64,
        other: f64,
        target: Target,
    ) -> Self {
        let ratio = ours / other;
        let (target, holds) = match target {
            Target::AtLeast(bound) => (Some(format!(">= {bound}")), Some(ratio >= bound)),
            Target::AtMost(bound) => (Some(format!("<= {bound}")), Some(ratio <= bound)),
            Target::None => (None, None),
        };
        Self { what: what.into(), ours, other, unit, ratio, target, holds }
    }
}

/// The rows as a Markdown table.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| what | ours | other | unit | ratio | target | holds |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let holds = row.holds.map_or("", |holds| if holds { "yes" } else { "no" });
        let target = row.target.as_deref().unwrap_or("");
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.2} | {target} | {holds} |",
            row.what,
            figure(row.ours),
            figure(row.other),
            row.unit,
            row.ratio
        );
    }
    text
}

/// Three significant digits.
fn figure(value: f64) -> String {
    match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_its_target_holds() {
        let at_least = Row::new("w", "req/s", 6.0, 10.0, Target::AtLeast(0.6));
        assert_eq!((at_least.ratio, at_least.holds), (0.6, Some(true)));
        let at_most = Row::new("w", "ms", 2.0, 1.0, Target::AtMost(1.5));
        assert_eq!((at_most.target.as_deref(), at_most.holds), (Some("<= 1.5"), Some(false)));
        assert!(table(&[at_most]).ends_with("| w | 2.00 | 1.00 | ms | 2.00 | <= 1.5 | no |\n"));
    }
}
