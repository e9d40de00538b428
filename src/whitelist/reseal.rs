//! Rows that are sealed anew: with another key, or because they come from another database.
//! Each is opened on the way, so that what was changed or exchanged stops all of it.

use rusqlite::{Connection, params};

use super::rekey::RekeyError;
use super::sealed_rows::set_name;
use super::store::Fail;
use crate::database::DatabaseError;
use crate::person::PersonId;

/// Rows between two questions whether something more urgent waits: some ten milliseconds of a
/// small board.
const ROWS_AT_ONCE: usize = 64;

/// Seals each row with the key of now that was sealed with the one before. There may be many
/// people and templates: they are done some at a time.
pub(super) fn all(
    c: &Connection,
    fail: Fail<'_>,
    must_give_way: &dyn Fn() -> bool,
) -> Result<(), RekeyError> {
    let may_go_on = || match must_give_way() {
        true => Err(RekeyError::GaveWay),
        false => Ok(()),
    };
    for some in opened_names(c, fail, "main")?.chunks(ROWS_AT_ONCE) {
        may_go_on()?;
        for (person, name) in some {
            set_name(c, fail, *person, name)?;
        }
    }
    let mut statement = c
        .prepare("SELECT id FROM templates ORDER BY id")
        .map_err(fail)?;
    let templates: Vec<i64> = statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(fail)?;
    let mut one = c
        .prepare(
            "UPDATE templates SET
                 vector = seal('templates.vector',
                     opened_before('templates.vector', vector, id, person, model), id, person, model),
                 source = seal('templates.source',
                     opened_before('templates.source', source, id, person), id, person),
                 photo = seal('templates.photo',
                     opened_before('templates.photo', photo, id, person), id, person)
             WHERE id = ?1",
        )
        .map_err(fail)?;
    for some in templates.chunks(ROWS_AT_ONCE) {
        may_go_on()?;
        for template in some {
            one.execute([template]).map_err(fail)?;
        }
    }
    may_go_on()?;
    cards(c, fail)?;
    c.execute_batch(
        "UPDATE pins SET
             hash = seal('pins.hash', opened_before('pins.hash', hash,
                 person, memory_kib, passes, lanes, salt), person, memory_kib, passes, lanes, salt),
             duress = seal('pins.duress', opened_before('pins.duress', duress,
                 person, memory_kib, passes, lanes, salt), person, memory_kib, passes, lanes, salt);
         UPDATE consents SET purpose = seal('consents.purpose',
             opened_before('consents.purpose', purpose, person), person);
         UPDATE name_keys SET key = seal('name_keys.key',
             opened_before('name_keys.key', key, person), person);
         UPDATE sealing SET key_id = key_id(), pictures_key = seal('sealing.pictures_key',
             opened_before('sealing.pictures_key', pictures_key, 1), 1);",
    )
    .map_err(fail)?;
    Ok(())
}

/// Takes people, what they have and what their names in the record are sealed with from the
/// attached `other`, whose key is the one before. Nobody is in `main`.
pub(super) fn from_other(c: &Connection, fail: Fail<'_>) -> Result<(), DatabaseError> {
    c.execute_batch(
        "INSERT INTO main.people (id, name_hash, enabled, created_at_ms, guest,
                 valid_from_ms, valid_until_ms, entries, entries_from)
             SELECT id, id, enabled, created_at_ms, guest,
                 valid_from_ms, valid_until_ms, entries, entries_from FROM other.people;",
    )
    .map_err(fail)?;
    for (person, name) in opened_names(c, fail, "other")? {
        set_name(c, fail, person, &name)?;
    }
    c.execute_batch(
        "INSERT INTO main.memberships SELECT * FROM other.memberships;
         INSERT INTO main.templates (id, person, model, vector, source, created_at_ms, photo)
             SELECT id, person, model,
                 seal('templates.vector',
                     opened_before('templates.vector', vector, id, person, model),
                     id, person, model),
                 seal('templates.source',
                     opened_before('templates.source', source, id, person), id, person),
                 created_at_ms,
                 seal('templates.photo',
                     opened_before('templates.photo', photo, id, person), id, person)
             FROM other.templates ORDER BY id;
         INSERT INTO main.pins (person, memory_kib, passes, lanes, salt, hash, duress)
             SELECT person, memory_kib, passes, lanes, salt,
                 seal('pins.hash', opened_before('pins.hash', hash,
                     person, memory_kib, passes, lanes, salt),
                     person, memory_kib, passes, lanes, salt),
                 seal('pins.duress', opened_before('pins.duress', duress,
                     person, memory_kib, passes, lanes, salt),
                     person, memory_kib, passes, lanes, salt)
             FROM other.pins;
         INSERT INTO main.consents (person, day, purpose)
             SELECT person, day, seal('consents.purpose',
                 opened_before('consents.purpose', purpose, person), person)
             FROM other.consents;
         INSERT INTO main.cards (hash, card, person, lost, created_at_ms)
             SELECT look_up('cards.card', card),
                 seal('cards.card', card, look_up('cards.card', card), person),
                 person, lost, created_at_ms
             FROM (SELECT opened_before('cards.card', card, hash, person) AS card,
                 person, lost, created_at_ms FROM other.cards);
         -- Names of whoever was removed since then are read again with the person.
         INSERT INTO main.name_keys (person, key)
             SELECT person, seal('name_keys.key',
                 opened_before('name_keys.key', key, person), person)
             FROM other.name_keys
             WHERE person IN (SELECT id FROM main.people) AND key IS NOT NULL
             ON CONFLICT (person) DO UPDATE SET key = excluded.key WHERE key IS NULL;",
    )
    .map_err(fail)
}

/// The database goes on with the key of the attached `other`, because its own is lost: what it
/// sealed itself nobody reads again.
pub(super) fn adopt(c: &Connection, fail: Fail<'_>) -> Result<(), DatabaseError> {
    c.execute_batch(
        "UPDATE main.sealing SET key_id = key_id(),
             pictures_key = (SELECT pictures_key FROM other.sealing);
         DELETE FROM main.name_keys WHERE key IS NOT NULL;",
    )
    .map_err(fail)
}

/// Cards, and what they are found by. They are opened in memory: a table of them could lie in
/// a file for a moment.
fn cards(c: &Connection, fail: Fail<'_>) -> Result<(), DatabaseError> {
    let mut statement = c
        .prepare("SELECT hash, opened_before('cards.card', card, hash, person) FROM cards")
        .map_err(fail)?;
    let cards: Vec<(Vec<u8>, Vec<u8>)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(fail)?;
    for (hash, card) in cards {
        c.execute(
            "UPDATE cards SET hash = look_up('cards.card', ?2), \
             card = seal('cards.card', ?2, look_up('cards.card', ?2), person) WHERE hash = ?1",
            params![hash, card],
        )
        .map_err(fail)?;
    }
    Ok(())
}

/// Everybody's name, opened with the key of before.
fn opened_names(
    c: &Connection,
    fail: Fail<'_>,
    from: &str,
) -> Result<Vec<(PersonId, String)>, DatabaseError> {
    let sql = format!(
        "SELECT id, CAST(opened_before('people.name', name, id) AS TEXT) FROM {from}.people ORDER BY id"
    );
    let mut statement = c.prepare(&sql).map_err(fail)?;
    statement
        .query_map([], |row| Ok((PersonId(row.get(0)?), row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(fail)
}
