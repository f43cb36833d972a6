//! The rows that have a target as a chart: how far each is from it.

use std::fmt::Write as _;

use crate::row::Row;

const LABEL: f64 = 560.0;
const BARS: f64 = 360.0;
const LINE: f64 = 22.0;
/// Where the target lies on a bar's way, so that what passes it has room.
const AIM: f64 = 0.5;

/// An SVG image: one bar a row, the line is the target, longer is better.
pub(crate) fn svg(rows: &[Row]) -> String {
    let bars: Vec<(&Row, f64)> = rows.iter().filter_map(|row| Some((row, row.reached()?))).collect();
    let (width, height) = (LABEL + BARS + 60.0, LINE * (bars.len() as f64 + 1.5));
    let mut image = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (place, (row, reached)) in bars.iter().enumerate() {
        let y = LINE * (place as f64 + 0.75);
        let length = (reached * AIM).min(1.0) * BARS;
        let colour = if *reached >= 1.0 { "#2a7" } else { "#d73" };
        let text = y + 12.0;
        // Writing to a String cannot fail.
        let _ = writeln!(
            image,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{}</text><rect x=\"{LABEL}\" y=\"{y}\" width=\"{length:.1}\" height=\"16\" fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{text}\">{reached:.2}×</text>",
            LABEL - 8.0,
            escape(&row.what),
            LABEL + length + 6.0
        );
    }
    let aim = LABEL + BARS * AIM;
    let _ = writeln!(
        image,
        "<line x1=\"{aim}\" y1=\"8\" x2=\"{aim}\" y2=\"{:.0}\" stroke=\"#333\" stroke-dasharray=\"4 3\"/><text x=\"{aim}\" y=\"{:.0}\" text-anchor=\"middle\">target</text>\n</svg>",
        height - LINE,
        height - 6.0
    );
    image
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Target;

    #[test]
    fn each_row_with_a_target_has_a_bar() {
        let rows = [
            Row::new("twice as good <as> asked", "ms", 1.0, 2.0, Target::AtMost(1.0)),
            Row::new("no target", "ms", 1.0, 2.0, Target::None),
            Row::at_least("half", "/s", 250.0, 500.0),
        ];
        let image = svg(&rows);
        assert_eq!(image.matches("height=\"16\"").count(), 2, "{image}");
        assert!(image.contains("twice as good &lt;as&gt; asked") && image.contains("2.00×"), "{image}");
        assert!(image.contains("0.50×") && !image.contains("no target"), "{image}");
    }
}
