//! Why the database cannot be used, as something a person can act on.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::MAX_WRITER_WAIT;
use crate::seal::KeyError;

/// Why the database cannot be used. Nothing is lost by any of these.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// There is none.
    #[error(
        "there is no database at {path}: enroll somebody first (doorward enroll NAME PHOTO...), or set whitelist.database"
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A copy would replace something.
    #[error("{path} is there already; give another name")]
    Exists { path: PathBuf },
    /// The file is something else.
    #[error(
        "{path} is not a SQLite database; move it away or set whitelist.database to another file"
    )]
    NotADatabase { path: PathBuf },
    /// It is a database, of another program.
    #[error("{path} is the database of another program; set whitelist.database to another file")]
    OtherApplication { path: PathBuf },
    /// A newer doorward wrote it.
    #[error(
        "{path} has version {found} and this doorward knows versions up to {known}; install the newer doorward again"
    )]
    FutureVersion {
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// An older doorward wrote it, and it is only looked at.
    #[error(
        "{path} has version {found}, of an older doorward; the daemon brings it to version {known} when it starts"
    )]
    PastVersion {
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// It cannot be written.
    #[error(
        "{path} cannot be written: it or its file system is read-only; remount it, or give the file to the user doorward runs as"
    )]
    ReadOnly { path: PathBuf },
    /// No room.
    #[error("{path} cannot be written: the disk is full; free some space")]
    Full { path: PathBuf },
    /// A daemon writes it, and nobody else.
    #[error(
        "a daemon (process {pid}) guards a door with {path}, and nobody else writes it then; stop that one first (systemctl stop doorward)"
    )]
    Guarded {
        path: PathBuf,
        /// Whose it is; 0 if that cannot be seen.
        pid: i32,
    },
    /// Another doorward writes it.
    #[error(
        "another doorward (process {pid}) writes {path} and did not end within {} s; wait for it or end it, then repeat this", MAX_WRITER_WAIT.as_secs()
    )]
    Held {
        path: PathBuf,
        /// Whose it is; 0 if that cannot be seen.
        pid: i32,
    },
    /// Another process keeps writing.
    #[error("{path} is in use by another program; try again, and end that program if it stays so")]
    Locked { path: PathBuf },
    /// Its pages contradict each other.
    #[error(
        "{path} is damaged ({reason}); move it away and take a backup (sudo doorward restore FILE), or enroll again"
    )]
    Corrupt {
        path: PathBuf,
        /// What SQLite found.
        reason: String,
    },
    /// What is sealed in it cannot be opened.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A row does not open with the key that fits the database.
    #[error(
        "row {row} of {table} in {path} was changed by somebody else, or put there from another row; keep a copy as evidence, and bring back a backup (sudo doorward restore FILE)"
    )]
    Changed {
        path: PathBuf,
        table: String,
        /// Its number, or what else names it.
        row: String,
    },
    /// The user may not open it.
    #[error(
        "{path} cannot be opened: {reason}; look at the folder and its permissions, or set whitelist.database"
    )]
    Open {
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    #[error("{path}: {reason}; `doorward check` looks at the database")]
    Other {
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
}

/// What the system says about a path.
pub(super) fn at_open(path: &Path, error: &std::io::Error) -> DatabaseError {
    use std::io::ErrorKind;
    let path = path.to_path_buf();
    match error.kind() {
        ErrorKind::NotFound if path.parent().is_some_and(Path::is_dir) => {
            DatabaseError::Missing { path }
        }
        ErrorKind::NotFound => DatabaseError::Open {
            reason: "its folder does not exist".into(),
            path,
        },
        ErrorKind::AlreadyExists => DatabaseError::Exists { path },
        ErrorKind::ReadOnlyFilesystem => DatabaseError::ReadOnly { path },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DatabaseError::Full { path },
        _ => DatabaseError::Open {
            reason: error.to_string(),
            path,
        },
    }
}

/// What SQLite says, as something a person can act on.
pub(super) fn classify(path: &Path, error: rusqlite::Error) -> DatabaseError {
    let path = path.to_path_buf();
    let reason = error.to_string();
    let Some(failure) = error.sqlite_error() else {
        return DatabaseError::Other { path, reason };
    };
    // SQLite has one word for much of what a file system can refuse; the file system itself is clearer.
    if matches!(
        failure.code,
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen
    ) {
        let folder = path.parent().unwrap_or(&path);
        if let Ok(about) = rustix::fs::statvfs(folder) {
            if about.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
                return DatabaseError::ReadOnly { path };
            }
            if about.f_bavail == 0 || about.f_favail == 0 && about.f_files > 0 {
                return DatabaseError::Full { path };
            }
        }
    }
    match failure.code {
        ErrorCode::NotADatabase => DatabaseError::NotADatabase { path },
        ErrorCode::DatabaseCorrupt => DatabaseError::Corrupt { path, reason },
        ErrorCode::ReadOnly => DatabaseError::ReadOnly { path },
        ErrorCode::DiskFull => DatabaseError::Full { path },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => DatabaseError::Locked { path },
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => DatabaseError::Open { path, reason },
        _ => DatabaseError::Other { path, reason },
    }
}
