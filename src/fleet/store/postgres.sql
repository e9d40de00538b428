CREATE SCHEMA IF NOT EXISTS doorward;
CREATE TABLE IF NOT EXISTS doorward.head(
    one int PRIMARY KEY CHECK (one = 1),
    version int NOT NULL,
    revision bigint NOT NULL,
    mark bytea NOT NULL CHECK (octet_length(mark) = 16)
);
INSERT INTO doorward.head VALUES (1, 1, 0, decode(repeat('00', 16), 'hex')) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS doorward.list(
    id bytea PRIMARY KEY CHECK (octet_length(id) = 16),
    revision bigint NOT NULL UNIQUE,
    frame bytea NOT NULL
);
-- Sealed bytes do not become smaller.
ALTER TABLE doorward.list ALTER frame SET STORAGE EXTERNAL;
CREATE TABLE IF NOT EXISTS doorward.commits(
    revision bigint PRIMARY KEY,
    mark bytea NOT NULL CHECK (octet_length(mark) = 16),
    frame bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS doorward.lives(
    door bytea NOT NULL CHECK (octet_length(door) = 16),
    life bigint NOT NULL,
    last bigint NOT NULL DEFAULT 0,
    backed_up bigint NOT NULL DEFAULT 0,
    day bigint NOT NULL DEFAULT 0,
    today bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (door, life)
);
-- bytea: jsonb orders keys anew, and a signature over the body would not verify.
CREATE TABLE IF NOT EXISTS doorward.events(
    door bytea NOT NULL,
    life bigint NOT NULL,
    number bigint NOT NULL,
    body bytea NOT NULL CHECK (octet_length(body) <= 4096),
    PRIMARY KEY (door, life, number),
    FOREIGN KEY (door, life) REFERENCES doorward.lives(door, life)
);
