//! Where guardians keep their notes, found without any configuration.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The service's runtime folder.
const SYSTEM: &str = "/run/doorward";

/// No folder for the note of a line.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} cannot hold the note of the relay's line: {reason}; give the folder to the user doorward runs as, or remove it", path.display()
)]
pub struct PlaceError {
    path: PathBuf,
    reason: String,
}

/// The note of the guardian that was started with this configuration file, whether that
/// file can be read or not. Its folder is made if it is missing.
///
/// # Errors
/// [`PlaceError`] if the folder cannot be made, or is somebody else's.
pub fn note_path(config: &Path) -> Result<PathBuf, PlaceError> {
    // systemd gives the unit's own.
    if let Some(folder) = std::env::var_os("RUNTIME_DIRECTORY") {
        return Ok(note_in(Path::new(&folder), config));
    }
    let folder = private_folder();
    make_private(&folder).map_err(|error| PlaceError {
        reason: error.to_string(),
        path: folder.clone(),
    })?;
    Ok(note_in(&folder, config))
}

/// Where a note of a guardian with this configuration file may be, the system's first.
pub fn note_paths(config: &Path) -> [PathBuf; 2] {
    [Path::new(SYSTEM), &private_folder()].map(|folder| note_in(folder, config))
}

fn private_folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) if Path::new(&folder).is_absolute() => Path::new(&folder).join("doorward"),
        _ => {
            let uid = rustix::process::geteuid().as_raw();
            std::env::temp_dir().join(format!("doorward-{uid}"))
        }
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let there = std::fs::symlink_metadata(folder)?;
    if !there.is_dir() || there.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it is not this user's own folder"));
    }
    Ok(())
}

/// One note for each configuration file, by its absolute path.
fn note_in(folder: &Path, config: &Path) -> PathBuf {
    let absolute = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
    let hash = Sha256::digest(absolute.as_os_str().as_bytes());
    let name: String = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
    folder.join(format!("line-{name}.toml"))
}
