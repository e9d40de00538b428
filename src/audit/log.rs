//! The log as a hash chain: each event's hash covers its own content and the hash
//! before it, so that nothing can be changed, removed or put in between without
//! every later hash being wrong (as in Schneier and Kelsey, "Secure audit logs to
//! support computer forensics", 1999).
//!
//! What a chain alone cannot show is that its newest events were cut off, or that
//! all of it was written anew: whoever wants to prove that keeps the head that
//! [`Verified`] prints somewhere else.

use std::fmt;

use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::event::{Event, Kind, NewEvent};
use crate::database::{Database, DatabaseError};
use crate::embedding::ModelVersion;
use crate::person::PersonId;

/// The columns that are hashed, in the order in which they are.
const COLUMNS: &str =
    "id, at_ms, kind, person_id, person, score, threshold, model, frames, why, detail, actor";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

type Hash = [u8; 32];
type Fail<'f> = &'f dyn Fn(rusqlite::Error) -> DatabaseError;

/// Why the log cannot be used or trusted.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The chain is broken.
    #[error(
        "the audit log was tampered with: event {id} {what}; keep a copy of the database as evidence, and look at who could write to it"
    )]
    Tampered {
        /// The first event that is wrong.
        id: u64,
        /// In which way.
        what: &'static str,
    },
}

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// From this time on, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Before this time.
    pub until_ms: Option<i64>,
    /// After this event.
    pub after_id: Option<u64>,
    /// Of these kinds; all if empty.
    pub kinds: Vec<Kind>,
    /// About the person of this name (as it was then), in any case of letters.
    pub person: Option<String>,
    /// The newest so many.
    pub limit: Option<u32>,
}

/// A chain without a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many events there are.
    pub events: u64,
    /// The first and the last.
    pub first: Option<u64>,
    /// The last.
    pub last: Option<u64>,
    /// Hash of the last, in hexadecimal.
    pub head: String,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (Some(first), Some(last)) => write!(
                f,
                "{} events, {first} to {last}, none changed or missing; head {}",
                self.events, self.head
            ),
            _ => write!(f, "no events yet"),
        }
    }
}

/// The log, open for reading and writing.
#[derive(Debug)]
pub struct Log {
    database: Database,
}

impl Log {
    /// The log in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Writes an event and gives its number; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`AuditError::Database`]; nothing was written.
    pub fn append(&mut self, at_ms: i64, event: &NewEvent) -> Result<u64, AuditError> {
        self.database
            .transaction(|connection, fail| Ok(append_within(connection, fail, at_ms, event)?))
    }

    /// Writes an event if `allow`, asked in the same transaction, gives no reason against
    /// it; gives its number and what `allow` gave.
    ///
    /// # Errors
    /// [`AuditError::Database`]; nothing was written.
    pub(crate) fn append_if<T, R>(
        &mut self,
        at_ms: i64,
        event: &NewEvent,
        allow: impl FnOnce(&Connection, Fail<'_>) -> Result<Result<T, R>, DatabaseError>,
    ) -> Result<Result<(u64, T), R>, AuditError> {
        self.database
            .transaction(|connection, fail| match allow(connection, fail)? {
                Ok(given) => Ok(Ok((append_within(connection, fail, at_ms, event)?, given))),
                Err(reason) => Ok(Err(reason)),
            })
    }

    /// The number of the newest event, 0 if there is none.
    ///
    /// # Errors
    /// [`AuditError::Database`]
    pub fn last_id(&self) -> Result<u64, AuditError> {
        self.database
            .read(|connection, fail| Ok(last(connection, fail)?.0))
    }

    /// Events, oldest first.
    ///
    /// # Errors
    /// [`AuditError`]; [`AuditError::Tampered`] for a row that no doorward can have written.
    pub fn events(&self, query: &Query) -> Result<Vec<Event>, AuditError> {
        let (mut terms, mut values) = (vec!["1".to_owned()], Vec::new());
        let mut term = |text: &str, value: Sql| {
            values.push(value);
            terms.push(format!("{text} ?{}", values.len()));
        };
        if let Some(since) = query.since_ms {
            term("at_ms >=", since.into());
        }
        if let Some(until) = query.until_ms {
            term("at_ms <", until.into());
        }
        if let Some(after) = query.after_id {
            term("id >", integer(after).into());
        }
        if let Some(person) = &query.person {
            term("lower(person) = lower(", person.clone().into());
            if let Some(last) = terms.last_mut() {
                last.push(')');
            }
        }
        if !query.kinds.is_empty() {
            // Names of our own, without a quote in them.
            let kinds: Vec<_> = query.kinds.iter().map(|k| format!("'{k}'")).collect();
            terms.push(format!("kind IN ({})", kinds.join(", ")));
        }
        let limit = query.limit.map_or(-1, i64::from);
        let sql = format!(
            "SELECT * FROM (SELECT {COLUMNS} FROM events WHERE {} ORDER BY id DESC LIMIT {limit}) ORDER BY id",
            terms.join(" AND ")
        );
        self.database.read(|connection, fail| {
            let mut statement = connection.prepare(&sql).map_err(fail)?;
            let mut rows = statement.query(params_from_iter(values)).map_err(fail)?;
            let mut events = Vec::new();
            while let Some(row) = rows.next().map_err(fail)? {
                events.push(event(row)?);
            }
            Ok(events)
        })
    }

    /// Follows the chain from its beginning to its end.
    ///
    /// # Errors
    /// [`AuditError::Tampered`] with the first event that is wrong.
    pub fn verify(&self) -> Result<Verified, AuditError> {
        self.database.read(|connection, fail| {
            let (anchor, mut previous) = anchor(connection, fail)?;
            let (mut events, mut last) = (0, anchor);
            let mut statement = connection
                .prepare(&format!("SELECT {COLUMNS}, hash FROM events ORDER BY id"))
                .map_err(fail)?;
            let mut rows = statement.query([]).map_err(fail)?;
            while let Some(row) = rows.next().map_err(fail)? {
                let id = unsigned(row.get(0).map_err(fail)?);
                let tampered = |what| AuditError::Tampered { id, what };
                if id != last + 1 {
                    return Err(tampered(
                        "does not follow the one before: events are missing",
                    ));
                }
                let stored: Vec<u8> = row.get("hash").map_err(fail)?;
                let hash = hash_row(&previous, row).map_err(fail)?;
                if stored != hash {
                    return Err(tampered("is not what was written, or what was before it"));
                }
                (previous, last) = (hash, id);
                events += 1;
            }
            Ok(Verified {
                events,
                first: (events > 0).then_some(anchor + 1),
                last: (events > 0).then_some(last),
                head: previous.iter().map(|byte| format!("{byte:02x}")).collect(),
            })
        })
    }

    /// Deletes events older than `keep_days` and all but the newest `keep_events`, and
    /// writes down that it did; gives how many. The newest event always stays.
    ///
    /// # Errors
    /// [`AuditError::Database`]; nothing was deleted.
    pub fn prune(
        &mut self,
        now_ms: i64,
        keep_days: u32,
        keep_events: u64,
    ) -> Result<u64, AuditError> {
        let oldest_ms = now_ms.saturating_sub(i64::from(keep_days) * DAY_MS);
        // Asked first without a write lock; nearly always there is nothing to do.
        let end = |connection: &Connection, fail: Fail<'_>| -> Result<i64, DatabaseError> {
            connection
                .query_row(
                    // A clock that was wrong for a while must not keep later events back:
                    // the chain is cut before the first event that is young enough.
                    "SELECT max(
                         coalesce((SELECT min(id) - 1 FROM events WHERE at_ms >= ?1), (SELECT max(id) - 1 FROM events), 0),
                         coalesce((SELECT max(id) FROM events), 0) - ?2
                     )",
                    params![oldest_ms, integer(keep_events)],
                    |row| row.get(0),
                )
                .map_err(fail)
        };
        let (first, cut): (i64, i64) = self.database.read(|connection, fail| {
            let (anchor, _) = anchor(connection, fail)?;
            Ok::<_, AuditError>((integer(anchor), end(connection, fail)?))
        })?;
        if cut <= first {
            return Ok(0);
        }
        self.database.transaction(|connection, fail| {
            let cut = end(connection, fail)?;
            let run = |sql: &str| connection.execute(sql, []).map_err(fail);
            connection
                .execute(
                    "UPDATE anchor SET (id, hash) = (SELECT id, hash FROM events WHERE id = ?1)",
                    [cut],
                )
                .map_err(fail)?;
            run("UPDATE meta SET value = 1 WHERE key = 'pruning'")?;
            let deleted = connection
                .execute("DELETE FROM events WHERE id <= ?1", [cut])
                .map_err(fail)? as u64;
            run("UPDATE meta SET value = 0 WHERE key = 'pruning'")?;
            let event = NewEvent::new(Kind::Pruned)
                .why("their time was over")
                .detail("events", deleted)
                .detail("up_to", cut);
            append_within(connection, fail, now_ms, &event)?;
            Ok(deleted)
        })
    }
}

/// Writes an event in somebody else's transaction, which is rolled back if this fails.
pub(crate) fn append_within(
    connection: &Connection,
    fail: Fail<'_>,
    at_ms: i64,
    event: &NewEvent,
) -> Result<u64, DatabaseError> {
    let (last, previous) = last(connection, fail)?;
    let id = last + 1;
    let text = |value: Option<&str>| value.map_or(Sql::Null, |v| v.to_owned().into());
    // NaN has no place in SQLite, -0 comes back as 0.
    let real = |value: Option<f32>| match value {
        Some(v) if !v.is_nan() => Sql::Real(f64::from(v) + 0.0),
        _ => Sql::Null,
    };
    let person = event.person.as_ref();
    let detail = serde_json::Value::Object(event.detail.clone()).to_string();
    let row = [
        integer(id).into(),
        at_ms.into(),
        text(Some(event.kind.as_str())),
        person.map_or(Sql::Null, |(id, _)| id.0.into()),
        text(person.map(|(_, name)| name.as_str())),
        real(event.score),
        real(event.threshold),
        text(event.model.as_ref().map(ModelVersion::as_str)),
        event.frames.map_or(Sql::Null, |n| i64::from(n).into()),
        text(event.why.as_deref()),
        text(Some(&detail)),
        text(event.actor.as_deref()),
    ];
    let hash = hash(&previous, row.iter().map(ValueRef::from));
    let values = row.into_iter().chain([Sql::Blob(hash.into())]);
    connection
        .execute(
            &format!(
                "INSERT INTO events ({COLUMNS}, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
            ),
            params_from_iter(values),
        )
        .map_err(fail)?;
    Ok(id)
}

/// Number and hash of the event that a new one follows.
fn last(connection: &Connection, fail: Fail<'_>) -> Result<(u64, Hash), DatabaseError> {
    let newest = connection
        .query_row(
            "SELECT id, hash FROM events ORDER BY id DESC LIMIT 1",
            [],
            |row| Ok((unsigned(row.get(0)?), row.get(1)?)),
        )
        .optional()
        .map_err(fail)?;
    match newest {
        Some(newest) => Ok(newest),
        None => anchor(connection, fail),
    }
}

fn anchor(connection: &Connection, fail: Fail<'_>) -> Result<(u64, Hash), DatabaseError> {
    connection
        .query_row("SELECT id, hash FROM anchor", [], |row| {
            Ok((unsigned(row.get(0)?), row.get(1)?))
        })
        .map_err(fail)
}

fn hash_row(previous: &Hash, row: &Row<'_>) -> rusqlite::Result<Hash> {
    let values = (0..COLUMNS.split(',').count())
        .map(|column| row.get_ref(column))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(hash(previous, values.into_iter()))
}

/// SHA-256 of the hash before and of every value as a type letter, its length in
/// 8 bytes and its bytes, so that no two rows are hashed alike. Numbers little-endian.
fn hash<'v>(previous: &Hash, values: impl Iterator<Item = ValueRef<'v>>) -> Hash {
    let mut sha = Sha256::new();
    sha.update(previous);
    let mut add = |letter: u8, bytes: &[u8]| {
        sha.update([letter]);
        sha.update((bytes.len() as u64).to_le_bytes());
        sha.update(bytes);
    };
    for value in values {
        match value {
            ValueRef::Null => add(b'n', &[]),
            ValueRef::Integer(v) => add(b'i', &v.to_le_bytes()),
            ValueRef::Real(v) => add(b'r', &v.to_le_bytes()),
            ValueRef::Text(v) => add(b't', v),
            ValueRef::Blob(v) => add(b'b', v),
        }
    }
    sha.finalize().into()
}

fn event(row: &Row<'_>) -> Result<Event, AuditError> {
    let id = row.get(0).map(unsigned).unwrap_or(0);
    read_event(row, id).ok_or(AuditError::Tampered {
        id,
        what: "holds what no doorward writes",
    })
}

fn read_event(row: &Row<'_>, id: u64) -> Option<Event> {
    let kind: String = row.get(2).ok()?;
    let person: (Option<i64>, Option<String>) = (row.get(3).ok()?, row.get(4).ok()?);
    let real = |v: Option<f64>| v.map(|v| v as f32);
    let model: Option<String> = row.get(7).ok()?;
    let detail: String = row.get(10).ok()?;
    Some(Event {
        id,
        at_ms: row.get(1).ok()?,
        says: NewEvent {
            kind: kind.parse().ok()?,
            person: person.0.map(PersonId).zip(person.1),
            score: real(row.get(5).ok()?),
            threshold: real(row.get(6).ok()?),
            model: model.map(ModelVersion::new),
            frames: row.get(8).ok()?,
            why: row.get(9).ok()?,
            detail: serde_json::from_str(&detail).ok()?,
            actor: row.get(11).ok()?,
        },
    })
}

fn integer(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn unsigned(id: i64) -> u64 {
    u64::try_from(id).unwrap_or(0)
}
