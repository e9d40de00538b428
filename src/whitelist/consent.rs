//! That somebody agreed to be recognised: on which day, and to what.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rusqlite::{Connection, params};

use super::error::WhitelistError;
use super::store::{Fail, by_id, find_by_name};
use crate::database::{Database, DatabaseError};
use crate::person::PersonId;
use crate::record::{Consent, Event, Origin, PersonRef, Stamp, append_within};

/// Notes that people consented: all of them or none. What was noted before is replaced.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn note_consent(
    database: &mut Database,
    people: &[PersonId],
    consent: &Consent,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    database.transaction(|c, fail| {
        for id in people {
            let person = PersonRef::new(*id, by_id(c, fail, *id)?.name);
            put(c, fail, &person, consent, origin)?;
        }
        Ok(())
    })
}

/// Notes that people consent no more, and lets them in no more: all of them or none.
///
/// # Errors
/// [`WhitelistError::NoConsent`] if one of them has not consented; nothing was changed.
pub fn withdraw_consent(
    database: &mut Database,
    people: &[PersonId],
    origin: &Origin,
) -> Result<(), WhitelistError> {
    database.transaction(|c, fail| {
        for id in people {
            let name = by_id(c, fail, *id)?.name;
            let gone = c.execute("DELETE FROM consents WHERE person = ?1", [id.0]);
            if gone.map_err(fail)? == 0 {
                return Err(WhitelistError::NoConsent { name });
            }
            c.execute("UPDATE people SET enabled = 0 WHERE id = ?1", [id.0])
                .map_err(fail)?;
            let event = Event::ConsentWithdrawn {
                person: PersonRef::new(*id, name),
                actor: origin.actor.clone(),
            };
            append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        }
        Ok(())
    })
}

/// Whether somebody of that name has consented, before anybody poses for photos.
///
/// # Errors
/// [`WhitelistError::ConsentWanted`] if not.
pub(crate) fn demand_consent(database: &Database, name: &str) -> Result<(), WhitelistError> {
    match find_by_name(database, name)?.and_then(|person| person.consent) {
        Some(_) => Ok(()),
        None => Err(WhitelistError::ConsentWanted {
            name: name.to_owned(),
        }),
    }
}

/// In somebody else's transaction.
fn put(
    c: &Connection,
    fail: Fail<'_>,
    person: &PersonRef,
    consent: &Consent,
    origin: &Origin,
) -> Result<(), DatabaseError> {
    c.execute(
        "INSERT INTO consents (person, day, purpose)
         VALUES (?1, ?2, seal('consents.purpose', ?3, ?1))
         ON CONFLICT (person) DO UPDATE SET day = excluded.day, purpose = excluded.purpose",
        params![person.id.0, consent.day().to_string(), consent.purpose()],
    )
    .map_err(fail)?;
    let event = Event::ConsentGiven {
        person: person.clone(),
        day: consent.day(),
        purpose: consent.purpose().map(str::to_owned),
        actor: origin.actor.clone(),
    };
    append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
    Ok(())
}

/// What somebody brings who comes on the whitelist: a consent that is another than the noted
/// one is put, and with `is_required` whoever has none is refused.
pub(super) fn bring(
    c: &Connection,
    fail: Fail<'_>,
    person: &PersonRef,
    consent: Option<&Consent>,
    is_required: bool,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    let noted = read(c, fail, Some(person.id))?.remove(&person.id);
    match (consent, noted) {
        (Some(new), noted) if Some(new) != noted.as_ref() => Ok(put(c, fail, person, new, origin)?),
        (None, None) if is_required => Err(WhitelistError::ConsentWanted {
            name: person.name.clone(),
        }),
        _ => Ok(()),
    }
}

/// The consent of one person, or of everybody. A row that is none says nothing.
pub(super) fn read(
    c: &Connection,
    fail: Fail<'_>,
    person: Option<PersonId>,
) -> Result<BTreeMap<PersonId, Consent>, DatabaseError> {
    let sql = "SELECT person, day, opened_text('consents.purpose', purpose, person) FROM consents
        WHERE ?1 IS NULL OR person = ?1";
    let mut statement = c.prepare_cached(sql).map_err(fail)?;
    let rows = statement.query_map([person.map(|person| person.0)], |row| {
        let (day, purpose): (String, Option<String>) = (row.get(1)?, row.get(2)?);
        let day = day.parse::<Date>().ok();
        let consent = day.and_then(|day| Consent::new(day, purpose.as_deref()).ok());
        Ok((PersonId(row.get(0)?), consent))
    });
    let rows: Vec<_> = rows.and_then(Iterator::collect).map_err(fail)?;
    let said = |(person, consent): (PersonId, Option<Consent>)| Some((person, consent?));
    Ok(rows.into_iter().filter_map(said).collect())
}
