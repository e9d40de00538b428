//! What a door may ask in a time: a stolen key is not to cost the hub a processor.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use super::locked;
use crate::fleet::row::RowId;

const MAX_BURST_REQUESTS: f64 = 400.0;
const MAX_REQUESTS_A_SECOND: f64 = 10.0;
/// A first sync of 100,000 people, and half of another.
const MAX_BURST_BYTES: f64 = 384.0 * 1024.0 * 1024.0;
const MAX_BYTES_A_SECOND: f64 = 1024.0 * 1024.0;

#[derive(Debug, Clone, Copy)]
struct Budget {
    requests: f64,
    bytes: f64,
    at: Instant,
}

impl Budget {
    fn new(at: Instant) -> Self {
        Self {
            requests: MAX_BURST_REQUESTS,
            bytes: MAX_BURST_BYTES,
            at,
        }
    }

    /// Whether one more request may be answered.
    fn admits(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.requests = (self.requests + passed * MAX_REQUESTS_A_SECOND).min(MAX_BURST_REQUESTS);
        self.bytes = (self.bytes + passed * MAX_BYTES_A_SECOND).min(MAX_BURST_BYTES);
        let has = self.requests >= 1.0 && self.bytes > 0.0;
        self.requests -= f64::from(u8::from(has));
        has
    }
}

/// Of each door that asked; there are as many as certificates.
#[derive(Default)]
pub(super) struct Budgets(Mutex<HashMap<RowId, Budget>>);

impl Budgets {
    pub(super) fn admits(&self, door: RowId, now: Instant) -> bool {
        let mut all = locked(&self.0);
        all.entry(door)
            .or_insert_with(|| Budget::new(now))
            .admits(now)
    }

    /// Bytes that went either way.
    pub(super) fn spend(&self, door: RowId, bytes: usize) {
        if let Some(budget) = locked(&self.0).get_mut(&door) {
            budget.bytes -= bytes as f64;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In any time no more than the burst and what came since, and after a rest there is more.
        #[test]
        fn nobody_gets_more_than_the_budget(waits in prop::collection::vec(0..300_u64, 1..2_000)) {
            let mut now = Instant::now();
            let begin = now;
            let mut budget = Budget::new(now);
            let mut admitted = 0.0;
            for wait in waits {
                now += Duration::from_millis(wait);
                admitted += f64::from(u8::from(budget.admits(now)));
                let most = MAX_BURST_REQUESTS + (now - begin).as_secs_f64() * MAX_REQUESTS_A_SECOND;
                prop_assert!(admitted <= most + 1e-6);
            }
            prop_assert!(budget.admits(now + Duration::from_secs(1)));
        }
    }
}
