CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
-- Counts changes of the whitelist, so that a daemon sees them.
INSERT INTO meta VALUES ('whitelist_revision', 0);
-- 1 only inside the transaction that deletes old events.
INSERT INTO meta VALUES ('pruning', 0);

CREATE TABLE people (
    -- AUTOINCREMENT: a number is never given twice, so events stay unambiguous.
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    -- The name in lower case, of which there is one each.
    folded        TEXT NOT NULL UNIQUE,
    enabled       INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE templates (
    id            INTEGER PRIMARY KEY,
    person        INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    -- Comparable only with embeddings of the same model version.
    model         TEXT NOT NULL,
    -- Unit vector, little-endian f32.
    vector        BLOB NOT NULL,
    source        TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX templates_of_person ON templates (person);

CREATE TABLE events (
    id        INTEGER PRIMARY KEY,
    at_ms     INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    -- No foreign key: an event outlives the person's entry.
    person_id INTEGER,
    person    TEXT,
    score     REAL,
    threshold REAL,
    model     TEXT,
    frames    INTEGER,
    why       TEXT,
    detail    TEXT NOT NULL DEFAULT '{}',
    actor     TEXT,
    -- SHA-256 over all of the above and the hash before.
    hash      BLOB NOT NULL
) STRICT;
CREATE INDEX events_by_time ON events (at_ms);

-- The hash that the oldest kept event follows, and its number.
CREATE TABLE anchor (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    id   INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO anchor VALUES (1, 0, zeroblob(32));

CREATE TRIGGER people_in AFTER INSERT ON people BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER people_up AFTER UPDATE ON people BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER people_out AFTER DELETE ON people BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER templates_in AFTER INSERT ON templates BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER templates_up AFTER UPDATE ON templates BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER templates_out AFTER DELETE ON templates BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;

CREATE TRIGGER events_stay_as_they_are BEFORE UPDATE ON events BEGIN
    SELECT raise(ABORT, 'events are never changed');
END;
CREATE TRIGGER events_stay BEFORE DELETE ON events
WHEN (SELECT value FROM meta WHERE key = 'pruning') = 0 BEGIN
    SELECT raise(ABORT, 'events are never deleted before their time');
END;
