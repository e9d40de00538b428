//! Instants of `CLOCK_BOOTTIME`.

use std::time::Duration;

/// Time since the machine booted, suspend included, in whole milliseconds. The same for
/// all processes of one boot; it means nothing in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(u64);

impl BootTime {
    /// From milliseconds.
    pub(crate) const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// In milliseconds.
    pub(crate) const fn as_ms(self) -> u64 {
        self.0
    }

    /// This instant by the kernel's clock.
    pub fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanoseconds) = (now.tv_sec.max(0) as u64, now.tv_nsec.max(0) as u64);
        Self(seconds.saturating_mul(1000) + nanoseconds / 1_000_000)
    }

    /// So much later, in whole milliseconds and never less; the end of time if that is
    /// beyond it.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        let ms = u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(ms))
    }

    /// How long until this instant; zero if it is past.
    pub(crate) fn duration_since(self, now: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(now.0))
    }
}
