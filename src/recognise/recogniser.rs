//! From a frame to decisions: looking, deciding, and resting after a decision.

use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;

use super::eye::{self, Eye};
use super::pace::{Pace, TooSeldom};
use super::{FaceReport, FrameUse, Seen, TrackId};
use crate::access::{
    Access, Candidate, Claim, Decision, FaceResult, FrameResult, Input, Moment, Policy, Rules,
};
use crate::camera::Frame;
use crate::config;
use crate::liveness::{Attempt, Liveness, SecondEye, Standing, Step};
use crate::vision::{self, Vision, VisionError};
use crate::whitelist::{Directory, Snapshot};

/// What a frame led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub seen: Seen,
    pub decisions: Vec<Decision>,
    /// Frames come too far apart for faces to be followed: told at times while it is so.
    pub too_seldom: Option<TooSeldom>,
}

/// Where time went since the recogniser was made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// In finding, cutting out and embedding faces.
    pub vision: vision::Spent,
    /// Turning frames into RGB.
    pub convert: Duration,
    /// Measuring the quality of faces.
    pub quality: Duration,
    /// Comparing embeddings with the whitelist.
    pub identify: Duration,
    /// Finding out whether faces are alive.
    pub liveness: Duration,
    /// Looking at faces in the infrared picture, and how much of it inside ONNX Runtime.
    pub infrared: [Duration; 2],
    /// Adding frames up to decisions.
    pub decide: Duration,
}

/// Somebody who was granted and has not gone is looked at again after this.
const MIN_REST: Duration = Duration::from_secs(1);

/// The eye of one door with its decisions.
#[derive(Debug)]
pub struct Recogniser {
    eye: Eye,
    access: Access,
    pace: Pace,
    decide: Duration,
}

impl Recogniser {
    /// One that has seen nothing.
    pub fn new(vision: Vision, settings: &config::Vision, policy: Policy) -> Self {
        Self {
            eye: Eye::new(
                vision,
                settings,
                policy.frames,
                policy.window,
                policy.checks,
            ),
            access: Access::new(policy),
            pace: Pace::default(),
            decide: Duration::ZERO,
        }
    }

    /// Looks at a frame and decides, at the time `clock` gives once the frame was looked at.
    ///
    /// While the door is open frames are skipped, unless `vision.economy` is off: whoever
    /// it was opened for is passing.
    ///
    /// # Errors
    /// [`VisionError`] if a network fails: what it would say next cannot be trusted.
    pub fn look<M: Into<Moment>>(
        &mut self,
        frame: &mut Frame,
        whitelist: &Snapshot,
        door_is_open: bool,
        clock: impl FnOnce() -> M,
    ) -> Result<Outcome, VisionError> {
        if door_is_open && self.eye.is_economical() {
            self.access.step(clock().into().now, Input::Unwatched);
            self.pace.forget();
            return Ok(Outcome {
                seen: Seen::Nothing,
                decisions: Vec::new(),
                too_seldom: None,
            });
        }
        let seen = self.eye.look(frame, &whitelist.matcher)?;
        let decisions = match &seen {
            Seen::Nothing => Vec::new(),
            Seen::Faces(faces) => {
                self.decide(clock().into(), frame.at, faces, &whitelist.directory)
            }
        };
        let has_faces = matches!(&seen, Seen::Faces(faces) if !faces.is_empty());
        Ok(Outcome {
            seen,
            decisions,
            too_seldom: self.pace.look(frame.at, has_faces),
        })
    }

    fn decide(
        &mut self,
        Moment { now, wall }: Moment,
        taken_at: Instant,
        faces: &[FaceReport],
        directory: &Directory,
    ) -> Vec<Decision> {
        let start = Instant::now();
        let is_asked = self.access.asks_for_liveness();
        let sighting = FrameResult {
            taken_at,
            faces: faces.iter().map(|face| judgement(face, is_asked)).collect(),
        };
        let decisions = self.access.step(
            now,
            Input::Frame {
                sighting,
                directory,
                wall,
            },
        );
        for candidate in faces.iter().filter_map(candidate) {
            if let Some(until) = self.access.granted_until(&candidate) {
                let until = until.max(taken_at + MIN_REST);
                self.eye.rest(TrackId(candidate.track), until);
            }
        }
        self.decide += start.elapsed();
        decisions
    }

    /// The camera stalled or went away: frames before and after never count together.
    pub(crate) fn camera_lost(&mut self, now: Instant) {
        self.access.step(now, Input::CameraLost);
        self.eye.forget();
        self.pace.forget();
    }

    /// Has a second eye from now on, which [`crate::liveness::Checks::infrared`] asks.
    #[must_use]
    pub fn with_second_eye(mut self, settings: Option<SecondEye>) -> Self {
        if let Some(settings) = settings {
            self.eye.open_second(settings);
        }
        self
    }

    /// The infrared camera's next picture.
    pub fn give_infrared(&mut self, frame: Frame) {
        if let Some(second) = self.eye.second() {
            second.give(frame);
        }
    }

    /// The infrared camera stalled or went away.
    pub fn infrared_lost(&mut self) {
        if let Some(second) = self.eye.second() {
            second.lose();
        }
    }

    /// The whitelist changed; what its old content led to is void.
    pub fn whitelist_changed(&mut self, now: Instant) {
        self.access.step(now, Input::WhitelistChanged);
        self.eye.forget();
    }

    /// The access rules changed; what was seen under the old ones is void.
    pub(crate) fn set_access_rules(&mut self, now: Instant, rules: Arc<Rules>) {
        self.access.step(now, Input::RulesChanged(rules));
        self.eye.forget();
    }

    /// The rules changed; what was seen under the old ones is void.
    pub(crate) fn set_policy(&mut self, now: Instant, policy: Policy) {
        self.eye
            .set_rules(policy.frames, policy.window, policy.checks);
        self.access.step(now, Input::PolicyChanged(policy));
    }

    /// Begins anew, as if nobody had ever been there.
    pub(crate) fn forget_all(&mut self, policy: Policy) {
        self.eye.forget();
        self.access = Access::new(policy);
    }

    /// The mean of what the network against presentation attacks said of a face in view; nothing
    /// where none is asked.
    pub(crate) fn network_mean(&self, track: TrackId) -> Option<f32> {
        self.eye.network_mean(track)
    }

    /// Tells the rules of access what did not come by a frame.
    pub(crate) fn tell(&mut self, now: Instant, input: Input<'_>) -> Vec<Decision> {
        self.access.step(now, input)
    }

    /// Asks the face of a claim for movements, each within `step_time`, and nobody else meanwhile.
    pub(crate) fn challenge(&mut self, claim: &Claim, steps: Vec<Step>, step_time: Duration) {
        let attempt = Attempt::new(steps, step_time, Instant::now());
        self.eye.challenge(claim, attempt);
    }

    /// Where that is, told once more when it has ended; nothing if what it rested on is void.
    pub(crate) fn challenge_standing(&mut self, now: Instant) -> Option<Standing> {
        self.eye.standing(now)
    }

    /// It is asked for no more.
    pub(crate) fn end_challenge(&mut self) {
        self.eye.end_challenge();
    }

    /// How many faces were ever judged and refused as nobody's.
    pub(crate) fn refused(&self) -> u64 {
        self.access.refused()
    }

    pub fn vision(&self) -> &Vision {
        self.eye.vision()
    }

    /// The frame that was looked at last.
    pub(crate) fn picture(&self) -> &RgbImage {
        self.eye.picture()
    }

    /// Where time went so far.
    pub fn spent(&self) -> Spent {
        let eye::Spent {
            convert,
            quality,
            identify,
            liveness,
            infrared,
        } = self.eye.spent();
        Spent {
            vision: self.eye.vision().spent(),
            convert,
            quality,
            identify,
            liveness,
            infrared,
            decide: self.decide,
        }
    }
}

/// What a report is to the rules of access; `is_asked`: a face has to be found alive.
fn judgement(face: &FaceReport, is_asked: bool) -> FaceResult {
    let track = face.track.0;
    match face.frame_use {
        FrameUse::Flawed(flaw) => FaceResult::Flawed { track, flaw },
        FrameUse::Skipped => FaceResult::Followed { track },
        FrameUse::Compared => match (candidate(face), face.liveness) {
            (Some(candidate), Liveness::Attack(cue)) => FaceResult::Artefact { candidate, cue },
            (Some(candidate), Liveness::Unknown) if is_asked => FaceResult::Unproven(candidate),
            (candidate, _) => FaceResult::Nearest(candidate),
        },
    }
}

/// The person most alike, for a face that was compared with somebody.
fn candidate(face: &FaceReport) -> Option<Candidate> {
    face.identity.map(|identity| Candidate {
        track: face.track.0,
        person: identity.person,
        score: identity.score,
    })
}
