//! One face's attempt at a challenge: from the pictures and landmarks of its frames to what the
//! challenge is told.
//!
//! Nothing is asked before the face has looked at the camera for a moment and held still: that is
//! what its turns are told from, and whoever still walks could not do as asked. Points are
//! followed from each prompt on anew, so that they are still there when they are needed.

use std::time::{Duration, Instant};

use image::RgbImage;

use super::challenge::{Challenge, Identity, Input, Progress, Shown};
use super::parallax::Parallax;
use super::pose::{Landmarks, Pose, middle};
use super::steps::Step;

/// How long a face has to hold still before the first prompt, and in how many frames.
const MIN_STILL_TIME: Duration = Duration::from_millis(180);
const MIN_STILL_FRAMES: usize = 3;
/// How far it may turn and grow meanwhile.
const MAX_STILL_TURN: f32 = 0.09;
const MAX_STILL_GROWTH: f32 = 1.05;
/// A face that is turned by less looks at the camera.
const MAX_FRONT_TURN: f32 = 0.10;
/// Frames that the neutral face is the mean of, at most.
const MAX_STILL_FRAMES: usize = 8;
/// Whoever does not hold still for so long and in so many frames is not asked; the next claim
/// asks anew.
const MAX_RESTLESS_TIME: Duration = Duration::from_secs(5);
const MIN_RESTLESS_FRAMES: u32 = 12;
/// A face that is not found for so long and in so many frames in a row is gone. Points are
/// followed meanwhile.
const MAX_UNSEEN_TIME: Duration = Duration::from_millis(900);
const MIN_UNSEEN_FRAMES: u32 = 3;

/// The face in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FaceNow {
    pub(crate) landmarks: Landmarks,
    pub(crate) identity: Identity,
}

/// Where an attempt is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing {
    /// Nothing is asked yet.
    Settling,
    /// Nothing was asked, and will not be: the face did not hold still.
    Lapsed,
    Asked(Progress),
}

impl Standing {
    /// Whether more frames are looked at.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(self, Self::Settling | Self::Asked(Progress::Asks(_)))
    }
}

/// One face's attempt.
#[derive(Debug)]
pub(crate) struct Attempt {
    steps: Vec<Step>,
    step_time: Duration,
    begun_at: Instant,
    /// The frames in which it held still, the oldest first; the first of them when.
    still: Vec<Landmarks>,
    still_since: Instant,
    neutral: Landmarks,
    challenge: Option<Challenge>,
    parallax: Parallax,
    /// The pose the points are followed from, and where the face was in the frame before.
    anchor: Pose,
    before: Option<Landmarks>,
    seen_at: Instant,
    unseen_frames: u32,
    /// Before the first prompt.
    frames: u32,
    prompt: Option<Step>,
    lapsed: bool,
}

impl Attempt {
    /// Of a face that was claimed at `now`, to be asked for `steps`, each within `step_time`.
    pub(crate) fn new(steps: Vec<Step>, step_time: Duration, now: Instant) -> Self {
        Self {
            steps,
            step_time,
            begun_at: now,
            still: Vec::with_capacity(MAX_STILL_FRAMES),
            still_since: now,
            neutral: Landmarks::default(),
            challenge: None,
            parallax: Parallax::default(),
            anchor: Pose::NEUTRAL,
            before: None,
            seen_at: now,
            unseen_frames: 0,
            frames: 0,
            prompt: None,
            lapsed: false,
        }
    }

    /// Whether the face should be compared in the next frame.
    pub(crate) fn wants_identity(&self) -> bool {
        self.challenge
            .as_ref()
            .is_some_and(Challenge::wants_identity)
    }

    /// Takes a frame taken at `at` and judged at `now`; no face: it was not found.
    pub(crate) fn frame(
        &mut self,
        (at, now): (Instant, Instant),
        picture: &RgbImage,
        face: Option<FaceNow>,
    ) -> Standing {
        if self.challenge.is_none() {
            return self.settle((at, now), picture, face);
        }
        let moved = match (self.before.take(), &face) {
            (Some(before), Some(face)) => {
                let (from, to) = (middle(&before), middle(&face.landmarks));
                [to[0] - from[0], to[1] - from[1]]
            }
            _ => [0.0; 2],
        };
        let depth = self.parallax.step(picture, moved);
        let Some(face) = face else {
            self.unseen_frames += 1;
            return self.unseen(now);
        };
        (self.before, self.seen_at) = (Some(face.landmarks), at);
        self.unseen_frames = 0;
        let Some(pose) = Pose::between(&self.neutral, &face.landmarks) else {
            return self.tell(now, Input::Tick);
        };
        let standing = self.tell(
            now,
            Input::Face(Shown {
                at,
                pose,
                depth,
                identity: face.identity,
            }),
        );
        if let Standing::Asked(Progress::Asks(step)) = standing {
            // Anew where nothing was done yet: points that got lost, and on the way from one side to
            // the other, of which one side hides the other's.
            let is_new = self.prompt != Some(step);
            let is_lost = depth.is_none() && self.anchor.is_near(&pose);
            let is_passing = pose.turn() <= MAX_FRONT_TURN && self.anchor.turn() > MAX_FRONT_TURN;
            if is_new || is_lost || is_passing {
                self.prompt = Some(step);
                self.anchor = pose;
                self.parallax.anchor(picture, &face.landmarks);
            }
        }
        standing
    }

    /// Time has passed without a frame.
    pub(crate) fn tick(&mut self, now: Instant) -> Standing {
        match &self.challenge {
            Some(_) => self.unseen(now),
            None => self.restless(now),
        }
    }

    /// The face is gone, or another took its place.
    pub(crate) fn lost(&mut self, now: Instant) -> Standing {
        if self.challenge.is_none() {
            self.lapsed = true;
            return Standing::Lapsed;
        }
        self.tell(now, Input::Lost)
    }

    fn unseen(&mut self, now: Instant) -> Standing {
        let is_gone = self.unseen_frames >= MIN_UNSEEN_FRAMES
            && now.saturating_duration_since(self.seen_at) > MAX_UNSEEN_TIME;
        let input = if is_gone { Input::Lost } else { Input::Tick };
        self.tell(now, input)
    }

    fn tell(&mut self, now: Instant, input: Input) -> Standing {
        match &mut self.challenge {
            Some(challenge) => Standing::Asked(challenge.step(now, input)),
            None => Standing::Settling,
        }
    }

    fn restless(&mut self, now: Instant) -> Standing {
        self.lapsed |= self.frames >= MIN_RESTLESS_FRAMES
            && now.saturating_duration_since(self.begun_at) > MAX_RESTLESS_TIME;
        match self.lapsed {
            true => Standing::Lapsed,
            false => Standing::Settling,
        }
    }

    fn settle(
        &mut self,
        (at, now): (Instant, Instant),
        picture: &RgbImage,
        face: Option<FaceNow>,
    ) -> Standing {
        self.frames = self.frames.saturating_add(1);
        let standing = self.restless(now);
        let Some(face) = face.filter(|_| standing == Standing::Settling) else {
            return standing;
        };
        let is_still = |first: &Landmarks| {
            Pose::between(first, &face.landmarks).is_some_and(|pose| {
                let growth = pose.growth.max(1.0 / pose.growth);
                pose.turn() <= MAX_STILL_TURN && growth <= MAX_STILL_GROWTH
            })
        };
        if !self.still.first().is_some_and(is_still) {
            self.still.clear();
            self.still_since = at;
        }
        if self.still.len() >= MAX_STILL_FRAMES {
            self.still.remove(0);
        }
        self.still.push(face.landmarks);
        let has_held = at.saturating_duration_since(self.still_since) >= MIN_STILL_TIME;
        if self.still.len() < MIN_STILL_FRAMES || !has_held {
            return standing;
        }
        self.neutral = mean(&self.still);
        self.parallax.anchor(picture, &face.landmarks);
        (self.before, self.seen_at) = (Some(face.landmarks), at);
        self.prompt = self.steps.first().copied();
        let steps = std::mem::take(&mut self.steps);
        self.challenge = Some(Challenge::new(steps, self.step_time, now));
        self.tell(now, Input::Tick)
    }
}

/// The mean of the landmarks, each face's middle at one place.
fn mean(faces: &[Landmarks]) -> Landmarks {
    let count = faces.len().max(1) as f32;
    let mut sum = Landmarks::default();
    for face in faces {
        let [x, y] = middle(face);
        for (sum, point) in sum.iter_mut().zip(face) {
            sum[0] += (point[0] - x) / count;
            sum[1] += (point[1] - y) / count;
        }
    }
    sum
}
