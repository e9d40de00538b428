//! What a guarding daemon knows of its database, to notice when it is another one: the
//! files, the newest record, a count that only rises, and whom events name as changed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension};

use super::body::Record;
use super::chain::Hash;
use super::event::Event;
use super::head::Head;
use super::log::{Fail, Log, RecordError, head, integer, unsigned};
use crate::database::{Database, DatabaseError, Files};
use crate::person::PersonId;

/// The database is not what the daemon wrote. Nothing more is written to it: it is evidence,
/// and belongs to whoever has it open under its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Bent {
    /// Other files lie under the names.
    #[error(
        "the database {0} (or its -wal or -shm) was moved, deleted or replaced while it was in use: keep what is there as evidence, and have the daemon start again with it or with a backup (`doorward restore`)"
    )]
    Replaced(PathBuf),
    /// What was written is not there any more.
    #[error(
        "the database {path} does not hold event {id} as it was written: an older or changed copy was put over it while it was in use; keep it as evidence, and bring back a backup by `doorward restore`"
    )]
    Rewritten {
        path: PathBuf,
        /// The newest event that was known.
        id: u64,
    },
    /// What an earlier daemon wrote is not there any more.
    #[error(
        "the database {path} does not hold event {id}, which the daemon wrote before it failed: an older or changed copy lies there; keep it as evidence, have the right one in its place (`doorward restore`), then remove {note} to guard with it"
    )]
    Forgotten {
        path: PathBuf,
        /// The newest event that was known.
        id: u64,
        /// What knows of it.
        note: PathBuf,
    },
    /// The last daemon ended because of such a thing, and nobody said since that it is well.
    #[error(
        "the database {path} was changed past doorward when it was guarded with last (`doorward events --kind fault` says how); look at `doorward people list`, bring back a backup by `doorward restore` if need be, then remove {note} to guard with it"
    )]
    Standing {
        path: PathBuf,
        /// What has to go.
        note: PathBuf,
    },
    /// A person or template is another, and no event says so.
    #[error(
        "the database {path} has person {person} otherwise than before, and no event says who did it: somebody changed it past doorward; look at `doorward people show {person}` and enroll again, or bring back a backup by `doorward restore`"
    )]
    Unrecorded { path: PathBuf, person: PersonId },
    /// A mode or an unlocking is another than its event says.
    #[error(
        "the database {0} has a mode or an unlocking of the door otherwise than its event says: somebody changed it past doorward; keep it as evidence, and set the mode anew by `doorward mode`"
    )]
    UnrecordedAct(PathBuf),
}

/// What must still be so at the next write.
#[derive(Debug, Clone)]
pub(crate) struct Continuity {
    files: Files,
    head: Head,
    epoch: u64,
}

impl Continuity {
    pub(super) fn begin(database: &Database) -> Result<Self, RecordError> {
        let (head, epoch) = database.read(|connection, fail| {
            Ok::<_, RecordError>((head(connection, fail)?, epoch(connection, fail)?))
        })?;
        Ok(Self {
            files: database.files().clone(),
            head,
            epoch,
        })
    }

    /// As the database is now, by the same files.
    pub(super) fn now(&self, database: &Database) -> Result<Self, RecordError> {
        let Self { files, .. } = self.clone();
        Ok(Self {
            files,
            ..Self::begin(database)?
        })
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    pub(crate) fn into_files(self) -> Files {
        self.files
    }

    /// Asked before and after a transaction, which cannot see it.
    pub(super) fn in_place(&self) -> Result<(), RecordError> {
        if self.files.are_in_place() {
            return Ok(());
        }
        Err(Bent::Replaced(self.files.path().into()).into())
    }

    /// Asked in the transaction that is to be relied on.
    pub(super) fn holds(&self, connection: &Connection, fail: Fail<'_>) -> Result<(), RecordError> {
        let hash = match self.head.id {
            0 => Some(self.head.hash),
            id => Log::hash_of(connection, fail, id)?,
        };
        if hash == Some(self.head.hash) && epoch(connection, fail)? >= self.epoch {
            return Ok(());
        }
        Err(Bent::Rewritten {
            path: self.files.path().into(),
            id: self.head.id,
        }
        .into())
    }

    /// Counts this transaction, and gives what must be so at the next.
    pub(super) fn step(
        &self,
        connection: &Connection,
        fail: Fail<'_>,
    ) -> Result<Self, RecordError> {
        let epoch = connection
            .query_row(
                "INSERT INTO meta VALUES ('epoch', 1) \
                 ON CONFLICT (key) DO UPDATE SET value = value + 1 RETURNING value",
                [],
                |row| row.get(0),
            )
            .map_err(fail)?;
        Ok(Self {
            files: self.files.clone(),
            head: head(connection, fail)?,
            epoch: unsigned(epoch),
        })
    }
}

/// How many transactions guarding daemons have written. It rises, and a copy that is older
/// has a smaller one.
fn epoch(connection: &Connection, fail: Fail<'_>) -> Result<u64, RecordError> {
    let epoch = connection
        .query_row("SELECT value FROM meta WHERE key = 'epoch'", [], |row| {
            row.get(0)
        })
        .optional()
        .map_err(fail)?;
    Ok(epoch.map_or(0, unsigned))
}

/// Whom events name that change the whitelist.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// All of it may be another.
    Everybody,
    These(BTreeSet<PersonId>),
}

impl Named {
    pub(crate) fn has(&self, person: PersonId) -> bool {
        match self {
            Self::Everybody => true,
            Self::These(people) => people.contains(&person),
        }
    }
}

/// Whom the events after this one name as changed.
pub(crate) fn named_since(
    connection: &Connection,
    fail: Fail<'_>,
    id: u64,
) -> Result<Named, DatabaseError> {
    let mut statement = connection
        .prepare("SELECT id, body FROM records WHERE id > ?1 ORDER BY id")
        .map_err(fail)?;
    let mut rows = statement.query([integer(id)]).map_err(fail)?;
    let mut people = BTreeSet::new();
    while let Some(row) = rows.next().map_err(fail)? {
        let body = row.get_ref(1).map_err(fail)?;
        let id = unsigned(row.get(0).map_err(fail)?);
        let record = Record::read(id, body.as_bytes().unwrap_or_default(), Hash::default());
        match record.as_ref().and_then(Record::event) {
            Some(
                Event::Enrolled { person, .. }
                | Event::Renamed { person, .. }
                | Event::Enabled { person, .. }
                | Event::Disabled { person, .. }
                | Event::Removed { person, .. }
                | Event::Imported { person, .. }
                | Event::TemplateForgotten { person, .. }
                | Event::GroupJoined { person, .. }
                | Event::GroupLeft { person, .. }
                | Event::ValidityChanged { person, .. }
                | Event::EntriesChanged { person, .. }
                | Event::GuestUntil { person, .. }
                | Event::PinSet { person, .. }
                | Event::PinRemoved { person, .. }
                | Event::CardAdded { person, .. }
                | Event::CardRemoved { person, .. }
                | Event::CardLost { person, .. }
                | Event::ConsentGiven { person, .. }
                | Event::ConsentWithdrawn { person, .. },
            ) => {
                people.insert(person.id);
            }
            Some(Event::FleetChanged(changed)) => {
                people.insert(changed.person.id);
            }
            Some(Event::UnusedDisabled(unused)) => {
                people.insert(unused.person.id);
            }
            Some(Event::Erased(erased)) => {
                people.insert(erased.person.id);
            }
            // Sealed with another key, every row is another.
            Some(Event::Restored { .. } | Event::Rekeyed(_)) => return Ok(Named::Everybody),
            _ => {}
        }
    }
    Ok(Named::These(people))
}

/// The number of the newest event.
pub(crate) fn head_id(connection: &Connection, fail: Fail<'_>) -> Result<u64, DatabaseError> {
    Ok(head(connection, fail)?.id)
}
