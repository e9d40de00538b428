//! Whether the record is what was written: the chain, what was deleted before it, and
//! heads that were noted earlier.

use std::fmt;

use rusqlite::Connection;
use serde::Serialize;
use serde_json::Value;

use super::body::Record;
use super::chain::{hash, hexadecimal};
use super::event::{Event, Kind};
use super::head::Head;
use super::log::{Fail, Log, RecordError, anchor, integer, unsigned};
use crate::shown::counted;

/// A chain without a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many records there are.
    pub events: u64,
    /// The first and the last.
    pub first: Option<u64>,
    pub last: Option<u64>,
    /// The last, `ID:HASH`.
    pub head: Head,
    /// How many of the noted heads are still those of their records.
    pub heads: u64,
    /// How many tell of records that were deleted since because their time was over.
    pub heads_deleted: u64,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (Some(first), Some(last)) => write!(
                f,
                "{}, {first} to {last}, none changed or missing; head {}",
                counted(self.events, "event", "events"),
                self.head
            )?,
            _ => write!(f, "no events yet")?,
        }
        if self.heads + self.heads_deleted > 0 {
            write!(
                f,
                "; {} as {} were",
                counted(self.heads, "noted head is", "noted heads are"),
                if self.heads == 1 { "it" } else { "they" }
            )?;
        }
        match self.heads_deleted {
            0 => Ok(()),
            deleted => write!(f, ", {deleted} are of records whose time was over"),
        }
    }
}

impl Log {
    /// Follows the chain from its beginning to its end, and looks at what was deleted
    /// before it and at `noted` heads.
    ///
    /// # Errors
    /// [`RecordError::Tampered`] with the first record that is wrong.
    pub fn verify(&self, noted: &[Head]) -> Result<Verified, RecordError> {
        self.database().read(|connection, fail| {
            let start = anchor(connection, fail)?;
            let mut at = start;
            let mut events = 0;
            let mut pruned = None;
            let mut statement = connection
                .prepare("SELECT id, body, hash, kind FROM records ORDER BY id")
                .map_err(fail)?;
            let mut rows = statement.query([]).map_err(fail)?;
            while let Some(row) = rows.next().map_err(fail)? {
                let id = unsigned(row.get(0).map_err(fail)?);
                let tampered = |what| RecordError::Tampered { id, what };
                if id != at.id + 1 {
                    return Err(tampered(
                        "does not follow the one before: records are missing",
                    ));
                }
                let body = row.get_ref(1).map_err(fail)?;
                let body = body.as_bytes().unwrap_or_default();
                let hash = hash(&at.hash, integer(id), body);
                let stored = row.get_ref(2).map_err(fail)?;
                if stored.as_blob().unwrap_or_default() != hash.as_slice() {
                    return Err(tampered("is not what was written, or what was before it"));
                }
                let kind = row.get_ref(3).map_err(fail)?;
                if kind.as_str().is_ok_and(|k| k == Kind::Pruned.as_str()) {
                    pruned = Record::read(id, body, hash).or(pruned);
                }
                at = Head { id, hash };
                events += 1;
            }
            if !accounted(start, pruned.as_ref()) {
                return Err(RecordError::Tampered {
                    id: start.id + 1,
                    what: "is the first that is left, and no `pruned` event says so: \
                           records before it were removed",
                });
            }
            let mut verified = Verified {
                events,
                first: (events > 0).then_some(start.id + 1),
                last: (events > 0).then_some(at.id),
                head: at,
                heads: 0,
                heads_deleted: 0,
            };
            for head in noted {
                if head.id < start.id {
                    verified.heads_deleted += 1;
                } else {
                    holds(connection, fail, start, *head)?;
                    verified.heads += 1;
                }
            }
            Ok(verified)
        })
    }
}

/// Whether the newest `pruned` event says that all up to `start` was deleted.
fn accounted(start: Head, pruned: Option<&Record>) -> bool {
    let Some(pruned) = pruned else {
        return start.id == 0 && start.hash == [0; 32];
    };
    match pruned.event() {
        Some(Event::Pruned { up_to, hash, .. }) => {
            *up_to == start.id && *hash == hexadecimal(&start.hash)
        }
        // Format 0 named the number alone, in a text.
        _ => {
            let body = pruned.to_json();
            let detail = body["event"]["detail"].as_str().unwrap_or_default();
            let detail: Value = serde_json::from_str(detail).unwrap_or_default();
            detail["up_to"].as_u64() == Some(start.id)
        }
    }
}

pub(super) fn holds(
    connection: &Connection,
    fail: Fail<'_>,
    start: Head,
    head: Head,
) -> Result<(), RecordError> {
    let found = if head.id == start.id {
        Some(start.hash)
    } else {
        Log::hash_of(connection, fail, head.id)?
    };
    let what = match found {
        Some(hash) if hash == head.hash => return Ok(()),
        Some(_) => "is another than the one whose head was noted: the record was written anew",
        None => "is missing, and its head was noted: the end of the record was cut off",
    };
    Err(RecordError::Tampered { id: head.id, what })
}
