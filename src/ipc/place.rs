//! Where the socket is: beside the guardian's note, so that it is found without reading the
//! configuration.

use std::path::{Path, PathBuf};

use crate::config::DEFAULT_PATH;
use crate::guardian::note_paths;

/// The socket of a daemon whose guardian keeps this note: `control.sock`, and for another
/// configuration file than the system's `control-….sock`.
pub fn socket_of(note: &Path, config: &Path) -> PathBuf {
    if config == Path::new(DEFAULT_PATH) {
        return note.with_file_name("control.sock");
    }
    let stem = note.file_stem().unwrap_or_default().to_string_lossy();
    let which = stem.strip_prefix("line-").unwrap_or(&stem);
    note.with_file_name(format!("control-{which}.sock"))
}

/// Where the socket of a daemon with this configuration file may be, the system's first.
pub fn socket_paths(config: &Path) -> [PathBuf; 2] {
    note_paths(config).map(|note| socket_of(&note, config))
}

/// The file that says who may ask for what: `roles.toml` beside the configuration.
pub fn roles_path(config: &Path) -> PathBuf {
    config.with_file_name("roles.toml")
}
