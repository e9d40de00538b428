//! How long a mode still is in force, whatever happened to the clocks.
//!
//! Within a boot the uptime tells, which nobody sets. After another boot only the wall's clock
//! can, and only if it is believed. What unlocks the door never lasts longer than by any of
//! the two; what locks it down lasts until one that is sure says that it is over.

use std::time::Duration;

use super::store::ModeAct;
use crate::record::{DoorMode, Stamp};

/// Whether a mode is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// For so long; until an act ends it where there is no time.
    InForce(Option<Duration>),
    Over(Over),
}

/// Why a mode is not in force any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Its time is over.
    Expired,
    /// The machine was started anew, and its clock is not believed.
    ClockUnknown,
}

impl ModeAct {
    /// Whether it is in force at `now`; `clock_is_sure`: whether the wall's clock is believed.
    pub fn standing(&self, now: &Stamp, clock_is_sure: bool) -> Standing {
        let by_uptime = self.left_by_uptime(now);
        let by_wall = self.left_by_wall(now, clock_is_sure);
        match self.mode {
            DoorMode::Normal => Standing::InForce(None),
            DoorMode::Lockdown if self.lasts_ms.is_none() => Standing::InForce(None),
            DoorMode::Lockdown => in_force(by_uptime.or(by_wall)),
            DoorMode::Hold | DoorMode::Office => match (by_uptime, by_wall) {
                (Some(uptime), Some(wall)) => in_force(Some(uptime.min(wall))),
                (Some(left), None) => in_force(Some(left)),
                (None, Some(wall)) => in_force(Some(self.lasts().map_or(0, |all| wall.min(all)))),
                (None, None) => Standing::Over(Over::ClockUnknown),
            },
        }
    }

    fn lasts(&self) -> Option<i64> {
        self.lasts_ms
            .map(|ms| i64::try_from(ms).unwrap_or(i64::MAX))
    }

    /// Milliseconds that are left by the clock of the boot it was ordered in.
    fn left_by_uptime(&self, now: &Stamp) -> Option<i64> {
        let set = &self.set;
        let same = set.boot.is_some() && set.boot == now.boot;
        let passed = now.uptime_ms.checked_sub(set.uptime_ms).filter(|_| same)?;
        // What unlocks without an end has none left.
        let lasts = self.lasts().unwrap_or(0);
        Some(lasts.saturating_sub(i64::try_from(passed).unwrap_or(i64::MAX)))
    }

    /// Milliseconds that are left by the wall's clock, if it is believed and was not before
    /// the order.
    fn left_by_wall(&self, now: &Stamp, is_sure: bool) -> Option<i64> {
        let until = self
            .until_ms
            .filter(|_| is_sure && now.at_ms >= self.set.at_ms)?;
        Some(until.saturating_sub(now.at_ms))
    }
}

/// Nothing is known of the end where there is no time.
fn in_force(left_ms: Option<i64>) -> Standing {
    match left_ms {
        None => Standing::InForce(None),
        Some(ms) if ms <= 0 => Standing::Over(Over::Expired),
        Some(ms) => Standing::InForce(Some(Duration::from_millis(ms.unsigned_abs()))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn act(mode: DoorMode, lasts_ms: Option<i64>) -> ModeAct {
        let set = Stamp {
            at_ms: 1_000 * HOUR_MS,
            boot: Some("one".into()),
            uptime_ms: 50_000,
        };
        ModeAct {
            record: 7,
            mode,
            until_ms: lasts_ms.map(|ms| set.at_ms + ms),
            lasts_ms: lasts_ms.map(i64::unsigned_abs),
            set,
        }
    }

    fn at(act: &ModeAct, boot: &str, passed_ms: i64, wall_ms: i64) -> Stamp {
        Stamp {
            at_ms: wall_ms,
            boot: Some(boot.into()),
            uptime_ms: act.set.uptime_ms.saturating_add_signed(passed_ms),
        }
    }

    proptest! {
        /// However the wall's clock is set, and whether it is believed or not.
        #[test]
        fn an_unlocked_mode_never_lasts_longer_than_asked(
            office in any::<bool>(),
            lasts in 1..100 * HOUR_MS,
            passed in 0..200 * HOUR_MS,
            wrong in -300 * HOUR_MS..300 * HOUR_MS,
            rebooted in any::<bool>(),
            sure in any::<bool>(),
        ) {
            let mode = if office { DoorMode::Office } else { DoorMode::Hold };
            let act = act(mode, Some(lasts));
            let boot = if rebooted { "two" } else { "one" };
            // A clock that is sure is right.
            let wall = act.set.at_ms + passed + if sure { 0 } else { wrong };
            let now = at(&act, boot, passed, wall);
            let standing = act.standing(&now, sure);
            match standing {
                Standing::InForce(left) => {
                    let left = left.map_or(i64::MAX, |left| left.as_millis() as i64);
                    prop_assert!(passed + left <= lasts, "{standing:?}");
                    prop_assert!(!rebooted || sure);
                }
                Standing::Over(Over::Expired) => prop_assert!(passed >= lasts),
                Standing::Over(Over::ClockUnknown) => prop_assert!(rebooted && !sure),
            }
        }

        /// A lockdown ends early by no clock that can be set.
        #[test]
        fn a_lockdown_lasts_until_it_is_surely_over(
            lasts in prop::option::of(1..100 * HOUR_MS),
            passed in 0..200 * HOUR_MS,
            wrong in -300 * HOUR_MS..300 * HOUR_MS,
            rebooted in any::<bool>(),
            sure in any::<bool>(),
        ) {
            let act = act(DoorMode::Lockdown, lasts);
            let boot = if rebooted { "two" } else { "one" };
            let wall = act.set.at_ms + passed + if sure { 0 } else { wrong };
            let over = matches!(act.standing(&at(&act, boot, passed, wall), sure), Standing::Over(_));
            let is_past = lasts.is_some_and(|lasts| passed >= lasts);
            prop_assert_eq!(over, is_past && (!rebooted || sure));
        }
    }

    #[test]
    fn a_clock_that_was_set_back_brings_no_unlocked_mode_back() {
        let act = act(DoorMode::Hold, Some(HOUR_MS));
        let before = at(&act, "two", 0, act.set.at_ms - 1);
        assert_eq!(
            act.standing(&before, true),
            Standing::Over(Over::ClockUnknown)
        );
        // Without an end it is none.
        let endless = self::act(DoorMode::Hold, None);
        let now = at(&endless, "one", 0, endless.set.at_ms);
        assert_eq!(endless.standing(&now, true), Standing::Over(Over::Expired));
    }
}
