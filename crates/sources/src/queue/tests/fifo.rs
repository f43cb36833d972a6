//! FIFO queues against a slow and obviously right model: one line for each group.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What somebody does with a queue.
#[derive(Debug, Clone)]
enum Step {
    /// Sends to a group, under a deduplication id.
    Send(u8, u8),
    /// Receives up to so many.
    Receive(u32),
    /// Deletes the one of those that are held that this number falls on.
    Delete(usize),
    /// Gives one back.
    GiveBack(usize),
    /// Lets seconds pass.
    Wait(i64),
}

#[derive(Debug, Clone)]
struct Line {
    body: String,
    /// Until when somebody holds it.
    held: i64,
}

/// One line for each group, and what was sent in the last five minutes.
#[derive(Default)]
struct Model {
    now: i64,
    groups: BTreeMap<String, Vec<Line>>,
    known: BTreeMap<String, i64>,
}

const VISIBILITY: i64 = 30;
const REMEMBERED: i64 = 5 * 60;

impl Model {
    fn send(&mut self, group: &str, deduplication: &str, body: &str) {
        if self.known.get(deduplication).is_some_and(|until| self.now < *until) {
            return;
        }
        self.known.insert(deduplication.to_owned(), self.now + REMEMBERED);
        let line = Line { body: body.to_owned(), held: 0 };
        self.groups.entry(group.to_owned()).or_default().push(line);
    }

    /// Whether a receive may have given these: of each group the first, in order, up to the one that somebody holds, and
    /// as many as there are.
    fn receive(&mut self, limit: usize, given: &[(String, String)]) -> Result<(), String> {
        let mut free = 0;
        for (group, lines) in &self.groups {
            let of_group: Vec<&String> =
                given.iter().filter(|(of, _)| of == group).map(|(_, body)| body).collect();
            let may: Vec<&String> =
                lines.iter().take_while(|line| line.held <= self.now).map(|line| &line.body).collect();
            free += may.len();
            if !may.starts_with(&of_group) {
                return Err(format!("group {group} gave {of_group:?} and not the first of {may:?}"));
            }
        }
        if given.len() != free.min(limit) {
            return Err(format!("{} came of {free} that may, at most {limit}", given.len()));
        }
        let until = self.now + VISIBILITY;
        for (group, body) in given {
            let lines = self.groups.get_mut(group).into_iter().flatten();
            lines.filter(|line| line.body == *body).for_each(|line| line.held = until);
        }
        Ok(())
    }

    fn find(&mut self, body: &str) -> Option<&mut Line> {
        self.groups.values_mut().flatten().find(|line| line.body == body)
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u8..3, 0_u8..12).prop_map(|(group, id)| Step::Send(group, id)),
        4 => (1_u32..5).prop_map(Step::Receive),
        3 => (0_usize..8).prop_map(Step::Delete),
        1 => (0_usize..8).prop_map(Step::GiveBack),
        1 => prop_oneof![Just(11), Just(41), Just(311)].prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..60)
}

async fn run(steps: Vec<Step>) -> Result<(), String> {
    let world = World::new().await;
    let visibility = VISIBILITY.to_string();
    let queue = world.queue("q.fifo", &[("FifoQueue", "true"), ("VisibilityTimeout", &visibility)]).await;
    let mut model = Model::default();
    let mut held: Vec<Received> = Vec::new();
    for (at, step) in steps.into_iter().enumerate() {
        match step {
            Step::Send(group, id) => {
                let (group, id, body) = (format!("g{group}"), format!("d{id}"), format!("m{at}"));
                let message = QueueMessage {
                    group: Some(group.clone()),
                    deduplication: Some(id.clone()),
                    ..text(&body)
                };
                world
                    .queues
                    .send(&queue, message, "000000000000")
                    .await
                    .map_err(|error| error.to_string())?;
                model.send(&group, &id, &body);
            }
            Step::Receive(limit) => {
                let request = ReceiveRequest {
                    limit: Some(limit.into()),
                    wait_seconds: Some(0),
                    ..ReceiveRequest::default()
                };
                let received =
                    world.queues.receive(&queue, &request).await.map_err(|error| error.to_string())?;
                let given: Vec<(String, String)> = received
                    .iter()
                    .map(|one| (one.message.group.clone().unwrap_or_default(), one.message.body.clone()))
                    .collect();
                model.receive(limit as usize, &given)?;
                held.extend(received);
            }
            Step::Delete(pick) if !held.is_empty() => {
                let one = held.remove(pick % held.len());
                // One whose time is over may be somebody else's, or nobody's, by now.
                let body = one.message.body.clone();
                if model.find(&body).is_some_and(|line| line.held == 0) {
                    continue;
                }
                let deleted = world.queues.delete_message(&queue, one.receipt.as_str()).await;
                let now = model.now;
                if deleted.is_ok() && model.find(&body).is_some_and(|line| line.held > now) {
                    model.groups.values_mut().for_each(|lines| lines.retain(|line| line.body != body));
                }
            }
            Step::GiveBack(pick) if !held.is_empty() => {
                let one = held.remove(pick % held.len());
                let changed = world.queues.change_visibility(&queue, one.receipt.as_str(), 0).await;
                if changed.is_ok()
                    && let Some(line) = model.find(&one.message.body)
                {
                    line.held = 0;
                }
            }
            Step::Delete(_) | Step::GiveBack(_) => {}
            Step::Wait(seconds) => {
                world.clock.0.fetch_add(seconds * 1000, Ordering::SeqCst);
                model.now += seconds;
                // What was held for too long is nobody's; its receipts are not used any more.
                let now = model.now;
                held.retain(|one| model.find(&one.message.body).is_some_and(|line| line.held > now));
                model
                    .groups
                    .values_mut()
                    .flatten()
                    .filter(|line| line.held <= now)
                    .for_each(|line| line.held = 0);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn messages_of_a_group_come_in_order_and_none_before_those_before_it_are_done_with(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let outcome = runtime.block_on(run(steps));
        prop_assert!(outcome.is_ok(), "{:?}", outcome);
    }
}
