use super::*;

/// 2014-01-15T10:30:00Z, the example of the documentation.
const WRITTEN: Timestamp = Timestamp(1_389_781_800_000);
/// 2014-01-19T00:00:00Z
const THREE_DAYS_LATER: Timestamp = Timestamp(1_390_089_600_000);

fn object(key: &str, age: i64, marker: bool) -> Object {
    Object {
        key: key.to_owned(),
        version: format!("v{age}"),
        order: 0,
        marker,
        modified: Timestamp(WRITTEN.millis() - age * DAY),
        etag: String::new(),
        size: 100,
        parts: Vec::new(),
        multipart: false,
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        tags: [("team".to_owned(), "a".to_owned())].into(),
        checksums: BTreeMap::new(),
        settings: BTreeMap::new(),
        lock: crate::bucket::ObjectLock::default(),
    }
}

fn rule() -> LifecycleRule {
    LifecycleRule {
        id: "r".to_owned(),
        enabled: true,
        filter: LifecycleFilter::default(),
        expiration: None,
        removes_markers: false,
        noncurrent: None,
        abort_uploads_days: None,
    }
}

#[test]
fn days_are_rounded_up_to_the_next_midnight() {
    assert_eq!(midnight_after(WRITTEN, 3), THREE_DAYS_LATER);
    // Midnight itself is no exception.
    assert_eq!(midnight_after(Timestamp(0), 1), Timestamp(2 * DAY));
    let rule = LifecycleRule { expiration: Some(Expiration::Days(3)), ..rule() };
    let object = [object("k", 0, false)];
    let at = |now: Timestamp| due(std::slice::from_ref(&rule), &object, Versioning::Never, now).len();
    assert_eq!((at(Timestamp(THREE_DAYS_LATER.millis() - 1)), at(THREE_DAYS_LATER)), (0, 1));
}

#[test]
fn a_rule_is_about_what_its_filter_covers() {
    let tags = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let none = LifecycleFilter::default;
    for (filter, covered) in [
        (none(), true),
        (LifecycleFilter { prefix: "logs/".to_owned(), ..none() }, true),
        (LifecycleFilter { prefix: "other/".to_owned(), ..none() }, false),
        (LifecycleFilter { tags: tags(&[("team", "a")]), ..none() }, true),
        (LifecycleFilter { tags: tags(&[("team", "b")]), ..none() }, false),
        (LifecycleFilter { tags: tags(&[("team", "a"), ("x", "y")]), ..none() }, false),
        (LifecycleFilter { larger_than: Some(99), smaller_than: Some(101), ..none() }, true),
        (LifecycleFilter { larger_than: Some(100), ..none() }, false),
        (LifecycleFilter { smaller_than: Some(100), ..none() }, false),
    ] {
        assert_eq!(filter.covers(&object("logs/1", 0, false)), covered, "{filter:?}");
    }
}

#[track_caller]
fn check(rules: &[LifecycleRule], versions: &[(i64, bool)], expected: &[&str]) {
    let versions: Vec<Object> = versions.iter().map(|(age, marker)| object("k", *age, *marker)).collect();
    let found = due(rules, &versions, Versioning::Enabled, Timestamp(WRITTEN.millis() + DAY));
    let shown: Vec<String> = found
        .iter()
        .map(|due| match due {
            Due::Expire(object) => format!("expire {}", object.version),
            Due::Remove(object) => format!("remove {}", object.version),
        })
        .collect();
    assert_eq!(shown, expected, "{rules:?} {versions:?}");
}

#[test]
fn versions_go_by_their_place_and_age() {
    let days = |days| LifecycleRule { expiration: Some(Expiration::Days(days)), ..rule() };
    let date = LifecycleRule { expiration: Some(Expiration::Date(Timestamp(0))), ..rule() };
    let off = LifecycleRule { enabled: false, ..days(1) };
    check(&[days(5)], &[(10, false)], &["expire v10"]);
    check(&[days(5), off], &[(1, false)], &[]);
    check(&[date], &[(0, false)], &["expire v0"]);
    // A marker hides what is older, and goes by itself when nothing is.
    check(&[days(5)], &[(10, true), (12, false)], &[]);
    check(&[days(5)], &[(10, true)], &["remove v10"]);
    check(&[days(5)], &[(1, true)], &[]);
    let markers = LifecycleRule { removes_markers: true, ..rule() };
    check(std::slice::from_ref(&markers), &[(0, true)], &["remove v0"]);
    check(&[markers], &[(0, true), (1, false)], &[]);
    // An older version's age counts from when the next took its place.
    let noncurrent =
        |days, keep| LifecycleRule { noncurrent: Some(NoncurrentExpiration { days, keep }), ..rule() };
    let versions = [(0, false), (2, false), (8, false), (9, true), (20, false)];
    check(&[noncurrent(5, 0)], &versions, &["remove v9", "remove v20"]);
    check(&[noncurrent(1, 0)], &versions, &["remove v8", "remove v9", "remove v20"]);
    check(&[noncurrent(1, 3)], &versions, &["remove v20"]);
    check(&[noncurrent(5, 0), days(0)], &versions, &["expire v0", "remove v9", "remove v20"]);
}

#[test]
fn the_first_rule_to_expire_something_is_the_one_that_is_told() {
    let rules = [3, 1, 2].map(|days| LifecycleRule {
        id: format!("r{days}"),
        expiration: Some(Expiration::Days(days)),
        ..rule()
    });
    let (at, rule) = expiry(&rules, &object("k", 0, false)).expect("it expires");
    assert_eq!((at, rule.id.as_str()), (midnight_after(WRITTEN, 1), "r1"));
}
