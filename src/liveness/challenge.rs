//! The challenge: a few movements in an order nobody can know before, asked one after the
//! other, and done by one and the same head.
//!
//! What holds for whatever it is told (`challenge_properties.rs`):
//!
//! 1. it is passed only after each step was prompted, and begun after its prompt, in order;
//! 2. a turn counts only with depth: by the landmarks and by the tracked points, in each of
//!    [`MIN_FRAMES`] frames in a row;
//! 3. a step counts only with a face that is the claimed person's in a frame that shows it;
//! 4. it fails for good by another movement, one that was begun before anybody can have seen
//!    the prompt, another face, or time.

use std::time::{Duration, Instant};

use super::pose::Pose;
use super::steps::{MAX_STEPS_COUNT, Step};

/// Nobody reacts to a light earlier: what moves sooner was recorded before. People who choose
/// between several movements take 0.3 to 0.5 s.
pub(crate) const MIN_REACTION_TIME: Duration = Duration::from_millis(200);
/// A movement is one when so many frames in a row show it: one landmark that jumps is none.
pub(crate) const MIN_FRAMES: u32 = 2;
/// The nose's way by which a turn is one, in eye distances: a head at 26° shows 0.18 to 0.23, a
/// picture that is bent by hand 0.03.
pub(crate) const MIN_TURN: f32 = 0.12;
/// The way beyond which a movement has begun: landmarks of a face that stands still jump by 0.02.
const MIN_BEGUN_TURN: f32 = 0.06;
/// What the tracked points must show of a turn, in eye distances: a head shows 0.24 at 26°, a
/// flat picture that is bent by hand 0.026, one that is turned close to the camera 0.03.
pub(crate) const MIN_DEPTH: f32 = 0.07;
/// How much larger a face is that came closer, and when that has begun. People who stand sway
/// by 3 %.
pub(crate) const MIN_GROWTH: f32 = 1.15;
const MIN_BEGUN_GROWTH: f32 = 1.07;
/// A frame that is judged later than this after its step's time counts for nothing.
const MAX_LAG: Duration = Duration::from_millis(1000);

/// Why a challenge was not passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Another movement than the one asked for.
    WrongStep,
    /// It began before the prompt can have been seen.
    TooEarly,
    TooLate,
    /// Another face, or none that could be compared.
    IdentityLost,
    /// The movement of a picture: without depth.
    Flat,
}

/// Where and how a challenge failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failed {
    pub failure: Failure,
    /// What was asked for, and which of how many steps that was, from 1 on.
    pub asked: Step,
    pub number: usize,
    pub steps: usize,
    /// Since the prompt.
    pub after: Duration,
    /// The largest movement since then: of a turn in eye distances; coming closer, how many times as large.
    /// With [`Failure::WrongStep`] that of the other movement.
    pub shown: f32,
    /// What tracked points showed of it, in eye distances; nothing if they were lost.
    pub depth: Option<f32>,
}

/// A challenge that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    pub steps: usize,
    /// From the first prompt on.
    pub took: Duration,
}

/// Whose a face is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The claimed person's, by this very frame.
    Same,
    Another,
    /// It was not compared, or resembles nobody enough.
    Unsure,
}

/// What one frame shows of the face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shown {
    /// When it was taken.
    pub(crate) at: Instant,
    /// Since the face was neutral.
    pub(crate) pose: Pose,
    /// What the tracked points show since the prompt, signed as [`Pose::across`] and
    /// [`Pose::down`], in eye distances; nothing if they were lost.
    pub(crate) depth: Option<[f32; 2]>,
    pub(crate) identity: Identity,
}

/// What the challenge is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Input {
    Face(Shown),
    /// The face is another's, or gone.
    Lost,
    /// Time has passed.
    Tick,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Progress {
    /// This is asked for.
    Asks(Step),
    Passed(Passed),
    Failed(Failed),
}

/// A movement from when it has begun.
#[derive(Debug, Clone, Copy)]
struct Movement {
    step: Step,
    since: Instant,
    /// Frames in a row that show all of it.
    frames: u32,
}

impl Movement {
    fn is_shown(&self) -> bool {
        self.frames >= MIN_FRAMES
    }
}

/// One challenge of one face.
#[derive(Debug)]
pub(crate) struct Challenge {
    steps: Vec<Step>,
    step_time: Duration,
    done: usize,
    begun_at: Instant,
    prompted_at: Instant,
    /// The size the face had when the step was prompted.
    growth: f32,
    turning: Option<Movement>,
    coming: Option<Movement>,
    /// The newest frame and input.
    frame_at: Option<Instant>,
    clock: Instant,
    /// The most of what was asked for since the prompt.
    most: f32,
    depth: Option<f32>,
    /// Whether what was asked for was shown, and with depth.
    was_shown: bool,
    had_depth: bool,
    ended: Option<Progress>,
}

impl Challenge {
    /// Asks for the first of `steps` at `now`, of a face that looks at the camera; each has to
    /// be done within `step_time`. No steps are one that fails.
    pub(crate) fn new(mut steps: Vec<Step>, step_time: Duration, now: Instant) -> Self {
        steps.truncate(MAX_STEPS_COUNT);
        Self {
            steps,
            step_time,
            done: 0,
            begun_at: now,
            prompted_at: now,
            growth: 1.0,
            turning: None,
            coming: None,
            frame_at: None,
            clock: now,
            most: 0.0,
            depth: None,
            was_shown: false,
            had_depth: false,
            ended: None,
        }
    }

    /// Takes one input at `now` and says what follows; once it has ended, how.
    pub(crate) fn step(&mut self, now: Instant, input: Input) -> Progress {
        if let Some(ended) = self.ended {
            return ended;
        }
        let now = now.max(self.clock);
        self.clock = now;
        let progress = match self.steps.get(self.done).copied() {
            Some(asked) => self.judge(now, asked, input),
            None => self.failed(now, Step::LookUp, Failure::TooLate),
        };
        if !matches!(progress, Progress::Asks(_)) {
            self.ended = Some(progress);
        }
        progress
    }

    /// Whether it would be done if the face were known to be the person's.
    pub(crate) fn wants_identity(&self) -> bool {
        let asked = self.steps.get(self.done);
        let movements = [self.turning, self.coming];
        let mut movements = movements.iter().flatten();
        movements.any(|m| Some(&m.step) == asked && m.frames > 0)
    }

    fn judge(&mut self, now: Instant, asked: Step, input: Input) -> Progress {
        let deadline = self.prompted_at + self.step_time;
        let shown = match input {
            Input::Lost => return self.failed(now, asked, Failure::IdentityLost),
            Input::Face(shown) if shown.identity == Identity::Another => {
                return self.failed(now, asked, Failure::IdentityLost);
            }
            // The newest frame may still be on its way.
            Input::Tick if now > deadline + MAX_LAG => return self.late(now, asked),
            Input::Tick => return Progress::Asks(asked),
            Input::Face(shown) => shown,
        };
        if shown.at > deadline || now > deadline + MAX_LAG {
            return self.late(now, asked);
        }
        if shown.at > now || self.frame_at.is_some_and(|before| shown.at <= before) {
            return Progress::Asks(asked);
        }
        self.frame_at = Some(shown.at);
        self.follow(&shown);
        // What a frame shows that was taken before the prompt is no answer to it.
        if shown.at <= self.prompted_at {
            return Progress::Asks(asked);
        }
        let depth = depth_of(asked, &shown);
        self.most = self.most.max(size_of(asked, &shown.pose, self.growth));
        self.depth = match (self.depth, depth) {
            (Some(before), Some(now)) => Some(before.max(now)),
            (before, now) => before.or(now),
        };
        for movement in [self.turning, self.coming].into_iter().flatten() {
            if !movement.is_shown() || self.is_left_over(&movement) {
                continue;
            }
            if movement.step != asked {
                self.most = size_of(movement.step, &shown.pose, self.growth);
                self.depth = depth_of(movement.step, &shown);
                return self.failed(now, asked, Failure::WrongStep);
            }
            if movement.since < self.prompted_at + MIN_REACTION_TIME {
                return self.failed(now, asked, Failure::TooEarly);
            }
            self.was_shown = true;
            let has_depth = asked == Step::ComeCloser || depth.is_some_and(|d| d >= MIN_DEPTH);
            self.had_depth |= has_depth;
            if has_depth && shown.identity == Identity::Same {
                return self.advance(now, &shown);
            }
        }
        Progress::Asks(asked)
    }

    /// Where the movements are by this frame.
    fn follow(&mut self, shown: &Shown) {
        let pose = &shown.pose;
        let continued = |before: Option<Movement>, step: Option<Step>, is_full: bool| {
            let step = step?;
            let known = before.filter(|m| m.step == step);
            let mut movement = known.unwrap_or(Movement {
                step,
                since: shown.at,
                frames: 0,
            });
            movement.frames = if is_full { movement.frames + 1 } else { 0 };
            Some(movement)
        };
        let turn = turned(pose, MIN_BEGUN_TURN);
        let is_full = turn.is_some() && turned(pose, MIN_TURN) == turn;
        self.turning = continued(self.turning, turn, is_full);
        let growth = pose.growth / self.growth;
        let came = (growth >= MIN_BEGUN_GROWTH).then_some(Step::ComeCloser);
        self.coming = continued(self.coming, came, growth >= MIN_GROWTH);
    }

    /// Whether it is what was asked for before, which nobody ends at once.
    fn is_left_over(&self, movement: &Movement) -> bool {
        let before = self.done.checked_sub(1).and_then(|n| self.steps.get(n));
        let is_before = before == Some(&movement.step);
        is_before && (movement.step == Step::ComeCloser || movement.since <= self.prompted_at)
    }

    fn advance(&mut self, now: Instant, shown: &Shown) -> Progress {
        self.done += 1;
        self.prompted_at = now;
        self.growth = shown.pose.growth;
        (self.coming, self.most, self.depth) = (None, 0.0, None);
        (self.was_shown, self.had_depth) = (false, false);
        match self.steps.get(self.done) {
            Some(next) => Progress::Asks(*next),
            None => Progress::Passed(Passed {
                steps: self.steps.len(),
                took: now.saturating_duration_since(self.begun_at),
            }),
        }
    }

    /// Its time is over: what was missing.
    fn late(&self, now: Instant, asked: Step) -> Progress {
        let failure = match (self.was_shown, self.had_depth) {
            (false, _) => Failure::TooLate,
            (true, false) => Failure::Flat,
            (true, true) => Failure::IdentityLost,
        };
        self.failed(now, asked, failure)
    }

    fn failed(&self, now: Instant, asked: Step, failure: Failure) -> Progress {
        Progress::Failed(Failed {
            failure,
            asked,
            number: self.done + 1,
            steps: self.steps.len(),
            after: now.saturating_duration_since(self.prompted_at),
            shown: self.most,
            depth: self.depth,
        })
    }
}

/// Where a face is turned to by at least so much; the larger turn if there are two. Its own left
/// is the viewer's right.
fn turned(pose: &Pose, least: f32) -> Option<Step> {
    let (across, up) = (pose.across, -pose.down);
    if across.abs() < least && up < least {
        None
    } else if up > across.abs() {
        Some(Step::LookUp)
    } else if across > 0.0 {
        Some(Step::TurnLeft)
    } else {
        Some(Step::TurnRight)
    }
}

/// How far a step is done.
fn size_of(step: Step, pose: &Pose, growth: f32) -> f32 {
    match step {
        Step::TurnLeft => pose.across,
        Step::TurnRight => -pose.across,
        Step::LookUp => -pose.down,
        Step::ComeCloser => pose.growth / growth,
    }
}

/// What the tracked points show of a turn. Coming closer shows no depth that could be told from
/// a picture's.
fn depth_of(step: Step, shown: &Shown) -> Option<f32> {
    let [across, down] = shown.depth?;
    match step {
        Step::TurnLeft => Some(across),
        Step::TurnRight => Some(-across),
        Step::LookUp => Some(-down),
        Step::ComeCloser => None,
    }
}
