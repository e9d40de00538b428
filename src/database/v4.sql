-- What access rules ask of a person: groups, validity, entries; and the passages that
-- anti-passback and entries are counted by.
ALTER TABLE people ADD COLUMN guest INTEGER NOT NULL DEFAULT 0 CHECK (guest IN (0, 1));
-- In milliseconds since 1970; nothing is no limit.
ALTER TABLE people ADD COLUMN valid_from_ms INTEGER;
ALTER TABLE people ADD COLUMN valid_until_ms INTEGER;
-- How often the person may enter in all; nothing is no limit. Passages of records after
-- entries_from count.
ALTER TABLE people ADD COLUMN entries INTEGER CHECK (entries >= 0);
ALTER TABLE people ADD COLUMN entries_from INTEGER NOT NULL DEFAULT 0;

CREATE TABLE memberships (
    person INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    -- A group: 1 to 63 of a to z, 0 to 9, _ and -.
    name   TEXT NOT NULL,
    PRIMARY KEY (person, name)
) STRICT, WITHOUT ROWID;

-- Derived from grants, in the transaction that writes the grant.
CREATE TABLE passages (
    person    INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    -- The number of the grant's record.
    record    INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    -- Whether the clock was believed then.
    is_sure   INTEGER NOT NULL CHECK (is_sure IN (0, 1)),
    boot      TEXT,
    uptime_ms INTEGER NOT NULL,
    -- 'in' or 'out'.
    direction TEXT NOT NULL,
    PRIMARY KEY (person, record)
) STRICT, WITHOUT ROWID;
CREATE INDEX passages_by_record ON passages (record);

CREATE TRIGGER memberships_in AFTER INSERT ON memberships BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER memberships_out AFTER DELETE ON memberships BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
CREATE TRIGGER memberships_up AFTER UPDATE ON memberships BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision';
END;
