//! Each kind of end and what follows it.

use std::time::Duration;

use bytes::Bytes;
use ebb_model::{
    FailureKind, FunctionFailure, FunctionReference, Invocation, Outcome, Report, RequestId, Response,
    Timestamp, Trigger, Version,
};

use super::super::accepted::Accepted;
use super::{Attempt, Condition, Next, Policy, next};
use crate::config::AsynchronousPacing;
use crate::error::{InvokeError, ThrottleReason};

fn event(failures: u32, deferrals: u32) -> Accepted {
    let function = FunctionReference::parse("f").unwrap();
    let invocation = Invocation::new(function, Bytes::new(), Trigger::Direct);
    let payload = serde_json::from_str("{}").unwrap();
    Accepted { failures, deferrals, ..Accepted::new(&invocation, payload, Timestamp(0)) }
}

fn ended(result: Result<Response, FailureKind>) -> Attempt {
    let result = result.map_err(|kind| FunctionFailure { kind, payload: Bytes::from_static(b"{}") });
    let (id, version, report) = (RequestId::random(), Version::Latest, Report::default());
    Attempt::Ended(Outcome { id, version, result, report, log_tail: None })
}

fn failed() -> Attempt {
    ended(Err(FailureKind::Timeout))
}

/// What follows, in short: seconds and counts of the retry, or the condition.
fn follows(event: &Accepted, attempt: &Attempt, policy: &Policy) -> String {
    match next(event, attempt, policy, &AsynchronousPacing::default()) {
        Next::Retry { after, event } => {
            format!("{} s, {} failures, {} deferrals", after.as_secs(), event.failures, event.deferrals)
        }
        Next::PutBack => "put back".to_owned(),
        Next::Done(condition) => condition.as_str().to_owned(),
    }
}

#[test]
fn function_errors_are_tried_again_twice() {
    let policy = Policy::of(None, false);
    let success = ended(Ok(Response::Whole(Bytes::new())));
    assert_eq!(follows(&event(0, 0), &success, &policy), "Success");
    assert_eq!(follows(&event(0, 5), &failed(), &policy), "60 s, 1 failures, 0 deferrals");
    assert_eq!(follows(&event(1, 0), &failed(), &policy), "120 s, 2 failures, 0 deferrals");
    assert_eq!(follows(&event(2, 0), &failed(), &policy), "RetriesExhausted");
    let none = Policy { max_retries: 0, ..policy };
    assert_eq!(follows(&event(0, 0), &failed(), &none), "RetriesExhausted");
}

#[test]
fn what_could_not_run_is_put_off_without_counting() {
    let policy = Policy::of(None, false);
    let throttled = || Attempt::NotRun(InvokeError::Throttled(ThrottleReason::AccountConcurrency));
    assert_eq!(follows(&event(1, 0), &throttled(), &policy), "1 s, 1 failures, 1 deferrals");
    assert_eq!(follows(&event(1, 3), &throttled(), &policy), "8 s, 1 failures, 4 deferrals");
    assert_eq!(follows(&event(1, 40), &throttled(), &policy), "300 s, 1 failures, 41 deferrals");
    let internal = Attempt::NotRun(InvokeError::Internal(String::new()));
    assert_eq!(follows(&event(0, 1), &internal, &policy), "2 s, 0 failures, 2 deferrals");
}

#[test]
fn what_cannot_ever_run_is_over() {
    let policy = Policy::of(None, false);
    let gone = Attempt::NotRun(InvokeError::NotFound(String::new()));
    assert_eq!(follows(&event(0, 0), &gone, &policy), "FunctionNotFound");
    assert_eq!(follows(&event(0, 0), &Attempt::TooLate, &policy), "EventAgeExceeded");
    let off = Policy::of(None, true);
    let throttled = Attempt::NotRun(InvokeError::Throttled(ThrottleReason::ReservedConcurrency));
    assert_eq!(follows(&event(0, 0), &throttled, &off), "ZeroReservedConcurrency");
    assert_eq!(follows(&event(0, 0), &Attempt::NotRun(InvokeError::ShuttingDown), &policy), "put back");
}

#[test]
fn an_event_that_waited_for_longer_than_it_may_has_expired() {
    let policy = Policy::of(None, false);
    let hours = |hours: i64| Timestamp(hours * 3_600_000);
    assert!(!event(0, 0).expired(hours(6), policy.max_age));
    assert!(event(0, 0).expired(hours(7), policy.max_age));
    assert!(event(0, 0).expired(hours(1), Duration::from_secs(60)));
    assert_eq!(Condition::EventAgeExceeded.as_str(), "EventAgeExceeded");
}
