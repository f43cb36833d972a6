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
    /// Reads the list of a `numeric` test: `["=", 5]`, `[">", 0, "<=", 5]`. What is said of a wrong one is what the
    /// services say (recorded 2025).
    pub(super) fn parse(list: &[serde_json::Value]) -> Result<Self, String> {
        let first = list.first().ok_or("Invalid member in numeric match: ]")?;
        let operator = first.as_str().ok_or_else(|| format!("Invalid member in numeric match: {first}"))?;
        if !["=", ">", ">=", "<", "<="].contains(&operator) {
            return Err(format!("Unrecognized numeric range operator: {operator}"));
        }
        let bottom = bound(operator, list.get(1))?;
        let Some(second) = list.get(2) else {
            return Ok(match operator {
                "=" => Self { high: Some(bottom.clone()), low: Some(bottom) },
                ">" | ">=" => Self { low: Some(bottom), high: None },
                _ => Self { low: None, high: Some(bottom) },
            });
        };
        if !operator.starts_with('>') {
            return Err("Too many elements in numeric expression".to_owned());
        }
        let operator = second.as_str().ok_or_else(|| format!("Bad value in numeric range: {second}"))?;
        if !["<", "<="].contains(&operator) {
            return Err(format!("Bad numeric range operator: {operator}"));
        }
        let top = bound(operator, list.get(3))?;
        if list.len() > 4 {
            return Err("Too many terms in numeric range expression".to_owned());
        }
        if compare(&bottom.value, &top.value).is_ge() {
            return Err("Bottom must be less than top".to_owned());
        }
        Ok(Self { low: Some(bottom), high: Some(top) })
    }

    /// The lowest and the highest number that may be in it, as floats; infinite where there is no bound.
    pub(super) fn ends(&self) -> (f64, f64) {
        let end = |bound: &Option<Bound>, none| {
            bound.as_ref().and_then(|bound| bound.value.as_f64()).unwrap_or(none)
        };
        (end(&self.low, f64::NEG_INFINITY), end(&self.high, f64::INFINITY))
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

fn bound(operator: &str, value: Option<&serde_json::Value>) -> Result<Bound, String> {
    let what = if operator == "=" { "equals" } else { operator };
    let value = value.and_then(serde_json::Value::as_number);
    let value = value.ok_or_else(|| format!("Value of {what} must be numeric"))?;
    within_limits(value)?;
    Ok(Bound { value: value.clone(), inclusive: operator.ends_with('=') })
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
