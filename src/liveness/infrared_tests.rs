//! The second eye over made-up faces, pictures and times.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use proptest::prelude::*;

use super::infrared::{Brightness, Limits, Look, Streaks, Veto, picked};
use super::mapping::{MIN_PAIRS, Mapping, NoMapping, Pair, Place};
use super::{Cue, Liveness};
use crate::config;

const COLOUR: [u32; 2] = [640, 480];
const INFRARED: [u32; 2] = [640, 360];

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn limits() -> Limits {
    Limits::new(&config::Infrared::default())
}

/// A face with its box so wide around a middle.
fn face([x, y]: [f32; 2], wide: f32) -> Place {
    let at = |across: f32, down: f32| [x + across * wide, y + down * wide];
    Place {
        rect: [
            x - wide / 2.0,
            y - wide * 0.65,
            x + wide / 2.0,
            y + wide * 0.65,
        ],
        landmarks: [
            at(-0.2, -0.15),
            at(0.2, -0.15),
            at(0.0, 0.08),
            at(-0.17, 0.3),
            at(0.17, 0.3),
        ],
    }
}

/// How two cameras stand to each other.
#[derive(Debug, Clone, Copy)]
struct Rig {
    scale: f32,
    turned: f32,
    shift: [f32; 2],
    /// Pixels aside for each pixel that a face is wide.
    parallax: f32,
}

impl Rig {
    fn there(&self, [x, y]: [f32; 2], wide: f32) -> [f32; 2] {
        let (sin, cos) = self.turned.sin_cos();
        [
            self.scale * (cos * x - sin * y) + self.shift[0] + self.parallax * wide,
            self.scale * (sin * x + cos * y) + self.shift[1],
        ]
    }

    fn seen(&self, middle: [f32; 2], wide: f32, noise: &mut impl FnMut() -> f32) -> Pair {
        let mut colour = face(middle, wide);
        let there = |at| self.there(at, wide);
        let mut infrared = Place {
            rect: face(there(middle), wide * self.scale).rect,
            landmarks: colour.landmarks.map(there),
        };
        for place in [&mut colour, &mut infrared] {
            for value in place.landmarks.iter_mut().flatten().chain(&mut place.rect) {
                *value += noise();
            }
        }
        Pair { colour, infrared }
    }
}

/// Somebody walks from the left to the right and comes nearer: where, and how wide the face is.
fn walk(pairs: usize, across: f32, nearer: f32) -> impl Iterator<Item = ([f32; 2], f32)> {
    (0..pairs).map(move |n| {
        let way = n as f32 / pairs.max(2) as f32;
        // To and fro, so that the way across is not that of coming nearer.
        let aside = (way * 9.0).sin() * 0.5;
        let middle = [
            320.0 + aside * across * 640.0,
            200.0 + 40.0 * (way * 5.0).cos(),
        ];
        (middle, 80.0 * (1.0 + (nearer - 1.0) * way))
    })
}

fn rigs() -> impl Strategy<Value = Rig> {
    let shift = (-60.0..60.0f32, -90.0..20.0f32);
    (0.6..1.2f32, -0.15..0.15f32, shift, -0.25..0.25f32).prop_map(
        |(scale, turned, (x, y), parallax)| Rig {
            scale,
            turned,
            shift: [x, y],
            parallax,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However the cameras stand, with the detector's noise and a quarter of wrong boxes: a face
    /// anywhere, at another size too, is put where it is.
    #[test]
    fn a_walk_tells_how_the_cameras_stand(rig in rigs(), seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut pairs: Vec<Pair> = walk(80, 0.7, 2.0)
            .map(|(middle, wide)| rig.seen(middle, wide, &mut || random.f32() * 3.0 - 1.5))
            .collect();
        for pair in pairs.iter_mut().step_by(4) {
            let far = [random.f32() * 640.0, random.f32() * 360.0];
            pair.infrared = face(far, 60.0 + random.f32() * 100.0);
        }
        let mapping = Mapping::learn(&pairs, COLOUR, INFRARED).unwrap();
        prop_assert!(mapping.is_sound());
        prop_assert!(mapping.residual < 0.05, "{}", mapping.residual);
        prop_assert!(mapping.pairs >= 55, "{}", mapping.pairs);
        for (middle, wide) in [([150.0, 120.0], 90.0), ([500.0, 300.0], 180.0), ([320.0, 240.0], 60.0)] {
            let pair = rig.seen(middle, wide, &mut || 0.0);
            // The same cameras at twice the size.
            let doubled = |place: Place| Place {
                rect: place.rect.map(|v| v * 2.0),
                landmarks: place.landmarks.map(|at| at.map(|v| v * 2.0)),
            };
            let put = mapping.place(&doubled(pair.colour), 1280, 1280);
            let off = doubled(pair.infrared).offset(&put);
            prop_assert!(off < 0.12, "{off} at {middle:?}");
        }
    }

    /// No pairs, whatever they are, make a mapping that is none, or take the program down.
    #[test]
    fn nothing_makes_a_mapping_that_is_none(
        numbers in prop::collection::vec(prop::array::uniform4(any::<f32>()), 0..60),
        size in 0..2000u32,
    ) {
        let pairs: Vec<Pair> = numbers
            .iter()
            .map(|&[x, y, u, v]| Pair {
                colour: face([x, y], 100.0),
                infrared: face([u, v], 100.0),
            })
            .collect();
        if let Ok(mapping) = Mapping::learn(&pairs, [size, size], [size, size]) {
            prop_assert!(mapping.is_sound());
        }
    }

    /// It never lives without so many pictures in a row in which it does.
    #[test]
    fn a_face_lives_only_by_pictures_in_a_row(
        needed in 1..5usize,
        steps in prop::collection::vec((0..3u64, 0..4u8, 0..400u64), 1..80),
    ) {
        let mut streaks = Streaks::new(needed, ms(1500));
        let mut at = Instant::now();
        let mut seen: Vec<(u64, bool, Instant)> = Vec::new();
        for (track, what, after) in steps {
            at += ms(after);
            let verdict = match what {
                0 => Liveness::Attack(Cue::Infrared(Veto::Flat { range: 0.1 })),
                1 => Liveness::Unknown,
                _ => Liveness::Live,
            };
            if verdict != Liveness::Unknown {
                seen.push((track, verdict == Liveness::Live, at));
            }
            let said = streaks.step(track, at, verdict);
            let own = seen.iter().rev().filter(|(of, ..)| *of == track);
            let row = own.take_while(|(_, lives, _)| *lives).count();
            match verdict {
                Liveness::Live => prop_assert!(said != Liveness::Live || row >= needed),
                other => prop_assert_eq!(said, other),
            }
        }
    }

    /// The picture that is taken is of the moment if any is.
    #[test]
    fn a_picture_of_the_moment_is_taken(
        pictures in prop::collection::vec((0..600u64, 0.0..255.0f32), 0..6),
        at in 0..600u64,
    ) {
        let start = Instant::now();
        let times = pictures.iter().map(|(after, luma)| (start + ms(*after), *luma));
        let place = picked(start + ms(at), ms(100), times);
        prop_assert_eq!(place.is_none(), pictures.is_empty());
        if let Some(place) = place {
            let off = |n: usize| pictures[n].0.abs_diff(at);
            let nearest = (0..pictures.len()).map(off).min().unwrap();
            prop_assert!(off(place) <= 100 || off(place) == nearest);
        }
    }
}

#[test]
fn of_pictures_of_the_moment_a_lit_one_is_taken() {
    let start = Instant::now();
    let pick = |pictures: &[(u64, f32)]| {
        let times = pictures
            .iter()
            .map(|(after, luma)| (start + ms(*after), *luma));
        picked(start + ms(200), ms(100), times)
    };
    // Every second one is lit.
    assert_eq!(
        pick(&[(134, 20.0), (167, 90.0), (201, 20.0), (234, 90.0)]),
        Some(1)
    );
    // A little brighter is no reason, and neither is light of another moment.
    assert_eq!(pick(&[(167, 90.0), (201, 80.0)]), Some(1));
    assert_eq!(pick(&[(50, 200.0), (190, 40.0)]), Some(1));
    assert_eq!(pick(&[]), None);
}

#[test]
fn what_no_mapping_follows_from_is_refused_with_its_reason() {
    let rig = Rig {
        scale: 0.8,
        turned: 0.0,
        shift: [20.0, -30.0],
        parallax: 0.1,
    };
    let learn = |pairs: usize, across, nearer| {
        let pairs: Vec<Pair> = walk(pairs, across, nearer)
            .map(|(middle, wide)| rig.seen(middle, wide, &mut || 0.0))
            .collect();
        Mapping::learn(&pairs, COLOUR, INFRARED)
    };
    assert!(learn(60, 0.7, 2.0).is_ok());
    let few = MIN_PAIRS - 1;
    assert_eq!(learn(few, 0.7, 2.0), Err(NoMapping::TooFew { pairs: few }));
    assert!(matches!(
        learn(60, 0.1, 2.0),
        Err(NoMapping::TooClose { .. })
    ));
    assert!(matches!(
        learn(60, 0.7, 1.0),
        Err(NoMapping::OneDistance { .. })
    ));
    let each = |there: fn(usize, [f32; 2]) -> [f32; 2]| {
        let pairs: Vec<Pair> = walk(60, 0.7, 2.0)
            .enumerate()
            .map(|(n, (middle, wide))| Pair {
                colour: face(middle, wide),
                infrared: face(there(n, middle), wide),
            })
            .collect();
        Mapping::learn(&pairs, COLOUR, INFRARED)
    };
    assert_eq!(each(|_, [x, y]| [640.0 - x, y]), Err(NoMapping::Mirrored));
    // The infrared camera saw whoever else was there.
    let other = each(|n, [x, y]| match n % 3 {
        0 => [x, y],
        1 => [500.0, 100.0 + 2.0 * n as f32],
        _ => [100.0, 250.0],
    });
    assert!(
        matches!(other, Err(NoMapping::NoAgreement { .. })),
        "{other:?}"
    );
}

/// An infrared picture: surroundings, and a face in it that its features are darker in.
fn lit(surround: u8, skin: u8, features: u8) -> RgbImage {
    RgbImage::from_fn(320, 240, |x, y| {
        let (across, down) = ((x as f32 - 160.0) / 50.0, (y as f32 - 120.0) / 65.0);
        let far = across.hypot(down);
        Rgb([match far {
            _ if far > 1.0 => surround,
            // Eyes and mouth.
            _ if (x / 12 + y / 12) % 3 == 0 => features,
            _ => skin,
        }; 3])
    })
}

const BOX: [f32; 4] = [110.0, 55.0, 210.0, 185.0];

#[test]
fn skin_is_bright_a_screen_dark_and_pale_ink_flat() {
    let look = |picture: &RgbImage, offset| Look::Seen {
        skew: ms(20),
        brightness: Brightness::of(picture, BOX),
        offset,
    };
    let at_place = Some(0.05);
    let person = lit(20, 130, 60);
    let screen = lit(20, 6, 3);
    let near_wall = lit(90, 130, 60);
    let paper = lit(20, 180, 172);
    let live = Liveness::Live;
    for (picture, offset, wanted) in [
        (&person, at_place, Ok(live)),
        (&near_wall, at_place, Ok(live)),
        (&screen, at_place, Err("dark")),
        (&screen, None, Err("dark")),
        // Whoever holds the screen is seen beside it.
        (&screen, Some(2.5), Err("dark")),
        (&paper, at_place, Err("flat")),
        (&paper, None, Err("missing")),
        (&person, None, Err("missing")),
        (&person, Some(0.4), Err("elsewhere")),
        (&person, Some(3.0), Err("elsewhere")),
        (&person, Some(f32::NAN), Err("missing")),
    ] {
        let look = look(picture, offset);
        let said = match look.verdict(&limits()) {
            Liveness::Attack(Cue::Infrared(veto)) => Err(match veto {
                Veto::Dark { .. } => "dark",
                Veto::Flat { .. } => "flat",
                Veto::MissingFace { .. } => "missing",
                Veto::Elsewhere { .. } => "elsewhere",
                Veto::CameraLost { .. } => "lost",
            }),
            other => Ok(other),
        };
        assert_eq!(said, wanted, "{look:?}");
    }
    // A place outside of the picture has no brightness, and no face.
    assert_eq!(Brightness::of(&person, [400.0, 0.0, 500.0, 130.0]), None);
    for strange in [[0.0; 4], [f32::NAN; 4], [0.0, 0.0, f32::INFINITY, 10.0]] {
        assert_eq!(Brightness::of(&person, strange), None);
    }
}

#[test]
fn a_camera_without_a_picture_says_nothing_until_it_is_lost() {
    let look = |is_lost| {
        let nearest = Some(ms(2500));
        Look::Unmatched { nearest, is_lost }.verdict(&limits())
    };
    assert_eq!(look(false), Liveness::Unknown);
    let nearest_ms = Some(2500.0);
    let veto = Cue::Infrared(Veto::CameraLost { nearest_ms });
    assert_eq!(look(true), Liveness::Attack(veto));
}
