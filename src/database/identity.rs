//! Which files an open database is made of. SQLite goes on with the files it opened,
//! whatever lies under their names by now: others would read and write other ones.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Device and inode; nothing where there is no file of that name.
type Identity = Option<(u64, u64)>;

/// The database and its `-wal` and `-shm`, as they are under their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    /// Without links, as SQLite names the other two.
    path: PathBuf,
    identities: [Identity; 3],
}

impl Files {
    pub(super) fn of(path: &Path) -> Self {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        let identities = ["", "-wal", "-shm"].map(|ending| identity(&path, ending));
        Self { path, identities }
    }

    /// Whether the same files still lie there.
    pub(crate) fn are_in_place(&self) -> bool {
        Self::of(&self.path) == *self
    }

    /// The database without links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Time of the last change of the database's own file, in nanoseconds, and its length;
    /// it is written by checkpoints only.
    pub(crate) fn written(&self) -> Option<(i64, i64, u64)> {
        let file = std::fs::metadata(&self.path).ok()?;
        Some((file.mtime(), file.mtime_nsec(), file.len()))
    }
}

fn identity(path: &Path, ending: &str) -> Identity {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    let file = std::fs::metadata(name).ok()?;
    Some((file.dev(), file.ino()))
}
