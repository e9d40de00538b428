//! Proof of progress: each thread marks every turn of its loop, and the watchdog
//! is fed only while all marks are fresh. No timer can stand in for a hung thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::record::Part;

/// One thread's mark.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat {
    started: Instant,
    beat_ms: Arc<AtomicU64>,
}

impl Heartbeat {
    /// Marks progress now.
    pub(crate) fn beat(&self) {
        let elapsed = self.started.elapsed().as_millis();
        self.beat_ms.store(
            u64::try_from(elapsed).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    /// Says that the thread has done all it had to do, and ends as it should.
    pub(crate) fn retire(&self) {
        self.beat_ms.store(u64::MAX, Ordering::Relaxed);
    }
}

/// The marks of all threads.
#[derive(Debug)]
pub(crate) struct Heartbeats {
    started: Instant,
    all: Vec<(Part, Arc<AtomicU64>)>,
}

impl Heartbeats {
    /// No threads yet.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            all: Vec::new(),
        }
    }

    /// A mark for one more thread, fresh now.
    pub fn add(&mut self, part: Part) -> Heartbeat {
        let heartbeat = Heartbeat {
            started: self.started,
            beat_ms: Arc::new(AtomicU64::new(0)),
        };
        heartbeat.beat();
        self.all.push((part, Arc::clone(&heartbeat.beat_ms)));
        heartbeat
    }

    /// The thread whose mark is older than `limit`, and how old; `None` if all are fresh.
    pub(crate) fn stale(&self, limit: Duration) -> Option<(Part, Duration)> {
        let now = self.started.elapsed();
        self.all
            .iter()
            .map(|(part, beat)| {
                let beat = Duration::from_millis(beat.load(Ordering::Relaxed));
                (*part, now.saturating_sub(beat))
            })
            .find(|(_, age)| *age > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_stands_still_is_named() {
        let mut heartbeats = Heartbeats::new();
        let busy = heartbeats.add(Part::Door);
        let done = heartbeats.add(Part::Camera);
        heartbeats.add(Part::Vision);
        done.retire();
        std::thread::sleep(Duration::from_millis(30));
        busy.beat();
        let limit = Duration::from_millis(20);
        let stale = heartbeats.stale(limit);
        assert_eq!(stale.map(|(part, _)| part), Some(Part::Vision));
        assert_eq!(heartbeats.stale(Duration::from_secs(3600)), None);
    }
}
