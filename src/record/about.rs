//! Whom records are about: a person, or a stranger whom a person was nearest to. Records of
//! format 0 answer too.

use std::collections::BTreeMap;

use serde_json::Value;

use super::body::Record;
use super::log::Fail;
use super::names::Opener;
use crate::database::{Database, DatabaseError};
use crate::person::PersonId;

/// Which records count as a person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    pub person: PersonId,
    /// Refusals of strangers too whom this person was nearest to.
    pub nearest: bool,
}

/// Whose number a body has. What is no JSON has none.
const PERSON: &str = "CASE WHEN json_valid(body) THEN \
     coalesce(body ->> '$.event.person.id', body ->> '$.event.person_id') END";

/// Whether the person of a body was only the nearest one.
const IS_STRANGER: &str = "coalesce(kind = 'refused' OR \
     (kind = 'denied' AND CASE WHEN json_valid(body) THEN body ->> '$.event.reason' END = 'not_listed'), 0)";

impl About {
    /// A condition on a row of `records`, without anything from outside in it.
    pub(super) fn condition(self) -> String {
        let Self { person, nearest } = self;
        let own = format!("({PERSON}) = {}", person.0);
        let strangers = if nearest {
            String::new()
        } else {
            format!(" AND NOT {IS_STRANGER}")
        };
        // A grant that was withdrawn is named by its number alone.
        let withdrawn = format!(
            "kind = 'grant_withdrawn' AND CASE WHEN json_valid(body) THEN body ->> '$.event.grant' END \
             IN (SELECT id FROM records WHERE kind IN ('granted', 'granted_by_card') AND {own})"
        );
        format!("(({own}{strangers}) OR ({withdrawn}))")
    }
}

/// Somebody whom the record knows by a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub id: PersonId,
    /// One of the names the person has had.
    pub name: String,
    /// The newest event that has it.
    pub last: i64,
}

/// All names in the record, each with whose it was, and what stands for those that are gone.
pub(crate) fn known_names(
    connection: &rusqlite::Connection,
    fail: Fail<'_>,
) -> Result<Vec<Known>, DatabaseError> {
    let before =
        "CASE WHEN kind = 'renamed' AND json_valid(body) THEN body ->> '$.event.before' END";
    let sql = format!(
        "SELECT person, name, max(id) FROM (
             SELECT {PERSON} AS person, person AS name, id FROM records
             UNION ALL SELECT {PERSON}, {before}, id FROM records WHERE kind = 'renamed'
         ) WHERE typeof(person) = 'integer' AND typeof(name) = 'text' GROUP BY person, name"
    );
    let mut statement = connection.prepare(&sql).map_err(fail)?;
    let mut rows = statement.query([]).map_err(fail)?;
    let mut names = Opener::new(connection, fail);
    let mut known = Vec::new();
    while let Some(row) = rows.next().map_err(fail)? {
        let id = PersonId(row.get(0).map_err(fail)?);
        // One name of a person is always the same text.
        let text: String = row.get(1).map_err(fail)?;
        known.push(Known {
            id,
            name: names.name(id, &text)?,
            last: row.get(2).map_err(fail)?,
        });
    }
    Ok(known)
}

/// When each person was granted last, in milliseconds since 1970.
///
/// # Errors
/// [`DatabaseError`]
pub fn last_grants(database: &Database) -> Result<BTreeMap<PersonId, i64>, DatabaseError> {
    let sql = format!(
        "SELECT {PERSON} AS who, max(at_ms) AS latest FROM records WHERE kind IN ('granted', 'granted_by_card') \
         GROUP BY 1 HAVING typeof(who) = 'integer' AND typeof(latest) = 'integer'"
    );
    database.read(|connection, fail| {
        let mut statement = connection.prepare(&sql).map_err(fail)?;
        let rows = statement.query_map([], |row| Ok((PersonId(row.get(0)?), row.get(1)?)));
        rows.and_then(Iterator::collect).map_err(fail)
    })
}

/// What a record says of a person, by the names that all of doorward's JSON has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subject {
    pub person: Option<(PersonId, String)>,
    /// Whether the person was only the nearest to a stranger.
    pub is_stranger: bool,
    pub score: Option<f64>,
    pub threshold: Option<f64>,
    /// A code.
    pub reason: Option<String>,
}

impl Record {
    /// What the record says of a person.
    pub fn subject(&self) -> Subject {
        let event = self.event_json();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let reason = text(&event["reason"]).or_else(|| text(&event["why"]));
        let id = event["person"]["id"]
            .as_i64()
            .or(event["person_id"].as_i64());
        let name = text(&event["person"]["name"]).or_else(|| text(&event["person"]));
        let is_stranger = match self.kind() {
            "refused" => true,
            "denied" => reason.as_deref() == Some("not_listed"),
            _ => false,
        };
        Subject {
            person: id.map(|id| (PersonId(id), name.unwrap_or_default())),
            is_stranger,
            score: event["score"].as_f64(),
            threshold: event["threshold"].as_f64(),
            reason,
        }
    }
}
