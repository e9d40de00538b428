-- What administrators ordered of the door, the newest of each: which event says so, and what
-- it said, for when that event is deleted.
CREATE TABLE acts (
    what      TEXT PRIMARY KEY CHECK (what IN ('mode', 'unlock')),
    -- Number of the event.
    record    INTEGER NOT NULL,
    -- Code of the mode, of 'mode'.
    mode      TEXT,
    until_ms  INTEGER,
    lasts_ms  INTEGER,
    -- When it was ordered, as the event has it.
    at_ms     INTEGER NOT NULL,
    boot      TEXT,
    uptime_ms INTEGER NOT NULL
) STRICT;

-- To see each second that there is none which the table does not have.
CREATE INDEX records_of_acts ON records (kind) WHERE kind IN ('mode_set', 'unlock_asked');
