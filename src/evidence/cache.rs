//! Embeddings kept in a file, by the content of the photo they were made from: a photo that
//! was changed under its name is another one, wherever its time stamp stands.
//!
//! Content and not name, size and time, because copying, unpacking and a clock that was set
//! keep all of these. A hash takes a few milliseconds a photo, embedding a hundred times that.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::{self, Kind};

/// What the first line of a cache says it is.
const KIND: &str = "embeddings";
/// Layout of its lines.
const FORMAT: u32 = 2;
/// It is in memory as a whole.
const MAX_BYTES: u64 = 1 << 30;
/// An embedding's line is not longer.
const MAX_LINE_BYTES: u64 = 1 << 20;
/// A first line is not longer.
const MAX_HEADER_BYTES: u64 = 64 * 1024;
/// Embeddings are of people: nobody else may read them.
const MODE: u32 = 0o600;

/// SHA-256 of a photo's file, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Content(String);

impl Content {
    /// Of a file, as it is now.
    ///
    /// # Errors
    /// What the system said.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut hash = Sha256::new();
        let mut file = files::open(path, Kind::Picture)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => hash.update(buffer.get(..read).unwrap_or_default()),
            }
        }
        let hash = hash.finalize();
        Ok(Self(hash.iter().map(|b| format!("{b:02x}")).collect()))
    }
}

/// What came of a photo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// Its embedding's coordinates.
    Face(Vec<f32>),
    /// No face was found, or none that could be cut out.
    NoFace,
}

#[derive(Serialize, Deserialize)]
struct Header {
    doorward: String,
    format: u32,
    key: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    sha256: Content,
    made: Made,
}

/// Why a file cannot keep embeddings.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The system refuses.
    #[error("the cache {path} cannot be used: {reason}; choose another with --cache")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// It is something else, and stays as it is.
    #[error(
        "{0} is no cache of embeddings that this doorward made, and was left as it is; choose another file with --cache, or move this one away"
    )]
    NotACache(PathBuf),
    /// Another run has it.
    #[error("the cache {0} is in use by another run; wait for it, or choose another with --cache")]
    InUse(PathBuf),
}

/// An open cache. Its file is this process's alone.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    file: File,
    known: HashMap<Content, Made>,
}

impl Cache {
    /// Opens or makes the file, readable by its owner alone. What it holds for another `key`
    /// is dropped.
    ///
    /// # Errors
    /// [`CacheError`]; then the file is as it was.
    pub fn open(path: &Path, key: &str) -> Result<Self, CacheError> {
        let failed = |reason| CacheError::Unusable {
            path: path.to_path_buf(),
            reason,
        };
        let file = existing_or_new(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() || about.len() > MAX_BYTES {
            return Err(CacheError::NotACache(path.to_path_buf()));
        }
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => CacheError::InUse(path.to_path_buf()),
            TryLockError::Error(reason) => failed(reason),
        })?;
        let mut reader = BufReader::new(&file);
        let mut first = Vec::new();
        let header = (&mut reader)
            .take(MAX_HEADER_BYTES)
            .read_until(b'\n', &mut first)
            .map(|_| serde_json::from_slice::<Header>(&first).ok())
            .map_err(failed)?;
        let ours = header.filter(|header| header.doorward == KIND);
        if ours.is_none() && !first.is_empty() {
            return Err(CacheError::NotACache(path.to_path_buf()));
        }
        if about.permissions().mode() & 0o777 != MODE {
            file.set_permissions(Permissions::from_mode(MODE))
                .map_err(failed)?;
        }
        let mut cache = Self {
            path: path.to_path_buf(),
            known: HashMap::new(),
            file: file.try_clone().map_err(failed)?,
        };
        match ours {
            Some(header) if header.format == FORMAT && header.key == key => {
                cache.read(&mut reader).map_err(failed)?;
            }
            _ => {
                file.set_len(0).map_err(failed)?;
                cache.write(&Header {
                    doorward: KIND.to_owned(),
                    format: FORMAT,
                    key: key.to_owned(),
                })?;
            }
        }
        Ok(cache)
    }

    fn read(&mut self, reader: &mut impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut bounded = reader.by_ref().take(MAX_LINE_BYTES);
            if bounded.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if line.len() as u64 == MAX_LINE_BYTES {
                return Err(io::Error::other("it has a line that no run wrote"));
            }
            // A run that was killed leaves a part of a line; what is no line is made anew.
            if let Ok(line) = serde_json::from_slice::<Line>(&line) {
                self.known.insert(line.sha256, line.made);
            }
            if line.last() != Some(&b'\n') {
                return self.file.write_all(b"\n");
            }
        }
    }

    /// What came of a photo of this content.
    pub fn get(&self, content: &Content) -> Option<&Made> {
        self.known.get(content)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// [`CacheError::Unusable`]
    pub fn put(&mut self, content: Content, made: Made) -> Result<(), CacheError> {
        self.write(&Line {
            sha256: content.clone(),
            made: made.clone(),
        })?;
        self.known.insert(content, made);
        Ok(())
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), CacheError> {
        serde_json::to_string(line)
            .map_err(io::Error::from)
            .and_then(|text| self.file.write_all(format!("{text}\n").as_bytes()))
            .map_err(|reason| CacheError::Unusable {
                path: self.path.clone(),
                reason,
            })
    }
}

fn existing_or_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(MODE);
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
                std::fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(folder)?;
            }
            drop(files::create_new(path)?);
            options.open(path)
        }
        opened => opened.map_err(|error| files::said_of_link(path, error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn content(text: &str) -> Content {
        Content(text.to_owned())
    }

    #[test]
    fn what_is_kept_is_of_one_key_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/cache.jsonl");
        let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
        {
            let mut cache = Cache::open(&path, "a").unwrap();
            cache
                .put(content("1"), Made::Face(vec![0.1, -2.5e-8]))
                .unwrap();
            cache.put(content("2"), Made::NoFace).unwrap();
            let said = Cache::open(&path, "a").unwrap_err().to_string();
            assert!(said.contains("in use"), "{said}");
        }
        assert_eq!(mode(), MODE);
        // Cut off in the middle of a line, and readable by all.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 4]).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        {
            let mut cache = Cache::open(&path, "a").unwrap();
            assert_eq!(
                cache.get(&content("1")),
                Some(&Made::Face(vec![0.1, -2.5e-8]))
            );
            assert_eq!(cache.get(&content("2")), None);
            cache.put(content("3"), Made::NoFace).unwrap();
        }
        assert_eq!(mode(), MODE);
        let cache = Cache::open(&path, "a").unwrap();
        assert_eq!(cache.get(&content("3")), Some(&Made::NoFace));
        drop(cache);
        let cache = Cache::open(&path, "b").unwrap();
        assert_eq!(cache.get(&content("1")), None);
    }

    #[test]
    fn a_file_that_is_something_else_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("thesis.txt");
        for text in [
            "my only copy",
            "\n",
            "{\"key\":\"of an earlier version\"}\n",
            "{\"doorward\":\"people\",\"format\":2,\"key\":\"a\"}\n",
        ] {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            let said = Cache::open(&path, "a").unwrap_err().to_string();
            assert!(
                said.contains("thesis.txt") && said.contains("--cache"),
                "{said}"
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o644);
        }
    }
}
