//! What holds of a challenge over any sequence of frames, faces and times.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::challenge::*;
use super::pose::Pose;
use super::steps::*;

const STEP_TIME: Duration = Duration::from_millis(2000);

#[derive(Debug, Clone, Copy)]
enum Towards {
    Nothing,
    /// What is asked for.
    Asked,
    This(Step),
}

#[derive(Debug, Clone, Copy)]
enum Act {
    /// After so many milliseconds; how far of a whole movement, with which part of the depth.
    Frame {
        wait_ms: u64,
        lag_ms: u64,
        towards: Towards,
        amount: f32,
        depth: Option<f32>,
        identity: Identity,
    },
    /// All that a head does when asked, after so long.
    Answer(u64),
    Lost,
    Tick(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let towards = prop_oneof![
        2 => Just(Towards::Nothing),
        4 => Just(Towards::Asked),
        1 => prop::sample::select(&Step::ALL[..]).prop_map(Towards::This),
    ];
    let identity = prop_oneof![
        8 => Just(Identity::Same),
        4 => Just(Identity::Unsure),
        1 => Just(Identity::Another),
    ];
    let depth = prop::option::weighted(0.9, 0.3f32..1.3);
    prop_oneof![
        20 => (1u64..400, 0u64..1500, towards, 0.0f32..1.3, depth, identity).prop_map(
            |(wait_ms, lag_ms, towards, amount, depth, identity)| Act::Frame {
                wait_ms,
                lag_ms: if lag_ms > 1200 { lag_ms } else { lag_ms / 12 },
                towards,
                amount,
                depth,
                identity,
            }
        ),
        10 => (150u64..900).prop_map(Act::Answer),
        1 => Just(Act::Lost),
        2 => (1u64..2500).prop_map(Act::Tick),
    ]
}

/// A frame as the challenge was told of it.
#[derive(Debug, Clone, Copy)]
struct Told {
    at: Instant,
    now: Instant,
    pose: Pose,
    depth: Option<[f32; 2]>,
    identity: Identity,
}

/// A pose that shows so much of a movement, from where a step began.
fn pose(step: Step, amount: f32, growth: f32) -> Pose {
    let turn = MIN_TURN * 1.3 * amount;
    let front = Pose {
        growth,
        ..Pose::NEUTRAL
    };
    match step {
        Step::TurnLeft => Pose {
            across: turn,
            ..front
        },
        Step::TurnRight => Pose {
            across: -turn,
            ..front
        },
        Step::LookUp => Pose {
            down: -turn,
            ..front
        },
        Step::ComeCloser => Pose {
            growth: growth * (1.0 + (MIN_GROWTH - 1.0) * 1.3 * amount),
            ..front
        },
    }
}

fn depth_towards(step: Step, amount: f32) -> [f32; 2] {
    let depth = MIN_DEPTH * 1.3 * amount;
    match step {
        Step::TurnLeft => [depth, 0.0],
        Step::TurnRight => [-depth, 0.0],
        Step::LookUp => [0.0, -depth],
        Step::ComeCloser => [0.0, 0.0],
    }
}

/// Whether the frames since a prompt, told in order, show the step as it has to be done: the last
/// of them and the one before, in time, begun late enough, with depth, by the person.
fn shows(step: Step, frames: &[Told], prompted_at: Instant, growth: f32) -> bool {
    let amount = |f: &Told| match step {
        Step::TurnLeft => f.pose.across / MIN_TURN,
        Step::TurnRight => -f.pose.across / MIN_TURN,
        Step::LookUp => -f.pose.down / MIN_TURN,
        Step::ComeCloser => (f.pose.growth / growth - 1.0) / (MIN_GROWTH - 1.0),
    };
    let [.., before, last] = frames else {
        return false;
    };
    let whole = |f: &Told| amount(f) >= 0.999;
    let deep = |f: &Told| {
        let [across, down] = f.depth.unwrap_or_default();
        match step {
            Step::TurnLeft => across >= MIN_DEPTH,
            Step::TurnRight => -across >= MIN_DEPTH,
            Step::LookUp => -down >= MIN_DEPTH,
            Step::ComeCloser => true,
        }
    };
    // From half of it on it has begun, and not before anybody can have seen the prompt.
    let run = frames.iter().rev().take_while(|f| amount(f) > 0.51);
    let begun_at = run.last().map(|f| f.at);
    let was_begun = begun_at.is_none_or(|at| at < prompted_at + MIN_REACTION_TIME);
    whole(before)
        && whole(last)
        && deep(last)
        && last.identity == Identity::Same
        && last.at > prompted_at
        && last.at <= prompted_at + STEP_TIME
        && !was_begun
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn nobody_passes_without_every_step_in_order_after_its_prompt_by_one_face(
        count in 1usize..4, seed: u64, acts in prop::collection::vec(act(), 1..60))
    {
        let mut random = fastrand::Rng::with_seed(seed);
        let steps = sequence(count, |below| random.usize(..below));
        let start = Instant::now();
        let mut challenge = Challenge::new(steps.clone(), STEP_TIME, start);
        let (mut now, mut prompted_at, mut done) = (start, start, 0);
        let (mut frames, mut growth): (Vec<Told>, f32) = (Vec::new(), 1.0);
        let mut ended: Option<Progress> = None;
        let mut inputs: Vec<Act> = Vec::new();
        for act in acts {
            match act {
                Act::Answer(reaction) => {
                    let frame = |wait_ms, amount| Act::Frame {
                        wait_ms,
                        lag_ms: 40,
                        towards: Towards::Asked,
                        amount,
                        depth: Some(1.0),
                        identity: Identity::Same,
                    };
                    let still = Act::Frame {
                        wait_ms: 60,
                        lag_ms: 40,
                        towards: Towards::Nothing,
                        amount: 0.0,
                        depth: Some(0.0),
                        identity: Identity::Same,
                    };
                    inputs.extend([still, frame(reaction, 0.7), frame(70, 1.2), frame(70, 1.2)]);
                }
                act => inputs.push(act),
            }
        }
        for act in inputs {
            let asked = steps.get(done).copied();
            let mut is_lost = false;
            let input = match act {
                Act::Frame { wait_ms, lag_ms, towards, amount, depth, identity } => {
                    now += Duration::from_millis(wait_ms);
                    let at = now - Duration::from_millis(lag_ms);
                    let step = match towards {
                        Towards::Nothing => None,
                        Towards::Asked => asked,
                        Towards::This(step) => Some(step),
                    };
                    let front = Pose { growth, ..Pose::NEUTRAL };
                    let pose = step.map_or(front, |step| pose(step, amount, growth));
                    let depth = depth.zip(step).map(|(d, step)| depth_towards(step, d));
                    is_lost = identity == Identity::Another;
                    // Only frames that are newer than those before count.
                    if at <= now && frames.last().is_none_or(|before| at > before.at) {
                        frames.push(Told { at, now, pose, depth, identity });
                    }
                    Input::Face(Shown { at, pose, depth, identity })
                }
                Act::Lost => {
                    is_lost = true;
                    Input::Lost
                }
                Act::Tick(wait_ms) => {
                    now += Duration::from_millis(wait_ms);
                    Input::Tick
                }
                Act::Answer(_) => continue,
            };
            let progress = challenge.step(now, input);
            if let Some(ended) = ended {
                prop_assert_eq!(progress, ended, "it went on after its end");
                continue;
            }
            if is_lost {
                prop_assert!(matches!(progress, Progress::Failed(_)), "another face went on");
            }
            let advanced = match progress {
                Progress::Asks(step) => Some(step) != asked,
                Progress::Passed(_) => true,
                Progress::Failed(failed) => {
                    prop_assert_eq!(Some(failed.asked), asked);
                    prop_assert_eq!((failed.number, failed.steps), (done + 1, steps.len()));
                    false
                }
            };
            if advanced {
                prop_assert!(shows(asked.unwrap(), &frames, prompted_at, growth),
                    "what was asked was not done");
                prop_assert_eq!(frames.last().unwrap().now, now);
                growth = frames.last().unwrap().pose.growth;
                (done, prompted_at) = (done + 1, now);
            }
            match progress {
                Progress::Asks(step) => prop_assert_eq!(step, *steps.get(done).unwrap()),
                Progress::Passed(passed) => {
                    prop_assert_eq!(done, steps.len());
                    prop_assert_eq!(passed.took, now - start);
                    ended = Some(progress);
                }
                Progress::Failed(_) => ended = Some(progress),
            }
            // Nobody is asked for ever.
            if ended.is_none() {
                prop_assert!(now <= prompted_at + STEP_TIME + Duration::from_millis(4000));
            }
        }
    }

    /// None comes twice in a row, one alone shows depth, and there are as many as guessing takes.
    #[test]
    fn sequences_are_as_long_as_guessing_takes(guesses in 2u32..973, seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let count = steps_for(guesses);
        let steps = sequence(count, |below| random.usize(..below));
        prop_assert_eq!(steps.len(), count);
        prop_assert!(steps.windows(2).all(|two| two[0] != two[1]));
        prop_assert!(steps.iter().any(|step| *step != Step::ComeCloser));
        let many = |steps: usize| if steps == 1 { 3 } else { 4 * 3u32.pow(steps as u32 - 1) };
        prop_assert!(many(count) >= guesses);
        prop_assert!(count == 1 || many(count - 1) < guesses);
    }
}

/// The shortest tour through a challenge of two steps, and how each failure is told.
#[test]
fn what_fails_says_how() {
    let start = Instant::now();
    let ms = |n: u64| start + Duration::from_millis(n);
    let steps = vec![Step::TurnLeft, Step::LookUp];
    let frame = |at: u64, step: Step, amount: f32, depth: f32, identity| {
        let shown = Shown {
            at: ms(at),
            pose: pose(step, amount, 1.0),
            depth: Some(depth_towards(step, depth)),
            identity,
        };
        (ms(at + 30), Input::Face(shown))
    };
    use Identity::{Another, Same, Unsure};
    use Step::{ComeCloser, LookUp, TurnLeft, TurnRight};
    let end = |inputs: &[(Instant, Input)]| {
        let mut challenge = Challenge::new(steps.clone(), STEP_TIME, start);
        let all = inputs
            .iter()
            .map(|(now, input)| challenge.step(*now, *input));
        all.last().unwrap()
    };
    let left = [
        frame(400, TurnLeft, 0.7, 0.7, Unsure),
        frame(470, TurnLeft, 1.2, 1.2, Unsure),
        frame(540, TurnLeft, 1.2, 1.2, Same),
    ];
    let up = [
        frame(900, LookUp, 0.7, 0.7, Unsure),
        frame(970, LookUp, 1.2, 1.2, Unsure),
        frame(1040, LookUp, 1.2, 1.2, Same),
    ];
    let took = Duration::from_millis(1070);
    let passed = Progress::Passed(Passed { steps: 2, took });
    assert_eq!(end(&[left, up].concat()), passed);
    assert_eq!(end(&left), Progress::Asks(LookUp));
    let late = [frame(2100, TurnLeft, 1.2, 1.2, Same)];
    let early = [
        frame(150, TurnLeft, 0.7, 0.7, Unsure),
        frame(470, TurnLeft, 1.2, 1.2, Unsure),
        frame(540, TurnLeft, 1.2, 1.2, Same),
    ];
    let other = [0, 70].map(|n| frame(400 + n, TurnRight, 1.2, 1.2, Unsure));
    let closer = [0, 70].map(|n| frame(400 + n, ComeCloser, 1.2, 1.2, Unsure));
    let flat = [400, 470, 2100].map(|at| frame(at, TurnLeft, 1.2, 0.4, Same));
    let unknown = [400, 470, 2100].map(|at| frame(at, TurnLeft, 1.2, 1.2, Unsure));
    let swapped = [frame(400, TurnLeft, 0.7, 0.7, Another)];
    for (inputs, failure) in [
        (&late[..], Failure::TooLate),
        (&early, Failure::TooEarly),
        (&other, Failure::WrongStep),
        (&closer, Failure::WrongStep),
        (&flat, Failure::Flat),
        (&unknown, Failure::IdentityLost),
        (&swapped, Failure::IdentityLost),
    ] {
        let Progress::Failed(failed) = end(inputs) else {
            unreachable!("it does not fail")
        };
        assert_eq!(failed.failure, failure);
        assert_eq!(
            (failed.asked, failed.number, failed.steps),
            (TurnLeft, 1, 2)
        );
    }
    let Progress::Failed(failed) = end(&flat) else {
        unreachable!()
    };
    assert!((failed.shown - MIN_TURN * 1.3 * 1.2).abs() < 1e-4);
    assert!((failed.depth.unwrap() - MIN_DEPTH * 1.3 * 0.4).abs() < 1e-4);
}
