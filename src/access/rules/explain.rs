//! Whether a person may pass, why, and when that changes: for people who ask.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::hours::MAX_DAY_MINUTES;
use super::judge::{holds, is_valid};
use super::read::dates;
use super::{Rule, Rules, Wall};
use crate::access::DenialReason;
use crate::whitelist::Listed;

/// How far ahead changes are looked for, beside dates that a rule names.
const MAX_LOOK_AHEAD_DAYS: i32 = 400;

/// What the rules say of a person at a moment, whatever the face, cards and company.
#[derive(Debug, Clone)]
pub(crate) struct Explained<'r> {
    /// The rules that let in, each with its conditions; none and no reason where there are no
    /// rules at all.
    pub open: Vec<&'r Rule>,
    /// Why the person may not pass whatever else happens.
    pub reason: Option<DenialReason>,
    /// When one of these is next another; nothing if that is not in sight.
    pub until: Option<Timestamp>,
}

impl Rules {
    /// Whether a person may pass at a moment.
    pub(crate) fn explain(&self, listed: &Listed, wall: &Wall<'_>) -> Explained<'_> {
        let (open, reason) = self.state(listed, wall);
        let now = wall.at();
        let until = now.and_then(|now| {
            let differs = |at: &Timestamp| {
                let then = Wall {
                    at_ms: at.as_millisecond(),
                    uptime_ms: later(wall, *at),
                    ..*wall
                };
                self.places(listed, &then) != self.places(listed, wall)
            };
            self.moments(listed, now, wall).into_iter().find(differs)
        });
        Explained {
            open,
            reason,
            until,
        }
    }

    /// Every rule that is for a person.
    pub(crate) fn of<'r>(&'r self, listed: &'r Listed) -> impl Iterator<Item = &'r Rule> {
        let own = |rule: &&Rule| rule.is_for(listed.id, &listed.standing);
        self.rules.iter().filter(own)
    }

    fn state(&self, listed: &Listed, wall: &Wall<'_>) -> (Vec<&Rule>, Option<DenialReason>) {
        let standing = &listed.standing;
        let first = if !listed.enabled {
            Some(DenialReason::Disabled)
        } else if let Err(reason) = is_valid(standing, wall) {
            Some(reason)
        } else if standing.entries.is_some_and(|entries| entries.left() == 0) {
            Some(DenialReason::NoEntriesLeft)
        } else {
            let again = self
                .passback
                .as_ref()
                .filter(|p| p.is_again(standing, wall));
            let refused = again.filter(|p| p.mode != super::PassbackMode::Soft);
            refused.map(|_| DenialReason::PassedBack)
        };
        let mut open = Vec::new();
        let mut unknown = false;
        let own = |rule: &&Rule| rule.is_for(listed.id, standing);
        for rule in self.rules.iter().filter(own) {
            match holds(rule, wall) {
                Ok(()) => open.push(rule),
                Err(reason) => unknown |= reason == DenialReason::ClockUnknown,
            }
        }
        let none_open = (open.is_empty() && !self.rules.is_empty()).then_some(match unknown {
            true => DenialReason::ClockUnknown,
            false => DenialReason::OutsideHours,
        });
        (open, first.or(none_open))
    }

    /// The same, to be compared.
    fn places(&self, listed: &Listed, wall: &Wall<'_>) -> (Vec<String>, Option<DenialReason>) {
        let (open, reason) = self.state(listed, wall);
        (open.iter().map(|rule| rule.name.clone()).collect(), reason)
    }

    /// Moments after `now` at which something may change, in order.
    fn moments(&self, listed: &Listed, now: Timestamp, wall: &Wall<'_>) -> BTreeSet<Timestamp> {
        let standing = &listed.standing;
        let mut all = BTreeSet::new();
        let validity = standing
            .valid_from_ms
            .into_iter()
            .chain(standing.valid_until_ms);
        all.extend(validity.filter_map(|at| Timestamp::from_millisecond(at).ok()));
        for rule in self.of(listed) {
            for (zone, minutes) in clocks(rule) {
                moments_of(&zone, &minutes, dates(rule), now, &mut all);
            }
        }
        if let Some(passback) = &self.passback {
            if let (super::PassbackMode::Timed(within), Some(_)) =
                (&passback.mode, &standing.passed)
            {
                // To the second: how long ago it was is by another clock.
                let step = |n: u64| {
                    let at = now
                        .checked_add(i64::try_from(n).unwrap_or(i64::MAX).seconds())
                        .ok()?;
                    let then = Wall {
                        at_ms: at.as_millisecond(),
                        uptime_ms: later(wall, at),
                        ..*wall
                    };
                    (!passback.is_again(standing, &then)).then_some(at)
                };
                let (mut low, mut high) = (0, within.as_secs() + 1);
                while low < high {
                    let middle = low + (high - low) / 2;
                    if step(middle).is_some() {
                        high = middle
                    } else {
                        low = middle + 1
                    }
                }
                all.extend(step(low));
            }
            if let Some((time, zone)) = &passback.reset {
                let minute = i32::from(time.hour()) * 60 + i32::from(time.minute());
                let minute = u16::try_from(minute).unwrap_or(0);
                moments_of(zone, &[minute], std::iter::empty(), now, &mut all);
            }
        }
        all.retain(|at| *at > now);
        all
    }
}

/// What the clock that nobody sets will say then.
fn later(wall: &Wall<'_>, at: Timestamp) -> u64 {
    let ahead = at.as_millisecond().saturating_sub(wall.at_ms);
    wall.uptime_ms.saturating_add_signed(ahead)
}

/// Time zones of a rule, each with the minutes of a day at which something begins or ends.
fn clocks(rule: &Rule) -> Vec<(TimeZone, Vec<u16>)> {
    if rule.hours.is_empty() {
        return vec![(rule.zone.clone(), vec![0])];
    }
    let of = |hours: &super::Hours| {
        let windows = hours.windows.iter();
        let minutes = windows.flat_map(|w| [w.from, w.to % MAX_DAY_MINUTES]);
        (hours.zone.clone(), minutes.chain([0]).collect())
    };
    rule.hours.iter().map(of).collect()
}

/// Those times of day around now and around some dates, and every change of the clock.
fn moments_of(
    zone: &TimeZone,
    minutes: &[u16],
    dates: impl Iterator<Item = Date>,
    now: Timestamp,
    all: &mut BTreeSet<Timestamp>,
) {
    let today = now.to_zoned_datetime(zone.clone()).date();
    let near = (-1..=MAX_LOOK_AHEAD_DAYS).filter_map(|n| today.checked_add(n.days()).ok());
    // A window of the last day may end on the day after.
    let named = dates.flat_map(|date| {
        [
            Some(date),
            date.tomorrow().ok(),
            date.checked_add(2.days()).ok(),
        ]
    });
    for day in near.chain(named.flatten()) {
        for minute in minutes {
            let (hour, minute) = (i8::try_from(minute / 60), i8::try_from(minute % 60));
            let (Ok(hour), Ok(minute)) = (hour, minute) else {
                continue;
            };
            let Ok(time) = Time::new(hour, minute, 0, 0) else {
                continue;
            };
            let at = zone.to_ambiguous_timestamp(DateTime::from_parts(day, time));
            // Twice at the end of summer time.
            all.extend(at.earlier().ok());
            all.extend(at.later().ok());
        }
    }
    let end = now.checked_add((i64::from(MAX_LOOK_AHEAD_DAYS) * 24).hours());
    let changes = zone.following(now).map(|change| change.timestamp());
    all.extend(changes.take_while(|at| end.as_ref().is_ok_and(|end| at <= end)));
}
