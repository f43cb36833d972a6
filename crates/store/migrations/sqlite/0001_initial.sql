-- Documents by kind and key. A deleted one keeps its row without a body, so that its revision never
-- repeats and readers of the changes see that it went.
CREATE TABLE records (
    kind     TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    changed  INTEGER NOT NULL,
    body     BLOB,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX records_by_change ON records (changed);

-- One row: the number of the last change, and of the newest change that has been forgotten.
CREATE TABLE record_changes (
    last   INTEGER NOT NULL,
    pruned INTEGER NOT NULL
);
INSERT INTO record_changes (last, pruned) VALUES (0, 0);

-- `due` is when an item may be claimed: the time it was asked for, or the end of the lease that holds it.
-- `lease` is 0 for an item that nobody holds.
CREATE TABLE work (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    queue    TEXT    NOT NULL,
    body     BLOB    NOT NULL,
    due      INTEGER NOT NULL,
    enqueued INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    lease    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX work_by_due ON work (queue, due, id);
