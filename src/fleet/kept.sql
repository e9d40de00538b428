CREATE TABLE list(
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    revision INTEGER NOT NULL,
    frame BLOB NOT NULL
) WITHOUT ROWID;
-- Rows that are on their way, and do not count yet.
CREATE TABLE beside(
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    revision INTEGER NOT NULL,
    frame BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE shut(
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    kind INTEGER NOT NULL,
    standing INTEGER NOT NULL,
    -- Hash of the row that shut it in the history before, where the hub has another now.
    before BLOB
) WITHOUT ROWID;
CREATE TABLE changes(
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    kind INTEGER NOT NULL,
    standing INTEGER NOT NULL,
    -- Hash of the row that the change was made over; empty where there was none.
    seen BLOB NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE events(
    number INTEGER PRIMARY KEY,
    body BLOB NOT NULL CHECK (length(body) <= 4096)
);
CREATE TABLE state(
    one INTEGER PRIMARY KEY CHECK (one = 1),
    frame BLOB,
    life INTEGER NOT NULL,
    last INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    backed_up INTEGER NOT NULL
);
INSERT INTO state VALUES (1, NULL, 1, 0, 0, 0);
