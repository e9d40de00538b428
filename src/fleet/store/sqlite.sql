CREATE TABLE list(
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    revision INTEGER NOT NULL UNIQUE,
    frame BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE commits(
    revision INTEGER PRIMARY KEY,
    mark BLOB NOT NULL CHECK (length(mark) = 16),
    frame BLOB NOT NULL
);
CREATE TABLE lives(
    door BLOB NOT NULL CHECK (length(door) = 16),
    life INTEGER NOT NULL,
    last INTEGER NOT NULL DEFAULT 0,
    backed_up INTEGER NOT NULL DEFAULT 0,
    day INTEGER NOT NULL DEFAULT 0,
    today INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (door, life)
) WITHOUT ROWID;
CREATE TABLE events(
    door BLOB NOT NULL,
    life INTEGER NOT NULL,
    number INTEGER NOT NULL,
    body BLOB NOT NULL CHECK (length(body) <= 4096),
    PRIMARY KEY (door, life, number),
    FOREIGN KEY (door, life) REFERENCES lives(door, life)
) WITHOUT ROWID;
