//! Finding a function's runtime and handler in its files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::error::ProjectError;

/// The program of a custom runtime.
pub(super) const BOOTSTRAP: &str = "bootstrap";

/// The runtime of a package that brings its own program.
const CUSTOM: &str = "provided.al2023";

/// Files that hold a handler where nothing else is said, in the order in which they are looked for.
const CANDIDATES: &[&str] = &[
    "index.mjs",
    "index.js",
    "index.cjs",
    "index.ts",
    "index.mts",
    "app.py",
    "lambda_function.py",
    "main.py",
    "handler.mjs",
    "handler.js",
    "handler.cjs",
    "handler.ts",
    "handler.mts",
    "handler.py",
];

/// Names under which a handler is exported, the likeliest first.
const HANDLER_NAMES: &[&str] = &["handler", "lambda_handler"];

/// How a function is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inferred {
    /// A runtime, or `nodejs` or `python` for whatever version the server has.
    pub(super) runtime: String,
    pub(super) handler: String,
}

/// Fills in what is not said from the files in `package`: a folder, or one file that becomes `bootstrap`.
pub(super) fn infer(
    package: &Path,
    runtime: Option<&str>,
    handler: Option<&str>,
) -> Result<Inferred, ProjectError> {
    if let (Some(runtime), Some(handler)) = (runtime, handler) {
        return Ok(Inferred { runtime: runtime.to_owned(), handler: handler.to_owned() });
    }
    if package.is_file() || is_executable(&package.join(BOOTSTRAP)) {
        return Ok(Inferred {
            runtime: runtime.unwrap_or(CUSTOM).to_owned(),
            handler: handler.unwrap_or(BOOTSTRAP).to_owned(),
        });
    }
    if let Some(handler) = handler {
        // Its module says which language it is.
        let module = handler.rsplit_once('.').map_or(handler, |(module, _)| module);
        let file = ["mjs", "js", "cjs", "ts", "mts", "py"]
            .iter()
            .map(|extension| package.join(format!("{module}.{extension}")))
            .find(|path| path.is_file())
            .ok_or_else(|| ProjectError::NoHandler(package.join(module)))?;
        return Ok(Inferred { runtime: family(&file).to_owned(), handler: handler.to_owned() });
    }
    let wanted = |path: &PathBuf| match runtime {
        Some(runtime) => runtime.starts_with(family(path)),
        None => true,
    };
    let mut without = None;
    for path in CANDIDATES.iter().map(|name| package.join(name)).filter(|path| path.is_file()).filter(wanted)
    {
        match exported(&path)? {
            Some(name) => {
                let module =
                    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                return Ok(Inferred {
                    runtime: runtime.unwrap_or(family(&path)).to_owned(),
                    handler: format!("{module}.{name}"),
                });
            }
            None => without = without.or(Some(path)),
        }
    }
    Err(without.map_or_else(|| ProjectError::NothingFound(package.to_owned()), ProjectError::NoHandler))
}

/// Whether the folder has a file that could hold a handler.
pub(super) fn has_candidate(folder: &Path) -> bool {
    CANDIDATES.iter().any(|name| folder.join(name).is_file()) || is_executable(&folder.join(BOOTSTRAP))
}

fn family(path: &Path) -> &'static str {
    if path.extension().is_some_and(|extension| extension == "py") { "python" } else { "nodejs" }
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The name of the handler that a file exports. Reads the text only: running it is the runtime's business.
fn exported(path: &Path) -> Result<Option<&'static str>, ProjectError> {
    let bytes = fs::read(path).map_err(|source| ProjectError::io("read", path, source))?;
    let text = String::from_utf8_lossy(&bytes);
    let exports = if family(path) == "python" { python_exports } else { script_exports };
    Ok(HANDLER_NAMES.iter().copied().find(|name| exports(&text, name)))
}

fn python_exports(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let rest = match line.strip_prefix("def ") {
            Some(rest) => rest.trim_start(),
            None if line.starts_with("from ") || line.starts_with("import ") => {
                return line.split([' ', ',', '(', ')']).any(|word| word == name);
            }
            None => line,
        };
        rest.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(['(', '=', ':']))
    })
}

fn script_exports(text: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        if before.ends_with(is_word) || after.starts_with(is_word) {
            return false;
        }
        let line = before.rsplit('\n').next().unwrap_or_default();
        before.ends_with("exports.")
            || line.contains("export ")
            || statement_of(before).is_some_and(|start| {
                start.starts_with("export")
                    || start.starts_with("module.exports")
                    || start.starts_with("exports")
            })
    })
}

/// The beginning of the statement whose opening brace is the last one still open.
fn statement_of(before: &str) -> Option<&str> {
    let open = before.rfind('{')?;
    if before[open..].contains('}') {
        return None;
    }
    let start = before[..open].rfind(['\n', ';']).map_or(0, |at| at + 1);
    Some(before[start..open].trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exported_handlers_are_found_in_scripts() {
        for text in [
            "export const handler = async () => 1",
            "export async function handler(e) {}",
            "exports.handler = (e, c, cb) => cb()",
            "module.exports.handler = x",
            "module.exports = { handler }",
            "module.exports = {\n  other,\n  handler: run,\n}",
            "const handler = 1\nexport { handler }",
            "export {\n  run as handler\n}",
        ] {
            assert!(script_exports(text, "handler"), "{text}");
        }
        for text in ["const handler = 1", "export const handlers = 1", "handler()", "if (x) { handler() }"] {
            assert!(!script_exports(text, "handler"), "{text}");
        }
    }

    #[test]
    fn exported_handlers_are_found_in_python() {
        for text in [
            "def handler(event, context):",
            "async def handler(e, c):",
            "handler = App()",
            "from x import handler",
        ] {
            assert!(python_exports(text, "handler"), "{text}");
        }
        for text in ["  def handler(self):", "def handlers(e, c):", "print(handler)", "# handler"] {
            assert!(!python_exports(text, "handler"), "{text}");
        }
    }
}
