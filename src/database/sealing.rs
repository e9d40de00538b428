//! Sealing as statements know it: functions that seal and open what stands in rows.
//!
//! | function | gives |
//! |---|---|
//! | `seal(what, plain, part, …)` | a BLOB that opens for the same column and parts alone |
//! | `opened(what, sealed, part, …)`, `opened_text(…)` | what was sealed, as BLOB or TEXT |
//! | `opened_before(what, sealed, part, …)` | the same, with the other key of a change of keys or of a backup |
//! | `look_up(what, text)` | 32 bytes to find a row by |
//! | `name_sealed(person, key, name)` | the text that stands in the record for a name |
//! | `name_opened(person, key, text)` | the name; NULL if the key is another |
//! | `fresh_key()`, `key_id()` | 32 random bytes; which key it is |
//!
//! NULL gives NULL. The first part is the row's number or what else names it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

use super::rekeying::key_id;
use super::{Database, DatabaseError, classify};
use crate::seal::{KeyError, KeyId, KeyPlace, Keys, NameKey, PictureKey, Place};

/// What SQLite says of a function that refused; the reason is kept beside it.
const REFUSED: &str = "a function of doorward's sealing refused";
/// The first version of the database in which rows are sealed.
pub(super) const FIRST_SEALED_VERSION: i64 = 7;

/// The keys of an open database. Its functions have it too.
#[derive(Debug, Default)]
pub(super) struct Sealing {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: Option<(Arc<Keys>, KeyPlace)>,
    /// Of a backup that is brought back, or from before a change of keys.
    before: Option<Arc<Keys>>,
    /// Why there are no keys.
    trouble: Option<KeyError>,
    /// Why a function refused last.
    refusal: Option<Refusal>,
    /// Whether another key in the database is one to find.
    follows: bool,
}

#[derive(Debug)]
enum Refusal {
    Key(KeyError),
    /// Something in a row does not open.
    Changed {
        table: String,
        row: String,
    },
    /// A statement of ours is wrong.
    Misused,
}

impl Sealing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, found: Result<(Keys, KeyPlace), KeyError>) {
        match found {
            Ok((keys, place)) => self.set_shared(Arc::new(keys), place),
            Err(error) => {
                let mut state = self.state();
                state.keys = None;
                state.trouble = Some(error);
            }
        }
    }

    pub(super) fn set_shared(&self, keys: Arc<Keys>, place: KeyPlace) {
        let mut state = self.state();
        state.keys = Some((keys, place));
        state.trouble = None;
    }

    pub(super) fn set_before(&self, keys: Option<Arc<Keys>>) {
        self.state().before = keys;
    }

    /// From now on a change of keys by somebody else is followed.
    pub(super) fn follow_changes(&self, follows: bool) {
        self.state().follows = follows;
    }

    /// The key that may turn out to be another by now.
    pub(super) fn followed(&self) -> Option<KeyId> {
        let state = self.state();
        let keys = state.keys.as_ref().filter(|_| state.follows);
        keys.map(|(keys, _)| keys.id())
    }

    /// What an error of SQLite is about.
    pub(super) fn classify(&self, path: &std::path::Path, error: rusqlite::Error) -> DatabaseError {
        if !error.to_string().contains(REFUSED) {
            return classify(path, error);
        }
        match self.state().refusal.take() {
            Some(Refusal::Key(error)) => DatabaseError::Key(error),
            Some(Refusal::Changed { table, row }) => DatabaseError::Changed {
                path: path.into(),
                table,
                row,
            },
            Some(Refusal::Misused) | None => classify(path, error),
        }
    }

    fn refuse(&self, refusal: Refusal) -> rusqlite::Error {
        self.state().refusal = Some(refusal);
        rusqlite::Error::UserFunctionError(REFUSED.into())
    }

    fn misused(&self) -> rusqlite::Error {
        self.refuse(Refusal::Misused)
    }

    fn keys(&self) -> Result<Arc<Keys>, Refusal> {
        let state = self.state();
        match (&state.keys, &state.trouble) {
            (Some((keys, _)), _) => Ok(Arc::clone(keys)),
            (None, Some(trouble)) => Err(Refusal::Key(trouble.clone())),
            (None, None) => Err(Refusal::Misused),
        }
    }

    fn before(&self) -> Result<Arc<Keys>, Refusal> {
        self.state().before.clone().ok_or(Refusal::Misused)
    }

    /// Lets statements use the functions.
    pub(super) fn teach(self: &Arc<Self>, connection: &Connection) -> rusqlite::Result<()> {
        let plain = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        let pure = plain | FunctionFlags::SQLITE_DETERMINISTIC;
        let it = Arc::clone(self);
        connection.create_scalar_function("seal", -1, plain, move |c| it.seal(c))?;
        let it = Arc::clone(self);
        connection.create_scalar_function("opened", -1, pure, move |c| {
            it.opened(c, it.keys())
                .map(|opened| opened.map(|o| o.to_vec()))
        })?;
        let it = Arc::clone(self);
        connection.create_scalar_function("opened_before", -1, pure, move |c| {
            it.opened(c, it.before())
                .map(|opened| opened.map(|o| o.to_vec()))
        })?;
        let it = Arc::clone(self);
        connection.create_scalar_function("opened_text", -1, pure, move |c| {
            let opened = it.opened(c, it.keys())?;
            let text = opened.map(|o| String::from_utf8(o.to_vec())).transpose();
            text.map_err(|_| it.changed(c))
        })?;
        let it = Arc::clone(self);
        connection.create_scalar_function("look_up", 2, pure, move |c| {
            let keys = it.keys().map_err(|refusal| it.refuse(refusal))?;
            let place = Place::new(c.get_raw(0).as_str().map_err(|_| it.misused())?);
            let text = c.get_raw(1).as_bytes().map_err(|_| it.misused())?;
            Ok(keys.look_up(&place, text).to_vec())
        })?;
        let it = Arc::clone(self);
        connection.create_scalar_function("name_sealed", 3, plain, move |c| {
            let (person, key, name) = it.named(c)?;
            let sealed = key.seal(person, name);
            sealed.map_err(|error| it.refuse(Refusal::Key(error.into())))
        })?;
        let it = Arc::clone(self);
        connection.create_scalar_function("name_opened", 3, pure, move |c| {
            let (person, key, text) = it.named(c)?;
            Ok(key.open(person, text))
        })?;
        let it = Arc::clone(self);
        connection.create_scalar_function("fresh_key", 0, plain, move |_| {
            let key = NameKey::generate();
            let key = key.map_err(|error| it.refuse(Refusal::Key(error.into())))?;
            Ok(key.bytes().to_vec())
        })?;
        let it = Arc::clone(self);
        connection.create_scalar_function("key_id", 0, plain, move |_| {
            let keys = it.keys().map_err(|refusal| it.refuse(refusal))?;
            Ok(keys.id().as_bytes().to_vec())
        })
    }

    fn seal(&self, c: &Context<'_>) -> rusqlite::Result<Option<Vec<u8>>> {
        let plain = match raw(c, 1) {
            Some(ValueRef::Null) => return Ok(None),
            Some(ValueRef::Blob(bytes) | ValueRef::Text(bytes)) => bytes,
            _ => return Err(self.misused()),
        };
        let place = place(c).ok_or_else(|| self.misused())?;
        let keys = self.keys().map_err(|refusal| self.refuse(refusal))?;
        let sealed = keys.seal(&place, plain);
        sealed
            .map(Some)
            .map_err(|error| self.refuse(Refusal::Key(error.into())))
    }

    fn opened(
        &self,
        c: &Context<'_>,
        keys: Result<Arc<Keys>, Refusal>,
    ) -> rusqlite::Result<Option<zeroize::Zeroizing<Vec<u8>>>> {
        let sealed = match raw(c, 1) {
            Some(ValueRef::Null) => return Ok(None),
            Some(ValueRef::Blob(bytes)) => bytes,
            _ => return Err(self.changed(c)),
        };
        let place = place(c).ok_or_else(|| self.misused())?;
        let keys = keys.map_err(|refusal| self.refuse(refusal))?;
        match keys.open(&place, sealed) {
            Some(opened) => Ok(Some(opened)),
            None => Err(self.changed(c)),
        }
    }

    /// What a call names: `what` is a table and its column, and the first part the row.
    fn changed(&self, c: &Context<'_>) -> rusqlite::Error {
        let what = raw(c, 0).and_then(|what| what.as_str().ok());
        let table = what.unwrap_or_default().split('.').next();
        self.refuse(Refusal::Changed {
            table: table.unwrap_or_default().to_owned(),
            row: match raw(c, 2) {
                Some(ValueRef::Integer(number)) => number.to_string(),
                Some(ValueRef::Blob(bytes)) => {
                    let begin = bytes.iter().take(4);
                    begin.map(|byte| format!("{byte:02x}")).collect()
                }
                _ => "1".to_owned(),
            },
        })
    }

    fn named<'c>(&self, c: &'c Context<'_>) -> rusqlite::Result<(i64, NameKey, &'c str)> {
        let key = c.get_raw(1).as_blob().ok().and_then(NameKey::from_bytes);
        let person = c.get_raw(0).as_i64();
        let name = c.get_raw(2).as_str();
        match (person, key, name) {
            (Ok(person), Some(key), Ok(name)) => Ok((person, key, name)),
            _ => Err(self.misused()),
        }
    }
}

/// Nothing where a call has fewer arguments.
fn raw<'c>(c: &'c Context<'_>, at: usize) -> Option<ValueRef<'c>> {
    (at < c.len()).then(|| c.get_raw(at))
}

/// The column, and the parts after what is sealed or opened.
fn place(c: &Context<'_>) -> Option<Place> {
    let place = Place::new(raw(c, 0)?.as_str().ok()?);
    (2..c.len()).try_fold(place, |place, at| {
        Some(match c.get_raw(at) {
            ValueRef::Null => place.nothing(),
            ValueRef::Integer(number) => place.number(number),
            ValueRef::Text(text) => place.text(std::str::from_utf8(text).ok()?),
            ValueRef::Blob(bytes) => place.blob(bytes),
            ValueRef::Real(_) => return None,
        })
    })
}

impl Database {
    /// Whether what is sealed can be opened here.
    ///
    /// # Errors
    /// [`DatabaseError::Key`] if not.
    pub fn need_key(&self) -> Result<(), DatabaseError> {
        self.keys().map(|_| ())
    }

    /// The keys it is sealed with.
    ///
    /// # Errors
    /// [`DatabaseError::Key`]
    pub(crate) fn keys(&self) -> Result<Arc<Keys>, DatabaseError> {
        match self.sealing.keys() {
            Ok(keys) => Ok(keys),
            Err(Refusal::Key(error)) => Err(error.into()),
            // Nothing is sealed in an older one, which an older daemon guards with.
            Err(Refusal::Changed { .. } | Refusal::Misused) => Err(DatabaseError::PastVersion {
                path: self.path.clone(),
                found: self.version()?,
                known: super::MIGRATIONS.len() as i64,
            }),
        }
    }

    /// What event pictures are sealed with.
    ///
    /// # Errors
    /// [`DatabaseError::Key`], [`DatabaseError::Changed`]
    pub(crate) fn picture_key(&self) -> Result<PictureKey, DatabaseError> {
        self.need_key()?;
        let sql = "SELECT opened('sealing.pictures_key', pictures_key, 1) FROM sealing";
        let key = self.read(|c, fail| {
            let key = c.query_row(sql, [], |row| row.get::<_, Vec<u8>>(0));
            key.map_err(fail)
        })?;
        PictureKey::from_bytes(&key).ok_or_else(|| self.changed_key())
    }

    fn changed_key(&self) -> DatabaseError {
        DatabaseError::Changed {
            path: self.path.clone(),
            table: "sealing".into(),
            row: "1".into(),
        }
    }

    /// Where its key was found; nothing if there is none that fits.
    pub(crate) fn key_place(&self) -> Option<KeyPlace> {
        self.sealing.state().keys.as_ref().map(|(_, place)| *place)
    }

    /// Finds the key; that there is none stops who needs it, and nobody else.
    pub(super) fn find_key(&self) -> Result<(), DatabaseError> {
        if self.version()? < FIRST_SEALED_VERSION {
            return Ok(());
        }
        let wanted = self.key_id()?;
        self.sealing.set(self.key_sources().find(wanted));
        Ok(())
    }

    /// From now on seals with this key, where there was none.
    pub(crate) fn go_on_with(&self, keys: &Arc<Keys>) {
        self.sealing.follow_changes(false);
        self.sealing.set_shared(Arc::clone(keys), KeyPlace::File);
    }

    /// What another database is sealed with that statements read.
    pub(crate) fn open_before_with(&self, keys: &Arc<Keys>) {
        self.sealing.set_before(Some(Arc::clone(keys)));
    }

    /// Opens each sealed row once.
    ///
    /// # Errors
    /// [`DatabaseError::Changed`] with the first that does not open.
    pub(crate) fn check_sealed(&self) -> Result<(), DatabaseError> {
        self.need_key()?;
        let all = [
            "SELECT sum(length(opened('people.name', name, id))) FROM people",
            "SELECT sum(length(opened('templates.vector', vector, id, person, model))) FROM templates",
            "SELECT sum(length(opened('templates.source', source, id, person))) FROM templates",
            "SELECT sum(length(opened('templates.photo', photo, id, person))) FROM templates",
            "SELECT sum(length(opened('pins.hash', hash, person, memory_kib, passes, lanes, salt))) FROM pins",
            "SELECT sum(length(opened('pins.duress', duress, person, memory_kib, passes, lanes, salt))) FROM pins",
            "SELECT sum(length(opened('cards.card', card, hash, person))) FROM cards",
            "SELECT sum(length(opened('name_keys.key', key, person))) FROM name_keys",
            "SELECT sum(length(opened('sealing.pictures_key', pictures_key, 1))) FROM sealing",
        ];
        self.read(|c, fail| {
            let mut each = all.iter();
            each.try_for_each(|sql| c.query_row(sql, [], |_| Ok(())).map_err(fail))
        })
    }

    /// Which key it is sealed with.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub(crate) fn key_id(&self) -> Result<KeyId, DatabaseError> {
        key_id(&self.connection)
            .map_err(|error| self.fail(error))?
            .ok_or_else(|| self.changed_key())
    }

    /// Has what lay in clear before rows were sealed be gone from the files. It is tried again
    /// at each opening until nobody else reads.
    pub(super) fn empty_once(&self) -> Result<(), DatabaseError> {
        let due = "SELECT count(*) FROM sealing WHERE is_emptied = 0";
        let is_due = self
            .connection
            .query_row(due, [], |row| row.get::<_, bool>(0))
            .map_err(|error| self.fail(error))?;
        if !is_due || self.may_not_write()? {
            return Ok(());
        }
        // What was freed is overwritten in the file itself before the file becomes shorter.
        let vacuumed = self
            .erase()
            .and_then(|_| {
                let vacuum = self.connection.execute_batch("VACUUM");
                vacuum.map_err(|error| self.fail(error))
            })
            .and_then(|()| self.erase());
        match vacuumed {
            Ok(true) => {
                let done = self
                    .connection
                    .execute("UPDATE sealing SET is_emptied = 1", []);
                done.map(|_| ()).map_err(|error| self.fail(error))
            }
            Ok(false) => {
                log::warn!(
                    "{} still holds what lay in it before it was sealed, because another program reads it; the next start tries again",
                    self.path.display()
                );
                Ok(())
            }
            Err(error) => {
                log::warn!(
                    "what lay in clear in the database before it was sealed is not gone yet, and the next start tries again: {error}"
                );
                Ok(())
            }
        }
    }
}
