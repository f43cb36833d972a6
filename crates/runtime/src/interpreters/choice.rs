//! Which of several interpreters runs a runtime. Pure.

use super::{Chosen, Interpreter, Language, is_system};

/// The interpreter for this level of a language: the same level, else the nearest higher, else the nearest lower.
pub(super) fn choose(language: Language, level: u16, found: &[Interpreter]) -> Option<Chosen> {
    let usable = found.iter().filter_map(|interpreter| {
        let own = language.level(interpreter.version)?;
        (own >= language.lowest()).then_some((own, interpreter))
    });
    let (own, interpreter) = usable.min_by_key(|(own, interpreter)| {
        let lower = *own < level;
        (lower, own.abs_diff(level), !is_system(&interpreter.program), std::cmp::Reverse(interpreter.version))
    })?;
    Some(Chosen { interpreter: interpreter.clone(), exact: own == level })
}
