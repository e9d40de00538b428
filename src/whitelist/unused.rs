//! People who were not let in for long: warned of, and then disabled.
//!
//! What counts is when it was seen that somebody was let in, by a clock that was believed, and
//! not what stands on the grant: a stamp of a clock that was wrong disables nobody.

use rusqlite::{Connection, params};

use super::error::WhitelistError;
use super::store::{Fail, by_id};
use crate::config::DoorName;
use crate::database::{Database, DatabaseError};
use crate::person::PersonId;
use crate::record::{Event, PersonRef, Stamp, UnusedDisabled, UnusedSoon, append_within};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long before it somebody is told of, or half of the time where that is less.
const WARNING_DAYS: i64 = 7;
/// People who are told of or disabled in one transaction; a grant waits no longer than that.
const MAX_BATCH_PEOPLE: usize = 50;

/// What is known of somebody's use of the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Use {
    /// When the person was last seen to have been let in, enrolled or enabled.
    seen_ms: i64,
    /// The number of the grant that was the newest then; 0 for none.
    grant: i64,
    is_enabled: bool,
    /// Since when it is on record that the person will be disabled.
    warned_ms: Option<i64>,
}

/// How somebody is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Now {
    /// The newest grant that the person passed by; 0 for none.
    grant: i64,
    is_enabled: bool,
    /// Enrolled or let in, as the clock said then.
    last_ms: i64,
}

/// What is to be done about somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nothing,
    /// Tell that the person will be disabled, not before this.
    Warn {
        from_ms: i64,
    },
    Disable,
}

/// What is known from now on, and what is to be done. `days` is more than 0, and the clock is
/// believed.
fn next(known: Option<Use>, now: Now, days: u32, now_ms: i64) -> (Use, Step) {
    let fresh = |seen_ms| Use {
        seen_ms,
        grant: now.grant,
        is_enabled: now.is_enabled,
        warned_ms: None,
    };
    let mut known = match known {
        // Somebody who is met for the first time; a time to come counts as now.
        None => fresh(now.last_ms.min(now_ms)),
        Some(known) if now.grant > known.grant => fresh(now_ms),
        Some(known) if now.is_enabled && !known.is_enabled => fresh(now_ms),
        // The clock was believed, and was ahead.
        Some(known) if known.seen_ms > now_ms || known.warned_ms > Some(now_ms) => fresh(now_ms),
        Some(known) => known,
    };
    // A grant that was withdrawn does not come back as another one.
    known.grant = now.grant;
    known.is_enabled = now.is_enabled;
    if !now.is_enabled {
        return (known, Step::Nothing);
    }
    let span = i64::from(days).saturating_mul(DAY_MS);
    let warning = (WARNING_DAYS * DAY_MS).min(span / 2);
    let end = known.seen_ms.saturating_add(span);
    match known.warned_ms {
        None if now_ms >= end - warning => {
            known.warned_ms = Some(now_ms);
            let from_ms = end.max(now_ms.saturating_add(warning));
            (known, Step::Warn { from_ms })
        }
        Some(warned) if now_ms >= end.max(warned.saturating_add(warning)) => {
            known.is_enabled = false;
            known.warned_ms = None;
            (known, Step::Disable)
        }
        _ => (known, Step::Nothing),
    }
}

/// Warns of people who were not let in for nearly `days`, and disables those who were warned
/// of and did not come; gives how many, at most `MAX_BATCH_PEOPLE`. By a clock that is
/// believed.
///
/// # Errors
/// [`WhitelistError`]; nothing was changed.
pub fn tend_the_unused(
    database: &mut Database,
    stamp: &Stamp,
    days: u32,
    door: &DoorName,
) -> Result<usize, WhitelistError> {
    database.transaction(|c, fail| {
        let mut acted = 0;
        for (person, known, now) in everybody(c, fail)? {
            let (after, step) = next(known, now, days, stamp.at_ms);
            if step != Step::Nothing {
                if acted == MAX_BATCH_PEOPLE {
                    break;
                }
                acted += 1;
                act(c, fail, person, step, after.seen_ms, (stamp, days, door))?;
            }
            if Some(after) != known {
                put(c, fail, person, after)?;
            }
        }
        Ok(acted)
    })
}

fn act(
    c: &Connection,
    fail: Fail<'_>,
    id: PersonId,
    step: Step,
    since_ms: i64,
    (stamp, days, door): (&Stamp, u32, &DoorName),
) -> Result<(), WhitelistError> {
    let person = PersonRef::new(id, by_id(c, fail, id)?.name);
    let event = match step {
        Step::Nothing => return Ok(()),
        Step::Warn { from_ms } => Event::UnusedSoon(UnusedSoon {
            person,
            since_ms,
            from_ms,
        }),
        Step::Disable => {
            c.execute("UPDATE people SET enabled = 0 WHERE id = ?1", [id.0])
                .map_err(fail)?;
            Event::UnusedDisabled(UnusedDisabled {
                person,
                since_ms,
                days,
            })
        }
    };
    append_within(c, fail, stamp, door, &event)?;
    Ok(())
}

type Each = (PersonId, Option<Use>, Now);

fn everybody(c: &Connection, fail: Fail<'_>) -> Result<Vec<Each>, DatabaseError> {
    let sql = "SELECT p.id, p.enabled, p.created_at_ms,
            coalesce(max(g.record), 0), coalesce(max(g.at_ms), 0),
            u.seen_ms, u.grant_record, u.was_enabled, u.warned_ms
        FROM people p LEFT JOIN passages g ON g.person = p.id LEFT JOIN uses u ON u.person = p.id
        GROUP BY p.id ORDER BY p.id";
    let mut statement = c.prepare_cached(sql).map_err(fail)?;
    let rows = statement.query_map([], |row| {
        let (enrolled_ms, passed_ms): (i64, i64) = (row.get(2)?, row.get(4)?);
        let now = Now {
            grant: row.get(3)?,
            is_enabled: row.get(1)?,
            last_ms: enrolled_ms.max(passed_ms),
        };
        let known = match row.get::<_, Option<i64>>(5)? {
            None => None,
            Some(seen_ms) => Some(Use {
                seen_ms,
                grant: row.get(6)?,
                is_enabled: row.get(7)?,
                warned_ms: row.get(8)?,
            }),
        };
        Ok((PersonId(row.get(0)?), known, now))
    });
    rows.and_then(Iterator::collect).map_err(fail)
}

fn put(c: &Connection, fail: Fail<'_>, person: PersonId, now: Use) -> Result<(), DatabaseError> {
    let sql = "INSERT OR REPLACE INTO uses (person, seen_ms, grant_record, was_enabled, warned_ms)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![
        person.0,
        now.seen_ms,
        now.grant,
        now.is_enabled,
        now.warned_ms
    ];
    let mut statement = c.prepare_cached(sql).map_err(fail)?;
    statement.execute(values).map(|_| ()).map_err(fail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: i64 = DAY_MS / 24;
    const START_MS: i64 = 20_000 * DAY_MS;

    /// What happens to somebody in an hour.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Hour {
        Quiet,
        /// The daemon is off, or its clock is not believed.
        Unseen,
        LetIn,
        /// By an administrator.
        Enabled,
        Disabled,
    }

    fn hours() -> impl Strategy<Value = Vec<Hour>> {
        use Hour::{Disabled, Enabled, LetIn, Quiet, Unseen};
        let one = prop_oneof![
            40 => (1..400usize).prop_map(|n| vec![Quiet; n]),
            5 => (1..900usize).prop_map(|n| vec![Unseen; n]),
            5 => Just(vec![LetIn]),
            2 => Just(vec![Enabled]),
            1 => Just(vec![Disabled]),
        ];
        prop::collection::vec(one, 0..30).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn nobody_is_disabled_who_came_or_was_not_warned_of(
            hours in hours(),
            days in 1..40u32,
            enrolled_ago in 0..200i64,
        ) {
            let span = i64::from(days) * DAY_MS;
            let warning = (WARNING_DAYS * DAY_MS).min(span / 2);
            let mut used_ms = START_MS - enrolled_ago * DAY_MS;
            let mut now = Now { grant: 0, is_enabled: true, last_ms: used_ms };
            let (mut known, mut warned_ms, mut quiet) = (None, None, 0);
            for (at, hour) in (0..).zip(hours) {
                let now_ms = START_MS + at * HOUR_MS;
                match hour {
                    Hour::LetIn if now.is_enabled => {
                        (now.grant, now.last_ms, used_ms, warned_ms) = (at + 1, now_ms, now_ms, None);
                    }
                    Hour::Enabled if !now.is_enabled => {
                        (now.is_enabled, used_ms, warned_ms) = (true, now_ms, None);
                    }
                    Hour::Disabled => now.is_enabled = false,
                    _ => {}
                }
                if hour == Hour::Unseen {
                    continue;
                }
                let (after, step) = next(known, now, days, now_ms);
                known = Some(after);
                match step {
                    Step::Nothing => {}
                    Step::Warn { from_ms } => {
                        prop_assert!(now.is_enabled && warned_ms.is_none());
                        prop_assert!(now_ms >= used_ms + span - warning);
                        prop_assert!(from_ms >= now_ms + warning && from_ms >= used_ms + span);
                        warned_ms = Some(now_ms);
                    }
                    Step::Disable => {
                        prop_assert!(now_ms >= used_ms + span);
                        prop_assert!(warned_ms.is_some_and(|warned| now_ms >= warned + warning));
                        now.is_enabled = false;
                        warned_ms = None;
                    }
                }
                // And who does not come for long enough is.
                quiet = if hour == Hour::Quiet { quiet + 1 } else { 0 };
                let long = (span + warning) / HOUR_MS + 2;
                prop_assert!(!now.is_enabled || quiet < long);
            }
        }

        #[test]
        fn a_stamp_of_another_time_disables_nobody_at_once(
            last_ms in any::<i64>(),
            days in 1..3650u32,
        ) {
            let now = Now { grant: 0, is_enabled: true, last_ms };
            let (_, step) = next(None, now, days, START_MS);
            prop_assert_ne!(step, Step::Disable);
        }

        #[test]
        fn a_clock_that_was_ahead_keeps_nobody_for_ever(
            ahead in 1..100_000i64,
            days in 1..3650u32,
        ) {
            let known = Use {
                seen_ms: START_MS + ahead * DAY_MS,
                grant: 0,
                is_enabled: true,
                warned_ms: None,
            };
            let now = Now { grant: 0, is_enabled: true, last_ms: START_MS };
            let (after, _) = next(Some(known), now, days, START_MS);
            prop_assert!(after.seen_ms <= START_MS);
        }
    }
}
