//! Writing for people: colour and progress on a terminal only.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::failure::Failure;

/// How a piece of text looks on a terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Cyan => "36",
        }
    }
}

/// Standard output and standard error, as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    colour_out: bool,
    colour_err: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        // https://no-color.org: any value that is not empty turns colour off.
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            colour_out: wanted && io::stdout().is_terminal(),
            colour_err: wanted && io::stderr().is_terminal(),
        }
    }

    /// `text`, coloured where standard output is a terminal.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        paint(self.colour_out, style, text)
    }

    /// A line of the result.
    pub(crate) fn line(self, text: &str) {
        // Whoever reads may have gone (`| head`): that ends nothing but the output.
        let _ = writeln!(io::stdout(), "{text}");
    }

    /// Bytes of the result, as they are.
    pub(crate) fn bytes(self, bytes: &[u8]) {
        let mut out = io::stdout();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }

    /// A line beside the result.
    pub(crate) fn note(self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// A failure, in the one form that they have.
    pub(crate) fn failure(self, failure: &Failure) {
        let error = paint(self.colour_err, Style::Red, "error:");
        let (what, place) = (&failure.what, &failure.place);
        // What was said may have several lines, the first of which says it.
        match what.split_once('\n') {
            Some((first, rest)) => self.note(&format!("{error} {first} ({place})\n{rest}")),
            None => self.note(&format!("{error} {what} ({place})")),
        }
        if let Some(hint) = &failure.hint {
            self.note(&format!("{} {hint}", paint(self.colour_err, Style::Cyan, "hint:")));
        }
    }

    /// A line that changes while something goes on; nothing where standard error is no terminal.
    pub(crate) fn progress(self) -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(bar)
    }

    /// A table: columns as wide as they must be, two blanks between, no frame.
    pub(crate) fn table(self, head: &[&str], rows: &[Vec<String>]) {
        let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let padded: Vec<_> = cells.zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
            padded.join("  ").trim_end().to_owned()
        };
        self.line(&self.paint(Style::Dim, &line(&mut head.iter().copied())));
        for row in rows {
            self.line(&line(&mut row.iter().map(String::as_str)));
        }
    }
}

fn paint(colour: bool, style: Style, text: &str) -> String {
    if colour { format!("\x1b[{}m{text}\x1b[0m", style.code()) } else { text.to_owned() }
}

/// A line that says what goes on. It goes away with this value.
#[derive(Debug, Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn say(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
