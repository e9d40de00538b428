//! What everybody on the whitelist is made of, to tell a change that is on record from one
//! that is not.

use std::collections::BTreeMap;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::error::WhitelistError;
use super::store::Fail;
use crate::database::{Database, DatabaseError};
use crate::person::PersonId;
use crate::record::{Named, head_id, named_since};

/// SHA-256 of name, state, templates, groups, validity, PINs and cards, as they are sealed.
type Fingerprint = [u8; 32];

/// The whitelist at some moment, and the newest event then.
#[derive(Debug)]
pub(crate) struct Fingerprints {
    head: u64,
    people: BTreeMap<PersonId, Fingerprint>,
}

impl Fingerprints {
    /// Of everybody, as they are now.
    ///
    /// # Errors
    /// [`WhitelistError::Database`]
    pub(crate) fn read(database: &Database) -> Result<Self, WhitelistError> {
        database.read(|connection, fail| Ok(read(connection, fail)?))
    }

    /// Takes the newest whitelist for the known one if each change since is on record; else
    /// gives the first person who changed without an event.
    ///
    /// # Errors
    /// [`WhitelistError::Database`]
    pub(crate) fn follow(
        &mut self,
        database: &Database,
    ) -> Result<Result<(), PersonId>, WhitelistError> {
        database.read(|connection, fail| {
            let now = read(connection, fail)?;
            let named = named_since(connection, fail, self.head)?;
            if let Some(person) = unrecorded(&self.people, &now.people, &named) {
                return Ok(Err(person));
            }
            *self = now;
            Ok(Ok(()))
        })
    }

    /// Nothing has changed up to the newest event. Gives the whitelist's revision then.
    ///
    /// # Errors
    /// [`WhitelistError::Database`]
    pub(crate) fn unchanged_if(
        &mut self,
        database: &Database,
        revision: u64,
    ) -> Result<bool, WhitelistError> {
        database.read(|connection, fail| {
            let same = super::store::revision_within(connection, fail)? == revision;
            if same {
                self.head = head_id(connection, fail)?;
            }
            Ok(same)
        })
    }
}

/// The first person who is another and whom no event names.
fn unrecorded(
    before: &BTreeMap<PersonId, Fingerprint>,
    now: &BTreeMap<PersonId, Fingerprint>,
    named: &Named,
) -> Option<PersonId> {
    let everybody = before.keys().chain(now.keys());
    let mut changed = everybody.filter(|person| before.get(person) != now.get(person));
    changed.find(|person| !named.has(**person)).copied()
}

fn read(connection: &Connection, fail: Fail<'_>) -> Result<Fingerprints, DatabaseError> {
    let mut people: BTreeMap<PersonId, Sha256> = BTreeMap::new();
    for sql in [
        "SELECT id, name, enabled, CAST(name_hash AS BLOB) FROM people ORDER BY id",
        "SELECT person, CAST(model AS BLOB), id, vector FROM templates ORDER BY id",
        // NULL and a number are told apart by what stands around them.
        "SELECT id, CAST(format('%s|%s|%s|%s', coalesce(valid_from_ms, '-'), coalesce(valid_until_ms, '-'), \
         coalesce(entries, '-'), entries_from) AS BLOB), guest, x'' FROM people ORDER BY id",
        "SELECT person, CAST(name AS BLOB), 0, x'' FROM memberships ORDER BY person, name",
        "SELECT person, salt, memory_kib * 1000 + passes * 10 + lanes, hash FROM pins ORDER BY person",
        "SELECT person, CAST('duress' AS BLOB), 0, duress FROM pins WHERE duress NOT NULL ORDER BY person",
        "SELECT person, hash, lost, card FROM cards ORDER BY hash",
    ] {
        let mut statement = connection.prepare(sql).map_err(fail)?;
        let mut rows = statement.query([]).map_err(fail)?;
        while let Some(row) = rows.next().map_err(fail)? {
            let number: i64 = row.get(2).map_err(fail)?;
            let blob = |column| {
                let value = row.get_ref(column).map_err(fail)?;
                Ok::<_, DatabaseError>(value.as_bytes().unwrap_or_default())
            };
            let of = people
                .entry(PersonId(row.get(0).map_err(fail)?))
                .or_default();
            for part in [blob(1)?, &number.to_le_bytes(), blob(3)?] {
                of.update((part.len() as u64).to_le_bytes());
                of.update(part);
            }
        }
    }
    let finished = |(person, sha): (PersonId, Sha256)| (person, sha.finalize().into());
    Ok(Fingerprints {
        head: head_id(connection, fail)?,
        people: people.into_iter().map(finished).collect(),
    })
}
