//! Lockouts in the database, so that a restart does not end them.

use rusqlite::{Connection, params};

use crate::access::Subject;
use crate::config::DoorName;
use crate::database::{Database, DatabaseError};
use crate::person::PersonId;

type Fail<'f> = &'f dyn Fn(rusqlite::Error) -> DatabaseError;

/// A lockout as it is to be kept; nothing: it is over and forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptLockout {
    pub subject: Subject,
    pub state: Option<String>,
}

/// What was kept for a door.
///
/// # Errors
/// [`DatabaseError`]
pub(crate) fn read(
    database: &Database,
    door: &DoorName,
) -> Result<Vec<(Subject, String)>, DatabaseError> {
    database.read(|c, fail| {
        let sql = "SELECT subject, person, state FROM lockouts WHERE door = ?1";
        let mut statement = c.prepare(sql).map_err(fail)?;
        let rows = statement.query_map([door.to_string()], |row| {
            let name: String = row.get(0)?;
            let person: Option<i64> = row.get(1)?;
            let subject = match (name.as_str(), person) {
                ("faces", _) => Subject::Faces,
                (name, Some(person)) if name.starts_with("challenges") => {
                    Subject::Challenges(PersonId(person))
                }
                (_, Some(person)) => Subject::Person(PersonId(person)),
                _ => Subject::Factors,
            };
            Ok((subject, row.get(2)?))
        });
        rows.and_then(Iterator::collect).map_err(fail)
    })
}

/// In somebody else's transaction. Nothing is kept of people who are gone.
pub(crate) fn write(
    c: &Connection,
    fail: Fail<'_>,
    door: &DoorName,
    kept: &[KeptLockout],
) -> Result<(), DatabaseError> {
    for KeptLockout { subject, state } in kept {
        let (name, person) = match subject {
            Subject::Faces => ("faces".to_owned(), None),
            Subject::Factors => ("factors".to_owned(), None),
            Subject::Person(person) => (format!("person {}", person.0), Some(person.0)),
            Subject::Challenges(person) => (format!("challenges {}", person.0), Some(person.0)),
        };
        let door = door.to_string();
        match state {
            Some(state) => c.execute(
                "INSERT INTO lockouts (door, subject, person, state) SELECT ?1, ?2, ?3, ?4 \
                 WHERE ?3 IS NULL OR EXISTS (SELECT 1 FROM people WHERE id = ?3) \
                 ON CONFLICT (door, subject) DO UPDATE SET state = excluded.state",
                params![door, name, person, state],
            ),
            None => c.execute(
                "DELETE FROM lockouts WHERE door = ?1 AND subject = ?2",
                params![door, name],
            ),
        }
        .map_err(fail)?;
    }
    Ok(())
}
