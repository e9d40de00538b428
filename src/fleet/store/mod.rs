//! Where a hub keeps the list and the events: SQLite beside it, or PostgreSQL. Both behave alike
//! (`tests/fleet_store.rs` runs one suite against both).

#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

use std::future::Future;
use std::path::PathBuf;

#[cfg(feature = "postgres")]
pub use self::postgres::Postgres;
pub use self::sqlite::Sqlite;
use super::outbox::{Held, Life, Pushed};
use super::put::Put;
use super::row::{Commit, Position, RowId};
use super::wire::{self, Frame};

/// Rows in a page.
pub const MAX_PAGE_ROWS: usize = 500;
/// Events in one push.
pub const MAX_PUSH_EVENTS: usize = 1_000;

/// Why a store could not do it. Nothing is half done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}: {source}")]
    Sqlite {
        path: PathBuf,
        source: rusqlite::Error,
    },
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is another program's database; name another file")]
    OtherApplication { path: PathBuf },
    #[error(
        "{place} has version {found}, and this doorward knows version 1; install the newer doorward again"
    )]
    FutureVersion { place: String, found: i64 },
    #[error("PostgreSQL: {0}")]
    Postgres(String),
    #[error("what {0} holds is no row or commit of a fleet; restore a backup")]
    Broken(&'static str),
    #[error("the store's thread ended")]
    Ended,
}

/// What a store has after a position.
#[derive(Debug, Clone, PartialEq, Eq)]
// One at a time, and seldom the small one.
#[allow(clippy::large_enum_variant)]
pub enum Page {
    /// It does not know the position.
    Differs,
    Rows {
        /// Frames of rows, in the order of their revisions.
        frames: Vec<u8>,
        rows: usize,
        /// Up to where they are all.
        position: Position,
        /// The newest commit, where the page goes to the end.
        end: Option<Commit>,
    },
}

/// Events that a door pushed.
#[derive(Debug, Clone)]
pub struct Push {
    pub door: RowId,
    pub life: Life,
    pub first: u64,
    pub bodies: Vec<Vec<u8>>,
    /// Days since 1970, which the quota is counted by.
    pub day: i64,
    /// New events that the door may bring in a day.
    pub quota: u64,
}

/// Each call is one transaction: all of it is on the disk when it returns, or nothing.
pub trait Store: Send + Sync + 'static {
    /// The newest commit.
    ///
    /// # Errors
    /// [`StoreError`], as for all of these.
    fn head(&self) -> impl Future<Output = Result<Option<Commit>, StoreError>> + Send;

    /// At most [`MAX_PAGE_ROWS`] rows after a position.
    fn page(&self, since: Position) -> impl Future<Output = Result<Page, StoreError>> + Send;

    /// Stores rows and their commit, if the newest commit is the one they follow. Who asks has
    /// checked them ([`super::List::follow`]).
    fn put(&self, put: Put) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Stores what is new of a door's events, as [`super::judge`] says.
    fn push(&self, push: Push) -> impl Future<Output = Result<Pushed, StoreError>> + Send;

    /// A door's events of a life after a number, at most [`MAX_PUSH_EVENTS`].
    fn events(
        &self,
        door: RowId,
        life: Life,
        after: u64,
    ) -> impl Future<Output = Result<Vec<(u64, Vec<u8>)>, StoreError>> + Send;

    /// What it has of each door, of each life, the oldest first.
    fn held(&self) -> impl Future<Output = Result<Vec<(RowId, Held)>, StoreError>> + Send;

    /// A backup has these; doors may forget them.
    fn note_backup(
        &self,
        held: Vec<(RowId, Held)>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

fn encoded(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    bytes
}

/// A commit as it is stored.
fn commit_of(bytes: &[u8]) -> Result<Commit, StoreError> {
    let mut decoder = wire::Decoder::default();
    decoder.push(bytes);
    match decoder.next_frame() {
        Ok(Some(Frame::Commit(commit))) => Ok(commit),
        _ => Err(StoreError::Broken("the table of commits")),
    }
}

/// A number as databases have them.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn life_of(number: i64) -> Life {
    Life(u32::try_from(number).unwrap_or(u32::MAX))
}
