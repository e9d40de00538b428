-- Second factors and lockouts.
CREATE TABLE pins (
    person     INTEGER PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
    -- Argon2id, version 0x13.
    memory_kib INTEGER NOT NULL CHECK (memory_kib > 0),
    passes     INTEGER NOT NULL CHECK (passes > 0),
    lanes      INTEGER NOT NULL CHECK (lanes > 0),
    salt       BLOB NOT NULL CHECK (length(salt) = 16),
    hash       BLOB NOT NULL CHECK (length(hash) = 32),
    -- Of the PIN given when forced to, with the same salt.
    duress     BLOB CHECK (length(duress) = 32)
) STRICT;

CREATE TABLE cards (
    format        TEXT NOT NULL,
    -- -1 where the format has none, as NULL would not be one of its kind.
    facility      INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    person        INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    lost          INTEGER NOT NULL DEFAULT 0 CHECK (lost IN (0, 1)),
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (format, facility, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX cards_of_person ON cards (person);

-- Written by the daemon with each refusal that counts; no change of the whitelist.
CREATE TABLE lockouts (
    door    TEXT NOT NULL,
    -- faces, factors, or person and a number.
    subject TEXT NOT NULL,
    person  INTEGER REFERENCES people (id) ON DELETE CASCADE,
    -- JSON, src/access/lockout.rs.
    state   TEXT NOT NULL,
    PRIMARY KEY (door, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX lockouts_of_person ON lockouts (person);

CREATE TRIGGER pins_in AFTER INSERT ON pins BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER pins_up AFTER UPDATE ON pins BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER pins_out AFTER DELETE ON pins BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER cards_in AFTER INSERT ON cards BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER cards_up AFTER UPDATE ON cards BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER cards_out AFTER DELETE ON cards BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
