//! SQLite in the hub's own process: nothing to set up, for two to fifty doors.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};

use super::{
    MAX_PAGE_ROWS, MAX_PUSH_EVENTS, Page, Push, Store, StoreError, commit_of, encoded, life_of,
    signed, unsigned,
};
use crate::files::{self, Kind};
use crate::fleet::outbox::{Held, Life, Pushed, judge};
use crate::fleet::put::Put;
use crate::fleet::row::{Commit, Mark, Position, Revision, RowId};
use crate::fleet::wire::Frame;

/// `PRAGMA application_id`: "dwfl".
const APPLICATION_ID: i32 = 0x6477_666c;
const VERSION: i64 = 1;
const MAX_BUSY_WAIT: Duration = Duration::from_secs(5);

/// A file.
#[derive(Clone)]
pub struct Sqlite {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
}

impl Sqlite {
    /// Opens it, and makes it if there is none.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = |source| StoreError::File {
            path: path.into(),
            source,
        };
        let fail = |source| StoreError::Sqlite {
            path: path.into(),
            source,
        };
        if !path.exists() {
            // Private from the first byte on.
            match files::create_new(path) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(file(error));
                }
                Ok(_) | Err(_) => {}
            }
        }
        let itself = files::without_links(path).map_err(file)?;
        files::make_private(&itself, Kind::Database).map_err(file)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut connection = Connection::open_with_flags(&itself, flags).map_err(fail)?;
        connection.busy_timeout(MAX_BUSY_WAIT).map_err(fail)?;
        // What was acknowledged must be on the disk.
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
            )
            .map_err(fail)?;
        prepare(&mut connection, path)?;
        Ok(Self {
            path: path.into(),
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// A copy of everything as it is now, in a file that is not there yet; and what the hub has
    /// of each door in it.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn copy(&self, to: &Path) -> Result<Vec<(RowId, Held)>, StoreError> {
        let file = |source| StoreError::File {
            path: to.into(),
            source,
        };
        drop(files::create_new(to).map_err(file)?);
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let fail = |source| self.fail(source);
        let mut copy = Connection::open(to).map_err(fail)?;
        {
            let backup = rusqlite::backup::Backup::new(&connection, &mut copy).map_err(fail)?;
            backup
                .run_to_completion(1_000, Duration::ZERO, None)
                .map_err(fail)?;
        }
        let held = held(&copy).map_err(fail)?;
        drop(copy);
        let written = std::fs::File::open(to).and_then(|file| file.sync_all());
        written.map_err(file)?;
        Ok(held)
    }

    fn fail(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Sqlite {
            path: self.path.clone(),
            source,
        }
    }

    /// Works on the connection, on a thread that may wait for the disk.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Inner> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = self.connection.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
        });
        match done.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(Inner::Sqlite(source))) => Err(self.fail(source)),
            Ok(Err(Inner::Store(error))) => Err(error),
            Err(_) => Err(StoreError::Ended),
        }
    }
}

/// What fails inside a transaction.
enum Inner {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Inner {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Inner {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let fail = |source| StoreError::Sqlite {
        path: path.into(),
        source,
    };
    let work = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(fail)?;
    let number = |name: &str| work.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (
        number("application_id").map_err(fail)?,
        number("user_version").map_err(fail)?,
    );
    let tables: i64 = work
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(fail)?;
    if tables == 0 {
        work.execute_batch(include_str!("sqlite.sql"))
            .map_err(fail)?;
        work.pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(fail)?;
        work.pragma_update(None, "user_version", VERSION)
            .map_err(fail)?;
    } else if application != i64::from(APPLICATION_ID) {
        return Err(StoreError::OtherApplication { path: path.into() });
    } else if version != VERSION {
        return Err(StoreError::FutureVersion {
            place: path.display().to_string(),
            found: version,
        });
    }
    work.commit().map_err(fail)
}

/// The newest commit of all, or the one that a revision belongs to.
fn covering(connection: &Connection, revision: Option<Revision>) -> Result<Option<Commit>, Inner> {
    let (sql, from) = match revision {
        Some(revision) => (
            "SELECT frame FROM commits WHERE revision >= ?1 ORDER BY revision LIMIT 1",
            signed(revision.0),
        ),
        None => (
            "SELECT frame FROM commits WHERE revision >= ?1 ORDER BY revision DESC LIMIT 1",
            0,
        ),
    };
    let frame: Option<Vec<u8>> = connection
        .prepare_cached(sql)?
        .query_row([from], |row| row.get(0))
        .optional()?;
    Ok(frame.map(|frame| commit_of(&frame)).transpose()?)
}

fn page(connection: &mut Connection, since: Position) -> Result<Page, Inner> {
    let view = connection.transaction()?;
    let is_known = || -> Result<bool, Inner> {
        let commit = covering(&view, Some(since.revision))?;
        Ok(commit.is_some_and(|commit| commit.position.mark == since.mark))
    };
    // Before the page, which may be large.
    if since != Position::START && !is_known()? {
        return Ok(Page::Differs);
    }
    let mut frames = Vec::new();
    let (mut rows, mut last) = (0, since.revision);
    {
        let sql = "SELECT revision, frame FROM list WHERE revision > ?1 ORDER BY revision LIMIT ?2";
        let mut found = view.prepare_cached(sql)?;
        let mut found = found.query(params![
            signed(since.revision.0),
            signed(MAX_PAGE_ROWS as u64)
        ])?;
        while let Some(row) = found.next()? {
            last = Revision(unsigned(row.get(0)?));
            frames.extend_from_slice(row.get_ref(1)?.as_blob().unwrap_or_default());
            rows += 1;
        }
    }
    let head = covering(&view, None)?;
    let Some(head) = head else {
        let position = Position::START;
        return Ok(Page::Rows {
            frames,
            rows,
            position,
            end: None,
        });
    };
    if rows < MAX_PAGE_ROWS {
        let position = head.position;
        return Ok(Page::Rows {
            frames,
            rows,
            position,
            end: Some(head),
        });
    }
    let mark = covering(&view, Some(last))?;
    let mark = mark.ok_or(StoreError::Broken("the table of commits"))?;
    let position = Position {
        revision: last,
        mark: mark.position.mark,
    };
    Ok(Page::Rows {
        frames,
        rows,
        position,
        end: None,
    })
}

fn put(connection: &mut Connection, put: &Put) -> Result<bool, Inner> {
    let work = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let head = covering(&work, None)?.map_or(Position::START, |head| head.position);
    if head != put.commit.base {
        return Ok(false);
    }
    for row in &put.rows {
        work.prepare_cached(
            "INSERT OR REPLACE INTO list(id, revision, frame) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![
            row.id.0,
            signed(row.revision.0),
            encoded(&Frame::Row(row.clone()))
        ])?;
    }
    let Position {
        revision,
        mark: Mark(mark),
    } = put.commit.position;
    work.execute(
        "INSERT INTO commits(revision, mark, frame) VALUES (?1, ?2, ?3)",
        params![
            signed(revision.0),
            mark,
            encoded(&Frame::Commit(put.commit.clone()))
        ],
    )?;
    work.commit()?;
    Ok(true)
}

fn push(connection: &mut Connection, push: &Push) -> Result<Pushed, Inner> {
    let work = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let door = push.door.0;
    let newest = work
        .prepare_cached(
            "SELECT life, last, backed_up, day, today FROM lives WHERE door = ?1 ORDER BY life DESC LIMIT 1",
        )?
        .query_row([door], |row| {
            let held = Held {
                life: life_of(row.get(0)?),
                last: unsigned(row.get(1)?),
                backed_up: unsigned(row.get(2)?),
            };
            Ok((held, row.get::<_, i64>(3)?, unsigned(row.get(4)?)))
        })
        .optional()?;
    let held = newest.map(|(held, ..)| held);
    let count = push.bodies.len() as u64;
    let repeated = match judge(held, push.life, push.first, count) {
        Ok(repeated) => repeated,
        Err(said) => return Ok(said),
    };
    let same = usize::try_from(repeated).unwrap_or(usize::MAX);
    for (number, body) in (push.first..).zip(push.bodies.iter().take(same)) {
        let kept: Option<Vec<u8>> = work
            .prepare_cached(
                "SELECT body FROM events WHERE door = ?1 AND life = ?2 AND number = ?3",
            )?
            .query_row(params![door, push.life.0, signed(number)], |row| row.get(0))
            .optional()?;
        if kept.as_ref() != Some(body) {
            return Ok(Pushed::OtherBody { number });
        }
    }
    let new = count - repeated;
    let today = newest.map_or(0, |(_, day, today)| if day == push.day { today } else { 0 });
    if today + new > push.quota {
        return Ok(Pushed::Enough);
    }
    let held = held.filter(|held| held.life == push.life);
    let last = held.map_or(0, |held| held.last) + new;
    work.prepare_cached(
        "INSERT INTO lives(door, life, last, day, today) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (door, life) DO UPDATE SET last = excluded.last, day = excluded.day, today = excluded.today",
    )?
    .execute(params![door, push.life.0, signed(last), push.day, signed(today + new)])?;
    for (number, body) in (push.first..).zip(&push.bodies).skip(same) {
        work.prepare_cached(
            "INSERT INTO events(door, life, number, body) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![door, push.life.0, signed(number), body])?;
    }
    work.commit()?;
    Ok(Pushed::Taken {
        life: push.life,
        last,
        backed_up: held.map_or(0, |held| held.backed_up),
    })
}

fn held(connection: &Connection) -> Result<Vec<(RowId, Held)>, rusqlite::Error> {
    let sql = "SELECT door, life, last, backed_up FROM lives ORDER BY door, life";
    let mut found = connection.prepare(sql)?;
    let held = found.query_map([], |row| {
        let held = Held {
            life: life_of(row.get(1)?),
            last: unsigned(row.get(2)?),
            backed_up: unsigned(row.get(3)?),
        };
        Ok((RowId(row.get(0)?), held))
    })?;
    held.collect()
}

impl Store for Sqlite {
    async fn head(&self) -> Result<Option<Commit>, StoreError> {
        self.with(|connection| covering(connection, None)).await
    }

    async fn page(&self, since: Position) -> Result<Page, StoreError> {
        self.with(move |connection| page(connection, since)).await
    }

    async fn put(&self, new: Put) -> Result<bool, StoreError> {
        self.with(move |connection| put(connection, &new)).await
    }

    async fn push(&self, new: Push) -> Result<Pushed, StoreError> {
        self.with(move |connection| push(connection, &new)).await
    }

    async fn events(
        &self,
        door: RowId,
        life: Life,
        after: u64,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.with(move |connection| {
            let sql = "SELECT number, body FROM events WHERE door = ?1 AND life = ?2 AND number > ?3 ORDER BY number LIMIT ?4";
            let mut found = connection.prepare_cached(sql)?;
            let of = params![door.0, life.0, signed(after), signed(MAX_PUSH_EVENTS as u64)];
            let events = found.query_map(of, |row| Ok((unsigned(row.get(0)?), row.get(1)?)))?;
            Ok(events.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn held(&self) -> Result<Vec<(RowId, Held)>, StoreError> {
        self.with(|connection| Ok(held(connection)?)).await
    }

    async fn note_backup(&self, all: Vec<(RowId, Held)>) -> Result<(), StoreError> {
        self.with(move |connection| {
            let work = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (door, held) in all {
                work.prepare_cached(
                    "UPDATE lives SET backed_up = max(backed_up, min(last, ?3)) WHERE door = ?1 AND life = ?2",
                )?
                .execute(params![door.0, held.life.0, signed(held.last)])?;
            }
            Ok(work.commit()?)
        })
        .await
    }
}
