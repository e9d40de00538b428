//! A note of the line a guardian drives. It outlives the guardian, so that the line can
//! be released after a crash even if the configuration has changed or cannot be read.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{self, Config};
use crate::files;

/// So that whoever locks the door can read it.
const MODE: u32 = 0o644;
/// The largest note that is read.
const MAX_NOTE_BYTES: u64 = 16 * 1024;

/// The line that a guardian drives or drove, as the `[relay]` section that describes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldLine {
    /// What was opened; paths in it are absolute.
    pub relay: config::Relay,
}

/// A note that is there and cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be {action}: {reason}; remove it once the door is known to be locked", path.display())]
pub struct NoteError {
    path: PathBuf,
    action: &'static str,
    reason: String,
}

impl HeldLine {
    /// From the text of [`HeldLine::text`].
    ///
    /// # Errors
    /// What is wrong with it, if it is not what a guardian writes.
    pub fn parse(text: &str) -> Result<Self, String> {
        let relay = Config::parse(text, Path::new("the relay's line"))
            .map_err(|error| error.to_string())?
            .relay;
        Ok(Self { relay })
    }

    /// As TOML.
    ///
    /// # Errors
    /// What cannot be written, such as a path that is not Unicode.
    pub fn text(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }

    /// Writes the note, whole or not at all.
    ///
    /// # Errors
    /// [`NoteError`]; a note that was there before is still there.
    pub fn write(&self, path: &Path) -> Result<(), NoteError> {
        let failed = |reason: String| NoteError {
            path: path.to_owned(),
            action: "written",
            reason,
        };
        let text = self.text().map_err(failed)?;
        files::replace(path, text.as_bytes(), MODE).map_err(|e| failed(e.to_string()))
    }

    /// The note at `path`; `None` if there is none.
    ///
    /// # Errors
    /// [`NoteError`]
    pub fn read(path: &Path) -> Result<Option<Self>, NoteError> {
        let failed = |reason: String| NoteError {
            path: path.to_owned(),
            action: "read",
            reason,
        };
        let read = || -> io::Result<Option<String>> {
            // A FIFO in its place must not hold anybody up.
            let file = fs::OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
                .open(path);
            let file = match file {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(e) => return Err(e),
            };
            if !file.metadata()?.is_file() {
                return Err(io::Error::other("it is no ordinary file"));
            }
            let mut text = String::new();
            file.take(MAX_NOTE_BYTES).read_to_string(&mut text)?;
            Ok(Some(text))
        };
        let Some(text) = read().map_err(|e| failed(e.to_string()))? else {
            return Ok(None);
        };
        Self::parse(&text).map(Some).map_err(failed)
    }
}
