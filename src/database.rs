//! The one file that lasts: people, templates and events, in SQLite.
//!
//! Every commit is on the disk before it is reported (`synchronous = FULL` in WAL
//! mode), and the file is readable by its owner only. Its version is SQLite's
//! `user_version`; an older one is brought up to date in one transaction, a newer
//! one is refused.

mod copy;
mod error;
mod identity;
mod look;
mod rekeying;
mod sealing;
mod tidy;
mod writing;

pub use self::error::DatabaseError;
pub(crate) use self::identity::Files;
pub(crate) use self::writing::{Holder, MAX_WRITER_WAIT, Writing};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use self::error::{at_open, classify};
use self::sealing::{FIRST_SEALED_VERSION, Sealing};
use crate::files::{self, Kind};
use crate::seal::{KeyPlace, Sources};

/// Marks a file as doorward's (`PRAGMA application_id`): "door".
const APPLICATION_ID: i32 = 0x646f_6f72;
/// How long to wait for another process that is writing.
const MAX_BUSY_WAIT: Duration = Duration::from_secs(2);
/// How often to ask for an empty `-wal`, each time with that patience.
const MAX_ERASE_TRIES: u32 = 3;
/// The steps from an empty file to the present; step n makes version n + 1.
const MIGRATIONS: &[&str] = &[
    include_str!("database/v1.sql"),
    include_str!("database/v2.sql"),
    include_str!("database/v3.sql"),
    include_str!("database/v4.sql"),
    include_str!("database/v5.sql"),
    include_str!("database/v6.sql"),
    include_str!("database/v7.sql"),
    include_str!("database/v8.sql"),
    include_str!("database/v9.sql"),
];

/// An open database.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    connection: Connection,
    /// As they were when it was opened.
    files: Files,
    sealing: Arc<Sealing>,
}

impl Database {
    /// Opens the database, and makes it if there is none.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        if !path.exists() {
            // Private from the first byte on; SQLite gives -wal and -shm the same mode and owner.
            match files::create_new(path) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(at_open(path, &error));
                }
                // Another process may have been faster, or it is a link to nothing.
                Ok(_) | Err(_) => {}
            }
        }
        let had_key = Sources::of(path).has_any();
        let database = Self::open_existing(path)?;
        if !had_key && database.key_place() == Some(KeyPlace::File) {
            log::warn!(
                "made a key in {}: without it neither the database nor a backup can be read, so keep a copy elsewhere. It lies beside the data, which protects backups and not a stolen card; `doorward check` says how to do better",
                database.key_sources().file().display()
            );
        }
        Ok(database)
    }

    /// Opens a database that must be there.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub fn open_existing(path: &Path) -> Result<Self, DatabaseError> {
        // A link to nothing is told as a link.
        let file = std::fs::metadata(path)
            .or_else(|_| std::fs::symlink_metadata(path))
            .map_err(|error| at_open(path, &error))?;
        if !file.is_file() && !file.is_symlink() {
            return Err(DatabaseError::NotADatabase { path: path.into() });
        }
        let refused = |error| at_open(path, &error);
        let itself = files::without_links(path).map_err(refused)?;
        // It holds biometric data; a backup put back by hand is often too open.
        if !files::make_private(&itself, Kind::Database).map_err(refused)? {
            log::warn!("{} can be read by others; chmod 600 it", path.display());
        }
        may_be_read(&itself).map_err(refused)?;
        let fail = |error| classify(path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = Connection::open_with_flags(&itself, flags).map_err(fail)?;
        connection.busy_timeout(MAX_BUSY_WAIT).map_err(fail)?;
        let mut database = Self {
            path: path.into(),
            files: Files::of(path),
            connection,
            sealing: Arc::default(),
        };
        database.prepare()?;
        database.find_key()?;
        database.settle_key()?;
        database.sealing.follow_changes(true);
        // Only what was read has a -wal and a -shm.
        let tables = "SELECT count(*) FROM sqlite_schema";
        let read = database.connection.query_row(tables, [], |_| Ok(()));
        read.map_err(fail)?;
        database.files = Files::of(path);
        Ok(database)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has SQLite check every page.
    ///
    /// # Errors
    /// [`DatabaseError::Corrupt`] with the first thing it found.
    pub fn integrity_check(&self) -> Result<(), DatabaseError> {
        let found: String = self
            .connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(|e| self.fail(e))?;
        if found == "ok" {
            return Ok(());
        }
        Err(DatabaseError::Corrupt {
            path: self.path.clone(),
            reason: found,
        })
    }

    /// Has what was deleted be gone from the files too: free pages are overwritten anyway,
    /// and this empties the `-wal`, which still has the pages of before. False if somebody
    /// keeps reading them.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub fn erase(&self) -> Result<bool, DatabaseError> {
        for _ in 0..MAX_ERASE_TRIES {
            let busy: i64 = self
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
                .map_err(|error| self.fail(error))?;
            if busy == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads or changes the database in one transaction, all or nothing. No other
    /// process writes meanwhile.
    pub(crate) fn transaction<T, E: From<DatabaseError>>(
        &mut self,
        work: impl FnOnce(&Connection, &dyn Fn(rusqlite::Error) -> DatabaseError) -> Result<T, E>,
    ) -> Result<T, E> {
        let (path, sealing) = (self.path.clone(), Arc::clone(&self.sealing));
        let fail = |error| sealing.classify(&path, error);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(fail)?;
        sealing.follow(&transaction, self.files.path())?;
        let done = work(&transaction, &fail)?;
        transaction.commit().map_err(fail)?;
        Ok(done)
    }

    /// Reads, in one consistent view.
    pub(crate) fn read<T, E: From<DatabaseError>>(
        &self,
        work: impl FnOnce(&Connection, &dyn Fn(rusqlite::Error) -> DatabaseError) -> Result<T, E>,
    ) -> Result<T, E> {
        let fail = |error| self.fail(error);
        let view = self.connection.unchecked_transaction().map_err(fail)?;
        self.sealing.follow(&view, self.files.path())?;
        work(&view, &fail)
    }

    /// The files it is made of.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Has the next transaction read the file itself: what another program wrote there
    /// past SQLite would otherwise stay unseen.
    pub(crate) fn read_anew(&self) -> Result<(), DatabaseError> {
        let freed = self.connection.execute_batch("PRAGMA shrink_memory");
        freed.map_err(|error| self.fail(error))
    }

    fn fail(&self, error: rusqlite::Error) -> DatabaseError {
        self.sealing.classify(&self.path, error)
    }

    /// Its version, if it is doorward's and not a newer one's.
    fn version(&self) -> Result<i64, DatabaseError> {
        let path = self.path.clone();
        let number = |name| number(&self.connection, name).map_err(|error| self.fail(error));
        let known = MIGRATIONS.len() as i64;
        let found = number("user_version")?;
        let application = number("application_id")?;
        let tables: i64 = self
            .connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(|error| self.fail(error))?;
        if application != i64::from(APPLICATION_ID)
            && (application != 0 || found != 0 || tables != 0)
        {
            return Err(DatabaseError::OtherApplication { path });
        }
        if found > known {
            return Err(DatabaseError::FutureVersion { path, found, known });
        }
        Ok(found)
    }

    fn prepare(&mut self) -> Result<(), DatabaseError> {
        let path = self.path.clone();
        let fail = |error| classify(&path, error);
        let known = MIGRATIONS.len() as i64;
        let found = self.version()?;
        let c = &self.connection;
        c.pragma_update(None, "foreign_keys", true).map_err(fail)?;
        c.pragma_update(None, "trusted_schema", false)
            .map_err(fail)?;
        c.pragma_update(None, "synchronous", "FULL").map_err(fail)?;
        // A removed person's template leaves no bytes behind in free pages.
        c.pragma_update(None, "secure_delete", true).map_err(fail)?;
        let mode: String = c
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(fail)?;
        if mode != "wal" {
            return Err(DatabaseError::Other {
                path,
                reason: format!("the file system keeps journal mode {mode} instead of WAL"),
            });
        }
        self.sealing.teach(c).map_err(fail)?;
        if found == known {
            return self.empty_once();
        }
        // Under a daemon of an older version it stays as that knows it.
        let _writing = match self.first_to_write()? {
            Some(writing) => writing,
            None => return Ok(()),
        };
        if found < FIRST_SEALED_VERSION {
            self.sealing.set(Ok(self.key_sources().find_or_make()?));
        } else {
            self.find_key()?;
        }
        self.transaction(|connection, fail| {
            // Another process may have been faster.
            let found = number(connection, "user_version").map_err(fail)?;
            for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
                connection.execute_batch(step).map_err(fail)?;
            }
            connection
                .pragma_update(None, "application_id", APPLICATION_ID)
                .map_err(fail)?;
            connection
                .pragma_update(None, "user_version", known)
                .map_err(fail)
        })?;
        self.empty_once()
    }
}

/// A number that SQLite keeps in the file's head.
fn number(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

/// Closing writes what is open here into the database's file and deletes the `-wal` of that
/// name, also where both are others' by now.
impl Drop for Database {
    fn drop(&mut self) {
        if self.files.are_in_place() {
            return;
        }
        let leave = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        if let Err(error) = self.connection.set_db_config(leave, true) {
            log::error!("{}: {error}", self.path.display());
        }
    }
}

/// SQLite has no word for it.
fn may_be_read(path: &Path) -> std::io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    Ok(accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS)?)
}
