//! Deleting what is past its time: which records, and whether the clock may be believed.
//!
//! Records go in the order of their numbers, never of their times: a clock that was wrong
//! for a while leaves stamps that are too old or too young, and must neither delete young
//! records nor keep old ones for ever.

use rusqlite::{Connection, OptionalExtension, params};

use super::body::Stamp;
use super::event::Event;
use super::log::{Fail, Log, RecordError, anchor, append_within, head, integer, unsigned};
use crate::database::DatabaseError;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Records that one transaction deletes; a grant waits no longer than that.
pub const MAX_BATCH_RECORDS: u64 = 500;
/// Records that are looked at for some that are past their time.
const MAX_LOOKED_AT_RECORDS: i64 = 50_000;

/// How long records are kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    pub days: u32,
    /// More than these are not kept, whatever the clock says.
    pub records: u64,
}

/// What speaks for the clock and against it.
#[derive(Debug, Clone)]
struct Clock {
    /// The kernel's word: something disciplines it.
    synchronised: bool,
    now: Moment,
    /// The wall's time of the last record before this boot.
    before_boot: Option<i64>,
    /// The first record of this boot.
    first_of_boot: Option<Moment>,
    /// The wall's time of the newest record.
    newest: Option<i64>,
}

/// By the wall's clock and by the one that nobody sets.
#[derive(Debug, Clone, Copy)]
struct Moment {
    at_ms: i64,
    uptime_ms: i64,
}

impl Clock {
    /// Whether records may be deleted by it: it is synchronised, or it has gone on for a day
    /// of uptime as that explains, from the time before this boot.
    fn is_sure(&self) -> bool {
        let Some(first) = self.first_of_boot else {
            return self.synchronised;
        };
        let now = self.now;
        let up = now.uptime_ms.saturating_sub(first.uptime_ms);
        let explained = |since: i64, uptime: i64| {
            now.at_ms.saturating_sub(since) <= uptime.saturating_add(DAY_MS)
        };
        let plausible = self.newest.is_none_or(|newest| now.at_ms >= newest)
            && explained(first.at_ms, up)
            && self
                .before_boot
                .is_none_or(|before| explained(before, now.uptime_ms));
        self.synchronised || plausible && up >= DAY_MS
    }
}

/// The last record that is past its time and has no young one before it. A stamp from after
/// `now` says nothing either way.
fn expired(
    oldest_first: impl IntoIterator<Item = (u64, Option<i64>)>,
    now_ms: i64,
    keep_ms: i64,
    enough: u64,
) -> Option<u64> {
    let young = now_ms.saturating_sub(keep_ms)..=now_ms;
    let mut last = None;
    for (id, at_ms) in oldest_first {
        match at_ms {
            Some(at_ms) if young.contains(&at_ms) => break,
            Some(at_ms) if at_ms < *young.start() => last = Some(id),
            _ => {}
        }
        if last >= Some(enough) {
            break;
        }
    }
    last
}

/// The last record that is one too many, where the deletion itself is one more.
fn surplus(first: u64, newest: u64, keep: u64) -> Option<u64> {
    let kept = newest.saturating_sub(first);
    (kept > keep).then(|| newest.saturating_add(1).saturating_sub(keep))
}

impl Log {
    /// Deletes at most [`MAX_BATCH_RECORDS`] that are past their time or too many, and writes
    /// down that it did; gives how many. The newest always stays. By age nothing goes while
    /// the clock may be wrong; `synchronised` is the kernel's word about it.
    ///
    /// # Errors
    /// [`RecordError`]; nothing was deleted.
    pub fn prune(
        &mut self,
        now: &Stamp,
        synchronised: bool,
        keep: Keep,
    ) -> Result<u64, RecordError> {
        // Asked first without a write lock; nearly always there is nothing to do.
        let end = self.database().read(|connection, fail| {
            Ok::<_, RecordError>(end(connection, fail, now, synchronised, keep)?)
        })?;
        let Some(end) = end else { return Ok(0) };
        self.write(|connection, fail, door| {
            let records = delete(connection, fail, end)?;
            let deleted = anchor(connection, fail)?;
            let event = Event::Pruned {
                records,
                up_to: deleted.id,
                hash: deleted.hash(),
            };
            append_within(connection, fail, now, door, &event)?;
            Ok(records)
        })
    }
}

/// Deletes all up to `end`, and keeps its hash for the chain. Only this process deletes, so
/// that what was read before still holds.
fn delete(connection: &Connection, fail: Fail<'_>, end: u64) -> Result<u64, DatabaseError> {
    let run = |sql: &str| connection.execute(sql, []).map_err(fail);
    let end = integer(end);
    connection
        .execute(
            "UPDATE anchor SET (id, hash) = (SELECT id, hash FROM records WHERE id = ?1)",
            [end],
        )
        .map_err(fail)?;
    run("UPDATE meta SET value = 1 WHERE key = 'pruning'")?;
    let records = connection
        .execute("DELETE FROM records WHERE id <= ?1", [end])
        .map_err(fail)?;
    run("UPDATE meta SET value = 0 WHERE key = 'pruning'")?;
    Ok(records as u64)
}

/// The last record of the next batch.
fn end(
    connection: &Connection,
    fail: Fail<'_>,
    now: &Stamp,
    synchronised: bool,
    keep: Keep,
) -> Result<Option<u64>, DatabaseError> {
    let first = anchor(connection, fail)?.id;
    let newest = head(connection, fail)?.id;
    let enough = first.saturating_add(MAX_BATCH_RECORDS);
    let mut end = surplus(first, newest, keep.records);
    if clock(connection, fail, now, synchronised)?.is_sure() {
        let mut statement = connection
            .prepare("SELECT id, at_ms FROM records WHERE id > ?1 ORDER BY id LIMIT ?2")
            .map_err(fail)?;
        let rows = statement
            .query_map(params![integer(first), MAX_LOOKED_AT_RECORDS], |row| {
                // What is no number is no time.
                Ok((unsigned(row.get(0)?), row.get(1).unwrap_or_default()))
            })
            .map_err(fail)?;
        let keep_ms = i64::from(keep.days).saturating_mul(DAY_MS);
        let old = expired(rows.map_while(Result::ok), now.at_ms, keep_ms, enough);
        end = end.max(old);
    }
    let end = end.map(|end| end.min(enough).min(newest.saturating_sub(1)));
    Ok(end.filter(|end| *end > first))
}

/// Whether the wall's clock is believed; `synchronised` is the kernel's word about it.
///
/// # Errors
/// [`DatabaseError`]
pub(crate) fn is_clock_sure(
    connection: &Connection,
    fail: Fail<'_>,
    now: &Stamp,
    synchronised: bool,
) -> Result<bool, DatabaseError> {
    Ok(synchronised || clock(connection, fail, now, synchronised)?.is_sure())
}

fn clock(
    connection: &Connection,
    fail: Fail<'_>,
    now: &Stamp,
    synchronised: bool,
) -> Result<Clock, DatabaseError> {
    let mut statement = connection
        .prepare(
            "SELECT at_ms, body ->> '$.boot' IS ?2, body ->> '$.uptime_ms' FROM \
             (SELECT at_ms, CASE WHEN json_valid(body) THEN body END AS body \
              FROM records WHERE id = ?1)",
        )
        .map_err(fail)?;
    let mut of = |id: u64| {
        statement
            .query_row(params![integer(id), now.boot], |row| {
                let (at_ms, of_this_boot): (Option<i64>, bool) = (row.get(0)?, row.get(1)?);
                let uptime_ms = row.get(2).unwrap_or_default();
                Ok((at_ms.map(|at_ms| Moment { at_ms, uptime_ms }), of_this_boot))
            })
            .optional()
            .map_err(fail)
    };
    let (mut before, newest) = (anchor(connection, fail)?.id, head(connection, fail)?.id);
    // The records of a boot are the last ones: halving finds the first of them.
    let mut after = newest.saturating_add(1);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        match of(middle)? {
            Some((_, true)) if now.boot.is_some() => after = middle,
            _ => before = middle,
        }
    }
    let mut moment = |id| Ok::<_, DatabaseError>(of(id)?.and_then(|(moment, _)| moment));
    Ok(Clock {
        synchronised,
        now: Moment {
            at_ms: now.at_ms,
            uptime_ms: integer(now.uptime_ms),
        },
        before_boot: moment(before)?.map(|moment| moment.at_ms),
        first_of_boot: moment(after)?,
        newest: moment(newest)?.map(|moment| moment.at_ms),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const KEEP_MS: i64 = 400 * DAY_MS;
    const NOW_MS: i64 = 1_000 * DAY_MS;

    fn numbered(stamps: &[i64]) -> Vec<(u64, Option<i64>)> {
        (1..).zip(stamps.iter().copied().map(Some)).collect()
    }

    fn cut(stamps: &[i64]) -> Option<u64> {
        expired(numbered(stamps), NOW_MS, KEEP_MS, u64::MAX)
    }

    proptest! {
        #[test]
        fn a_record_that_may_be_young_stays_and_so_does_all_after_it(
            stamps in prop::collection::vec(0..2 * NOW_MS, 0..40),
        ) {
            let cut = cut(&stamps).unwrap_or(0) as usize;
            for at in &stamps[..cut] {
                prop_assert!(!(NOW_MS - KEEP_MS..=NOW_MS).contains(at));
            }
            prop_assert!(cut == 0 || stamps[cut - 1] < NOW_MS - KEEP_MS);
        }

        #[test]
        fn a_stamp_from_the_future_keeps_nothing_back(
            stamps in prop::collection::vec(0..NOW_MS, 0..40),
            where_to in any::<prop::sample::Index>(),
        ) {
            let before = cut(&stamps).unwrap_or(0);
            let at = where_to.index(stamps.len() + 1);
            let mut with = stamps.clone();
            with.insert(at, NOW_MS + 1);
            let moved = u64::from((at as u64) < before);
            prop_assert_eq!(cut(&with).unwrap_or(0), before + moved);
        }

        #[test]
        fn a_clock_that_uptime_does_not_explain_is_believed_only_when_synchronised(
            jump_ms in -NOW_MS..NOW_MS,
            up_ms in 0..3 * DAY_MS,
            before_boot in any::<bool>(),
        ) {
            // From the last record before the boot, or while it lasts.
            let (first_at, before) = if before_boot {
                (NOW_MS + jump_ms, Some(NOW_MS))
            } else {
                (NOW_MS, None)
            };
            let at_ms = NOW_MS + jump_ms + up_ms;
            let clock = |synchronised| Clock {
                synchronised,
                now: Moment { at_ms, uptime_ms: up_ms },
                before_boot: before,
                first_of_boot: Some(Moment { at_ms: first_at, uptime_ms: 0 }),
                newest: before.max(Some(first_at)),
            };
            prop_assert!(clock(true).is_sure());
            let sound = jump_ms <= DAY_MS && at_ms >= NOW_MS.max(first_at) && up_ms >= DAY_MS;
            prop_assert_eq!(clock(false).is_sure(), sound);
        }
    }

    #[test]
    fn nothing_known_of_this_boot_is_no_proof() {
        let clock = |synchronised| Clock {
            synchronised,
            now: Moment {
                at_ms: NOW_MS,
                uptime_ms: 9 * DAY_MS,
            },
            before_boot: Some(NOW_MS),
            first_of_boot: None,
            newest: Some(NOW_MS),
        };
        assert!(!clock(false).is_sure());
        assert!(clock(true).is_sure());
    }
}
