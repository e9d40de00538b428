//! Which record was told last, on disk: number and hash, so that another record under the same
//! number is noticed.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::{self, Kind};

/// A record's number and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    pub number: u64,
    /// SHA-256, hexadecimal.
    pub hash: String,
}

impl Cursor {
    /// Before the first record.
    pub(super) fn start() -> Self {
        Self {
            number: 0,
            hash: "0".repeat(64),
        }
    }
}

/// Why it is not known what was told.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    #[error("cannot read {}, which says what was told last: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "{} does not say what was told last ({what}): restore it, or remove it to go on from now, without what happened meanwhile",
        path.display()
    )]
    Damaged { path: PathBuf, what: String },
    #[error("cannot write {}, so that events would be told again after a restart: {source}", path.display())]
    Unwritten { path: PathBuf, source: io::Error },
}

/// Where it is kept for one receiver.
#[derive(Debug, Clone)]
pub(super) struct CursorFile {
    path: PathBuf,
}

impl CursorFile {
    /// In this folder; `receiver` is a part of the file's name.
    pub(super) fn new(folder: &Path, receiver: &str) -> Self {
        let path = folder.join(format!("{receiver}.cursor"));
        Self { path }
    }

    /// What was told last; nothing where nothing was yet.
    ///
    /// # Errors
    /// [`CursorError`]: a damaged one is not taken for none, because events would be left out.
    pub(super) fn read(&self) -> Result<Option<Cursor>, CursorError> {
        let path = self.path.clone();
        let text = match files::read_text(&self.path, Kind::Note) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CursorError::Unreadable { path, source }),
        };
        let damaged = |what: String| CursorError::Damaged {
            path: path.clone(),
            what,
        };
        let cursor: Cursor =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        let is_hash = cursor.hash.len() == 64 && cursor.hash.bytes().all(|b| b.is_ascii_hexdigit());
        match is_hash {
            true => Ok(Some(cursor)),
            false => Err(damaged("its hash is none".into())),
        }
    }

    /// Keeps it, whole or not at all.
    ///
    /// # Errors
    /// [`CursorError::Unwritten`]; the one before is still there.
    pub(super) fn write(&self, cursor: &Cursor) -> Result<(), CursorError> {
        let unwritten = |source| CursorError::Unwritten {
            path: self.path.clone(),
            source,
        };
        let text = serde_json::to_string(cursor).map_err(|error| unwritten(error.into()))?;
        files::replace_kept(&self.path, text.as_bytes(), 0o600).map_err(unwritten)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_and_a_damaged_one_is_no_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = CursorFile::new(folder.path(), "mqtt");
        assert_eq!(file.read().unwrap(), None);
        let cursor = Cursor {
            number: 812,
            hash: "0a".repeat(32),
        };
        file.write(&Cursor::start()).unwrap();
        file.write(&cursor).unwrap();
        assert_eq!(file.read().unwrap(), Some(cursor));
        let text = std::fs::read_to_string(&file.path).unwrap();
        for end in 0..text.len() {
            std::fs::write(&file.path, &text[..end]).unwrap();
            let said = file.read().unwrap_err().to_string();
            assert!(
                said.contains("mqtt.cursor") && said.contains("remove it"),
                "{said}"
            );
        }
    }
}
