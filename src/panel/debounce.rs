//! When a level counts: after it has lasted.

use std::time::Duration;

use crate::guardian::BootTime;

/// One line's debouncing; with a kernel that debounces, its period is zero.
#[derive(Debug, Clone)]
pub(super) struct Debounce {
    period: Duration,
    /// The level that counts, and since when.
    stable: Option<(bool, BootTime)>,
    /// Another one, since then.
    pending: Option<(bool, BootTime)>,
}

impl Debounce {
    pub(super) fn new(period: Duration) -> Self {
        Self {
            period,
            stable: None,
            pending: None,
        }
    }

    /// The level that counts, and since when; nothing where it is not known.
    pub(super) fn level(&self) -> Option<(bool, BootTime)> {
        self.stable
    }

    pub(super) fn set_period(&mut self, period: Duration) {
        self.period = period;
    }

    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        (self.stable, self.pending) = (None, None);
    }

    /// The line has this level since `at`. The first level counts at once.
    pub(super) fn see(&mut self, at: BootTime, level: bool) {
        match self.stable {
            None => {
                // As [`Debounce::settle`] would, so that it is told.
                self.pending = Some((level, at));
            }
            Some((stable, _)) if stable == level => self.pending = None,
            // The same again: an edge between them was missed.
            Some(_) => self.pending = Some((level, at)),
        }
    }

    /// The line was looked at and has this level, without an edge.
    pub(super) fn look(&mut self, at: BootTime, level: bool) {
        let known = self.pending.or(self.stable).map(|(level, _)| level);
        if known != Some(level) {
            self.see(at, level);
        }
    }

    /// The level that counts from now on, if it is another.
    pub(super) fn settle(&mut self, now: BootTime) -> Option<(bool, BootTime)> {
        let (level, since) = self.pending?;
        let first = self.stable.is_none();
        if !first && now < since.after(self.period) {
            return None;
        }
        self.pending = None;
        self.stable = Some((level, since));
        self.stable
    }

    /// When to settle.
    pub(super) fn wake_at(&self) -> Option<BootTime> {
        let (_, since) = self.pending?;
        Some(match self.stable {
            None => since,
            Some(_) => since.after(self.period),
        })
    }
}
