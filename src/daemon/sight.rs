//! What the vision thread tells others in passing: who is in view, that somebody was refused,
//! and what a challenge asks for. Nobody waits, and nothing is allocated.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use crate::cohort::Score;
use crate::door::InView;
use crate::liveness::Step;
use crate::person::PersonId;
use crate::recognise::{FaceReport, Seen, TrackId};

const NOT_LOOKING: i64 = i64::MIN;
const NOBODY: i64 = i64::MIN + 1;
const UNKNOWN_FACE: i64 = i64::MIN + 2;

/// Who is in view. Numbers of people are rows of SQLite, from 1 on.
#[derive(Debug)]
pub(crate) struct Sight {
    view: AtomicI64,
    refusals: AtomicU32,
    /// Which of [`Step::ALL`] a challenge asks for, from 1 on; 0: none does.
    asked: AtomicU32,
    /// The infrared camera is lost, so that nobody can be let in by a face.
    is_half_blind: AtomicBool,
}

impl Default for Sight {
    fn default() -> Self {
        Self {
            view: AtomicI64::new(NOT_LOOKING),
            refusals: AtomicU32::new(0),
            asked: AtomicU32::new(0),
            is_half_blind: AtomicBool::new(false),
        }
    }
}

impl Sight {
    pub(crate) fn show(&self, view: InView) {
        let code = match view {
            InView::NotLooking => NOT_LOOKING,
            InView::Nobody => NOBODY,
            InView::UnknownFace => UNKNOWN_FACE,
            InView::Listed(PersonId(id)) => id,
        };
        self.view.store(code, Ordering::Relaxed);
    }

    pub(crate) fn view(&self) -> InView {
        match self.view.load(Ordering::Relaxed) {
            NOT_LOOKING => InView::NotLooking,
            NOBODY => InView::Nobody,
            UNKNOWN_FACE => InView::UnknownFace,
            id => InView::Listed(PersonId(id)),
        }
    }

    /// What a challenge asks for now.
    pub(crate) fn ask(&self, step: Option<Step>) {
        let place = Step::ALL.iter().position(|one| Some(*one) == step);
        let code = place.map_or(0, |place| place as u32 + 1);
        self.asked.store(code, Ordering::Relaxed);
    }

    pub(crate) fn asked(&self) -> Option<Step> {
        let place = self.asked.load(Ordering::Relaxed).checked_sub(1)?;
        Step::ALL.get(place as usize).copied()
    }

    /// Whether the infrared camera gives frames.
    pub(crate) fn infrared(&self, sees: bool) {
        self.is_half_blind.store(!sees, Ordering::Relaxed);
    }

    pub(crate) fn is_half_blind(&self) -> bool {
        self.is_half_blind.load(Ordering::Relaxed)
    }

    /// Somebody was refused.
    pub(crate) fn refused(&self) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether somebody was since this was asked last.
    pub(crate) fn take_refused(&self) -> bool {
        self.refusals.load(Ordering::Relaxed) > 0 && self.refusals.swap(0, Ordering::Relaxed) > 0
    }
}

/// Who is in view, from what frames show one after the other.
#[derive(Debug, Default)]
pub(crate) struct Onlooker {
    /// The face that was somebody's last. It is theirs while it is followed.
    listed: Option<(TrackId, PersonId)>,
}

impl Onlooker {
    /// What a frame shows; nothing new from one that was skipped while the door is open.
    pub(crate) fn look(&mut self, seen: &Seen, open: bool, threshold: Score) -> Option<InView> {
        let faces = match seen {
            Seen::Nothing if open => return None,
            Seen::Nothing => &[][..],
            Seen::Faces(faces) => faces,
        };
        let known = faces.iter().find_map(|face| self.whose(face, threshold));
        self.listed = known;
        Some(match known {
            Some((_, person)) => InView::Listed(person),
            None if faces.is_empty() => InView::Nobody,
            None => InView::UnknownFace,
        })
    }

    /// No frames come.
    pub(crate) fn lost(&mut self) -> InView {
        self.listed = None;
        InView::NotLooking
    }

    fn whose(&self, face: &FaceReport, threshold: Score) -> Option<(TrackId, PersonId)> {
        match face.identity {
            Some(found) if found.score >= threshold => Some((face.track, found.person)),
            Some(_) => None,
            None => self.listed.filter(|(track, _)| *track == face.track),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::liveness::Liveness;
    use crate::recognise::FrameUse;
    use crate::whitelist::Match;

    fn face(track: u64, identity: Option<(i64, f32)>) -> FaceReport {
        FaceReport {
            track: TrackId(track),
            rect: [0.0; 4],
            landmarks: [[0.0; 2]; 5],
            quality: None,
            frame_use: FrameUse::Skipped,
            identity: identity.map(|(person, score)| Match {
                person: PersonId(person),
                score: Score::new(score),
            }),
            liveness: Liveness::Unknown,
            cues: Default::default(),
            infrared: None,
        }
    }

    #[test]
    fn a_followed_face_stays_whose_it_was_and_a_skipped_frame_says_nothing_of_an_open_door() {
        let mut onlooker = Onlooker::default();
        let sight = Sight::default();
        assert_eq!(sight.view(), InView::NotLooking);
        let ada = InView::Listed(PersonId(3));
        for (seen, open, view) in [
            (Seen::Nothing, false, Some(InView::Nobody)),
            (
                Seen::Faces(vec![face(1, None)]),
                false,
                Some(InView::UnknownFace),
            ),
            (
                Seen::Faces(vec![face(1, Some((3, 0.4)))]),
                false,
                Some(InView::UnknownFace),
            ),
            (Seen::Faces(vec![face(1, Some((3, 0.6)))]), false, Some(ada)),
            (
                Seen::Faces(vec![face(1, None), face(2, None)]),
                false,
                Some(ada),
            ),
            (Seen::Nothing, true, None),
            (
                Seen::Faces(vec![face(2, None)]),
                false,
                Some(InView::UnknownFace),
            ),
            (Seen::Nothing, false, Some(InView::Nobody)),
        ] {
            let now = onlooker.look(&seen, open, Score::new(0.5));
            assert_eq!(now, view);
            if let Some(view) = now {
                sight.show(view);
                assert_eq!(sight.view(), view);
            }
        }
        assert_eq!(onlooker.lost(), InView::NotLooking);
        assert!(!sight.take_refused());
        sight.refused();
        assert!(sight.take_refused() && !sight.take_refused());
        for step in Step::ALL.map(Some).into_iter().chain([None]) {
            sight.ask(step);
            assert_eq!(sight.asked(), step);
        }
    }
}
