//! Verbs that change nothing.

use serde_json::Value;

use super::error::VerbError;
use super::reply::{Reply, Seen};
use super::verb::{EventsAsked, MAX_EVENTS_ASKED, Verb};
use crate::database::Database;
use crate::record::{About, Kind, Query, Record, last_grants, newest, oldest};
use crate::whitelist::{self, Person};

/// A kept picture that is shown; one that was imported may be of any size.
const MAX_FACE_BYTES: usize = 3 << 20;

/// Does a verb that changes nothing.
///
/// # Errors
/// [`VerbError`], also for a verb that changes something.
pub fn look(database: &Database, verb: &Verb) -> Result<Reply, VerbError> {
    match verb {
        Verb::People { unused_since_ms } => people(database, *unused_since_ms),
        Verb::Person { person } => one(database, person),
        Verb::Face { person } => face(database, person),
        Verb::Events(asked) => events(database, asked),
        _ => Err(VerbError::malformed("this verb is no look")),
    }
}

fn people(database: &Database, unused_since_ms: Option<i64>) -> Result<Reply, VerbError> {
    let last = last_grants(database)?;
    let seen = |person: Person| Seen {
        last_granted_ms: last.get(&person.id).copied(),
        person,
    };
    let mut people: Vec<Seen> = whitelist::people(database)?.into_iter().map(seen).collect();
    let listed = people.len();
    let mut record_since_ms = None;
    if let Some(since) = unused_since_ms {
        people.retain(|seen| {
            let let_in = seen.last_granted_ms.is_some_and(|at| at >= since);
            seen.person.created_at_ms < since && !let_in
        });
        // Older grants may have been deleted, because their time was over.
        let first = oldest(database, &Query::default(), 1)?.pop();
        record_since_ms = first.filter(|first| first.id > 1).map(|first| first.at_ms);
    }
    Ok(Reply::People {
        people,
        listed,
        record_since_ms,
    })
}

fn one(database: &Database, word: &str) -> Result<Reply, VerbError> {
    let person = whitelist::find(database, word)?;
    let last_granted_ms = last_grants(database)?.get(&person.id).copied();
    Ok(Reply::Person {
        templates: whitelist::templates_of(database, person.id)?,
        factors: whitelist::factors_of(database, person.id)?,
        person: Seen {
            person,
            last_granted_ms,
        },
    })
}

fn face(database: &Database, word: &str) -> Result<Reply, VerbError> {
    let person = whitelist::find(database, word)?;
    let png = whitelist::newest_photo_of(database, person.id)?;
    Ok(Reply::Face {
        png: png.filter(|png| png.len() <= MAX_FACE_BYTES),
    })
}

fn events(database: &Database, asked: &EventsAsked) -> Result<Reply, VerbError> {
    let about = match &asked.person {
        Some(word) => Some(About {
            person: whitelist::resolve(database, word)?.id,
            nearest: asked.nearest,
        }),
        None => None,
    };
    let kinds: Result<Vec<Kind>, _> = asked.kinds.iter().map(|name| name.parse()).collect();
    let kinds = kinds.map_err(VerbError::malformed)?;
    let limit = asked
        .limit
        .map_or(MAX_EVENTS_ASKED, |limit| limit.min(MAX_EVENTS_ASKED));
    let query = Query {
        since_ms: asked.since_ms,
        until_ms: asked.until_ms,
        after_id: asked.after_id,
        kinds,
        about,
        limit: Some(limit),
    };
    let records = match asked.after_id {
        Some(_) => oldest(database, &query, limit)?,
        None => newest(database, &query)?,
    };
    Ok(Reply::Events {
        records: records.iter().map(record_json).collect(),
    })
}

/// The record as it is stored, with number, time and hash, and with the person and the score
/// by the names that other commands give them.
pub(crate) fn record_json(record: &Record) -> Value {
    let mut value = record.to_json();
    let subject = record.subject();
    if let Some((id, name)) = subject.person {
        let (key, name_key) = match subject.is_stranger {
            true => ("nearest_id", "nearest"),
            false => ("person_id", "name"),
        };
        value[key] = id.0.into();
        value[name_key] = name.into();
    }
    if let Some(score) = subject.score {
        value["score"] = score.into();
    }
    value
}
