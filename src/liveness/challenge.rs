//! The challenge: a few movements in an order nobody can know before, asked one after the
//! other, and done by one and the same head.
//!
//! What holds for whatever it is told (`properties` in `tests.rs`):
//!
//! 1. it is passed only after each step was prompted, and done after its prompt, in order;
//! 2. a step counts only with depth: by the landmarks and by the tracked points;
//! 3. it fails for good by a wrong turn, one that begins before anybody can have seen
//!    the prompt, too long a pause, or another face; and at the latest after
//!    [`MAX_STEP_TIME`] for each step.

use std::time::{Duration, Instant};

use super::pose::Pose;

/// What somebody may be asked for. Left and right are the person's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    TurnLeft,
    TurnRight,
    ComeCloser,
    /// Towards the light, which is above the camera.
    LookUp,
}

impl Step {
    pub const ALL: [Self; 4] = [
        Self::TurnLeft,
        Self::TurnRight,
        Self::ComeCloser,
        Self::LookUp,
    ];
}

/// Steps of one challenge, at most.
pub const MAX_STEPS_COUNT: usize = 6;
/// A step has to be done so soon after its prompt.
pub(crate) const MAX_STEP_TIME: Duration = Duration::from_millis(2000);
/// Nobody reacts to a light earlier: what moves sooner was recorded before.
pub(crate) const MIN_REACTION_TIME: Duration = Duration::from_millis(150);
/// The nose's way by which a turn is one, in eye distances: less than half of a head's and four
/// times that of a picture bent by hand.
pub(crate) const MIN_TURN: f32 = 0.10;
/// The way beyond which a movement has begun.
const MIN_BEGINNING: f32 = 0.06;
/// What the tracked points must show of a turn, in eye distances.
pub(crate) const MIN_DEPTH: f32 = 0.05;
/// How much larger a face is that came closer, and when that has begun.
const MIN_GROWTH: f32 = 1.15;
const MIN_GROWTH_BEGINNING: f32 = 1.08;

/// Why a challenge was not passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Another movement than the one asked for.
    WrongStep,
    /// Before the prompt can have been seen.
    TooEarly,
    TooLate,
    /// Another face, or none.
    IdentityLost,
    /// The movement of a picture: without depth.
    Flat,
}

/// What the challenge is told of one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Input {
    /// The face since the challenge began, with the depth that the tracked points show, signed as
    /// [`Pose::across`] and [`Pose::down`], in eye distances; nothing if they were lost.
    Face { pose: Pose, depth: Option<[f32; 2]> },
    /// It is another's, or gone.
    Lost,
    /// Time has passed.
    Tick,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// This is asked for.
    Asks(Step),
    Passed,
    Failed(Failure),
}

/// How many steps make guessing the sequence no likelier than 1 in `guesses`.
pub(crate) fn steps_for(guesses: u32) -> usize {
    let mut sequences = Step::ALL.len() as u64;
    let mut steps = 1;
    while sequences < u64::from(guesses) && steps < MAX_STEPS_COUNT {
        sequences *= Step::ALL.len() as u64 - 1;
        steps += 1;
    }
    steps
}

/// A sequence of `count` steps (1 to [`MAX_STEPS_COUNT`]), none twice in a row, so that of two
/// one shows depth, and one alone does. `random` gives a number below the one it is given.
pub(crate) fn sequence(count: usize, mut random: impl FnMut(usize) -> usize) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::with_capacity(MAX_STEPS_COUNT);
    for _ in 0..count.clamp(1, MAX_STEPS_COUNT) {
        let alone = count <= 1;
        let others = Step::ALL
            .iter()
            .filter(|s| steps.last() != Some(s) && !(alone && **s == Step::ComeCloser));
        let choices = others.clone().count();
        let chosen = random(choices).min(choices.saturating_sub(1));
        let next = others.copied().nth(chosen);
        steps.extend(next);
    }
    steps
}

/// One challenge of one face.
#[derive(Debug)]
pub(crate) struct Challenge {
    steps: Vec<Step>,
    done: usize,
    prompted_at: Instant,
    /// The size the face had when the step was prompted.
    growth: f32,
    /// Where it was turned to then and still is: no answer to the prompt.
    still: Option<Step>,
    clock: Instant,
    ended: Option<Progress>,
}

impl Challenge {
    /// Asks for the first of `steps` at `now`, of a face that looks at the camera. Without
    /// steps it is failed.
    pub(crate) fn new(steps: Vec<Step>, now: Instant) -> Self {
        let ended = steps
            .is_empty()
            .then_some(Progress::Failed(Failure::TooLate));
        Self {
            steps,
            done: 0,
            prompted_at: now,
            growth: 1.0,
            still: None,
            clock: now,
            ended,
        }
    }

    /// Takes one input at `now`.
    pub(crate) fn step(&mut self, now: Instant, input: Input) -> Progress {
        if let Some(ended) = self.ended {
            return ended;
        }
        let progress = self.judge(now, input);
        self.clock = now;
        if !matches!(progress, Progress::Asks(_)) {
            self.ended = Some(progress);
        }
        progress
    }

    fn judge(&mut self, now: Instant, input: Input) -> Progress {
        let Some(&asked) = self.steps.get(self.done) else {
            return Progress::Failed(Failure::TooLate);
        };
        let waited = now.checked_duration_since(self.prompted_at);
        let in_time = waited.is_some_and(|waited| waited <= MAX_STEP_TIME) && now >= self.clock;
        if !in_time {
            return Progress::Failed(Failure::TooLate);
        }
        let (pose, depth) = match input {
            Input::Face { pose, depth } => (pose, depth),
            Input::Lost => return Progress::Failed(Failure::IdentityLost),
            Input::Tick => return Progress::Asks(asked),
        };
        let turned = |least| turned(&pose, least);
        if self.still.is_some() && turned(MIN_BEGINNING) != self.still {
            self.still = None;
        }
        let growth = pose.growth / self.growth;
        let came = |least| (growth >= least).then_some(Step::ComeCloser);
        let new = |step: Option<Step>| step.filter(|step| self.still != Some(*step));
        let has_begun = new(turned(MIN_BEGINNING)).or(came(MIN_GROWTH_BEGINNING));
        if waited.is_some_and(|waited| waited < MIN_REACTION_TIME) && has_begun.is_some() {
            return Progress::Failed(Failure::TooEarly);
        }
        // Whoever turns also leans a little: what was asked for goes first.
        let both = [new(turned(MIN_TURN)), came(MIN_GROWTH)];
        let done = if both.contains(&Some(asked)) {
            asked
        } else if let [Some(other), _] | [None, Some(other)] = both {
            return Progress::Failed(match other {
                Step::ComeCloser => return Progress::Asks(asked),
                _ => Failure::WrongStep,
            });
        } else {
            return Progress::Asks(asked);
        };
        match has_depth(done, depth) {
            Some(true) => {}
            Some(false) => return Progress::Failed(Failure::Flat),
            // The points may be lost in one frame; lost in all, it comes too late.
            None => return Progress::Asks(asked),
        }
        self.done += 1;
        self.prompted_at = now;
        (self.growth, self.still) = (pose.growth, turned(MIN_BEGINNING));
        match self.steps.get(self.done) {
            Some(next) => Progress::Asks(*next),
            None => Progress::Passed,
        }
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

/// Whether the tracked points went the same way; nothing if they were lost. Coming closer shows
/// no depth that could be told from a picture's.
fn has_depth(step: Step, depth: Option<[f32; 2]>) -> Option<bool> {
    let least = |depth: f32| depth >= MIN_DEPTH;
    match step {
        Step::ComeCloser => Some(true),
        Step::TurnLeft => depth.map(|[across, _]| least(across)),
        Step::TurnRight => depth.map(|[across, _]| least(-across)),
        Step::LookUp => depth.map(|[_, down]| least(-down)),
    }
}
