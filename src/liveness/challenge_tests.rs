//! Rendered heads, pictures, recordings and others before a challenge.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use super::challenge::{Failure, Identity, Progress};
use super::render::{Held, NEUTRAL, Shape};
use super::steps::{Step, sequence};
use super::{Attempt, FaceNow, Standing};

const FRAME: Duration = Duration::from_millis(67);
/// From the camera to the judged frame.
const LAG: Duration = Duration::from_millis(60);
const STEP_TIME: Duration = Duration::from_millis(2000);
/// Of MTCNN's landmarks on a face that stands still, in eye distances, and of its pixels.
const LANDMARK_NOISE: f32 = 0.016;
const PIXEL_NOISE: f32 = 2.5;
/// Share of frames in which the face is not found.
const UNSEEN: f32 = 0.03;
/// Rounds of each kind, in the program as it is shipped.
const ROUNDS: u32 = 500;
/// A debug build takes seconds for each.
const FEW_ROUNDS: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Head,
    FlatPicture,
    BentPicture,
    TurnedPicture,
    OtherRecording,
    Swap,
}

const ATTACKS: [Kind; 5] = [
    Kind::FlatPicture,
    Kind::BentPicture,
    Kind::TurnedPicture,
    Kind::OtherRecording,
    Kind::Swap,
];

/// Who answers a challenge.
struct Actor {
    kind: Kind,
    shape: Shape,
    /// What is done, one after the other.
    does: Vec<Step>,
    /// From a prompt to the movement, in seconds, and how long that takes.
    reaction: f32,
    takes: f32,
    /// How far, in radians, and with how much of a bend.
    turn: f32,
    bend: f32,
    /// A recording: when it moves, in seconds after the first prompt, and how often.
    plays: Option<[f32; 2]>,
}

impl Actor {
    fn of(kind: Kind, asked: &[Step], random: &mut fastrand::Rng) -> Self {
        let mut between = |from: f32, to: f32| from + random.f32() * (to - from);
        let person = Self {
            kind,
            shape: Shape::Head(between(0.38, 0.55)),
            does: asked.to_vec(),
            reaction: between(0.25, 0.6),
            takes: between(0.3, 0.5),
            turn: between(0.42, 0.65),
            bend: 0.0,
            plays: None,
        };
        let plays = [between(0.0, 0.6), between(0.6, 1.1)];
        let (turn, bend) = (between(0.4, 0.8), between(0.1, 0.4));
        match kind {
            Kind::Head | Kind::Swap => person,
            Kind::FlatPicture => Self {
                shape: Shape::Picture,
                turn: 0.0,
                ..person
            },
            Kind::BentPicture => Self {
                shape: Shape::Picture,
                turn,
                bend,
                ..person
            },
            Kind::TurnedPicture => Self {
                shape: Shape::Picture,
                turn,
                ..person
            },
            Kind::OtherRecording => {
                let mut does = asked.to_vec();
                while does == asked {
                    does = sequence(asked.len(), |below| random.usize(..below));
                }
                Self {
                    does,
                    plays: Some(plays),
                    ..person
                }
            }
        }
    }

    fn towards(&self, step: Step, from: &Held) -> Held {
        let front = Held {
            yaw: 0.0,
            pitch: 0.0,
            ..*from
        };
        let [yaw, pitch] = match step {
            Step::TurnLeft => [self.turn, 0.0],
            Step::TurnRight => [-self.turn, 0.0],
            Step::LookUp => [0.0, self.turn],
            Step::ComeCloser => {
                let size = from.size * 1.27;
                return Held { size, ..front };
            }
        };
        Held {
            yaw,
            pitch,
            bend: self.bend,
            ..front
        }
    }
}

/// How a challenge of these steps ends, and after how long.
fn play(steps: &[Step], actor: &Actor, random: &mut fastrand::Rng) -> (Standing, Duration) {
    let start = Instant::now();
    let mut attempt = Attempt::new(steps.to_vec(), STEP_TIME, start);
    let gaussian = |random: &mut fastrand::Rng, size: f32| {
        (0..4).map(|_| random.f32() - 0.5).sum::<f32>() * size * 1.73
    };
    let mut held = NEUTRAL;
    let (mut from, mut to, mut moves_at) = (NEUTRAL, NEUTRAL, f32::MAX);
    let mut asked = None;
    let (mut done, mut prompts) = (0, 0);
    for n in 1..150 {
        let at = start + FRAME * n;
        let time = (FRAME * n).as_secs_f32();
        if time >= moves_at
            && to == from
            && let Some(step) = actor.does.get(done)
        {
            (from, to) = (held, actor.towards(*step, &held));
            done += 1;
        }
        let share = ((time - moves_at) / actor.takes).clamp(0.0, 1.0);
        let share = share * share * (3.0 - 2.0 * share);
        let mix = |a: f32, b: f32| a + (b - a) * share;
        let mut sway = || gaussian(random, 0.4);
        held = Held {
            yaw: mix(from.yaw, to.yaw),
            pitch: mix(from.pitch, to.pitch),
            size: mix(from.size, to.size),
            bend: mix(from.bend, to.bend),
            moved: [sway(), sway()],
        };
        // In the middle of the first turn another face takes its place.
        let is_other = actor.kind == Kind::Swap && (prompts > 1 || done > 0 && share > 0.3);
        let face = usize::from(is_other);
        let landmarks = actor
            .shape
            .landmarks(&held, || gaussian(random, LANDMARK_NOISE));
        let picture = actor.shape.picture(face, &held, PIXEL_NOISE, random);
        let identity = match (attempt.wants_identity(), is_other) {
            (false, _) => Identity::Unsure,
            (true, true) => Identity::Another,
            (true, false) => Identity::Same,
        };
        let seen = (random.f32() >= UNSEEN).then_some(FaceNow {
            landmarks,
            identity,
        });
        let standing = attempt.frame((at, at + LAG), &picture, seen);
        match standing {
            Standing::Settling => {}
            Standing::Asked(Progress::Asks(step)) => {
                if asked != Some(step) {
                    asked = Some(step);
                    prompts += 1;
                    let seen_at = time + LAG.as_secs_f32();
                    match actor.plays {
                        None => moves_at = seen_at + actor.reaction,
                        Some([begins, _]) if prompts == 1 => moves_at = seen_at + begins,
                        Some(_) => {}
                    }
                    if actor.plays.is_none() {
                        (from, to) = (held, held);
                    }
                }
            }
            Standing::Lapsed | Standing::Asked(_) => return (standing, at + LAG - start),
        }
        if let Some([_, every]) = actor.plays
            && to != from
            && time - moves_at >= every
        {
            (from, to, moves_at) = (held, held, time);
        }
    }
    (attempt.tick(start + FRAME * 200), FRAME * 150)
}

/// What became of so many rounds of each kind: heads that passed, their times in order, and
/// attacks that did.
fn rounds(count: u32, seed: u64) -> (u32, Vec<Duration>, Vec<(Kind, u32)>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut times = Vec::new();
    let mut ends = std::collections::BTreeMap::<String, u32>::new();
    let mut passed = Vec::new();
    for kind in [Kind::Head].into_iter().chain(ATTACKS) {
        let mut through = 0;
        for _ in 0..count {
            let steps = sequence(2, |below| random.usize(..below));
            let actor = Actor::of(kind, &steps, &mut random);
            let (standing, took) = play(&steps, &actor, &mut random);
            let end = match standing {
                Standing::Asked(Progress::Passed(_)) => {
                    through += 1;
                    times.extend((kind == Kind::Head).then_some(took));
                    "passed".to_owned()
                }
                Standing::Asked(Progress::Failed(failed)) => {
                    if kind == Kind::Head {
                        println!(
                            "{steps:?} {} turn {}: {failed:?}",
                            actor.reaction, actor.turn
                        );
                    }
                    format!("{:?}", failed.failure)
                }
                other => format!("{other:?}"),
            };
            *ends.entry(format!("{kind:?}: {end}")).or_default() += 1;
        }
        passed.push((kind, through));
    }
    println!("{ends:#?}");
    times.sort();
    let heads = passed.remove(0).1;
    (heads, times, passed)
}

#[test]
fn heads_pass_and_whatever_is_no_head_does_not() {
    let (heads, _, attacks) = rounds(FEW_ROUNDS, 1);
    assert_eq!(heads, FEW_ROUNDS);
    assert!(
        attacks.iter().all(|(_, passed)| *passed == 0),
        "{attacks:?}"
    );
}

/// The figures of `docs/managing.md`; see there for how to run it.
#[test]
#[ignore = "thousands of rendered frames: run it optimised"]
fn figures() {
    let (heads, times, attacks) = rounds(ROUNDS, 2);
    let quantile = |q: usize| times.get(times.len() * q / 100).copied();
    println!(
        "{heads} of {ROUNDS} heads passed; they waited {:?}, 95 of 100 at most {:?}, all {:?}",
        quantile(50),
        quantile(95),
        times.last()
    );
    println!("passed, of {ROUNDS} each: {attacks:?}");
    assert!(heads * 100 >= ROUNDS * 99);
    assert!(attacks.iter().all(|(_, passed)| *passed == 0));
}

#[test]
fn a_picture_that_is_turned_is_flat_and_one_that_stands_still_is_too_late() {
    let mut random = fastrand::Rng::with_seed(7);
    let asked = [Step::TurnLeft, Step::LookUp];
    for (kind, failure) in [
        (Kind::FlatPicture, Failure::TooLate),
        (Kind::Swap, Failure::IdentityLost),
    ] {
        let actor = Actor::of(kind, &asked, &mut random);
        let (standing, _) = play(&asked, &actor, &mut random);
        let Standing::Asked(Progress::Failed(failed)) = standing else {
            unreachable!("{kind:?}: {standing:?}")
        };
        assert_eq!((failed.failure, failed.asked), (failure, Step::TurnLeft));
    }
}
