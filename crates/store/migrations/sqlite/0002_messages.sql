-- Messages of queues. `visible` is when one may be received; `receives` counts how often it was, and proves the last
-- receipt. `grp` is the message group of a FIFO queue, within which the order of ids holds. `source` says where a
-- dead letter comes from.
CREATE TABLE messages (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    queue    TEXT    NOT NULL,
    visible  INTEGER NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0,
    sent     INTEGER NOT NULL,
    received INTEGER,
    grp      TEXT,
    source   TEXT,
    body     BLOB    NOT NULL
);
CREATE INDEX messages_by_visible ON messages (queue, visible, id);
CREATE INDEX messages_by_group ON messages (queue, grp, id) WHERE grp IS NOT NULL;

-- What a FIFO queue remembers of messages, so that those sent twice are kept once.
CREATE TABLE message_tokens (
    queue TEXT    NOT NULL,
    token TEXT    NOT NULL,
    until INTEGER NOT NULL,
    id    INTEGER NOT NULL,
    name  TEXT    NOT NULL,
    PRIMARY KEY (queue, token)
) WITHOUT ROWID;
CREATE INDEX message_tokens_by_end ON message_tokens (until);
