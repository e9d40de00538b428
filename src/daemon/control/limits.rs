//! How much of anything: what keeps a flood from being more than a nuisance to those who
//! make it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::record::{ControlAct, ControlRefusal};

/// Connections at once.
pub(super) const MAX_CLIENTS: usize = 64;
/// Of them, those of one user.
pub(super) const MAX_CLIENTS_OF_A_USER: usize = 16;
/// Of them, those of root, and of the service's user.
pub(super) const MAX_CLIENTS_OF_ROOT: usize = 48;
/// Of them, those of all who have no role.
pub(super) const MAX_CLIENTS_WITHOUT_ROLE: usize = 4;
/// Requests of one client that wait for something.
pub(super) const MAX_WAITING_REQUESTS: usize = 8;
/// What waits to be taken by one client, in bytes.
pub(super) const MAX_QUEUED_BYTES: usize = 8 << 20;
/// What is held for all of them together, in bytes.
pub(super) const MAX_HELD_BYTES: usize = 32 << 20;
/// The longest line of somebody without a role, in bytes.
pub(super) const MAX_STRANGERS_LINE_BYTES: usize = 4096;
/// How long a client may take nothing of what waits for it.
pub(super) const MAX_STALL: Duration = Duration::from_secs(5);
/// How long a line may take from its first byte to its end.
pub(super) const MAX_LINE_TIME: Duration = Duration::from_secs(10);
/// How long a client that watches nothing may be silent.
pub(super) const MAX_SILENCE: Duration = Duration::from_secs(300);
/// How long an act may take to be on record.
pub(super) const MAX_RECORD_WAIT: Duration = Duration::from_secs(5);
/// How long it may take to be seen what became of it.
pub(super) const MAX_OUTCOME_WAIT: Duration = Duration::from_secs(6);
/// How long a verb may take: an import of ten thousand people.
pub(super) const MAX_VERB_WAIT: Duration = Duration::from_secs(150);
/// How long a picture may take.
pub(super) const MAX_PICTURE_WAIT: Duration = Duration::from_secs(3);

/// Connections that may wait to be taken; whoever comes then waits to connect.
pub(super) const MAX_WAITING_CLIENTS: i32 = 32;

/// Connections taken in a second, and at once.
const ACCEPTS: (f64, f64) = (500.0, 100.0);
/// Requests of a client.
const REQUESTS: (f64, f64) = (20.0, 40.0);
/// Acts of a user.
const ACTS: (f64, f64) = (1.0, 10.0);
/// Refusals on record.
const REFUSALS: (f64, f64) = (10.0 / 60.0, 60.0);
/// From one record of the same refusal to the next.
const MIN_REFUSAL_GAP: Duration = Duration::from_secs(60);
/// Users that are kept in mind.
const MAX_USERS: usize = 256;

/// So many a second, and so many at once.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    per_second: f64,
    most: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    fn new((per_second, most): (f64, f64), now: Instant) -> Self {
        Self {
            per_second,
            most,
            left: most,
            at: now,
        }
    }

    pub(super) fn of_accepts(now: Instant) -> Self {
        Self::new(ACCEPTS, now)
    }

    pub(super) fn of_requests(now: Instant) -> Self {
        Self::new(REQUESTS, now)
    }

    /// Whether there is one more.
    pub(super) fn has(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * self.per_second).min(self.most);
        self.at = self.at.max(now);
        self.left >= 1.0
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let has = self.has(now);
        if has {
            self.left -= 1.0;
        }
        has
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.has(now) && self.left >= self.most
    }
}

/// Acts of each user.
#[derive(Debug, Default)]
pub(super) struct Acts(BTreeMap<u32, Bucket>);

impl Acts {
    /// Whether a user may act now.
    pub(super) fn take(&mut self, uid: u32, now: Instant) -> bool {
        if !self.0.contains_key(&uid) && self.0.len() >= MAX_USERS {
            self.0.retain(|_, bucket| !bucket.is_full(now));
            if self.0.len() >= MAX_USERS {
                return false;
            }
        }
        let bucket = self.0.entry(uid);
        bucket.or_insert_with(|| Bucket::new(ACTS, now)).take(now)
    }
}

/// User, act and reason.
type Key = (u32, &'static str, &'static str);

/// Which refusals go on record.
#[derive(Debug)]
pub(super) struct Refusals {
    all: Bucket,
    /// When each was on record last, and how many were left out since.
    known: BTreeMap<Key, (Instant, u32)>,
}

impl Refusals {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            all: Bucket::new(REFUSALS, now),
            known: BTreeMap::new(),
        }
    }

    /// Nothing if this one is left out; else how many like it were since the last.
    pub(super) fn take(
        &mut self,
        uid: u32,
        act: ControlAct,
        reason: ControlRefusal,
        now: Instant,
    ) -> Option<Option<NonZeroU32>> {
        let refused = (uid, act.code(), reason.code());
        let is_due = |at: Instant| now.saturating_duration_since(at) >= MIN_REFUSAL_GAP;
        if self.known.len() >= MAX_USERS && !self.known.contains_key(&refused) {
            self.known
                .retain(|_, (at, left_out)| !is_due(*at) || *left_out > 0);
            // Of so many users and requests one is not told from the other any more.
            while self.known.len() >= MAX_USERS {
                self.known.pop_first();
            }
        }
        let before = self.known.get(&refused).copied();
        let left_out = before.map_or(0, |(_, left_out)| left_out);
        if before.is_none_or(|(at, _)| is_due(at)) && self.all.take(now) {
            self.known.insert(refused, (now, 0));
            return Some(NonZeroU32::new(left_out));
        }
        // One that was never on record is the first as soon as there is room.
        let long_ago = now.checked_sub(MIN_REFUSAL_GAP).unwrap_or(now);
        let at = before.map_or(long_ago, |(at, _)| at);
        self.known.insert(refused, (at, left_out.saturating_add(1)));
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whoever tries whatever whenever: no more refusals are on record than may be, each
        /// first one is as long as there is room, and none is lost uncounted.
        #[test]
        fn refusals_cannot_flood_the_record(tries in proptest::collection::vec((0u32..4, 0usize..12, 0u64..2000), 1..400)) {
            let start = Instant::now();
            let (mut refusals, mut now) = (Refusals::new(start), start);
            let (mut written, mut counted) = (0u32, 0u32);
            let mut seen = std::collections::BTreeSet::new();
            for (uid, act, pause) in &tries {
                now += Duration::from_millis(*pause);
                let act = ControlAct::ALL[*act % ControlAct::ALL.len()];
                let reason = ControlRefusal::Role;
                let key = (*uid, act.code());
                let had_room = refusals.all.has(now);
                let told = refusals.take(*uid, act, reason, now);
                prop_assert!(told.is_some() || !had_room || seen.contains(&key));
                if let Some(left_out) = told {
                    seen.insert(key);
                    written += 1;
                    counted += 1 + left_out.map_or(0, NonZeroU32::get);
                }
            }
            let minutes = now.duration_since(start).as_secs_f64() / 60.0;
            prop_assert!(f64::from(written) <= 61.0 + minutes * 10.0);
            let waiting: u32 = refusals.known.values().map(|(_, left_out)| left_out).sum();
            prop_assert_eq!(counted + waiting, tries.len() as u32);
        }
    }

    #[test]
    fn many_users_take_a_bounded_place() {
        let now = Instant::now();
        let (mut acts, mut refusals) = (Acts::default(), Refusals::new(now));
        for uid in 0..10_000 {
            acts.take(uid, now);
            refusals.take(uid, ControlAct::Unlock, ControlRefusal::Role, now);
        }
        assert!(acts.0.len() <= MAX_USERS && refusals.known.len() <= MAX_USERS);
        // Who acted long ago makes room.
        assert!(acts.take(20_000, now + Duration::from_secs(60)));
    }

    #[test]
    fn so_many_at_once_and_then_so_many_a_second() {
        let now = Instant::now();
        let mut acts = Acts::default();
        let taken = (0..20).filter(|_| acts.take(7, now)).count();
        assert_eq!(taken, 10);
        assert!(acts.take(8, now));
        let later = now + Duration::from_secs(3);
        let taken = (0..20).filter(|_| acts.take(7, later)).count();
        assert_eq!(taken, 3);
    }
}
