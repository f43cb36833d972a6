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
    /// The other's figure; where the target is a figure and not a ratio, that figure.
    pub(crate) other: f64,
    /// Unit of both figures.
    pub(crate) unit: &'static str,
    /// Ours divided by the other's.
    pub(crate) ratio: f64,
    /// What we aim for, as in `>= 0.6`; none where there is no aim.
    pub(crate) target: Option<String>,
    /// Whether the target is met.
    pub(crate) holds: Option<bool>,
    /// How much of the target is reached, 1 being all of it; more is better.
    #[serde(skip)]
    reached: Option<f64>,
    /// Lowest and highest of the rounds, ours and the other's; absent where a figure is of one round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spread: Option<[[f64; 2]; 2]>,
}

/// What is aimed for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// Of the ratio.
    AtLeast(f64),
    /// Of the ratio.
    AtMost(f64),
    /// Of what ours is above the other's.
    AtMostMore(f64),
    None,
}

impl Row {
    /// Ours against another.
    pub(crate) fn new(
        what: impl Into<String>,
        unit: &'static str,
        ours: f64,
        other: f64,
        target: Target,
    ) -> Self {
        let ratio = ours / other;
        let (target, reached) = match target {
            Target::AtLeast(bound) => (Some(format!(">= {bound}")), Some(ratio / bound)),
            Target::AtMost(bound) => (Some(format!("<= {bound}")), Some(bound / ratio)),
            Target::AtMostMore(more) => (Some(format!("<= other + {more}")), Some((other + more) / ours)),
            Target::None => (None, None),
        };
        let holds = reached.map(|reached| reached >= 1.0);
        Self { what: what.into(), ours, other, unit, ratio, target, holds, reached, spread: None }
    }

    /// Ours against a figure that it should reach.
    pub(crate) fn at_least(what: impl Into<String>, unit: &'static str, ours: f64, figure: f64) -> Self {
        let row = Self::new(what, unit, ours, figure, Target::AtLeast(1.0));
        Self { target: Some(format!(">= {figure} {unit}")), ..row }
    }

    /// Ours against a figure that it should not pass.
    pub(crate) fn at_most(what: impl Into<String>, unit: &'static str, ours: f64, figure: f64) -> Self {
        let row = Self::new(what, unit, ours, figure, Target::AtMost(1.0));
        Self { target: Some(format!("<= {figure} {unit}")), ..row }
    }

    /// How much of the target is reached, 1 being all of it; more is better.
    pub(crate) fn reached(&self) -> Option<f64> {
        self.reached
    }

    /// The same with the lowest and the highest of the rounds.
    pub(crate) fn spread(self, ours: &[f64], other: &[f64]) -> Self {
        Self { spread: Some([extremes(ours), extremes(other)]), ..self }
    }
}

fn extremes(values: &[f64]) -> [f64; 2] {
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    [lowest, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)]
}

/// The rows as a Markdown table.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| what | ours | other | unit | ratio | target | holds |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let holds = row.holds.map_or("", |holds| if holds { "yes" } else { "no" });
        let target = row.target.as_deref().unwrap_or("");
        let (ours, other) = match row.spread {
            Some([ours, other]) => (with_spread(row.ours, ours), with_spread(row.other, other)),
            None => (figure(row.ours), figure(row.other)),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {ours} | {other} | {} | {:.2} | {target} | {holds} |",
            row.what, row.unit, row.ratio
        );
    }
    text
}

fn with_spread(value: f64, [lowest, highest]: [f64; 2]) -> String {
    format!("{} ({}–{})", figure(value), figure(lowest), figure(highest))
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
        assert_eq!(Row::new("w", "µs", 250.0, 100.0, Target::AtMostMore(150.0)).holds, Some(true));
        assert_eq!(Row::at_least("w", "/s", 499.0, 500.0).holds, Some(false));
        assert_eq!(Row::at_most("w", "MB", 20.0, 20.0).holds, Some(true));
    }

    #[test]
    fn the_spread_stands_beside_the_figures() {
        let row = Row::new("w", "ms", 2.0, 1.0, Target::None).spread(&[2.0, 3.0, 1.0], &[1.0]);
        assert!(table(&[row]).contains("| 2.00 (1.00–3.00) | 1.00 (1.00–1.00) |"));
    }
}
