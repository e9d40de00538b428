-- What the law asks about people: what they consented to, and since when they did not come.
CREATE TABLE consents (
    person  INTEGER PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
    -- YYYY-MM-DD, as whoever noted it said.
    day     TEXT NOT NULL,
    -- Sealed.
    purpose BLOB
) STRICT;

CREATE TRIGGER consents_in AFTER INSERT ON consents BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER consents_up AFTER UPDATE ON consents BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER consents_out AFTER DELETE ON consents BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;

-- When people were last seen to have been let in, for `whitelist.unused_days`. No change of
-- the whitelist.
CREATE TABLE uses (
    person       INTEGER PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
    -- By a clock that was believed.
    seen_ms      INTEGER NOT NULL,
    -- The number of the newest grant then; 0 for none.
    grant_record INTEGER NOT NULL,
    was_enabled  INTEGER NOT NULL CHECK (was_enabled IN (0, 1)),
    warned_ms    INTEGER
) STRICT;
-- Heads of the record that were signed, and the keys that sign them.
CREATE TABLE head_keys (
    public    BLOB PRIMARY KEY CHECK (length(public) = 32),
    -- The event from which on it signs.
    since     INTEGER NOT NULL,
    -- The key before it, and what both signed of that.
    before    BLOB,
    by_before BLOB,
    by_itself BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE signed_heads (
    record    INTEGER PRIMARY KEY,
    hash      BLOB NOT NULL,
    key       BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;
