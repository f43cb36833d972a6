//! The changes of messages, each within an open transaction.

use std::time::Duration;

use ebb_model::Timestamp;

use super::{
    Attempt, DeadLetters, NewMessage, Receipt, ReceiptValidity, Receive, ReceivedMessage, SentMessage,
    bell_name,
};
use crate::database::{Answer, Arg, Row, Session};

/// Rounds in which a receive makes way through messages that it may not give.
const ROUNDS: usize = 20;

/// A change of messages.
#[derive(Debug)]
pub(crate) enum MessageChange {
    Send { queue: String, messages: Vec<NewMessage> },
    Receive(Receive),
    Delete { queue: String, receipts: Vec<Receipt>, valid: ReceiptValidity },
    SetVisibility { queue: String, changes: Vec<(Receipt, Duration)>, valid: ReceiptValidity },
    Move { from: String, to: String, source: Option<String>, limit: u32 },
    Purge { queue: String },
    Expire { queue: String, before: Timestamp, limit: u32 },
}

impl MessageChange {
    pub(crate) async fn apply(&self, session: &mut Session, now: Timestamp) -> Result<Answer, sqlx::Error> {
        match self {
            Self::Send { queue, messages } => send(session, queue, messages, now).await.map(Answer::Sent),
            Self::Receive(receive) => self::receive(session, receive, now).await.map(Answer::Received),
            Self::Delete { queue, receipts, valid } => {
                delete(session, queue, receipts, (*valid, now)).await.map(Answer::Numbers)
            }
            Self::SetVisibility { queue, changes, valid } => {
                set_visibility(session, queue, changes, (*valid, now)).await.map(Answer::Numbers)
            }
            Self::Move { from, to, source, limit } => {
                let args = [
                    Arg::Text(from),
                    Arg::Text(to),
                    Arg::Int(now.millis()),
                    Arg::Int((*limit).into()),
                    Arg::Text(source.as_deref().unwrap_or("")),
                ];
                counted(session.execute(MOVE, &args).await?)
            }
            Self::Purge { queue } => {
                let queue = [Arg::Text(queue)];
                session.execute("DELETE FROM messages WHERE queue = $1", &queue).await?;
                session.execute("DELETE FROM message_tokens WHERE queue = $1", &queue).await?;
                session.execute("DELETE FROM receive_attempts WHERE queue = $1", &queue).await?;
                Ok(Answer::Done)
            }
            Self::Expire { queue, before, limit } => {
                let args = [Arg::Text(queue), Arg::Int(before.millis()), Arg::Int((*limit).into())];
                let deleted = session.execute(EXPIRE, &args).await?;
                let ended = [Arg::Int(now.millis())];
                session.execute("DELETE FROM message_tokens WHERE until <= $1", &ended).await?;
                session.execute("DELETE FROM receive_attempts WHERE until <= $1", &ended).await?;
                counted(deleted)
            }
        }
    }

    /// What is attempted, for errors.
    pub(crate) fn action(&self) -> &'static str {
        match self {
            Self::Send { .. } => "send messages",
            Self::Receive(_) => "receive messages",
            Self::Delete { .. } => "delete messages",
            Self::SetVisibility { .. } => "change the visibility of messages",
            Self::Move { .. } => "move messages",
            Self::Purge { .. } => "purge a queue",
            Self::Expire { .. } => "delete old messages",
        }
    }

    /// The bells that ring once it is made.
    pub(crate) fn bells(&self) -> Vec<String> {
        match self {
            Self::Send { queue, .. } | Self::SetVisibility { queue, .. } | Self::Delete { queue, .. } => {
                vec![bell_name(queue)]
            }
            Self::Move { to, .. } => vec![bell_name(to)],
            Self::Receive(Receive { dead_letters: Some(DeadLetters { queue, .. }), .. }) => {
                vec![bell_name(queue)]
            }
            Self::Receive(_) | Self::Purge { .. } | Self::Expire { .. } => Vec::new(),
        }
    }
}

const INSERT: &str =
    "INSERT INTO messages (queue, visible, sent, grp, body) VALUES ($1, $2, $3, NULLIF($4, ''), $5)
    RETURNING id";
const KNOWN: &str = "SELECT id, name FROM message_tokens WHERE queue = $1 AND token = $2 AND until > $3";
const REMEMBER: &str =
    "INSERT INTO message_tokens (queue, token, until, id, name) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (queue, token) DO UPDATE SET until = excluded.until, id = excluded.id, name = excluded.name";

async fn send(
    session: &mut Session,
    queue: &str,
    messages: &[NewMessage],
    now: Timestamp,
) -> Result<Vec<SentMessage>, sqlx::Error> {
    let mut sent = Vec::with_capacity(messages.len());
    for message in messages {
        if let Some((token, _)) = &message.token {
            let args = [Arg::Text(queue), Arg::Text(token), Arg::Int(now.millis())];
            if let Some(row) = session.row(KNOWN, &args).await? {
                sent.push(SentMessage { id: row.int(0)?, duplicate_of: Some(row.text(1)?) });
                continue;
            }
        }
        let args = [
            Arg::Text(queue),
            Arg::Int(message.visible.millis()),
            Arg::Int(now.millis()),
            Arg::Text(message.group.as_deref().unwrap_or("")),
            Arg::Bytes(Some(message.body.as_ref())),
        ];
        let id = session.row(INSERT, &args).await?.ok_or(sqlx::Error::RowNotFound)?.int(0)?;
        if let Some((token, until)) = &message.token {
            let args = [
                Arg::Text(queue),
                Arg::Text(token),
                Arg::Int(until.millis()),
                Arg::Int(id),
                Arg::Text(&message.name),
            ];
            session.execute(REMEMBER, &args).await?;
        }
        sent.push(SentMessage { id, duplicate_of: None });
    }
    Ok(sent)
}

// The first that are visible; in order of groups, only those none of whose predecessors is held or waits. A group that
// was given goes to the end of the line: what becomes visible again comes after what was visible before (recorded 2025).
const CANDIDATES: &str = "SELECT id, receives, sent, CAST(LENGTH(body) AS BIGINT) FROM messages
    WHERE queue = $1 AND visible <= $2 ORDER BY visible, id LIMIT $3";
const CANDIDATES_IN_ORDER: &str =
    "SELECT id, receives, sent, CAST(LENGTH(body) AS BIGINT), grp FROM messages AS m
    WHERE queue = $1 AND grp IS NOT NULL AND visible <= $2 AND NOT EXISTS (
        SELECT 1 FROM messages AS held WHERE held.queue = m.queue AND held.grp = m.grp AND held.visible > $2
            AND held.id < m.id)
    ORDER BY visible, id LIMIT $3";
const CANDIDATES_OF_GROUP: &str =
    "SELECT id, receives, sent, CAST(LENGTH(body) AS BIGINT), grp FROM messages AS m
    WHERE queue = $1 AND grp = $4 AND visible <= $2 AND NOT EXISTS (
        SELECT 1 FROM messages AS held WHERE held.queue = m.queue AND held.grp = m.grp AND held.visible > $2
            AND held.id < m.id)
    ORDER BY id LIMIT $3";
const CANDIDATES_SHARED: &str = "SELECT id, receives, sent, CAST(LENGTH(body) AS BIGINT) FROM messages
    WHERE queue = $1 AND visible <= $2 ORDER BY visible, id LIMIT $3 FOR UPDATE SKIP LOCKED";
// Two nodes must not take from one group at once: the second waits and finds the group held.
const LOCK_QUEUE: &str = "SELECT pg_advisory_xact_lock(hashtext($1))";
const TAKE: &str =
    "UPDATE messages SET visible = $2, receives = receives + 1, received = COALESCE(received, $3)
    WHERE id = $1 RETURNING id, body, receives, sent, received, COALESCE(source, '')";
// A dead letter goes on counting how often it was received.
const BURY: &str = "UPDATE messages SET queue = $2, source = $3, visible = $4, sent = $5 WHERE id = $1";

async fn receive(
    session: &mut Session,
    receive: &Receive,
    now: Timestamp,
) -> Result<Vec<ReceivedMessage>, sqlx::Error> {
    let sql = match (receive.fifo, session.dialect("one node", "shared") == "shared") {
        (true, shared) => {
            if shared {
                session.execute(LOCK_QUEUE, &[Arg::Text(&receive.queue)]).await?;
            }
            CANDIDATES_IN_ORDER
        }
        (false, true) => CANDIDATES_SHARED,
        (false, false) => CANDIDATES,
    };
    if let Some(attempt) = &receive.attempt
        && let Some(again) = take_again(session, receive, attempt, now).await?
    {
        return Ok(again);
    }
    let mut taken = Vec::new();
    let mut room = receive.max_bytes.unwrap_or(usize::MAX);
    'rounds: for _ in 0..ROUNDS {
        let wanted = i64::from(receive.limit) - i64::try_from(taken.len()).unwrap_or(i64::MAX);
        let args = [Arg::Text(&receive.queue), Arg::Int(now.millis()), Arg::Int(wanted)];
        let mut candidates = session.rows(sql, &args).await?;
        if receive.fifo {
            candidates = by_group(session, candidates, &args).await?;
        }
        let mut passed_over = false;
        for row in &candidates {
            // What follows one that does not fit would overtake it.
            let bytes = usize::try_from(row.int(3)?).unwrap_or(usize::MAX);
            let Some(left) = room.checked_sub(bytes) else { break 'rounds };
            let given = consider(session, receive, row, now).await?;
            if given.is_some() {
                room = left;
            } else {
                passed_over = true;
            }
            taken.extend(given);
        }
        // A group's next message is a candidate only once this transaction's own is not counted as held.
        if !passed_over {
            break;
        }
    }
    if !receive.fifo {
        taken.sort_by_key(|message| message.id);
    }
    if let Some(attempt) = receive.attempt.as_ref().filter(|_| !taken.is_empty()) {
        taken.iter_mut().for_each(|one| one.attempt_until = Some(attempt.until));
        let receipts: Vec<String> = taken.iter().map(|one| format!("{}:{}", one.id, one.receives)).collect();
        let receipts = receipts.join(" ");
        let args = [
            Arg::Text(&receive.queue),
            Arg::Text(&attempt.id),
            Arg::Int(attempt.until.millis()),
            Arg::Text(&receipts),
        ];
        session.execute(REMEMBER_ATTEMPT, &args).await?;
    }
    Ok(taken)
}

/// As many as there are of the first group, then of the next, up to the limit in `args`.
async fn by_group(
    session: &mut Session,
    candidates: Vec<Row>,
    args: &[Arg<'_>; 3],
) -> Result<Vec<Row>, sqlx::Error> {
    let of = candidates.iter().map(|row| row.text(4)).collect::<Result<Vec<_>, _>>()?;
    let mut groups: Vec<&String> = Vec::new();
    for group in &of {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    let [queue, now, Arg::Int(wanted)] = *args else { return Ok(candidates) };
    let mut ordered = Vec::with_capacity(candidates.len());
    if i64::try_from(candidates.len()).is_ok_and(|all| all < wanted) {
        // These are all that there are.
        let mut numbered: Vec<((usize, i64), Row)> = Vec::with_capacity(candidates.len());
        for (row, group) in candidates.into_iter().zip(&of) {
            numbered.push(((groups.iter().position(|other| *other == group).unwrap_or(0), row.int(0)?), row));
        }
        numbered.sort_by_key(|(place, _)| *place);
        ordered.extend(numbered.into_iter().map(|(_, row)| row));
        return Ok(ordered);
    }
    for group in groups {
        let left = wanted - i64::try_from(ordered.len()).unwrap_or(wanted);
        if left == 0 {
            break;
        }
        let args = [queue, now, Arg::Int(left), Arg::Text(group)];
        ordered.extend(session.rows(CANDIDATES_OF_GROUP, &args).await?);
    }
    Ok(ordered)
}

const ATTEMPT: &str =
    "SELECT receipts, until FROM receive_attempts WHERE queue = $1 AND attempt = $2 AND until > $3";
const REMEMBER_ATTEMPT: &str =
    "INSERT INTO receive_attempts (queue, attempt, until, receipts) VALUES ($1, $2, $3, $4)
    ON CONFLICT (queue, attempt) DO UPDATE SET until = excluded.until, receipts = excluded.receipts";
const STILL_HELD: &str =
    "SELECT id FROM messages WHERE id = $1 AND queue = $2 AND receives = $3 AND visible > $4";
const HOLD: &str = "UPDATE messages SET visible = $2 WHERE id = $1
    RETURNING id, body, receives, sent, received, COALESCE(source, '')";

/// What an attempt was given before, where all of it is still held; its visibility begins anew.
async fn take_again(
    session: &mut Session,
    receive: &Receive,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<Option<Vec<ReceivedMessage>>, sqlx::Error> {
    let args = [Arg::Text(&receive.queue), Arg::Text(&attempt.id), Arg::Int(now.millis())];
    let Some(row) = session.row(ATTEMPT, &args).await? else { return Ok(None) };
    let (receipts, attempt_until) = (row.text(0)?, Some(Timestamp(row.int(1)?)));
    let receipts = receipts.split(' ').filter_map(|receipt| {
        let (id, receives) = receipt.split_once(':')?;
        Some(Receipt { id: id.parse().ok()?, receives: receives.parse().ok()? })
    });
    let receipts: Vec<Receipt> = receipts.collect();
    for held in &receipts {
        let args =
            [Arg::Int(held.id), Arg::Text(&receive.queue), Arg::Int(held.receives), Arg::Int(now.millis())];
        if session.row(STILL_HELD, &args).await?.is_none() {
            return Ok(None);
        }
    }
    let until = now.plus(receive.invisible).millis();
    let mut again = Vec::with_capacity(receipts.len());
    for held in &receipts {
        let row = session.row(HOLD, &[Arg::Int(held.id), Arg::Int(until)]).await?;
        let held = row.map(|row| received(&row)).transpose()?;
        again.extend(held.map(|held| ReceivedMessage { attempt_until, ..held }));
    }
    Ok(Some(again))
}

/// Takes a candidate, unless it is too old or was received too often.
async fn consider(
    session: &mut Session,
    receive: &Receive,
    row: &Row,
    now: Timestamp,
) -> Result<Option<ReceivedMessage>, sqlx::Error> {
    let (id, receives, sent) = (row.int(0)?, row.int(1)?, Timestamp(row.int(2)?));
    if sent < receive.not_before {
        session.execute("DELETE FROM messages WHERE id = $1", &[Arg::Int(id)]).await?;
        return Ok(None);
    }
    if let Some(dead) = receive.dead_letters.as_ref().filter(|dead| receives >= dead.max_receives) {
        let sent = if dead.begins_anew { now } else { sent };
        let args = [
            Arg::Int(id),
            Arg::Text(&dead.queue),
            Arg::Text(&dead.source),
            Arg::Int(now.millis()),
            Arg::Int(sent.millis()),
        ];
        session.execute(BURY, &args).await?;
        return Ok(None);
    }
    let until = now.plus(receive.invisible);
    let args = [Arg::Int(id), Arg::Int(until.millis()), Arg::Int(now.millis())];
    session.row(TAKE, &args).await?.map(|row| received(&row)).transpose()
}

fn received(row: &Row) -> Result<ReceivedMessage, sqlx::Error> {
    Ok(ReceivedMessage {
        id: row.int(0)?,
        body: row.bytes(1)?.unwrap_or_default().into(),
        receives: row.int(2)?,
        sent: Timestamp(row.int(3)?),
        first_received: Timestamp(row.int(4)?),
        source: Some(row.text(5)?).filter(|source| !source.is_empty()),
        attempt_until: None,
    })
}

/// Runs one of two statements by how long receipts count. Of the message `$1` in the queue `$2`, the first is for a
/// receipt with exactly `$3` receives and a message that is invisible at `$4`, the second for any receipt that was given.
async fn by_receipt(
    session: &mut Session,
    (held, there): (&'static str, &'static str),
    (valid, now): (ReceiptValidity, Timestamp),
    args: &[Arg<'_>],
) -> Result<u64, sqlx::Error> {
    match valid {
        ReceiptValidity::WhileHeld => {
            let args = [args, &[Arg::Int(now.millis())]].concat();
            session.execute(held, &args).await
        }
        ReceiptValidity::WhileThere => session.execute(there, args).await,
    }
}

/// For each: 2 where it was deleted, 1 where the message is there and not held by this receipt, 0 where it is gone.
async fn delete(
    session: &mut Session,
    queue: &str,
    receipts: &[Receipt],
    valid: (ReceiptValidity, Timestamp),
) -> Result<Vec<i64>, sqlx::Error> {
    let statements = (
        "DELETE FROM messages WHERE id = $1 AND queue = $2 AND receives = $3 AND visible > $4",
        "DELETE FROM messages WHERE id = $1 AND queue = $2 AND receives >= $3",
    );
    let there = "SELECT id FROM messages WHERE id = $1 AND queue = $2";
    let mut deleted = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        let args = [Arg::Int(receipt.id), Arg::Text(queue), Arg::Int(receipt.receives)];
        let rows = by_receipt(session, statements, valid, &args).await?;
        deleted.push(if rows > 0 { 2 } else { i64::from(session.row(there, &args[..2]).await?.is_some()) });
    }
    Ok(deleted)
}

async fn set_visibility(
    session: &mut Session,
    queue: &str,
    changes: &[(Receipt, Duration)],
    valid: (ReceiptValidity, Timestamp),
) -> Result<Vec<i64>, sqlx::Error> {
    let statements = (
        "UPDATE messages SET visible = $4 WHERE id = $1 AND queue = $2 AND receives = $3 AND visible > $5",
        "UPDATE messages SET visible = $4 WHERE id = $1 AND queue = $2 AND receives >= $3",
    );
    let there = "SELECT id FROM messages WHERE id = $1 AND queue = $2 AND receives = $3";
    let mut changed = Vec::with_capacity(changes.len());
    for (receipt, invisible) in changes {
        let until = valid.1.plus(*invisible).millis();
        let args = [Arg::Int(receipt.id), Arg::Text(queue), Arg::Int(receipt.receives), Arg::Int(until)];
        let rows = by_receipt(session, statements, valid, &args).await?;
        changed.push(if rows > 0 { 2 } else { i64::from(session.row(there, &args[..3]).await?.is_some()) });
    }
    Ok(changed)
}

// What is moved back is as if it was sent now.
const MOVE: &str =
    "UPDATE messages SET queue = $2, visible = $3, receives = 0, received = NULL, source = NULL, sent = $3
    WHERE id IN (SELECT id FROM messages WHERE queue = $1 AND visible <= $3 AND ($5 = '' OR source = $5)
                 ORDER BY id LIMIT $4)";
const EXPIRE: &str = "DELETE FROM messages
    WHERE id IN (SELECT id FROM messages WHERE queue = $1 AND sent < $2 LIMIT $3)";

fn counted(rows: u64) -> Result<Answer, sqlx::Error> {
    Ok(Answer::Numbers(vec![i64::try_from(rows).unwrap_or(i64::MAX)]))
}
