//! A change of keys, as the connection that does it and the others of this and other processes
//! see it. The new key is on the disk before anything is sealed with it, and the old one stays
//! until all is: whenever the power goes, one of the two fits.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use rusqlite::{Connection, OptionalExtension as _};

use super::sealing::Sealing;
use super::{Database, DatabaseError};
use crate::seal::{self, KeyError, KeyId, KeyPlace, Keys, Sources};

/// Taken while the file of the next key lies there for a reason: whoever opens the database in
/// this process meanwhile must not tidy it away. Other processes do not, as they may not write.
static CHANGING: Mutex<()> = Mutex::new(());

impl Sealing {
    /// Has the keys be those of what is read now: another connection may have changed them.
    pub(super) fn follow(&self, c: &Connection, path: &Path) -> Result<(), DatabaseError> {
        let Some(known) = self.followed() else {
            return Ok(());
        };
        let wanted = key_id(c).map_err(|error| self.classify(path, error))?;
        let Some(wanted) = wanted.filter(|wanted| *wanted != known) else {
            return Ok(());
        };
        let sources = Sources::of(path);
        let mut found = sources.find(wanted);
        if found.is_err() {
            // Its file may just have come to its place.
            found = sources.find(wanted);
        }
        self.set(found);
        Ok(())
    }
}

/// Which key the rows are sealed with; nothing if that cannot be told.
pub(super) fn key_id(c: &Connection) -> rusqlite::Result<Option<KeyId>> {
    let id = c
        .prepare_cached("SELECT key_id FROM sealing")?
        .query_row([], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    Ok(id.and_then(|id| KeyId::from_bytes(&id)))
}

impl Database {
    /// Changes everything that is sealed in one transaction, in which `opened_before` opens with
    /// the key of before and `seal` seals with the new one.
    ///
    /// # Errors
    /// What `work` gives, [`KeyError`] or [`DatabaseError`]; the key is the one it was.
    pub(crate) fn change_keys<E: From<DatabaseError> + From<KeyError>>(
        &mut self,
        keys: Keys,
        work: impl FnOnce(&Connection, &dyn Fn(rusqlite::Error) -> DatabaseError) -> Result<(), E>,
    ) -> Result<(), E> {
        let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.keys()?;
        let place = self.key_place().unwrap_or(KeyPlace::File);
        let (sources, now) = (self.key_sources(), keys.id());
        seal::write_new(sources.next(), keys.master())?;
        let (sealing, keys) = (Arc::clone(&self.sealing), Arc::new(keys));
        let changed = self.transaction(|c, fail| {
            sealing.set_before(Some(Arc::clone(&before)));
            sealing.set_shared(Arc::clone(&keys), KeyPlace::Next);
            work(c, fail)?;
            // Where nobody would find it, nothing must be sealed with it.
            sources.find(now)?;
            Ok(())
        });
        self.sealing.set_before(None);
        // What the database says counts, whatever came of the transaction. Where it says nothing
        // both keys stay, and the next opening sees which one fits.
        let settled = match self.key_id() {
            Ok(id) if id == now => {
                self.sealing.set_shared(keys, KeyPlace::File);
                sources.settle(KeyPlace::Next)
            }
            Ok(_) => {
                self.sealing.set_shared(before, place);
                sources.settle(place)
            }
            Err(error) => return changed.and(Err(error.into())),
        };
        changed?;
        Ok(settled?)
    }

    /// Ends a change of keys that was cut short, if nobody else is at it.
    pub(super) fn settle_key(&self) -> Result<(), DatabaseError> {
        let sources = self.key_sources();
        let Some(place) = self.key_place().filter(|_| sources.next().exists()) else {
            return Ok(());
        };
        let _idle = match CHANGING.try_lock() {
            Ok(idle) => idle,
            Err(TryLockError::Poisoned(idle)) => idle.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        if self.may_not_write()? {
            return Ok(());
        }
        // Meanwhile another process may have ended it.
        self.find_key()?;
        Ok(sources.settle(self.key_place().unwrap_or(place))?)
    }

    /// Where its key may lie.
    pub(crate) fn key_sources(&self) -> Sources {
        Sources::of(self.files.path())
    }
}
