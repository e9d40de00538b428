//! Looking at the database without a trace: no file is made, changed or brought up to date,
//! so that it can be done in a folder that cannot be written, and beside a daemon.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use crate::files;

use super::{
    Database, DatabaseError, Files, MAX_BUSY_WAIT, MIGRATIONS, at_open, classify, may_be_read,
};

impl Database {
    /// Opens a database that must be there, only to read it.
    ///
    /// # Errors
    /// [`DatabaseError`], also for one of an older version.
    pub(crate) fn look(path: &Path) -> Result<Self, DatabaseError> {
        let refused = |error| at_open(path, &error);
        let file = std::fs::metadata(path).map_err(refused)?;
        if !file.is_file() {
            return Err(DatabaseError::NotADatabase { path: path.into() });
        }
        let itself = files::without_links(path).map_err(refused)?;
        may_be_read(&itself).map_err(refused)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_URI;
        let fail = |error| classify(path, error);
        let connection = Connection::open_with_flags(address(&itself), flags).map_err(fail)?;
        connection.busy_timeout(MAX_BUSY_WAIT).map_err(fail)?;
        let database = Self {
            path: path.into(),
            files: Files::of(path),
            connection,
            sealing: Arc::default(),
        };
        let taught = database.sealing.teach(&database.connection);
        taught.map_err(|error| database.fail(error))?;
        let (found, known) = (database.version()?, MIGRATIONS.len() as i64);
        if found < known {
            let path = path.into();
            return Err(DatabaseError::PastVersion { path, found, known });
        }
        database.find_key()?;
        Ok(database)
    }
}

/// The file as SQLite reads it without writing. With a `-wal` it belongs to somebody who
/// writes, or did until killed, and is read through that and its `-shm`; without one, all is
/// in the file, and SQLite must be told not to make the other two.
fn address(path: &Path) -> String {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let has_wal = std::fs::metadata(wal).is_ok_and(|file| file.len() > 0);
    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'_' | b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                address.push(char::from(*byte));
            }
            _ => {
                let _ = write!(address, "%{byte:02X}");
            }
        }
    }
    address += if has_wal {
        "?mode=ro&readonly_shm=1"
    } else {
        "?mode=ro&immutable=1"
    };
    address
}
