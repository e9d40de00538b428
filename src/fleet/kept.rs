//! What a door keeps of the fleet on its disk: the list, what goes up, and its events. Each step
//! is one transaction, so that a door killed at any instruction is before it or after it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};

use super::answer::{Answer, Effect};
use super::door::{Door, Pending, Shut};
use super::lease::Moment;
use super::list::List;
use super::news::{self, News};
use super::outbox::{Life, Outbox};
use super::put::Change;
use super::row::{Commit, Kind, Position, Revision, Row, RowId, Standing};
use super::signing::{Root, Signer};
use super::store::StoreError;
use super::wire::{Decoder, Frame, MAX_EVENT_BYTES};
use crate::files::{self, Kind as FileKind};

/// `PRAGMA application_id`: "dwfd".
const APPLICATION_ID: i32 = 0x6477_6664;
const VERSION: i64 = 3;
const MAX_BUSY_WAIT: Duration = Duration::from_secs(2);
/// Events that wait for a hub; a door that is never connected keeps its newest record anyway.
pub const MAX_WAITING_EVENTS: u64 = 200_000;
/// Events that stay for comparison.
const MAX_COMPARED_EVENTS: u64 = 1_000;

/// A file.
pub struct Kept {
    path: PathBuf,
    connection: Connection,
    /// When what is taken next is heard; news is not noted without.
    pub now: Option<Moment>,
}

/// One frame that this program stored.
fn frame_of(bytes: &[u8]) -> Result<Frame, StoreError> {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    let frame = decoder.next_frame().ok().flatten();
    frame.ok_or(StoreError::Broken("this door's copy of the list"))
}

fn encoded(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    bytes
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

impl Kept {
    /// Opens it, and makes it if there is none.
    ///
    /// # Errors
    /// [`StoreError`], as for all of these.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = |source| StoreError::File {
            path: path.into(),
            source,
        };
        if !path.exists() {
            match files::create_new(path) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(file(error));
                }
                Ok(_) | Err(_) => {}
            }
        }
        let itself = files::without_links(path).map_err(file)?;
        files::make_private(&itself, FileKind::Database).map_err(file)?;
        let fail = |source| StoreError::Sqlite {
            path: path.into(),
            source,
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = Connection::open_with_flags(&itself, flags).map_err(fail)?;
        connection.busy_timeout(MAX_BUSY_WAIT).map_err(fail)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
            )
            .map_err(fail)?;
        let mut kept = Self {
            path: path.into(),
            connection,
            now: None,
        };
        kept.prepare()?;
        Ok(kept)
    }

    fn fail(&self) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let path = self.path.clone();
        move |source| StoreError::Sqlite {
            path: path.clone(),
            source,
        }
    }

    fn prepare(&mut self) -> Result<(), StoreError> {
        let fail = self.fail();
        let work = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate);
        let work = work.map_err(&fail)?;
        let number = |name| work.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let application = number("application_id").map_err(&fail)?;
        let version = number("user_version").map_err(&fail)?;
        let tables = "SELECT count(*) FROM sqlite_schema";
        let tables: i64 = work
            .query_row(tables, [], |row| row.get(0))
            .map_err(&fail)?;
        if tables == 0 {
            let tables = [include_str!("kept.sql"), news::TABLE].concat();
            work.execute_batch(&tables).map_err(&fail)?;
            work.pragma_update(None, "application_id", APPLICATION_ID)
                .map_err(&fail)?;
            work.pragma_update(None, "user_version", VERSION)
                .map_err(&fail)?;
        } else if application != i64::from(APPLICATION_ID) {
            return Err(StoreError::OtherApplication {
                path: self.path.clone(),
            });
        } else if version == 1 || version == 2 {
            // What a change was made over was a revision, which another history has too. Without
            // it the change gives way to whoever disabled the person.
            let first = "UPDATE changes SET seen = x''; ALTER TABLE shut ADD COLUMN before BLOB;";
            let first = if version == 1 { first } else { "" };
            let steps = [first, news::TABLE, "PRAGMA user_version = 3;"];
            work.execute_batch(&steps.concat()).map_err(&fail)?;
        } else if version != VERSION {
            return Err(StoreError::FutureVersion {
                place: self.path.display().to_string(),
                found: version,
            });
        }
        // What was on its way when the door ended is asked for again.
        work.execute("DELETE FROM beside", []).map_err(&fail)?;
        work.commit().map_err(&fail)
    }

    fn list(&self, root: Root) -> Result<List, StoreError> {
        let commit = self.commit()?;
        let position = commit.map_or(Position::START, |commit| commit.position);
        Ok(List::load(root, self.rows(None)?, position))
    }

    /// The door as it was kept.
    pub fn door(&self, root: Root, signer: Option<Signer>) -> Result<Door, StoreError> {
        let list = self.list(root)?;
        let mut shut = BTreeMap::new();
        self.each("SELECT id, kind, standing, before FROM shut", |row| {
            let (id, kind, standing) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if let Some((kind, standing)) = Kind::of(kind).zip(Standing::of(standing)) {
                let shut_by = Shut {
                    kind,
                    standing,
                    newer_than: None,
                    before: row.get(3)?,
                };
                shut.insert(RowId(id), shut_by);
            }
            Ok(())
        })?;
        let mut changes = Vec::new();
        self.each(
            "SELECT id, kind, standing, seen, body FROM changes",
            |row| {
                let (kind, standing) = (row.get(1)?, row.get(2)?);
                if let Some((kind, standing)) = Kind::of(kind).zip(Standing::of(standing)) {
                    let seen: Vec<u8> = row.get(3)?;
                    let change = Change {
                        id: RowId(row.get(0)?),
                        kind,
                        standing,
                        body: row.get(4)?,
                    };
                    let seen = seen.try_into().ok();
                    let is_put = false;
                    changes.push(Pending {
                        change,
                        seen,
                        is_put,
                    });
                }
                Ok(())
            },
        )?;
        Ok(Door::new(list, signer).with(shut, changes))
    }

    fn each(
        &self,
        sql: &str,
        mut take: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let fail = self.fail();
        let mut found = self.connection.prepare(sql).map_err(&fail)?;
        let mut rows = found.query([]).map_err(&fail)?;
        while let Some(row) = rows.next().map_err(&fail)? {
            take(row).map_err(&fail)?;
        }
        Ok(())
    }

    /// The commit that the list is whole by.
    pub fn commit(&self) -> Result<Option<Commit>, StoreError> {
        let sql = "SELECT frame FROM state";
        let frame: Option<Vec<u8>> = self
            .connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(self.fail())?;
        match frame.map(|frame| frame_of(&frame)).transpose()? {
            None => Ok(None),
            Some(Frame::Commit(commit)) => Ok(Some(commit)),
            Some(_) => Err(StoreError::Broken("this door's copy of the list")),
        }
    }

    /// The list's rows, all or those newer than a revision, by their revisions.
    pub fn rows(&self, after: Option<Revision>) -> Result<Vec<Row>, StoreError> {
        let after = signed(after.unwrap_or_default().0);
        let mut frames: Vec<Vec<u8>> = Vec::new();
        let sql = format!("SELECT frame FROM list WHERE revision > {after} ORDER BY revision");
        self.each(&sql, |row| {
            frames.push(row.get(0)?);
            Ok(())
        })?;
        let rows = frames.iter().map(|frame| match frame_of(frame)? {
            Frame::Row(row) => Ok(row),
            _ => Err(StoreError::Broken("this door's copy of the list")),
        });
        rows.collect()
    }

    /// Has a door take an answer, and keeps what comes of it. Where the disk does not take it, the
    /// door is as the disk has it, so that nothing is built on what a restart would lose; and
    /// whoever it heard to be shut meanwhile stays out.
    pub fn take(&mut self, door: &mut Door, answer: Answer) -> Result<Vec<Effect>, StoreError> {
        let shut = door.shut().clone();
        let effects = door.take(answer);
        let Err(error) = self.keep(door, &effects) else {
            return Ok(effects);
        };
        let root = *door.list().root();
        // A list that cannot be read either lets nobody in, and is fetched anew.
        let kept = self.list(root).unwrap_or_else(|_| List::new(root));
        door.go_back(kept, shut);
        Err(error)
    }

    /// Of others' commits.
    pub fn news(&self) -> Result<Option<News>, StoreError> {
        News::read(&self.connection).map_err(self.fail())
    }

    /// A row of the list.
    pub fn row(&self, id: RowId) -> Result<Option<Row>, StoreError> {
        let sql = "SELECT frame FROM list WHERE id = ?1";
        let frame: Option<Vec<u8>> = self
            .connection
            .query_row(sql, params![id.0], |row| row.get(0))
            .optional()
            .map_err(self.fail())?;
        match frame.map(|frame| frame_of(&frame)).transpose()? {
            None => Ok(None),
            Some(Frame::Row(row)) => Ok(Some(row)),
            Some(_) => Err(StoreError::Broken("this door's copy of the list")),
        }
    }

    /// Keeps what an answer or a change brought, and what the door says now.
    pub fn keep(&mut self, door: &Door, effects: &[Effect]) -> Result<(), StoreError> {
        let fail = self.fail();
        let work = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate);
        let work = work.map_err(&fail)?;
        write(&work, door, effects, self.now).map_err(&fail)?;
        work.commit().map_err(&fail)
    }

    /// The events' numbers as they were kept.
    pub fn outbox(&self) -> Result<Outbox, StoreError> {
        let sql = "SELECT life, last, taken, backed_up FROM state";
        let row = self.connection.query_row(sql, [], |row| {
            Ok((row.get::<_, u32>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        let (life, last, taken, backed_up) = row.map_err(self.fail())?;
        Ok(Outbox::load(
            Life(life),
            unsigned(last),
            unsigned(taken),
            unsigned(backed_up),
        ))
    }

    /// Keeps an event until it is backed up; false if it is too long or too many wait.
    pub fn event(&mut self, outbox: &mut Outbox, body: &[u8]) -> Result<bool, StoreError> {
        let waiting = outbox.last() - outbox.backed_up();
        if body.len() > MAX_EVENT_BYTES || waiting >= MAX_WAITING_EVENTS {
            return Ok(false);
        }
        let mut next = *outbox;
        let number = signed(next.number());
        let fail = self.fail();
        let work = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate);
        let work = work.map_err(&fail)?;
        let sql = "INSERT INTO events(number, body) VALUES (?1, ?2)";
        work.execute(sql, params![number, body]).map_err(&fail)?;
        note(&work, &next).map_err(&fail)?;
        work.commit().map_err(&fail)?;
        *outbox = next;
        Ok(true)
    }

    /// Whether this is one of the newest events, which are kept also when the hub has them: whoever
    /// tells of what happened may have been killed before it noted how far it was.
    pub fn has_event(&self, body: &[u8]) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS(SELECT 1 FROM (SELECT body FROM events ORDER BY number DESC LIMIT ?1) WHERE body = ?2)";
        let row = params![signed(MAX_COMPARED_EVENTS), body];
        let has = self.connection.query_row(sql, row, |row| row.get(0));
        has.map_err(self.fail())
    }

    /// Bodies from a number on.
    pub fn bodies(&self, first: u64, count: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let (from, to) = (signed(first), signed(first + count));
        let mut bodies = Vec::new();
        let sql = format!(
            "SELECT body FROM events WHERE number >= {from} AND number < {to} ORDER BY number"
        );
        self.each(&sql, |row| {
            bodies.push(row.get(0)?);
            Ok(())
        })?;
        match bodies.len() as u64 == count {
            true => Ok(bodies),
            false => Err(StoreError::Broken("this door's outbox")),
        }
    }

    /// Keeps how far the hub is, and forgets what backups have.
    pub fn answered(&mut self, outbox: &Outbox) -> Result<(), StoreError> {
        let fail = self.fail();
        let work = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate);
        let work = work.map_err(&fail)?;
        let compared = outbox.last().saturating_sub(MAX_COMPARED_EVENTS);
        let backed_up = signed(outbox.backed_up().min(compared));
        work.execute("DELETE FROM events WHERE number <= ?1", [backed_up])
            .map_err(&fail)?;
        note(&work, outbox).map_err(&fail)?;
        work.commit().map_err(&fail)
    }
}

fn note(work: &Connection, outbox: &Outbox) -> rusqlite::Result<usize> {
    work.execute(
        "UPDATE state SET life = ?1, last = ?2, taken = ?3, backed_up = ?4",
        params![
            outbox.life().0,
            signed(outbox.last()),
            signed(outbox.taken()),
            signed(outbox.backed_up())
        ],
    )
}

fn write(
    work: &Connection,
    door: &Door,
    effects: &[Effect],
    now: Option<Moment>,
) -> rusqlite::Result<()> {
    for effect in effects {
        match effect {
            Effect::Stage(rows) => {
                let sql = "INSERT OR REPLACE INTO beside(id, revision, frame) VALUES (?1, ?2, ?3)";
                let mut insert = work.prepare_cached(sql)?;
                for row in rows {
                    let frame = encoded(&Frame::Row(row.clone()));
                    insert.execute(params![row.id.0, signed(row.revision.0), frame])?;
                }
            }
            Effect::Unstage => {
                work.execute("DELETE FROM beside", [])?;
            }
            Effect::Settle { commit, is_whole } => {
                if *is_whole {
                    work.execute("DELETE FROM list", [])?;
                }
                work.execute_batch(
                    "INSERT OR REPLACE INTO list SELECT id, revision, frame FROM beside; DELETE FROM beside;",
                )?;
                let own = door.signer.as_ref().map(Signer::id);
                News::note(work, commit, own, now)?;
                let frame = encoded(&Frame::Commit(commit.clone()));
                work.execute("UPDATE state SET frame = ?1", [frame])?;
            }
            Effect::Tell(_) => {}
        }
    }
    work.execute_batch("DELETE FROM shut; DELETE FROM changes;")?;
    for (id, shut) in door.shut() {
        work.prepare_cached(
            "INSERT INTO shut(id, kind, standing, before) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            id.0,
            shut.kind.code(),
            shut.standing.code(),
            shut.before
        ])?;
    }
    for Pending { change, seen, .. } in door.changes() {
        work.prepare_cached(
            "INSERT INTO changes(id, kind, standing, seen, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            change.id.0,
            change.kind.code(),
            change.standing.code(),
            seen.as_ref().map_or(&[][..], |seen| seen),
            change.body
        ])?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
