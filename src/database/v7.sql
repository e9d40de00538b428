-- What people are called, what they are recognised by and what they know or carry is sealed
-- (src/seal), each bound to its row: seal, look_up and fresh_key are functions of
-- src/database/sealing.rs.
CREATE TABLE sealing (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    -- Which key it is.
    key_id       BLOB NOT NULL,
    -- What event pictures are sealed with, itself sealed: it stays when the key changes.
    pictures_key BLOB NOT NULL,
    -- Whether what lay in clear before is gone from the file.
    is_emptied   INTEGER NOT NULL CHECK (is_emptied IN (0, 1))
) STRICT;
INSERT INTO sealing
SELECT 1, key_id(), seal('sealing.pictures_key', fresh_key(), 1), (SELECT count(*) = 0 FROM people);

ALTER TABLE people ADD COLUMN sealed_name BLOB;
UPDATE people SET
    sealed_name = seal('people.name', name, id),
    folded = hex(look_up('people.name', folded));
ALTER TABLE people DROP COLUMN name;
ALTER TABLE people RENAME COLUMN sealed_name TO name;
-- Of the name in lower case, of which there is one each.
ALTER TABLE people RENAME COLUMN folded TO name_hash;

ALTER TABLE templates ADD COLUMN sealed_source BLOB;
UPDATE templates SET
    vector = seal('templates.vector', vector, id, person, model),
    photo = seal('templates.photo', photo, id, person),
    sealed_source = seal('templates.source', source, id, person);
ALTER TABLE templates DROP COLUMN source;
ALTER TABLE templates RENAME COLUMN sealed_source TO source;

CREATE TABLE sealed_pins (
    person     INTEGER PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
    -- Argon2id, version 0x13.
    memory_kib INTEGER NOT NULL CHECK (memory_kib > 0),
    passes     INTEGER NOT NULL CHECK (passes > 0),
    lanes      INTEGER NOT NULL CHECK (lanes > 0),
    salt       BLOB NOT NULL CHECK (length(salt) = 16),
    -- Both of 32 bytes, sealed.
    hash       BLOB NOT NULL,
    -- Of the PIN given when forced to, with the same salt.
    duress     BLOB
) STRICT;
INSERT INTO sealed_pins
SELECT person, memory_kib, passes, lanes, salt,
    seal('pins.hash', hash, person, memory_kib, passes, lanes, salt),
    seal('pins.duress', duress, person, memory_kib, passes, lanes, salt)
FROM pins;
DROP TABLE pins;
ALTER TABLE sealed_pins RENAME TO pins;

CREATE TABLE sealed_cards (
    -- Keyed, of format, facility and number.
    hash          BLOB PRIMARY KEY NOT NULL,
    -- Format, facility (-1 where the format has none) and number, with blanks between.
    card          BLOB NOT NULL,
    person        INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    lost          INTEGER NOT NULL DEFAULT 0 CHECK (lost IN (0, 1)),
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sealed_cards
SELECT hash, seal('cards.card', card, hash, person), person, lost, created_at_ms
FROM (
    SELECT look_up('cards.card', card) AS hash, *
    FROM (SELECT format || ' ' || facility || ' ' || number AS card, * FROM cards)
);
DROP TABLE cards;
ALTER TABLE sealed_cards RENAME TO cards;
CREATE INDEX cards_of_person ON cards (person);

-- What a person's names in the record are sealed with. No foreign key: the record outlives the
-- person's entry, and names in it are read as long as the key is there. NULL of somebody who
-- was erased.
CREATE TABLE name_keys (
    person INTEGER PRIMARY KEY,
    key    BLOB
) STRICT;
INSERT INTO name_keys SELECT id, seal('name_keys.key', fresh_key(), id) FROM people;

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
