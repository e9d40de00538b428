//! Which commit of another door was the newest that came here, and when it came.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::lease::{Lease, Moment};
use super::row::{Commit, Revision, RowId};

/// A row of its own, so that an older file only has to be given the table.
pub(super) const TABLE: &str = "CREATE TABLE news(
    one INTEGER PRIMARY KEY CHECK (one = 1),
    boot BLOB NOT NULL CHECK (length(boot) = 16),
    uptime_ms INTEGER NOT NULL,
    -- Seconds since 1970; NULL where the clock was not believed.
    clock_s INTEGER,
    signed_s INTEGER NOT NULL,
    -- The highest of all that came, whatever history they are in.
    top_revision INTEGER NOT NULL,
    top_signed_s INTEGER NOT NULL
);";

/// What is known of others' commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    pub lease: Lease,
    top_revision: Revision,
    top_signed_s: i64,
}

impl News {
    /// After a commit that was verified at `now`; nothing where it is no news. A door's own commit
    /// is none, and one that is neither later nor higher than all before may have come before.
    pub fn after(
        before: Option<Self>,
        commit: &Commit,
        own: Option<RowId>,
        now: Moment,
    ) -> Option<Self> {
        let revision = commit.position.revision;
        let is_news = before.is_none_or(|before| {
            revision > before.top_revision || commit.at_s > before.top_signed_s
        });
        if !is_news || own == Some(commit.signer) {
            return None;
        }
        let lease = Lease {
            heard: now,
            signed_s: commit.at_s,
        };
        Some(Self {
            lease,
            top_revision: before.map_or(revision, |before| before.top_revision.max(revision)),
            top_signed_s: before.map_or(commit.at_s, |before| before.top_signed_s.max(commit.at_s)),
        })
    }

    /// What is kept; nothing where no other door's commit came yet.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        let sql = "SELECT boot, uptime_ms, clock_s, signed_s, top_revision, top_signed_s FROM news";
        let found = connection.query_row(sql, [], |row| {
            let number = |place| {
                row.get::<_, i64>(place)
                    .map(|n| u64::try_from(n).unwrap_or(0))
            };
            let heard = Moment {
                boot: u128::from_be_bytes(row.get(0)?),
                uptime: Duration::from_millis(number(1)?),
                clock_s: row.get(2)?,
            };
            Ok(Self {
                lease: Lease {
                    heard,
                    signed_s: row.get(3)?,
                },
                top_revision: Revision(number(4)?),
                top_signed_s: row.get(5)?,
            })
        });
        found.optional()
    }

    /// Keeps what a commit is news of, in the transaction that keeps the commit.
    pub(super) fn note(
        work: &Connection,
        commit: &Commit,
        own: Option<RowId>,
        now: Option<Moment>,
    ) -> rusqlite::Result<()> {
        let Some(now) = now else { return Ok(()) };
        match Self::after(Self::read(work)?, commit, own, now) {
            Some(news) => news.write(work),
            None => Ok(()),
        }
    }

    fn write(&self, work: &Connection) -> rusqlite::Result<()> {
        let heard = &self.lease.heard;
        let uptime_ms = i64::try_from(heard.uptime.as_millis()).unwrap_or(i64::MAX);
        let revision = i64::try_from(self.top_revision.0).unwrap_or(i64::MAX);
        work.execute(
            "INSERT OR REPLACE INTO news VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                heard.boot.to_be_bytes(),
                uptime_ms,
                heard.clock_s,
                self.lease.signed_s,
                revision,
                self.top_signed_s
            ],
        )?;
        Ok(())
    }
}

#[cfg(test)]
#[path = "news_tests.rs"]
mod tests;
