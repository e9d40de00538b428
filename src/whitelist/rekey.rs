//! Another key for the database. The new key is on the disk before anything is sealed with it,
//! and the old one stays until all is: whenever the power goes, one of the two fits.

use std::path::{Path, PathBuf};

use super::reseal;
use crate::database::{Database, DatabaseError, Writing};
use crate::record::{Event, KeyChange, Origin, Stamp, append_within};
use crate::seal::{self, KeyError, KeyId, KeyPlace, Keys, MasterKey, NoRandom};

/// Why the key is the one it was.
#[derive(Debug, thiserror::Error)]
pub enum RekeyError {
    /// A daemon would go on with the key of before.
    #[error("a daemon guards a door with {0}; stop it first (systemctl stop doorward)")]
    Guarded(PathBuf),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

/// A change of keys that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rekeyed {
    pub before: KeyId,
    pub now: KeyId,
    /// Where the new key lies.
    pub file: PathBuf,
    /// Whether systemd handed the key of before over: it fits no more.
    pub was_credential: bool,
}

/// Seals everything with a new key, which lies in its file beside the database then.
///
/// # Errors
/// [`RekeyError`]; the key is the one it was.
pub fn rekey(database: &Path, origin: &Origin) -> Result<Rekeyed, RekeyError> {
    let _writing = match Writing::take(database, false) {
        Err(DatabaseError::Guarded { path, .. }) => return Err(RekeyError::Guarded(path)),
        writing => writing?,
    };
    let mut db = Database::open_existing(database)?;
    db.integrity_check()?;
    let before = db.keys()?.id();
    let was_credential = db.key_place() == Some(KeyPlace::Credential);
    let sources = db.key_sources();
    let keys = Keys::new(MasterKey::generate()?);
    let now = keys.id();
    seal::write_new(sources.next(), keys.master())?;
    db.begin_with(keys)?;
    // Where this fails, the next opening sees which key the database has, and keeps that one.
    db.transaction(|c, fail| {
        reseal::all(c, fail)?;
        let event = Event::Rekeyed(KeyChange {
            before: before.to_string(),
            now: now.to_string(),
            actor: origin.actor.clone(),
        });
        append_within(c, fail, &Stamp::now(), &origin.door, &event)
    })?;
    sources.settle(KeyPlace::Next)?;
    Ok(Rekeyed {
        before,
        now,
        file: sources.file().into(),
        was_credential,
    })
}
