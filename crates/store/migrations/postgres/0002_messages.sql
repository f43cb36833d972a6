-- Messages of queues. `visible` is when one may be received; `receives` counts how often it was, and proves the last
-- receipt. `grp` is the message group of a FIFO queue, within which the order of ids holds. `source` says where a
-- dead letter comes from.
CREATE TABLE messages (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue    TEXT COLLATE "C" NOT NULL,
    visible  BIGINT NOT NULL,
    receives BIGINT NOT NULL DEFAULT 0,
    sent     BIGINT NOT NULL,
    received BIGINT,
    grp      TEXT COLLATE "C",
    source   TEXT COLLATE "C",
    body     BYTEA NOT NULL
);
CREATE INDEX messages_by_visible ON messages (queue, visible, id);
CREATE INDEX messages_by_group ON messages (queue, grp, id) WHERE grp IS NOT NULL;

-- What a FIFO queue remembers of messages, so that those sent twice are kept once.
CREATE TABLE message_tokens (
    queue TEXT COLLATE "C" NOT NULL,
    token TEXT COLLATE "C" NOT NULL,
    until BIGINT NOT NULL,
    id    BIGINT NOT NULL,
    name  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (queue, token)
);
CREATE INDEX message_tokens_by_end ON message_tokens (until);
