-- Audit records as bodies. What stood in columns becomes a body of format 0 with the same
-- members and keeps its hash, which is still computed from them (src/record/chain.rs).
CREATE TABLE records (
    id     INTEGER PRIMARY KEY,
    -- JSON, hashed byte for byte.
    body   TEXT NOT NULL,
    -- SHA-256 over the hash before, the number and the body.
    hash   BLOB NOT NULL,
    -- For searching; nothing reads them as what was written. A body that is no JSON has none.
    at_ms  INTEGER GENERATED ALWAYS AS (CASE WHEN json_valid(body) THEN body ->> '$.at_ms' END) VIRTUAL,
    kind   TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(body) THEN body ->> '$.event.kind' END) VIRTUAL,
    person TEXT GENERATED ALWAYS AS (
        CASE WHEN json_valid(body) THEN coalesce(body ->> '$.event.person.name', body ->> '$.event.person') END
    ) VIRTUAL
) STRICT;

INSERT INTO records (id, body, hash)
SELECT id, json_object(
    'format', 0,
    'at_ms', at_ms,
    'event', json_object(
        'kind', kind,
        'person_id', person_id,
        'person', person,
        -- JSON has no infinity.
        'score', CASE score WHEN 9e999 THEN 'inf' WHEN -9e999 THEN '-inf' ELSE score END,
        'threshold', CASE threshold WHEN 9e999 THEN 'inf' WHEN -9e999 THEN '-inf' ELSE threshold END,
        'model', model,
        'frames', frames,
        'why', why,
        'detail', detail,
        'actor', actor
    )
), hash
FROM events;

DROP TABLE events;

CREATE INDEX records_by_time ON records (at_ms);

CREATE TRIGGER records_stay_as_they_are BEFORE UPDATE ON records BEGIN
    SELECT raise(ABORT, 'records are never changed');
END;
CREATE TRIGGER records_stay BEFORE DELETE ON records
WHEN (SELECT value FROM meta WHERE key = 'pruning') = 0 BEGIN
    SELECT raise(ABORT, 'records are never deleted before their time');
END;
