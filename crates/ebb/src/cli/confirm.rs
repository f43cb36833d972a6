//! Asking before something is lost.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::failure::Failure;

/// Whether to go on: `yes` answers it, else whoever sits at the terminal does.
///
/// # Errors
/// A [`Failure`] where nobody is there to be asked.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage(format!("{question} Nobody is here to answer"), "standard input")
            .hint("--yes answers it"));
    }
    let mut error = io::stderr();
    let _ = write!(error, "{question} [y/N] ").and_then(|()| error.flush());
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::new(error.to_string(), "standard input"))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
