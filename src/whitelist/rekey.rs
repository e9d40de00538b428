//! Another key for the database.

use std::path::PathBuf;

use super::reseal;
use crate::database::{Database, DatabaseError};
use crate::record::{Event, HeadKey, KeyChange, Origin, Stamp, append_within, hand_over_heads};
use crate::seal::{KeyError, KeyId, KeyPlace, Keys, MasterKey, NoRandom, Purpose};

/// Why the key is the one it was.
#[derive(Debug, thiserror::Error)]
pub enum RekeyError {
    #[error("somebody is at the door again and again; repeat this when it is quieter")]
    GaveWay,
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
/// `must_give_way` is asked again and again meanwhile.
///
/// # Errors
/// [`RekeyError`]; the key is the one it was.
pub fn rekey(
    database: &mut Database,
    origin: &Origin,
    must_give_way: &dyn Fn() -> bool,
) -> Result<Rekeyed, RekeyError> {
    let own = database.keys()?;
    let was_credential = database.key_place() == Some(KeyPlace::Credential);
    let keys = Keys::new(MasterKey::generate()?);
    let (before, now) = (own.id(), keys.id());
    let head_key = |keys: &Keys| HeadKey::from_seed(&keys.sub_key(Purpose::Heads));
    let (signed_by, signs) = (head_key(&own), head_key(&keys));
    database.change_keys(keys, |c, fail| {
        reseal::all(c, fail, must_give_way)?;
        let event = Event::Rekeyed(KeyChange {
            before: before.to_string(),
            now: now.to_string(),
            actor: origin.actor.clone(),
        });
        append_within(c, fail, &Stamp::now(), &origin.door, &event)?;
        hand_over_heads(c, fail, &origin.door, &signed_by, &signs)?;
        Ok::<_, RekeyError>(())
    })?;
    Ok(Rekeyed {
        before,
        now,
        file: database.key_sources().file().into(),
        was_credential,
    })
}
