//! Anti-passback: who went one way does not go it again before having come back, or before
//! some time is over.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::Wall;
use crate::whitelist::{Direction, Group, Passage, Standing};

/// What follows from going the same way twice.
#[derive(Debug, Clone, PartialEq)]
pub enum PassbackMode {
    /// A denial, until the person came back or the day begins anew.
    Hard,
    /// A grant that says so on record.
    Soft,
    /// A denial for so long.
    Timed(Duration),
}

/// `[passback]`
#[derive(Debug, Clone, PartialEq)]
pub struct Passback {
    pub(crate) mode: PassbackMode,
    /// Which way whoever is granted here goes.
    pub(crate) direction: Direction,
    /// When, each day, everybody counts as having come back.
    pub(crate) reset: Option<(Time, TimeZone)>,
    /// Who goes as often as they like.
    pub(crate) except: Vec<Group>,
}

impl Passback {
    /// Whether somebody goes the same way twice.
    pub(super) fn is_again(&self, standing: &Standing, wall: &Wall<'_>) -> bool {
        let Some(passed) = &standing.passed else {
            return false;
        };
        if passed.direction != self.direction || self.except.iter().any(|g| standing.is_in(g)) {
            return false;
        }
        match self.mode {
            PassbackMode::Timed(within) => elapsed(passed, wall) < within,
            PassbackMode::Hard | PassbackMode::Soft => !self.was_reset(passed, wall),
        }
    }

    /// Whether everybody counts as having come back since a passage. Never by a clock that is
    /// not believed.
    fn was_reset(&self, passed: &Passage, wall: &Wall<'_>) -> bool {
        let (Some((time, zone)), Some(now)) = (&self.reset, wall.at()) else {
            return false;
        };
        let local = now.to_zoned_datetime(zone.clone());
        let today = local.date();
        let on = |day: jiff::civil::Date| {
            let at = day
                .to_datetime(*time)
                .to_zoned_datetime(zone.clone())
                .ok()?
                .timestamp();
            (at <= now).then_some(at)
        };
        let last = on(today).or_else(|| on(today.yesterday().ok()?));
        last.is_some_and(|last| latest(passed, wall) < last.as_millisecond())
    }
}

/// When somebody passed at the latest, by a wall's clock that is believed now.
fn latest(passed: &Passage, wall: &Wall<'_>) -> i64 {
    let ago = |ms: u64| wall.at_ms.saturating_sub_unsigned(ms);
    if is_same_boot(passed, wall) {
        return ago(wall.uptime_ms.saturating_sub(passed.uptime_ms));
    }
    // Before the machine started in any case.
    let started = ago(wall.uptime_ms);
    match passed.is_sure {
        true => passed.at_ms.min(started),
        false => started,
    }
}

fn is_same_boot(passed: &Passage, wall: &Wall<'_>) -> bool {
    passed.boot.is_some() && passed.boot.as_deref() == wall.boot
}

/// How long ago somebody passed, at least: by the clock that nobody sets, and after a new
/// start of the machine by the wall's where both of its times are believed.
fn elapsed(passed: &Passage, wall: &Wall<'_>) -> Duration {
    if is_same_boot(passed, wall) {
        return Duration::from_millis(wall.uptime_ms.saturating_sub(passed.uptime_ms));
    }
    let by_wall = wall.at_ms.saturating_sub(passed.at_ms);
    let by_wall = u64::try_from(by_wall).unwrap_or(0);
    match wall.is_believed && passed.is_sure {
        true => Duration::from_millis(by_wall.max(wall.uptime_ms)),
        false => Duration::from_millis(wall.uptime_ms),
    }
}

/// Whether a passage was made within a time, in this start of the machine.
pub(crate) fn passed_within(passed: &Passage, wall: &Wall<'_>, within: Duration) -> bool {
    is_same_boot(passed, wall)
        && Duration::from_millis(wall.uptime_ms.abs_diff(passed.uptime_ms)) <= within
}
