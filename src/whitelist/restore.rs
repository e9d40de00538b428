//! Bringing a backup back. The people are those of the backup then; the record goes on
//! where it is, and says so.

use std::path::{Path, PathBuf};

use super::reseal;
use super::store::Fail;
use crate::database::{Database, DatabaseError, Writing};
use crate::record::{
    Event, Head, Log, Origin, RecordError, Stamp, append_within, erased_since, forget_names_within,
    has_head,
};
use crate::seal::{self, KeyError, KeyId, KeyPlace};

/// What the copy of a backup is called beside the database.
const COPY: &str = "-restore";

/// Why a backup was not brought back. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A daemon would go on with what it read before.
    #[error("a daemon guards a door with {0}; stop it first (systemctl stop doorward)")]
    Guarded(PathBuf),
    /// The record of the database does not go back to the backup.
    #[error(
        "{database} has a record that does not go back to {backup}: it is not the database that the backup was made of, or one of them was made anew; if you want the backup in its place all the same, move {database} away (with its -wal and -shm) and keep it, then repeat this"
    )]
    OtherRecord { database: PathBuf, backup: PathBuf },
    /// SQLite would take it for the new database's own.
    #[error("{0} is left of a database that is not there; move it away, and repeat this")]
    Leftover(PathBuf),
    /// The backup is useless without its key.
    #[error(
        "{backup} is sealed with key {wanted}, which is not here; give the file with that key: --key KEYFILE"
    )]
    NoKey { backup: PathBuf, wanted: KeyId },
    /// It was named, and is another.
    #[error(
        "{backup} is sealed with key {wanted}, and {file} is key {found}; give the one that the database had when the backup was made"
    )]
    OtherKey {
        backup: PathBuf,
        wanted: KeyId,
        file: PathBuf,
        found: KeyId,
    },
    /// A key that may be somebody's only one.
    #[error(
        "{0} is a key that opens neither the database nor the backup; move it away and keep it, then repeat this"
    )]
    KeyInTheWay(PathBuf),
    /// A key cannot be read or written.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database or the backup failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A record does not verify.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The file system refused.
    #[error("{path} cannot be put in its place: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// What a restored database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// On the whitelist.
    pub people: u64,
    /// The newest event of the backup.
    pub backup: Head,
    /// Whether there was a database, whose record went on.
    pub record_went_on: bool,
}

/// Makes a backup's people the whitelist. Where there is no database, the backup becomes it.
/// `key` is the file of the key that the backup is sealed with, where that is not the
/// database's. A database whose own key is lost goes on with that one.
///
/// # Errors
/// [`RestoreError`]
pub fn restore(
    backup: &Path,
    database: &Path,
    key: Option<&Path>,
    origin: &Origin,
) -> Result<Restored, RestoreError> {
    let _writing = match Writing::take(database, false) {
        Err(DatabaseError::Guarded { path, .. }) => return Err(RestoreError::Guarded(path)),
        writing => writing?,
    };
    let copy = beside(database, COPY);
    remove(&copy);
    Database::copy_backup(backup, &copy)?;
    let restored = lay_key(backup, &copy, database, key)
        .and_then(|()| from_copy(backup, &copy, database, origin));
    remove(&copy);
    restored
}

/// Lays the key that is named beside the copy, or else the database's own: an unsealed backup
/// of an older doorward is sealed with it as well.
fn lay_key(
    backup: &Path,
    copy: &Path,
    database: &Path,
    key: Option<&Path>,
) -> Result<(), RestoreError> {
    let keys = match key {
        Some(file) => Some(seal::read_file(file)?),
        // Opening it ends a change of keys that was cut short.
        None if database.exists() => {
            let current = Database::open_existing(database)?;
            match current.key_place() {
                Some(KeyPlace::Credential) => None,
                _ => Some(seal::Sources::of(database).find(current.key_id()?)?.0),
            }
        }
        None => match seal::Sources::of(database).any()? {
            Some((keys, KeyPlace::File)) => Some(keys),
            _ => None,
        },
    };
    let Some(keys) = keys else { return Ok(()) };
    seal::write_new(&seal::beside(copy), keys.master())?;
    let Some(file) = key else { return Ok(()) };
    let copied = Database::open_existing(copy)?;
    let wanted = copied.key_id()?;
    if wanted == keys.id() {
        return Ok(());
    }
    Err(RestoreError::OtherKey {
        backup: backup.into(),
        wanted,
        file: file.into(),
        found: keys.id(),
    })
}

fn from_copy(
    backup: &Path,
    copy: &Path,
    database: &Path,
    origin: &Origin,
) -> Result<Restored, RestoreError> {
    let from = Database::open_existing(copy)?;
    from.integrity_check()?;
    let Ok(keys) = from.keys() else {
        return Err(RestoreError::NoKey {
            backup: backup.into(),
            wanted: from.key_id()?,
        });
    };
    let log = Log::new(from, origin.door.clone());
    let head = log.verify(&[])?.head;
    drop(log);
    let event = |people| Event::Restored {
        file: backup.display().to_string(),
        up_to: head.id,
        hash: head.hash(),
        people,
        actor: origin.actor.clone(),
    };
    if database.exists() {
        let mut current = Database::open_existing(database)?;
        current.integrity_check()?;
        let log = Log::new(current, origin.door.clone());
        log.verify(&[])?;
        current = log.into_database();
        let is_lost = current.keys().is_err();
        if is_lost {
            lay_beside(copy, database)?;
            current.go_on_with(&keys);
        }
        current.open_before_with(&keys);
        current.attach(copy)?;
        let people = current.transaction(|c, fail| {
            if !has_head(c, fail, head)? {
                return Err(RestoreError::OtherRecord {
                    database: database.into(),
                    backup: backup.into(),
                });
            }
            if is_lost {
                reseal::adopt(c, fail)?;
            }
            c.execute_batch(
                // A backup gives no entries again: who passed since then did.
                "CREATE TEMP TABLE kept AS SELECT * FROM main.passages;
                 DELETE FROM main.people;",
            )
            .map_err(fail)?;
            reseal::from_other(c, fail)?;
            c.execute_batch(
                "INSERT INTO main.passages SELECT * FROM kept
                     WHERE person IN (SELECT id FROM main.people);
                 DROP TABLE kept;
                 -- Whom the fleet's list shut out since then stays out.
                 UPDATE main.people SET enabled = 0 WHERE id IN (
                     SELECT person FROM main.fleet_rows WHERE template IS NULL
                     AND substr(said, 1, 1) = x'00' AND said <> zeroblob(32));",
            )
            .map_err(fail)?;
            forget_the_erased(c, fail, head)?;
            let people = count(c).map_err(fail)?;
            append_within(c, fail, &Stamp::now(), &origin.door, &event(people))?;
            Ok(people)
        })?;
        return Ok(Restored {
            people,
            backup: head,
            record_went_on: true,
        });
    }
    for ending in ["-wal", "-shm"] {
        let left = beside(database, ending);
        if left.exists() {
            return Err(RestoreError::Leftover(left));
        }
    }
    let mut new = Database::open_existing(copy)?;
    new.check_sealed()?;
    let people = new.transaction(|c, fail| {
        let people = count(c).map_err(fail)?;
        append_within(c, fail, &Stamp::now(), &origin.door, &event(people))?;
        Ok::<_, RestoreError>(people)
    })?;
    // Closing it puts all into the one file.
    drop(new);
    lay_beside(copy, database)?;
    std::fs::rename(copy, database).map_err(|source| RestoreError::File {
        path: database.into(),
        source,
    })?;
    Ok(Restored {
        people,
        backup: head,
        record_went_on: false,
    })
}

/// Whoever was erased since the backup stays so.
fn forget_the_erased(
    c: &rusqlite::Connection,
    fail: Fail<'_>,
    backup: Head,
) -> Result<(), DatabaseError> {
    for person in erased_since(c, fail, backup.id)? {
        c.execute("DELETE FROM people WHERE id = ?1", [person.0])
            .map_err(fail)?;
        forget_names_within(c, fail, person)?;
    }
    Ok(())
}

/// Has the key that lies beside the copy be the database's.
fn lay_beside(copy: &Path, database: &Path) -> Result<(), RestoreError> {
    let laid = seal::beside(copy);
    // It is systemd's, or the copy's key.
    if !laid.exists() {
        return Ok(());
    }
    let keys = seal::read_file(&laid)?;
    let place = seal::beside(database);
    if !place.exists() {
        return Ok(seal::write_new(&place, keys.master())?);
    }
    match seal::read_file(&place) {
        Ok(there) if there.id() == keys.id() => Ok(()),
        _ => Err(RestoreError::KeyInTheWay(place)),
    }
}

fn count(c: &rusqlite::Connection) -> rusqlite::Result<u64> {
    c.query_row("SELECT count(*) FROM people", [], |row| {
        row.get::<_, u32>(0).map(u64::from)
    })
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Removes the copy that a restore left which was killed: it has everybody of the backup. For
/// whoever may write the database.
pub(crate) fn sweep(database: &Path) {
    remove(&beside(database, COPY));
}

/// What is left of an earlier try, or of this one.
fn remove(copy: &Path) {
    for ending in ["", "-wal", "-shm", "-lock", "-key"] {
        let _ = std::fs::remove_file(beside(copy, ending));
    }
}
