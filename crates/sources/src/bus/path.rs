//! Paths into events: `$.detail.instance-id`, `$.resources[0]`, `$.a['b c']`.
//!
//! The dialect of the event bus, which takes names that the standard JSONPath wants quoted. Source: EventBridge user
//! guide, "Amazon EventBridge input transformation" (2026-11).

use serde_json::Value;

/// A path from the root of an event to one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
    /// All elements, as an array.
    Every,
}

impl Path {
    /// Reads a path; nothing where it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let step;
            (step, rest) = match rest.strip_prefix('.') {
                Some(name) => Self::name(name)?,
                None => Self::bracket(rest.strip_prefix('[')?)?,
            };
            steps.push(step);
        }
        Some(Self { steps })
    }

    fn name(text: &str) -> Option<(Step, &str)> {
        let (name, rest) = text.split_at(text.find(['.', '[']).unwrap_or(text.len()));
        match name {
            "" => None,
            "*" => Some((Step::Every, rest)),
            _ => Some((Step::Name(name.to_owned()), rest)),
        }
    }

    fn bracket(text: &str) -> Option<(Step, &str)> {
        for quote in ['\'', '"'] {
            if let Some(quoted) = text.strip_prefix(quote) {
                let (name, rest) = quoted.split_once(quote)?;
                return Some((Step::Name(name.to_owned()), rest.strip_prefix(']')?));
            }
        }
        let (index, rest) = text.split_once(']')?;
        let step = if index == "*" { Step::Every } else { Step::Index(index.parse().ok()?) };
        Some((step, rest))
    }

    /// The value at the path, where there is one.
    pub(super) fn get(&self, event: &Value) -> Option<Value> {
        follow(event, &self.steps)
    }
}

fn follow(value: &Value, steps: &[Step]) -> Option<Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(value.clone()) };
    match step {
        Step::Name(name) => follow(value.get(name)?, rest),
        Step::Index(index) => follow(value.get(index)?, rest),
        Step::Every => {
            let found = value.as_array()?.iter().filter_map(|value| follow(value, rest)).collect();
            Some(Value::Array(found))
        }
    }
}
