//! When a frame was taken, and whether that is so long ago that it counts no more.

use std::path::Path;
use std::time::{Duration, Instant};

use super::CameraError;

/// How far a driver's time may lie ahead and still be taken for now: clocks of cameras are
/// converted to this machine's, which is not exact.
const MAX_AHEAD: Duration = Duration::from_millis(100);

/// By whose clock frames are timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// The driver's, which keeps to the machine's monotonic one.
    Driver,
    /// By when they come: the driver says that it has no such clock.
    Arrival,
    /// By when they come: the driver's times lie so far ahead that they are no times of taking.
    Ahead(Duration),
}

/// When a frame was taken, as an instant, of which `now` is the moment it came, when the
/// machine's monotonic clock read `clock`. `stamp` is the driver's seconds and microseconds,
/// and `monotonic` whether it says that they are of that clock.
///
/// A time long past is believed, also 0: a picture that waited somewhere must not count, and
/// [`Stale`] tells about it.
pub(super) fn taken_at(
    (seconds, micros): (i64, i64),
    monotonic: bool,
    clock: Duration,
    now: Instant,
) -> (Instant, Clock) {
    if !monotonic {
        return (now, Clock::Arrival);
    }
    let stamp = u64::try_from(seconds)
        .unwrap_or(0)
        .saturating_mul(1_000_000)
        .saturating_add(u64::try_from(micros).unwrap_or(0));
    let stamp = Duration::from_micros(stamp);
    match clock.checked_sub(stamp) {
        Some(age) => (now.checked_sub(age).unwrap_or(now), Clock::Driver),
        None if stamp - clock <= MAX_AHEAD => (now, Clock::Driver),
        None => (now, Clock::Ahead(stamp - clock)),
    }
}

/// Frames that were too old when they came, since the last one that was not.
#[derive(Debug, Default)]
pub(crate) struct Stale {
    frames: u32,
    least: Duration,
    most: Duration,
}

impl Stale {
    /// Takes the age of the next frame; true if it is more than `limit`, so that the frame
    /// cannot count.
    pub(crate) fn step(&mut self, age: Duration, limit: Duration) -> bool {
        if age <= limit {
            *self = Self::default();
            return false;
        }
        self.least = if self.frames == 0 {
            age
        } else {
            self.least.min(age)
        };
        self.most = self.most.max(age);
        self.frames = self.frames.saturating_add(1);
        true
    }

    /// What to say about them, if there are any.
    pub(crate) fn told(&self, place: &Path, limit: Duration) -> Option<CameraError> {
        (self.frames > 0).then(|| CameraError::TooOld {
            place: place.to_path_buf(),
            frames: self.frames,
            least_ms: self.least.as_millis() as u64,
            most_ms: self.most.as_millis() as u64,
            limit_ms: limit.as_millis() as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const CLOCK: Duration = Duration::from_secs(5000);

    #[test]
    fn a_driver_is_believed_about_the_past_and_not_about_the_future() {
        // Far enough from the clock's beginning on every machine.
        let now = Instant::now() + CLOCK;
        let ago = |ms| now - Duration::from_millis(ms);
        let ahead = |ms| Clock::Ahead(Duration::from_millis(ms));
        for (stamp, monotonic, expected) in [
            ((4999, 970_000), true, (ago(30), Clock::Driver)),
            ((4997, 0), true, (ago(3000), Clock::Driver)),
            ((0, 0), true, (ago(5_000_000), Clock::Driver)),
            ((-7, -7), true, (ago(5_000_000), Clock::Driver)),
            ((5000, 90_000), true, (now, Clock::Driver)),
            ((5003, 0), true, (now, ahead(3000))),
            ((0, 0), false, (now, Clock::Arrival)),
            ((5003, 0), false, (now, Clock::Arrival)),
        ] {
            let found = taken_at(stamp, monotonic, CLOCK, now);
            assert_eq!(found, expected, "{stamp:?} {monotonic}");
        }
    }

    proptest! {
        /// Whatever a driver stamps, a frame is not of the future.
        #[test]
        fn nothing_is_of_the_future(stamp: (i64, i64), monotonic: bool, clock: u64) {
            let now = Instant::now();
            let (at, _) = taken_at(stamp, monotonic, Duration::from_micros(clock), now);
            prop_assert!(at <= now);
        }

        /// What is told is the range of the ages that came last in a row over the limit.
        #[test]
        fn the_ages_since_the_last_good_frame_are_told(
            ages in prop::collection::vec(0..2000u64, 1..40),
        ) {
            let limit = Duration::from_millis(1000);
            let mut stale = Stale::default();
            for &age in &ages {
                prop_assert_eq!(stale.step(Duration::from_millis(age), limit), age > 1000);
            }
            let run: Vec<u64> = ages.iter().rev().copied().take_while(|a| *a > 1000).collect();
            match stale.told(Path::new("/dev/video7"), limit) {
                None => prop_assert!(run.is_empty()),
                Some(CameraError::TooOld { frames, least_ms, most_ms, .. }) => {
                    prop_assert_eq!(frames as usize, run.len());
                    prop_assert_eq!(Some(least_ms), run.iter().copied().min());
                    prop_assert_eq!(Some(most_ms), run.iter().copied().max());
                }
                Some(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
