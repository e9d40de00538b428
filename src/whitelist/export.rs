//! People written down for another whitelist, with all that is kept of them but what is the
//! door's: PINs, cards and passages.

use std::io::{self, Write};

use rusqlite::{Connection, params};

use super::error::WhitelistError;
use super::portable::{PortablePerson, PortableTemplate, Writer};
use super::sealed_rows::{PHOTO, SOURCE, VECTOR};
use super::standing::Entries;
use super::store::{Fail, Person, by_id, select};
use crate::database::{Database, DatabaseError};
use crate::embedding::ModelVersion;
use crate::person::PersonId;
use crate::record::{Event, Origin, PersonRef, Stamp, append_within};

/// Why people were not written down.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Whitelist(#[from] WhitelistError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// What is written to did not take it.
    #[error("{0}")]
    Write(#[from] io::Error),
    #[error("{name} ({id}) is dated beyond all calendars; the database was changed by hand")]
    Date { id: PersonId, name: String },
}

/// Whom to write down.
#[derive(Debug, Clone, Copy)]
pub enum Whom<'a> {
    Everybody,
    These(&'a [PersonId]),
}

/// Who was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    pub people: Vec<Person>,
    pub templates: u64,
}

/// Writes people to `to`, as they are at one moment.
///
/// # Errors
/// [`ExportError`]; what was written is not whole.
pub fn export(
    database: &Database,
    whom: Whom<'_>,
    to: impl Write,
) -> Result<Exported, ExportError> {
    database.read(|c, fail| {
        let people = match whom {
            Whom::Everybody => select(c, fail, "1 = ?1", &1i64)?,
            Whom::These(ids) => ids
                .iter()
                .map(|id| by_id(c, fail, *id))
                .collect::<Result<_, _>>()?,
        };
        let mut writer = Writer::begin(to, jiff::Timestamp::now())?;
        for person in &people {
            writer.person(&portable(c, fail, person)?)?;
        }
        let count = writer.end()?;
        Ok(Exported {
            people,
            templates: count.templates,
        })
    })
}

fn portable(
    c: &Connection,
    fail: Fail<'_>,
    person: &Person,
) -> Result<PortablePerson, ExportError> {
    let date = |ms| {
        jiff::Timestamp::from_millisecond(ms).map_err(|_| ExportError::Date {
            id: person.id,
            name: person.name.clone(),
        })
    };
    let enrolled_at = date(person.created_at_ms)?;
    let mut portable = PortablePerson::new(person.name.clone(), person.enabled, enrolled_at);
    let standing = &person.standing;
    let groups = standing.groups.iter().filter(|group| !group.is_reserved());
    portable.groups = groups.map(ToString::to_string).collect();
    portable.guest = standing.is_guest;
    portable.valid_from = standing.valid_from_ms.map(date).transpose()?;
    portable.valid_until = standing.valid_until_ms.map(date).transpose()?;
    portable.entries = standing.entries.map(Entries::left);
    let mut statement = c
        .prepare_cached(&format!(
            "SELECT model, {VECTOR}, {SOURCE}, created_at_ms, {PHOTO} FROM templates \
             WHERE person = ?1 ORDER BY id"
        ))
        .map_err(fail)?;
    let mut rows = statement.query(params![person.id.0]).map_err(fail)?;
    while let Some(row) = rows.next().map_err(fail)? {
        let made_at = date(row.get(3).map_err(fail)?)?;
        let bytes = |column| row.get_ref(column).map_err(fail);
        portable.templates.push(PortableTemplate::new(
            ModelVersion::new(row.get::<_, String>(0).map_err(fail)?),
            bytes(1)?.as_blob().unwrap_or_default(),
            row.get(2).map_err(fail)?,
            made_at,
            bytes(4)?.as_blob_or_null().unwrap_or_default(),
        ));
    }
    Ok(portable)
}

/// Puts on record that people were written to a file.
///
/// # Errors
/// [`WhitelistError::Database`]
pub fn record_export(
    database: &mut Database,
    exported: &Exported,
    whom: Whom<'_>,
    file: &str,
    origin: &Origin,
) -> Result<(), WhitelistError> {
    let event = |person: Option<&Person>| Event::Exported {
        file: file.to_owned(),
        person: person.map(|person| PersonRef::new(person.id, person.name.clone())),
        people: match person {
            Some(_) => 1,
            None => exported.people.len() as u64,
        },
        templates: person.map_or(exported.templates, |person| person.templates as u64),
        actor: origin.actor.clone(),
    };
    let events: Vec<Event> = match whom {
        Whom::Everybody => vec![event(None)],
        Whom::These(_) => exported.people.iter().map(|p| event(Some(p))).collect(),
    };
    database.transaction(|c, fail| {
        for event in &events {
            append_within(c, fail, &Stamp::now(), &origin.door, event)?;
        }
        Ok(())
    })
}
