//! Copies of the database in a file of their own.

use std::fs::File;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::files::{self, Kind, handed};

use super::{APPLICATION_ID, Database, DatabaseError, Writing, at_open, classify};

impl Database {
    /// Copies all of it, as it is at one moment, to a file that must not be there yet. It is
    /// on the disk when this returns.
    ///
    /// # Errors
    /// [`DatabaseError`]; there is no copy.
    pub(crate) fn copy_to(&self, file: &Path) -> Result<(), DatabaseError> {
        copy(&self.connection, file)
    }

    /// Copies a backup to a file that must not be there yet.
    ///
    /// # Errors
    /// [`DatabaseError`] also if it is no database of doorward; there is no copy.
    pub(crate) fn copy_backup(backup: &Path, file: &Path) -> Result<(), DatabaseError> {
        drop(files::open(backup, Kind::Database).map_err(|error| at_open(backup, &error))?);
        if handed::is_in(backup) {
            // SQLite opens by names, and this name says nothing to the process any more.
            return Self::copy_handed(backup, file);
        }
        let fail = |error| classify(backup, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let from = Connection::open_with_flags(backup, flags).map_err(fail)?;
        is_ours(&from, backup)?;
        copy(&from, file)
    }

    fn copy_handed(backup: &Path, file: &Path) -> Result<(), DatabaseError> {
        handed::pour_in(backup, file).map_err(|error| at_open(backup, &error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let checked = files::without_links(file)
            .map_err(|error| at_open(file, &error))
            .and_then(|itself| {
                let fail = |error| classify(backup, error);
                let copy = Connection::open_with_flags(itself, flags).map_err(fail)?;
                is_ours(&copy, backup)
            });
        if checked.is_err() {
            let _ = std::fs::remove_file(file);
        }
        checked
    }

    /// Lets statements name the tables of another database, as `other.…`.
    pub(crate) fn attach(&self, other: &Path) -> Result<(), DatabaseError> {
        self.connection
            .execute("ATTACH ?1 AS other", [other.to_string_lossy()])
            .map(|_| ())
            .map_err(|error| self.fail(error))
    }

    /// Whether a daemon guards with this database.
    pub(crate) fn is_guarded(path: &Path) -> bool {
        Writing::holder(path).is_some_and(|holder| holder.guards)
    }
}

/// `path` is told.
fn is_ours(database: &Connection, path: &Path) -> Result<(), DatabaseError> {
    let application: i32 = database
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .map_err(|error| classify(path, error))?;
    if application != APPLICATION_ID {
        return Err(DatabaseError::OtherApplication { path: path.into() });
    }
    Ok(())
}

fn copy(from: &Connection, file: &Path) -> Result<(), DatabaseError> {
    // Private from the first byte on.
    files::create_new(file).map_err(|error| at_open(file, &error))?;
    let copied = fill(from, file).and_then(|()| {
        let folder = file.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        let synced = File::open(file).and_then(|file| file.sync_all());
        let synced = synced.and_then(|()| File::open(folder)?.sync_all());
        synced.map_err(|error| at_open(file, &error))
    });
    if copied.is_err() {
        let _ = std::fs::remove_file(file);
    }
    copied
}

fn fill(from: &Connection, file: &Path) -> Result<(), DatabaseError> {
    let fail = |error| classify(file, error);
    let itself = files::without_links(file).map_err(|error| at_open(file, &error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut to = Connection::open_with_flags(itself, flags).map_err(fail)?;
    let backup = Backup::new(from, &mut to).map_err(fail)?;
    // All pages in one step: one moment, whoever writes meanwhile.
    let step = backup.step(-1).map_err(fail)?;
    drop(backup);
    if step != StepResult::Done {
        return Err(DatabaseError::Locked { path: file.into() });
    }
    // One file, without a -wal that could be forgotten.
    to.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
        .map_err(fail)?;
    to.close().map_err(|(_, error)| fail(error))
}
