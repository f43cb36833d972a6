//! What is noted of an event for those who ask what became of it.

use ebb_store::trail::{Step, StepKind};

use super::accepted::Accepted;
use super::destinations::{error_message, invoked_arn};
use super::next::{Attempt, Condition, Next, Policy};
use crate::Shared;

/// The event was taken on.
pub(super) fn accepted(shared: &Shared, event: &Accepted, cause: Option<String>) {
    note(shared, event, StepKind::Accepted, |step| step.cause(cause));
}

/// An attempt begins.
pub(super) fn tried(shared: &Shared, event: &Accepted) {
    note(shared, event, StepKind::Tried, |step| step.attempt(event.failures + 1));
}

/// An attempt is over, and what follows is settled.
pub(super) fn followed(shared: &Shared, event: &Accepted, attempt: &Attempt, next: &Next, policy: &Policy) {
    let failed = || {
        let (number, why) = match attempt {
            Attempt::Ended(outcome) => (Some(event.failures + 1), error_message(outcome)),
            Attempt::NotRun(error) => (None, error.to_string()),
            Attempt::TooLate => (None, "the event waited for longer than it may".to_owned()),
        };
        let numbered = |step: Step| number.map_or(step.clone(), |number| step.attempt(number));
        note(shared, event, StepKind::Failed, |step| numbered(step.detail(why)));
    };
    match next {
        Next::PutBack => {}
        Next::Retry { after, .. } => {
            failed();
            let detail = format!("again in {} s", after.as_secs_f32());
            note(shared, event, StepKind::Retried, |step| step.detail(detail));
        }
        Next::Done(Condition::Success) => {
            let kept = policy.on_success.as_ref().filter(|target| !target.is_empty());
            note(shared, event, StepKind::Delivered, |step| match kept {
                Some(target) => step.detail(format!("the result goes to {target}")),
                None => step,
            });
        }
        Next::Done(condition) => {
            failed();
            let snapshot = shared.catalog.snapshot();
            let dead = snapshot.functions.get(&event.function);
            let dead = dead.and_then(|function| function.latest.settings.dead_letter.as_deref());
            let destination = policy.on_failure.as_deref().filter(|target| !target.is_empty());
            let kept: Vec<&str> = [dead, destination].into_iter().flatten().collect();
            let kind = if kept.is_empty() { StepKind::Dropped } else { StepKind::DeadLettered };
            let to = if kept.is_empty() { String::new() } else { format!(": to {}", kept.join(" and ")) };
            note(shared, event, kind, |step| step.detail(format!("{}{to}", condition.as_str())));
        }
    }
}

fn note(shared: &Shared, event: &Accepted, kind: StepKind, more: impl FnOnce(Step) -> Step) {
    let step = Step::new(shared.clock.now(), event.id.to_string(), kind, invoked_arn(shared, event));
    shared.store.trail().note(&more(step));
}
