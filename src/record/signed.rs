//! Signed heads in the record's database: each that is told to the journal is signed, and kept
//! beside the record too, so that whoever has the database and the public key can check it.

use std::fmt;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;

use super::body::Stamp;
use super::event::Event;
use super::head::Head;
use super::log::{Fail, Log, RecordError, anchor, append_within, head, integer, unsigned};
use super::signing::{
    Handover, HeadKey, HeadKeyNamed, HeadSignature, NotedHead, PublicKey, trusted,
};
use super::verify::holds;
use crate::config::DoorName;
use crate::database::DatabaseError;
use crate::shown::counted;

/// What signatures say of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// Heads with a signature of a key that is trusted: kept ones, and noted ones.
    pub signed_heads: u64,
    /// The newest event that they are about.
    pub signed_up_to: u64,
    /// Noted heads from before there were signatures.
    pub unsigned_heads: u64,
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, and so all up to event {}",
            counted(self.signed_heads, "head is signed", "heads are signed"),
            self.signed_up_to
        )?;
        match self.unsigned_heads {
            0 => Ok(()),
            unsigned => write!(
                f,
                "; {} from before",
                counted(unsigned, "noted head is", "noted heads are")
            ),
        }
    }
}

impl Log {
    /// Signs the head of the record and keeps the signature. The first time, the record says
    /// with which key.
    ///
    /// # Errors
    /// [`RecordError`]; nothing was written.
    pub(crate) fn sign_head(&mut self, key: &HeadKey) -> Result<NotedHead, RecordError> {
        let signed = |head| NotedHead {
            head,
            signature: Some(key.sign(head)),
        };
        let newest = self.head()?;
        let is_kept = self.database().read(|connection, fail| {
            let kept = connection
                .query_row(
                    "SELECT 1 FROM signed_heads WHERE record = ?1 AND key = ?2",
                    params![integer(newest.id), key.public().as_bytes()],
                    |_| Ok(()),
                )
                .optional();
            Ok::<_, RecordError>(kept.map_err(fail)?.is_some())
        })?;
        if is_kept {
            return Ok(signed(newest));
        }
        self.write(|connection, fail, door| {
            introduce(connection, fail, door, key.public(), None)?;
            let signed = signed(head(connection, fail)?);
            keep(connection, fail, key.public(), signed)?;
            Ok(signed)
        })
    }

    /// Whether heads are signed by `key`, or by one that was handed over from or to it: all
    /// that are kept beside the record, and those that were noted elsewhere, which
    /// [`Log::verify`] looked at before.
    ///
    /// # Errors
    /// [`RecordError::Signature`] with the first head that is not.
    pub fn verify_signed(
        &self,
        noted: &[NotedHead],
        key: PublicKey,
    ) -> Result<Signed, RecordError> {
        self.database().read(|connection, fail| {
            let keys = trusted(key, &handovers(connection, fail)?);
            let is_signed = |head: &NotedHead| {
                let signature = head.signature.as_ref();
                signature.is_some_and(|s| keys.iter().any(|key| key.signed(head.head, s)))
            };
            let since = since(connection, fail)?;
            let mut signed = Signed {
                signed_heads: 0,
                signed_up_to: 0,
                unsigned_heads: 0,
            };
            let (start, kept) = (anchor(connection, fail)?, kept(connection, fail)?);
            for one in kept.iter().filter(|one| one.head.id >= start.id) {
                holds(connection, fail, start, one.head)?;
            }
            for head in kept.iter().chain(noted) {
                let id = head.head.id;
                let wrong = |what| RecordError::Signature { id, what };
                match head.signature {
                    None if since.is_none_or(|since| id < since) => signed.unsigned_heads += 1,
                    None => {
                        return Err(wrong("has no signature, and heads of its time are signed"));
                    }
                    Some(_) if is_signed(head) => {
                        signed.signed_heads += 1;
                        signed.signed_up_to = signed.signed_up_to.max(id);
                    }
                    Some(_) => {
                        return Err(wrong("has a signature that is of no key which is trusted"));
                    }
                }
            }
            if signed.signed_heads == 0 {
                let id = head(connection, fail)?.id;
                let what = "and all before it are in no head that is signed";
                return Err(RecordError::Signature { id, what });
            }
            Ok(signed)
        })
    }
}

/// From now on another key signs, in somebody else's transaction.
///
/// # Errors
/// [`DatabaseError`]
pub(crate) fn hand_over_heads(
    connection: &Connection,
    fail: Fail<'_>,
    door: &DoorName,
    before: &HeadKey,
    after: &HeadKey,
) -> Result<(), DatabaseError> {
    if before.public() == after.public() {
        return Ok(());
    }
    introduce(connection, fail, door, before.public(), None)?;
    let handover = before.hand_over(after);
    introduce(connection, fail, door, after.public(), Some(handover))
}

/// Has the record say which key signs, if it does not yet.
fn introduce(
    connection: &Connection,
    fail: Fail<'_>,
    door: &DoorName,
    key: PublicKey,
    handover: Option<Handover>,
) -> Result<(), DatabaseError> {
    let known = connection
        .query_row(
            "SELECT 1 FROM head_keys WHERE public = ?1",
            [key.as_bytes()],
            |_| Ok(()),
        )
        .optional();
    if known.map_err(fail)?.is_some() {
        return Ok(());
    }
    let event = Event::HeadKey(HeadKeyNamed {
        key: key.to_string(),
        before: handover.map(|one| one.before.to_string()),
    });
    let since = append_within(connection, fail, &Stamp::now(), door, &event)?.id;
    connection
        .execute(
            "INSERT INTO head_keys (public, since, before, by_before, by_itself) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                key.as_bytes(),
                integer(since),
                handover.as_ref().map(|one| one.before.as_bytes()),
                handover.as_ref().map(|one| one.by_before.as_bytes()),
                handover.as_ref().map(|one| one.by_after.as_bytes()),
            ],
        )
        .map(|_| ())
        .map_err(fail)
}

fn keep(
    connection: &Connection,
    fail: Fail<'_>,
    key: PublicKey,
    signed: NotedHead,
) -> Result<(), DatabaseError> {
    let signature = signed.signature.as_ref().map(HeadSignature::as_bytes);
    connection
        .execute(
            "INSERT OR REPLACE INTO signed_heads (record, hash, key, signature) \
             VALUES (?1, ?2, ?3, ?4)",
            params![
                integer(signed.head.id),
                signed.head.hash,
                key.as_bytes(),
                signature
            ],
        )
        .map_err(fail)?;
    // Of records whose time was over there is nothing to check.
    let first = anchor(connection, fail)?.id;
    connection
        .execute(
            "DELETE FROM signed_heads WHERE record < ?1",
            [integer(first)],
        )
        .map(|_| ())
        .map_err(fail)
}

/// Heads that are kept beside the record.
pub(super) fn kept(
    connection: &Connection,
    fail: Fail<'_>,
) -> Result<Vec<NotedHead>, DatabaseError> {
    let mut statement = connection
        .prepare("SELECT record, hash, signature FROM signed_heads ORDER BY record")
        .map_err(fail)?;
    let rows = statement.query_map([], |row| {
        let signature: Vec<u8> = row.get(2)?;
        Ok(NotedHead {
            head: Head {
                id: unsigned(row.get(0)?),
                hash: row.get(1)?,
            },
            // What is none was signed by nobody.
            signature: HeadSignature::from_bytes(&signature),
        })
    });
    rows.and_then(Iterator::collect).map_err(fail)
}

fn handovers(connection: &Connection, fail: Fail<'_>) -> Result<Vec<Handover>, DatabaseError> {
    let mut statement = connection
        .prepare("SELECT before, public, by_before, by_itself FROM head_keys WHERE before NOT NULL")
        .map_err(fail)?;
    let rows = statement.query_map([], |row| {
        let bytes = |column| row.get::<_, Vec<u8>>(column);
        let (before, after) = (bytes(0)?, bytes(1)?);
        let (by_before, by_after) = (bytes(2)?, bytes(3)?);
        Ok(PublicKey::from_bytes(&before)
            .zip(PublicKey::from_bytes(&after))
            .zip(HeadSignature::from_bytes(&by_before))
            .zip(HeadSignature::from_bytes(&by_after))
            .map(|(((before, after), by_before), by_after)| Handover {
                before,
                after,
                by_before,
                by_after,
            }))
    });
    let rows: Vec<Option<Handover>> = rows.and_then(Iterator::collect).map_err(fail)?;
    Ok(rows.into_iter().flatten().collect())
}

/// The event from which on heads are signed.
fn since(connection: &Connection, fail: Fail<'_>) -> Result<Option<u64>, DatabaseError> {
    let since = connection.query_row("SELECT min(since) FROM head_keys", [], |row| {
        row.get::<_, Option<i64>>(0)
    });
    Ok(since.map_err(fail)?.map(unsigned))
}
