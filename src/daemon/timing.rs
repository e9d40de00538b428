//! How long frames took, in a fixed amount of memory however many there were.

use std::time::Duration;

/// Buckets of equal ratio from 0.1 ms to about 47 s.
const BUCKETS: usize = 270;
const BUCKET_RATIO: f64 = 1.05;
const MIN_BUCKET_MS: f64 = 0.1;

/// A histogram of durations, exact to 5 %.
#[derive(Debug, Clone)]
pub(crate) struct Timing {
    counts: Box<[u64; BUCKETS]>,
    frames: u64,
    left_out: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            frames: 0,
            left_out: 0,
        }
    }
}

impl Timing {
    /// Counts one frame.
    pub fn add(&mut self, took: Duration) {
        let ms = took.as_secs_f64() * 1000.0;
        let bucket = ((ms / MIN_BUCKET_MS).ln() / BUCKET_RATIO.ln())
            .ceil()
            .max(0.0) as usize;
        if let Some(count) = self.counts.get_mut(bucket.min(BUCKETS - 1)) {
            *count += 1;
        }
        self.frames += 1;
    }

    /// Counts a frame that nothing was done about.
    pub fn left_out(&mut self) {
        self.left_out += 1;
    }

    /// Frames nothing was done about.
    pub(crate) fn frames_left_out(&self) -> u64 {
        self.left_out
    }

    /// Frames counted.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The time in milliseconds that this share (0..=1) of the frames did not exceed; `None` without frames.
    pub(crate) fn quantile_ms(&self, share: f64) -> Option<f64> {
        let rank = (self.frames as f64 * share.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.counts.iter().position(|&count| {
            seen += count;
            seen >= rank
        })?;
        let ms = MIN_BUCKET_MS * BUCKET_RATIO.powi(bucket as i32);
        Some((ms * 10.0).round() / 10.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quantiles_are_within_a_bucket(mut ms in prop::collection::vec(1.0f64..10_000.0, 1..200), share in 0.0f64..=1.0) {
            let mut timing = Timing::default();
            for &ms in &ms {
                timing.add(Duration::from_secs_f64(ms / 1000.0));
            }
            ms.sort_by(f64::total_cmp);
            let rank = (ms.len() as f64 * share).ceil().max(1.0) as usize;
            let exact = ms[rank - 1];
            let found = timing.quantile_ms(share).unwrap();
            prop_assert!(found >= exact - 0.1 && found <= exact * BUCKET_RATIO + 0.1, "{found} for {exact}");
        }
    }

    #[test]
    fn nothing_is_known_of_no_frames() {
        assert_eq!(Timing::default().quantile_ms(0.5), None);
    }
}
