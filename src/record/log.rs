//! The log of audit records: appending and reading.

use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::body::{Record, Stamp, body};
use super::chain::{Hash, hash};
use super::continuity::{Bent, Continuity};
use super::event::Event;
use super::head::Head;
use super::names::{Opener, sealed};
use super::query::{Query, newest, oldest};
use crate::config::DoorName;
use crate::database::{Database, DatabaseError, Files};

pub(super) type Fail<'f> = &'f dyn Fn(rusqlite::Error) -> DatabaseError;

/// Why the log cannot be used or trusted.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The database is not the one that was guarded with.
    #[error(transparent)]
    Bent(#[from] Bent),
    /// The chain is broken.
    #[error(
        "the audit log was tampered with: record {id} {what}; keep a copy of the database as evidence, and look at who could write to it"
    )]
    Tampered {
        /// The first record that is wrong.
        id: u64,
        /// In which way.
        what: &'static str,
    },
}

/// The log, open for reading and writing.
#[derive(Debug)]
pub struct Log {
    database: Database,
    door: DoorName,
    /// While a door is guarded.
    continuity: Option<Continuity>,
}

impl Log {
    /// The log in a database; what is written to it is about this door.
    pub fn new(database: Database, door: DoorName) -> Self {
        Self {
            database,
            door,
            continuity: None,
        }
    }

    /// From now on every write also makes sure that the database is the one it was before
    /// that write, and by the names it had.
    ///
    /// # Errors
    /// [`RecordError::Database`]
    pub(crate) fn guard(&mut self) -> Result<Files, RecordError> {
        let continuity = Continuity::begin(&self.database)?;
        self.continuity = Some(continuity.clone());
        Ok(continuity.into_files())
    }

    /// Whether the database still is the one that is guarded with.
    ///
    /// # Errors
    /// [`RecordError`]; with [`RecordError::Bent`] it is not.
    pub(crate) fn look(&mut self) -> Result<(), RecordError> {
        let Some(continuity) = &self.continuity else {
            return Ok(());
        };
        let database = &self.database;
        continuity.in_place().and_then(|()| {
            database.read_anew()?;
            database.read(|connection, fail| continuity.holds(connection, fail))
        })
    }

    /// One transaction, and nothing of it counts if the database is another before or after.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&Connection, Fail<'_>, &DoorName) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        let Self {
            database,
            door,
            continuity,
        } = self;
        let Some(known) = continuity else {
            return database.transaction(|connection, fail| work(connection, fail, door));
        };
        known.in_place().and_then(|()| {
            database.read_anew()?;
            let (done, next) = database.transaction(|connection, fail| {
                known.holds(connection, fail)?;
                let done = work(connection, fail, door)?;
                Ok::<_, RecordError>((done, known.step(connection, fail)?))
            })?;
            known.in_place()?;
            *known = next;
            Ok(done)
        })
    }

    /// Writes an event and gives its number; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`RecordError::Database`]; nothing was written.
    pub fn append(&mut self, stamp: &Stamp, event: &Event) -> Result<u64, RecordError> {
        self.write(|connection, fail, door| {
            Ok(append_within(connection, fail, stamp, door, event)?.id)
        })
    }

    /// Writes an event, and what follows from it in the same transaction.
    ///
    /// # Errors
    /// [`RecordError::Database`]; nothing was written.
    pub(crate) fn append_and(
        &mut self,
        stamp: &Stamp,
        event: &Event,
        also: impl FnOnce(&Connection, Fail<'_>) -> Result<(), DatabaseError>,
    ) -> Result<u64, RecordError> {
        self.write(|connection, fail, door| {
            let id = append_within(connection, fail, stamp, door, event)?.id;
            also(connection, fail)?;
            Ok(id)
        })
    }

    /// Writes the event that `allow`, asked in the same transaction, gives, if it gives no
    /// reason against it, and what `then` does of it; gives its number and what `allow` gave.
    ///
    /// # Errors
    /// [`RecordError::Database`]; nothing was written.
    pub(crate) fn append_if<T, R>(
        &mut self,
        stamp: &Stamp,
        allow: impl FnOnce(&Connection, Fail<'_>) -> Result<Result<(Event, T), R>, DatabaseError>,
        then: impl FnOnce(&Connection, Fail<'_>, u64, &T) -> Result<(), DatabaseError>,
    ) -> Result<Result<(u64, Event, T), R>, RecordError> {
        self.write(|connection, fail, door| match allow(connection, fail)? {
            Ok((event, given)) => {
                let id = append_within(connection, fail, stamp, door, &event)?.id;
                then(connection, fail, id, &given)?;
                Ok(Ok((id, event, given)))
            }
            Err(reason) => Ok(Err(reason)),
        })
    }

    /// Changes something else, with an event in the same transaction or without; gives the
    /// event's number.
    ///
    /// # Errors
    /// [`RecordError`]; nothing was written or changed.
    pub(crate) fn append_with(
        &mut self,
        stamp: &Stamp,
        event: Option<&Event>,
        change: impl FnOnce(&Connection, Fail<'_>, &DoorName) -> Result<(), DatabaseError>,
    ) -> Result<Option<u64>, RecordError> {
        self.write(|connection, fail, door| {
            let written = event.map(|event| append_within(connection, fail, stamp, door, event));
            change(connection, fail, door)?;
            Ok(written.transpose()?.map(|head| head.id))
        })
    }

    /// Has somebody else change the database, who puts that on record too: if it still is the
    /// one that is guarded with, before and after.
    ///
    /// # Errors
    /// [`RecordError`] or what `work` gives. With [`RecordError::Bent`] the daemon ends, and
    /// what was written may be in a database that nobody finds.
    pub(crate) fn lend<T, E: From<RecordError>>(
        &mut self,
        work: impl FnOnce(&mut Database) -> Result<T, E>,
    ) -> Result<T, E> {
        self.look()?;
        let done = work(&mut self.database)?;
        self.look()?;
        if let Some(known) = &mut self.continuity {
            *known = known.now(&self.database)?;
        }
        Ok(done)
    }

    /// The newest record.
    ///
    /// # Errors
    /// [`RecordError::Database`]
    pub fn head(&self) -> Result<Head, RecordError> {
        self.database
            .read(|connection, fail| Ok(head(connection, fail)?))
    }

    /// The newest record, while a door is guarded: as it was written, without looking.
    pub(crate) fn written(&self) -> Option<Head> {
        self.continuity.as_ref().map(Continuity::head)
    }

    /// Whether the record has its head there, or follows it.
    ///
    /// # Errors
    /// [`RecordError::Database`]
    pub(crate) fn has(&self, head: Head) -> Result<bool, RecordError> {
        self.database
            .read(|connection, fail| Ok(has_head(connection, fail, head)?))
    }

    /// The database without links, as heads that are noted elsewhere name it.
    pub(crate) fn place(&self) -> String {
        self.database.files().path().display().to_string()
    }

    pub(crate) fn into_database(self) -> Database {
        self.database
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The hash that a record has; nothing if there is none of this number.
    pub(super) fn hash_of(
        connection: &Connection,
        fail: Fail<'_>,
        id: u64,
    ) -> Result<Option<Hash>, DatabaseError> {
        connection
            .query_row(
                "SELECT hash FROM records WHERE id = ?1",
                [integer(id)],
                |row| row.get(0),
            )
            .optional()
            .map_err(fail)
    }

    /// Records, oldest first.
    ///
    /// # Errors
    /// [`RecordError`]; [`RecordError::Tampered`] for a row that no doorward can have written.
    pub fn records(&self, query: &Query) -> Result<Vec<Record>, RecordError> {
        newest(&self.database, query)
    }

    /// The oldest records, not more than so many; the next ones are after the last of them.
    ///
    /// # Errors
    /// As [`Self::records`].
    pub fn page(&self, query: &Query, records: u32) -> Result<Vec<Record>, RecordError> {
        oldest(&self.database, query, records)
    }

    /// How many records there are, whatever the limit.
    ///
    /// # Errors
    /// [`RecordError::Database`]
    pub fn count(&self, query: &Query) -> Result<u64, RecordError> {
        let (condition, values) = query.condition();
        let sql = format!("SELECT count(*) FROM records WHERE {condition}");
        self.database.read(|connection, fail| {
            let count = connection.query_row(&sql, params_from_iter(values), |row| row.get(0));
            Ok(unsigned(count.map_err(fail)?))
        })
    }
}

/// Writes an event in somebody else's transaction, which is rolled back if this fails.
pub(crate) fn append_within(
    connection: &Connection,
    fail: Fail<'_>,
    stamp: &Stamp,
    door: &DoorName,
    event: &Event,
) -> Result<Head, DatabaseError> {
    let before = head(connection, fail)?;
    let id = before.id + 1;
    let event = sealed(connection, fail, event)?;
    let body = body(stamp, door, &event)
        .map_err(|error| fail(rusqlite::Error::ToSqlConversionFailure(error.into())))?;
    let hash = hash(&before.hash, integer(id), body.as_bytes());
    connection
        .execute(
            "INSERT INTO records (id, body, hash) VALUES (?1, ?2, ?3)",
            params![integer(id), body, hash],
        )
        .map_err(fail)?;
    Ok(Head { id, hash })
}

/// What a new record follows.
pub(crate) fn head(connection: &Connection, fail: Fail<'_>) -> Result<Head, DatabaseError> {
    let newest = connection
        .query_row(
            "SELECT id, hash FROM records ORDER BY id DESC LIMIT 1",
            [],
            in_row,
        )
        .optional()
        .map_err(fail)?;
    match newest {
        Some(newest) => Ok(newest),
        None => anchor(connection, fail),
    }
}

/// Whether the record has or had its head there; one that was deleted since is not known.
pub(crate) fn has_head(
    connection: &Connection,
    fail: Fail<'_>,
    head: Head,
) -> Result<bool, DatabaseError> {
    let first = anchor(connection, fail)?;
    if first.id == head.id {
        return Ok(first == head);
    }
    Ok(Log::hash_of(connection, fail, head.id)? == Some(head.hash))
}

/// A record by its number.
pub(crate) fn find(
    connection: &Connection,
    fail: Fail<'_>,
    id: u64,
) -> Result<Option<Record>, DatabaseError> {
    let body = connection
        .query_row(
            "SELECT body FROM records WHERE id = ?1",
            [integer(id)],
            |row| Ok(row.get_ref(0)?.as_bytes().unwrap_or_default().to_vec()),
        )
        .optional()
        .map_err(fail)?;
    let mut names = Opener::new(connection, fail);
    match body {
        Some(body) => Record::read_named(id, &body, Hash::default(), &mut names),
        None => Ok(None),
    }
}

/// The number from which on nothing was deleted.
pub(crate) fn first_kept(connection: &Connection, fail: Fail<'_>) -> Result<u64, DatabaseError> {
    Ok(anchor(connection, fail)?.id + 1)
}

/// What the oldest record follows.
pub(super) fn anchor(connection: &Connection, fail: Fail<'_>) -> Result<Head, DatabaseError> {
    connection
        .query_row("SELECT id, hash FROM anchor", [], in_row)
        .map_err(fail)
}

fn in_row(row: &Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head {
        id: unsigned(row.get(0)?),
        hash: row.get(1)?,
    })
}

pub(super) fn integer(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(id: i64) -> u64 {
    u64::try_from(id).unwrap_or(0)
}
