#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use proptest::prelude::*;

use super::coupling::{Coupling, Shared};
use super::movement::{Movement, Movements};
use super::stillness::{Stillness, Verdict};
use super::*;

const EYES: f32 = 70.0;
const MIN_MOVEMENT: f32 = 0.0047;
const MAX_COUPLING: f32 = 0.54;
const FRAME: Duration = Duration::from_millis(67);

/// A picture with structure everywhere and a patch of other structure in the middle, each moved
/// by a part of a pixel, with a sensor's noise.
fn scene(face: [f32; 2], rest: [f32; 2], noise: f32, random: &mut fastrand::Rng) -> RgbImage {
    RgbImage::from_fn(640, 480, |x, y| {
        let (x, y) = (x as f32, y as f32);
        let in_face = |v: f32, moved: f32, from: f32, to: f32| (from..to).contains(&(v - moved));
        let is_face = in_face(x, face[0], 220.0, 380.0) && in_face(y, face[1], 140.0, 340.0);
        let moved = if is_face { face } else { rest };
        let (x, y) = (x - moved[0], y - moved[1]);
        let twist = if is_face { 0.05 } else { 0.0 };
        let waves = (x * (0.11 + twist)).sin() * (y * 0.13).cos() * 40.0
            + (x * 0.031 + y * (0.047 + twist)).sin() * 30.0
            + (x * 0.23 - y * 0.19).sin() * 20.0;
        let noise = (0..4).map(|_| random.f32() - 0.5).sum::<f32>() * noise * 1.73;
        let value = (120.0 + waves + noise).clamp(0.0, 255.0) as u8;
        Rgb([value, value, value])
    })
}

fn face(moved: [f32; 2]) -> Seen {
    let [dx, dy] = moved;
    Seen {
        track: 1,
        rect: [220.0 + dx, 140.0 + dy, 380.0 + dx, 340.0 + dy],
        eye_distance: EYES,
    }
}

#[test]
fn a_part_of_a_pixel_is_measured_through_noise() {
    let mut random = fastrand::Rng::with_seed(1);
    let start = Instant::now();
    let rest = [0.0; 2];
    for moved in [
        rest,
        [0.4, 0.0],
        [0.0, -1.3],
        [2.5, 1.5],
        [9.0, -4.0],
        [40.0, 10.0],
    ] {
        let mut movements = Movements::default();
        movements.take(start, &scene(rest, rest, 3.0, &mut random), &[face(rest)]);
        let later = start + Duration::from_millis(500);
        let picture = scene(moved, rest, 3.0, &mut random);
        let [movement, ..] = movements.take(later, &picture, &[face(moved)]);
        let movement = movement.unwrap();
        let expected = moved[0].hypot(moved[1]) / EYES;
        let error = (movement.eye_distances - expected).abs();
        assert!(error < 0.003, "{moved:?}: {movement:?}, not {expected}");
        let (_, around) = movement.vectors.unwrap();
        assert!(
            around[0].hypot(around[1]) < 0.003,
            "{moved:?}: {movement:?}"
        );
        assert_eq!(movement.over, Duration::from_millis(500));
    }
}

/// What is said of a face that moves so, frame by frame, for `frames` frames.
fn watch(frames: u32, noise: f32, path: impl Fn(f32) -> [[f32; 2]; 2]) -> (Vec<Verdict>, Shared) {
    let mut random = fastrand::Rng::with_seed(2);
    let start = Instant::now();
    let mut movements = Movements::default();
    let (mut stillness, mut coupling) = (Stillness::new(start), Coupling::default());
    let mut shared = Shared::Unknown;
    let verdicts = (0..frames)
        .map(|n| {
            let at = start + FRAME * n;
            let [moved, rest] = path(n as f32 * FRAME.as_secs_f32());
            let picture = scene(moved, rest, noise, &mut random);
            let [movement, ..] = movements.take(at, &picture, &[face(moved)]);
            shared = coupling.step(at, movement);
            stillness.step(at, movement, MIN_MOVEMENT)
        })
        .collect();
    (verdicts, shared)
}

#[test]
fn a_picture_on_a_support_is_frozen_and_a_head_is_not() {
    let still = |_| [[0.0; 2]; 2];
    let (verdicts, shared) = watch(40, 2.0, still);
    assert!(!verdicts.contains(&Verdict::Moves), "{verdicts:?}");
    assert!(
        matches!(verdicts.last(), Some(Verdict::Frozen(_))),
        "{verdicts:?}"
    );
    assert_eq!(shared, Shared::Nothing);
    // A head that sways by less than a pixel, and one that comes nearer.
    let sways = |t: f32| [[(t * 3.0).sin() * 0.9, 0.0], [0.0; 2]];
    let (verdicts, _) = watch(40, 2.0, sways);
    assert_eq!(verdicts.last(), Some(&Verdict::Moves), "{verdicts:?}");
    let comes = |t: f32| [[t * 30.0, t * 8.0], [0.0; 2]];
    let (verdicts, shared) = watch(20, 2.0, comes);
    assert!(
        verdicts[4..].iter().all(|v| *v == Verdict::Moves),
        "{verdicts:?}"
    );
    assert!(
        matches!(shared, Shared::Share(share) if share < 0.1),
        "{shared:?}"
    );
}

#[test]
fn what_is_carried_with_its_surroundings_is_coupled() {
    let carried = |t: f32| [[(t * 4.0).sin() * 6.0, t * 3.0]; 2];
    let (_, shared) = watch(25, 2.0, carried);
    assert!(
        matches!(shared, Shared::Share(share) if share > MAX_COUPLING),
        "{shared:?}"
    );
    // Too few pictures to say so.
    assert_eq!(watch(5, 2.0, carried).1, Shared::Unknown);
}

proptest! {
    /// Whatever is measured: what never moves is never said to move, and nothing is said
    /// before it was looked at for long enough.
    #[test]
    fn stillness_needs_movement(steps in prop::collection::vec((0u64..400, 0.0f32..0.02, 0u64..700), 1..80)) {
        let start = Instant::now();
        let mut at = start;
        let mut stillness = Stillness::new(start);
        let mut most = 0.0f32;
        for (pause, moved, over) in steps {
            at += Duration::from_millis(pause);
            most = most.max(moved);
            let movement = Movement {
                eye_distances: moved,
                vectors: None,
                over: Duration::from_millis(over),
            };
            match stillness.step(at, Some(movement), MIN_MOVEMENT) {
                Verdict::Moves => prop_assert!(most >= MIN_MOVEMENT),
                Verdict::Frozen(value) => {
                    prop_assert!(value < MIN_MOVEMENT);
                    prop_assert!(at - start >= Duration::from_secs(2));
                }
                Verdict::Unknown => {}
            }
        }
    }
}

#[test]
fn a_dim_face_whose_skin_has_no_fine_structure_is_followed_at_half_the_size() {
    let soft = |moved: f32, random: &mut fastrand::Rng| {
        RgbImage::from_fn(640, 480, |x, y| {
            let (x, y) = (x as f32 - moved, y as f32);
            let waves = (x * 0.08).sin() * (y * 0.08).cos() * 25.0;
            let noise = (0..4).map(|_| random.f32() - 0.5).sum::<f32>() * 2.0 * 1.73;
            Rgb([(50.0 + waves + noise) as u8; 3])
        })
    };
    let last = |path: fn(f32) -> f32| {
        let mut random = fastrand::Rng::with_seed(3);
        let start = Instant::now();
        let (mut movements, mut stillness) = (Movements::default(), Stillness::new(start));
        let mut verdict = Verdict::Unknown;
        for n in 0..40 {
            let at = start + FRAME * n;
            let moved = path(n as f32 * FRAME.as_secs_f32());
            let picture = soft(moved, &mut random);
            let [movement, ..] = movements.take(at, &picture, &[face([moved, 0.0])]);
            verdict = stillness.step(at, movement, MIN_MOVEMENT);
        }
        verdict
    };
    assert_eq!(last(|t| (t * 3.0).sin() * 0.9), Verdict::Moves);
    let still = last(|_| 0.0);
    assert!(matches!(still, Verdict::Frozen(_)), "{still:?}");
}
