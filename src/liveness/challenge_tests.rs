#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::challenge::*;
use super::luma::Pyramid;
use super::parallax::Parallax;
use super::pose::Pose;
use super::render::{EYES_PIXELS, Held, NEUTRAL, Shape};

const FRAME: Duration = Duration::from_millis(67);
/// Of MTCNN's landmarks on a face that stands still, in eye distances.
const LANDMARK_NOISE: f32 = 0.012;
const PIXEL_NOISE: f32 = 2.5;

/// Who answers a challenge.
struct Actor {
    shape: Shape,
    /// From the prompt to the movement.
    reaction: Duration,
    /// What is done at the prompts, one after the other, whatever is asked.
    does: Vec<Step>,
    /// How far, in radians.
    turn: f32,
    /// Whether somebody else's face is there from the second step on.
    swaps: bool,
}

fn towards(step: Step, from: Held, turn: f32) -> Held {
    let held = Held {
        yaw: 0.0,
        pitch: 0.0,
        ..from
    };
    match step {
        Step::TurnLeft => Held { yaw: turn, ..held },
        Step::TurnRight => Held { yaw: -turn, ..held },
        Step::LookUp => Held {
            pitch: turn,
            ..held
        },
        Step::ComeCloser => Held {
            size: from.size * 1.25,
            ..held
        },
    }
}

/// How a challenge of these steps ends.
fn play(steps: &[Step], actor: &Actor, random: &mut fastrand::Rng) -> Progress {
    let start = Instant::now();
    let mut challenge = Challenge::new(steps.to_vec(), start);
    let mut gaussian = |random: &mut fastrand::Rng, size: f32| {
        (0..4).map(|_| random.f32() - 0.5).sum::<f32>() * size * 1.73
    };
    let neutral = actor
        .shape
        .landmarks(&NEUTRAL, || gaussian(random, LANDMARK_NOISE));
    let mut pyramid = Pyramid::default();
    pyramid.take(&actor.shape.picture(&NEUTRAL, PIXEL_NOISE, random));
    let mut parallax = Parallax::new(&pyramid, &neutral);
    let (mut from, mut to) = (NEUTRAL, NEUTRAL);
    let (mut asked, mut prompts, mut moved_at) = (None, 0, start);
    for n in 1..200 {
        let now = start + FRAME * n;
        let done = now.saturating_duration_since(moved_at).as_secs_f32() / 0.4;
        let mix = |a: f32, b: f32| a + (b - a) * done.clamp(0.0, 1.0);
        let mut sway = || gaussian(random, 0.6);
        let held = Held {
            yaw: mix(from.yaw, to.yaw),
            pitch: mix(from.pitch, to.pitch),
            size: mix(from.size, to.size),
            moved: [sway(), sway()],
        };
        let landmarks = actor
            .shape
            .landmarks(&held, || gaussian(random, LANDMARK_NOISE));
        pyramid.take(&actor.shape.picture(&held, PIXEL_NOISE, random));
        let depth = parallax.step(&pyramid, [0.0; 2]);
        let pose = Pose::between(&neutral, &landmarks).unwrap();
        let input = if actor.swaps && prompts > 1 {
            Input::Lost
        } else {
            Input::Face { pose, depth }
        };
        let progress = challenge.step(now, input);
        let Progress::Asks(_) = progress else {
            return progress;
        };
        // A new prompt is seen by whoever looks.
        if asked != Some(progress) {
            asked = Some(progress);
            if let Some(&step) = actor.does.get(prompts) {
                from = held;
                to = towards(step, held, actor.turn);
                moved_at = now + actor.reaction;
            }
            prompts += 1;
        }
    }
    challenge.step(start + FRAME * 200, Input::Tick)
}

fn random_steps(random: &mut fastrand::Rng) -> Vec<Step> {
    sequence(2, |below| random.usize(..below))
}

fn person(steps: &[Step], random: &mut fastrand::Rng) -> Actor {
    Actor {
        shape: Shape::Head,
        reaction: Duration::from_millis(random.u64(250..600)),
        does: steps.to_vec(),
        turn: random.f32() * 0.2 + 0.38,
        swaps: false,
    }
}

#[test]
fn heads_pass_and_pictures_do_not() {
    let mut random = fastrand::Rng::with_seed(1);
    let rounds = 100;
    let mut ends = std::collections::BTreeMap::<String, u32>::new();
    let mut passed = 0;
    for _ in 0..rounds {
        let steps = random_steps(&mut random);
        let end = play(&steps, &person(&steps, &mut random), &mut random);
        passed += u32::from(end == Progress::Passed);
        *ends.entry(format!("{steps:?} {end:?}")).or_default() += 1;
    }
    assert!(
        passed >= rounds - 1,
        "{passed} of {rounds} heads passed: {ends:#?}"
    );
    for shape in [Shape::Flat, Shape::Bent(0.15), Shape::Bent(0.3)] {
        for _ in 0..rounds / 2 {
            let steps = random_steps(&mut random);
            let picture = Actor {
                shape,
                ..person(&steps, &mut random)
            };
            let end = play(&steps, &picture, &mut random);
            assert_ne!(end, Progress::Passed, "{shape:?} {steps:?}");
        }
    }
}

#[test]
fn zz_debug() {
    let mut random = fastrand::Rng::with_seed(1);
    for shape in [Shape::Head, Shape::Flat, Shape::Bent(0.3)] {
        for (yaw, pitch, size) in [
            (0.45, 0.0, 1.0),
            (-0.45, 0.0, 1.0),
            (0.0, 0.45, 1.0),
            (0.0, 0.0, 1.25),
        ] {
            let neutral = shape.landmarks(&NEUTRAL, || 0.0);
            let mut pyramid = Pyramid::default();
            pyramid.take(&shape.picture(&NEUTRAL, PIXEL_NOISE, &mut random));
            let mut parallax = Parallax::new(&pyramid, &neutral);
            for n in 1..=6 {
                let t = n as f32 / 6.0;
                let held = Held {
                    yaw: yaw * t,
                    pitch: pitch * t,
                    size: 1.0 + (size - 1.0) * t,
                    moved: [0.0; 2],
                };
                pyramid.take(&shape.picture(&held, PIXEL_NOISE, &mut random));
                let depth = parallax.step(&pyramid, [0.0; 2]);
                let pose = Pose::between(&neutral, &shape.landmarks(&held, || 0.0)).unwrap();
                println!(
                    "{shape:?} yaw {:.2} pitch {:.2} size {:.2}: {pose:.2?} {depth:.2?} {:?}",
                    held.yaw,
                    held.pitch,
                    held.size,
                    parallax.counts()
                );
            }
        }
    }
}
