//! How long a door may let somebody in on a list that it has no news of.
//!
//! A hub can withhold everything; it cannot sign a commit. So the lease counts from the newest
//! commit that a door of the fleet signed and this door verified, not from the hub's word that
//! there is nothing new.

use std::time::Duration;

/// A moment by the clocks that a door has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Which boot of the machine, by a number that no other has.
    pub boot: u128,
    /// Since that boot.
    pub uptime: Duration,
    /// Seconds since 1970, where the clock on the wall is believed.
    pub clock_s: Option<i64>,
}

/// When the newest commit was verified here, and when its signer says it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub heard: Moment,
    /// Seconds since 1970 by the signer's clock.
    pub signed_s: i64,
}

impl Lease {
    /// How old the news is, by the clock that says most; nothing where no clock can.
    pub fn age(&self, now: &Moment) -> Option<Duration> {
        let since_heard = if now.boot == self.heard.boot {
            now.uptime.checked_sub(self.heard.uptime)
        } else {
            // How long the machine was off, only two believed clocks can tell.
            let both = self.heard.clock_s.zip(now.clock_s);
            let passed = both.and_then(|(then, now)| now.checked_sub(then));
            let passed = passed.and_then(|s| u64::try_from(s).ok());
            passed
                .map(Duration::from_secs)
                .filter(|passed| *passed >= now.uptime)
        };
        // One that was held back on its way is as old as it says.
        let since_signed = now.clock_s.map(|now| now.saturating_sub(self.signed_s));
        let since_signed = since_signed.and_then(|s| u64::try_from(s).ok());
        since_heard.map(|heard| heard.max(Duration::from_secs(since_signed.unwrap_or(0))))
    }

    /// Whether it is not proven that the news is younger than `limit`. What no clock can prove
    /// is over: whoever keeps a door without power or time gains nothing.
    pub fn is_over(&self, limit: Duration, now: &Moment) -> bool {
        self.age(now).is_none_or(|age| age > limit)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 86_400;

    proptest! {
        /// A clock that is believed is right; one that is not says nothing. Boots take time.
        #[test]
        fn nobody_is_let_in_past_the_lease(
            limit in 0..30 * DAY,
            steps in prop::collection::vec((0..3 * DAY, any::<bool>(), any::<bool>()), 1..20),
            held_back in 0..10 * DAY,
            heard_believed: bool,
        ) {
            let start = 1_700_000_000_i64;
            let heard = Moment {
                boot: 0,
                uptime: Duration::from_secs(50),
                clock_s: heard_believed.then_some(start),
            };
            let lease = Lease { heard, signed_s: start - held_back as i64 };
            let (mut passed, mut boot, mut uptime) = (0, 0, 50);
            for (wait, boots, believed) in steps {
                passed += wait;
                uptime += wait;
                if boots {
                    (boot, uptime) = (boot + 1, wait / 2);
                }
                let now = Moment {
                    boot,
                    uptime: Duration::from_secs(uptime),
                    clock_s: believed.then_some(start + passed as i64),
                };
                let over = lease.is_over(Duration::from_secs(limit), &now);
                prop_assert!(over || passed <= limit, "{passed} s after a lease of {limit} s");
                prop_assert!(over || !believed || passed + held_back <= limit);
                let provable = boot == 0 || (heard_believed && believed);
                let young = passed + held_back <= limit;
                prop_assert!(!over || !young || !provable, "{passed} s of {limit} s and over");
            }
        }

        /// A clock that jumps by a year within a boot, believed or not, makes nothing longer.
        #[test]
        fn no_clock_makes_a_lease_longer(limit in 0..30 * DAY, passed in 0..60 * DAY, jump in -400..400_i64) {
            let heard = Moment { boot: 7, uptime: Duration::from_secs(9), clock_s: Some(1_700_000_000) };
            let now = Moment {
                boot: 7,
                uptime: Duration::from_secs(9 + passed),
                clock_s: Some(1_700_000_000 + passed as i64 + jump * DAY as i64),
            };
            let lease = Lease { heard, signed_s: 1_700_000_000 };
            prop_assert!(passed <= limit || lease.is_over(Duration::from_secs(limit), &now));
        }
    }
}
