//! Where the master key lies: handed over by systemd (`LoadCredentialEncrypted=`), or in a file
//! beside the database that is for its owner alone.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{BadKey, KeyId, Keys, MasterKey, NoRandom};
use crate::files::{self, Kind};

/// What the credential is called.
pub const CREDENTIAL: &str = "doorward.key";
/// Where systemd says the folder with credentials is.
pub const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
/// Where systemd keeps those of the service while it runs, for commands beside it.
const CREDENTIALS_OF_SERVICE: &str = "/run/credentials/doorward.service";
/// What the key's file is called beside its database.
const ENDING: &str = "-key";
/// The key that a change of keys begins to use.
const NEXT_ENDING: &str = "-key-next";

/// Why there is no key to seal or open with. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error(
        "the key of the database is missing: there is no {file}, and no credential {CREDENTIAL}; put key {wanted} back there, or bring back a backup with its key (sudo doorward restore FILE --key KEYFILE)"
    )]
    Missing { file: PathBuf, wanted: KeyId },
    #[error(
        "{path} is key {found}, and the database is sealed with key {wanted}; put that one in its place, or bring back a backup with its key (sudo doorward restore FILE --key KEYFILE)"
    )]
    Wrong {
        path: PathBuf,
        found: KeyId,
        wanted: KeyId,
    },
    #[error("{path} is no key: {reason}; put the right file in its place")]
    Malformed { path: PathBuf, reason: BadKey },
    #[error(
        "{path} is a key that others than its owner can use (mode {mode:03o}); chmod 600 it, and if somebody may have read it, take another (sudo doorward rekey)"
    )]
    TooOpen { path: PathBuf, mode: u32 },
    #[error(
        "{path} is a key that belongs to user {uid}, and not to doorward's; chown it to the owner of its folder"
    )]
    Foreign { path: PathBuf, uid: u32 },
    #[error("the key {path} cannot be read: {reason}; look at the file and its permissions")]
    Unreadable { path: PathBuf, reason: String },
    #[error("the key {path} cannot be written: {reason}; look at its folder")]
    NotWritten { path: PathBuf, reason: String },
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

/// Where a key was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPlace {
    /// systemd handed it over.
    Credential,
    /// In its file beside the database.
    File,
    /// In the file of a change of keys that did not come to its end.
    Next,
}

/// Where the key of one database may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    credential: Option<PathBuf>,
    file: PathBuf,
    next: PathBuf,
}

/// The key's file of a database.
pub fn beside(database: &Path) -> PathBuf {
    ended(database, ENDING)
}

/// The file of a key that is about to become that of a database.
pub fn next_beside(database: &Path) -> PathBuf {
    ended(database, NEXT_ENDING)
}

fn ended(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl Sources {
    /// Those of a database, and of this process.
    pub fn of(database: &Path) -> Self {
        let folder = std::env::var_os(CREDENTIALS_VARIABLE).filter(|folder| !folder.is_empty());
        let folder = folder.unwrap_or(CREDENTIALS_OF_SERVICE.into());
        Self::with(Some(Path::new(&folder)), database)
    }

    /// With this folder of credentials.
    pub fn with(credentials: Option<&Path>, database: &Path) -> Self {
        let credential = credentials.map(|folder| folder.join(CREDENTIAL));
        Self {
            credential: credential.filter(|credential| credential.exists()),
            file: beside(database),
            next: next_beside(database),
        }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn next(&self) -> &Path {
        &self.next
    }

    /// Whether there is a file of a key, whatever is in it.
    pub(crate) fn has_any(&self) -> bool {
        self.all().any(|(path, _)| path.exists())
    }

    /// Whether systemd handed a key over.
    pub fn has_credential(&self) -> bool {
        self.credential.is_some()
    }

    /// The key that the database is sealed with.
    ///
    /// # Errors
    /// [`KeyError`], of the first place that has another key or none that can be used.
    pub fn find(&self, wanted: KeyId) -> Result<(Keys, KeyPlace), KeyError> {
        let mut first = None;
        for (path, place) in self.all() {
            match read_at(path, place) {
                Ok(None) => {}
                Ok(Some(keys)) if keys.id() == wanted => return Ok((keys, place)),
                Ok(Some(keys)) => {
                    first.get_or_insert(KeyError::Wrong {
                        path: path.into(),
                        found: keys.id(),
                        wanted,
                    });
                }
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or(KeyError::Missing {
            file: self.file.clone(),
            wanted,
        }))
    }

    /// The key to begin to seal with: one that is there, or a new one in its file.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn find_or_make(&self) -> Result<(Keys, KeyPlace), KeyError> {
        if let Some(found) = self.any()? {
            return Ok(found);
        }
        let master = MasterKey::generate()?;
        match write_new(&self.file, &master) {
            Ok(()) => Ok((Keys::new(master), KeyPlace::File)),
            // Another process may have been faster.
            Err(error) => match read_at(&self.file, KeyPlace::File)? {
                Some(keys) => Ok((keys, KeyPlace::File)),
                None => Err(error),
            },
        }
    }

    /// The key to begin to seal with, if there is one already.
    ///
    /// # Errors
    /// [`KeyError`]
    pub(crate) fn any(&self) -> Result<Option<(Keys, KeyPlace)>, KeyError> {
        for (path, place) in self.all().filter(|(_, place)| *place != KeyPlace::Next) {
            if let Some(keys) = read_at(path, place)? {
                return Ok(Some((keys, place)));
            }
        }
        Ok(None)
    }

    /// Has the file of the key be the one that fits, after a change of keys that came to its
    /// end or did not. For whoever may write the database.
    ///
    /// # Errors
    /// [`KeyError::NotWritten`]
    pub(crate) fn settle(&self, fitting: KeyPlace) -> Result<(), KeyError> {
        if !self.next.exists() {
            return Ok(());
        }
        let settled = match fitting {
            KeyPlace::Next => std::fs::rename(&self.next, &self.file),
            KeyPlace::Credential | KeyPlace::File => std::fs::remove_file(&self.next),
        };
        settled
            .and_then(|()| sync_folder(&self.file))
            .map_err(|error| KeyError::NotWritten {
                path: self.file.clone(),
                reason: error.to_string(),
            })
    }

    fn all(&self) -> impl Iterator<Item = (&Path, KeyPlace)> {
        let credential = self.credential.as_deref();
        credential
            .map(|path| (path, KeyPlace::Credential))
            .into_iter()
            .chain([
                (self.file.as_path(), KeyPlace::File),
                (self.next.as_path(), KeyPlace::Next),
            ])
    }
}

/// Writes a key to a file that must not be there yet; it is on the disk when this returns.
///
/// # Errors
/// [`KeyError::NotWritten`]
pub(crate) fn write_new(path: &Path, master: &MasterKey) -> Result<(), KeyError> {
    let write = || -> io::Result<()> {
        let mut file = files::create_new(path)?;
        let written = file
            .write_all(master.to_text().as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| sync_folder(path));
        if written.is_err() {
            let _ = std::fs::remove_file(path);
        }
        written
    };
    write().map_err(|error| KeyError::NotWritten {
        path: path.into(),
        reason: error.to_string(),
    })
}

/// Has what was made, renamed or removed in a file's folder last.
///
/// # Errors
/// What the system says.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(files::folder(path))?.sync_all()
}

/// The key in a file that an administrator names.
///
/// # Errors
/// [`KeyError`]
pub(crate) fn read_file(path: &Path) -> Result<Keys, KeyError> {
    let text = files::read_text(path, Kind::Key).map_err(|error| unreadable(path, &error))?;
    parse(path, &Zeroizing::new(text))
}

/// Nothing where there is no file.
fn read_at(path: &Path, place: KeyPlace) -> Result<Option<Keys>, KeyError> {
    let about = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        about => about.map_err(|error| unreadable(path, &error))?,
    };
    // systemd alone makes credentials, and gives them to the service by an ACL, which shows as
    // rights of the group.
    if place != KeyPlace::Credential {
        let mode = about.permissions().mode() & 0o777;
        if mode & 0o077 != 0 && !about.is_symlink() {
            let path = path.into();
            return Err(KeyError::TooOpen { path, mode });
        }
        let folder = std::fs::metadata(files::folder(path)).map(|about| about.uid());
        let own = [rustix::process::geteuid().as_raw(), folder.unwrap_or(0), 0];
        if !own.contains(&about.uid()) {
            let (path, uid) = (path.into(), about.uid());
            return Err(KeyError::Foreign { path, uid });
        }
        files::without_links(path).map_err(|error| unreadable(path, &error))?;
    }
    read_file(path).map(Some)
}

fn parse(path: &Path, text: &str) -> Result<Keys, KeyError> {
    let master = MasterKey::parse(text).map_err(|reason| KeyError::Malformed {
        path: path.into(),
        reason,
    })?;
    Ok(Keys::new(master))
}

fn unreadable(path: &Path, error: &io::Error) -> KeyError {
    KeyError::Unreadable {
        path: path.into(),
        reason: error.to_string(),
    }
}
