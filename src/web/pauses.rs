//! Pauses after wrong passwords: pure, in the manner of the door's lockout.
//!
//! So many wrong tries within a time begin a pause; each that follows soon is twice as long.
//! Tries count for the account that was named, whoever tries, and for the address they come
//! from, whomever they name.

use std::collections::HashMap;
use std::net::IpAddr;

/// Wrong tries for one account that begin a pause.
const ACCOUNT_TRIES: u32 = 5;
/// Wrong tries from one address that begin a pause.
const ADDRESS_TRIES: u32 = 20;
/// Within this time tries count together, and a pause follows the one before.
const PERIOD_MS: u64 = 15 * 60 * 1000;
const FIRST_PAUSE_MS: u64 = 30 * 1000;
const LONGEST_PAUSE_MS: u64 = 60 * 60 * 1000;
/// Accounts and addresses that are remembered; the one that was quiet longest goes first.
const MAX_REMEMBERED_COUNT: usize = 1024;

/// Whose tries they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Of {
    /// By the name that was typed, also where there is no such account.
    Account(String),
    Address(IpAddr),
}

impl Of {
    fn limit(&self) -> u32 {
        match self {
            Self::Account(_) => ACCOUNT_TRIES,
            Self::Address(_) => ADDRESS_TRIES,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Tries {
    wrong: u32,
    since_ms: u64,
    last_ms: u64,
    until_ms: u64,
    pause_ms: u64,
}

/// All that is remembered. Times are of a clock that nobody sets, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Pauses(HashMap<Of, Tries>);

impl Pauses {
    /// How long all of these have to wait still; `None`: they may try.
    pub(super) fn left_ms(&self, of: &[Of], now_ms: u64) -> Option<u64> {
        let left = |of: &Of| {
            let until = self.0.get(of)?.until_ms;
            until.checked_sub(now_ms).filter(|left| *left > 0)
        };
        of.iter().filter_map(left).max()
    }

    /// A try begins. It counts as wrong until [`Self::right`] says otherwise, so that many at
    /// one time are no more than one after another.
    pub(super) fn tried(&mut self, of: &[Of], now_ms: u64) {
        for of in of {
            self.make_room(of);
            let tries = self.0.entry(of.clone()).or_default();
            if now_ms.saturating_sub(tries.since_ms) > PERIOD_MS {
                tries.wrong = 0;
                tries.since_ms = now_ms;
            }
            if now_ms.saturating_sub(tries.until_ms) > PERIOD_MS {
                tries.pause_ms = 0;
            }
            tries.last_ms = now_ms;
            tries.wrong += 1;
            if tries.wrong >= of.limit() {
                tries.pause_ms = match tries.pause_ms {
                    0 => FIRST_PAUSE_MS,
                    before => (before * 2).min(LONGEST_PAUSE_MS),
                };
                tries.until_ms = now_ms.saturating_add(tries.pause_ms);
                tries.wrong = 0;
                tries.since_ms = tries.until_ms;
            }
        }
    }

    /// It was right: the account begins anew. What its address tried counts on, or an account of
    /// one's own would buy any number of tries for others.
    pub(super) fn right(&mut self, of: &[Of]) {
        for of in of {
            match of {
                Of::Account(_) => {
                    self.0.remove(of);
                }
                Of::Address(_) => {
                    if let Some(tries) = self.0.get_mut(of) {
                        tries.wrong = tries.wrong.saturating_sub(1);
                    }
                }
            }
        }
    }

    fn make_room(&mut self, for_one: &Of) {
        if self.0.len() < MAX_REMEMBERED_COUNT || self.0.contains_key(for_one) {
            return;
        }
        let quiet = self.0.iter().min_by_key(|(_, t)| t.until_ms.max(t.last_ms));
        if let Some(quiet) = quiet.map(|(of, _)| of.clone()) {
            self.0.remove(&quiet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ada() -> Of {
        Of::Account("ada".into())
    }

    /// However tries are spread, only so many count within a time.
    fn tried_within(length_ms: u64, every_ms: u64) -> u32 {
        let (mut pauses, mut tried, of) = (Pauses::default(), 0, [ada()]);
        for now in (1..length_ms).step_by(usize::try_from(every_ms).unwrap_or(1)) {
            if pauses.left_ms(&of, now).is_none() {
                pauses.tried(&of, now);
                tried += 1;
            }
        }
        tried
    }

    proptest! {
        #[test]
        fn tries_within_a_day_are_bounded(every_ms in 200_u64..600_000) {
            let tried = tried_within(24 * 3_600_000, every_ms);
            prop_assert!(tried <= 480, "{tried}");
        }
    }

    #[test]
    fn pauses_double_and_a_right_password_ends_the_count() {
        let (mut pauses, of) = (Pauses::default(), [ada()]);
        for _ in 0..4 {
            pauses.tried(&of, 1000);
        }
        assert_eq!(pauses.left_ms(&of, 1000), None);
        pauses.tried(&of, 1000);
        assert_eq!(pauses.left_ms(&of, 1000), Some(FIRST_PAUSE_MS));
        let later = 1000 + FIRST_PAUSE_MS;
        assert_eq!(pauses.left_ms(&of, later), None);
        for _ in 0..5 {
            pauses.tried(&of, later);
        }
        assert_eq!(pauses.left_ms(&of, later), Some(2 * FIRST_PAUSE_MS));
        pauses.right(&of);
        assert_eq!(pauses.left_ms(&of, later), None);
    }

    #[test]
    fn names_without_end_fill_no_memory() {
        let mut pauses = Pauses::default();
        for number in 0..5000 {
            pauses.tried(&[Of::Account(number.to_string())], number);
        }
        assert!(pauses.0.len() <= MAX_REMEMBERED_COUNT);
    }
}
