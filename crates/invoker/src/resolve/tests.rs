//! Which version an alias leads to.

use std::collections::BTreeMap;

use ebb_model::{Alias, AliasName, RequestId, RevisionId, Version};

use super::pick;

fn alias(weights: &[(u64, f64)]) -> Alias {
    Alias {
        name: AliasName::parse("live").unwrap(),
        version: Version::Published(1),
        weights: weights
            .iter()
            .map(|(version, weight)| (Version::Published(*version), *weight))
            .collect::<BTreeMap<_, _>>(),
        description: String::new(),
        revision: RevisionId::random(),
    }
}

/// The share of requests that reach version 2.
fn check(weight: Option<f64>, expected: f64) {
    let weights = weight.map(|weight| (2, weight));
    let alias = alias(weights.as_slice());
    let reached = (0..10_000).filter(|_| pick(&alias, RequestId::random()) == Version::Published(2)).count();
    let share = f64::from(u32::try_from(reached).unwrap()) / 10_000.0;
    assert!((share - expected).abs() < 0.05, "{share} instead of {expected}");
}

#[test]
fn weights_split_the_requests() {
    check(None, 0.0);
    check(Some(0.0), 0.0);
    check(Some(0.25), 0.25);
    check(Some(0.5), 0.5);
    check(Some(1.0), 1.0);
}

#[test]
fn one_request_always_reaches_one_version() {
    let alias = alias(&[(2, 0.5)]);
    let id = RequestId::random();
    let first = pick(&alias, id);
    assert!((0..100).all(|_| pick(&alias, id) == first));
}
