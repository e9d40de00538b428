//! Passwords and keys, each the first line of a file of its own.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::files::{self, Kind};

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read the secret in {}: {source}; it has to be readable by the group doorward-bridge", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("everybody can read the secret in {}: chmod 640 it, and chgrp doorward-bridge", .0.display())]
    Open(PathBuf),
    #[error("the first line of {} is empty: write the secret there", .0.display())]
    Empty(PathBuf),
}

/// The first line.
///
/// # Errors
/// [`SecretError`]
pub(super) fn read(path: &Path) -> Result<String, SecretError> {
    let unreadable = |source| SecretError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let about = files::about(path).map_err(unreadable)?;
    if about.permissions().mode() & 0o006 != 0 {
        return Err(SecretError::Open(path.to_owned()));
    }
    let text = files::read_text(path, Kind::Passphrase).map_err(unreadable)?;
    match text.lines().next().map(str::trim_end) {
        Some(secret) if !secret.is_empty() => Ok(secret.to_owned()),
        _ => Err(SecretError::Empty(path.to_owned())),
    }
}
