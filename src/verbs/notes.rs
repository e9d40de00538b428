//! Verbs that put on record what was done elsewhere.

use super::error::{Code, VerbError};
use super::reply::Reply;
use super::verb::{NotedDisclosure, NotedExport};
use crate::database::Database;
use crate::person::PersonId;
use crate::record::{Disclosed, Event, Head, Origin, PersonRef, Stamp, append_within, has_head};
use crate::whitelist::{self, Exported, Person, Whom};

pub(super) fn note_export(
    db: &mut Database,
    noted: NotedExport,
    by: &Origin,
) -> Result<Reply, VerbError> {
    let person = |(id, name, templates): (PersonId, String, usize)| Person {
        id,
        name,
        templates,
        photos: 0,
        enabled: true,
        created_at_ms: 0,
        standing: Default::default(),
        consent: None,
    };
    let people: Vec<Person> = noted.people.into_iter().map(person).collect();
    let ids: Vec<PersonId> = people.iter().map(|person| person.id).collect();
    let exported = Exported {
        templates: people.iter().map(|person| person.templates as u64).sum(),
        people,
    };
    let whom = match noted.everybody {
        true => Whom::Everybody,
        false => Whom::These(&ids),
    };
    whitelist::record_export(db, &exported, whom, &noted.file, by)?;
    Ok(Reply::Noted {})
}

pub(super) fn note_relay_by_hand(
    db: &mut Database,
    relay: String,
    pulse_ms: u64,
    by: &Origin,
) -> Result<Reply, VerbError> {
    let event = Event::RelayByHand {
        relay,
        pulse_ms,
        actor: by.actor.clone(),
    };
    note(db, event, by)
}

pub(super) fn note_disclosure(
    db: &mut Database,
    noted: NotedDisclosure,
    by: &Origin,
) -> Result<Reply, VerbError> {
    let event = Event::Disclosed(Disclosed {
        person: PersonRef::new(noted.person, noted.name),
        file: noted.file,
        templates: noted.templates,
        events: noted.events,
        pictures: noted.pictures,
        actor: by.actor.clone(),
    });
    note(db, event, by)
}

fn note(db: &mut Database, event: Event, by: &Origin) -> Result<Reply, VerbError> {
    db.transaction(|c, fail| {
        append_within(c, fail, &Stamp::now(), &by.door, &event)?;
        Ok(Reply::Noted {})
    })
}

pub(super) fn note_backup(
    db: &mut Database,
    file: String,
    head: &str,
    by: &Origin,
) -> Result<Reply, VerbError> {
    let head: Head = head
        .parse()
        .map_err(|error: &str| VerbError::malformed(error))?;
    db.transaction(|c, fail| {
        if !has_head(c, fail, head)? {
            let why = "the backup is none of this database, or its last event was deleted since";
            return Err(VerbError::new(Code::Refused, why));
        }
        let event = Event::BackedUp {
            file,
            up_to: head.id,
            hash: head.hash(),
            actor: by.actor.clone(),
        };
        append_within(c, fail, &Stamp::now(), &by.door, &event)?;
        Ok(Reply::Noted {})
    })
}
