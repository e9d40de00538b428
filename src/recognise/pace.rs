//! Whether frames come to be looked at often enough: a face that is seen again only after
//! [`MAX_OUT_OF_SIGHT`] is another face, and who is another face each time is neither let in
//! nor refused. Pure: when frames were taken, and whether faces were in them.

use std::time::{Duration, Instant};

use super::track::MAX_OUT_OF_SIGHT;

/// Gaps in a row that are too long before it is told; one alone is a hiccup.
const MIN_LONG_GAPS: u32 = 3;
/// It is told again after so long.
const MIN_UNTOLD: Duration = Duration::from_secs(600);

/// What is remembered of the frames before.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The frame before, if faces were in it.
    faces_at: Option<Instant>,
    long_gaps: u32,
    told_at: Option<Instant>,
}

/// Faces are seen too seldom to be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSeldom {
    /// From the frame before to this one.
    pub gap: Duration,
    /// What it may be at most.
    pub most: Duration,
}

impl Pace {
    /// A frame, taken at `at`, was looked at. Says something where faces are in view and frames
    /// have come too far apart for some time, and then not again for a while.
    pub(super) fn look(&mut self, at: Instant, has_faces: bool) -> Option<TooSeldom> {
        let before = std::mem::replace(&mut self.faces_at, has_faces.then_some(at));
        let gap = match before {
            Some(before) if has_faces => at.saturating_duration_since(before),
            _ => Duration::ZERO,
        };
        if gap <= MAX_OUT_OF_SIGHT {
            self.long_gaps = 0;
            return None;
        }
        self.long_gaps += 1;
        let is_told = self
            .told_at
            .is_some_and(|told| at.saturating_duration_since(told) < MIN_UNTOLD);
        if self.long_gaps < MIN_LONG_GAPS || is_told {
            return None;
        }
        self.told_at = Some(at);
        Some(TooSeldom {
            gap,
            most: MAX_OUT_OF_SIGHT,
        })
    }

    /// What comes next does not follow what was.
    pub(super) fn forget(&mut self) {
        (self.faces_at, self.long_gaps) = (None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(frames: &[(u64, bool)]) -> usize {
        let (mut pace, mut at) = (Pace::default(), Instant::now());
        let mut count = 0;
        for &(ms, has_faces) in frames {
            at += Duration::from_millis(ms);
            count += usize::from(pace.look(at, has_faces).is_some());
        }
        count
    }

    #[test]
    fn faces_that_are_seen_too_seldom_are_told_once_in_a_while() {
        assert_eq!(told(&[(0, true), (900, true), (900, true)]), 0);
        assert_eq!(told(&[(0, true), (900, true), (900, true), (900, true)]), 1);
        assert_eq!(told(&[(900, true); 100]), 1);
        let minutes = told(&[(900, true); 1500]);
        assert_eq!(minutes, 3, "22 minutes of it");
    }

    proptest! {
        #[test]
        fn nothing_is_told_where_faces_can_be_followed(
            frames in prop::collection::vec((0u64..=700, any::<bool>()), 0..200),
            gaps in prop::collection::vec(0u64..5000, 0..50),
        ) {
            prop_assert_eq!(told(&frames), 0);
            // Nor where nobody stays: a face, an empty frame, a face.
            let visits: Vec<_> = gaps.iter().enumerate().map(|(n, &ms)| (ms, n % 2 == 0)).collect();
            prop_assert_eq!(told(&visits), 0);
        }
    }
}
