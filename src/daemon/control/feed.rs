//! Follows the record as it grows, by a connection to the database that only reads.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use crate::acts::{self, ActsError, Outcome};
use crate::config::DoorName;
use crate::database::{Database, DatabaseError};
use crate::ipc::{LastGrant, RecordHead};
use crate::record::{DoorMode, Event, Head, Kind, Log, Query, Record, RecordError};

/// Records that are read at once.
const PAGE_RECORDS: u32 = 100;
/// Newest records that are kept in memory.
const MAX_RECENT_RECORDS: usize = 256;

/// The record's end, and what it says of now.
pub(super) struct Feed {
    log: Log,
    head: RecordHead,
    recent: VecDeque<Kept>,
    last_grant: Option<LastGrant>,
    mode: Option<Ordered>,
}

/// Why the record cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(super) enum FeedError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Acts(#[from] ActsError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A record that was read.
struct Kept {
    id: u64,
    /// As JSON, without an end of line.
    json: Arc<str>,
    /// Nothing of what this program does not know.
    event: Option<Event>,
}

/// A mode that was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ordered {
    pub mode: DoorMode,
    pub until_ms: Option<i64>,
    /// The record.
    pub act: u64,
}

impl Feed {
    /// From the record's end on.
    ///
    /// # Errors
    /// [`FeedError`]
    pub(super) fn open(database: &Path, door: &DoorName) -> Result<Self, FeedError> {
        let database = Database::open_existing(database)?;
        let acts = acts::read(&database)?;
        let log = Log::new(database, door.clone());
        let head = of_head(log.head()?);
        let grants = Query {
            kinds: vec![Kind::Granted, Kind::GrantedByCard],
            limit: Some(1),
            ..Query::default()
        };
        let last = log.records(&grants)?.pop();
        Ok(Self {
            log,
            head,
            recent: VecDeque::new(),
            last_grant: last.as_ref().map(LastGrant::of),
            mode: acts.mode.map(|act| Ordered {
                mode: act.mode,
                until_ms: act.until_ms,
                act: act.record,
            }),
        })
    }

    /// The newest record that was read.
    pub(super) fn head(&self) -> &RecordHead {
        &self.head
    }

    pub(super) fn last_grant(&self) -> Option<&LastGrant> {
        self.last_grant.as_ref()
    }

    /// The mode that was ordered last.
    pub(super) fn mode(&self) -> Option<Ordered> {
        self.mode
    }

    /// Reads what is new.
    ///
    /// # Errors
    /// [`RecordError`]; what was read before that counts.
    pub(super) fn follow(&mut self) -> Result<(), RecordError> {
        loop {
            let records = self.page(self.head.id)?;
            if records.is_empty() {
                return Ok(());
            }
            for record in &records {
                self.take(record);
            }
        }
    }

    fn page(&self, after: u64) -> Result<Vec<Record>, RecordError> {
        let query = Query {
            after_id: Some(after),
            ..Query::default()
        };
        self.log.page(&query, PAGE_RECORDS)
    }

    fn take(&mut self, record: &Record) {
        let json = record.to_json();
        let hash = json["hash"].as_str().unwrap_or_default().to_owned();
        self.head = RecordHead {
            id: record.id,
            hash,
        };
        match record.event() {
            Some(Event::Granted(_) | Event::GrantedByCard { .. }) => {
                self.last_grant = Some(LastGrant::of(record));
            }
            Some(Event::ModeSet(set)) => {
                self.mode = Some(Ordered {
                    mode: set.mode,
                    until_ms: set.until_ms,
                    act: record.id,
                });
            }
            _ => {}
        }
        if self.recent.len() >= MAX_RECENT_RECORDS {
            self.recent.pop_front();
        }
        self.recent.push_back(Kept {
            id: record.id,
            json: json.to_string().into(),
            event: record.event().cloned(),
        });
    }

    /// Some of the records after one, as JSON with their numbers, oldest first; none if it is
    /// the newest.
    ///
    /// # Errors
    /// [`RecordError`]
    pub(super) fn after(&self, after: u64) -> Result<Vec<(u64, Arc<str>)>, RecordError> {
        if after >= self.head.id {
            return Ok(Vec::new());
        }
        if self
            .recent
            .front()
            .is_some_and(|first| first.id <= after + 1)
        {
            let newer = self.recent.iter().filter(|kept| kept.id > after);
            let newer = newer.take(PAGE_RECORDS as usize);
            return Ok(newer
                .map(|kept| (kept.id, Arc::clone(&kept.json)))
                .collect());
        }
        let page = self.page(after)?;
        // What is newer is told when it was followed.
        let known = page.iter().filter(|record| record.id <= self.head.id);
        Ok(known
            .map(|record| (record.id, record.to_json().to_string().into()))
            .collect())
    }

    /// What became of an unlocking.
    pub(super) fn outcome(&self, act: u64) -> Option<Outcome> {
        let mut after = self.events_after(act);
        after.find_map(|(_, event)| Outcome::of(event, act))
    }

    /// Recent events after one, oldest first.
    pub(super) fn events_after(&self, id: u64) -> impl Iterator<Item = (u64, &Event)> {
        let after = self.recent.iter().filter(move |kept| kept.id > id);
        after.filter_map(|kept| Some((kept.id, kept.event.as_ref()?)))
    }
}

fn of_head(head: Head) -> RecordHead {
    RecordHead {
        id: head.id,
        hash: head.hash(),
    }
}
