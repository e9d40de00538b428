//! Bringing a backup back. The people are those of the backup then; the record goes on
//! where it is, and says so.

use std::path::{Path, PathBuf};

use crate::database::{Database, DatabaseError, Writing};
use crate::record::{Event, Head, Log, Origin, RecordError, Stamp, append_within, has_head};

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
///
/// # Errors
/// [`RestoreError`]
pub fn restore(backup: &Path, database: &Path, origin: &Origin) -> Result<Restored, RestoreError> {
    let _writing = match Writing::take(database, false) {
        Err(DatabaseError::Guarded { path, .. }) => return Err(RestoreError::Guarded(path)),
        writing => writing?,
    };
    let copy = beside(database, COPY);
    remove(&copy);
    Database::copy_backup(backup, &copy)?;
    let restored = from_copy(backup, &copy, database, origin);
    remove(&copy);
    restored
}

fn from_copy(
    backup: &Path,
    copy: &Path,
    database: &Path,
    origin: &Origin,
) -> Result<Restored, RestoreError> {
    let from = Database::open_existing(copy)?;
    from.integrity_check()?;
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
        current.attach(copy)?;
        let people = current.transaction(|c, fail| {
            if !has_head(c, fail, head)? {
                return Err(RestoreError::OtherRecord {
                    database: database.into(),
                    backup: backup.into(),
                });
            }
            c.execute_batch(
                // A backup gives no entries again: who passed since then did.
                "CREATE TEMP TABLE kept AS SELECT * FROM main.passages;
                 DELETE FROM main.people;
                 INSERT INTO main.people (id, name, folded, enabled, created_at_ms, guest,
                         valid_from_ms, valid_until_ms, entries, entries_from)
                     SELECT id, name, folded, enabled, created_at_ms, guest,
                         valid_from_ms, valid_until_ms, entries, entries_from FROM other.people;
                 INSERT INTO main.memberships SELECT * FROM other.memberships;
                 INSERT INTO main.passages SELECT * FROM kept
                     WHERE person IN (SELECT id FROM main.people);
                 DROP TABLE kept;
                 INSERT INTO main.templates (person, model, vector, source, created_at_ms, photo)
                     SELECT person, model, vector, source, created_at_ms, photo
                     FROM other.templates ORDER BY id;
                 INSERT INTO main.pins (person, memory_kib, passes, lanes, salt, hash, duress)
                     SELECT person, memory_kib, passes, lanes, salt, hash, duress FROM other.pins;
                 INSERT INTO main.cards (format, facility, number, person, lost, created_at_ms)
                     SELECT format, facility, number, person, lost, created_at_ms FROM other.cards;",
            )
            .map_err(fail)?;
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
    let people = new.transaction(|c, fail| {
        let people = count(c).map_err(fail)?;
        append_within(c, fail, &Stamp::now(), &origin.door, &event(people))?;
        Ok::<_, RestoreError>(people)
    })?;
    // Closing it puts all into the one file.
    drop(new);
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
    for ending in ["", "-wal", "-shm", "-lock"] {
        let _ = std::fs::remove_file(beside(copy, ending));
    }
}
