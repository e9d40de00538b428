//! Files that a command line names, opened while the process had the rights of whoever typed
//! it. Their names go on to mean those files when it has become somebody who could not open
//! them: the owner of the database's folder, who may not look into a private home.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Kind, Refusal, create_new, create_or_keep, found};

/// What opening gave; files to read and files to write are kept apart.
#[derive(Default)]
struct Handed {
    read: BTreeMap<PathBuf, Result<File, Refused>>,
    write: BTreeMap<PathBuf, Result<File, Refused>>,
}

/// An error that can be told again.
struct Refused {
    kind: io::ErrorKind,
    text: String,
}

impl Refused {
    fn of(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            text: error.to_string(),
        }
    }

    fn again(&self) -> io::Error {
        io::Error::new(self.kind, self.text.clone())
    }
}

static HANDED: Mutex<Handed> = Mutex::new(Handed {
    read: BTreeMap::new(),
    write: BTreeMap::new(),
});

fn handed() -> MutexGuard<'static, Handed> {
    HANDED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What may not be opened now is left to whoever the process becomes.
fn keep(opened: io::Result<File>) -> Option<Result<File, Refused>> {
    match opened {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        other => Some(other.map_err(|error| Refused::of(&error))),
    }
}

/// Opens a file for [`super::open`] to read later.
pub(crate) fn hand_in(path: &Path, kind: Kind) {
    if let Some(opened) = keep(super::open(path, kind)) {
        handed().read.insert(path.into(), opened);
    }
}

/// Opens a file for [`super::create`] to write later; nothing of it is lost until then.
pub(crate) fn hand_out(path: &Path) {
    if let Some(opened) = keep(create_or_keep(path)) {
        handed().write.insert(path.into(), opened);
    }
}

/// As [`hand_out`], for one that must not be there yet; says whether it was made. An empty
/// one is what a try left that failed, and is taken.
pub(crate) fn hand_out_new(path: &Path) -> bool {
    let opened = create_new(path);
    let is_made = opened.is_ok();
    let opened = match opened {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => create_or_keep(path)
            .and_then(|file| match file.metadata()?.len() {
                0 => Ok(file),
                _ => Err(error),
            }),
        made => made,
    };
    if let Some(opened) = keep(opened) {
        handed().write.insert(path.into(), opened);
    }
    is_made
}

/// The file from its begin, if it was handed over. Two who read it at once would disturb each
/// other.
pub(super) fn to_read(path: &Path) -> io::Result<Option<File>> {
    match handed().read.get(path) {
        None => Ok(None),
        Some(Err(refused)) => Err(refused.again()),
        Some(Ok(file)) => {
            let mut file = file.try_clone()?;
            file.rewind()?;
            Ok(Some(file))
        }
    }
}

pub(super) fn to_write(path: &Path) -> io::Result<Option<File>> {
    match handed().write.get(path) {
        None => Ok(None),
        Some(Err(refused)) => Err(refused.again()),
        Some(Ok(file)) => Ok(Some(file.try_clone()?)),
    }
}

pub(super) fn about(path: &Path) -> Option<io::Result<Metadata>> {
    let handed = handed();
    let of = |opened: &Result<File, Refused>| match opened {
        Ok(file) => file.metadata(),
        Err(refused) => Err(refused.again()),
    };
    let opened = handed.read.get(path).or_else(|| handed.write.get(path));
    opened.map(of)
}

/// Whether a file is there to be read that was handed over.
pub(crate) fn is_in(path: &Path) -> bool {
    handed().read.contains_key(path)
}

/// Whether a file is there to be written that was handed over.
pub(crate) fn is_out(path: &Path) -> bool {
    handed().write.contains_key(path)
}

/// Copies a file of the process's own into one that was handed out, onto the disk.
///
/// # Errors
/// What the system says, or that `to` was not handed out.
pub(crate) fn pour_out(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = super::open(from, Kind::Database)?;
    let mut to = to_write(to)?.ok_or(Refusal::NotWritten("another file"))?;
    to.set_len(0)?;
    to.rewind()?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()
}

/// Copies a file that was handed in into one that is made for it.
///
/// # Errors
/// What the system says.
pub(crate) fn pour_in(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = super::open(from, Kind::Database)?;
    if !from.metadata()?.is_file() {
        let found = found(&from.metadata()?);
        let kind = Kind::Database;
        return Err(Refusal::NotAFile { found, kind }.into());
    }
    let mut to = create_new(to)?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn a_name_means_the_file_that_was_handed_over() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("photo"), "first").unwrap();
        hand_in(&at("photo"), Kind::Picture);
        hand_in(&at("missing"), Kind::Picture);
        std::fs::rename(at("photo"), at("moved")).unwrap();
        std::fs::write(at("photo"), "another").unwrap();
        for _ in 0..2 {
            let mut text = String::new();
            let mut file = super::super::open(&at("photo"), Kind::Picture).unwrap();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, "first");
        }
        std::fs::write(at("missing"), "late").unwrap();
        let late = super::super::open(&at("missing"), Kind::Picture).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::NotFound);

        std::fs::write(at("out"), "before").unwrap();
        hand_out(&at("out"));
        assert_eq!(std::fs::read(at("out")).unwrap(), b"before");
        assert!(super::super::is_same(&at("out"), &at("out")));
        let mut out = super::super::create(&at("out")).unwrap();
        out.write_all(b"after").unwrap();
        assert_eq!(std::fs::read(at("out")).unwrap(), b"after");

        assert!(!hand_out_new(&at("out")));
        let there = super::super::create(&at("out")).unwrap_err();
        assert_eq!(there.kind(), io::ErrorKind::AlreadyExists);
        assert!(hand_out_new(&at("new")));
        assert!(!hand_out_new(&at("new")));
        pour_out(&at("photo"), &at("new")).unwrap();
        assert_eq!(std::fs::read(at("new")).unwrap(), b"first");
    }
}
