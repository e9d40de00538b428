//! Names in events. A record is never written anew, so each name is sealed under a key of its
//! person before the event is stored, and opened where a record is read. Where that key is
//! gone, so is the name; number and hash of the record stay what they were.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Map, Value};

use super::at_door::{HeldOpen, Passage, View};
use super::event::Event;
use super::fleet::FleetChanged;
use super::log::Fail;
use super::payload::{Denied, PersonRef};
use super::privacy::{Disclosed, UnusedDisabled, UnusedSoon};
use crate::database::{Database, DatabaseError};
use crate::person::PersonId;
use crate::seal::NameKey;

/// What stands for the name of somebody who was erased.
pub(crate) const ERASED: &str = "(erased)";
/// What stands for a name where the database's key is not here.
const SEALED: &str = "(sealed)";
/// What stands for a name whose key was changed by somebody else.
const UNREADABLE: &str = "(unreadable)";

/// Members of an event that are texts about its person: the name before, the photo or file that
/// the person came from, what the person agreed to.
const TEXTS: [&str; 4] = ["before", "source", "file", "purpose"];
/// Members of an event that are people.
const PEOPLE: [&str; 2] = ["person", "with"];

/// Forgets what a person's names in the record are sealed with. They are never read again, and
/// events that are still on their way do not name the person either.
///
/// # Errors
/// [`DatabaseError`]; nothing was forgotten.
pub fn forget_names(database: &mut Database, person: PersonId) -> Result<(), DatabaseError> {
    database.transaction(|connection, fail| forget_names_within(connection, fail, person))
}

/// The same, in somebody else's transaction, after the last event that names the person.
pub(crate) fn forget_names_within(
    connection: &Connection,
    fail: Fail<'_>,
    person: PersonId,
) -> Result<(), DatabaseError> {
    connection
        .execute(
            "INSERT INTO name_keys (person, key) VALUES (?1, NULL) \
             ON CONFLICT (person) DO UPDATE SET key = NULL",
            [person.0],
        )
        .map(|_| ())
        .map_err(fail)
}

/// The event as it is stored.
pub(super) fn sealed(
    connection: &Connection,
    fail: Fail<'_>,
    event: &Event,
) -> Result<Event, DatabaseError> {
    let mut event = event.clone();
    for (person, text) in texts(&mut event) {
        *text = seal(connection, fail, person, text)?;
    }
    Ok(event)
}

fn seal(
    connection: &Connection,
    fail: Fail<'_>,
    person: PersonId,
    name: &str,
) -> Result<String, DatabaseError> {
    // Whoever was erased has a row without a key.
    connection
        .prepare_cached(
            "INSERT INTO name_keys (person, key) VALUES (?1, seal('name_keys.key', fresh_key(), ?1)) \
             ON CONFLICT (person) DO NOTHING",
        )
        .and_then(|mut insert| insert.execute([person.0]))
        .map_err(fail)?;
    let sealed: Option<String> = connection
        .prepare_cached(
            "SELECT CASE WHEN key IS NOT NULL \
             THEN name_sealed(person, opened('name_keys.key', key, person), ?2) END \
             FROM name_keys WHERE person = ?1",
        )
        .and_then(|mut select| select.query_row(params![person.0, name], |row| row.get(0)))
        .map_err(fail)?;
    Ok(sealed.unwrap_or_else(|| ERASED.to_owned()))
}

/// Opens names for one reader, each once.
pub(super) struct Opener<'c> {
    connection: &'c Connection,
    fail: Fail<'c>,
    known: HashMap<(PersonId, String), String>,
}

impl<'c> Opener<'c> {
    pub(super) fn new(connection: &'c Connection, fail: Fail<'c>) -> Self {
        Self {
            connection,
            fail,
            known: HashMap::new(),
        }
    }

    /// The name that a text of a record stands for; the text itself where it is no sealed one,
    /// as in records from before names were sealed.
    pub(super) fn name(&mut self, person: PersonId, text: &str) -> Result<String, DatabaseError> {
        if !NameKey::is_sealed(text) {
            return Ok(text.to_owned());
        }
        let asked = (person, text.to_owned());
        if let Some(known) = self.known.get(&asked) {
            return Ok(known.clone());
        }
        let found: Result<Option<Option<String>>, DatabaseError> = self
            .connection
            .prepare_cached(
                "SELECT name_opened(person, opened('name_keys.key', key, person), ?2) \
                 FROM name_keys WHERE person = ?1 AND key IS NOT NULL",
            )
            .and_then(|mut select| {
                let asked = params![person.0, text];
                select.query_row(asked, |row| row.get(0)).optional()
            })
            .map_err(self.fail);
        let name = match found {
            Ok(Some(Some(name))) => name,
            // The key is gone, or another has taken its place.
            Ok(None | Some(None)) => ERASED.to_owned(),
            Err(DatabaseError::Key(_)) => SEALED.to_owned(),
            Err(DatabaseError::Changed { .. }) => UNREADABLE.to_owned(),
            Err(error) => return Err(error),
        };
        self.known.insert(asked, name.clone());
        Ok(name)
    }

    /// Opens the names in an event as it is stored.
    pub(super) fn open(&mut self, event: &mut Map<String, Value>) -> Result<(), DatabaseError> {
        let of = |event: &Map<String, Value>, who: &str| {
            let id = event.get(who)?.get("id")?.as_i64()?;
            Some(PersonId(id))
        };
        for who in PEOPLE {
            let Some(person) = of(event, who) else {
                continue;
            };
            let name = event.get_mut(who).and_then(|who| who.get_mut("name"));
            self.put(person, name)?;
        }
        if let Some(person) = of(event, "person") {
            for text in TEXTS {
                self.put(person, event.get_mut(text))?;
            }
        }
        Ok(())
    }

    fn put(&mut self, person: PersonId, text: Option<&mut Value>) -> Result<(), DatabaseError> {
        if let Some(Value::String(text)) = text {
            *text = self.name(person, text)?;
        }
        Ok(())
    }
}

/// What an event says of people in words, each with whose it is. No kind is left out by
/// mistake: a new one does not compile until it stands here.
fn texts(event: &mut Event) -> Vec<(PersonId, &mut String)> {
    match event {
        Event::Granted(granted) => {
            let with = granted.with.as_mut().map(named);
            let person = named(&mut granted.recognition.person);
            [person].into_iter().chain(with).collect()
        }
        Event::GrantWithdrawn { recognition, .. } => {
            let person = recognition.as_mut().map(|r| &mut r.person);
            person.map(named).into_iter().collect()
        }
        Event::Renamed { person, before, .. } => with_text(person, before),
        Event::TemplateForgotten { person, source, .. } => with_text(person, source),
        Event::Imported { person, file, .. } => with_text(person, file),
        Event::Exported {
            person: Some(person),
            file,
            ..
        } => with_text(person, file),
        Event::ConsentGiven {
            person,
            purpose: Some(purpose),
            ..
        } => with_text(person, purpose),
        Event::Disclosed(Disclosed { person, file, .. }) => with_text(person, file),
        Event::UnusedSoon(UnusedSoon { person, .. })
        | Event::UnusedDisabled(UnusedDisabled { person, .. })
        | Event::ConsentGiven { person, .. }
        | Event::ConsentWithdrawn { person, .. }
        | Event::Enrolled { person, .. }
        | Event::Enabled { person, .. }
        | Event::Disabled { person, .. }
        | Event::Removed { person, .. }
        | Event::GroupJoined { person, .. }
        | Event::GroupLeft { person, .. }
        | Event::ValidityChanged { person, .. }
        | Event::EntriesChanged { person, .. }
        | Event::GuestUntil { person, .. }
        | Event::GrantedByCard { person, .. }
        | Event::FactorAccepted { person, .. }
        | Event::Duress { person }
        | Event::PinSet { person, .. }
        | Event::PinRemoved { person, .. }
        | Event::CardAdded { person, .. }
        | Event::CardRemoved { person, .. }
        | Event::FleetChanged(FleetChanged { person, .. })
        | Event::CardLost { person, .. } => vec![named(person)],
        Event::Denied(Denied { person, .. })
        | Event::FactorRefused { person, .. }
        | Event::LockoutBegan { person, .. }
        | Event::LockoutEnded { person, .. }
        | Event::Rex(View { person, .. })
        | Event::Exit(View { person, .. })
        | Event::ForcedOpen(View { person, .. })
        | Event::HeldOpen(HeldOpen {
            view: View { person, .. },
            ..
        })
        | Event::AccessTaken(Passage {
            view: View { person, .. },
            ..
        })
        | Event::TakenAgain(Passage {
            view: View { person, .. },
            ..
        })
        | Event::AccessNotTaken(Passage {
            view: View { person, .. },
            ..
        })
        | Event::OtherWay(Passage {
            view: View { person, .. },
            ..
        }) => person.as_mut().map(named).into_iter().collect(),
        Event::Started { .. }
        | Event::Stopped { .. }
        | Event::ConfigReloaded { .. }
        | Event::ConfigRejected { .. }
        | Event::WhitelistLoaded { .. }
        | Event::WhitelistUnreadable { .. }
        | Event::CameraLost { .. }
        | Event::CameraBack { .. }
        | Event::CannotJudge { .. }
        | Event::Unlocked { .. }
        | Event::Locked { .. }
        | Event::RelayFault { .. }
        | Event::RexRefused { .. }
        | Event::NotOpened { .. }
        | Event::Tamper
        | Event::AlarmEnded(_)
        | Event::InputsLost
        | Event::InputsBack
        | Event::ModeSet(_)
        | Event::OfficeOpened { .. }
        | Event::ModeEnded { .. }
        | Event::UnlockAsked { .. }
        | Event::Fault { .. }
        | Event::RecordsLost { .. }
        | Event::RelayByHand { .. }
        | Event::Pruned { .. }
        | Event::BackedUp { .. }
        | Event::Restored { .. }
        | Event::Exported { person: None, .. }
        | Event::PhotosForgotten { .. }
        | Event::RulesLoaded { .. }
        | Event::RulesRejected { .. }
        | Event::InfraredMapped(_)
        | Event::ControlAsked(_)
        | Event::ControlRefused(_)
        | Event::RolesRejected { .. }
        | Event::Rekeyed(_)
        | Event::HeadKey(_)
        | Event::Erased(_)
        | Event::FleetNoticed(_)
        | Event::PadTested(_) => Vec::new(),
    }
}

fn named(person: &mut PersonRef) -> (PersonId, &mut String) {
    (person.id, &mut person.name)
}

fn with_text<'e>(
    person: &'e mut PersonRef,
    text: &'e mut String,
) -> Vec<(PersonId, &'e mut String)> {
    vec![(person.id, text), named(person)]
}
