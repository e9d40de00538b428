//! Pauses after too many refusals: pure, and kept by whoever asks.
//!
//! Time is uptime (`CLOCK_BOOTTIME`, in milliseconds): nobody sets that clock. A pause that a
//! reboot falls into begins again in full, because nobody knows how long the machine was off.

use serde::{Deserialize, Serialize};

/// Refusals remembered at most; the configuration allows no more.
pub(crate) const MAX_TRIES: u32 = 100;

/// From when on there is a pause, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// So many refusals within [`Self::period_ms`] begin a pause; 0: none ever does.
    pub tries: u32,
    pub period_ms: u64,
    /// The first pause; each that follows soon is twice as long as the one before.
    pub first_pause_ms: u64,
    pub longest_pause_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Pause {
    length_ms: u64,
    until_ms: u64,
}

/// What there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Began { pause_ms: u64 },
    Ended,
}

/// Refusals and pauses of one kind. It is stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Lockout {
    /// Of which start of the machine the times are.
    boot: Option<String>,
    /// Refusals that count, the oldest first.
    failed_at_ms: Vec<u64>,
    /// How many pauses followed each other.
    pauses: u32,
    /// When the last refusal or pause was.
    last_ms: u64,
    pause: Option<Pause>,
}

impl Lockout {
    /// One that nothing was refused in.
    pub(crate) fn new(boot: Option<&str>) -> Self {
        Self {
            boot: boot.map(str::to_owned),
            ..Self::default()
        }
    }

    /// As it was kept, in a machine that may have been started since. What cannot be read is
    /// as bad as it can be.
    pub(crate) fn resumed(kept: &str, boot: Option<&str>, uptime_ms: u64, limits: &Limits) -> Self {
        let Ok(mut lockout) = serde_json::from_str::<Self>(kept) else {
            let mut lockout = Self::new(boot);
            lockout.begin(uptime_ms, limits.longest_pause_ms);
            return lockout;
        };
        lockout.failed_at_ms.truncate(MAX_TRIES as usize);
        let latest = lockout.failed_at_ms.iter().copied().max();
        let is_past = lockout.last_ms.max(latest.unwrap_or(0)) <= uptime_ms;
        let is_same = boot.is_some() && lockout.boot.as_deref() == boot && is_past;
        if !is_same {
            lockout.boot = boot.map(str::to_owned);
            lockout.last_ms = uptime_ms;
            for at in &mut lockout.failed_at_ms {
                *at = uptime_ms;
            }
            if let Some(pause) = &mut lockout.pause {
                pause.until_ms = uptime_ms.saturating_add(pause.length_ms);
            }
        }
        lockout
    }

    /// As it is kept; nothing where there is nothing to be kept.
    pub(crate) fn kept(&self) -> Option<String> {
        (!self.is_blank()).then(|| serde_json::to_string(self).unwrap_or_default())
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.failed_at_ms.is_empty() && self.pauses == 0 && self.pause.is_none()
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.pause.is_some()
    }

    /// Something was refused. In a pause that counts for nothing.
    pub(crate) fn fail(&mut self, uptime_ms: u64, limits: &Limits) -> Option<Change> {
        if self.is_locked() || limits.tries == 0 {
            return None;
        }
        self.relent(uptime_ms, limits);
        self.failed_at_ms
            .retain(|at| uptime_ms.saturating_sub(*at) < limits.period_ms);
        self.failed_at_ms.push(uptime_ms);
        self.last_ms = uptime_ms;
        if self.failed_at_ms.len() < limits.tries.min(MAX_TRIES) as usize {
            return None;
        }
        let doubled = 1u64.checked_shl(self.pauses).unwrap_or(u64::MAX);
        let pause_ms = limits.first_pause_ms.saturating_mul(doubled);
        let pause_ms = pause_ms.min(limits.longest_pause_ms);
        self.begin(uptime_ms, pause_ms);
        Some(Change::Began { pause_ms })
    }

    fn begin(&mut self, uptime_ms: u64, length_ms: u64) {
        self.failed_at_ms.clear();
        // More would not double it any more.
        self.pauses = self.pauses.saturating_add(1).min(63);
        self.last_ms = uptime_ms;
        self.pause = Some(Pause {
            length_ms,
            until_ms: uptime_ms.saturating_add(length_ms),
        });
    }

    /// Time has passed. Other limits than those it began by do not shorten a pause.
    pub(crate) fn tick(&mut self, uptime_ms: u64, limits: &Limits) -> Option<Change> {
        match self.pause {
            Some(pause) if uptime_ms < pause.until_ms => None,
            Some(_) => {
                self.pause = None;
                self.last_ms = uptime_ms;
                Some(Change::Ended)
            }
            None => {
                self.relent(uptime_ms, limits);
                None
            }
        }
    }

    /// The right one was given: earlier mistakes count no more. A pause stays.
    pub(crate) fn succeed(&mut self) {
        if !self.is_locked() {
            self.failed_at_ms.clear();
            self.pauses = 0;
        }
    }

    /// After so long without any the next pause is a first one again.
    fn relent(&mut self, uptime_ms: u64, limits: &Limits) {
        let quiet = uptime_ms.saturating_sub(self.last_ms);
        if quiet >= limits.longest_pause_ms.max(limits.period_ms) {
            self.pauses = 0;
            self.failed_at_ms.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        tries: 3,
        period_ms: 60_000,
        first_pause_ms: 10_000,
        longest_pause_ms: 40_000,
    };

    /// Fails until a pause begins; how long that is.
    fn provoke(lockout: &mut Lockout, at: u64) -> u64 {
        let began = (0..LIMITS.tries)
            .filter_map(|_| lockout.fail(at, &LIMITS))
            .last();
        match began.unwrap() {
            Change::Began { pause_ms } => pause_ms,
            Change::Ended => 0,
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_relent() {
        let mut lockout = Lockout::new(Some("a"));
        let mut at = 5_000;
        for expected in [10_000, 20_000, 40_000, 40_000] {
            assert_eq!(provoke(&mut lockout, at), expected);
            assert_eq!(lockout.tick(at + expected - 1, &LIMITS), None);
            at += expected;
            assert_eq!(lockout.tick(at, &LIMITS), Some(Change::Ended));
        }
        at += LIMITS.period_ms;
        assert_eq!(lockout.tick(at, &LIMITS), None);
        assert_eq!(lockout.kept(), None);
        assert_eq!(provoke(&mut lockout, at), 10_000);
    }

    #[test]
    fn what_cannot_be_read_is_the_longest_pause() {
        for kept in ["", "{}x", "{\"pause\":7}"] {
            let lockout = Lockout::resumed(kept, Some("a"), 9, &LIMITS);
            assert!(lockout.is_locked(), "{kept}");
        }
    }

    #[derive(Debug, Clone)]
    enum Act {
        Fail,
        Wait(u64),
        /// The daemon starts again, the machine does not.
        Restart,
        /// The machine starts again, at this uptime.
        Reboot(u64),
        /// Other limits from now on.
        Reload(Limits),
        Succeed,
    }

    fn act() -> impl Strategy<Value = Act> {
        let limits = (0..5u32, 1..100_000u64, 1..50_000u64, 1..50_000u64).prop_map(
            |(tries, period_ms, first_pause_ms, more)| Limits {
                tries,
                period_ms,
                first_pause_ms,
                longest_pause_ms: first_pause_ms + more,
            },
        );
        prop_oneof![
            8 => Just(Act::Fail),
            6 => (0..30_000u64).prop_map(Act::Wait),
            2 => Just(Act::Restart),
            1 => (0..20_000u64).prop_map(Act::Reboot),
            1 => limits.prop_map(Act::Reload),
            1 => Just(Act::Succeed),
        ]
    }

    proptest! {
        /// A pause that began is at least as long as it was said to be, in time that the machine
        /// ran since it began or was started last, whatever happens; the wall clock is nowhere.
        #[test]
        fn a_pause_is_never_shortened(acts in prop::collection::vec(act(), 1..80)) {
            let (mut boot, mut uptime, mut limits) = (0u32, 1_000u64, LIMITS);
            let name = |boot: u32| boot.to_string();
            let mut lockout = Lockout::new(Some(&name(boot)));
            // Of the pause that holds: its length, and how long it has held in this boot.
            let mut holds: Option<(u64, u64)> = None;
            for act in acts {
                match act {
                    Act::Fail => {
                        if let Some(Change::Began { pause_ms }) = lockout.fail(uptime, &limits) {
                            prop_assert!(holds.is_none());
                            prop_assert!(pause_ms >= limits.first_pause_ms.min(limits.longest_pause_ms));
                            holds = Some((pause_ms, 0));
                        }
                    }
                    Act::Wait(ms) => {
                        uptime += ms;
                        if let Some((_, held)) = &mut holds { *held += ms; }
                        match lockout.tick(uptime, &limits) {
                            Some(Change::Ended) => {
                                let (length, held) = holds.take().unwrap();
                                prop_assert!(held >= length, "{held} of {length} ms");
                            }
                            other => prop_assert_eq!(other, None),
                        }
                    }
                    Act::Restart | Act::Reboot(_) => {
                        if let Act::Reboot(at) = act {
                            boot += 1;
                            uptime = at;
                            if let Some((_, held)) = &mut holds { *held = 0; }
                        }
                        if let Some(kept) = lockout.kept() {
                            let boot = name(boot);
                            lockout = Lockout::resumed(&kept, Some(&boot), uptime, &limits);
                        } else {
                            lockout = Lockout::new(Some(&name(boot)));
                        }
                    }
                    Act::Reload(new) => limits = new,
                    Act::Succeed => lockout.succeed(),
                }
                prop_assert_eq!(lockout.is_locked(), holds.is_some());
                prop_assert!(lockout.failed_at_ms.len() <= MAX_TRIES as usize);
            }
        }

        /// Of so many refusals that count, any `tries` + 1 in a row have a pause between them or
        /// take longer than the period.
        #[test]
        fn refusals_in_a_time_are_bounded(waits in prop::collection::vec(0..20_000u64, 1..200)) {
            let mut lockout = Lockout::new(Some("a"));
            let (mut uptime, mut counted) = (0, Vec::new());
            for wait in waits {
                uptime += wait;
                lockout.tick(uptime, &LIMITS);
                if !lockout.is_locked() {
                    counted.push(uptime);
                    lockout.fail(uptime, &LIMITS);
                }
            }
            for run in counted.windows(LIMITS.tries as usize + 1) {
                let took = run[run.len() - 1] - run[0];
                prop_assert!(took >= LIMITS.first_pause_ms, "{run:?}");
            }
        }
    }
}
