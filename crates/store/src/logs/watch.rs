//! Telling what is written: for whoever wants the events of some groups as they come.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;

use super::block::Block;
use super::groups::Groups;
use super::read::Position;

/// Batches that may wait for who watches. The writer never waits: what comes faster is not told, and logged.
const WAITING: usize = 1024;

/// Events of one stream that were written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Their group.
    pub group: String,
    /// Their stream.
    pub stream: String,
    /// Where each stands, and its text.
    pub events: Vec<(Position, String)>,
}

/// The groups whose events are wanted now.
type Wanted = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// Who watches, if anybody does.
#[derive(Default)]
pub(super) struct Watch(OnceLock<(Wanted, mpsc::Sender<Written>)>);

impl Watch {
    /// Begins to tell; counts once.
    pub(super) fn begin(&self, wanted: Wanted) -> mpsc::Receiver<Written> {
        let (sender, receiver) = mpsc::channel(WAITING);
        if self.0.set((wanted, sender)).is_err() {
            tracing::error!("the logs are watched already");
        }
        receiver
    }

    /// Tells what was written.
    pub(super) fn tell(&self, groups: &Groups, blocks: &[Block<'_>]) {
        let Some((wanted, sender)) = self.0.get() else { return };
        let wanted = wanted();
        let streams =
            wanted.iter().filter_map(|name| Some((name, groups.get(name)?))).flat_map(|(name, group)| {
                group.streams.iter().map(move |(stream, about)| (about.id, (name, stream)))
            });
        let streams: HashMap<u64, (&String, &Arc<str>)> = streams.collect();
        for block in blocks {
            let Some((group, stream)) = streams.get(&block.stream) else { continue };
            let place = |(number, (timestamp, text)): (u64, &(_, std::borrow::Cow<'_, str>))| {
                let position = Position { timestamp: *timestamp, sequence: block.first_sequence + number };
                (position, text.to_string())
            };
            let events = (0..).zip(&block.events).map(place).collect();
            let written = Written { group: (*group).clone(), stream: stream.to_string(), events };
            if sender.try_send(written).is_err() {
                tracing::warn!(%group, %stream, "log events come too fast for who subscribed to them and are not told");
            }
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("is_watched", &self.0.get().is_some()).finish()
    }
}
