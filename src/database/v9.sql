-- Rows of the fleet's list that are people and templates here.
CREATE TABLE fleet_rows (
    row      BLOB PRIMARY KEY CHECK (length(row) = 16),
    -- Of the person, also of one who is listed no more: that the list has to hear.
    person   INTEGER NOT NULL,
    -- Of a template; NULL for the person's own row.
    template INTEGER,
    -- Keyed hash of what this row and this database agree on.
    said     BLOB NOT NULL CHECK (length(said) = 32),
    -- Hash of the list's row that was taken last; NULL while none was.
    seen     BLOB CHECK (seen IS NULL OR length(seen) = 32)
) STRICT, WITHOUT ROWID;
CREATE INDEX fleet_rows_person ON fleet_rows (person);
