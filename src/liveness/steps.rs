//! What somebody may be asked for, and sequences of it.

use std::fmt;

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

/// As it is said to whoever stands there.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TurnLeft => "turn left",
            Self::TurnRight => "turn right",
            Self::ComeCloser => "come closer",
            Self::LookUp => "look at the light",
        })
    }
}

/// Steps of one challenge, at most.
pub(crate) const MAX_STEPS_COUNT: usize = 6;

/// How many steps make guessing the sequence no likelier than 1 in `guesses`.
pub(crate) fn steps_for(guesses: u32) -> usize {
    // Alone, coming closer would show no depth.
    let mut sequences = Step::ALL.len() as u64 - 1;
    let mut steps = 1;
    while sequences < u64::from(guesses) && steps < MAX_STEPS_COUNT {
        steps += 1;
        sequences = sequences_of(steps);
    }
    steps
}

/// How many sequences of so many steps there are.
fn sequences_of(steps: usize) -> u64 {
    let others = Step::ALL.len() as u64 - 1;
    match steps {
        0 => 0,
        1 => others,
        more => (1..more).fold(Step::ALL.len() as u64, |all, _| all.saturating_mul(others)),
    }
}

/// A sequence of `count` steps (1 to [`MAX_STEPS_COUNT`]), each equally likely. None comes twice
/// in a row, so that of two one shows depth, and one alone does. `random` gives a number below
/// the one it is given, each equally likely.
pub(crate) fn sequence(count: usize, mut random: impl FnMut(usize) -> usize) -> Vec<Step> {
    let count = count.clamp(1, MAX_STEPS_COUNT);
    let mut steps: Vec<Step> = Vec::with_capacity(count);
    for _ in 0..count {
        let may_come = |step: &&Step| {
            steps.last() != Some(*step) && !(count == 1 && **step == Step::ComeCloser)
        };
        let choices = Step::ALL.iter().filter(may_come);
        let chosen = random(choices.clone().count());
        let next = choices.copied().nth(chosen);
        steps.extend(next);
    }
    steps
}
