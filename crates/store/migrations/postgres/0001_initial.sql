-- Documents by kind and key. A deleted one keeps its row without a body, so that its revision never
-- repeats and readers of the changes see that it went.
CREATE TABLE records (
    kind     TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    changed  BIGINT NOT NULL,
    body     BYTEA,
    PRIMARY KEY (kind, key)
);
CREATE UNIQUE INDEX records_by_change ON records (changed);

-- One row: the number of the last change, and of the newest change that has been forgotten.
CREATE TABLE record_changes (
    last   BIGINT NOT NULL,
    pruned BIGINT NOT NULL
);
INSERT INTO record_changes (last, pruned) VALUES (0, 0);

-- `due` is when an item may be claimed: the time it was asked for, or the end of the lease that holds it.
-- `lease` is 0 for an item that nobody holds.
CREATE TABLE work (
    id       BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue    TEXT COLLATE "C" NOT NULL,
    body     BYTEA    NOT NULL,
    due      BIGINT NOT NULL,
    enqueued BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    lease    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX work_by_due ON work (queue, due, id);
