//! The changes that the writer can be asked for, and their answers.

use crate::messages::{MessageChange, ReceivedMessage, SentMessage};
use crate::records::{self, Write};
use crate::work::{self, Claim, NewWork, Pass, Work};
use crate::{StoreError, database::Session};

use bytes::Bytes;
use ebb_model::Timestamp;

/// A change, which may share a transaction with others.
#[derive(Debug)]
pub(crate) enum Job {
    /// Make all of these writes, or none.
    Commit(Vec<Write>),
    /// Make all of these writes and add work, or nothing.
    CommitAndEnqueue(Vec<Write>, Vec<NewWork>, Timestamp),
    /// Drop what is left of records that were deleted long ago.
    Forget,
    /// Add work.
    Enqueue(Vec<NewWork>, Timestamp),
    /// Take due work.
    Claim(Claim),
    /// Remove work that is done.
    Complete(Held),
    /// Give work back.
    Retry(Held, Timestamp, Option<Bytes>),
    /// Remove or give back work, and add other work.
    Pass(Held, Pass, Timestamp),
    /// Hold work for longer.
    Extend(Held, Timestamp),
    /// Give back all work that anybody holds.
    GiveBackAll(Timestamp),
    /// Change messages of queues.
    Messages(MessageChange, Timestamp),
}

/// Work, as far as its claim proves it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    /// The id of the work.
    pub(crate) id: i64,
    /// The number of the claim.
    pub(crate) lease: i64,
}

/// What a change gives back.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The revisions of the writes, or the ids of the added work, in order.
    Numbers(Vec<i64>),
    /// The work taken.
    Claimed(Vec<Work>),
    /// Work went back into this queue.
    Released(String),
    /// What became of messages.
    Sent(Vec<SentMessage>),
    /// The messages taken.
    Received(Vec<ReceivedMessage>),
    /// It is done.
    Done,
}

/// The answer of one change, or why it was refused. A refused change leaves no trace.
pub(crate) type Applied = Result<Answer, StoreError>;

impl Job {
    /// Makes the change within an open transaction.
    ///
    /// # Errors
    /// An error of the database, after which the whole transaction is void.
    pub(crate) async fn apply(&self, session: &mut Session) -> Result<Applied, sqlx::Error> {
        match self {
            Self::Commit(writes) => records::apply(session, writes).await,
            Self::CommitAndEnqueue(writes, items, now) => {
                let written = records::apply(session, writes).await?;
                if written.is_ok() {
                    work::enqueue(session, items, *now).await?;
                }
                Ok(written)
            }
            Self::Forget => records::forget(session).await.map(|()| Ok(Answer::Done)),
            Self::Enqueue(items, now) => work::enqueue(session, items, *now).await.map(Ok),
            Self::Claim(claim) => work::claim(session, claim).await.map(Ok),
            Self::Complete(held) => work::complete(session, *held).await,
            Self::Retry(held, due, body) => work::retry(session, *held, *due, body.as_deref()).await,
            Self::Pass(held, pass, now) => work::pass(session, *held, pass, *now).await,
            Self::Extend(held, until) => work::extend(session, *held, *until).await,
            Self::Messages(change, now) => change.apply(session, *now).await.map(Ok),
            Self::GiveBackAll(now) => work::give_back_all(session, *now).await.map(|()| Ok(Answer::Done)),
        }
    }

    /// Records that it deletes.
    pub(crate) fn deletions(&self) -> usize {
        match self {
            Self::Commit(writes) | Self::CommitAndEnqueue(writes, ..) => {
                writes.iter().filter(|write| matches!(write, Write::Delete { .. })).count()
            }
            _ => 0,
        }
    }

    /// What is attempted, for errors.
    pub(crate) fn action(&self) -> &'static str {
        match self {
            Self::Commit(_) | Self::CommitAndEnqueue(..) => "commit records",
            Self::Forget => "forget old deletions",
            Self::Enqueue(..) => "enqueue work",
            Self::Claim(_) => "claim work",
            Self::Complete(_) => "complete work",
            Self::Retry(..) => "give work back",
            Self::Pass(..) => "pass work on",
            Self::Extend(..) => "extend a claim",
            Self::Messages(change, _) => change.action(),
            Self::GiveBackAll(_) => "give back what a dead process held",
        }
    }
}

impl Answer {
    /// Revisions or ids; none for other answers.
    pub(crate) fn numbers(self) -> Vec<i64> {
        if let Self::Numbers(numbers) = self { numbers } else { Vec::new() }
    }

    /// Work taken; none for other answers.
    pub(crate) fn claimed(self) -> Vec<Work> {
        if let Self::Claimed(work) = self { work } else { Vec::new() }
    }
}
