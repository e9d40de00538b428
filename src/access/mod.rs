//! May this person pass now?
//!
//! A pure machine: time and judged frames in, decisions out. It knows people by
//! number only, reads no clock, and starts no thread, so that what it decides can
//! be replayed and tested over any sequence of inputs.
//!
//! One frame proves little: a blurred stranger can resemble somebody once. A grant
//! therefore needs several distinct frames of one face, close together, that agree on
//! one person; whatever casts doubt on that agreement (the camera was lost, the
//! whitelist or the policy changed) throws all votes away.
//!
//! "Judged and refused" and "could not be judged" are kept apart, because only
//! the first says anything about the person in front of the camera.

mod quiet;
#[cfg(test)]
mod tests;
mod window;

use std::time::{Duration, Instant};

use crate::config;
use crate::person::PersonId;
use quiet::{Quiet, Topic};
use window::{Ballot, Vote, Window};

/// What a face must show to pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Score (see [`crate::cohort`]) a face needs with a template; higher is stricter.
    pub threshold: f32,
    /// Distinct frames that must agree; 0 counts as 1, more than 256 is never reached.
    pub frames: usize,
    /// Time within which they must have been taken.
    pub window: Duration,
    /// How long nothing is repeated after a decision.
    pub cooldown: Duration,
    /// A frame older than this when it arrives here counts for nothing.
    pub max_frame_age: Duration,
}

impl Policy {
    /// The configured rules with the threshold that holds for the whitelist at hand.
    pub fn new(config: &config::Access, threshold: f32) -> Self {
        Self {
            threshold,
            frames: config.frames,
            window: config.window(),
            cooldown: Duration::from_millis(config.cooldown_ms),
            max_frame_age: Duration::from_millis(config.max_frame_age_ms),
        }
    }
}

/// The person of the gallery nearest to a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The face's number while it is in view.
    pub track: u64,
    /// Who.
    pub person: PersonId,
    /// Score with that person's template of all frames of this face that count together.
    pub score: f32,
    /// Whether that person may pass at all.
    pub enabled: bool,
}

/// Why a face could not be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unusable {
    /// Fewer pixels than the configured least.
    TooSmall,
    /// Moved or out of focus.
    Blurred,
    /// Too little light on it.
    Dark,
    /// Too much of it outside the picture.
    Cut,
    /// The detector was not sure that it is a face.
    LowScore,
}

/// What vision and the whitelist found out about one face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Judgement {
    /// It was not good enough to be compared.
    Unusable(Unusable),
    /// Its nearest person; `None` if the gallery is empty.
    Nearest(Option<Candidate>),
    /// A face known from the frames before, of which this frame tells nothing new.
    Followed,
}

impl Judgement {
    /// Whether it could be compared, or needed not to be.
    pub fn is_usable(&self) -> bool {
        !matches!(self, Self::Unusable(_))
    }
}

/// The faces of one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// When the frame was taken, on the monotonic clock.
    pub taken_at: Instant,
    /// One judgement a face, the largest face first; empty for an empty scene.
    pub faces: Vec<Judgement>,
}

/// What happens to this machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A frame was judged.
    Frame(Sighting),
    /// The camera stalled or went away: frames before and after never count together.
    CameraLost,
    /// The rules changed; votes cast under the old ones are void.
    PolicyChanged(Policy),
    /// The whitelist changed; votes for its old content are void.
    GalleryChanged,
}

/// What is decided, each to be written down before anything moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// This person may pass.
    Grant {
        /// Who.
        person: PersonId,
        /// The face's number.
        track: u64,
        /// The score of all its frames together.
        score: f32,
        /// The threshold it reached.
        threshold: f32,
        /// In how many frames this person was nearest to that face.
        frames: usize,
    },
    /// Somebody was judged and may not pass.
    Refuse {
        /// The reason.
        why: Refusal,
        /// [`Refusal::Disabled`]: that person with the score of the frames
        /// together. [`Refusal::NotListed`]: the nearest miss, that is the candidate
        /// with the highest score. [`Refusal::EmptyWhitelist`]: nobody.
        nearest: Option<Candidate>,
        /// The threshold in force.
        threshold: f32,
        /// How many frames said so.
        frames: usize,
    },
    /// A face stayed in view but could not be judged; says nothing about the person.
    CannotJudge {
        /// What spoilt most of the frames.
        why: Unusable,
    },
}

/// Why somebody was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Resembles nobody on the whitelist enough.
    NotListed,
    /// Is on the whitelist, but switched off.
    Disabled,
    /// The whitelist holds no template that could match.
    EmptyWhitelist,
}

/// The decisions of one door. Its size is bounded whatever it is fed.
#[derive(Debug)]
pub struct Access {
    policy: Policy,
    window: Window,
    quiet: Quiet,
    /// Frames taken at or before this count for nothing: they were overtaken by
    /// another frame, or by a loss or a change that voids them.
    floor: Option<Instant>,
}

impl Access {
    /// A machine that has seen nothing yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            window: Window::default(),
            quiet: Quiet::default(),
            floor: None,
        }
    }

    /// Takes one input at the time `now` and gives the decisions that follow.
    ///
    /// A frame counts only if it was taken after every frame seen before and
    /// after the last loss or change, not after `now`, and not longer ago than
    /// [`Policy::max_frame_age`]. Decisions concern only faces in that very frame:
    ///
    /// * grant: one enabled person is nearest to a face at or above the threshold, and
    ///   was nearest to that same face in [`Policy::frames`] frames within
    ///   [`Policy::window`], this one among them. Each frame counts
    ///   for one grant of a person only, and after it that person is not granted
    ///   again for [`Policy::cooldown`];
    /// * refusal, disabled: likewise for a disabled person;
    /// * refusal, not listed: as many frames showed a face below the threshold, and
    ///   none in the window recognised anybody. The second half keeps a listed person
    ///   whose first, small and blurred frames fall short from being refused;
    /// * refusal, empty whitelist: as many frames showed a face and no gallery;
    /// * cannot judge: twice as many frames held only unusable faces, and none in
    ///   the window recognised anybody.
    ///
    /// The last four are each said once in [`Policy::cooldown`]; they never delay a
    /// grant.
    pub fn step(&mut self, now: Instant, input: Input) -> Vec<Decision> {
        match input {
            Input::Frame(sighting) => return self.judge(now, &sighting),
            Input::PolicyChanged(policy) => {
                self.policy = policy;
                self.forget(now);
            }
            // A frame taken before the event may still arrive after it.
            Input::CameraLost | Input::GalleryChanged => self.forget(now),
        }
        Vec::new()
    }

    /// How long a person who was granted is not granted again.
    pub fn cooldown(&self) -> Duration {
        self.policy.cooldown
    }

    fn forget(&mut self, now: Instant) {
        self.window.clear();
        self.floor = self.floor.max(Some(now));
    }

    fn judge(&mut self, now: Instant, sighting: &Sighting) -> Vec<Decision> {
        let taken_at = sighting.taken_at;
        let fresh = now
            .checked_duration_since(taken_at)
            .is_some_and(|age| age <= self.policy.max_frame_age);
        if !fresh || self.floor.is_some_and(|floor| taken_at <= floor) {
            return Vec::new();
        }
        self.floor = Some(taken_at);
        self.quiet.expire(now);

        let ballot = Ballot::count(sighting, self.policy.threshold);
        let here = ballot.summary();
        self.window.push(ballot, self.policy.window);

        let mut decisions = Vec::new();
        for vote in here.votes.iter().filter(|v| v.reached) {
            if vote.enabled {
                decisions.extend(self.grant(now, vote));
            } else {
                decisions.extend(self.refuse_disabled(now, vote));
            }
        }
        // Never true in a frame that recognised somebody.
        let nobody = !self.window.recognised_anybody();
        if here.unlisted && nobody {
            decisions.extend(self.refuse_unlisted(now));
        }
        if here.empty_gallery {
            decisions.extend(self.refuse_all(now));
        }
        if here.unusable && nobody {
            decisions.extend(self.cannot_judge(now));
        }
        decisions
    }

    fn needed(&self) -> usize {
        self.policy.frames.max(1)
    }

    fn grant(&mut self, now: Instant, vote: &Vote) -> Option<Decision> {
        let frames = self.window.agreeing(vote);
        let topic = Topic::Granted(vote.person);
        if frames < self.needed()
            || self.quiet.about(topic)
            || !self.quiet.start(topic, now, self.policy.cooldown)
        {
            return None;
        }
        self.window.spend(vote);
        Some(Decision::Grant {
            person: vote.person,
            track: vote.track,
            score: vote.score,
            threshold: self.policy.threshold,
            frames,
        })
    }

    fn refuse_disabled(&mut self, now: Instant, vote: &Vote) -> Option<Decision> {
        let frames = self.window.agreeing(vote);
        let nearest = Candidate {
            track: vote.track,
            person: vote.person,
            score: vote.score,
            enabled: false,
        };
        let refusal = self.refuse(now, Refusal::Disabled, Some(nearest), frames)?;
        self.window.spend(vote);
        Some(refusal)
    }

    fn refuse_unlisted(&mut self, now: Instant) -> Option<Decision> {
        let (nearest, frames) = self.window.unlisted()?;
        let refusal = self.refuse(now, Refusal::NotListed, Some(nearest), frames)?;
        self.window.spend_unlisted();
        Some(refusal)
    }

    fn refuse_all(&mut self, now: Instant) -> Option<Decision> {
        let frames = self.window.without_gallery();
        let refusal = self.refuse(now, Refusal::EmptyWhitelist, None, frames)?;
        self.window.spend_without_gallery();
        Some(refusal)
    }

    fn refuse(
        &mut self,
        now: Instant,
        why: Refusal,
        nearest: Option<Candidate>,
        frames: usize,
    ) -> Option<Decision> {
        let topic = Topic::Refused(why);
        if frames < self.needed()
            || self.quiet.about(topic)
            || !self.quiet.start(topic, now, self.policy.cooldown)
        {
            return None;
        }
        Some(Decision::Refuse {
            why,
            nearest,
            threshold: self.policy.threshold,
            frames,
        })
    }

    fn cannot_judge(&mut self, now: Instant) -> Option<Decision> {
        let (why, frames) = self.window.unusable()?;
        if frames < self.needed().saturating_mul(2)
            || self.quiet.about(Topic::CannotJudge)
            || !self
                .quiet
                .start(Topic::CannotJudge, now, self.policy.cooldown)
        {
            return None;
        }
        self.window.spend_unusable();
        Some(Decision::CannotJudge { why })
    }
}
