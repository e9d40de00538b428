//! May this person pass now?
//!
//! Two questions, kept apart: what the frames claim ([`Claim`]), and whether the person
//! they claim may pass ([`authorise`]). [`Access`] asks both and remembers what it has said.
//! All of it is pure: time and judged frames in, decisions out. It reads no clock and starts
//! no thread, so that what it decides can be replayed and tested over any sequence of inputs.
//!
//! One frame proves little: a blurred stranger can resemble somebody once. A claim
//! therefore needs several distinct frames of one face, close together, that agree on
//! one person; whatever casts doubt on that agreement (the camera was lost, the
//! whitelist or the policy changed) throws all votes away.
//!
//! "Judged and denied" and "could not be judged" are kept apart, because only
//! the first says anything about the person in front of the camera.

mod authorise;
#[cfg(test)]
mod claim_tests;
mod companions;
mod cooldowns;
mod decider;
mod factor;
mod flaw;
mod gate;
#[cfg(test)]
mod gate_properties;
mod gate_words;
mod lockout;
mod needed;
#[cfg(test)]
mod properties;
mod rules;
#[cfg(test)]
mod scenarios;
mod second_factor;
#[cfg(test)]
mod sequences;
#[cfg(test)]
mod tests;
mod window;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use authorise::{
    Basis, CardClaim, Denial, DenialReason, Factors, Grant, MAX_CLAIM_AGE, authorise,
};
pub use companions::{Companion, Company};
pub use decider::Access;
pub use factor::FactorKind;
pub(crate) use factor::{Factor, Key};
pub use flaw::Flaw;
pub(crate) use gate::Gate;
pub(crate) use gate_words::{Clocks, GateEffect, GateInput, GateSettings, Subject};
pub use rules::{Asking, Pass, Passback, PassbackMode, Rule, Rules, Wall};
pub(crate) use rules::{Explained, passed_within};

use crate::cohort::Score;
use crate::config;
use crate::liveness::{Checks, Cue};
use crate::person::PersonId;
use crate::whitelist::Directory;

/// What a face must show to pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Score a face needs with a template; higher is stricter.
    pub threshold: Score,
    /// Distinct frames that must agree; 0 counts as 1, more than 256 is never reached.
    pub frames: usize,
    /// Time within which they must have been taken.
    pub window: Duration,
    /// How long nothing is repeated after a decision.
    pub cooldown: Duration,
    /// Whoever was not seen for so long has gone; see [`Decision`].
    pub absence: Duration,
    /// What a face is looked at for before it counts as a person's.
    pub checks: Checks,
    /// A frame older than this when it arrives here counts for nothing.
    pub max_frame_age: Duration,
}

impl Policy {
    /// The configured rules with the threshold that holds for the whitelist at hand.
    pub fn new(config: &config::Access, checks: Checks, threshold: Score) -> Self {
        Self {
            checks,
            threshold,
            frames: config.frames,
            window: config.window(),
            cooldown: Duration::from_millis(config.cooldown_ms),
            absence: Duration::from_millis(config.absence_ms),
            max_frame_age: Duration::from_millis(config.max_frame_age_ms),
        }
    }
}

/// The person nearest to a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The face's number while it is in view.
    pub track: u64,
    pub person: PersonId,
    /// Score with that person's template of all frames of this face that count together.
    pub score: Score,
}

impl Candidate {
    /// False for NaN on either side; an infinity is no score.
    fn reaches(&self, threshold: Score) -> bool {
        self.score >= threshold && self.score.value().is_finite()
    }
}

/// What recognition found out about one face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaceResult {
    /// It was not good enough to be compared.
    Flawed {
        /// The face's number while it is in view.
        track: u64,
        flaw: Flaw,
    },
    /// Its nearest person; `None` if nobody is enrolled.
    Nearest(Option<Candidate>),
    /// The same, of a face that was not found alive yet, where that is asked for.
    Unproven(Candidate),
    /// The same, of an artefact: a picture of a face.
    Artefact { candidate: Candidate, cue: Cue },
    /// A face known from the frames before, of which this frame tells nothing new.
    Followed {
        /// The face's number while it is in view.
        track: u64,
    },
}

impl FaceResult {
    fn candidate(&self) -> Option<Candidate> {
        match *self {
            Self::Nearest(candidate) => candidate,
            Self::Unproven(candidate) | Self::Artefact { candidate, .. } => Some(candidate),
            Self::Flawed { .. } | Self::Followed { .. } => None,
        }
    }

    fn track(&self) -> Option<u64> {
        match *self {
            Self::Flawed { track, .. } | Self::Followed { track } => Some(track),
            Self::Nearest(_) | Self::Unproven(_) | Self::Artefact { .. } => {
                self.candidate().map(|c| c.track)
            }
        }
    }
}

/// The faces of one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameResult {
    /// When the frame was taken, on the monotonic clock.
    pub taken_at: Instant,
    /// One judgement a face, the largest face first; empty for an empty scene.
    pub faces: Vec<FaceResult>,
}

/// What several frames agree on: this face is this person's. It says nothing about whether
/// that person may pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    pub person: PersonId,
    /// The face's number.
    pub track: u64,
    /// The score of all its frames together.
    pub score: Score,
    /// The threshold it reached.
    pub threshold: Score,
    /// In how many frames this person was nearest to that face.
    pub frames: usize,
    /// When the last of them was judged, on the monotonic clock.
    pub made_at: Instant,
}

/// What a listed person's face is worth by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// It is enough.
    Face,
    /// A second factor is needed.
    Factor(FactorKind),
    /// Nothing: the door is locked out.
    LockedOut,
}

/// What happens to [`Access`].
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// A frame was judged.
    Frame {
        sighting: FrameResult,
        /// Who is listed, read together with the templates it was judged by.
        directory: &'a Directory,
        /// What the wall's clock says.
        wall: Wall<'a>,
    },
    /// The door is open and nobody looks.
    Unwatched,
    /// The camera stalled or went away: frames before and after never count together.
    CameraLost,
    /// The rules changed; votes cast under the old ones are void.
    PolicyChanged(Policy),
    /// The whitelist changed; votes for its old content are void.
    WhitelistChanged,
    /// The access rules changed; who waited by the old ones waits no more.
    RulesChanged(Arc<Rules>),
    /// What a face alone is worth from now on.
    Terms(Terms),
    /// What was waited for besides a claim was given.
    Given {
        basis: Basis,
        factors: Factors,
        /// Who is listed.
        directory: &'a Directory,
        wall: Wall<'a>,
    },
    /// It was not given: nothing more is decided about this face while it stays.
    Unmet(Claim),
}

/// Now, by the clock that nobody sets and by the wall's.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub now: Instant,
    pub wall: Wall<'static>,
}

/// Without a wall's clock that could be believed.
impl From<Instant> for Moment {
    fn from(now: Instant) -> Self {
        let wall = Wall::UNKNOWN;
        Self { now, wall }
    }
}

/// What is decided, each to be written down before anything moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// This person may pass.
    Grant(Grant),
    /// This person may pass with a second factor.
    Need { basis: Basis, kind: FactorKind },
    /// This person's face has to pass a challenge first.
    Challenge(Claim),
    /// Somebody was judged and may not pass.
    Deny(Denial),
    /// A face stayed in view but could not be judged; says nothing about the person.
    CannotJudge {
        /// What spoilt most of the frames.
        flaw: Flaw,
        /// How often it was not said since it was last.
        left_out: u32,
    },
}
