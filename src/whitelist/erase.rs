//! Erasing people: what removal leaves goes too, and the record says so without a name.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _};

use super::error::WhitelistError;
use super::store::{Fail, by_id};
use super::who;
use crate::database::{Database, DatabaseError};
use crate::person::PersonId;
use crate::record::{self, Erased, Event, Origin, Stamp, append_within};

/// Somebody who was erased.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gone {
    pub id: PersonId,
    /// Events from before names were sealed that have one of the person, until their time is
    /// over.
    pub named_in: u64,
}

/// Forgets people, listed or removed before: all of them or none.
///
/// # Errors
/// [`WhitelistError`]; nobody was erased.
pub fn erase(
    database: &mut Database,
    people: &[PersonId],
    origin: &Origin,
) -> Result<Vec<Gone>, WhitelistError> {
    database.transaction(|c, fail| {
        let mut gone = Vec::new();
        for id in people {
            let templates = match is_listed(c, fail, *id)? {
                true => by_id(c, fail, *id)?.templates as u64,
                false => 0,
            };
            c.execute("DELETE FROM people WHERE id = ?1", [id.0])
                .map_err(fail)?;
            let event = Event::Erased(Erased::new(*id, templates, origin.actor.clone()));
            append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
            record::forget_names_within(c, fail, *id)?;
            let named_in = record::count_names_of(c, fail, *id)?;
            gone.push(Gone { id: *id, named_in });
        }
        Ok(gone)
    })
}

/// Whom a word means, also of those who were removed before.
///
/// # Errors
/// [`WhitelistError`]
pub(crate) fn find_even_gone(database: &Database, word: &str) -> Result<PersonId, WhitelistError> {
    Ok(who::resolve(database, word)?.id)
}

pub(super) fn is_listed(
    c: &Connection,
    fail: Fail<'_>,
    id: PersonId,
) -> Result<bool, DatabaseError> {
    let found = c
        .query_row("SELECT 1 FROM people WHERE id = ?1", [id.0], |_| Ok(()))
        .optional();
    Ok(found.map_err(fail)?.is_some())
}

/// Which of these events are about nobody who is listed: they name somebody who is not, or
/// are gone themselves.
///
/// # Errors
/// [`DatabaseError`]
pub(crate) fn about_nobody_listed(
    database: &Database,
    events: &[u64],
) -> Result<BTreeSet<u64>, DatabaseError> {
    database.read(|c, fail| {
        let mut gone = BTreeSet::new();
        for event in events {
            let is_gone = match record::named_in(c, fail, *event)? {
                None => true,
                Some(None) => false,
                Some(Some(person)) => !is_listed(c, fail, person)?,
            };
            if is_gone {
                gone.insert(*event);
            }
        }
        Ok(gone)
    })
}
