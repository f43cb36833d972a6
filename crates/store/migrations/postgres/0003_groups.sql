-- Messages of FIFO queues in their order, and of each group what is not visible: what a receive asks for.
DROP INDEX messages_by_group;
CREATE INDEX messages_in_order ON messages (queue, id) WHERE grp IS NOT NULL;
CREATE INDEX messages_by_group ON messages (queue, grp, visible) WHERE grp IS NOT NULL;

-- What each attempt to receive was given, by the id that the receiver named it with; `receipts` is `id:receives`,
-- separated by blanks.
CREATE TABLE receive_attempts (
    queue    TEXT COLLATE "C" NOT NULL,
    attempt  TEXT COLLATE "C" NOT NULL,
    until    BIGINT NOT NULL,
    receipts TEXT   NOT NULL,
    PRIMARY KEY (queue, attempt)
);
CREATE INDEX receive_attempts_by_end ON receive_attempts (until);
