//! Numbers: equality across notations, and ranges.

use std::cmp::Ordering;

use serde_json::Number;

/// The bounds of the numbers that patterns may name: ±5·10⁹, as the user guide says.
const LIMIT: f64 = 5.0e9;

/// The numbers between two bounds, either of which may be missing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    low: Option<Bound>,
    high: Option<Bound>,
}

#[derive(Debug, Clone, PartialEq)]
struct Bound {
    value: Number,
    inclusive: bool,
}

impl Range {
    /// Reads the list of a `numeric` test: `["=", 5]`, `[">", 0, "<=", 5]`.
    pub(super) fn parse(list: &[serde_json::Value]) -> Result<Self, String> {
        let mut range = Self { low: None, high: None };
        if list.is_empty() {
            return Err("Invalid member in numeric match: ]".to_owned());
        }
        if list.len() > 4 {
            return Err("Too many elements in numeric expression".to_owned());
        }
        for pair in list.chunks(2) {
            let (operator, value) = match pair {
                [operator, value] => (operator, value),
                [operator, ..] => return Err(must_be_numeric(operator)),
                [] => break,
            };
            let operator =
                operator.as_str().ok_or_else(|| format!("Invalid member in numeric match: {operator}"))?;
            let value = value.as_number().ok_or_else(|| must_be_numeric(&operator.into()))?;
            within_limits(value)?;
            range.add(operator, value, list.len())?;
        }
        match (&range.low, &range.high) {
            (Some(low), Some(high)) if list.len() > 2 && compare(&low.value, &high.value).is_ge() => {
                Err("Bottom must be less than top".to_owned())
            }
            _ => Ok(range),
        }
    }

    fn add(&mut self, operator: &str, value: &Number, length: usize) -> Result<(), String> {
        let bound = |inclusive| Some(Bound { value: value.clone(), inclusive });
        match operator {
            "=" if length > 2 => return Err("Too many elements in numeric expression".to_owned()),
            "=" => (self.low, self.high) = (bound(true), bound(true)),
            ">" | ">=" if self.low.is_none() => self.low = bound(operator == ">="),
            "<" | "<=" if self.high.is_none() => self.high = bound(operator == "<="),
            ">" | ">=" | "<" | "<=" => return Err(format!("Bad numeric range operator: {operator}")),
            _ => return Err(format!("Unrecognized numeric range operator: {operator}")),
        }
        Ok(())
    }

    pub(super) fn contains(&self, number: &Number) -> bool {
        let above = |bound: &Bound| match compare(number, &bound.value) {
            Ordering::Equal => bound.inclusive,
            order => order.is_gt(),
        };
        let below = |bound: &Bound| match compare(number, &bound.value) {
            Ordering::Equal => bound.inclusive,
            order => order.is_lt(),
        };
        self.low.as_ref().is_none_or(above) && self.high.as_ref().is_none_or(below)
    }
}

fn must_be_numeric(operator: &serde_json::Value) -> String {
    format!("Value of {} must be numeric", operator.as_str().unwrap_or_default())
}

fn within_limits(number: &Number) -> Result<(), String> {
    match number.as_f64() {
        Some(value) if value.abs() <= LIMIT => Ok(()),
        _ => Err(format!("Value must be between -5.0E9 and 5.0E9, inclusive, and {number} is not")),
    }
}

/// Whether two numbers are the same, however they are written: `300`, `300.0` and `3.0e2` are.
pub(super) fn same_number(one: &Number, other: &Number) -> bool {
    compare(one, other).is_eq()
}

fn compare(one: &Number, other: &Number) -> Ordering {
    if let (Some(one), Some(other)) = (one.as_i64(), other.as_i64()) {
        return one.cmp(&other);
    }
    let value = |number: &Number| number.as_f64().unwrap_or(f64::NAN);
    // JSON has no numbers that do not compare.
    value(one).partial_cmp(&value(other)).unwrap_or(Ordering::Less)
}
