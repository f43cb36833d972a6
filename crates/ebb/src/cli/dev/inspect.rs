//! `ebb dev --inspect`: which functions debuggers attach to, and where.

use std::fmt;

use ebb_app::Plan;

use crate::cli::Failure;

/// The runtime of servers, whatever they are in.
const SERVER: &str = "http";

/// How long a function may run that somebody looks at, in seconds: the longest that there is.
const TIMEOUT: u32 = 900;

/// Where a debugger attaches to a function.
pub(super) struct Debugger {
    function: String,
    port: u16,
    language: &'static str,
}

impl fmt::Display for Debugger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, port, language } = self;
        write!(f, "debugger of {function} ({language}): 127.0.0.1:{port}")
    }
}

/// Has a debugger listen in every function that can have one, from `port` on.
///
/// # Errors
/// Where there is none.
pub(super) fn prepare(plan: &mut Plan, port: u16) -> Result<Vec<Debugger>, Failure> {
    let mut debuggers = Vec::new();
    let mut next = |function: String, runtime: &str| {
        let language = language(runtime)?;
        let offset = u16::try_from(debuggers.len()).unwrap_or(u16::MAX);
        let port = port.checked_add(offset)?;
        debuggers.push(Debugger { function, port, language });
        Some(port)
    };
    for function in &mut plan.functions {
        let name = if function.name.is_empty() { String::new() } else { format!("-{}", function.name) };
        let Some(port) = next(format!("{}{name}", plan.app), &function.runtime) else { continue };
        function.inspect = Some(port);
        if function.runtime == SERVER {
            function.environment.insert("NODE_OPTIONS".to_owned(), format!("--inspect=127.0.0.1:{port}"));
        }
        function.timeout = TIMEOUT;
    }
    if let Some(stack) = &mut plan.stack {
        for (logical, runtime) in stack.functions() {
            let port = next(logical.clone(), &runtime);
            stack.inspect.extend(port.map(|port| (logical, port)));
        }
    }
    if debuggers.is_empty() {
        let why = "debuggers attach to functions of Node.js and Python, and the app has none";
        return Err(Failure::new(why, "--inspect"));
    }
    Ok(debuggers)
}

/// The language of a function that may have a debugger.
fn language(runtime: &str) -> Option<&'static str> {
    [("nodejs", "Node.js"), ("python", "Python"), (SERVER, "where it is one of Node.js")]
        .into_iter()
        .find_map(|(family, language)| runtime.starts_with(family).then_some(language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_languages_have_debuggers() {
        for (runtime, expected) in [
            ("nodejs", Some("Node.js")),
            ("nodejs20.x", Some("Node.js")),
            ("python3.11", Some("Python")),
            ("deno", None),
        ] {
            assert_eq!(language(runtime), expected, "{runtime}");
        }
        assert!(prepare(&mut Plan::new("a"), 9229).is_err());
    }
}
