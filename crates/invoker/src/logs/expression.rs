//! `&&`, `||` and parentheses around tests of any kind.

use std::fmt;

use super::InvalidPattern;
use super::cursor::Cursor;

/// How deeply parentheses may nest.
const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone)]
pub(super) enum Expression<T> {
    All(Vec<Expression<T>>),
    Any(Vec<Expression<T>>),
    Test(T),
}

type ReadTest<'r, T> = &'r dyn Fn(&mut Cursor<'_>) -> Result<T, InvalidPattern>;

impl<T> Expression<T> {
    /// Reads as much as belongs to the expression; `&&` binds closer than `||`.
    pub(super) fn read(cursor: &mut Cursor<'_>, test: ReadTest<'_, T>) -> Result<Self, InvalidPattern> {
        Self::any(cursor, test, 0)
    }

    fn any(cursor: &mut Cursor<'_>, test: ReadTest<'_, T>, depth: usize) -> Result<Self, InvalidPattern> {
        let mut parts = vec![Self::all(cursor, test, depth)?];
        while cursor.take_spaced("||") {
            parts.push(Self::all(cursor, test, depth)?);
        }
        Ok(one_or(parts, Self::Any))
    }

    fn all(cursor: &mut Cursor<'_>, test: ReadTest<'_, T>, depth: usize) -> Result<Self, InvalidPattern> {
        let mut parts = vec![Self::single(cursor, test, depth)?];
        while cursor.take_spaced("&&") {
            parts.push(Self::single(cursor, test, depth)?);
        }
        Ok(one_or(parts, Self::All))
    }

    fn single(cursor: &mut Cursor<'_>, test: ReadTest<'_, T>, depth: usize) -> Result<Self, InvalidPattern> {
        if !cursor.take_spaced("(") {
            return test(cursor).map(Self::Test);
        }
        if depth == MAX_DEPTH {
            return Err(InvalidPattern(format!("more than {MAX_DEPTH} parentheses deep")));
        }
        let inner = Self::any(cursor, test, depth + 1)?;
        if cursor.take_spaced(")") { Ok(inner) } else { Err(cursor.unexpected()) }
    }

    pub(super) fn holds(&self, test: &dyn Fn(&T) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(test)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(test)),
            Self::Test(own) => test(own),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Expression<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, operator) = match self {
            Self::All(parts) => (parts, "&&"),
            Self::Any(parts) => (parts, "||"),
            Self::Test(test) => return test.fmt(f),
        };
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                write!(f, " {operator} ")?;
            }
            match part {
                Self::Test(test) => test.fmt(f)?,
                part => write!(f, "({part})")?,
            }
        }
        Ok(())
    }
}

fn one_or<T>(mut parts: Vec<Expression<T>>, many: fn(Vec<Expression<T>>) -> Expression<T>) -> Expression<T> {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            many(parts)
        }
    }
}
