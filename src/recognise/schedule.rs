//! How much is done about a frame: a pure decision from time, motion and who is in view.
//!
//! Most frames show nothing new. Where nothing moved and no face is in view, a frame is
//! skipped. A face in view is followed cheaply; it is searched for by the whole cascade
//! before an embedding that can open the door.

use std::time::{Duration, Instant};

use super::track::InView;

/// While nothing moves, the whole picture is searched this often all the same: whoever
/// came in slowly enough to be taken for light is found.
const MAX_WITHOUT_SEARCH: Duration = Duration::from_secs(2);
/// While faces are followed, the whole picture is searched after so many frames.
const MAX_FOLLOWED_FRAMES: u32 = 5;
/// A scene that has moved for so long without a face, such as a street, is searched in
/// every second frame, and after three times as long in every third.
const MAX_MOTION_WITHOUT_FACE: Duration = Duration::from_secs(5);

/// What is done about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: it is not even turned into RGB.
    Skip,
    /// R- and O-Net around the faces in view.
    Follow,
    /// The whole cascade, and embeddings of the faces that one would tell something of.
    Search,
}

/// What a schedule remembers of the frames before.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// The last search; nothing if the next frame has to be searched.
    searched_at: Option<Instant>,
    /// Frames since then in which a face was followed, or something moved.
    since_search: u32,
    /// Since when something moves and no face is in view.
    restless_since: Option<Instant>,
    /// A search would tell more than the last frame did.
    promising: bool,
}

impl Schedule {
    /// What is done about the frame taken at `at`.
    pub(super) fn step(&mut self, at: Instant, moved: bool, in_view: InView) -> Step {
        let step = match in_view {
            InView::Nobody => self.without_faces(at, moved),
            InView::Known => {
                self.restless_since = None;
                let promising = std::mem::take(&mut self.promising);
                if promising || self.since_search >= MAX_FOLLOWED_FRAMES {
                    Step::Search
                } else {
                    Step::Follow
                }
            }
            InView::Wanting => {
                (self.restless_since, self.promising) = (None, false);
                Step::Search
            }
        };
        match step {
            Step::Search => (self.searched_at, self.since_search) = (Some(at), 0),
            Step::Follow => self.since_search += 1,
            Step::Skip => {}
        }
        step
    }

    fn without_faces(&mut self, at: Instant, moved: bool) -> Step {
        let due = self
            .searched_at
            .is_none_or(|last| at.saturating_duration_since(last) >= MAX_WITHOUT_SEARCH);
        if !moved {
            self.restless_since = None;
            return if due { Step::Search } else { Step::Skip };
        }
        let since = *self.restless_since.get_or_insert(at);
        let restless = at.saturating_duration_since(since);
        let every = if restless >= 3 * MAX_MOTION_WITHOUT_FACE {
            3
        } else if restless >= MAX_MOTION_WITHOUT_FACE {
            2
        } else {
            1
        };
        self.since_search += 1;
        if self.since_search >= every || due {
            Step::Search
        } else {
            Step::Skip
        }
    }

    /// A followed face got lost, or good enough to be embedded: the next frame is searched.
    pub(super) fn promise(&mut self) {
        self.promising = true;
    }

    /// What was seen until now does not count with what follows: the next frame is
    /// searched, for whoever is there may stand still.
    pub(super) fn forget(&mut self) {
        self.searched_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_view() -> impl Strategy<Value = InView> {
        prop::sample::select(&[InView::Nobody, InView::Known, InView::Wanting][..])
    }

    proptest! {
        /// Whatever happens: nobody is followed who is not there, nobody in view is skipped,
        /// a face that wants an embedding is searched for at once, following ends after some
        /// frames, and no more than the longest pause goes by unsearched.
        #[test]
        fn nobody_waits_unseen(frames in prop::collection::vec(
            (1u64..900, any::<bool>(), in_view(), any::<bool>(), 0u8..20), 1..200))
        {
            let (mut schedule, mut at) = (Schedule::default(), Instant::now());
            let mut searched_at: Option<Instant> = None;
            let (mut followed, mut promised) = (0, false);
            for (dt, moved, in_view, promise, forget) in frames {
                at += Duration::from_millis(dt);
                if forget == 0 {
                    schedule.forget();
                    searched_at = None;
                }
                let due = searched_at.is_none_or(|last| at - last >= MAX_WITHOUT_SEARCH);
                let step = schedule.step(at, moved, in_view);
                match in_view {
                    InView::Wanting => {
                        prop_assert_eq!(step, Step::Search);
                        promised = false;
                    }
                    InView::Known => {
                        prop_assert_ne!(step, Step::Skip);
                        prop_assert!(!promised || step == Step::Search);
                        promised = false;
                    }
                    InView::Nobody => {
                        prop_assert_ne!(step, Step::Follow);
                        prop_assert!(!due || step == Step::Search);
                        prop_assert!(moved || due || step == Step::Skip);
                    }
                }
                followed = if step == Step::Follow { followed + 1 } else { 0 };
                prop_assert!(followed <= MAX_FOLLOWED_FRAMES);
                match step {
                    Step::Search => searched_at = Some(at),
                    Step::Follow if promise => {
                        schedule.promise();
                        promised = true;
                    }
                    Step::Follow | Step::Skip => {}
                }
            }
        }

        /// Motion without a face is searched in every frame at first, then in every second,
        /// then in every third, and after a moment of rest in every frame again.
        #[test]
        fn a_street_is_searched_less_with_time(ms in 20u64..100) {
            let (mut schedule, start) = (Schedule::default(), Instant::now());
            let mut at = start;
            let mut skipped = 0;
            while at < start + 6 * MAX_MOTION_WITHOUT_FACE {
                let step = schedule.step(at, true, InView::Nobody);
                skipped = if step == Step::Skip { skipped + 1 } else { 0 };
                let most = if at - start < MAX_MOTION_WITHOUT_FACE {
                    0
                } else if at - start < 3 * MAX_MOTION_WITHOUT_FACE {
                    1
                } else {
                    2
                };
                prop_assert!(skipped <= most, "{skipped} after {:?}", at - start);
                at += Duration::from_millis(ms);
            }
            // Of any three frames in a row one.
            let steps = [0, 1, 2].map(|n| schedule.step(at + Duration::from_millis(n), true, InView::Nobody));
            prop_assert_eq!(steps.iter().filter(|s| **s == Step::Search).count(), 1);
            at += Duration::from_millis(ms);
            schedule.step(at, false, InView::Nobody);
            for n in 1..5 {
                let step = schedule.step(at + Duration::from_millis(n), true, InView::Nobody);
                prop_assert_eq!(step, Step::Search);
            }
        }
    }
}
