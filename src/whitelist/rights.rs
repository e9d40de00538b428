//! What an administrator says of a person beside the face: groups, validity, entries. Each
//! act is on record in the transaction that does it. Passages follow from grants.

use rusqlite::{Connection, params};

use super::error::WhitelistError;
use super::standing::{Direction, Group};
use super::store::{Fail, Person, by_id};
use crate::database::{Database, DatabaseError};
use crate::person::PersonId;
use crate::record::{Event, Origin, PersonRef, Stamp, append_within, head_id};

/// As many as anybody may be given.
pub const MAX_ENTRIES: u32 = 1_000_000;

/// Passages that are kept of somebody whose entries are not counted: the last one, and the
/// one before, should it be taken back.
const MAX_KEPT_PASSAGES: u32 = 2;

/// A group that people can be put in.
fn group(name: &str) -> Result<Group, WhitelistError> {
    let refused = |why| WhitelistError::Group {
        name: name.to_owned(),
        why,
    };
    let group = Group::new(name)
        .ok_or_else(|| refused("a group's name is 1 to 63 of a to z, 0 to 9, _ and -"))?;
    match group.is_reserved() {
        true => Err(refused("rules have that name for people without a group")),
        false => Ok(group),
    }
}

/// Puts people in a group: all of them or none.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn add_to_group(
    database: &mut Database,
    people: &[PersonId],
    name: &str,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    change_group(database, people, name, true, origin)
}

/// Takes people out of a group: all of them or none.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn remove_from_group(
    database: &mut Database,
    people: &[PersonId],
    name: &str,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    change_group(database, people, name, false, origin)
}

fn change_group(
    database: &mut Database,
    people: &[PersonId],
    name: &str,
    join: bool,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    let group = group(name)?;
    let sql = match join {
        true => "INSERT OR IGNORE INTO memberships (person, name) VALUES (?1, ?2)",
        false => "DELETE FROM memberships WHERE person = ?1 AND name = ?2",
    };
    database.transaction(|c, fail| {
        for id in people {
            let name = by_id(c, fail, *id)?.name;
            let changed = c
                .execute(sql, params![id.0, group.as_str()])
                .map_err(fail)?;
            if changed == 0 {
                return Err(WhitelistError::Membership {
                    name,
                    group: group.to_string(),
                    is_in: join,
                });
            }
            let person = PersonRef::new(*id, name);
            let (group, actor) = (group.to_string(), origin.actor.clone());
            let event = match join {
                true => Event::GroupJoined {
                    person,
                    group,
                    actor,
                },
                false => Event::GroupLeft {
                    person,
                    group,
                    actor,
                },
            };
            append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        }
        Ok(())
    })
}

/// Says from when to when a person may pass, in milliseconds since 1970.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn set_validity(
    database: &mut Database,
    id: PersonId,
    from_ms: Option<i64>,
    until_ms: Option<i64>,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    if from_ms
        .zip(until_ms)
        .is_some_and(|(from, until)| until <= from)
    {
        return Err(WhitelistError::NeverValid);
    }
    database.transaction(|c, fail| {
        let Person { name, standing, .. } = by_id(c, fail, id)?;
        if standing.is_guest && until_ms.is_none() {
            return Err(WhitelistError::GuestForEver { name });
        }
        c.execute(
            "UPDATE people SET valid_from_ms = ?2, valid_until_ms = ?3 WHERE id = ?1",
            params![id.0, from_ms, until_ms],
        )
        .map_err(fail)?;
        let event = Event::ValidityChanged {
            person: PersonRef::new(id, name),
            from_ms,
            until_ms,
            actor: origin.actor.clone(),
        };
        append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        Ok(())
    })
}

/// Says how often a person may enter from now on.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn set_entries(
    database: &mut Database,
    id: PersonId,
    entries: Option<u32>,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    database.transaction(|c, fail| {
        let name = by_id(c, fail, id)?.name;
        let now = head_id(c, fail)?.cast_signed();
        c.execute(
            "UPDATE people SET entries = ?2, entries_from = ?3 WHERE id = ?1",
            params![id.0, entries, now],
        )
        .map_err(fail)?;
        let event = Event::EntriesChanged {
            person: PersonRef::new(id, name),
            entries,
            actor: origin.actor.clone(),
        };
        append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        Ok(())
    })
}

/// Makes somebody on the whitelist a guest until a moment, in milliseconds since 1970.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn set_guest(
    database: &mut Database,
    id: PersonId,
    until_ms: i64,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    database.transaction(|c, fail| make_guest(c, fail, id, until_ms, origin))
}

pub(super) fn make_guest(
    c: &Connection,
    fail: Fail<'_>,
    id: PersonId,
    until_ms: i64,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    let Person { name, standing, .. } = by_id(c, fail, id)?;
    if standing.valid_from_ms.is_some_and(|from| until_ms <= from) {
        return Err(WhitelistError::NeverValid);
    }
    c.execute(
        "UPDATE people SET guest = 1, valid_until_ms = ?2 WHERE id = ?1",
        params![id.0, until_ms],
    )
    .map_err(fail)?;
    let event = Event::GuestUntil {
        person: PersonRef::new(id, name),
        until_ms,
        actor: origin.actor.clone(),
    };
    append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
    Ok(())
}

/// These people pass by the grant with this number, in the transaction that writes it;
/// `is_sure`: the clock was believed.
pub(crate) fn note_passages(
    c: &Connection,
    fail: Fail<'_>,
    people: impl IntoIterator<Item = PersonId>,
    record: u64,
    (stamp, is_sure): (&Stamp, bool),
    direction: Direction,
) -> Result<(), DatabaseError> {
    for person in people {
        c.execute(
            "INSERT INTO passages (person, record, at_ms, boot, uptime_ms, direction, is_sure) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                person.0,
                record.cast_signed(),
                stamp.at_ms,
                stamp.boot,
                stamp.uptime_ms.cast_signed(),
                direction.name(),
                is_sure
            ],
        )
        .map_err(fail)?;
        // What counts as an entry stays.
        c.execute(
            "DELETE FROM passages WHERE person = ?1
                 AND record NOT IN (SELECT record FROM passages WHERE person = ?1 ORDER BY record DESC LIMIT ?2)
                 AND (SELECT entries IS NULL OR record <= entries_from FROM people WHERE id = ?1)",
            params![person.0, MAX_KEPT_PASSAGES],
        )
        .map_err(fail)?;
    }
    Ok(())
}

/// Nobody passed by the grant with this number. Who reads the whitelist has to read it again.
pub(crate) fn take_back_passages(
    c: &Connection,
    fail: Fail<'_>,
    record: u64,
) -> Result<(), DatabaseError> {
    let gone = c
        .execute(
            "DELETE FROM passages WHERE record = ?1",
            [record.cast_signed()],
        )
        .map_err(fail)?;
    if gone > 0 {
        c.execute(
            "UPDATE meta SET value = value + 1 WHERE key = 'whitelist_revision'",
            [],
        )
        .map_err(fail)?;
    }
    Ok(())
}
