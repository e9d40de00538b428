//! What the checks of liveness make of one presentation, frame by frame: by the rules that the
//! door decides by, and without asking who it is. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::access::{Decision, DenialReason, Policy};
use crate::daemon::events_reason;
use crate::evidence::presentations::{Presentation, Response, Shown};
use crate::liveness::{Cue, Liveness};
use crate::person::PersonId;
use crate::recognise::{FaceReport, FrameUse, Outcome, Seen, TrackId};

/// Judged frames remembered at most, as many as the door's window has.
const MAX_JUDGED: usize = 256;

/// A judged frame of the face that is presented.
#[derive(Debug, Clone, Copy)]
struct Judged {
    at: Instant,
    track: TrackId,
    cue: Option<Cue>,
}

/// One presentation until now. The largest face in view is the one that is presented.
#[derive(Debug)]
pub(super) struct Trial {
    needed: usize,
    window: Duration,
    /// A face has to be found alive.
    is_asked: bool,
    judged: VecDeque<Judged>,
    first_judged_at: Option<Instant>,
    accepted_at: Option<Instant>,
    refused_at: Option<(Instant, Cue)>,
    frames: u64,
    with_a_face: u64,
    judged_frames: u64,
    flaws: BTreeMap<&'static str, u64>,
    granted: bool,
    person: Option<PersonId>,
    network_mean: Option<f32>,
}

impl Trial {
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            needed: policy.frames.max(1),
            window: policy.window,
            is_asked: policy.checks.is_any(),
            judged: VecDeque::new(),
            first_judged_at: None,
            accepted_at: None,
            refused_at: None,
            frames: 0,
            with_a_face: 0,
            judged_frames: 0,
            flaws: BTreeMap::new(),
            granted: false,
            person: None,
            network_mean: None,
        }
    }

    /// Whether it was taken for bona fide: nothing that is seen later changes that.
    pub(super) fn is_accepted(&self) -> bool {
        self.accepted_at.is_some()
    }

    /// The face that is presented in a frame.
    pub(super) fn presented(outcome: &Outcome) -> Option<&FaceReport> {
        match &outcome.seen {
            Seen::Faces(faces) => faces.first(),
            Seen::Nothing => None,
        }
    }

    /// Takes a frame taken at `at`, with the mean of the network's scores of its face.
    pub(super) fn take(&mut self, at: Instant, outcome: &Outcome, network_mean: Option<f32>) {
        self.frames += 1;
        for decision in &outcome.decisions {
            if let Decision::Grant(grant) = decision {
                self.granted = true;
                self.person = Some(grant.person());
            }
        }
        let Some(face) = Self::presented(outcome) else {
            return;
        };
        self.with_a_face += 1;
        self.network_mean = network_mean.or(self.network_mean);
        match face.frame_use {
            FrameUse::Flawed(flaw) => *self.flaws.entry(flaw.code()).or_default() += 1,
            FrameUse::Skipped => {}
            FrameUse::Compared => self.judge(at, face),
        }
    }

    fn judge(&mut self, at: Instant, face: &FaceReport) {
        self.judged_frames += 1;
        self.first_judged_at.get_or_insert(at);
        let cue = match face.liveness {
            Liveness::Attack(cue) => Some(cue),
            Liveness::Live | Liveness::Unknown => None,
        };
        if self.judged.len() >= MAX_JUDGED {
            self.judged.pop_front();
        }
        let track = face.track;
        self.judged.push_back(Judged { at, track, cue });
        let window = self.window;
        self.judged
            .retain(|one| at.saturating_duration_since(one.at) <= window);
        let of_face = || self.judged.iter().filter(|one| one.track == track);
        let lives = !self.is_asked || face.liveness == Liveness::Live;
        if lives && of_face().count() >= self.needed {
            self.accepted_at.get_or_insert(at);
        }
        let artefacts = of_face().filter(|one| one.cue.is_some()).count();
        if let Some(cue) = cue
            && artefacts >= self.needed
            && self.accepted_at.is_none()
        {
            self.refused_at.get_or_insert((at, cue));
        }
    }

    /// What it was, in a clip or as a try of that name.
    pub(super) fn end(self, shown: Shown, clip: String) -> Presentation {
        let refused = self.refused_at;
        let (response, at) = match (self.accepted_at, refused) {
            (Some(at), _) => (Response::Accepted, Some(at)),
            (None, Some((at, _))) => (Response::Refused, Some(at)),
            (None, None) => (Response::None, None),
        };
        let because = match response {
            Response::Accepted => None,
            Response::Refused => refused.map(|(_, cue)| code(cue).to_owned()),
            Response::None => Some(self.why_none().to_owned()),
        };
        let since = |at: Instant| {
            let first = self.first_judged_at.unwrap_or(at);
            at.saturating_duration_since(first).as_millis() as u64
        };
        Presentation {
            shown,
            clip,
            response,
            because,
            measured: match response {
                Response::Refused => refused.and_then(|(_, cue)| cue.measured()),
                Response::Accepted | Response::None => None,
            },
            decided_after_ms: at.map(since),
            was_refused_before: response == Response::Accepted && refused.is_some(),
            granted: self.granted,
            person_id: self.person,
            network_mean: self.network_mean,
            frames: self.frames,
            judged: self.judged_frames,
        }
    }

    /// Why there was no response, as a code: that of the flaw that spoilt most frames, where no
    /// face could be judged.
    fn why_none(&self) -> &'static str {
        let worst = self.flaws.iter().max_by_key(|(_, count)| **count);
        match (self.with_a_face, self.judged_frames, worst) {
            (0, ..) => "no_face",
            (_, 0, Some((flaw, _))) => flaw,
            (_, 0, None) => "same_picture",
            _ => "undecided",
        }
    }
}

/// The check that saw a cue, as the reason of a denial in the record.
fn code(cue: Cue) -> &'static str {
    events_reason(DenialReason::of(cue)).code()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::access::Flaw;
    use crate::cohort::Score;
    use crate::config;
    use crate::liveness::Checks;

    const FROZEN: Liveness = Liveness::Attack(Cue::Frozen { movement: 0.001 });

    fn policy(is_asked: bool) -> Policy {
        let checks = Checks {
            network: is_asked,
            ..Checks::default()
        };
        Policy::new(&config::Access::default(), checks, Score::new(0.5))
    }

    fn face(track: u64, frame_use: FrameUse, liveness: Liveness) -> FaceReport {
        FaceReport {
            track: TrackId(track),
            rect: [0.0; 4],
            landmarks: [[0.0; 2]; 5],
            quality: None,
            frame_use,
            identity: None,
            infrared: None,
            liveness,
            cues: Default::default(),
        }
    }

    /// What became of these faces, one each tenth of a second.
    fn trial(is_asked: bool, faces: &[Option<FaceReport>]) -> Presentation {
        let mut trial = Trial::new(&policy(is_asked));
        let start = Instant::now();
        for (n, face) in (0..).zip(faces) {
            let outcome = Outcome {
                seen: Seen::Faces(face.iter().copied().collect()),
                decisions: Vec::new(),
                too_seldom: None,
            };
            trial.take(start + n * Duration::from_millis(100), &outcome, None);
        }
        trial.end(Shown::BonaFide, "clip".into())
    }

    fn seen(liveness: Liveness) -> Option<FaceReport> {
        Some(face(1, FrameUse::Compared, liveness))
    }

    #[test]
    fn it_takes_as_many_frames_as_at_the_door() {
        let [live, frozen, unknown] = [Liveness::Live, FROZEN, Liveness::Unknown].map(seen);
        let of = |faces: &[Option<FaceReport>]| {
            let one = trial(true, faces);
            (one.response, one.because, one.decided_after_ms)
        };
        assert_eq!(
            of(&[live, live]),
            (Response::None, Some("undecided".into()), None)
        );
        assert_eq!(
            of(&[None, unknown, unknown, live, live]),
            (Response::Accepted, None, Some(200))
        );
        assert_eq!(
            of(&[frozen, frozen, frozen, frozen]),
            (Response::Refused, Some("frozen_face".into()), Some(200))
        );
        assert_eq!(of(&[None, None]).1.as_deref(), Some("no_face"));
        let small = Some(face(1, FrameUse::Flawed(Flaw::TooSmall), Liveness::Unknown));
        assert_eq!(of(&[small, small]).1.as_deref(), Some("too_small"));
        // Frames of two faces do not count together.
        let other = Some(face(2, FrameUse::Compared, Liveness::Live));
        assert_eq!(of(&[live, live, other]).0, Response::None);
        assert_eq!(trial(false, &[unknown; 3]).response, Response::Accepted);
    }

    #[test]
    fn who_is_accepted_in_the_end_was_accepted() {
        let [live, frozen] = [Liveness::Live, FROZEN].map(seen);
        let one = trial(true, &[frozen, frozen, frozen, live]);
        assert_eq!(one.response, Response::Accepted);
        assert!(one.was_refused_before && one.measured.is_none());
        let one = trial(true, &[live, live, live, frozen, frozen, frozen]);
        assert!(one.response == Response::Accepted && !one.was_refused_before);
    }
}
